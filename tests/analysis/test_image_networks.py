"""Reports on networks of pictures that are really trained: what they name, not only where they put a face."""

import numpy as np
import pytest

from analysis import pages
from analysis.embedded import represent
from analysis.evaluation import evaluate
from learning.checkpoints import load_checkpoint
from learning.predictions import predict
from learning.recipes import recipe
from learning.training import train_release
from tests.learning.picture_releases import picture_release

SMALL = {
    "architecture": "cnn",
    "size": "24",
    "channels": "1",
    "width": "0.1",
    "epochs": "6",
    "n_embedding": "8",
    "device": "cpu",
}


def trained(release, out, name, **changes):
    config = recipe(name).config.with_changes(SMALL | changes)
    return train_release(release, config, seed=0, out=out, recipe_name=name)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return picture_release(tmp_path_factory.mktemp("bars") / "release", n_subjects=20, with_split=False, n_triplets=200)


def test_a_classifier_is_a_report_of_its_own(release, tmp_path):
    made = trained(release, tmp_path / "run", "fer2013-networks/cnn-sound", division="70/20/10")
    results = evaluate(made.checkpoint, release, n_bootstrap=100, with_controls=True)
    of = results["answers"]["by_split"]["test"]
    assert of["n"] == made.metrics["n_pictures_test"] == 12
    assert of["accuracy"]["value"] == pytest.approx(
        made.metrics["accuracy_test"]
    )  # the division of the training, again
    assert of["confusion"] == made.metrics["classes_test"]["confusion"]
    assert of["chance"] == pytest.approx(made.metrics["majority_test"])
    assert results["headline"].startswith("On people it has never seen, the network names the 3 classes rightly")
    assert len(results["answers"]["by_split"]["test"]["calibration"]["bins"]) > 1
    assert {row["outcome"] for row in results["groups"].get("rows", [])} <= {"satisfied", "named", "read"}
    html = pages.render_report(results, title="Bars")
    assert "What the network answers" in html and "Does it mean its probabilities?" in html
    control = results["controls"]["labels"]
    assert control["ours"] == of["accuracy"] and control["chance"] == of["chance"]
    assert 0 <= control["shuffled"]["low"] <= control["shuffled"]["value"] <= 1
    aligned = {row["method"]: row for row in results["explanations"]["tangent"]["rows"]}
    assert set(aligned) == set(control["alignment"]) and "gradient" in aligned
    assert all(0 < row["control"] < 1 for row in aligned.values())
    assert "given to one another at random" in html and "control, shuffled labels" in html


def test_attributes_are_a_report_of_their_own_and_stand_elsewhere(release, tmp_path):
    made = trained(release, tmp_path / "run", "vgg16-attributes", attributes="height")
    other = picture_release(tmp_path / "other", n_subjects=8, seed=3)
    results = evaluate(made.checkpoint, release, n_bootstrap=100, second=other, with_controls=True)
    control = results["controls"]["labels"]
    assert control["figure"] == "r" and control["shuffled"]["value"] < control["ours"]["value"] - 0.2
    height = results["answers"]["by_split"]["test"]["attributes"]["height"]
    assert height["mae"]["value"] == pytest.approx(made.metrics["attributes_test"]["height"]["mae"], rel=1e-4)
    assert height["r2"]["value"] == pytest.approx(made.metrics["attributes_test"]["height"]["r2"], rel=1e-3)
    assert height["bounds"]["r2"] == pytest.approx(made.metrics["attributes_test"]["height"]["r2_ceiling"], abs=1e-6)
    errors = [row for row in results["elsewhere"].get("rows", []) if row["outcome"] == "error"]
    assert [row["label"] for row in errors] == ["height"]
    assert "Do its attributes" not in pages.render_report(results, title="Bars")  # there is one only


def test_answers_that_a_release_says_nothing_about_stand_unjudged(release, tmp_path):
    from dataclasses import replace

    made = trained(release, tmp_path / "run", "fer2013-networks/cnn-sound", epochs="1")
    bare = replace(release, stimuli=replace(release.stimuli, class_label=np.full(len(release.stimuli), "")))
    found = represent(made.checkpoint, bare)
    assert (found.answers.label == -1).all()
    assert np.allclose(found.answers.said, predict(load_checkpoint(made.checkpoint), bare).value)
    assert "knows the class of no picture" in evaluate(made.checkpoint, bare, n_bootstrap=100)["answers"]["omitted"]


def test_a_metric_space_has_its_maps_held_against_those_of_shuffled_verdicts(release, tmp_path):
    made = trained(release, tmp_path / "run", "picture-triplets", epochs="2")
    results = evaluate(made.checkpoint, release, n_bootstrap=100, with_controls=True, teraflops=1e-6)
    rows = results["explanations"]["tangent"]["rows"]
    assert {row["method"] for row in rows} == set(results["controls"]["shuffled"]["alignment"])
    assert all(0 < row["control"] < 1 for row in rows)
