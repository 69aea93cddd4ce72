"""Beginning with the weights of an earlier training, or saying why not."""

import pytest

from learning.__main__ import main
from learning.checkpoints import CheckpointDamaged, load_checkpoint
from learning.recipes import recipe
from learning.resumption import FolderTaken
from learning.training import train_release
from tests.learning import releases
from tests.learning.judged import crowd
from tests.learning.test_training import tiny


@pytest.fixture(scope="module")
def release():
    return releases.tiny_release()


@pytest.fixture(scope="module")
def trained(release, tmp_path_factory):
    return train_release(release, tiny(n_steps=150), seed=0, out=tmp_path_factory.mktemp("first"))


def test_a_warm_training_begins_where_the_other_ended(release, trained, tmp_path):
    # Without warm-up the first step of Adam is a whole one; a tiny rate shows what the weights were.
    still = tiny(n_steps=10, learning_rate=1e-9, ema=0.5)
    warm = train_release(release, still, seed=1, out=tmp_path / "warm", start=trained.checkpoint)
    cold = train_release(release, still, seed=1, out=tmp_path / "cold")
    assert warm.satisfied_validation == pytest.approx(trained.satisfied_validation)
    assert cold.satisfied_validation < warm.satisfied_validation - 0.05
    sha256 = warm.metrics["started_from"]
    assert len(sha256) == 64 and warm.metrics["warm_start"] == f"begun with checkpoint {sha256[:12]}"
    assert load_checkpoint(warm.checkpoint).metrics["started_from"] == sha256
    assert "warm_start" not in cold.metrics


def test_a_warm_training_goes_on_after_a_stop_like_an_undisturbed_one(release, trained, tmp_path):
    whole = train_release(release, tiny(), seed=1, out=tmp_path / "whole", start=trained.checkpoint)
    asked = iter([False] * 33 + [True])
    train_release(
        release, tiny(), seed=1, out=tmp_path / "cut", start=trained.checkpoint, should_stop=lambda: next(asked)
    )
    with pytest.raises(FolderTaken, match=r"checkpoint to begin with .*'' now"):
        train_release(release, tiny(), seed=1, out=tmp_path / "cut")
    assert (
        train_release(release, tiny(), seed=1, out=tmp_path / "cut", start=trained.checkpoint).metrics == whole.metrics
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_latent": 5}, "weight decoder.0.weight has shape (16, 22) there and (16, 23) here"),
        ({"encoder": "24"}, "weight body.3.bias has shape (16,) there and None here"),
    ],
)
def test_another_shape_begins_afresh_and_says_so(release, trained, tmp_path, changes, words):
    config = tiny(n_steps=10).with_changes(changes)
    warm = train_release(release, config, seed=1, out=tmp_path / "warm", start=trained.checkpoint)
    cold = train_release(release, config, seed=1, out=tmp_path / "cold")
    assert warm.metrics.pop("warm_start").endswith(words)
    assert "started_from" not in warm.metrics and warm.metrics == cold.metrics


def test_another_kind_and_other_stimuli_begin_afresh(release, trained, tmp_path):
    few = {"n_steps": 5, "n_latent": 2, "n_members": 1, "device": "cpu"}
    config = recipe("ordinal-embedding").config.with_changes(few)
    known, _, _ = crowd(tmp_path / "crowd", n=12, n_each=60, n_test=20)
    other, _, _ = crowd(tmp_path / "other", n=13, n_each=60, n_test=20)
    first = train_release(known, config, seed=0, out=tmp_path / "first", start=trained.checkpoint)
    assert "it is of kind topological-vae, this training of kind ordinal-embedding" in first.metrics["warm_start"]
    again = train_release(known, config, seed=0, out=tmp_path / "again", start=first.checkpoint)
    assert again.metrics["started_from"]
    others = train_release(other, config, seed=0, out=tmp_path / "others", start=first.checkpoint)
    assert "the two differ in stimuli" in others.metrics["warm_start"]


def test_a_start_that_is_no_checkpoint_is_an_error(release, tmp_path):
    with pytest.raises(FileNotFoundError):
        train_release(release, tiny(), seed=0, out=tmp_path, start=tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointDamaged):
        train_release(release, tiny(), seed=0, out=tmp_path, start=tmp_path / "text.safetensors")
    assert main([str(tmp_path), "--out", str(tmp_path / "out"), "--start", str(tmp_path / "none")]) == 1
