"""Saving in one statement is saving step by step: the same rows, the same refusals, on both databases, in any race.

SQLite goes step by step always. `test_all_of_it_on_postgresql` runs this file and its neighbours once more there.
"""

import os
import random
import subprocess
import sys
import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from annotation.errors import AnnotationError, LinkInvalid
from annotation.forms import ResponseForm, read_answer, require_valid
from annotation.models import Assignment, Participation, Presentation, Response, Slot
from annotation.services import responses
from annotation.services.assignments import claim_assignment, expire_leases
from annotation.services.responses import record_answer, record_response, record_step_by_step
from annotation.services.saving import save_at_once
from tests.annotation.making import enter, make_study

pytestmark = pytest.mark.django_db
IS_POSTGRES = os.environ.get("TEST_DATABASE") == "postgres"
on_postgres = pytest.mark.skipif(not IS_POSTGRES, reason="needs TEST_DATABASE=postgres")
ANSWER = {"choice": "left", "rating": None, "label": None, "response_ms": 900, "latency_ms": 1}


def begin(**settings):
    study = make_study(**settings)
    return claim_assignment(study, enter(study).annotator)


def facts(assignment):
    """All that an answer may change, without keys and the moment."""
    person = Participation.objects.get(pk=assignment.participation_id)
    assignment = Assignment.objects.get(pk=assignment.pk)
    skipped = ("id", "assignment_id", "annotator_id", "answered_at")
    rows = Response.objects.filter(assignment=assignment).order_by("position").values()
    return {
        "responses": [{k: v for k, v in row.items() if k not in skipped} for row in rows],
        "pass": (assignment.n_answered, assignment.state, assignment.leased_until, assignment.completed_at is not None),
        "person": (person.n_responses, person.n_gold, person.n_gold_right, person.n_assignments, person.exclusion),
        "slot": Slot.objects.get(pk=assignment.slot_id).state,
    }


def outcome(record, assignment, position, answer):
    try:
        return record(assignment.participation_id, assignment.pk, position, **answer)
    except AnnotationError as error:
        return type(error), str(error)


def random_answer(chance, kind, share):
    """One that fits the kind of question, or with this share anything."""
    fitting = {
        "triplet": {"choice": chance.choice(["left", "right"])},
        "rating": {"rating": chance.choice([1, 4, 5, 6, 6.5, 9])},
        "choice": {"label": chance.choice(["happy", "sad"])},
    }[kind]
    anything = {
        "choice": chance.choice([None, "left", "first", ""]),
        "rating": chance.choice([None, 0, 9.5, float("nan"), float("inf"), 5]),
        "label": chance.choice([None, "happy", "bored", "", 'a"b', "[0]"]),
    }
    times = {name: chance.choice([None, 0, 249, 250, 86_400_000]) for name in ("response_ms", "latency_ms")}
    return dict.fromkeys(ANSWER) | times | (anything if chance.random() < share else fitting)


@pytest.mark.parametrize("accuracy", [0.1, 0.9])
@pytest.mark.parametrize("kind", ["triplet", "rating", "choice"])
def test_it_is_the_twin_of_step_by_step(kind, accuracy, monkeypatch):
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)
    study = make_study(kind=kind, n_questions=6, batch_size=6, n_gold=5, n_gold_per_batch=4, min_gold=2,
                       repeat_share=0.34, gold_threshold=0.5, options=["happy", "sad", 'a"b'])  # fmt: skip
    one, other = (claim_assignment(study, enter(study, name).annotator) for name in ("alice", "bob"))
    Presentation.objects.filter(assignment=other).delete()
    shown = [(p.position, p.question_id, p.is_first_left, p.is_repeat) for p in one.presentations.all()]
    Presentation.objects.bulk_create(
        Presentation(assignment=other, position=a, question_id=b, is_first_left=c, is_repeat=d) for a, b, c, d in shown
    )
    chance, seen = random.Random(f"{kind} {accuracy}"), set()
    Participation.objects.update(n_gold=10, n_gold_right=10 * accuracy)
    wild = [(chance.randrange(one.n_positions + 1), 0.5) for _ in range(30)]
    for position, share in wild + [(position, 0) for position in range(one.n_positions)]:
        answer = random_answer(chance, kind, share)
        found = outcome(record_answer, one, position, answer)
        assert found == outcome(record_step_by_step, other, position, answer), answer
        seen.add(getattr(found, "is_new", None))
    assert facts(one) == facts(other)
    assert facts(one)["person"][4] == ("gold" if accuracy < 0.3 else "")
    assert facts(one)["pass"][1] == "completed"
    assert seen == {True, False, None}


@on_postgres
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("triplet", [{"choice": "left"}, {"choice": "right"}]),
        ("rating", [{"rating": 1}, {"rating": 9}]),
        ("choice", [{"label": "happy"}, {"label": "sad"}]),
    ],
)
def test_a_pass_takes_one_statement_an_answer_whatever_is_asked(kind, values, monkeypatch):
    hers = begin(kind=kind, n_questions=6, batch_size=6, n_gold=4, n_gold_per_batch=3, min_gold=0, gold_threshold=0)
    monkeypatch.setattr(responses, "record_step_by_step", None)
    n = hers.n_positions
    for position in range(n):
        found = record_response(hers, position, **values[position % 2])
        assert found == responses.Recorded(True, position == n - 1, position + 1)
    assert Response.objects.exclude(is_right=None).count() >= 2


def last_of_a_qualification(hers):
    Assignment.objects.filter(pk=hers.pk).update(n_answered=hers.n_positions - 1, is_qualification=True)


def last_of_somebody_bad(hers):
    Assignment.objects.filter(pk=hers.pk).update(n_answered=hers.n_positions - 1)
    Participation.objects.update(n_gold=20, n_gold_right=10)


def answered(hers):
    record_response(hers, 0, choice="right")


def expired(hers):
    Assignment.objects.filter(pk=hers.pk).update(leased_until=timezone.now() - timedelta(seconds=5))
    expire_leases()


def nothing(hers):
    pass


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        (last_of_a_qualification, {}),
        (last_of_somebody_bad, {}),
        (answered, {}),
        (expired, {}),
        (nothing, {"choice": "up"}),
        (nothing, {"rating": 3}),
        (nothing, {"label": "happy"}),
        (nothing, {"choice": None}),
        (nothing, {"position": 99}),
        (nothing, {"position": 2**40}),
        (nothing, {"assignment": 2**62}),
        (nothing, {"participation": 2**62}),
    ],
)
def test_what_is_not_ordinary_is_left_alone(before, changes):
    hers = begin()
    before(hers)
    there = facts(hers)
    given = {"participation": hers.participation_id, "assignment": hers.pk, "position": 0} | ANSWER | changes
    assert save_at_once(**given) is None
    assert facts(hers) == there


def test_somebody_elses_pass_is_refused_like_a_missing_one():
    hers = begin()
    carol = enter(hers.study, "carol")
    found = {outcome(record_answer, Assignment(pk=pk, participation=carol), 0, ANSWER) for pk in (hers.pk, 2**40)}
    assert len(found) == 1
    assert not Response.objects.exists()
    with pytest.raises(LinkInvalid):
        record_answer(2**40, hers.pk, 0, **ANSWER)


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"choice": None, "rating": 7}, {"choice": None, "label": "happy"}, {"latency_ms": -5},
        {"response_ms": 10**14},
        {"rating": 0.25}, {"choice": ""}, {"label": ""}, {"label": " x "}, {"response_ms": 1.5}, {"response_ms": "x"},
        {"position": "1"}, {"position": True}, {"position": -1}, {"position": 32768}, {"assignment": 0},
        {"assignment": 2**63}, {"rating": True}, {"rating": 10**400}, {"rating": float("inf")}, {"choice": "up"},
        {"label": "x" * 81}, {"label": "\x00"}, {"label": "\ud800"}, {"choice": ["left"]}, {"more": 1},
        {"response_ms": 10**15}, {"response_ms": None},
    ],
)  # fmt: skip
def test_what_is_read_at_once_is_what_the_form_reads(changes):
    data = {"assignment": 7, "position": 3, "choice": "left", "response_ms": 812, "latency_ms": 3} | changes

    def read(reader):
        try:
            return reader(data)
        except AnnotationError as error:
            return str(error)

    assert read(read_answer) == read(lambda data: require_valid(ResponseForm(data)).answer)


# Races ------------------------------------------------------------------------------------------------


def at_the_same_time(*jobs):
    """Run each job in a thread of its own, all released at once; return what they returned."""
    barrier, found, errors = threading.Barrier(len(jobs)), [], []

    def run(job):
        try:
            barrier.wait()
            found.append(job())
        except Exception as error:
            errors.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return found


@pytest.mark.django_db(transaction=True)
def test_two_tabs_send_the_same_answers_at_once():
    hers = begin(n_questions=8, batch_size=8, n_gold=0)

    def tab(side, order):
        return lambda: [record_response(hers, i, choice=side) for i in order]

    order = list(range(8))
    found = at_the_same_time(tab("left", order), tab("right", order), tab("left", order[::-1]))
    assert sum(one.is_new for tab in found for one in tab) == 8
    assert sum(one.is_new and one.is_complete for tab in found for one in tab) == 1
    assert Response.objects.count() == 8
    assert sorted(one.n_answered for tab in found for one in tab if one.is_new) == list(range(1, 9))
    now = facts(hers)
    assert (now["pass"][:2], now["person"], now["slot"]) == ((8, "completed"), (8, 0, 0, 1, ""), "done")


@pytest.mark.django_db(transaction=True)
def test_answers_and_the_end_of_a_lease_at_once():
    hers = begin(n_questions=6, batch_size=6, n_gold=0, responses_per_question=1)
    for position in range(5):
        Assignment.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
        found = at_the_same_time(lambda i=position: record_response(hers, i, choice="left"), expire_leases)
        assert responses.Recorded(True, False, position + 1) in found
        state, slot = Assignment.objects.get().state, Slot.objects.get().state
        assert (state, slot) in {("active", "taken"), ("expired", "free")}
    assert facts(hers)["person"][0] == Response.objects.count() == 5


@on_postgres
@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_loses_no_answer():
    hers = begin(n_questions=6, batch_size=6)
    assert record_response(hers, 0, choice="left").is_new
    pid = connection.connection.info.backend_pid
    done = at_the_same_time(lambda: connection.cursor().execute("SELECT pg_terminate_backend(%s)", [pid]))
    assert len(done) == 1
    connection.health_check_done = False  # as at the beginning of each request
    assert record_response(hers, 1, choice="left").is_new
    assert Response.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.skipif(IS_POSTGRES, reason="that is where we are")
def test_all_of_it_on_postgresql(postgres_url):
    import psycopg

    name = f"saving_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    environment = os.environ | {
        "TEST_DATABASE": "postgres",
        "DATABASE_URL": urlsplit(postgres_url)._replace(path=f"/{name}").geturl(),
    }
    for inherited in ("PYTEST_XDIST_WORKER", "SEMBLANCE_TEST_ROOT"):
        environment.pop(inherited, None)
    files = [
        f"tests/annotation/test_{name}.py"
        for name in ("saving", "answering", "gold_hidden", "claiming_at_once", "passes")
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files],
        env=environment, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
