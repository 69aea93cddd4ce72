"""The filter: data of people too often wrong on gold questions is not used. It never touches their pay."""

from django.db import transaction
from django.utils import timezone

from annotation import accuracy
from annotation.models import Assignment, Participation, ReplacementDecision, Response, Slot, Study
from triplets.counting import counted


def screen(participation: Participation) -> bool:
    """Exclude the person if their gold record says so; return whether that happened now.

    Whom a researcher readmitted is not judged again by the record that the researcher overruled.
    """
    if participation.readmitted_at is not None:
        return False
    study = participation.study
    is_bad = accuracy.is_excluded(
        participation.n_gold_right, participation.n_gold, threshold=study.gold_threshold, min_gold=study.min_gold
    )
    return bool(is_bad) and exclude(participation, Participation.Exclusion.GOLD)


def judge_qualification(assignment: Assignment, participation: Participation) -> bool:
    """Let the person go on, or exclude them for the gold questions they answered first; return whether they are out."""
    answered = Response.objects.filter(assignment=assignment)
    n_right, n = answered.filter(is_right=True).count(), answered.count()
    if accuracy.is_excluded(n_right, n, threshold=participation.study.gold_threshold, min_gold=1):
        return exclude(participation, Participation.Exclusion.UNQUALIFIED)
    Participation.objects.filter(pk=participation.pk).update(qualified_at=timezone.now())
    return False


def exclude(participation: Participation, reason: str) -> bool:
    """Set aside everything a person answered in the study and void their slots; False if they were out already.

    Responses stay where they are; whether one counts follows from this row. New slots are `replace_slots`' business.
    """
    with transaction.atomic():
        is_new = Participation.objects.filter(pk=participation.pk, exclusion=Participation.Exclusion.NO).update(
            exclusion=reason, excluded_at=timezone.now()
        )
        if is_new:
            # An expired assignment gave its slot back: that slot may be somebody else's by now.
            held = Assignment.objects.filter(
                participation=participation, state__in=[Assignment.State.ACTIVE, Assignment.State.COMPLETED]
            )
            Slot.objects.filter(pk__in=held.values("slot_id"), state__in=[Slot.State.TAKEN, Slot.State.DONE]).update(
                state=Slot.State.VOID
            )
    participation.refresh_from_db(fields=["exclusion", "excluded_at"])
    return bool(is_new)


def readmit(participation: Participation) -> bool:
    """Let everything an excluded person answered count again; False if they were not excluded.

    Their finished passes take their slots back, and as many replacements that nobody has begun are withdrawn, so that
    no batch collects more than is wanted where that can be helped. Writes an audit row.
    """
    with transaction.atomic():
        study = Study.objects.select_for_update(no_key=True).get(pk=participation.study_id)
        is_new = (
            Participation.objects.filter(pk=participation.pk)
            .exclude(exclusion=Participation.Exclusion.NO)
            .update(exclusion=Participation.Exclusion.NO, excluded_at=None, readmitted_at=timezone.now())
        )
        if is_new:
            _restore_slots(study, participation)
    participation.refresh_from_db(fields=["exclusion", "excluded_at", "readmitted_at"])
    return bool(is_new)


def _restore_slots(study: Study, participation: Participation) -> None:
    n_withdrawn, wanted = 0, study.responses_per_question
    passes = Assignment.objects.filter(
        participation=participation, state__in=[Assignment.State.ACTIVE, Assignment.State.COMPLETED]
    )
    states = {Assignment.State.ACTIVE: Slot.State.TAKEN, Assignment.State.COMPLETED: Slot.State.DONE}
    held = list(passes.filter(slot__state=Slot.State.VOID).values_list("slot_id", "slot__batch_id", "state"))
    for slot, batch, state in held:
        Slot.objects.filter(pk=slot, state=Slot.State.VOID).update(state=states[state])
        usable = Slot.objects.filter(batch=batch).exclude(state=Slot.State.VOID)
        spare = usable.filter(state=Slot.State.FREE, assignments__isnull=True).order_by("-replica").first()
        if usable.count() > wanted and spare is not None:
            # Conditional on its state: somebody may claim it at this moment.
            n_withdrawn += Slot.objects.filter(pk=spare.pk, state=Slot.State.FREE, assignments=None).delete()[0]
    slots = Slot.objects.filter(study=study)
    ReplacementDecision.objects.create(
        study=study,
        target=wanted * study.batches.count(),
        good=slots.filter(state=Slot.State.DONE).count(),
        in_flight=slots.filter(state__in=[Slot.State.FREE, Slot.State.TAKEN]).count(),
        needed=0,
        n_created=0,
        reason=f"{participation.annotator} was readmitted by a researcher: "
        f"{counted(len(held), 'pass counts', 'passes count')} again, "
        f"{counted(n_withdrawn, 'slot is', 'slots are')} withdrawn.",
    )
