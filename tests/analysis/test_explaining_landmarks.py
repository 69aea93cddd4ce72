"""Which landmarks make a class: parts put back by hand, sums that are what they should be, and a real small network."""

import numpy as np
import pytest
import torch

from analysis.explaining import explanations
from analysis.explaining.shapes import INTEGRATED, PUT_BACK, STEP, ProbeNetwork, Shapes, relevance
from analysis.landmark_probe import LandmarkProbe
from learning.checkpoints import load_checkpoint
from learning.networks.topological_vae import TopologicalVae


@pytest.fixture
def shapes():
    torch.manual_seed(0)
    x, neutral = torch.randn(6, 8), torch.randn(6, 8)
    parts = np.array([[True, True, False, False], [False, False, True, False]])
    return Shapes(x, neutral, neutral, torch.eye(3)[[0, 1, 2, 0, 1, 2]], parts, (4, 2))


@pytest.fixture
def network():
    torch.manual_seed(1)
    vae = TopologicalVae(8, has_neutral=True, n_latent=3, encoder=(6,), decoder=(6,)).eval()
    return ProbeNetwork(LandmarkProbe(vae, ("a", "b", "c"), torch.randn(3, 3), torch.randn(3)))


def test_landmarks_stand_in_for_pixels_and_back(shapes):
    pictures = shapes.as_pictures(shapes.x)
    assert pictures.shape == (6, 2, 4, 1)
    assert pictures[0, 1, 2, 0] == shapes.x[0, 5]  # the third point's second coordinate
    assert torch.equal(shapes.flat(pictures), shapes.x)


def test_a_part_put_back_is_the_score_with_those_landmarks_at_rest(network, shapes):
    moved = shapes.x.clone()
    moved[:, :4] = shapes.baseline[:, :4]
    change = network.score(moved, *shapes.fixed) - network.score(shapes.x, *shapes.fixed)
    assert torch.allclose(shapes.changes(network)[:, 0], change)
    heat = relevance(PUT_BACK, network, shapes)[..., 0]
    assert torch.allclose(heat[:, :2].sum(dim=1), -change, atol=1e-6)
    assert (heat[:, 3] == 0).all()


def test_relevance_adds_up_to_what_the_expression_adds(network, shapes):
    owed = network.score(shapes.x, *shapes.fixed) - network.score(shapes.baseline, *shapes.fixed)
    assert torch.allclose(relevance(INTEGRATED, network, shapes).sum(dim=(1, 2)), owed, atol=1e-3)
    at_rest = Shapes(shapes.baseline, shapes.baseline, shapes.neutral, shapes.direction, shapes.parts, shapes.shape)
    for key in (INTEGRATED, STEP, PUT_BACK):
        assert relevance(key, network, at_rest).abs().max() == 0


@pytest.fixture(scope="module")
def found(small_checkpoint, small_release):
    return explanations(load_checkpoint(small_checkpoint), small_release)[0]


def test_a_smile_is_in_the_mouth(found):
    assert found["kind"] == "landmarks" and found["split"] == "test"
    happy = next(table for table in found["occlusion"] if table["group"] == "happy")
    lowest = min(happy["parts"], key=lambda part: part["change"]["value"])
    assert lowest["part"] == "mouth" and lowest["lowest"]["value"] > 0.5
    drawn = next(one for one in found["averages"] if one["group"] == "happy")
    assert drawn["words"].split("in the ")[1].startswith("mouth")
    assert max(level for _, _, level in drawn["points"]) == 5
    rest = next(one for one in found["averages"] if one["group"] == "neutral")
    assert rest["points"] == []  # from its own neutral face a neutral face has nowhere to go


def test_the_panel_and_the_tangent_stand_beside_chance(found):
    trust = found["trust"]["methods"]
    assert trust[INTEGRATED]["deletion_area"] < trust["random"]["deletion_area"]
    assert trust[INTEGRATED]["insertion_area"] > trust["random"]["insertion_area"]
    assert trust[INTEGRATED]["conservation"]["median"] == pytest.approx(1, abs=0.01)
    assert {"value", "control", "chance", "n"} <= set(found["tangent"]["gradient"])
    assert [one["name"] for one in found["left_out"]] == ["Grad-CAM", "LRP"]


def test_without_classes_there_is_nothing_to_explain(small_checkpoint, tmp_path):
    from tests.analysis.releases import judged_faces

    release = judged_faces(tmp_path / "release", n_subjects=4, no_classes=True)
    assert "two expression classes" in explanations(load_checkpoint(small_checkpoint), release)[0]["omitted"]
