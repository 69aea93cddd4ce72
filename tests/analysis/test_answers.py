from dataclasses import replace

import numpy as np
import pytest

from analysis import answers
from learning.splits import SUBJECT, Split
from tests.analysis.rich import naming, rating


def split_of(release):
    return Split(np.asarray(release.stimuli.split), np.asarray(release.triplets.split), SUBJECT, False)


def test_a_network_of_classes_is_judged_by_split(rich_release):
    said = naming(rich_release)
    found = answers.measured(said, np.arange(len(said.said)), split_of(rich_release), rich_release, n_bootstrap=100)
    assert (found["kind"], found["split"], list(found["by_split"])) == (
        "class",
        "test",
        ["test", "validation", "train"],
    )
    test = rich_release.stimuli.split == "test"
    of = found["by_split"]["test"]
    assert of["accuracy"]["value"] == (said.said.argmax(1) == said.label)[test].mean()
    commonest = np.bincount(said.label[rich_release.stimuli.split == "train"]).argmax()
    assert of["chance"] == (said.label[test] == commonest).mean()
    assert (
        of["calibration"]["tempered"]["temperature"] > 0 and "tempered" not in found["by_split"]["train"]["calibration"]
    )
    assert of["warning"] == "" and sum(map(sum, of["confusion"])) == test.sum()


def test_a_collapsed_network_is_called_so(rich_release):
    said = naming(rich_release)
    flat = np.full_like(said.said, 0.01)
    flat[:, 2] = 0.94
    found = answers.measured(replace(said, said=flat), np.arange(len(flat)), split_of(rich_release), rich_release,
                             n_bootstrap=100)  # fmt: skip
    assert "collapsed to one class" in found["by_split"]["test"]["warning"]
    assert found["by_split"]["test"]["classes"][0]["precision"] is None


def test_attributes_have_errors_bounds_and_their_correlations(rich_release):
    said = rating(rich_release)
    found = answers.measured(said, np.arange(len(said.said)), split_of(rich_release), rich_release, n_bootstrap=100)
    of = found["by_split"]["test"]
    test = rich_release.stimuli.split == "test"
    happy = of["attributes"]["happy"]
    assert happy["mae"]["value"] == pytest.approx(np.abs(said.said - said.value)[test, 0].mean())
    train = rich_release.stimuli.split == "train"
    assert happy["mae_of_mean"] == pytest.approx(np.abs(said.value[test, 0] - said.value[train, 0].mean()).mean())
    assert 0.8 < happy["bounds"]["r2"] < 1 and happy["r2"]["value"] < happy["bounds"]["r2"]
    assert of["cross"]["people"][0][1] > 0.5 > abs(of["cross"]["people"][0][3])
    assert np.shape(of["cross"]["across"]) == (4, 4)


def test_where_nothing_is_known_it_says_so(rich_release):
    said = naming(rich_release)
    nothing = replace(said, label=np.full(len(said.label), -1))
    found = answers.measured(nothing, np.arange(len(said.label)), split_of(rich_release), rich_release)
    assert "knows the class of no picture" in found["omitted"]
