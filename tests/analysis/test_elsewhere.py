from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from analysis import detail_tables, elsewhere, elsewhere_groups, sentences
from analysis.drops import Cases, Named, drop_of, drop_of_f1, of_intervals
from analysis.figures import rows as drawn_rows
from analysis.measured import start
from analysis.resampling import Estimate
from tests.analysis.releases import judged_faces
from tests.analysis.rich import naming, perceived, rating, with_answers


@pytest.fixture(autouse=True)
def one_c(monkeypatch):
    monkeypatch.setattr(elsewhere.probes, "C_GRID", (0.01,))


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    return judged_faces(tmp_path_factory.mktemp("second") / "release", n_subjects=20, seed=0, per_stimulus=2)


def moved(release, name):
    """The same release as if it were of another collection."""
    return replace(release, manifest=release.manifest | {"collection": {"name": name}}, sha256="f" * 64)


def compared(rich_release, second, noise, answers=None, said=None):
    here = with_answers(perceived(rich_release), answers) if answers else perceived(rich_release)
    there = (
        with_answers(perceived(second, noise=noise, seed=9), said) if said else perceived(second, noise=noise, seed=9)
    )
    return elsewhere.compare(start(here, rich_release, n_bootstrap=200), there, moved(second, "elsewhere"))


def test_what_is_lost_is_told_by_level_and_class(rich_release, second):
    found = compared(rich_release, second, 3.0)
    rows = {(row["outcome"], row["label"]): row for row in found["rows"]}
    every = rows["satisfied", "all triplets"]
    assert every["drop"]["value"] == pytest.approx(every["here"]["value"] - every["there"]["value"])
    assert every["drop"]["low"] > 0.05
    assert {label for outcome, label in rows if outcome == "satisfied"} >= {"votes ahead by 5", "votes ahead by 1"}
    read = rows["read", "all classes"]
    assert read["drop"]["low"] > 0 and ("read", "happy") in rows
    assert read["there"]["n"] == len(second.stimuli)  # everybody there is a stranger
    assert "a loss larger than chance explains" in sentences.of_elsewhere(found)


def test_as_good_elsewhere_is_no_loss(rich_release, second):
    found = compared(rich_release, second, 0.15)
    every = found["rows"][0]
    assert every["drop"]["low"] < 0 < every["drop"]["high"]
    assert "no loss is shown and none excluded" in sentences.of_elsewhere(found)


def test_own_answers_are_compared_by_class(rich_release, second):
    found = compared(rich_release, second, 0.15, naming(rich_release), naming(second, sure=1.0, seed=3))
    rows = {(row["outcome"], row["label"]): row for row in found["rows"]}
    here = rows["named", "happy"]["here"]
    test = (rich_release.stimuli.split == "test") & (rich_release.stimuli.class_label == "happy")
    assert here["n"] == test.sum()


def test_macro_f1_is_lost_too_and_it_is_said_how_surely(rich_release, second):
    answers = naming(rich_release), naming(second, sure=1.0, seed=3)
    found = compared(rich_release, second, 0.15, *answers)
    rows = {row["outcome"]: row for row in found["rows"] if row["label"] == "macro F1"}
    assert set(rows) == {"named_f1", "read_f1"}
    is_here = [rich_release.stimuli.split == "test", np.ones(len(second.stimuli), bool)]
    for key, of, rows_of in zip(("here", "there"), answers, is_here, strict=True):
        wanted = f1_score(of.label[rows_of], of.said[rows_of].argmax(1), average="macro")
        assert rows["named_f1"][key]["value"] == pytest.approx(wanted)
        assert rows["named_f1"][key]["low"] < wanted < rows["named_f1"][key]["high"]
        assert rows["named_f1"][key]["unit"] == "subjects"
    drop = rows["named_f1"]["drop"]
    assert drop["low"] < drop["value"] < drop["high"] and drop["n_units"] == rows["named_f1"]["here"]["n_units"]
    drawn = drawn_rows.elsewhere({"elsewhere": found})
    assert "network: macro F1" in drawn["layout"]["yaxis"]["ticktext"]
    assert drawn["layout"]["xaxis"]["title"]["text"] == "share right, or F1"
    (row,) = (row for row in detail_tables.elsewhere({"elsewhere": found}) if row["outcome"] == "named_f1")
    assert row["drop_low"] == drop["low"]


def test_macro_f1_is_over_the_classes_of_both():
    # Class 1 by hand: hits 2, true 3, said 3; class 0: 3, 4, 4; class 2 is nowhere true and said once.
    truth, said = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 0])
    people = np.array([f"p{k}" for k in range(7)])
    one = Named(truth, said, people, np.array([True, True, False]))
    found = drop_of_f1(one, replace(one, said=truth), n_bootstrap=300)
    assert found.here.value == pytest.approx((3 / 4 + 2 / 3) / 2) and found.there.value == 1
    assert found.is_flat and found.drop.low < found.drop.value < found.drop.high  # not made certain by a perfect one
    odd = replace(one, said=np.array([0, 0, 0, 2, 1, 1, 0]))
    assert drop_of_f1(odd, one, n_bootstrap=100).here.value == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_attributes_are_compared_by_their_errors(rich_release, second):
    worse = rating(second)
    worse = replace(worse, said=worse.said + 3 * np.random.default_rng(1).normal(size=worse.said.shape))
    found = compared(rich_release, second, 0.15, rating(rich_release), worse)
    errors = [row for row in found["rows"] if row["outcome"] == "error"]
    assert [row["label"] for row in errors] == ["happy", "friendly", "typical", "trustworthy"]
    assert all(row["drop"]["high"] < 0 for row in errors)
    assert "larger there for happy, friendly" in sentences.of_elsewhere(found)


def test_a_group_that_loses_more_is_told(rich_release):
    here, there = (with_sex(rich_release.stimuli) for _ in range(2))
    rng, row = np.random.default_rng(0), np.arange(len(here))
    right = np.where(here.extra["sex"] == "f", 0.8, 0.85), np.where(here.extra["sex"] == "f", 0.8, 0.3)
    sides = tuple(Cases((rng.random(len(row)) < p).astype(float), here.subject, row) for p in right)
    found = elsewhere_groups.by_group({"named": sides}, here, there, n_bootstrap=300)
    rows = {row["group"]: row for row in found["rows"]}
    assert found["n_groups"] == 2 and set(rows) == {"f", "m"}
    is_f = here.extra["sex"] == "f"
    assert rows["f"]["here"]["value"] == pytest.approx(sides[0].value[is_f].mean())
    apart = (sides[0].value[~is_f].mean() - sides[1].value[~is_f].mean()) - rows["f"]["drop"]["value"]
    assert rows["m"]["more"]["value"] == pytest.approx(apart) and rows["m"]["more"]["low"] > 0.2
    assert rows["f"]["more"]["value"] == pytest.approx(-apart)
    said = sentences.of_groups_elsewhere(found)
    assert "These lose more than chance explains: sex m" in said and "the loss differs for sex f, +" in said
    plain = drop_of(*(cases.where(~is_f) for cases in sides), n_bootstrap=300)
    assert rows["m"]["drop"]["low"] < plain.drop.low  # widened for two comparisons
    nobody = elsewhere_groups.by_group({"named": sides}, here, replace(there, extra={}))
    assert "no column" in nobody["omitted"]


def test_what_nobody_got_right_on_either_side_is_not_certain():
    people = np.repeat([f"p{k}" for k in range(6)], 4)
    nothing = Cases(np.zeros(24), people, np.arange(24))
    found = drop_of(nothing, nothing, n_bootstrap=200)
    assert found.is_flat and found.drop.value == 0
    assert found.drop.high == pytest.approx(found.here.high) and found.drop.low == pytest.approx(-found.there.high)
    assert drop_of(nothing, nothing, n_bootstrap=200, confidence=0.99).drop.high > found.drop.high > 0.2
    # Newcombe's own example, method 10: 56/70 less 48/80.
    one, other = Estimate(0.8, 0.69157, 0.87761, 70, "cases", 70), Estimate(0.6, 0.49037, 0.70035, 80, "cases", 80)
    ends = of_intervals(one, other)
    assert (ends.low, ends.high) == pytest.approx((0.0524, 0.3339), abs=5e-4)


def with_sex(stimuli):
    people = np.unique(stimuli.subject)
    sex = dict(zip(people.tolist(), np.resize(["f", "m"], len(people)).tolist(), strict=True))
    return replace(stimuli, extra={"sex": np.array([sex[name] for name in stimuli.subject.tolist()])})


def test_people_of_the_training_are_left_out(rich_release):
    there = perceived(rich_release)
    of = start(perceived(rich_release), rich_release, n_bootstrap=100)
    found = elsewhere.compare(of, there, rich_release)
    n_trained = int((rich_release.stimuli.split == "train").sum())
    assert found["n_left_out"] == n_trained
    read = next(row for row in found["rows"] if row["outcome"] == "read")
    assert read["there"]["n"] == len(rich_release.stimuli) - n_trained
    assert found["names"][0] != found["names"][1]


def test_nothing_in_common_says_so(rich_release, second):
    bare = replace(second, stimuli=replace(second.stimuli, class_label=np.full(len(second.stimuli), "")))
    bare = replace(bare, triplets=bare.triplets.where(np.array([], int)))
    of = start(perceived(rich_release), rich_release, n_bootstrap=100)
    assert "share no triplets" in elsewhere.compare(of, perceived(bare), bare)["omitted"]
