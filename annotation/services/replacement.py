"""New slots in place of those whose answers are not used, within a cap, with an audit row for each decision."""

import random
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Count, Max, Q
from django.utils import timezone

from annotation.models import Assignment, Batch, Participation, ReplacementDecision, Slot, Study
from annotation.services.screening import exclude
from triplets.counting import counted

CAP_FACTOR = 3
#: Replacement pauses when so many of the latest people to finish a pass are excluded. Then rather the gold questions,
#: the instructions or the crowd are at fault than each of them. Where half of all people guess, 15 people in a row
#: look like this with probability 16 / 2**15.
N_WATCHED, N_BAD = 15, 14
PAUSED = "Paused: "


def set_aside(people: Iterable[Participation]) -> list[Participation]:
    """Set aside what people answered, since a researcher says so, and replace them; return who was not out already."""
    out = [person for person in people if exclude(person, Participation.Exclusion.RESEARCHER)]
    for study in {person.study for person in out}:
        replace_slots(study)
    return out


def n_needed(target: int, good: int, in_flight: int) -> int:
    """Return how many slots are missing.

    >>> n_needed(target=5, good=3, in_flight=1)
    1
    """
    return max(0, target - good - in_flight)


def slot_cap(study: Study) -> int:
    """The most slots the study may ever have, void ones included: each of them is a person's work to pay."""
    return CAP_FACTOR * study.n_slots_planned if study.max_slots is None else study.max_slots


def replace_slots(study: Study) -> ReplacementDecision:
    """Create the slots that are missing and return the decision.

    Runs under the study's lock, so that two sweeps never create the same slot twice. When nothing is missing, or
    the decision is the same refusal as last time, no new row is written.
    """
    if not study.slots.filter(state=Slot.State.VOID).exists():
        return _decision(study, _count_slots(study), needed=0, created=0)  # nothing was ever lost: no lock
    with transaction.atomic():
        study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        counts = _count_slots(study)
        wanted = study.responses_per_question
        missing = [
            batch
            for batch in _batches_that_lost_slots(study)
            for _ in range(n_needed(wanted, batch.good, batch.in_flight))
        ]
        room = max(0, slot_cap(study) - counts["total"]) if study.state == Study.State.OPEN else 0
        pause = why_paused(study) if missing and room else ""
        created = _create_slots(study, missing[: 0 if pause else room], counts["highest_key"] or 0)
        decision = _decision(study, counts, len(missing), created, pause)
        return decision if not missing else _keep(decision)


def why_paused(study: Study) -> str:
    """Return why replacement does not go on by itself, "" where it does: the circuit breaker.

    Looks at the people who finished a pass since a researcher last said to go on.
    """
    passes = Assignment.objects.filter(study=study, state=Assignment.State.COMPLETED)
    if study.replacement_resumed_at is not None:
        passes = passes.filter(completed_at__gt=study.replacement_resumed_at)
    latest = passes.order_by().values("participation").annotate(last=Max("completed_at")).order_by("-last")
    people = [row["participation"] for row in latest[:N_WATCHED]]
    n_bad = Participation.objects.filter(pk__in=people).exclude(exclusion=Participation.Exclusion.NO).count()
    if len(people) < N_WATCHED or n_bad < N_BAD:
        return ""
    return f"{PAUSED}{n_bad} of the last {len(people)} people failed. Look at the gold questions before going on."


def resume_replacement(study: Study, who: str = "a researcher") -> ReplacementDecision:
    """Go on replacing in spite of the latest people, with an audit row that says who decided it."""
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        Study.objects.filter(pk=study.pk).update(replacement_resumed_at=timezone.now())
        row = _decision(study, _count_slots(study), needed=0, created=0)
        row.reason = f"Replacement goes on: {who} decided so."[:200]
        row.save()
    study.refresh_from_db(fields=["replacement_resumed_at"])
    return replace_slots(study)


def _decision(study: Study, counts: dict, needed: int, created: int, pause: str = "") -> ReplacementDecision:
    return ReplacementDecision(
        study=study,
        target=study.responses_per_question * study.batches.count(),
        good=counts["good"],
        in_flight=counts["in_flight"],
        needed=needed,
        n_created=created,
        reason=pause or _reason(study, needed, created),
    )


def _count_slots(study: Study) -> dict:
    return Slot.objects.filter(study=study).aggregate(
        total=Count("pk"),
        good=Count("pk", filter=Q(state=Slot.State.DONE)),
        in_flight=Count("pk", filter=Q(state__in=[Slot.State.FREE, Slot.State.TAKEN])),
        highest_key=Max("order_key"),
    )


def _batches_that_lost_slots(study: Study):
    """Batches that ever lost a slot to an exclusion; `good`, `in_flight` and `highest` (replica) are annotated."""
    return (
        Batch.objects.filter(
            study=study, pk__in=Slot.objects.filter(study=study, state=Slot.State.VOID).values("batch")
        )
        .annotate(
            good=Count("slots", filter=Q(slots__state=Slot.State.DONE)),
            in_flight=Count("slots", filter=Q(slots__state__in=[Slot.State.FREE, Slot.State.TAKEN])),
            highest=Max("slots__replica"),
        )
        .order_by("number")
    )


def _create_slots(study: Study, batches: list[Batch], highest_key: int) -> int:
    """One new replica for each entry of `batches`, at a random place in the order of serving."""
    slots = []
    for batch in batches:
        batch.highest += 1
        key = random.randint(0, highest_key)
        slots.append(Slot(study=study, batch=batch, replica=batch.highest, order_key=key))
    Slot.objects.bulk_create(slots, batch_size=1000)
    return len(slots)


def _reason(study: Study, needed: int, created: int) -> str:
    if needed == 0:
        return "Nothing is missing."
    if study.state != Study.State.OPEN:
        return f"{counted(needed, 'slot is', 'slots are')} missing; none is created while the study is {study.state}."
    if created < needed:
        missing, cap = counted(needed, "slot is", "slots are"), counted(slot_cap(study), "slot")
        return f"{missing} missing, {created} created: the cap of {cap} is reached."
    return f"{counted(created, 'slot')} created in place of those of excluded people."


def _keep(decision: ReplacementDecision) -> ReplacementDecision:
    last = ReplacementDecision.objects.filter(study=decision.study, posting=None).first()
    if (
        decision.n_created == 0
        and last is not None
        and ((last.needed, last.reason) == (decision.needed, decision.reason) or _are_one_pause(last, decision))
    ):
        return last
    decision.save()
    return decision


def _are_one_pause(last: ReplacementDecision, decision: ReplacementDecision) -> bool:
    return last.reason.startswith(PAUSED) and decision.reason.startswith(PAUSED)
