"""A posting makes good what people lost whose answers are not used: in places, within caps on slots and on money.

People take places at the local endpoints, do their work and hand in; everything between is what the scheduler does.
"""

import json
from contextlib import contextmanager
from decimal import Decimal

import pytest

from annotation.endpoints import serving
from annotation.endpoints.mturk import LocalMTurk
from annotation.endpoints.prolific import LocalProlific
from annotation.models import Assignment, OutboxEntry, Posting, ReplacementDecision, Slot
from annotation.services import entrances, links, payments, postings
from annotation.services.places import replace_places
from annotation.services.replacement import N_WATCHED, resume_replacement, slot_cap
from annotation.services.screening import exclude
from annotation.tasks import collect_submissions, tend_orders, tend_studies
from tests.annotation import market
from tests.annotation.making import finish
from tests.annotation.postings_made import make_posting, paid_study

pytestmark = pytest.mark.django_db
CURRENCY = {"mturk": "USD", "prolific": "GBP"}


class AtMTurk:
    def __init__(self, url):
        self.url = url

    def person(self, number):
        return f"A{number:06d}"

    def take(self, posting, person):
        status, body = market.post(self.url, "/worker/accept", {"worker_id": person, "hit_id": posting.external_id})
        return json.loads(body)["assignment_id"] if status == 200 else None

    def hand_in(self, taken):
        market.submit(self.url, taken, code="DONE")


class AtProlific(AtMTurk):
    def person(self, number):
        return f"{number:024x}"

    def take(self, posting, person):
        asked = {"participant_id": person, "study_id": posting.external_id}
        status, body = market.post(self.url, "/participant/start", asked)
        return json.loads(body)["submission_id"] if status == 200 else None

    def hand_in(self, taken):
        market.post(self.url, "/participant/complete", {"submission_id": taken, "code": "DONE"})


@contextmanager
def at(recruiter, settings):
    """A recruiter with its people's side."""
    endpoint, people = {"mturk": (LocalMTurk, AtMTurk), "prolific": (LocalProlific, AtProlific)}[recruiter]
    with serving.running(endpoint()) as url:
        settings.MTURK_ENDPOINT_URL = settings.PROLIFIC_URL = url
        settings.PROLIFIC_TOKEN = "secret"
        found = people(url)
        found.recruiter, found.number = recruiter, 0
        yield found


@pytest.fixture(params=["mturk", "prolific"])
def place(request, settings):
    with at(request.param, settings) as found:
        yield found


@pytest.fixture
def mturk(settings):
    with at("mturk", settings) as found:
        yield found


def study_at(place, budget="100.00", **settings):
    wanted = {"n_questions": 12, "responses_per_question": 2, "min_gold": 1, "n_gold_per_batch": 1} | settings
    return paid_study(budget=budget, currency=CURRENCY[place.recruiter], **wanted)


def tend():
    """What the scheduler does every minute."""
    tend_studies()
    tend_orders()
    collect_submissions()
    tend_orders()


def fill(place, study, is_spammer):
    """Let somebody new take every place that is open and do what it pays for; return how many came."""
    n_came = 0
    for posting in Posting.objects.filter(study=study, state="open").order_by("pk"):
        while (taken := place.take(posting, person := place.person(place.number))) is not None:
            place.number, n_came = place.number + 1, n_came + 1
            work(posting, person, taken, is_gold_right=not is_spammer(place.number))
            place.hand_in(taken)
    return n_came


def work(posting, person, taken, is_gold_right):
    from annotation.services.assignments import claim_assignment

    submission = entrances.enter_posting(posting, person, taken)
    links.record_consent(submission.participation)
    for _ in range(posting.batches_per_place):
        assignment = claim_assignment(posting.study, submission.annotator)
        if assignment is None:
            break
        finish(assignment, is_gold_right)


def run(place, study, is_spammer, rounds=30):
    """Tend and fill until nobody can come any more; return the rounds that it took."""
    for n in range(rounds):
        tend()
        if not fill(place, study, is_spammer):
            tend()
            return n
    raise AssertionError("it does not end")


def n_slots(study, state):
    return Slot.objects.filter(study=study, state=state).count()


def check_caps(study):
    spending = payments.spending(study)
    assert spending.committed <= spending.budget
    assert study.slots.count() <= slot_cap(study)
    paid = OutboxEntry.objects.filter(posting__study=study, kind="approve", state="confirmed").count()
    assert paid == Assignment.objects.filter(study=study, state="completed").count()  # spammers too: pay is separate


def orders_of_places(study):
    return ReplacementDecision.objects.filter(study=study, posting__isnull=False).order_by("pk")


@pytest.mark.parametrize("every", [0, 2])
def test_with_nobody_and_with_half_spamming_the_target_is_reached(place, every):
    study = study_at(place)
    make_posting(study, place.recruiter, n_places=8)
    run(place, study, lambda number: every and number % every == 0)
    assert (n_slots(study, "done"), n_slots(study, "free")) == (8, 0)
    check_caps(study)
    lost = n_slots(study, "void")
    assert lost == sum(row.n_places for row in orders_of_places(study))
    assert bool(lost) == bool(every)
    for row in orders_of_places(study):
        assert (row.n_places, row.needed) == (row.needed, row.target - row.good - row.in_flight)
        assert "in place of people whose answers are not used" in row.reason
    costs = sum((row.cost for row in orders_of_places(study)), Decimal(0))
    first = Posting.objects.filter(study=study).order_by("pk").first()
    published = OutboxEntry.objects.get(posting=first, kind="publish").cost
    assert payments.spending(study).committed == published + costs


def test_with_everybody_spamming_it_pauses_and_ends_at_the_cap_on_slots(place):
    study = study_at(place, n_questions=15, responses_per_question=3, max_slots=36)
    make_posting(study, place.recruiter, n_places=15)
    run(place, study, lambda number: True)
    assert study.replacement_decisions.filter(posting=None).first().reason.startswith("Paused")
    assert place.number == N_WATCHED + N_WATCHED - 1  # no place is ordered where no slot is created
    resume_replacement(study, "rita")
    run(place, study, lambda number: True)
    assert (study.slots.count(), n_slots(study, "done"), n_slots(study, "free")) == (36, 0, 0)
    assert place.number == 36
    check_caps(study)


def test_with_everybody_spamming_it_ends_at_the_cap_on_money(place):
    study = study_at(place, budget="10.00", n_questions=15, max_slots=200)
    make_posting(study, place.recruiter, n_places=9)
    for _ in range(4):
        run(place, study, lambda number: True)
        resume_replacement(study, "rita")
    check_caps(study)
    spending = payments.spending(study)
    assert spending.left < Decimal("0.75")  # not one place more
    refusal = orders_of_places(study).last()
    assert (refusal.n_places, "of the budget of 10.00" in refusal.reason) == (0, True)
    n_rows = orders_of_places(study).count()
    tend()
    tend()
    assert orders_of_places(study).count() == n_rows  # the same refusal is one row
    payments.set_budget(study, Decimal("20.00"), spending.currency)
    assert replace_places(study).n_places > 0


def test_no_more_than_was_posted_is_made_good(mturk):
    """A pilot of three places in a study of eight slots."""
    study = study_at(mturk)
    make_posting(study, mturk.recruiter, n_places=3)
    run(mturk, study, lambda number: number == 1)
    assert (n_slots(study, "done"), n_slots(study, "void"), n_slots(study, "free")) == (3, 1, 5)
    assert [row.n_places for row in orders_of_places(study)] == [1]


def test_places_of_several_batches_are_made_good_by_single_ones(mturk):
    study = study_at(mturk, n_questions=9, responses_per_question=2)
    make_posting(study, mturk.recruiter, n_places=3, reward="1.00", batches_per_place=2)
    run(mturk, study, lambda number: number == 1)
    beside = Posting.objects.order_by("-pk").first()
    assert (beside.batches_per_place, beside.reward, beside.n_places) == (1, Decimal("0.50"), 2)
    assert (n_slots(study, "done"), n_slots(study, "free")) == (6, 0)
    spending = payments.spending(study)
    assert spending.committed <= spending.budget


def test_nothing_is_ordered_where_a_researcher_wants_none(mturk):
    study = study_at(mturk)
    make_posting(study, mturk.recruiter, n_places=2, grows_itself=False)
    run(mturk, study, lambda number: True)
    assert not orders_of_places(study).exists()
    Posting.objects.update(grows_itself=True)
    postings.close_posting(Posting.objects.get())
    tend()
    assert replace_places(study) is None


def test_who_is_at_work_is_waited_for_and_who_is_excluded_is_not(mturk):
    study = study_at(mturk)
    posting = make_posting(study, mturk.recruiter, n_places=1)
    tend()
    posting.refresh_from_db()
    person = mturk.person(1)
    submission = entrances.enter_posting(posting, person, mturk.take(posting, person))
    assert replace_places(study) is None
    exclude(submission.participation, "researcher")
    found = replace_places(study)
    assert (found.target, found.good, found.in_flight, found.n_places) == (1, 0, 0, 1)
    assert replace_places(study) is None  # that place is open now
