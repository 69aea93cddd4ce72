"""What an embedding of single people holds of each of them: found again from simulated people, and on the page."""

import dataclasses
import json

import numpy as np
import pytest

from analysis import detail_tables, figures, individuals, pages, sentences_of_people
from analysis.embedded import represent
from analysis.evaluation import evaluate
from learning.recipes import recipe
from learning.training import train_release
from tests.learning import judged, releases

N_PEOPLE = 12


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(checkpoint, release, log weights, log odds of habits) of people who mind two dimensions differently."""
    rng = np.random.default_rng(2)
    weights, habits = np.exp(rng.normal(0, 0.6, (N_PEOPLE, 2))), rng.normal(0, 0.2, (N_PEOPLE, 2))
    folder = tmp_path_factory.mktemp("people")
    release, _, _ = judged.crowd(
        folder / "release", weights=weights, n=30, n_each=300, n_test=40, noise=1.0, habits=habits, seed=3
    )
    changes = {"n_latent": "2", "n_members": "4", "n_steps": "200", "moods": "", "groups": "", "device": "cpu"}
    config = recipe("annotator-embedding").config.with_changes(changes)
    return train_release(release, config, seed=0, out=folder / "run").checkpoint, release, np.log(weights), habits


@pytest.fixture(scope="module")
def results(trained):
    return json.loads(json.dumps(evaluate(*trained[:2], n_bootstrap=100, teraflops=0, projections=("pca",))))


def logs(people, key):
    """Return (value, low, high), each (A,), of the logarithms of one number."""
    return tuple(np.log([person[key][end] for person in people]) for end in ("value", "low", "high"))


def test_weights_consistency_and_habits_are_found_again_and_the_intervals_hold_them(trained, results):
    found = results["individuals"]
    people, (_, _, weights, habits) = found["people"], trained
    order = [int(person["annotator"][1:]) for person in people]
    assert found["n_people"] == N_PEOPLE and sorted(order) == list(range(N_PEOPLE))
    assert all(280 < person["n"] <= 300 for person in people)  # less those set aside for validation
    share = np.array([dimension["share"] for dimension in found["dimensions"]])
    assert share[:2].sum() > 0.7 and (np.diff(share) <= 0).all()
    ours = np.log([[weight["value"] for weight in person["weights"][:2]] for person in people])
    true = (weights - weights.mean(0))[order]
    if np.corrcoef(ours[:, 0] - ours[:, 1], true[:, 0] - true[:, 1])[0, 1] < 0:
        true = true[:, ::-1]  # which dimension is the first nobody knows
    surer = true @ share[:2] / share[:2].sum()
    apart = true - surer[:, None]
    assert np.corrcoef(ours.ravel(), apart.ravel())[0, 1] > 0.9
    low, high = (np.log([[w[end] for w in person["weights"][:2]] for person in people]) for end in ("low", "high"))
    assert ((low <= apart) & (apart <= high)).mean() > 0.85 and np.median(high - low) < 1.2
    value, low, high = logs(people, "consistency")
    assert np.corrcoef(value, surer)[0, 1] > 0.75 and ((low <= surer) & (surer <= high)).mean() > 0.8
    for place, key in enumerate(("left", "same_side")):
        value, low, high = logs(people, key)
        assert np.corrcoef(value, habits[order, place])[0, 1] > 0.5
        assert ((low <= habits[order, place]) & (habits[order, place] <= high)).mean() > 0.75


def test_fewer_responses_make_wider_intervals(trained):
    seen = represent(trained[0], trained[1]).people
    kept = np.arange(len(seen.rows)) % 3 == 0
    few = dataclasses.replace(seen, **{name: getattr(seen, name)[kept] for name in ("rows", "person", "circumstances")})
    whole, part = (individuals.by_person(of, trained[1].stimuli)["people"] for of in (seen, few))
    width = [np.mean([np.log(w["high"] / w["low"]) for p in people for w in p["weights"]]) for people in (whole, part)]
    assert 1.2 < width[1] / width[0] < 3**0.5 + 0.1
    assert [w["value"] for w in whole[0]["weights"]] == pytest.approx([w["value"] for w in part[0]["weights"]])
    unseen = dataclasses.replace(seen, circumstances=np.zeros_like(seen.circumstances))
    assert individuals.by_person(unseen, trained[1].stimuli)["people"][0]["left"] is None
    nobody = dataclasses.replace(seen, rows=seen.rows[:0], person=seen.person[:0])
    assert "nobody gave 30" in individuals.by_person(nobody, trained[1].stimuli)["omitted"]
    city = dataclasses.replace(seen, is_city=True)
    assert "absolute differences" in individuals.by_person(city, trained[1].stimuli)["omitted"]


def test_dimensions_lie_where_people_differ():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    matrices = np.array([turn @ np.diag(row) @ turn.T for row in rng.lognormal(size=(9, 4))])
    found = individuals.jointly_diagonal(matrices)
    assert found.T @ found == pytest.approx(np.eye(4))
    assert np.sort(np.abs(turn.T @ found), axis=1)[:, -1] == pytest.approx(np.ones(4), abs=1e-6)


def test_a_dimension_is_named_by_the_plainest_column_that_tells_it():
    race, place = np.repeat([0.0, 1.0], 30), np.tile([0.0, 1.0, 2.0], 20)
    subject = np.array([f"s{k // 3}" for k in range(60)])
    stimuli = releases.stimuli(60, subject=subject, extra={"race": np.where(race, "a", "b")})
    object.__setattr__(stimuli, "class_label", np.array(["happy", "sad", "angry"])[place.astype(int)])
    rng = np.random.default_rng(0)
    axes = np.column_stack([race + 0.01 * rng.normal(size=60), place, rng.normal(size=60)])
    told = [[of["name"] for of in one] for one in individuals._told_by(axes, stimuli, np.arange(60))]
    assert told[:2] == [["race"], ["class_label"]] and told[2] == []
    assert figures.people.dimension_name(2, {"told_by": []}) == "dimension 3"


def test_the_page_shows_everybody_under_pseudonyms_and_says_what_it_means(results):
    found = results["individuals"]
    rows = detail_tables.individuals(results)
    n_each = len(found["dimensions"]) + 3
    assert len(rows) == N_PEOPLE * n_each and {row["annotator"] for row in rows} == {f"a{k}" for k in range(N_PEOPLE)}
    assert all(row["low"] < row["value"] < row["high"] for row in rows)
    drawn = figures.all_figures(results)["individuals"]
    assert len(drawn["data"][0]["x"]) == len(rows) and len(drawn["layout"]["yaxis"]["ticktext"]) == n_each
    said = sentences_of_people.of_individuals(found)
    assert f"weights of {N_PEOPLE} people" in said and "times what it counts for the usual person" in said
    page = pages.render_report(results, title="People")
    assert "What the network holds of each of them" in page and page.count("the side of the answer before") == 1
    assert 'data-figure="individuals"' in page
    results["individuals"] = {"omitted": "nobody gave 30"}
    page = pages.render_report(results, title="Few answers")
    assert "of them is not shown: nobody gave 30." in page and 'data-figure="individuals"' not in page
    del results["individuals"]
    assert "What the network holds" not in pages.render_report(results, title="An earlier version's")


def test_people_of_another_release_are_not_shown(trained):
    elsewhere = dataclasses.replace(trained[1], sha256="0" * 64)
    assert represent(trained[0], elsewhere).people is None and represent(trained[0], trained[1]).people is not None
