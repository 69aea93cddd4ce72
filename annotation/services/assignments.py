"""Who works on what: claiming a slot, leases. What is asked in a pass is drawn in `annotation.services.drawing`.

Whatever happens to one person begins with a lock on their participation, so that two tabs of the same person queue
behind each other; different people meet only in the one statement that takes a slot.
"""

from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Case, Exists, F, OuterRef, Value, When
from django.utils import timezone

from annotation.errors import AssignmentNotYours
from annotation.models import Annotator, Assignment, Participation, Presentation, Slot, Study
from annotation.services.drawing import draw_pass, draw_qualification, is_first_left
from annotation.services.links import require_open


def claim_assignment(study: Study, annotator: Annotator) -> Assignment | None:
    """Return the annotator's open assignment, or a new one; None when nothing is left for this person.

    Raises StudyClosed when something new would have to begin in a study that is not open.
    """
    assignment = _claim(study, annotator)
    if assignment is None and expire_leases(study):
        assignment = _claim(study, annotator)
    return assignment


def _claim(study: Study, annotator: Annotator) -> Assignment | None:
    with transaction.atomic():
        participation = lock_participation(study=study, annotator=annotator)
        if participation is None:
            Participation.objects.get_or_create(study=study, annotator=annotator)
            participation = lock_participation(study=study, annotator=annotator)
        held = _resume(participation)
        if held is not None:
            return held
        require_open(participation.study)
        if not may_take_another(participation):
            return None
        if needs_qualification(participation):
            questions = draw_qualification(participation)
            return _create_assignment(participation, questions, is_qualification=True)
        slot = _take_slot(participation)
        if slot is None:
            return None
        slot_id, batch_id = slot
        return _create_assignment(participation, draw_pass(participation, batch_id), slot_id=slot_id, batch_id=batch_id)


def lock_participation(**which) -> Participation | None:
    locked = Participation.objects.select_for_update(of=("self",), no_key=True).select_related("study", "annotator")
    return locked.filter(**which).first()


def access_assignment(participation: Participation, pk: int) -> Assignment:
    """Return the person's own assignment; nobody learns whether somebody else's exists."""
    assignment = Assignment.objects.filter(pk=pk, participation=participation).first()
    if assignment is None:
        raise AssignmentNotYours("These pictures are not yours to answer. Please open your own link again.")
    assignment.participation, assignment.study = participation, participation.study  # which the caller has read
    return assignment


def active_assignment(participation: Participation) -> Assignment | None:
    return Assignment.objects.filter(participation=participation, state=Assignment.State.ACTIVE).first()


def may_take_another(participation: Participation) -> bool:
    limits = (participation.study.max_batches_per_annotator, participation.max_assignments)
    return not participation.is_excluded and all(most is None or participation.n_assignments < most for most in limits)


def needs_qualification(participation: Participation) -> bool:
    """Whether the person begins with gold questions only. Who has finished a batch already has shown enough."""
    is_new = participation.qualified_at is None and participation.n_assignments == 0
    return is_new and participation.study.n_qualification > 0


def has_more(participation: Participation) -> bool:
    """Whether a further batch could begin now."""
    study = participation.study
    if study.state != Study.State.OPEN or not may_take_another(participation):
        return False
    mine = Assignment.objects.filter(batch=OuterRef("batch"), annotator=participation.annotator_id)
    return Slot.objects.filter(~Exists(mine), study=study, state=Slot.State.FREE).exists()


def _take_slot(participation: Participation) -> tuple[int, int] | None:
    """Take the free slot of lowest order key whose batch is new to the person; return (slot, batch) ids.

    One statement. PostgreSQL skips rows that another claim holds at this moment; on SQLite the surrounding immediate
    transaction lets one writer in at a time. Walks the partial index `slot_free`.
    """
    statement = """
        UPDATE annotation_slot SET state = 'taken'
        WHERE state = 'free' AND id = (
            SELECT s.id FROM annotation_slot s
            WHERE s.study_id = %s AND s.state = 'free' AND NOT EXISTS (
                SELECT 1 FROM annotation_assignment a WHERE a.batch_id = s.batch_id AND a.annotator_id = %s)
            ORDER BY s.order_key LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
        RETURNING id, batch_id
    """
    if not connection.features.has_select_for_update_skip_locked:
        statement = statement.replace("FOR UPDATE OF s SKIP LOCKED", "")
    with connection.cursor() as cursor:
        cursor.execute(statement, [participation.study_id, participation.annotator_id])
        return cursor.fetchone()


def _lease(study: Study):
    """Leases end on a full minute: within it, renewing one writes what stands there and leaves its index alone."""
    return timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=study.lease_minutes + 1)


def _create_assignment(participation: Participation, questions: list[tuple[int, bool]], **place) -> Assignment:
    study = participation.study
    assignment = Assignment.objects.create(
        study=study,
        annotator=participation.annotator,
        participation=participation,
        n_positions=len(questions),
        leased_until=_lease(study),
        **place,
    )
    Presentation.objects.bulk_create(
        Presentation(
            assignment=assignment,
            position=position,
            question_id=question,
            is_first_left=is_first_left(),
            is_repeat=is_repeat,
        )
        for position, (question, is_repeat) in enumerate(questions)
    )
    return assignment


def _resume(participation: Participation) -> Assignment | None:
    """Return the open assignment with its lease renewed, or reopen the last expired one whose place is still free."""
    mine = Assignment.objects.filter(participation=participation)
    unfinished = mine.filter(state__in=[Assignment.State.ACTIVE, Assignment.State.EXPIRED])
    for assignment in unfinished.order_by("state", "-pk"):  # an active one stands before all expired ones
        assignment.participation, assignment.study = participation, participation.study
        if assignment.state == Assignment.State.ACTIVE and _renew(assignment):
            return assignment
        if not participation.is_excluded and reopen_expired(assignment):
            return assignment
    return None


def _renew(assignment: Assignment) -> bool:
    """Renew a lease. False when it ran out between reading and writing."""
    assignment.leased_until = _lease(assignment.study)
    held = Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.ACTIVE)
    return bool(held.update(leased_until=assignment.leased_until))


def reopen_expired(assignment: Assignment) -> bool:
    """Give an expired assignment a place again: its old slot, or another free one of its batch.

    The caller holds the participation's lock. False when others have taken all places of the batch, when the person
    works on something else, or when the study is closed. A qualification takes nobody's place.
    """
    study = assignment.study
    mine = Assignment.objects.filter(participation=assignment.participation_id)
    if study.state != Study.State.OPEN or mine.filter(state=Assignment.State.ACTIVE).exists():
        return False
    if assignment.is_qualification:
        return _reactivate(assignment)
    free = Slot.objects.filter(batch=assignment.batch_id, state=Slot.State.FREE)
    own_first = Case(When(pk=assignment.slot_id, then=Value(0)), default=Value(1))
    for slot in free.order_by(own_first, "replica").values_list("pk", flat=True):
        if free.filter(pk=slot).update(state=Slot.State.TAKEN):
            if _reactivate(assignment, slot_id=slot):
                return True
            Slot.objects.filter(pk=slot).update(state=Slot.State.FREE)
            return False
    return False


def _reactivate(assignment: Assignment, **place) -> bool:
    """Write that an expired assignment goes on. False, and nothing written, for one that is not expired."""
    changes = {"state": Assignment.State.ACTIVE, "leased_until": _lease(assignment.study)} | place
    if not Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.EXPIRED).update(**changes):
        return False
    for name, value in changes.items():
        setattr(assignment, name, value)
    return True


def expire_leases(study: Study | None = None) -> int:
    """Mark assignments whose lease ran out and give their slots back; return how many. Answers stay."""
    overdue = Assignment.objects.filter(state=Assignment.State.ACTIVE, leased_until__lt=timezone.now())
    if study is not None:
        overdue = overdue.filter(study=study)
    n_expired = 0
    for pk, slot in overdue.order_by("pk").values_list("pk", "slot_id"):
        with transaction.atomic():
            # Conditional on the lease itself: an answer that arrives at this moment has renewed it.
            if overdue.filter(pk=pk).update(state=Assignment.State.EXPIRED):
                Slot.objects.filter(pk=slot, state=Slot.State.TAKEN).update(state=Slot.State.FREE)
                n_expired += 1
    return n_expired


def renew_and_count(assignment: Assignment, is_complete: bool) -> bool:
    """Count one more answer. False when the lease was taken away between reading and writing."""
    changes = {"n_answered": F("n_answered") + 1, "leased_until": _lease(assignment.study)}
    if is_complete:
        changes |= {"state": Assignment.State.COMPLETED, "completed_at": timezone.now(), "leased_until": None}
    return bool(Assignment.objects.filter(pk=assignment.pk, state=Assignment.State.ACTIVE).update(**changes))
