"""Places at recruiters for slots that nobody is paid to fill: as many as were lost, within the budget, each explained.

When somebody's answers are set aside, `replacement` creates new slots, within a cap on slots. Here a posting gets the
places that bring people to them, within the cap on money. Never more than the researcher has posted is made good: a
pilot of ten places in a study of a hundred batches ends with ten good ones.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Sum

from annotation.models import Assignment, Participation, Posting, ReplacementDecision, Slot, Study, Submission
from annotation.recruiters.protocol import CENT
from annotation.services.payments import spending
from annotation.services.postings import create_posting, extend_posting, extension_cost
from annotation.services.recruiters import recruiter_for
from annotation.services.replacement import n_needed

LIVE = (Posting.State.PENDING, Posting.State.OPEN)


@dataclass(frozen=True)
class Promises:
    """Batches that places pay for. target : posted by a researcher; good : done and used; in_flight : may yet come of
    places that somebody has or can take; room : free slots that no such place is for."""

    target: int
    good: int
    in_flight: int
    room: int

    @property
    def needed(self) -> int:
        return min(self.room, n_needed(self.target, self.good, self.in_flight))


def replace_places(study: Study) -> ReplacementDecision | None:
    """Order the places that are missing at the recruiter, and return the decision; None where none was to be made.

    Writes the order and the audit row in one transaction, under the study's lock; what the budget does not allow is a
    row too, once.
    """
    if study.state != Study.State.OPEN or _posting_to_extend(study) is None:
        return None
    with transaction.atomic():
        study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        posting, promises = _posting_to_extend(study), count_promises(study)
        if posting is None or not promises.needed or study.state != Study.State.OPEN:
            return None
        if posting.batches_per_place > 1:
            return _publish_beside(study, posting, promises)
        n_places = _affordable(promises.needed, spending(study).left, lambda n: _extension_cost(posting, n))
        cost = _extension_cost(posting, n_places)
        if n_places:
            extend_posting(posting, posting.n_places + n_places)
        return _decide(study, posting, promises, n_places, cost)


def count_promises(study: Study) -> Promises:
    postings = Posting.objects.filter(study=study)
    live = postings.filter(state__in=LIVE)
    replaced = ReplacementDecision.objects.filter(study=study).aggregate(n=Sum("n_places"))["n"] or 0
    posted = live.aggregate(n=Sum(F("n_places") * F("batches_per_place")))["n"] or 0
    ended = Submission.objects.filter(posting__in=postings.exclude(state__in=LIVE), finished_at__isnull=False)
    posted += ended.aggregate(n=Sum("posting__batches_per_place"))["n"] or 0
    paid = Submission.objects.filter(posting__in=postings, participation__isnull=False).values("participation")
    good = Assignment.objects.filter(
        study=study, state=Assignment.State.COMPLETED, slot__state=Slot.State.DONE, participation__in=paid
    ).count()
    in_flight = _open_batches(live) + _batches_at_work(study)
    slots = Slot.objects.filter(study=study, state__in=[Slot.State.FREE, Slot.State.TAKEN]).count()
    target = min(posted - replaced, study.n_slots_planned)
    return Promises(max(0, target), good, in_flight, max(0, slots - in_flight))


# Details ----------------------------------------------------------------------------------------


def _open_batches(live) -> int:
    """Batches of places that nobody has taken, or that were given back."""
    n = 0
    for posting in live:
        n_taken = posting.submissions.exclude(state=Submission.State.RETURNED).count()
        n += max(0, posting.n_places - n_taken) * posting.batches_per_place
    return n


def _batches_at_work(study: Study) -> int:
    """Batches that people with a place can still do: they are there, and their answers are used."""
    here = Submission.objects.filter(posting__study=study, state=Submission.State.ACTIVE).values("participation")
    people = Participation.objects.filter(pk__in=here, exclusion="", max_assignments__gt=F("n_assignments"))
    return people.aggregate(n=Sum(F("max_assignments") - F("n_assignments")))["n"] or 0


def _posting_to_extend(study: Study) -> Posting | None:
    """Return the open posting that grows, one with a single batch a place where there is one."""
    mine = Posting.objects.filter(study=study, grows_itself=True).select_related("study")
    # One that is just being published beside grows when it is there.
    if mine.filter(state=Posting.State.PENDING, batches_per_place=1).exists():
        return None
    return mine.filter(state=Posting.State.OPEN).order_by("batches_per_place", "-pk").first()


def _publish_beside(study: Study, posting: Posting, promises: Promises) -> ReplacementDecision:
    """Offer single batches beside places of several: what was lost is rarely a multiple of them."""
    reward = (posting.reward / posting.batches_per_place).quantize(CENT, rounding="ROUND_CEILING")
    cost_of = _cost_of_posting(study, posting, reward)
    n_places = _affordable(promises.needed, spending(study).left, cost_of)
    beside = posting
    if n_places:
        beside = create_posting(
            study, posting.recruiter, reward, n_places, posting.title, posting.description, posting.created_by,
            keywords=posting.keywords, minutes=-(-posting.minutes // posting.batches_per_place),
            minutes_allowed=posting.minutes_allowed, days_open=posting.days_open,
        )  # fmt: skip
    return _decide(study, beside, promises, n_places, cost_of(n_places))


def _cost_of_posting(study: Study, posting: Posting, reward: Decimal):
    recruiter = recruiter_for(study, posting.recruiter)
    return lambda n: recruiter.estimate_cost(n, reward).total if n else Decimal(0)


def _extension_cost(posting: Posting, n_more: int) -> Decimal:
    return Decimal(extension_cost(posting, posting.n_places + n_more))


def _affordable(n_wanted: int, left: Decimal, cost_of) -> int:
    """Return how many of the wanted places the money that is left pays for."""
    return bisect_right(range(1, n_wanted + 1), left, key=cost_of)


def _decide(study, posting: Posting, promises: Promises, n_places: int, cost: Decimal) -> ReplacementDecision:
    where, currency = posting.get_recruiter_display(), posting.currency
    missing = f"{promises.needed} place{'s' if promises.needed > 1 else ''} at {where}"
    if n_places == promises.needed:
        reason = f"{missing} ordered for {cost} {currency}, in place of people whose answers are not used."
    else:
        money = spending(study)
        reason = (
            f"{missing} missing, {n_places} ordered for {cost} {currency}: of the budget of {money.budget} "
            f"{money.left} {money.currency} are left."
        )
    decision = ReplacementDecision(
        study=study, posting=posting, target=promises.target, good=promises.good, in_flight=promises.in_flight,
        needed=promises.needed, n_created=0, n_places=n_places, cost=cost, reason=reason,
    )  # fmt: skip
    last = ReplacementDecision.objects.filter(study=study, posting__isnull=False).first()
    if not n_places and last is not None and last.reason == reason:
        return last  # the same refusal as a minute ago
    decision.save()
    return decision
