"""Decisions about postings: what they would cost, publish, extend, close, and what became of the people who came."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import ceil
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation.errors import StudyError
from annotation.models import Annotator, OutboxEntry, Participation, Posting, Slot, Study, Submission
from annotation.models.annotator import random_code
from annotation.recruiters.protocol import Cost, SubmissionSeen
from annotation.services.entrances import check_finished
from annotation.services.outbox import Kind, write_order
from annotation.services.payments import Spending, approve_submission, exclude_annotator, require_budget, spending
from annotation.services.recruiters import recruiter_for

COLLECTED_DAYS = 2  # for so long a closed posting is still read, whatever we know of its people
GRACE_MINUTES = 30  # between the end of a person's time and the moment when they count as gone


@dataclass(frozen=True)
class Estimate:
    """What publishing would cost. n_places_wanted : places that would fill all free slots of the study."""

    cost: Cost
    spending: Spending
    n_places: int
    n_places_wanted: int

    @property
    def is_affordable(self) -> bool:
        return self.cost.total <= self.spending.left


def estimate_posting(study: Study, recruiter: str, reward: Decimal, n_places=None, batches_per_place=1) -> Estimate:
    """Estimate before anything is published. n_places : None is as many as the study's free slots want."""
    n_free = Slot.objects.filter(study=study, state=Slot.State.FREE).count()
    wanted = ceil(n_free / batches_per_place)
    n_places = wanted if n_places is None else n_places
    if n_places < 1:
        raise StudyError(f"Study {study.name!r} has no free slot: expected at least one place to publish.")
    cost = _cost(study, recruiter, n_places, reward)
    return Estimate(cost, spending(study), n_places, wanted)


def create_posting(
    study: Study, recruiter: str, reward: Decimal, n_places: int, title: str, description: str, user=None,
    decision: UUID | None = None, **fields,
) -> Posting:  # fmt: skip
    """Decide to publish a study: its posting, its order and its money are there together, or not at all.

    decision : names the decision where it may arrive twice, as a form that is sent again; the second finds the posting
    of the first. Raises BudgetExceeded before anything is sent, StudyError where the study is not open or the settings
    forbid it.
    """
    if decision is not None and (known := Posting.objects.filter(decision=decision).first()) is not None:
        return known
    if study.state != Study.State.OPEN:
        raise StudyError(f"Study {study.name!r} is {study.state}: open it before people are sent there.")
    cost = _cost(study, recruiter, n_places, reward)
    posting = Posting(
        study=study,
        recruiter=recruiter,
        reward=reward,
        n_places=n_places,
        cost=cost.total,
        currency=cost.currency,
        title=title,
        description=description,
        completion_code=random_code(),
        created_by=user,
        decision=decision,
        **fields,
    )
    posting.full_clean(exclude=["study", "created_by", "decision"])
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        if decision is not None and (known := Posting.objects.filter(decision=decision).first()) is not None:
            return known  # the same form arrived twice at this moment
        require_budget(study, cost.total, cost.currency)
        posting.save()
        write_order(f"publish:{posting.pk}", Kind.PUBLISH, posting, cost=cost.total)
    return posting


def extend_posting(posting: Posting, n_total: int) -> list[OutboxEntry]:
    """Let a posting, with postings beside it where the recruiter's rules want them, have `n_total` places.

    Says the total and not the difference, so that a button pressed twice extends once. Returns the orders.
    """
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=posting.study_id)  # first, as everywhere: no deadlock
        posting = Posting.objects.select_for_update(of=("self",)).select_related("study").get(pk=posting.pk)
        if posting.state != Posting.State.OPEN:
            raise StudyError(f"{posting} is {posting.get_state_display()}: only an open posting is extended.")
        if n_total <= posting.n_places:
            return list(posting.orders.filter(kind=Kind.EXTEND, n_places_before__lt=n_total))
        recruiter = recruiter_for(posting.study, posting.recruiter)
        growth = recruiter.growth(posting.n_places, n_total - posting.n_places)
        orders = []
        if growth.n_publish:
            beside = create_posting(
                posting.study,
                posting.recruiter,
                posting.reward,
                growth.n_publish,
                posting.title,
                posting.description,
                posting.created_by,
                keywords=posting.keywords,
                batches_per_place=posting.batches_per_place,
                grows_itself=posting.grows_itself,
                minutes=posting.minutes,
                minutes_allowed=posting.minutes_allowed,
                days_open=posting.days_open,
            )
            orders += beside.orders.all()
        if growth.n_extend:
            orders.append(_extend(posting, recruiter, growth.n_extend))
        return orders


def extension_cost(posting: Posting, n_total: int) -> Decimal:
    """Return what more places would cost, fees included, before anything is ordered; 0 for no more places."""
    if n_total <= posting.n_places:
        return Decimal(0)
    recruiter = recruiter_for(posting.study, posting.recruiter)
    growth = recruiter.growth(posting.n_places, n_total - posting.n_places)
    beside = _cost(posting.study, posting.recruiter, growth.n_publish, posting.reward).total if growth.n_publish else 0
    if not growth.n_extend:
        return beside
    return recruiter.estimate_cost(posting.n_places + growth.n_extend, posting.reward).total - posting.cost + beside


def _extend(posting: Posting, recruiter, n_more: int) -> OutboxEntry:
    before = posting.n_places
    cost = recruiter.estimate_cost(before + n_more, posting.reward).total - posting.cost
    require_budget(posting.study, cost, posting.currency)
    posting.n_places, posting.cost = before + n_more, posting.cost + cost
    posting.save(update_fields=["n_places", "cost"])
    key = f"extend:{posting.pk}:{before}:{before + n_more}"
    return write_order(key, Kind.EXTEND, posting, n_places=n_more, n_places_before=before, cost=cost)


def close_posting(posting: Posting) -> OutboxEntry:
    """Let nobody new in. Whoever has begun may finish and is paid."""
    with transaction.atomic():
        return write_order(f"close:{posting.pk}", Kind.CLOSE, posting)


def _cost(study: Study, recruiter: str, n_places: int, reward: Decimal) -> Cost:
    try:
        return recruiter_for(study, recruiter).estimate_cost(n_places, reward)
    except ValueError as error:
        raise StudyError(str(error)) from error


# Who came ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Collected:
    n_seen: int
    n_new: int
    n_approved: int


def postings_to_collect():
    """Return the postings at which somebody may still hand in work: open ones, and closed ones with people left."""
    published = Posting.objects.exclude(external_id="").exclude(recruiter=Posting.Recruiter.LINK)
    undecided = Q(submissions__state__in=[Submission.State.ACTIVE, Submission.State.SUBMITTED])
    recent = Q(closed_at__gt=timezone.now() - timedelta(days=COLLECTED_DAYS))
    wanted = published.filter(Q(state=Posting.State.OPEN) | undecided | recent)
    return wanted.select_related("study").distinct().order_by("pk")


def collect_submissions(posting: Posting) -> Collected:
    """Read a posting's submissions at the recruiter, and order pay for everybody who did their work.

    Who handed in without having done it is left for a person to judge: nobody is rejected by a machine. Those who
    were excluded from the study for their answers are paid like everybody else, and are not invited again.
    """
    recruiter = recruiter_for(posting.study, posting.recruiter)
    seen_ids, n_new = set(), 0
    for seen in recruiter.list(posting.external_id):
        seen_ids.add(seen.external_id)
        n_new += _take_over(posting, seen)
    _give_up(posting, seen_ids)
    _end(posting, recruiter)
    Posting.objects.filter(pk=posting.pk).update(collected_at=timezone.now())
    n_approved = 0
    decided = OutboxEntry.objects.filter(posting=posting, kind__in=[Kind.APPROVE, Kind.REJECT])
    waiting = posting.submissions.filter(state=Submission.State.SUBMITTED).exclude(orders__in=decided)
    for submission in waiting.select_related("participation__study", "posting", "annotator"):
        if submission.participation and check_finished(submission):
            approve_submission(submission)
            n_approved += 1
    for participation in _excluded_here(posting):
        exclude_annotator(posting, participation.annotator)
    return Collected(len(seen_ids), n_new, n_approved)


def _excluded_here(posting: Posting):
    mine = Participation.objects.filter(study=posting.study, annotator__recruiter=posting.recruiter)
    told = OutboxEntry.objects.filter(posting__study=posting.study, kind=Kind.EXCLUDE)
    return mine.exclude(exclusion="").exclude(annotator__in=told.values("annotator")).select_related("annotator")


def _give_up(posting: Posting, seen_ids: set[str]) -> None:
    """Passes whose time is long over and that the recruiter does not list were given up; they cost nothing.

    MTurk does not tell of returned assignments. Should one be listed later after all, it is taken over again.
    """
    deadline = timezone.now() - timedelta(minutes=posting.minutes_allowed + GRACE_MINUTES)
    stale = posting.submissions.filter(state=Submission.State.ACTIVE, entered_at__lt=deadline)
    for pk, external_id in stale.values_list("pk", "external_id"):
        if external_id not in seen_ids:
            Submission.objects.filter(pk=pk, state=Submission.State.ACTIVE).update(state=Submission.State.RETURNED)


def _end(posting: Posting, recruiter) -> None:
    """Close what takes nobody any more at the recruiter: its free places are nobody's, and their money is free."""
    if posting.state == Posting.State.OPEN and recruiter.is_over(posting.external_id):
        Posting.objects.filter(pk=posting.pk, state=Posting.State.OPEN).update(
            state=Posting.State.CLOSED,
            closed_at=timezone.now(),
            message=f"It is over at {posting.get_recruiter_display()}: its days are up, or it was ended there.",
        )


def _take_over(posting: Posting, seen: SubmissionSeen) -> bool:
    """Write down what the recruiter says about a submission; return whether we had never heard of it."""
    annotator, _ = Annotator.objects.get_or_create(recruiter=posting.recruiter, external_id=seen.annotator)
    participation = Participation.objects.filter(study=posting.study, annotator=annotator).first()
    submission, is_new = Submission.objects.get_or_create(
        posting=posting,
        external_id=seen.external_id,
        annotator=annotator,
        defaults={"participation": participation, "state": seen.state.value, "submitted_at": seen.submitted_at},
    )
    decided = (Submission.State.APPROVED, Submission.State.REJECTED)
    if submission.state != seen.state.value and (submission.state not in decided or seen.state.value in decided):
        Submission.objects.filter(pk=submission.pk).update(state=seen.state.value)
    if seen.submitted_at or seen.code:
        Submission.objects.filter(pk=submission.pk).update(submitted_at=seen.submitted_at, code=seen.code[:120])
    return is_new
