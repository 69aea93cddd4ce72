"""Explanations of networks that compare two pictures, and of those with a fixed stem."""

import json
import math

import numpy as np
import pytest
import torch

from analysis.evaluation import evaluate, plain
from analysis.explaining import explanations, methods
from analysis.explaining.asked import ask
from analysis.explaining.faces import Faces
from analysis.gradients import gradient, picture_score
from analysis.lrp import EPSILON
from learning.checkpoints import load_checkpoint
from learning.networks.gradients import oriented_gradients
from tests.analysis.picture_checkpoints import picture_checkpoint
from tests.analysis.releases import judged_faces
from tests.learning.picture_releases import picture_release

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprised")
LEAST = 1e-6


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return judged_faces(tmp_path_factory.mktemp("faces") / "release", n_subjects=5, pictures="rendered")


def checkpoint_of(faces, folder, **changes):
    return load_checkpoint(picture_checkpoint(folder / "c.safetensors", faces, "class", CLASSES, **changes))


@pytest.mark.parametrize("channels", ["1", "3"])
@pytest.mark.parametrize("architecture", ["cnn", "gradients"])
def test_what_applies_to_a_comparison_explains_it_and_the_rest_says_why_not(faces, tmp_path, architecture, channels):
    changes = {"neutral": "difference", "architecture": architecture, "channels": channels}
    found, _ = explanations(checkpoint_of(faces, tmp_path, **changes), faces, teraflops=LEAST)
    found = json.loads(json.dumps(plain(found), allow_nan=False))
    assert [one["key"] for one in found["methods"]] == [methods.INTEGRATED, methods.OCCLUSION]
    assert "neutral one that it is compared with" in found["methods"][1]["words"]
    why = {one["name"]: one["why"] for one in found["left_out"]}
    assert set(why) == set(methods.NAMES.values()) - {"Integrated gradients", "Occlusion", "LRP, gamma"}
    assert all("compares two pictures" in words for words in why.values())
    assert found["trust"]["methods"][methods.INTEGRATED]["conservation"]["n"] > 0
    assert found["occlusion"] and found["shares"]
    assert "lie on no manifold" in found["tangent"]["omitted"]


def test_a_comparison_is_explained_from_the_neutral_picture_compared_with_itself(faces, tmp_path):
    checkpoint = checkpoint_of(faces, tmp_path, neutral="difference", architecture="gradients")
    seen = Faces(checkpoint, faces, "cpu")
    asked, _ = ask(checkpoint, faces, seen.pictures, seen.outputs)
    moved = asked.where(np.flatnonzero(seen.neutral_at[asked.position] != asked.position)[:4])
    batch = seen.batch(moved)
    assert batch.x.shape == batch.neutral.shape == (4, 6, 32, 32)
    torch.testing.assert_close(batch.x[:, 3:], batch.neutral[:, :3])
    # Nothing differs at rest: every picture scores alike there.
    at_rest = seen.network(batch.neutral)
    torch.testing.assert_close(at_rest, at_rest[:1].expand_as(at_rest))
    found = methods.build(methods.INTEGRATED, seen.network, n_steps=64)(batch)
    difference = ((seen.network(batch.x) - at_rest) * batch.direction).sum(dim=1)
    torch.testing.assert_close(found.score, difference)
    torch.testing.assert_close(found.map.flatten(1).sum(dim=1), difference, rtol=0.05, atol=0.02)


def test_a_fixed_stem_is_explained_where_a_rule_fits(faces, tmp_path):
    found, _ = explanations(checkpoint_of(faces, tmp_path, architecture="gradients"), faces, teraflops=LEAST)
    assert [one["key"] for one in found["methods"]] == [methods.INTEGRATED, methods.OCCLUSION]
    why = {one["name"]: one["why"] for one in found["left_out"]}
    assert "fixed stem of gradients" in why["Grad-CAM"]
    assert "histograms of oriented gradients" in why[methods.NAMES[methods.LRP[EPSILON]]]


def test_where_no_method_applies_the_report_says_so(tmp_path):
    release = picture_release(tmp_path / "release", n_subjects=8)  # no neutral pictures, no scheme of landmarks
    path = picture_checkpoint(tmp_path / "c.safetensors", release, "attributes", ("height",), architecture="gradients")
    found, drawn = explanations(load_checkpoint(path), release, teraflops=LEAST)
    assert found.keys() == {"omitted"} and drawn == {}
    assert "Grad-CAM: " in found["omitted"] and "Occlusion: the release has no landmarks" in found["omitted"]


def test_flat_parts_of_a_picture_have_a_gradient(faces, tmp_path):
    x = torch.zeros(1, 1, 16, 16)
    x[..., 8:, 9:] = 1.0
    found = gradient(lambda part: oriented_gradients(part, 2).flatten(1).sum(dim=1), x)
    assert torch.isfinite(found).all() and found.abs().max() > 0
    # The direction of nothing is still none: the histogram itself stays what it was.
    across = oriented_gradients(torch.zeros(1, 1, 16, 16), 2)
    assert float(across.abs().max()) < 64 * 1e-6 / math.sqrt(0.02) + 1e-9
    seen = Faces(checkpoint_of(faces, tmp_path, architecture="gradients", crop="aligned"), faces, "cpu")
    slope = gradient(picture_score(seen.network), seen.floats([0, 1]), torch.ones(2, len(CLASSES)))
    assert torch.isfinite(slope).all()


def test_a_comparison_is_evaluated_with_its_explanations(faces, tmp_path):
    path = picture_checkpoint(tmp_path / "c.safetensors", faces, "class", CLASSES, neutral="difference",
                              architecture="gradients")  # fmt: skip
    results = evaluate(load_checkpoint(path), faces, teraflops=LEAST)
    assert {one["name"] for one in results["explanations"]["left_out"]} >= {"Grad-CAM"} and results["heatmaps"]
