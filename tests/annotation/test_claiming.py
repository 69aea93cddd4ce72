"""Claiming, resuming, expiring: what Alice and Bob are given to do."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.errors import StudyClosed
from annotation.models import Assignment, BatchQuestion, Participation, Presentation, Slot
from annotation.services import studies
from annotation.services.assignments import claim_assignment, expire_leases, has_more, reopen_expired
from annotation.services.drawing import n_gold_wanted
from tests.annotation.making import answer, enter, finish, make_annotator, make_study, work

pytestmark = pytest.mark.django_db


def run_out(assignment):
    Assignment.objects.filter(pk=assignment.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def test_a_claim_takes_one_slot_and_writes_down_what_is_shown():
    study = make_study(n_questions=3, min_gold=0)
    assignment = claim_assignment(study, make_annotator())
    assert Slot.objects.filter(state="taken").count() == 1
    shown = list(Presentation.objects.filter(assignment=assignment).order_by("position"))
    assert [s.position for s in shown] == [0, 1, 2, 3]
    assert assignment.n_positions == 4
    members = set(BatchQuestion.objects.filter(batch=assignment.batch).values_list("question_id", flat=True))
    assert {s.question_id for s in shown if s.question.role == "ordinary"} == members
    assert sum(s.question.role == "gold" for s in shown) == 1


def test_claiming_again_resumes_the_same_assignment():
    study = make_study()
    alice = make_annotator()
    first = claim_assignment(study, alice)
    answer(first, 0)
    again = claim_assignment(study, alice)
    assert again.pk == first.pk
    assert again.n_answered == 1
    assert Slot.objects.filter(state="taken").count() == 1


def test_nobody_meets_a_batch_twice_and_everything_is_asked():
    study = make_study(n_questions=9, responses_per_question=2)
    for name in ("alice", "bob"):
        participation = work(study, name)
        batches = Assignment.objects.filter(participation=participation).values_list("batch_id", flat=True)
        assert len(batches) == len(set(batches)) == 3
    assert set(Slot.objects.values_list("state", flat=True)) == {"done"}
    assert claim_assignment(study, make_annotator("carol")) is None


def test_a_limit_of_batches_a_person():
    study = make_study(n_questions=9, max_batches_per_annotator=2)
    alice = work(study)
    assert alice.n_assignments == 2
    assert not has_more(alice)
    assert has_more(enter(study, "bob"))


def test_gold_is_unseen_until_the_pool_is_exhausted():
    study = make_study(n_questions=18, n_gold=8, min_gold=4)
    alice = work(study)
    met = [
        set(a.presentations.filter(question__role="gold").values_list("question_id", flat=True))
        for a in Assignment.objects.filter(participation=alice).order_by("pk")
    ]
    assert [len(gold) for gold in met] == [3, 1, 1, 1, 1, 1]  # front-loaded
    assert len(set.union(*met)) == 8
    assert alice.n_gold == alice.n_gold_right == 8


def test_an_exhausted_gold_pool_repeats_and_a_missing_one_is_no_obstacle():
    few = work(make_study(n_questions=9, n_gold=2, min_gold=4))
    assert few.n_gold == 2 + 2 + 1  # never twice the same within one pass
    none = work(make_study(n_questions=3, n_gold=0))
    assert (none.n_gold, none.n_assignments) == (0, 1)


def test_gold_wanted_by_hand():
    assert [n_gold_wanted(seen, 1, 4) for seen in (0, 1, 2, 3, 4, 9)] == [3, 3, 2, 1, 1, 1]
    assert n_gold_wanted(0, 0, 4) == 0
    assert n_gold_wanted(0, 5, 4) == 5


def test_sides_and_places_differ_between_people():
    study = make_study(n_questions=19, batch_size=19, n_gold=1, responses_per_question=6, min_gold=0)
    rows = [
        tuple(
            claim_assignment(study, make_annotator(f"p{i}"))
            .presentations.order_by("position")
            .values_list("question_id", "is_first_left")
        )
        for i in range(6)
    ]
    assert len({tuple(q for q, _ in row) for row in rows}) > 1
    assert 0 < sum(side for row in rows for _, side in row) < 120


def test_an_expired_lease_gives_the_slot_to_somebody_else_and_keeps_the_row():
    study = make_study(n_questions=3, responses_per_question=1)
    hers = claim_assignment(study, make_annotator("alice"))
    answer(hers, 0)
    assert claim_assignment(study, make_annotator("bob")) is None
    run_out(hers)
    his = claim_assignment(study, make_annotator("bob"))  # finds the overdue lease by itself
    assert his.slot_id == hers.slot_id
    hers.refresh_from_db()
    assert (hers.state, hers.n_answered) == ("expired", 1)


def test_an_expired_assignment_whose_place_is_free_is_resumed():
    study = make_study(n_questions=6, responses_per_question=1)
    alice = make_annotator()
    hers = claim_assignment(study, alice)
    answer(hers, 0)
    run_out(hers)
    assert expire_leases() == 1
    assert Slot.objects.filter(state="free").count() == 2
    again = claim_assignment(study, alice)
    assert (again.pk, again.state, again.n_answered) == (hers.pk, "active", 1)
    assert finish(again).is_complete


def test_an_expired_assignment_moves_to_another_free_place_of_its_batch():
    study = make_study(n_questions=3, responses_per_question=2)
    hers = claim_assignment(study, make_annotator("alice"))
    run_out(hers)
    expire_leases()
    Slot.objects.filter(pk=hers.slot_id).update(state="done")
    again = claim_assignment(study, make_annotator("alice"))
    assert again.pk == hers.pk
    assert again.slot_id != hers.slot_id


def test_a_lost_place_leads_to_new_pictures():
    study = make_study(n_questions=6, responses_per_question=1)
    hers = claim_assignment(study, make_annotator("alice"))
    run_out(hers)
    expire_leases()
    Slot.objects.filter(pk=hers.slot_id).update(state="done")
    new = claim_assignment(study, make_annotator("alice"))
    assert new.batch_id != hers.batch_id


def test_a_closed_study_lets_nobody_begin_but_those_within_finish():
    study = make_study(n_questions=6)
    hers = claim_assignment(study, make_annotator("alice"))
    studies.close_study(study)
    with pytest.raises(StudyClosed, match="closed"):
        claim_assignment(study, make_annotator("bob"))
    assert claim_assignment(study, make_annotator("alice")).pk == hers.pk
    assert finish(hers).is_complete
    assert not has_more(Participation.objects.get(annotator__external_id="alice"))


def test_what_was_finished_meanwhile_is_not_begun_again():
    """A page that still believes its assignment open finds it finished, and takes no other place of the batch."""
    study = make_study(responses_per_question=3)
    stale = claim_assignment(study, make_annotator())
    finish(Assignment.objects.get(pk=stale.pk))
    before = (list(Slot.objects.order_by("pk").values()), Assignment.objects.values().get())
    assert reopen_expired(stale) is False
    assert (list(Slot.objects.order_by("pk").values()), Assignment.objects.values().get()) == before
