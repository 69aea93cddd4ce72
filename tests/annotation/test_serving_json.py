"""The JSON that the page's script and simulated people speak, and what Carol and a fuzzer may do with it."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation.models import Assignment, Response
from annotation.services import links
from annotation.services.assignments import claim_assignment
from tests.annotation.making import enter, make_study, work

pytestmark = pytest.mark.django_db


def at(name, participation):
    return reverse(f"annotation:{name}", args=[links.participation_token(participation)])


def post(participation, body, client=None):
    body = body if isinstance(body, str | bytes) else json.dumps(body)
    return (client or Client()).post(at("responses", participation), body, content_type="application/json")


def test_a_whole_batch(client):
    study = make_study(n_questions=3)
    alice = enter(study)
    batch = client.get(at("assignment", alice)).json()
    assert batch["kind"] == "triplet"
    assert (batch["n_positions"], batch["n_answered"], batch["done"]) == (6, 0, False)
    assert batch["code"] == alice.annotator.code
    for i, question in enumerate(batch["questions"]):
        found = post(alice, {"assignment": batch["assignment"], "position": question["position"], "choice": "left",
                             "response_ms": 812, "latency_ms": 3})  # fmt: skip
        assert found.status_code == 200
        assert found.json() == {"saved": True, "is_new": True, "n_answered": i + 1, "is_complete": i == 5}
    assert set(Response.objects.values_list("response_ms", "latency_ms")) == {(812, 3)}


def test_a_reload_in_the_middle_brings_the_rest(client):
    alice = enter(make_study(n_questions=3))
    batch = client.get(at("assignment", alice)).json()
    post(alice, {"assignment": batch["assignment"], "position": 2, "choice": "left"})
    again = client.get(at("assignment", alice)).json()
    assert again["assignment"] == batch["assignment"]
    assert [q["position"] for q in again["questions"]] == [0, 1, 3, 4, 5]
    assert again["n_answered"] == 1


def test_ratings(client):
    alice = enter(make_study(kind="rating", n_questions=3))
    batch = client.get(at("assignment", alice)).json()
    question = batch["questions"][0]
    assert set(question) == {"position", "text", "picture", "attribute", "low", "high"}
    assert (question["attribute"], question["low"], question["high"]) == ("happy", 1, 9)
    assert post(alice, {"assignment": batch["assignment"], "position": 0, "rating": 7}).json()["saved"]
    refused = post(alice, {"assignment": batch["assignment"], "position": 1, "rating": 11})
    assert (refused.status_code, "1 to 9" in refused.json()["error"]) == (400, True)


def test_gold_looks_like_any_other_question(client):
    alice = enter(make_study(n_questions=3))
    batch = client.get(at("assignment", alice)).json()
    assert {frozenset(q) for q in batch["questions"]} == {frozenset({"position", "text", "reference", "left", "right"})}
    gold = set(Assignment.objects.get().presentations.filter(question__role="gold").values_list("position", flat=True))
    assert 0 < len(gold) < 6
    answers = {}
    for position in range(5):
        found = post(alice, {"assignment": batch["assignment"], "position": position, "choice": "left"})
        answers.setdefault(position in gold, set()).add((frozenset(found.json()), len(found.content)))
    assert answers[True] == answers[False]


def test_pages_of_gold_differ_in_nothing_but_pictures(client):
    study = make_study(n_questions=3, n_gold=3, min_gold=0, n_gold_per_batch=3)
    alice = enter(study)
    batch = client.get(at("assignment", alice)).json()
    pages = set()
    for question in batch["questions"]:
        html = client.get(at("questions", alice)).content.decode()
        html = re.sub(r"/pictures/[^\"]+", "PICTURE", html)
        html = re.sub(r'(value|data-position)="\d"', "NUMBER", html)
        pages.add(re.sub(r"\d (/|of) 6", "COUNT", html))
        position = question["position"]
        post(alice, {"assignment": batch["assignment"], "position": position, "choice": "left"})
    assert len(pages) == 1


def test_carol_cannot_answer_for_alice(client):
    study = make_study()
    alice, carol = enter(study, "alice"), enter(study, "carol")
    hers = claim_assignment(study, alice.annotator)
    found = post(carol, {"assignment": hers.pk, "position": 0, "choice": "left"})
    missing = post(carol, {"assignment": hers.pk + 1000, "position": 0, "choice": "left"})
    assert found.status_code == missing.status_code == 409
    assert found.json() == missing.json()
    assert found.json()["code"] == "assignment_not_yours"
    assert not Response.objects.exists()


def test_late_answers_are_kept_and_get_a_sentence(client):
    study = make_study(n_questions=3, responses_per_question=1)
    alice = enter(study)
    hers = claim_assignment(study, alice.annotator)
    Assignment.objects.update(state="expired")
    hers.slot.state = "done"
    hers.slot.save()
    found = post(alice, {"assignment": hers.pk, "position": 0, "choice": "left"})
    assert (found.status_code, found.json()["saved"]) == (200, True)
    assert "other people have taken your place" in found.json()["notice"]


def test_answers_need_no_cookie_and_no_csrf_token():
    alice = enter(make_study())
    hers = claim_assignment(alice.study, alice.annotator)
    strict = Client(enforce_csrf_checks=True)
    assert post(alice, {"assignment": hers.pk, "position": 0, "choice": "left"}, strict).status_code == 200
    assert strict.post(at("consent", alice)).status_code == 302


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"x"',
        b"\xff\xfe",
        "[" * 9000,
        "1" * 9000,
        '{"a": "' + "x" * 20_000 + '"}',
    ],
)
def test_bodies_that_are_no_answer(body):
    alice = enter(make_study())
    found = post(alice, body)
    assert found.status_code == 400
    assert found.json()["error"].endswith((".", "10000."))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(10**400),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_json_breaks_anything(data, db):
    if not Assignment.objects.exists():
        for kind in ("triplet", "rating"):
            study = make_study(kind=kind, n_questions=3)
            claim_assignment(study, enter(study).annotator)
    assignment = data.draw(st.sampled_from(list(Assignment.objects.select_related("participation"))))
    position = st.integers(0, 6) | json_values
    body = data.draw(
        st.fixed_dictionaries(
            {"assignment": st.just(assignment.pk) | json_values, "position": position},
            optional={
                "choice": st.sampled_from(["left", "right"]) | json_values,
                "rating": st.floats(0, 10) | json_values,
                "response_ms": json_values,
                "latency_ms": json_values,
            },
        )
    )
    before = Response.objects.count()
    found = post(assignment.participation, body)
    assert found.status_code in (200, 400, 409)
    is_new = found.status_code == 200 and found.json()["is_new"]
    assert Response.objects.count() == before + is_new
    if found.status_code != 200:
        assert found.json()["error"]


def test_plain_forms_work_without_script(client):
    study = make_study(n_questions=3)
    alice = enter(study)
    client.get(at("questions", alice))
    hers = alice.assignments.get()
    for position in range(6):
        page = client.post(
            at("questions", alice), {"assignment": hers.pk, "position": position, "choice": "right"}, follow=True
        )
    assert "Thank you" in page.content.decode()
    assert Response.objects.count() == 6
    old = client.post(at("questions", alice), {"assignment": hers.pk, "position": 0, "choice": "left"}, follow=True)
    assert "Thank you" in old.content.decode()
    assert client.post(at("questions", alice), {"assignment": hers.pk, "position": 0}).status_code in (302, 400)
    wrong = client.post(at("questions", alice), {"position": "x"})
    assert wrong.status_code == 400
    assert at("take", alice) in wrong.content.decode()


def test_a_stale_form_of_somebody_else_leads_home(client):
    study = make_study(n_questions=3)
    alice, carol = enter(study, "alice"), enter(study, "carol")
    hers = claim_assignment(study, alice.annotator)
    found = client.post(at("questions", carol), {"assignment": hers.pk, "position": 0, "choice": "left"})
    assert found["Location"] == at("take", carol)
    assert not Response.objects.exists()


def test_an_excluded_person_is_thanked_like_any_other(client):
    study = make_study(n_questions=6, min_gold=3, completion_code="C0DE")
    bob = work(study, "bob", is_gold_right=False)
    assert bob.exclusion == "gold"
    page = client.get(at("thanks", bob)).content.decode()
    assert "C0DE" in page  # pay is separate from data
    assert client.get(at("assignment", bob)).json()["done"]
