from dataclasses import fields

import numpy as np
import pytest

from analysis import annotators
from learning.judgements import Responses
from learning.splits import split_release
from tests.learning import judged


def responses(n_questions=300, n_people=8, seed=0, noise=0.25):
    """Everybody answers every question; the right answer is candidate 1, missed in `noise` of answers."""
    rng = np.random.default_rng(seed)
    question, person = (a.ravel() for a in np.meshgrid(np.arange(n_questions), np.arange(n_people), indexing="ij"))
    right = rng.random(len(question)) >= noise
    rows = np.column_stack([np.zeros(len(question), int), np.where(right, 1, 2), np.where(right, 2, 1)])
    names = np.array([f"a{k}" for k in person])
    return given_as(rows, names, question), right


def given_as(rows, annotator, question) -> Responses:
    n = len(rows)
    more = {f.name: np.full(n, np.nan) for f in fields(Responses)}
    known = {"rows": rows, "annotator": annotator, "question": question, "split": np.full(n, "test")}
    return Responses(**(more | known))


def some_of(given: Responses, chosen) -> Responses:
    return given_as(given.rows[chosen], given.annotator[chosen], given.question[chosen])


def slow_others(given: Responses):
    alike, known = [], []
    for i in range(len(given)):
        others = [
            j for j in range(len(given))
            if given.question[j] == given.question[i] and given.annotator[j] != given.annotator[i]
        ]  # fmt: skip
        known.append(bool(others))
        same = [given.rows[j, 1] == given.rows[i, 1] for j in others]
        alike.append(np.mean(same) if same else 0.0)
    return np.array(alike), np.array(known)


def test_others_who_chose_alike_are_those_of_plain_loops():
    given, _ = responses(20, 4)
    keep = np.random.default_rng(1).random(len(given)) < 0.4
    given = some_of(given, keep)
    repeated = some_of(given, np.concatenate([np.arange(len(given)), np.arange(5)]))
    for some in (given, repeated):
        alike, known = annotators.others_alike(some)
        slow, slow_known = slow_others(some)
        assert np.allclose(alike[known], slow[known]) and np.array_equal(known, slow_known)


def test_a_perfect_representation_beats_every_other_person():
    given, right = responses()
    found = annotators.summed_up(right, given, n_bootstrap=400)
    assert found["n_people"] == found["n_compared"] == found["n_above"] == 8
    assert found["mean"]["value"] == pytest.approx(right.mean())
    # two people who are each right in 3/4 agree in 9/16 + 1/16
    assert found["others_mean"]["value"] == pytest.approx(10 / 16, abs=0.02)
    assert found["gain"]["low"] > 0.08
    assert found["mean"]["unit"] == "annotators"
    values = [person["value"] for person in found["people"]]
    assert values == sorted(values, reverse=True)
    for person in found["people"]:
        assert person["low"] < person["value"] < person["high"] and person["n"] == 300


def test_few_responses_are_left_out_and_counted():
    given, right = responses(12, 3)
    keep = (given.annotator != "a2") | (given.question < 5)
    some = some_of(given, keep)
    found = annotators.summed_up(right[keep], some, n_bootstrap=100)
    assert (found["n_people"], found["n_left_out"]) == (2, 1)
    nobody = annotators.summed_up(right[:6], some_of(given, np.arange(6)))
    assert "10 responses" in nobody["omitted"]


def test_of_many_people_some_are_drawn(monkeypatch):
    monkeypatch.setattr(annotators, "MAX_SHOWN", 4)
    given, right = responses()
    found = annotators.summed_up(right, given, n_bootstrap=100)
    assert len(found["people"]) == 4 and found["n_people"] == 8


def test_people_of_a_release_are_judged_on_its_held_out_responses(tmp_path):
    release, points, _ = judged.crowd(tmp_path / "release", weights=[[1, 1], [1, 1], [1.9, 0.1]], n_each=60, n_test=40)
    split = split_release(release)
    found = annotators.by_annotator(points, np.arange(len(points)), release, split, "test", n_bootstrap=100)
    by_name = {person["annotator"]: person for person in found["people"]}
    assert by_name["a0"]["value"] == by_name["a1"]["value"] == 1.0 and by_name["a2"]["value"] < 1
    assert by_name["a0"]["n"] == 40
    assert by_name["a0"]["others"] is None and found["gain"] is None  # everybody was asked questions of their own
    some = annotators.by_annotator(points[5:], np.arange(5, len(points)), release, split, "test", n_bootstrap=100)
    assert some["n_responses"] < found["n_responses"]
    assert (
        "validation triplet"
        in annotators.by_annotator(points[:2], np.arange(2), release, split, "validation")["omitted"]
    )
