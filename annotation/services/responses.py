"""Recording a judgement: at once, once, and never twice."""

from django.db import transaction
from django.db.models import Exists, F
from django.utils import timezone

from annotation.errors import AnswerInvalid, AssignmentClosed, LinkInvalid
from annotation.models import Assignment, Participation, Presentation, Response, Slot, Study
from annotation.services.assignments import access_assignment, lock_participation, renew_and_count, reopen_expired
from annotation.services.links import LEADS_NOWHERE
from annotation.services.replacement import replace_slots
from annotation.services.saving import Recorded, save_at_once
from annotation.services.screening import judge_qualification, screen
from triplets.models import Question

TAKEN_OVER = (
    "The time for these pictures ran out and other people have taken your place. Everything you answered is saved."
)
ENDED = "This study has ended meanwhile. Everything you answered is saved. Thank you."
LONGEST_MS = 24 * 3600 * 1000  # beyond a day a browser's clock tells about sleep, not about thought


def record_response(assignment: Assignment, position: int, **answer) -> Recorded:
    """Save what one person answered at one position of their assignment; `record_answer` says how."""
    return record_answer(assignment.participation_id, assignment.pk, position, **answer)


def record_answer(
    participation: int,
    assignment: int,
    position: int,
    choice: str | None = None,
    rating: float | None = None,
    label: str | None = None,
    response_ms: int | None = None,
    latency_ms: int | None = None,
) -> Recorded:
    """Save one answer, given the primary keys that it came with: in one statement where nothing about it is special.

    choice : "left" or "right", as it stood on the screen; rating : a number within the study's scale; label : one of
    the study's options.
    A second answer to the same position changes nothing and says `is_new=False`: the first one stands. An answer to
    pictures that others have taken over meanwhile, given without a connection for example, is kept and gets a `notice`.
    Raises LinkInvalid, AssignmentNotYours, AnswerInvalid or AssignmentClosed.
    """
    answer = {"choice": choice, "rating": rating, "label": label}
    answer |= {"response_ms": sane_ms(response_ms), "latency_ms": sane_ms(latency_ms)}
    keys = (participation, assignment, position)
    return save_at_once(*keys, **answer) or record_step_by_step(*keys, **answer)


def record_step_by_step(
    participation: int, assignment: int, position: int, choice, rating, label, response_ms, latency_ms
) -> Recorded:
    """What `record_answer` does for every answer, on every database; also the slow twin of `save_at_once`."""
    with transaction.atomic():
        participation = lock_participation(pk=participation)
        if participation is None:
            raise LinkInvalid(LEADS_NOWHERE)
        study = participation.study
        assignment = access_assignment(participation, assignment)
        is_answered = Exists(Response.objects.filter(assignment=assignment, position=position))
        asked = Presentation.objects.select_related("question").filter(assignment=assignment, position=position)
        shown = asked.annotate(is_answered=is_answered).first()
        if shown is not None and shown.is_answered:
            return Recorded(False, assignment.state == Assignment.State.COMPLETED, assignment.n_answered)
        is_open = _is_open(assignment)
        if shown is None:
            last = assignment.n_positions - 1
            raise AnswerInvalid(f"There is no question at position {position}: expected 0 to {last}.")
        answer = read_answer(study, shown, choice, rating, label)
        is_gold = shown.question.role == Question.Role.GOLD
        is_right = is_expected(shown.question, **answer) if is_gold else None
        Response.objects.create(
            study=study,
            assignment=assignment,
            position=position,
            question=shown.question,
            annotator=participation.annotator,
            is_first_left=shown.is_first_left,
            is_repeat=shown.is_repeat,
            is_right=is_right,
            is_fast=response_ms is not None and response_ms < study.floor_ms,
            response_ms=response_ms,
            latency_ms=latency_ms,
            answered_at=timezone.now(),
            **answer,
        )
        n_answered = assignment.n_answered + 1
        is_complete = n_answered >= assignment.n_positions
        is_open = is_open and (
            renew_and_count(assignment, is_complete)
            or (reopen_expired(assignment) and renew_and_count(assignment, is_complete))  # it ran out just now
        )
        if not is_open:
            _count_late(assignment, is_complete)
        _count(participation, is_right, is_complete and not assignment.is_qualification)
        is_excluded = is_complete and _complete(assignment, participation)
    if is_excluded:
        replace_slots(study)
    notice = "" if is_open else TAKEN_OVER if study.state == Study.State.OPEN else ENDED
    return Recorded(True, is_complete, n_answered, notice)


def _is_open(assignment: Assignment) -> bool:
    """Whether the pass is the person's, or has become theirs again; False where others have taken their place."""
    if assignment.state == Assignment.State.EXPIRED:
        return reopen_expired(assignment)
    if assignment.state != Assignment.State.ACTIVE:
        raise AssignmentClosed(
            "These pictures are finished; nothing more can be answered here. Please reload the page."
        )
    return True


def _count_late(assignment: Assignment, is_complete: bool) -> None:
    """Keep an answer of a pass whose place is somebody else's: it takes no slot, and a whole pass is a pass done."""
    changes = {"n_answered": F("n_answered") + 1}
    if is_complete:
        changes |= {"state": Assignment.State.COMPLETED, "completed_at": timezone.now(), "slot": None}
    Assignment.objects.filter(pk=assignment.pk).update(**changes)
    assignment.slot_id = None if is_complete else assignment.slot_id


def read_answer(study: Study, shown: Presentation, choice=None, rating=None, label=None) -> dict:
    """Return the answer in the words of the table: first or second instead of left or right."""
    if shown.question.kind == Question.Kind.CHOICE:
        if label not in study.options or choice is not None or rating is not None:
            raise AnswerInvalid(f"The label {label!r} is not understood: expected one of {', '.join(study.options)}.")
        return {"label": label}
    if label is not None:
        raise AnswerInvalid(f"The label {label!r} is not understood: nothing is labelled here.")
    if shown.question.kind == Question.Kind.TRIPLET:
        if choice not in ("left", "right") or rating is not None:
            raise AnswerInvalid(f"The choice {choice!r} is not understood: expected 'left' or 'right'.")
        is_first = (choice == "left") == shown.is_first_left
        return {"choice": Question.Choice.FIRST if is_first else Question.Choice.SECOND}
    low, high = study.scale_low, study.scale_high
    if rating is None or choice is not None or not low <= rating <= high:
        raise AnswerInvalid(f"The rating {rating!r} is not understood: expected a number from {low} to {high}.")
    return {"rating": float(rating)}


def is_expected(question: Question, choice: str = "", rating: float | None = None, label: str = "") -> bool:
    """Whether an answer is the known one of a gold or practice question."""
    if question.kind == Question.Kind.TRIPLET:
        return choice == question.expected_choice
    if question.kind == Question.Kind.CHOICE:
        return label == question.expected_label
    return abs(rating - question.expected_rating) <= question.rating_tolerance


def sane_ms(value: int | None) -> int | None:
    """What a browser says about time is a hint: unknown or negative becomes None, the absurd is cut at a day."""
    return None if value is None or value < 0 else min(int(value), LONGEST_MS)


def _count(participation: Participation, is_right: bool | None, is_pass_done: bool) -> None:
    """The caller holds the participation's lock: what was read is what stands there."""
    participation.n_responses += 1
    participation.n_gold += is_right is not None
    participation.n_gold_right += is_right is True
    participation.n_assignments += is_pass_done
    participation.save(update_fields=["n_responses", "n_gold", "n_gold_right", "n_assignments"])


def _complete(assignment: Assignment, participation: Participation) -> bool:
    """Close the slot and look at the person's gold record; return whether they have just been excluded."""
    Slot.objects.filter(pk=assignment.slot_id, state=Slot.State.TAKEN).update(state=Slot.State.DONE)
    if assignment.is_qualification:
        return judge_qualification(assignment, participation)
    return screen(participation)
