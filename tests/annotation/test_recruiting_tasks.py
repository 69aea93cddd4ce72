"""What the scheduler does for orders and postings; and the command that serves a local Prolific."""

import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from annotation import tasks
from annotation.endpoints import serving
from annotation.endpoints.mturk import LocalMTurk
from annotation.endpoints.prolific import LocalProlific
from annotation.models import Posting, Submission
from annotation.services.payments import spending
from annotation.services.places import count_promises
from tests.annotation.market import advance, client, fault, post
from tests.annotation.postings_made import make_posting, paid_study, publish, work_at_mturk

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def url(settings):
    with serving.running(LocalMTurk()) as address:
        settings.MTURK_ENDPOINT_URL = address
        yield address


@pytest.mark.django_db
def test_sweeps_publish_collect_and_pay(url):
    make_posting(paid_study())
    tasks.tend_orders()
    posting = Posting.objects.get()
    work_at_mturk(url, posting, "A1ALICE")
    tasks.collect_submissions()
    tasks.tend_orders()
    assert Submission.objects.get().state == Submission.State.APPROVED
    tasks.tend_orders()


@pytest.mark.django_db
def test_one_posting_that_cannot_be_read_stops_no_other(url):
    study = paid_study()
    one, two = publish(study), publish(study)
    work_at_mturk(url, two, "A1ALICE")
    fault(url, "error_before", "ListAssignmentsForHIT", times=4)  # all of botocore's attempts for the first
    with pytest.raises(RuntimeError, match=r"could not be read: Faces at Mechanical Turk\."):
        tasks.collect_submissions()
    one.refresh_from_db()
    assert one.collected_at is None
    assert two.orders.filter(kind="approve").exists()


def ends_by_its_days(monkeypatch, address, posting):
    later = timedelta(days=posting.days_open, minutes=1)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + later

    advance(address, later.total_seconds())
    monkeypatch.setattr("annotation.recruiters.mturk.datetime", Later)


def ends_at_mturks_own_page(monkeypatch, address, posting):
    client(address).update_expiration_for_hit(HITId=posting.external_id, ExpireAt=0)


@pytest.mark.django_db
@pytest.mark.parametrize("end", [ends_by_its_days, ends_at_mturks_own_page])
def test_a_hit_that_is_over_is_closed_here_and_its_free_places_are_no_promise(url, end, monkeypatch):
    posting = publish(paid_study(budget="3.00"), n_places=3)
    work_at_mturk(url, posting, "A1ALICE")
    tasks.collect_submissions()
    posting.refresh_from_db()
    assert (posting.state, count_promises(posting.study).in_flight) == (Posting.State.OPEN, 2)
    end(monkeypatch, url, posting)
    tasks.collect_submissions()
    posting.refresh_from_db()
    assert posting.state == Posting.State.CLOSED and posting.closed_at is not None
    assert "over at Mechanical Turk" in posting.message
    assert count_promises(posting.study).in_flight == 0
    assert spending(posting.study).committed == Decimal("0.60")  # of 1.80: one place was taken
    assert posting.orders.filter(kind="approve").exists()


@pytest.mark.django_db
def test_a_study_that_was_ended_at_prolific_is_closed_here_and_a_full_one_is_not(settings):
    with serving.running(endpoint := LocalProlific()) as address:
        settings.PROLIFIC_URL, settings.PROLIFIC_TOKEN = address, "secret"
        posting = publish(paid_study(currency="GBP"), "prolific", n_places=1)
        study = endpoint.ledger["studies"][posting.external_id]
        started = {"participant_id": "a" * 24, "study_id": posting.external_id}
        for status, is_full, expected in (
            ("ACTIVE", False, Posting.State.OPEN),
            ("PAUSED", False, Posting.State.OPEN),
            ("AWAITING REVIEW", True, Posting.State.OPEN),  # it goes on when it gets more places
            ("AWAITING REVIEW", False, Posting.State.CLOSED),
            ("COMPLETED", True, Posting.State.CLOSED),
        ):
            Posting.objects.update(state=Posting.State.OPEN)
            study["status"] = "ACTIVE"
            endpoint.ledger["submissions"].clear()
            if is_full:
                assert post(address, "/participant/start", started)[0] == 200
            study["status"] = status
            tasks.collect_submissions()
            posting.refresh_from_db()
            assert posting.state == expected, status


def test_the_command_serves_prolific():
    command = [sys.executable, "manage.py", "local_prolific", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().split(" at ")[1].split()[0].rstrip(".")
            headers = {"Authorization": "Token secret"}
            answer = requests.get(url + "/api/v1/studies/", headers=headers, timeout=10)
            assert answer.json()["results"] == []
        finally:
            process.terminate()
