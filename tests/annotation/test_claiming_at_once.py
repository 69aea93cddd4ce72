"""Beginning a pass in two exchanges is beginning it step by step; what is not ordinary is left to that.

SQLite goes step by step always: most of this file runs on PostgreSQL only, where `tests/annotation/test_saving.py`
takes it.
"""

import os
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from annotation import api
from annotation.models import Annotator, Assignment, Participation, Presentation, Slot, Study
from annotation.services import assignments, claiming, drawing
from annotation.services.assignments import claim_assignment
from annotation.services.claiming import claim_at_once
from annotation.services.links import participation_token
from tests.annotation.making import add_questions, enter, finish, make_annotator, make_study, work
from tests.annotation.test_saving import at_the_same_time

pytestmark = pytest.mark.django_db
on_postgres = pytest.mark.skipif(os.environ.get("TEST_DATABASE") != "postgres", reason="needs TEST_DATABASE=postgres")

RICH = {"n_questions": 12, "n_gold": 5, "batch_size": 4, "n_gold_per_batch": 2, "repeat_share": 0.5, "min_gold": 3,
        "gold_threshold": 0}  # fmt: skip
KINDS = [
    {"kind": "triplet", "shared_share": 0.5},
    {"kind": "choice", "options": ["happy", "sad", 'a"b', "{b}"]},
    {"kind": "rating", "groups_attributes": True, "question_text": "How {attribute}, in %?"},
]


def rich_study(**settings):
    return make_study(**RICH | settings)


def facts(study):
    """All that the beginning of a pass may change, without keys and the moment."""
    passes = Assignment.objects.filter(study=study).order_by("pk")
    return {
        "passes": [
            {k: v for k, v in row.items() if k not in ("id", "created_at")} | {"is_now": is_now(row["created_at"])}
            for row in passes.values()
        ],
        "positions": [
            list(one.presentations.order_by("position").values_list("position", flat=True)) for one in passes
        ],
        "people": list(Participation.objects.filter(study=study).values()),
        "slots": list(Slot.objects.filter(study=study).order_by("pk").values()),
    }


def is_now(moment):
    return abs(timezone.now() - moment) < timedelta(minutes=1)


@on_postgres
@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: settings["kind"])
def test_it_is_the_twin_of_step_by_step(settings, monkeypatch):
    """The same person begins the same pass in both ways, from the same supply, pass after pass."""
    study = rich_study(**settings)
    drawn_from, compose_pass = [], drawing.compose_pass

    def compose(study, n_gold_seen, supply):
        members = sorted(supply.members)
        asked = sorted({*members, *supply.gold, *supply.shared})
        seen = (n_gold_seen, members, supply.gold, supply.shared[:2], sorted(supply.earlier))
        references = supply.references_of(asked) if study.groups_attributes else None
        drawn_from.append((*seen, references, [getattr(study, name) for name in claiming.OF_STUDY]))
        return compose_pass(study, n_gold_seen, supply)

    for place in (claiming, drawing):
        monkeypatch.setattr(place, "compose_pass", compose)
    alice, n_passes, met_gold = enter(study), 0, 0
    for _ in range(5):
        before = transaction.savepoint()
        begun = claim_at_once(alice.pk)
        if begun is None:
            transaction.savepoint_rollback(before)
            break
        at_once = facts(study)
        transaction.savepoint_rollback(before)
        assignment = claim_assignment(study, alice.annotator)
        assert facts(study) == at_once
        assert drawn_from[-2] == drawn_from[-1]
        n_passes, met_gold = n_passes + 1, met_gold + sum(drawn_from[-1][2].values())
        finish(assignment)
    assert n_passes == study.batches.count() >= 2
    assert claim_assignment(study, alice.annotator) is None
    assert met_gold > 0


@on_postgres
@pytest.mark.parametrize("settings", KINDS, ids=lambda settings: settings["kind"])
def test_the_page_is_told_what_it_is_told_when_it_is_loaded_again(settings):
    study = rich_study(**settings)
    alice = enter(study)
    address = f"/take/{participation_token(alice)}/assignment"
    first, again = Client().get(address).json(), Client().get(address).json()
    assert len(first["questions"]) == first["n_positions"] > 4
    assert first["n_positions"] == Presentation.objects.count()
    for told in (first, again):
        for question in told["questions"]:
            for name in {"reference", "left", "right", "picture"} & set(question):
                assert question.pop(name).startswith("/")  # another address of the same picture each time
    assert first == again


@on_postgres
def test_sides_are_those_that_are_kept():
    study = make_study(n_questions=12, batch_size=12)
    shown = claim_at_once(enter(study).pk).shown
    kept = Presentation.objects.order_by("position").values_list("question", "is_first_left", "is_repeat")
    assert list(kept) == [(one.question_id, one.is_first_left, one.is_repeat) for one in shown]
    assert len({one.is_first_left for one in shown}) == 2  # of a dozen: one in two thousand times all are the same


@on_postgres
def test_a_study_is_walked_without_going_step_by_step(monkeypatch):
    study = make_study(n_practice=2)
    Participation.objects.filter(pk=(alice := enter(study)).pk).update(practised_at=timezone.now())
    monkeypatch.setattr(api, "claim_assignment", None)
    client, token = Client(), participation_token(alice)
    for n_passes in range(2):
        told = client.get(f"/take/{token}/assignment").json()
        for question in told["questions"]:
            answer = {"assignment": told["assignment"], "position": question["position"], "choice": "left"}
            assert client.post(f"/take/{token}/responses", answer, "application/json").status_code == 200
        assert Assignment.objects.filter(state="completed").count() == n_passes + 1


def close(study, alice):
    Study.objects.update(state="closed")


def exclude(study, alice):
    Participation.objects.update(exclusion="gold")


def take_back_consent(study, alice):
    Participation.objects.update(consented_at=None, consent_version=None)


def change_consent(study, alice):
    Study.objects.update(consent_version=2)


def ask_for_practice(study, alice):
    Participation.objects.update(practised_at=None)
    Study.objects.update(n_practice=1)
    add_questions(study, "practice", 1)


def ask_for_qualification(study, alice):
    Study.objects.update(n_qualification=2)


def limit_the_study(study, alice):
    finish(claim_assignment(study, alice.annotator))
    Study.objects.update(max_batches_per_annotator=1)


def limit_the_person(study, alice):
    Participation.objects.update(max_assignments=0)


def begin(study, alice):
    claim_assignment(study, alice.annotator)


def run_out(study, alice):
    begin(study, alice)
    Assignment.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
    assignments.expire_leases()


def leave_nothing(study, alice):
    work(study, "alice")


def leave_nothing_free(study, alice):
    Slot.objects.update(state="taken")


NOT_ORDINARY = [close, exclude, take_back_consent, change_consent, ask_for_practice, ask_for_qualification,
                limit_the_study, limit_the_person, begin, run_out, leave_nothing, leave_nothing_free]  # fmt: skip


@pytest.mark.parametrize("before", NOT_ORDINARY)
def test_what_is_not_ordinary_is_left_alone(before):
    study = make_study()
    alice = enter(study)
    before(study, alice)
    there = facts(study)
    assert claim_at_once(alice.pk) is None
    assert claim_at_once(2**62) is None
    assert facts(study) == there


@on_postgres
def test_practice_and_qualification_behind_them_people_begin_at_once():
    study = make_study(n_practice=1, n_qualification=2)
    alice = enter(study)
    Participation.objects.update(qualified_at=timezone.now())
    assert claim_at_once(alice.pk) is not None


@pytest.mark.django_db(transaction=True)
def test_a_fault_between_the_two_exchanges_gives_the_slot_back(monkeypatch):
    study = make_study()
    alice = enter(study)
    there = facts(study)
    for place in (claiming, drawing):
        monkeypatch.setattr(place, "compose_pass", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _ = claim_at_once(alice.pk) or claim_assignment(study, alice.annotator)
    assert facts(study) == there
    monkeypatch.undo()
    assert claim_at_once(alice.pk) or claim_assignment(study, alice.annotator)


@pytest.mark.django_db(transaction=True)
def test_tabs_of_one_person_begin_one_pass():
    study = make_study(n_questions=12)
    alice = enter(study)

    def tab():
        begun = claim_at_once(alice.pk)
        return begun.assignment.pk if begun else claim_assignment(study, alice.annotator).pk

    for n_passes in range(1, 4):
        found = at_the_same_time(*[tab] * 4)
        assert len(set(found)) == 1
        assert Assignment.objects.count() == n_passes
        assert Slot.objects.exclude(state="free").count() == n_passes
        finish(Assignment.objects.get(pk=found[0]))


@pytest.mark.django_db(transaction=True)
def test_people_who_begin_together_get_places_of_their_own():
    study = make_study(n_questions=12, responses_per_question=2)
    people = [enter(study, f"p{i}") for i in range(6)]

    def begin(person):
        begun = claim_at_once(person.pk)
        return begun.assignment.pk if begun else claim_assignment(study, person.annotator).pk

    at_the_same_time(*[lambda person=person: begin(person) for person in people])
    slots = list(Assignment.objects.values_list("slot", flat=True))
    assert len(set(slots)) == 6
    assert set(Slot.objects.filter(state="taken").values_list("pk", flat=True)) == set(slots)


@on_postgres
@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_mended_step_by_step():
    study = make_study()
    alice = enter(study)
    assert Annotator.objects.get() == make_annotator()
    pid = connection.connection.info.backend_pid
    assert len(at_the_same_time(lambda: connection.cursor().execute("SELECT pg_terminate_backend(%s)", [pid]))) == 1
    assert claim_at_once(alice.pk) is None
    assert claim_assignment(study, alice.annotator).n_positions > 0
