"""Replacement with nobody, half and everybody guessing; the circuit breaker; readmission."""

import pytest
from django.utils import timezone

from annotation.models import Participation, ReplacementDecision, Response, Slot
from annotation.services import replacement
from annotation.services.consensus import settle_questions
from annotation.services.replacement import replace_slots, resume_replacement, slot_cap, why_paused
from annotation.services.screening import exclude, readmit
from tests.annotation.making import make_study, work

pytestmark = pytest.mark.django_db


def n_slots(state):
    return Slot.objects.filter(state=state).count()


def send(study, n, guesses, begin=0):
    """Let n people come one after another, the i-th guessing where guesses(i)."""
    for i in range(begin, begin + n):
        work(study, f"p{i}", is_gold_right=not guesses(i))


@pytest.mark.parametrize("share", [0, 2])
def test_with_nobody_and_with_half_guessing_the_target_is_reached(share):
    study = make_study(n_questions=6, responses_per_question=2, min_gold=2, max_slots=40)
    send(study, 8, lambda i: share and i % share == 0)
    assert n_slots("done") == 4
    assert n_slots("free") == 0
    assert Slot.objects.count() <= slot_cap(study)
    assert settle_questions(study).n_settled == 6


def test_with_everybody_guessing_replacement_pauses_and_goes_on_when_told_to_until_the_cap():
    study = make_study(n_questions=3, responses_per_question=1, min_gold=1, max_slots=18)
    send(study, 20, lambda i: True)
    assert n_slots("void") == replacement.N_WATCHED
    assert n_slots("free") == 0
    last = ReplacementDecision.objects.first()
    assert last.reason.startswith("Paused: 15 of the last 15 people failed")
    assert (last.needed, last.n_created) == (1, 0)
    n_rows = ReplacementDecision.objects.count()
    replace_slots(study)
    assert ReplacementDecision.objects.count() == n_rows  # a sweep every few seconds leaves no further row
    assert resume_replacement(study, "rita").n_created == 1
    assert "rita decided so" in ReplacementDecision.objects.all()[1].reason
    assert why_paused(study) == ""
    send(study, 10, lambda i: True, begin=20)
    assert Slot.objects.count() == 18
    assert "the cap of 18 slots is reached" in ReplacementDecision.objects.first().reason


def test_readmission_takes_the_slots_back_and_withdraws_the_spare_ones():
    study = make_study(n_questions=6, responses_per_question=1, min_gold=2)
    bob = work(study, "bob", n_batches=2, is_gold_right=False)
    assert (bob.exclusion, n_slots("void"), n_slots("free")) == ("gold", 1, 2)
    assert settle_questions(study).n_settled == 0
    assert readmit(bob)
    assert (bob.exclusion, bob.excluded_at) == ("", None)
    assert (n_slots("void"), n_slots("done"), n_slots("free")) == (0, 1, 1)
    assert settle_questions(study).n_settled == 3
    audit = ReplacementDecision.objects.first().reason
    assert audit == f"{bob.annotator} was readmitted by a researcher: 1 pass counts again, 1 slot is withdrawn."
    assert not readmit(bob)
    bob = work(study, "bob", is_gold_right=False)  # the filter does not overrule the researcher
    assert (bob.exclusion, n_slots("done")) == ("", 2)
    assert exclude(bob, Participation.Exclusion.RESEARCHER)
    assert n_slots("void") == 2


def test_readmission_leaves_work_that_somebody_has_begun():
    study = make_study(n_questions=3, responses_per_question=1, min_gold=1)
    bob = work(study, "bob", is_gold_right=False)
    work(study, "alice")
    readmit(bob)
    assert n_slots("done") == 2
    assert Response.objects.filter(study=study).count() == 8


def test_the_latest_people_are_those_who_finished_last():
    study = make_study(n_questions=3, responses_per_question=30, min_gold=1)
    send(study, 14, lambda i: True)
    work(study, "careful")
    work(study, "p14", is_gold_right=False)
    assert why_paused(study).startswith("Paused: 14 of the last 15")
    study.replacement_resumed_at = timezone.now()
    assert why_paused(study) == ""
