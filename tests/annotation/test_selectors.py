"""What Rita reads on a study's page."""

import json

import pytest

from annotation.selectors import study_progress
from annotation.services.consensus import settle_questions
from tests.annotation.making import make_study, work
from tests.annotation.votes import add_question, bare_study, vote, votes

pytestmark = pytest.mark.django_db


def test_an_untouched_study_knows_nothing_yet():
    progress = study_progress(make_study(n_questions=6, n_gold=4, n_practice=2, responses_per_question=2))
    assert (progress["n_questions"], progress["n_gold"], progress["n_practice"]) == (6, 4, 2)
    assert (progress["n_settled"], progress["n_open"], progress["share_settled"]) == (0, 6, 0)
    assert progress["slots"] == {"free": 4, "taken": 0, "done": 0, "void": 0}
    assert progress["share_answered"] == 0
    assert (progress["n_annotators"], progress["n_responses"]) == (0, 0)
    assert progress["accuracy"]["mean"] is None
    assert progress["agreement"] == []
    assert progress["alpha"][0]["value"] is None
    json.dumps(progress, allow_nan=False)


def test_a_study_at_work():
    study = make_study(n_questions=6, n_gold=4, responses_per_question=2, min_gold=2)
    work(study, "alice")
    work(study, "bob", n_batches=1, is_gold_right=False)
    settle_questions(study)
    progress = study_progress(study)
    assert (progress["n_annotators"], progress["n_excluded"]) == (2, 1)
    assert progress["n_good_responses"] < progress["n_responses"]
    assert progress["slots"]["void"] == 1
    assert progress["assignments"]["completed"] == 3
    judged = progress["accuracy"]
    assert judged["n_annotators"] == 2
    assert (judged["bins"][0]["n"], judged["bins"][-1]["n"]) == (1, 1)
    assert (judged["bins"][0]["low"], judged["bins"][-1]["high"]) == (0, 1)
    assert judged["overall_low"] < judged["overall"] < judged["overall_high"]


def test_how_far_people_agree():
    study = bare_study(responses_per_question=3)
    for number, keys in enumerate((("a1", "b1", "c1"), ("b1", "a1", "c1"), ("c1", "a1", "b1"))):
        question = add_question(study, *keys)
        votes(study, question, **({"second": 3} if number == 1 else {"first": 3}))
    split = add_question(study, "d1", "a1", "b1")
    votes(study, split, first=2, second=1)
    vote(study, "p0", split, "first", is_repeat=True)
    vote(study, "p1", split, "second", is_repeat=True)
    settle_questions(study)
    progress = study_progress(study)
    assert [(level["weight"], level["n"], level["share"]) for level in progress["agreement"]] == [
        (3, 3, 0.75),
        (1, 1, 0.25),
    ]
    (alpha,) = progress["alpha"]
    # By hand: of 12 votes 8 are `first`; in one question 2 of 3 pairs differ, (4/2)/12 against 2·8·4/(12·11).
    assert alpha["value"] == pytest.approx(1 - (4 / 2 / 12) / (2 * 8 * 4 / (12 * 11)))
    assert (alpha["n_questions"], alpha["n_responses"]) == (4, 12)
    assert progress["self_agreement"] == {"value": 0.5, "n": 2, "difference": None}


def test_ratings_have_an_alpha_an_attribute():
    study = bare_study(kind="rating", attributes=["happy", "old"], responses_per_question=2)
    for place, key in enumerate(("a1", "b1", "c1", "d1")):
        happy, old = (add_question(study, key, attribute=name) for name in ("happy", "old"))
        for shift, name in enumerate(("alice", "bob")):
            vote(study, name, happy, rating=2 * place + 1)
            vote(study, name, old, rating=5 + (-1) ** (place + shift))
    settle_questions(study)
    progress = study_progress(study)
    assert [(row["attribute"], row["n"], row["mean"]) for row in progress["agreement"]] == [
        ("happy", 4, 4),
        ("old", 4, 5),
    ]
    assert [row["attribute"] for row in progress["alpha"]] == ["happy", "happy", "old", "old"]
    assert [row["statistic"].split()[-1] for row in progress["alpha"][:2]] == ["ordinal", "interval"]
    happy, old = progress["alpha"][1::2]
    assert (happy["attribute"], happy["value"], old["attribute"]) == ("happy", 1, "old")
    assert old["value"] < 0
    json.dumps(progress, allow_nan=False)


def test_people_who_rate_the_same_again_are_compared_within_an_attribute():
    """By hand: centred by the mean of each attribute, (1, 3, 2, 4) again as (1, 3, 2, 4) and once a point higher."""
    study = bare_study(kind="rating", attributes=["happy", "old"], responses_per_question=1)
    for name, shift in (("happy", 0), ("old", 4)):
        for place, key in enumerate(("a1", "b1", "c1", "d1")):
            question = add_question(study, key, attribute=name)
            vote(study, f"p{place}", question, rating=1 + place + shift)
            vote(study, f"p{place}", question, rating=1 + place + shift + (name == "old"), is_repeat=True)
    found = study_progress(study)["self_agreement"]
    assert (found["n"], found["difference"]) == (8, 0.5)
    assert 0.9 < found["value"] < 1
