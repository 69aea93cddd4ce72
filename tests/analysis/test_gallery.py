"""Every attribute once, and one person happy and unhappy: pictures with their scores."""

from types import SimpleNamespace

import numpy as np
import pytest

from analysis.explaining import asked, explanations, gallery, methods, pairs, pictures
from analysis.explaining.faces import Faces
from learning.checkpoints import load_checkpoint
from tests.analysis.picture_checkpoints import picture_checkpoint
from tests.learning.picture_releases import picture_release

RATED = tuple(f"attribute{k:02}" for k in range(10))


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """A release whose pictures have ten attributes, and a network of all of them."""
    release = picture_release(tmp_path_factory.mktemp("rated") / "release")
    rng = np.random.default_rng(0)
    release.stimuli.attributes.clear()
    release.stimuli.attributes.update({name: rng.normal(5, 1, len(release.stimuli)) for name in RATED})
    path = picture_checkpoint(tmp_path_factory.mktemp("run") / "c.safetensors", release, "attributes", RATED)
    return release, load_checkpoint(path)


def test_every_attribute_shows_the_pictures_that_people_rated_highest_and_lowest(rated):
    release, checkpoint = rated
    found, drawn = explanations(checkpoint, release, teraflops=1e-6)
    assert len(found["groups"]) == 8 and [one["name"] for one in found["each"]] == list(RATED)
    split = np.asarray(release.stimuli.split)
    held = np.flatnonzero(split == found["split"]) if (split != "").any() else None
    for one in found["each"]:
        high, low = one["pictures"]
        assert (high["end"], low["end"]) == gallery.ENDS and high["truth"] > low["truth"]
        assert high["picture"] in drawn and all(p["map"] is None or p["map"] in drawn for p in one["pictures"])
        if held is not None:
            values = release.stimuli.attributes[one["name"]][held]
            assert high["truth"] == pytest.approx(values.max(), rel=1e-5)
            assert high["key"] == release.stimuli.key[held[values.argmax()]]
        # What stands below a picture is what the network says of it.
        looked = Faces(checkpoint, release, "cpu")
        at = looked.pictures.row.tolist().index(release.stimuli.key.tolist().index(high["key"]))
        k = RATED.index(one["name"])
        known = checkpoint.preprocessing
        says = float(known.offset[k] + known.scale[k] * looked.outputs([at])[0, k])
        assert high["said"] == pytest.approx(says, rel=1e-5)


def test_few_attributes_are_explained_at_length_and_not_again(rated):
    release, checkpoint = rated
    looked = Faces(checkpoint, release, "cpu")
    told = SimpleNamespace(groups=list(RATED))
    assert pictures._each(looked, checkpoint, told, "test", drawn := {}, tell=lambda: None) == [] and drawn == {}


def test_where_no_parts_of_faces_are_known_none_is_painted_over(rated):
    release, checkpoint = rated
    looked = Faces(checkpoint, release, "cpu")
    questions, _ = asked.ask(checkpoint, release, looked.pictures, looked.outputs)
    usable, _ = methods.usable(looked.network, has_neutral=False, has_regions=False)
    assert gallery.painted_over(looked, usable, questions.where([0]), {}, lambda: None) == {}


def test_pairs_are_one_persons_happy_and_unhappy_picture(tmp_path):
    faces = picture_release(tmp_path / "release")
    path = picture_checkpoint(tmp_path / "c.safetensors", faces, "attributes", ("happiness",))
    found, drawn = pairs.of_networks({"age-full": path, "gender-full": path}, faces)
    assert found["networks"] == ["age-full", "gender-full"] and found["n"] == 10 and found["attribute"] == "happiness"
    assert len(found["people"]) == pairs.N_SHOWN
    keys = faces.stimuli.key.tolist()
    looked = Faces(load_checkpoint(path), faces, "cpu")
    for person in found["people"]:
        happy, unhappy = person["faces"]
        assert (happy["label"], unhappy["label"]) == ("happy", "sad")
        assert {faces.stimuli.subject[keys.index(face["key"])] for face in person["faces"]} == {person["subject"]}
        for face in person["faces"]:
            at = looked.pictures.row.tolist().index(keys.index(face["key"]))
            assert face["rows"][0]["said"] == pytest.approx(4 + 2 * float(looked.outputs([at])[0, 0]), rel=1e-5)
            assert face["picture"] in drawn and all(
                name in drawn for row in face["rows"] for name in row["maps"] if name
            )
    assert found["gaps"][0]["gap"]["n"] == 10 and 0 <= found["gaps"][0]["above"]["value"] <= 1


def test_without_an_unhappy_picture_there_are_no_pairs(tmp_path):
    release = picture_release(tmp_path / "release")
    release.stimuli.class_label[:] = "happy"
    path = picture_checkpoint(tmp_path / "c.safetensors", release, "attributes", ("happiness",))
    found = pairs.of_networks({"a": path}, release)
    assert found == ({"omitted": "nobody in the second collection has a happy and an unhappy picture"}, {})
