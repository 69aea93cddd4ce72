"""The sanity check from the command line: can a network learn a few pictures by heart?"""

import json

import pytest

from learning import sanity
from learning.__main__ import main
from learning.config import Config, ConfigInvalid
from learning.recipes import recipe
from tests.learning.picture_releases import picture_release

QUICK = ["architecture=mlp", "hidden=24", "size=24", "channels=1", "device=cpu", "rotation=0", "shift=0"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("release") / "bars"
    picture_release(target, n_subjects=6)
    return target


@pytest.fixture(autouse=True)
def few_steps(monkeypatch, tmp_path):
    monkeypatch.setattr(sanity, "N_STEPS", 80)
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path / "pictures"))


def test_a_network_that_learns_by_heart_passes(folder, tmp_path, capsys):
    command = [str(folder), "--recipe", "picture-classes", "--overfit", "12", "--set", *QUICK, "warmup=0"]
    assert main([*command, "--out", str(tmp_path / "out"), "--json"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert "overfit check: learnt by heart: 12 of 12 pictures named right" in lines
    assert json.loads(lines[-1])["metrics"]["is_overfit_learnt"]


def test_one_that_cannot_is_said_loudly_and_ends_with_one(folder, tmp_path, capsys):
    command = [str(folder), "--recipe", "picture-classes", "--overfit", "12", "--set", *QUICK, "learning_rate=1e-9"]
    assert main([*command, "--out", str(tmp_path)]) == 1
    assert "overfit check: NOT learnt by heart" in capsys.readouterr().out


def test_the_check_keeps_the_network_and_its_rate(monkeypatch):
    plain = recipe("fer2013-networks/cnn").config
    config = sanity.overfitting(plain, 50)
    assert config.network == plain.network and config.objective == plain.objective
    assert config.optimiser.learning_rate == plain.optimiser.learning_rate and config.optimiser.schedule == "constant"
    assert config.training.overfit == 50 and config.training.batch_size == 25
    assert config.training.epochs * 50 / 25 >= 80


@pytest.mark.parametrize(
    ("config", "n", "words"),
    [(Config(), 50, "for networks of pictures, not for topological-vae"),
     (recipe("picture-classes").config, 1, "expected at least 2 pictures")],
)  # fmt: skip
def test_what_cannot_be_checked_is_said(config, n, words):
    with pytest.raises(ConfigInvalid, match=words):
        sanity.overfitting(config, n)
