"""What the live page of a study is fed with, how seldom it is computed, and the page itself."""

import pytest
from django.test import Client
from django.urls import reverse

from annotation import agreement
from annotation.models import Participation, Presentation, ReplacementDecision
from annotation.services import quality
from annotation.services.assignments import claim_assignment
from annotation.services.consensus import settle_questions
from annotation.services.quality import study_quality
from annotation.services.screening import exclude
from tests.annotation.making import answer, enter, make_study, work

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def never_kept(monkeypatch):
    monkeypatch.setattr(quality, "KEPT_SECONDS", -1)


def test_nothing_is_known_of_an_empty_study():
    found = study_quality(make_study())
    assert found["people"] == {"n": 0, "threshold": 0.75, "lowest": []}
    assert found["ceilings"] == []
    assert found["posterior"]["mean"] is None
    assert found["alpha"][0]["value"] is None
    assert found["replacement"] == {"paused": "", "decisions": []}


def test_people_stand_with_their_intervals_the_worst_first():
    study = make_study(n_questions=6, responses_per_question=2, min_gold=2)
    alice, bob = work(study, "alice"), work(study, "bob", is_gold_right=False)
    settle_questions(study)
    found = study_quality(study)
    worst, best = found["people"]["lowest"]
    assert (worst["code"], worst["accuracy"], worst["is_excluded"]) == (bob.annotator.code, 0, True)
    assert (best["code"], best["accuracy"], best["is_excluded"]) == (alice.annotator.code, 1, False)
    assert 0 == worst["low"] < worst["high"] < 1
    assert found["counts"]["n_excluded"] == 1
    assert found["replacement"]["decisions"][0]["created"] == ReplacementDecision.objects.first().n_created > 0
    assert found["filter"]["guessing"] > found["filter"]["right_on_90"] > found["filter"]["right_on_95"] > 0


def test_unanimous_triplets_have_their_ceilings_at_the_top():
    study = make_study(n_questions=6, responses_per_question=2)
    work(study, "alice")
    work(study, "carol")
    settle_questions(study)
    level, overall = study_quality(study)["ceilings"]
    assert (level["level"], level["n"], overall["level"]) == ("2", 6, "all")
    assert level["one_person"]["value"] > 0.9
    assert study_quality(study)["posterior"]["n"] == 6


def test_ratings_have_reliabilities_and_both_means():
    """By hand: everybody gives the same rating to a picture, other ones to other pictures."""
    study = make_study(n_questions=6, kind="rating", responses_per_question=3, n_gold=0)
    for name in ("alice", "bob", "carol"):
        person = enter(study, name)
        while (assignment := claim_assignment(study, person.annotator)) is not None:
            for shown in Presentation.objects.filter(assignment=assignment):
                answer(assignment, shown.position, rating=1 + shown.question_id % 6)
    settle_questions(study)
    found = study_quality(study)
    (row,) = found["reliability"]
    assert (row["attribute"], row["n_pictures"], row["n_ratings"], row["n_each"]) == ("happy", 6, 18, 3)
    assert (row["icc_single"], row["split_half"], row["raters_needed"]) == (pytest.approx(1), pytest.approx(1), 1)
    assert sorted(found["means"]) == [[float(i), float(i)] for i in range(1, 7)]


def test_the_bootstrap_runs_once_until_something_is_new(monkeypatch):
    study = make_study(n_questions=6, responses_per_question=2)
    work(study, "alice")
    runs = []
    real = agreement.krippendorff_alpha
    monkeypatch.setattr(agreement, "krippendorff_alpha", lambda *a, **k: runs.append(1) or real(*a, **k))
    first = study_quality(study)
    assert study_quality(study) == first
    assert len(runs) == 1
    exclude(Participation.objects.get(study=study), Participation.Exclusion.RESEARCHER)
    assert study_quality(study)["version"] != first["version"]
    assert len(runs) == 1  # no good response is left to agree
    assert study_quality(study)["alpha"][0]["value"] is None


def test_a_busy_study_is_computed_only_every_so_often(monkeypatch):
    monkeypatch.setattr(quality, "KEPT_SECONDS", 3600)
    study = make_study(n_questions=6, responses_per_question=2)
    study_quality(study)
    work(study, "alice")
    found = study_quality(study)
    assert found["people"]["n"] == 0  # as of before
    assert found["counts"]["n_annotators"] == 1  # counters are always of now
    monkeypatch.setattr(quality, "KEPT_SECONDS", -1)
    assert study_quality(study)["version"] != found["version"]  # so that the page hears of it


def test_the_page_asks_only_for_what_is_newer(researcher_client):
    study = make_study(n_questions=6, responses_per_question=2)
    work(study, "alice")
    address = reverse("admin:annotation_study_quality", args=[study.pk])
    found = researcher_client.get(address)
    assert "no-store" in found["Cache-Control"]
    assert found.json()["people"]["n"] == 1
    assert researcher_client.get(address, {"seen": found.json()["version"]}).status_code == 204
    assert researcher_client.post(address).status_code == 405
    assert Client().get(address).status_code == 302  # to the sign-in page


def test_the_page_says_that_replacement_pauses_and_goes_on(researcher_client):
    study = make_study(n_questions=3, responses_per_question=1, min_gold=1, max_slots=40)
    page = reverse("admin:annotation_study_change", args=[study.pk])
    assert "Go on replacing" not in researcher_client.get(page).content.decode()
    for i in range(16):
        work(study, f"p{i}", is_gold_right=False)
    shown = researcher_client.get(page).content.decode()
    assert "15 of the last 15 people failed" in shown
    assert "Go on replacing" in shown
    researcher_client.post(reverse("admin:annotation_study_do", args=[study.pk, "resume"]))
    assert "Go on replacing" not in researcher_client.get(page).content.decode()
    assert ReplacementDecision.objects.first().n_created == 1


def test_readmission_by_the_list_of_people(researcher_client):
    study = make_study(n_questions=3, responses_per_question=1, min_gold=1)
    bob = work(study, "bob", is_gold_right=False)
    chosen = {"action": "readmit", "_selected_action": [bob.pk]}
    said = researcher_client.post(reverse("admin:annotation_participation_changelist"), chosen, follow=True)
    assert "The data of 1 person counts again" in said.content.decode()
    bob.refresh_from_db()
    assert bob.exclusion == ""
