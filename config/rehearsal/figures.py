"""What a rehearsal tells: cost, time, who would be excluded, agreement, and how right the consensus is."""

import heapq
from collections import Counter
from decimal import Decimal

import numpy as np
from django.db.models import Count, Sum

from annotation.models import Consensus, OutboxEntry, Participation, Posting, Response, Study, Submission
from annotation.models.payment import Budget
from annotation.selectors import study_progress
from annotation.services.quality import study_quality
from annotation.services.recruiters import recruiter_for
from config.rehearsal.flow import Rehearsal
from config.rehearsal.marketplaces import Marketplace
from config.rehearsal.perception import Perception
from triplets.models import Question, Stimulus

ENTRY_SECONDS = 60  # consent, instructions and practice
PAUSE_SECONDS = 0.7  # from a choice until the next pictures are there


def figures_of(done: Rehearsal, market: Marketplace, perception: Perception) -> dict:
    """Return everything as one JSON-able dict; money as text with two decimals, shares between 0 and 1."""
    study, plan = done.study, done.plan
    progress = study_progress(study)
    return {
        "study": study.name,
        "recruiter": plan.recruiter,
        "seed": plan.seed,
        "mix": plan.mix,
        "perception": perception.source,
        "ended": done.ended,
        "n_rounds": done.n_waves,
        "n_people": len(done.visitors),
        "n_slots_planned": study.n_slots_planned,
        "n_slots": study.slots.count(),
        "n_responses": progress["n_responses"],
        "n_good_responses": progress["n_good_responses"],
        "n_questions": progress["n_questions"],
        "n_settled": progress["n_settled"],
        "cost": _cost(done, market),
        "time": _time(done),
        "exclusions": _exclusions(done),
        "agreement": {
            "alpha": progress["alpha"],
            "levels": progress["agreement"],
            "reliability": study_quality(study).get("reliability", []),
        },
        "consensus": _rightness(study, perception),
    }


# Money ------------------------------------------------------------------------------------------


def _cost(done: Rehearsal, market: Marketplace) -> dict:
    study, recruiter = done.study, recruiter_for(done.study, done.plan.recruiter)
    rewards = fees = Decimal(0)
    n_places = n_paid = 0
    offers = list(Posting.objects.filter(study=study).exclude(state=Posting.State.FAILED).order_by("pk"))
    for posting in offers:
        n_here = posting.submissions.filter(state=Submission.State.APPROVED).count()
        n_places, n_paid = n_places + posting.n_places, n_paid + n_here
        rewards += posting.reward * n_here
        if posting.reward:
            fees += recruiter.estimate_cost(posting.n_places, posting.reward).fee / posting.n_places * n_here
    confirmed = OutboxEntry.objects.filter(
        posting__study=study, kind=OutboxEntry.Kind.BONUS, state=OutboxEntry.State.CONFIRMED
    )
    bonuses = confirmed.aggregate(total=Sum("cost", default=Decimal(0)))["total"]
    budget = Budget.objects.filter(study=study).first() if done.plan.budget else None
    charged = market.charged()
    return {
        "currency": recruiter.currency,
        "reward_per_batch": done.plan.reward or "0.00",
        "batches_per_place": offers[0].batches_per_place if offers else 0,
        "n_places": n_places,
        "n_paid": n_paid,
        "n_unfinished": done.n_unfinished,
        "rewards": _money(rewards),
        "fees": _money(fees),
        "bonuses": _money(bonuses),
        "n_bonuses": confirmed.count(),
        "total": _money(rewards + fees + bonuses),
        "charged": None if charged is None else _money(charged),
        "budget": _money(budget.amount) if budget else None,
    }


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


# Time -------------------------------------------------------------------------------------------


def _time(done: Rehearsal) -> dict:
    """Return how long people work, and how long it takes with so many of them at once, round after round."""
    rows = Response.objects.filter(study=done.study).values_list("annotator__external_id")
    worked = {who: (ms or 0, n) for who, ms, n in rows.annotate(ms=Sum("response_ms"), n=Count("pk"))}
    seconds = {
        visitor.taken.person: ENTRY_SECONDS + ms / 1000 + PAUSE_SECONDS * n
        for visitor in done.visitors
        for ms, n in [worked.get(visitor.taken.person, (0, 0))]
    }
    total = 0.0
    for wave in range(done.n_waves):
        total += makespan([seconds[each.taken.person] for each in done.visitors if each.wave == wave],
                          done.plan.at_once)  # fmt: skip
    reward = Decimal(done.plan.reward or 0)
    hourly = [float(reward) * each.n_batches / seconds[each.taken.person] * 3600 for each in done.visitors]
    return {
        "people_at_once": done.plan.at_once,
        "hours": round(total / 3600, 3),
        "person_hours": round(sum(seconds.values()) / 3600, 3),
        "median_minutes_per_person": round(float(np.median(list(seconds.values()))) / 60, 2) if seconds else None,
        "median_pay_per_hour": round(float(np.median(hourly)), 2) if hourly and reward else None,
        "assumed": f"{ENTRY_SECONDS} s for consent, instructions and practice; {PAUSE_SECONDS} s between questions",
    }


def makespan(seconds: list[float], at_once: int) -> float:
    """Return when the last is done if they come in this order and never more than `at_once` are there.

    >>> makespan([3.0, 1.0, 1.0, 2.0], 2)
    4.0
    """
    free_at = [0.0] * at_once
    for duration in seconds:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


# People and answers -----------------------------------------------------------------------------


def _exclusions(done: Rehearsal) -> dict:
    excluded = Participation.objects.filter(study=done.study).exclude(exclusion="")
    names = set(excluded.values_list("annotator__external_id", flat=True))
    came = Counter(each.model.kind for each in done.visitors)
    out = Counter(each.model.kind for each in done.visitors if each.taken.person in names)
    honest = [kind for kind in came if kind in ("careful", "noisy")]
    return {
        "n_excluded": len(names),
        "kinds": {kind: {"n_people": came[kind], "n_excluded": out[kind]} for kind in sorted(came)},
        "n_careful_lost": out["careful"],
        "n_honest_lost": sum(out[kind] for kind in honest),
    }


def _rightness(study: Study, perception: Perception) -> dict:
    sha = dict(Stimulus.objects.filter(collection=study.collection).values_list("pk", "picture_sha256"))
    current = Consensus.objects.filter(study=study, is_current=True).order_by("pk")
    if study.kind == Question.Kind.RATING:
        return _of_ratings(current, sha, perception)
    if study.kind == Question.Kind.CHOICE:
        return _of_choices(study, current, sha, perception)
    columns = ("verdict", "weight", "question__reference_id", "question__first_id", "question__second_id")
    right = []
    for verdict, weight, *pictures in current.values_list(*columns):
        is_first = perception.is_first_nearer(*(sha[pk] for pk in pictures))
        right.append((weight, (verdict == Question.Choice.FIRST) == is_first))
    return _by_level(right)


def _of_choices(study: Study, current, sha: dict, perception: Perception) -> dict:
    """Right is the label that fits best; `labels` says how often each was found where it was the right one."""
    rows = [
        (weight, label, perception.best_label(sha[pk], study.options))
        for weight, label, pk in current.values_list("weight", "label", "question__reference_id")
    ]
    found = _by_level([(weight, label == true) for weight, label, true in rows])
    labels = [
        {"label": option, "n": len(of), "found": _share(of)}
        for option in study.options
        for of in [[label == true for _, label, true in rows if true == option]]
    ]
    return found | {"labels": labels}


def _by_level(right: list[tuple[int, bool]]) -> dict:
    """right : difference of votes, and whether the verdict is right."""
    levels = sorted({weight for weight, _ in right}, reverse=True)
    return {
        "n": len(right),
        "right": _share([is_right for _, is_right in right]),
        "levels": [
            {"weight": level, "n": len(found), "right": _share(found)}
            for level in levels
            for found in [[is_right for weight, is_right in right if weight == level]]
        ],
    }


def _of_ratings(current, sha: dict, perception: Perception) -> dict:
    rows = list(current.values_list("question__attribute", "question__reference_id", "mean"))
    attributes = []
    for name in sorted({row[0] for row in rows}):
        pairs = [(mean, perception.judge.true_value(sha[pk], name)) for of, pk, mean in rows if of == name]
        settled, true = np.array(pairs, dtype=float).T
        varies = len(pairs) > 1 and settled.std() > 0 and true.std() > 0
        attributes.append(
            {
                "attribute": name,
                "n": len(pairs),
                "correlation": round(float(np.corrcoef(settled, true)[0, 1]), 4) if varies else None,
                "mean_error": round(float(np.abs(settled - true).mean()), 4),
            }
        )
    return {"n": len(rows), "attributes": attributes}


def _share(values: list[bool]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
