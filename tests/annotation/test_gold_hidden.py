"""A gold question differs from any other in nothing but its pictures: bytes, headers, lengths, work done."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.services import studies
from annotation.services.assignments import claim_assignment
from tests.annotation.making import enter, make_collection, make_study
from tests.annotation.test_serving_json import at, post

pytestmark = pytest.mark.django_db
KINDS = ["triplet", "rating", "choice"]
VALUE = {"triplet": {"choice": "left"}, "rating": {"rating": 5}, "choice": {"label": "happy"}}
PICTURE = re.compile(r"/pictures/[^\"<> ]+")


def without_pictures(page: bytes) -> str:
    """The page with each address of a picture replaced by its length, and its own number by nothing."""
    text = PICTURE.sub(lambda found: f"PICTURE of {len(found.group())}", page.decode())
    text = re.sub(r'((name="position" |data-|progress.* )(value|position))="\d"', r"\1", text)
    return re.sub(r"\d (/|of) \d", r"\1", text)


def begin(kind, **settings):
    """Alice with a pass of gold, ordinary questions, shared ones and repeats, and which of them are gold."""
    study = make_study(
        kind=kind, n_questions=6, n_gold=3, n_gold_per_batch=3, min_gold=9, batch_size=3, repeat_share=0.34,
        shared_share=0.34, **settings,
    )  # fmt: skip
    alice = enter(study)
    shown = claim_assignment(study, alice.annotator).presentations.order_by("position").select_related("question")
    assert {row.question.role for row in shown} == {"gold", "ordinary", "shared"}
    assert {row.is_repeat for row in shown} == {True, False}
    assert len(shown) < 10  # numbers of one digit
    return alice, [row.question.role == "gold" for row in shown]


@pytest.mark.parametrize("kind", KINDS)
def test_the_bytes_of_its_page_and_of_its_answer(client, kind):
    alice, is_gold = begin(kind)
    batch = client.get(at("assignment", alice)).json()
    pages, headers, answers, n_queries = {}, {}, {}, {}
    for position, gold in enumerate(is_gold[:-1]):  # the last answer completes the pass, gold or not
        page = client.get(at("questions", alice))
        pages.setdefault(gold, set()).add((without_pictures(page.content), len(page.content)))
        with CaptureQueriesContext(connection) as queries:
            answer = post(alice, {"assignment": batch["assignment"], "position": position, **VALUE[kind]}, client)
        n_queries.setdefault(gold, set()).add(len(queries))
        answers.setdefault(gold, set()).add(re.sub(rb'"n_answered": \d', b"", answer.content))
        for response in (page, answer):
            kept = {k: v for k, v in response.headers.items() if k not in ("Expires", "Last-Modified")}
            kept = re.sub(r"nonce-[^']+", "nonce", str(kept))
            headers.setdefault(gold, set()).add(kept)
    for found in (pages, headers, answers, n_queries):
        assert found[True] == found[False]
    assert len(pages[True]) == len(answers[True]) == len(n_queries[True]) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_of_the_batch(client, kind):
    alice, is_gold = begin(kind)
    found = {True: set(), False: set()}
    for question, gold in zip(client.get(at("assignment", alice)).json()["questions"], is_gold, strict=True):
        shape = {k: len(v) if isinstance(v, str) else v for k, v in question.items() if k != "position"}
        found[gold].add(str(shape))
    assert found[True] == found[False]
    assert len(found[True]) == 1


def test_its_pictures_come_with_the_headers_of_any_other(client):
    alice, is_gold = begin("rating")
    found = {True: set(), False: set()}
    for question, gold in zip(client.get(at("assignment", alice)).json()["questions"], is_gold, strict=True):
        response = client.get(question["picture"].removeprefix("http://testserver"))
        list(response.streaming_content)
        # What may differ is the length of the picture itself, and it is that of the stored file.
        assert "ETag" not in response.headers and "Last-Modified" not in response.headers
        found[gold].add(str({k: v for k, v in response.headers.items() if k != "Content-Length"}))
    assert found[True] == found[False]


def test_gold_of_the_labels_shows_pictures_that_are_asked_about_anyway():
    """Neither its size nor its being new tells a gold picture: the same files stand in ordinary questions."""
    collection = make_collection(24)
    for i, stimulus in enumerate(collection.stimuli.order_by("pk")):
        stimulus.class_label, stimulus.degree = ["happy", "sad"][i % 2], i
        stimulus.save()
    study = studies.create_study("words", collection, "choice", options=["happy", "sad"])
    studies.create_questions(study)
    shown = {role: set() for role in ("gold", "ordinary", "practice")}
    for role, picture in study.question_set.questions.values_list("role", "reference"):
        shown[role].add(picture)
    assert shown["gold"]
    assert shown["gold"] | shown["practice"] <= shown["ordinary"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_qualification_looks_like_any_other_pass(client, kind):
    study = make_study(kind=kind, n_questions=4, batch_size=4, n_gold=8, n_gold_per_batch=0, n_qualification=4)
    found = []
    for name in ("alice", "bob"):
        person = enter(study, name)
        if name == "bob":
            study.participations.filter(pk=person.pk).update(qualified_at="2026-01-01T00:00Z")
        page = without_pictures(client.get(at("questions", person)).content)
        page = page.replace(person.annotator.code, "CODE").replace(at("take", person), "/take/")
        found.append(re.sub(r'name="assignment" value="\d+"', "", page))
        assert person.assignments.get().is_qualification == (name == "alice")
    assert found[0] == found[1]
