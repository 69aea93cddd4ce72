import numpy as np
import pytest

from analysis import criteria
from tests.learning import judged, releases


def chosen_by(weights, n_each, rng, n=24, subjects=6, kinds=3):
    """Return what people with such weights choose: (rows (v, 3), whether the first, person, values (2, n))."""
    values = np.array([np.arange(n) % subjects, np.arange(n) // subjects % kinds])
    person = np.repeat(np.arange(len(weights)), n_each)
    rows = np.array([rng.choice(n, 3, replace=False) for _ in person])
    for_first = (np.asarray(weights)[person] * criteria.shared(values, rows)).sum(1)
    return rows, for_first + rng.logistic(size=len(person)) > 0, person, values


def release_of(folder, weights, n_each=500, seed=0):
    rows, chose_first, person, values = chosen_by(weights, n_each, np.random.default_rng(seed))
    extra = {"kind": np.array([f"c{k}" for k in values[1]]), "own": np.arange(24).astype(str)}
    stimuli = releases.stimuli(24, subject=[f"s{k}" for k in values[0]], extra=extra)
    table = judged.responses_table(stimuli.key, rows, chose_first, [f"a{k:02d}" for k in person], "train")
    return judged.write(folder, stimuli, releases.triplets([], []), table)


def test_shares_are_those_of_plain_loops():
    rng = np.random.default_rng(0)
    values, rows = rng.integers(-1, 3, (2, 9)), np.array([rng.choice(9, 3, replace=False) for _ in range(60)])
    for found, (reference, chosen, other) in zip(criteria.shared(values, rows), rows, strict=True):
        for c, of in enumerate(values):
            known = min(of[reference], of[chosen], of[other]) >= 0
            assert found[c] == (int(of[reference] == of[chosen]) - int(of[reference] == of[other]) if known else 0)


def test_what_people_go_by_is_found_again():
    rng = np.random.default_rng(1)
    true = rng.normal([1.0, 0.5], [0.8, 0.3], size=(60, 2))
    rows, chose_first, person, values = chosen_by(true, 300, rng)
    shares = criteria.shared(values, np.where(chose_first[:, None], rows, rows[:, [0, 2, 1]]))
    usual, spread, weights, errors = criteria.hierarchical([shares[person == k] for k in range(60)])
    assert usual == pytest.approx(true.mean(axis=0), abs=0.12)
    assert spread == pytest.approx(true.std(axis=0), abs=0.12)
    assert np.corrcoef(weights[:, 0], true[:, 0])[0, 1] > 0.9
    inside = np.abs(weights - true) < 1.959964 * errors
    assert 0.88 <= inside.mean() <= 0.99


def test_people_who_see_alike_are_drawn_together():
    rng = np.random.default_rng(2)
    rows, chose_first, person, values = chosen_by(np.tile([1.0, 0.0], (30, 1)), 80, rng)
    shares = criteria.shared(values, np.where(chose_first[:, None], rows, rows[:, [0, 2, 1]]))
    _, spread, weights, _ = criteria.hierarchical([shares[person == k] for k in range(30)])
    assert spread.max() < 0.3 and weights.std(axis=0).max() < 0.2


def test_a_release_says_what_its_people_go_by(tmp_path):
    found = criteria.by_criterion(release_of(tmp_path / "r", [[2.5, 0.0], [0.0, 0.8], [2.0, 0.2], [0.5, 0.6]]))
    assert [column["name"] for column in found["columns"]] == ["subject", "kind"]  # `own` tells every face apart
    assert (found["n_people"], found["n_left_out"]) == (4, 0)
    assert [person["annotator"] for person in found["people"]] == ["a00", "a01", "a02", "a03"]
    by_subject = [person["by"][0]["value"] for person in found["people"]]
    assert by_subject[0] > 0.85 and by_subject[1] < 0.65
    for estimate in (*found["columns"], *(by for person in found["people"] for by in person["by"])):
        assert 0 <= estimate["low"] < estimate["value"] < estimate["high"] <= 1
    assert 0 < found["repeats"]["n"] < 400 and found["repeats"]["low"] < found["repeats"]["value"] <= 1


def test_repeats_are_counted_in_either_order(tmp_path):
    stimuli = releases.stimuli(3)
    asked = [[0, 1, 2], [0, 2, 1], [0, 1, 2], [1, 0, 2], [0, 1, 2]]
    table = judged.responses_table(stimuli.key, asked, [True, False, False, True, True], list("aaaab"), "train")
    release = judged.write(tmp_path / "r", stimuli, releases.triplets([], []), table)
    found = criteria.repeats(criteria.triplet_responses(release))
    assert (found["n"], found["value"]) == (3, pytest.approx(1 / 3))
    assert "no question pits" in criteria.by_criterion(release)["omitted"]


def test_too_few_responses_are_said(tmp_path):
    assert (
        "fewer than two people gave 30"
        in criteria.by_criterion(release_of(tmp_path / "r", [[1, 1]] * 2, 20))["omitted"]
    )
