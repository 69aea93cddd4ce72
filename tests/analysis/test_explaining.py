"""Explanations as a part of an evaluation: what is asked, in which units, how much, and what is left out."""

import base64
import dataclasses
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from analysis.evaluation import plain
from analysis.explaining import amount, asked, explanations, gallery, gathered, methods, pictures, trust
from analysis.explaining.faces import Faces
from analysis.explaining.pictures import explain_pictures
from analysis.occlusion import skin_colour
from learning.checkpoints import load_checkpoint
from tests.analysis.picture_checkpoints import picture_checkpoint
from tests.analysis.releases import judged_faces
from tests.learning.picture_releases import picture_release

CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprised")
LEAST = 1e-6
#: What applies to a network without attention.
KEYS = [key for key in methods.NAMES if key != methods.LRP["gamma"]]


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return judged_faces(tmp_path_factory.mktemp("faces") / "release", n_subjects=5, pictures="rendered")


@pytest.fixture(scope="module")
def explained_checkpoint(faces, tmp_path_factory):
    return picture_checkpoint(tmp_path_factory.mktemp("run") / "c.safetensors", faces, "class", CLASSES)


@pytest.fixture(scope="module")
def explained(faces, explained_checkpoint):
    return explanations(load_checkpoint(explained_checkpoint), faces, teraflops=LEAST)


def test_every_method_that_applies_explains_held_out_pictures(explained):
    found, drawn = explained
    found = json.loads(json.dumps(plain(found), allow_nan=False))
    assert [m["key"] for m in found["methods"]] == KEYS and found["left_out"] == []
    assert found["split"] == "test" and found["n"]["held_out"] == 25
    assert found["amount"]["n_sample"] == amount.AMOUNTS[-1].n_sample  # the least, so small is the budget
    named = {one["picture"] for one in found["examples"] + found["averages"]}
    named |= {m["picture"] for one in found["examples"] + found["averages"] for m in one["maps"].values()
              if "picture" in m}  # fmt: skip
    named |= {
        s[key] for face in found["painted"]["faces"] for s in face["states"] for key in ("picture", "map") if s[key]
    }
    assert named == set(drawn)
    assert all(address.startswith("data:image/jpeg;base64,") for address in drawn.values())
    for one in found["examples"]:
        for key, shown in one["maps"].items():
            assert shown.keys() & {"picture", "empty"}
            if "picture" in shown and key != methods.OCCLUSION:
                assert "% of it in the" in shown["words"].replace(" %", "%")


def pixels(address) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))), float)


def test_a_face_is_shown_whole_and_painted_over_with_the_score_of_each(explained, explained_checkpoint, faces):
    found, drawn = explained
    checkpoint = load_checkpoint(explained_checkpoint)
    painted = found["painted"]
    assert painted["method"] == methods.NAMES["lrp-alpha-2-beta-1"] and len(painted["faces"]) == gallery.N_PAINTED
    looked = Faces(checkpoint, faces, "cpu")
    for face in painted["faces"]:
        assert [state["part"] for state in face["states"]] == ["", "mouth", "one eye", "both eyes"]
        at = looked.pictures.row.tolist().index(faces.stimuli.key.tolist().index(face["key"]))
        regions, x = looked.regions(looked.points([at])), looked.floats([at])
        # By hand: the mouth in the median colour of the skin, and the class against the mean of the others.
        by_hand = x.clone()
        by_hand[0][:, torch.as_tensor(regions.masks[0, regions.names.index("mouth")])] = skin_colour(x, regions)[0][
            :, None
        ]
        with torch.no_grad():
            for state, picture in zip(face["states"], (x, by_hand), strict=False):
                out = looked.network(picture)[0].double()
                own = checkpoint.preprocessing.outputs.index(face["group"])
                score = out[own] - (out.sum() - out[own]) / (len(out) - 1)
                assert state["score"] == pytest.approx(float(score), abs=1e-5)
        whole, mouth, one, both = (pixels(drawn[state["picture"]]) for state in face["states"])
        changed = [np.abs(other - whole).max(axis=2) > 24 for other in (mouth, one, both)]
        assert changed[0].any() and not (changed[0] & changed[2]).any() and changed[2].sum() > changed[1].sum() > 0


def test_each_test_of_trust_stands_beside_its_chance(explained):
    panel = explained[0]["trust"]
    assert set(panel["methods"]) == {*KEYS, "random"}
    for key in KEYS:
        assert panel["agreement"][key][key] == pytest.approx(1)
        assert bool(panel["methods"][key]["randomised"]) == (key != methods.OCCLUSION)
    assert panel["methods"]["lrp-alpha-2-beta-1"]["conservation"]["median"] == pytest.approx(1, abs=0.02)
    assert panel["methods"][methods.INTEGRATED]["conservation"]["of"] == "the difference to the neutral face"
    parts = explained[0]["shares"][0]["parts"]
    assert {part["part"] for part in parts} == {"mouth", "left eye", "right eye", "brows", "nose"}
    assert all(0 < part["area"] < 0.3 for part in parts)


def test_maps_are_held_against_the_manifold_of_faces(explained):
    found = explained[0]["tangent"]
    assert (found["n_pictures"], found["n_directions"], found["has_shape"]) == (75, 9, True)
    assert found["chance"] == pytest.approx(np.sqrt(9 / 32**2)) and 0 < found["missed"] < 1
    assert [row["method"] for row in found["rows"]] == [*KEYS, methods.GRADIENT]
    for row in found["rows"]:
        assert 0 < row["low"] <= row["value"] <= row["high"] < 1 and 0 < row["random"] < 1
        assert "control" not in row  # nobody trained one


def test_the_same_question_has_the_same_answer(faces, explained, tmp_path):
    path = picture_checkpoint(tmp_path / "c.safetensors", faces, "class", CLASSES)
    again = explanations(load_checkpoint(path), faces, teraflops=LEAST)
    assert json.dumps(plain(again[0])) == json.dumps(plain(explained[0])) and again[1] == explained[1]


def test_a_wrong_answer_is_asked_why_it_won(faces, tmp_path):
    checkpoint = load_checkpoint(picture_checkpoint(tmp_path / "c.safetensors", faces, "class", CLASSES))
    seen = Faces(checkpoint, faces, "cpu")
    everything, _ = asked.ask(checkpoint, faces, seen.pictures, seen.outputs)
    truth = [CLASSES.index(name) for name in everything.truth]
    own = everything.direction[torch.arange(len(truth)), truth]
    assert (own == 1).all() and everything.direction.sum(dim=1).abs().max() < 1e-6
    shown = asked.against_truth(everything, CLASSES)
    wrong = np.flatnonzero(~shown.is_right)
    assert len(wrong)
    for k in wrong:
        said, right = CLASSES.index(shown.said[k]), CLASSES.index(shown.truth[k])
        assert shown.direction[k, said] == 1 and shown.direction[k, right] == -1
        assert shown.direction[k].abs().sum() == 2
    sample = asked.sampled(everything, 14, seed=0)
    assert sorted({everything.group[k] for k in sample}) == list(CLASSES)


def test_attributes_are_explained_on_the_scale_that_people_used(tmp_path):
    release = picture_release(tmp_path / "release", n_subjects=8)
    checkpoint = load_checkpoint(picture_checkpoint(tmp_path / "c.safetensors", release, "attributes", ("height",)))
    found, _ = explanations(checkpoint, release, teraflops=LEAST)
    assert found["groups"] == ["height"] and found["target"] == "attributes"
    for one in found["examples"]:
        assert one["score"] == pytest.approx(float(one["said"]), abs=0.01)  # offset 4, scale 2, as people rated
    why = {one["name"]: one["why"] for one in found["left_out"]}
    assert "landmarks" in why["Occlusion"] and "neutral" in why["Integrated gradients"]
    assert found["occlusion"] == found["averages"] == []


def test_a_triplet_is_three_pictures_and_one_margin(faces, tmp_path):
    checkpoint = load_checkpoint(picture_checkpoint(tmp_path / "c.safetensors", faces, "triplets"))
    found, _ = explanations(checkpoint, faces, teraflops=LEAST)
    shown = found["examples"][:3]
    assert [one["group"] for one in shown] == ["anchor", "positive", "negative"]
    assert len({one["case"] for one in shown}) == 1
    seen = Faces(checkpoint, faces, "cpu")
    place = {int(row): k for k, row in enumerate(seen.pictures.row)}
    a, p, n = seen.outputs([place[one["row"]] for one in shown]).double()
    margin = float((a - n).square().sum() - (a - p).square().sum())
    assert [one["score"] for one in shown] == pytest.approx([margin] * 3, rel=1e-4, abs=1e-5)
    assert shown[0]["is_right"] == (margin > 0)


def test_what_cannot_be_explained_says_why(faces, tmp_path):
    checkpoint = load_checkpoint(picture_checkpoint(tmp_path / "c.safetensors", faces, "class", ("x", "y")))
    assert "x, y" in explanations(checkpoint, faces)[0]["omitted"]
    assert "switched off" in explanations(checkpoint, faces, teraflops=0)[0]["omitted"]
    ordinal = dataclasses.replace(checkpoint, config=dataclasses.replace(checkpoint.config, network=Ordinal()))
    assert "what people said" in explanations(ordinal, faces)[0]["omitted"]


class Ordinal:
    kind = "ordinal-embedding"


def test_a_mlp_is_left_without_gradcam_and_told_so(faces, tmp_path):
    path = picture_checkpoint(tmp_path / "c.safetensors", faces, "class", CLASSES, architecture="mlp", hidden="8")
    found, _ = explain_pictures(load_checkpoint(path), faces, teraflops=LEAST, seed=0, device="cpu", tell=lambda: None)
    assert [one["name"] for one in found["left_out"]] == ["Grad-CAM"]
    assert "convolutions" in found["left_out"][0]["why"]


def test_a_worker_that_should_stop_is_heard(faces, tmp_path):
    def stop():
        raise InterruptedError

    path = picture_checkpoint(tmp_path / "c.safetensors", faces, "class", CLASSES)
    with pytest.raises(InterruptedError):
        explanations(load_checkpoint(path), faces, teraflops=LEAST, tell=stop)


def test_the_amount_follows_the_budget_and_nothing_else():
    chosen = [amount.affordable(flops, 30, n_groups=2, n_methods=5) for flops in (1e6, 1e9, 3e9, 3e10)]
    assert chosen[0] == amount.AMOUNTS[0] and chosen[-1] == amount.AMOUNTS[-1]
    assert [a.n_sample for a in chosen] == sorted((a.n_sample for a in chosen), reverse=True)
    for flops in (1e6, 1e9):
        found = amount.affordable(flops, 30, n_groups=2, n_methods=5)
        assert found == amount.AMOUNTS[-1] or found.n_passes(2, 5) * flops <= 30e12
    layer = torch.nn.Linear(10, 5, bias=False)
    assert amount.flops_of(layer, torch.zeros(1, 10)) == 2 * 10 * 5


def test_curves_are_shares_of_the_way_from_an_empty_face_to_the_whole_one():
    x = torch.zeros(3, 1, 4, 4)
    x[:2, 0, 0, :2] = 1.0  # two pixels carry the whole score of the first two; the third has none to lose

    def score(pictures, direction):
        return 5 + direction[:, 0] * pictures[:, 0, 0].sum(dim=1)

    batch = methods.Batch(x, torch.tensor([[1.0], [10.0], [1.0]]))
    found = trust.curve_figures(score, batch, x[:, 0], torch.zeros(3, 1), 8)
    assert found["n_curves"] == 2 and found["deletion"] == pytest.approx([1, 0, 0, 0, 0, 0, 0, 0, 0])
    assert found["insertion"] == pytest.approx([0] + [1] * 8)
    assert found["deletion_area"] == pytest.approx(1 / 16) and found["insertion_area"] == pytest.approx(15 / 16)
    nothing = trust.curve_figures(score, batch.where([2]), x[2:, 0], torch.zeros(1, 1), 8)
    assert nothing["deletion_area"] is None and nothing["share"] == []


def test_figures_by_hand():
    found = gathered.estimate([1.0, 3.0, np.nan, 5.0], ["a", "a", "b", "c"])
    assert found["value"] == pytest.approx(3.0) and found["n"] == 3
    table = gathered.occlusion_table(("mouth", "nose"), [[-2, -1], [-4, 1], [1, 2]], ["a", "b", "c"])
    assert table[0]["change"]["value"] == pytest.approx(-5 / 3)
    assert (table[0]["lowest"]["value"], table[0]["lowest"]["n"]) == (1.0, 2)  # nothing lowers the third score
    assert table[1]["lowest"]["value"] == 0.0


def test_where_nobody_tested_has_a_neutral_picture_nothing_is_said_of_conservation():
    nothing = SimpleNamespace(map=torch.full((2, 4, 4), torch.nan), score=torch.full((2,), torch.nan))
    assert trust._conservation(methods.INTEGRATED, lambda batch: nothing, None) is None
    half = SimpleNamespace(map=torch.ones(2, 2, 2), score=torch.tensor([torch.nan, 4.0]))
    assert trust._conservation(methods.INTEGRATED, lambda batch: half, None)["median"] == 1.0


def test_every_network_shows_the_same_picture_of_a_group_first():
    here = np.array([4, 2, 7, 1, 9, 3])
    right = np.isin(np.arange(10), (2, 7, 1))
    shown = {n: pictures._first_and_mixed(here, right, n) for n in (1, 2, 3, 6)}
    assert shown == {1: [4], 2: [4, 2], 3: [4, 2, 7], 6: [4, 2, 7, 1, 9]}  # the first is wrong itself
    other = pictures._first_and_mixed(here, ~right, 3)
    assert other == [4, 9, 2] and pictures._first_and_mixed(here, right | True, 3) == [4, 2, 7]
    assert pictures._first_and_mixed(here[:0], right, 3) == []
