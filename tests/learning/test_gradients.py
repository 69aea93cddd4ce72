"""The fixed stem of gradients, and networks that compare a picture with the same person's neutral one."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from learning import embedding
from learning.checkpoints import load_checkpoint
from learning.networks.gradients import Compared, OrientedGradients, oriented_gradients
from learning.networks.mlp import Mlp
from learning.networks.pretrained import PretrainedUnusable, read_weights
from learning.predictions import predict
from learning.recipes import recipe
from learning.training import train_release
from tests.learning.picture_releases import CLASSES, picture_release
from triplets import archive

QUICK = {"architecture": "gradients", "size": "24", "channels": "1", "crop": "whole", "epochs": "12", "rotation": "0",
         "shift": "0", "mirror": "no", "selection": "last", "device": "cpu", "batch_size": "16", "hidden": "16",
         "warmup": "5", "learning_rate": "5e-3"}  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def slow_histogram(picture: np.ndarray, n_cells: int) -> np.ndarray:
    """The definition, pixel by pixel."""
    side, n = picture.shape[0] // n_cells, len(picture)
    beside = np.pad(picture, 1, mode="edge")
    cells = np.zeros((8, n_cells, n_cells))
    for row in range(n_cells * side):
        for column in range(n_cells * side):
            across = (beside[row + 1, column + 2] - beside[row + 1, column]) / 2
            down = (beside[row + 2, column + 1] - beside[row, column + 1]) / 2
            place = (math.atan2(down, across) % math.pi) / math.pi * 8
            lower, share = int(place) % 8, place - int(place)
            for direction, part in ((lower, 1 - share), ((lower + 1) % 8, share)):
                cells[direction, row // side, column // side] += math.hypot(across, down) * part
    energy = np.pad((cells**2).sum(axis=0), 1)
    assert n >= n_cells * side
    for row in range(n_cells):
        for column in range(n_cells):
            cells[:, row, column] /= math.sqrt(energy[row : row + 3, column : column + 3].sum() / 9 + 0.02)
    return cells


def test_histograms_equal_their_definition():
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 1, 26, 26)))
    found = oriented_gradients(x, 4).numpy()
    for picture, histogram in zip(x[:, 0].numpy(), found, strict=True):
        np.testing.assert_allclose(histogram, slow_histogram(picture, 4), rtol=1e-6, atol=1e-9)


def test_an_upright_edge_counts_for_one_direction_and_light_for_none():
    x = torch.zeros(1, 1, 16, 16)
    x[..., 8:] = 1.0
    found = oriented_gradients(x, 2)[0]
    assert found[0].min() > 0 and found[1:].abs().max() < 1e-4
    torch.testing.assert_close(oriented_gradients(x + 5.0, 2)[0], found)


def test_two_pictures_are_compared_by_what_is_seen_in_them():
    torch.manual_seed(0)
    x, beside = torch.rand(2, 3, 1, 16, 16)
    both = torch.cat([x, beside], dim=1)
    stem = OrientedGradients(1, (5,)).eval()
    torch.testing.assert_close(Compared(stem)(both), stem.concluded(stem.seen(x) - stem.seen(beside)))
    plain = Mlp(256, (5,)).eval()
    torch.testing.assert_close(Compared(plain)(both), plain(x) - plain(beside))
    assert not Compared(plain)(torch.cat([x, x], dim=1)).any()


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Return pictures of ten people, "neutral" ones among them; the last person has none."""
    made = picture_release(tmp_path_factory.mktemp("release") / "bars")
    is_neutral = np.where(made.stimuli.class_label == "neutral", 1, 0).astype(np.int8)
    is_neutral[made.stimuli.subject == "s9"] = -1
    return dataclasses.replace(made, stimuli=dataclasses.replace(made.stimuli, is_neutral=is_neutral))


def trained(release, out, **changes):
    config = recipe("picture-classes").config.with_changes(QUICK | {k: str(v) for k, v in changes.items()})
    return train_release(release, config, seed=0, out=out)


def test_gradients_tell_classes_of_new_people(release, tmp_path):
    metrics = trained(release, tmp_path).metrics
    assert metrics["accuracy_test"] > 0.9 and metrics["n_pictures_test"] == 12


@pytest.mark.parametrize("architecture", ["gradients", "mlp"])
def test_differences_to_the_neutral_picture_tell_classes(release, tmp_path, architecture):
    result = trained(release, tmp_path, neutral="difference", architecture=architecture, epochs=20)
    metrics = result.metrics
    assert metrics["n_left_out"] == {"no picture": 0, "no neutral picture": 6} and metrics["n_pictures_test"] == 6
    assert metrics["accuracy_test"] > 0.8
    checkpoint = load_checkpoint(result.checkpoint)
    found = predict(checkpoint, release)
    assert found.names == CLASSES and len(found.row) == 54
    held = release.stimuli.split[found.row] == "test"
    said = np.array(CLASSES)[found.value.argmax(axis=1)]
    assert (said == release.stimuli.class_label[found.row])[held].mean() == pytest.approx(metrics["accuracy_test"])
    assert embedding.embed(checkpoint, release).mean.shape == (54, 16)


def test_weights_of_a_network_that_compares_begin_another(release, tmp_path):
    base = trained(release, tmp_path / "base", neutral="difference", epochs=1)
    weights = read_weights(str(base.checkpoint))
    assert "dense.0.weight" in weights.tensors
    later = trained(release, tmp_path / "later", pretrained=base.checkpoint, trained="dense", epochs=1)
    assert later.metrics["pretrained_sha256"] == weights.sha256
    with pytest.raises(PretrainedUnusable, match="'gradients'"):
        trained(release, tmp_path / "other", pretrained=base.checkpoint, architecture="mlp")


def test_the_release_is_read_back_as_it_was_written(release):
    # The fixture changes a column in memory only: pictures still come from the file.
    assert archive.read_release(release.path).sha256 == release.sha256
