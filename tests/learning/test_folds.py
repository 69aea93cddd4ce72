"""Everybody held out once: who is in which fold, the figures, and what is refused."""

import json

import numpy as np
import pytest
import torch

from learning.__main__ import main
from learning.checkpoints import load_checkpoint
from learning.config import ConfigInvalid
from learning.folds import RESULTS, _folds, run_folds
from learning.predictions import predict
from learning.recipes import recipe
from learning.splits import people_of
from tests.learning.picture_releases import CLASSES, picture_release

QUICK = {"architecture": "mlp", "hidden": "16", "size": "16", "channels": "1", "rotation": "0", "shift": "0",
         "mirror": "no", "selection": "last", "device": "cpu", "batch_size": "16", "epochs": "6", "warmup": "2",
         "learning_rate": "5e-3"}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return picture_release(tmp_path_factory.mktemp("release") / "bars", n_subjects=6)


def test_everybody_is_judged_by_a_network_that_never_saw_them(release, tmp_path, capsys):
    arguments = [str(release.path), "--recipe", "picture-classes", "--folds", "3", "--out", str(tmp_path), "--json"]
    assert main([*arguments, "--set", *[f"{k}={v}" for k, v in QUICK.items()]]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / RESULTS).read_text())
    assert json.loads(said.strip().splitlines()[-1]) == found
    assert f"accuracy {found['accuracy']:.3f}" in said and "everybody held out once, in 3 networks" in said
    # By hand: the pictures that each network did not train on, and what it says about them.
    people, right = people_of(release.stimuli.subject), 0
    fold = _folds(people, 3, 0)
    for number in (1, 2, 3):
        checkpoint = load_checkpoint(tmp_path / f"fold-{number}-of-3" / "checkpoint.safetensors")
        assert checkpoint.metrics["split_by"] == "subject" and checkpoint.metrics["n_pictures_test"] == 12
        answers = predict(checkpoint, release)
        is_right = np.array(CLASSES)[answers.value.argmax(axis=1)] == release.stimuli.class_label
        assert is_right[fold == number - 1].sum() == np.trace(checkpoint.metrics["classes_test"]["confusion"])
        right += is_right[fold == number - 1].sum()
    assert found["n"] == 36 and found["accuracy"] == pytest.approx(right / 36)
    low, high = found["interval"]
    assert low <= found["accuracy"] <= high and np.sum(found["classes"]["confusion"]) == 36


def test_people_are_parted_evenly_and_never_divided():
    people = np.repeat(np.arange(10), 3)
    fold = _folds(people, 4, seed=1)
    sides = {person: set(fold[people == person].tolist()) for person in range(10)}
    assert all(len(side) == 1 for side in sides.values())
    assert sorted(np.bincount(fold, minlength=4) // 3) == [2, 2, 3, 3]
    assert not np.array_equal(fold, _folds(people, 4, seed=2))


def test_attributes_stand_beside_their_ceiling_and_nothing_is_trained_twice(release, tmp_path):
    config = recipe("picture-attributes").config.with_changes(QUICK | {"attributes": "height", "epochs": "40"})
    trained = []
    how = {"out": tmp_path, "on_progress": lambda name, progress: trained.append(name)}
    found = run_folds(release, config, 2, **how)
    assert 0.3 < found["r2"] < found["r2_ceiling"] + 0.02 and found["attributes"]["height"]["n"] == 36
    assert found["interval"][0] < found["r2"] < found["interval"][1]
    assert set(trained) == {"fold-1-of-2", "fold-2-of-2"}
    trained.clear()
    assert run_folds(release, config, 2, **how) == found and not trained


@pytest.mark.parametrize(
    ("name", "n_folds", "said"),
    [
        ("picture-classes", 7, "2 to 6"),
        ("picture-classes", 1, "2 to 6"),
        ("picture-triplets", 2, "classes or attributes"),
        ("topological-vae", 2, "networks of pictures"),
    ],
)
def test_what_cannot_be_divided_is_refused(release, tmp_path, capsys, name, n_folds, said):
    with pytest.raises(ConfigInvalid, match=said):
        run_folds(release, recipe(name).config, n_folds, out=tmp_path)
    assert main([str(release.path), "--recipe", name, "--folds", str(n_folds), "--out", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err
