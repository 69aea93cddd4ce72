"""Recording responses: once, at once, never twice; and what is refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.errors import AnswerInvalid, AssignmentClosed
from annotation.models import Assignment, Participation, Response, Slot
from annotation.services import studies
from annotation.services.assignments import claim_assignment, expire_leases
from annotation.services.responses import record_response, sane_ms
from tests.annotation.making import answer, enter, finish, make_annotator, make_study, side_of_first

pytestmark = pytest.mark.django_db


def begin(**settings):
    study = make_study(**settings)
    return claim_assignment(study, make_annotator("alice"))


def test_the_side_becomes_a_candidate():
    assignment = begin(n_questions=19, batch_size=19)
    for shown in assignment.presentations.all():
        record_response(assignment, shown.position, choice="left", response_ms=700, latency_ms=30)
        saved = Response.objects.get(assignment=assignment, position=shown.position)
        assert saved.choice == ("first" if shown.is_first_left else "second")
        assert saved.is_first_left == shown.is_first_left
        assert (saved.response_ms, saved.latency_ms, saved.is_fast) == (700, 30, False)


@pytest.mark.parametrize(("response_ms", "is_fast"), [(299, True), (300, False), (None, False)])
def test_answers_below_the_floor_are_flagged_and_kept(response_ms, is_fast):
    assignment = begin(floor_ms=300)
    record_response(assignment, 0, choice="left", response_ms=response_ms)
    assert Response.objects.get().is_fast is is_fast


def test_a_second_answer_changes_nothing():
    assignment = begin()
    shown = assignment.presentations.get(position=0)
    first = answer(assignment, 0)
    assert (first.is_new, first.n_answered) == (True, 1)
    other = {"left": "right", "right": "left"}[side_of_first(shown)]
    second = record_response(assignment, 0, choice=other)
    assert (second.is_new, second.n_answered) == (False, 1)
    assert Response.objects.get().choice == "first"
    assert Participation.objects.get().n_responses == 1


def test_a_retry_after_completion_is_told_that_all_is_saved():
    assignment = begin(n_questions=3)
    last = finish(assignment)
    assert last.is_complete
    again = answer(assignment, assignment.n_positions - 1)
    assert (again.is_new, again.is_complete) == (False, True)


def test_completion_closes_the_slot_and_counts():
    assignment = begin(n_questions=3, n_gold=4, min_gold=4)
    finish(assignment)
    assert (assignment.state, assignment.n_answered) == ("completed", 6)
    assert assignment.completed_at is not None
    assert Slot.objects.get(pk=assignment.slot_id).state == "done"
    alice = Participation.objects.get()
    assert (alice.n_responses, alice.n_assignments, alice.n_gold, alice.n_gold_right) == (6, 1, 3, 3)
    assert set(Response.objects.filter(question__role="gold").values_list("is_right", flat=True)) == {True}
    assert set(Response.objects.exclude(question__role="gold").values_list("is_right", flat=True)) == {None}


@pytest.mark.parametrize(
    "value", [{}, {"choice": "first"}, {"choice": "up"}, {"rating": 3}, {"choice": "left", "rating": 3}]
)
def test_a_triplet_needs_a_side(value):
    with pytest.raises(AnswerInvalid):
        record_response(begin(), 0, **value)
    assert not Response.objects.exists()


@pytest.mark.parametrize(
    "value", [{}, {"rating": 0}, {"rating": 10}, {"rating": float("nan")}, {"rating": float("inf")}, {"choice": "left"}]
)
def test_a_rating_lies_within_the_scale(value):
    with pytest.raises(AnswerInvalid, match="expected"):
        record_response(begin(kind="rating"), 0, **value)
    assert not Response.objects.exists()


def test_ratings_are_kept_and_gold_ratings_have_a_tolerance():
    assignment = begin(kind="rating", n_questions=3, min_gold=0)
    for shown in assignment.presentations.all():
        is_gold = shown.question.role == "gold"
        record_response(assignment, shown.position, rating=6 if is_gold else 9)
    assert set(Response.objects.filter(question__role="gold").values_list("rating", "is_right")) == {(6.0, True)}
    assert set(Response.objects.exclude(question__role="gold").values_list("rating", "choice")) == {(9.0, "")}


def test_a_position_that_is_not_there():
    with pytest.raises(AnswerInvalid, match="position 99"):
        record_response(begin(), 99, choice="left")


def test_an_answer_renews_the_lease():
    assignment = begin()
    Assignment.objects.update(leased_until=timezone.now() + timedelta(seconds=5))
    answer(assignment, 0)
    assignment.refresh_from_db()
    assert assignment.leased_until > timezone.now() + timedelta(minutes=50)


def test_a_late_answer_takes_the_place_back_where_it_is_still_free():
    assignment = begin(n_questions=3, responses_per_question=1)
    Assignment.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
    expire_leases()
    assert answer(assignment, 0).is_new
    assignment.refresh_from_db()
    assert assignment.state == "active"
    assert Slot.objects.get().state == "taken"


def taken_over(**settings):
    """Alice's pass after its lease ran out and Bob took its only place."""
    assignment = begin(n_questions=3, responses_per_question=1, **settings)
    Assignment.objects.update(leased_until=timezone.now() - timedelta(seconds=5))
    bob = claim_assignment(assignment.study, enter(assignment.study, "bob").annotator)
    assert bob.slot_id == assignment.slot_id
    return assignment, bob


def test_late_answers_to_a_lost_place_are_kept_and_say_so():
    assignment, bob = taken_over()
    kept = answer(assignment, 0)
    assert (kept.is_new, kept.is_complete, kept.n_answered) == (True, False, 1)
    assert "other people have taken your place" in kept.notice
    assert not answer(assignment, 0).is_new
    assignment.refresh_from_db()
    assert (assignment.state, assignment.n_answered) == ("expired", 1)
    assert Participation.objects.get(annotator__external_id="alice").n_responses == 1
    finish(bob)  # the place is his, and counts once
    assert Slot.objects.get().state == "done"


def test_a_whole_pass_that_comes_late_is_done_and_takes_nobodys_place():
    assignment, bob = taken_over()
    last = finish(assignment)
    assert (last.is_complete, bool(last.notice)) == (True, True)
    assert (assignment.state, assignment.slot, assignment.n_answered) == ("completed", None, assignment.n_positions)
    assert Participation.objects.get(annotator__external_id="alice").n_assignments == 1
    assert Slot.objects.get().state == "taken"
    finish(bob)
    assert Slot.objects.get().state == "done"


def test_answers_that_come_after_a_study_has_ended_are_kept_too():
    assignment, _ = taken_over()
    studies.close_study(assignment.study)
    kept = answer(assignment, 0)
    assert kept.is_new
    assert kept.notice.startswith("This study has ended meanwhile.")
    assert Slot.objects.get().state == "taken"


def test_imported_work_takes_no_answers():
    assignment = begin()
    Assignment.objects.update(state="imported")
    with pytest.raises(AssignmentClosed):
        answer(assignment, 0)


def test_times_are_hints():
    assert [sane_ms(v) for v in (None, -1, 0, 1234, 10**15)] == [None, None, 0, 1234, 86_400_000]
    assignment = begin()
    answer(assignment, 0, response_ms=249)
    assert Response.objects.get().is_fast
