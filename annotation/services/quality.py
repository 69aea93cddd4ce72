"""How good a study's judgements are while it runs: everything the live page draws, as one JSON-able dict.

Costs little to ask often: what needs sums over responses is kept for as long as no response, opinion or exclusion is
new, and for KEPT_SECONDS even then. The bootstrap runs over patterns of votes or over the latest responses only.
"""

import math
import time
from collections import defaultdict

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Max, Q

from annotation import accuracy, agreement, selectors
from annotation.label_ceilings import label_ceilings
from annotation.models import Consensus, Participation, Response, Study
from annotation.services.consensus import good_responses
from annotation.services.replacement import why_paused
from triplets.intervals import wilson_interval
from triplets.models import Question

KEPT_SECONDS = 20
N_BOOTSTRAP = 200
N_PEOPLE = 60
N_RATINGS = 40_000  # reliability is taken from the latest so many good ratings
N_POINTS = 400
N_DECISIONS = 20
TARGET = 0.90
_MOST_KEPT = 24 * 3600


def study_quality(study: Study) -> dict:
    """Return counts, people, agreement, ceilings or reliability, opinions and replacement decisions.

    Shares lie between 0 and 1; what is not known yet is None. `version` changes when anything else does.
    """
    version = _version(study)
    key = f"quality:{study.pseudonym_key}"  # random for each study: primary keys are used again after a restore
    known = cache.get(key)
    if known is None or (known["version"] != version and time.monotonic() - known["made"] > KEPT_SECONDS):
        known = {"version": version, "made": time.monotonic(), "slow": _slow(study)}
        cache.set(key, known, _MOST_KEPT)
    # Otherwise a page that got old sums with new counters would never hear of the new sums.
    version = version if known["version"] == version else f"{version}-{known['version']}"
    return {
        "version": version,
        "counts": _counts(study),
        "slots": selectors.slot_counts(study),
        "accuracy": selectors.gold_accuracy(study),
        "replacement": _replacement(study),
        **known["slow"],
    }


# Details ----------------------------------------------------------------------------------------


def _version(study: Study) -> str:
    last = Response.objects.filter(study=study).aggregate(last=Max("id"))["last"]
    opinions = Consensus.objects.filter(study=study).aggregate(last=Max("id"), n=Count("id", filter=Q(is_current=True)))
    people = Participation.objects.filter(study=study).aggregate(
        out=Count("pk", filter=~Q(exclusion="")), readmitted=Max("readmitted_at"), last=Max("excluded_at")
    )
    decided = study.replacement_decisions.aggregate(last=Max("pk"))["last"]
    return ".".join(str(part) for part in (last, *opinions.values(), *people.values(), decided, study.state))


def _counts(study: Study) -> dict:
    return selectors.question_counts(study) | selectors.people_counts(study)


def _slow(study: Study) -> dict:
    recent = selectors.recent_judgements(study)
    slow = {
        "kind": study.kind,
        "people": _people(study),
        "alpha": selectors.alphas(study, recent),
        "self_agreement": selectors.repeat_agreement(study),
        "filter": _filter(study),
    }
    if study.kind == Question.Kind.RATING:
        return slow | {"reliability": _reliability(study), "means": _means(study)}
    return slow | {"ceilings": _ceilings(study, recent), "posterior": _posteriors(study)}


def _people(study: Study) -> dict:
    """Return the people who saw gold, those with the lowest accuracy first; intervals are Wilson's, 95 %."""
    seen = Participation.objects.filter(study=study, n_gold__gt=0)
    columns = ("annotator__code", "n_gold_right", "n_gold", "n_responses", "exclusion")
    people = []
    for code, n_right, n_gold, n_responses, exclusion in seen.values_list(*columns).iterator(5000):
        low, high = wilson_interval(n_right, n_gold)
        people.append(
            {"code": code, "accuracy": n_right / n_gold, "low": low, "high": high, "n_gold": n_gold,
             "n_responses": n_responses, "is_excluded": bool(exclusion)}
        )  # fmt: skip
    people.sort(key=lambda person: (person["accuracy"], person["high"], person["code"]))
    return {"n": len(people), "threshold": study.gold_threshold, "lowest": people[:N_PEOPLE]}


def _filter(study: Study) -> dict:
    """Return how probably the filter excludes somebody within their first eight gold questions."""
    rule = {"threshold": study.gold_threshold, "min_gold": study.min_gold}
    return {
        "n_gold": 8,
        "guessing": accuracy.exclusion_probability(0.5, 8, **rule),
        "right_on_90": accuracy.exclusion_probability(0.9, 8, **rule),
        "right_on_95": accuracy.exclusion_probability(0.95, 8, **rule),
    }


def _ceilings(study: Study, recent: list[tuple]) -> list[dict]:
    """Return, for each difference of votes and for all, what one more person and an oracle would reach.

    recent : `selectors.recent_judgements`. Questions count once they have the responses that the study wants, ties
    among them; before there is one, whatever at least two people answered.
    """
    is_triplet = study.kind == Question.Kind.TRIPLET
    options = [Question.Choice.FIRST, Question.Choice.SECOND] if is_triplet else study.options
    place = {str(option): row for row, option in enumerate(options)}
    votes = defaultdict(lambda: [0] * len(options))
    for question, _, choice, _, label, _ in recent:
        chosen = choice if is_triplet else label
        if chosen in place:
            votes[question][place[chosen]] += 1
    counts = np.array(list(votes.values()), dtype=np.int64).reshape(-1, len(options))
    n = counts.sum(axis=1)
    counts = counts[n >= (study.responses_per_question if (n >= study.responses_per_question).any() else 2)]
    if not len(counts):
        return []
    if is_triplet:
        found = agreement.ceilings_by_level(counts[:, 0], counts.sum(axis=1), n_bootstrap=N_BOOTSTRAP)
    else:
        found = label_ceilings(counts, len(options), n_bootstrap=N_BOOTSTRAP)
    rows = [(str(level), row) for level, row in found["levels"].items()] + [("all", found["overall"])]
    return [
        {"level": level, "n": row["n"], "one_person": _estimate(row["one_person"]), "oracle": _estimate(row["oracle"])}
        for level, row in rows
        if row["n"]
    ]


def _posteriors(study: Study) -> dict:
    """Return how the posterior probabilities of the current verdicts are spread, in bins of .05."""
    known = Consensus.objects.filter(study=study, is_current=True, posterior__isnull=False)
    values = np.fromiter(known.values_list("posterior", flat=True).iterator(20_000), dtype=float)
    counts, edges = np.histogram(values, bins=20, range=(0, 1))
    return {
        "n": len(values),
        "mean": float(values.mean()) if len(values) else None,
        "bins": [{"low": round(float(low), 2), "n": int(n)} for low, n in zip(edges, counts, strict=False)],
    }


def _reliability(study: Study) -> list[dict]:
    """Return each attribute's ICC, split-half reliability and the ratings a picture that would make it .90."""
    asked = Question.objects.filter(question_set=study.question_set_id, role__in=selectors.LEARNED)
    attribute_of = dict(asked.values_list("pk", "attribute").iterator(20_000))
    latest = good_responses(study).exclude(rating=None).order_by("-id")
    latest = latest.values_list("question_id", "annotator_id", "rating")[:N_RATINGS]
    of_attribute = {}
    for question, annotator, rating in latest.iterator(20_000):
        if question in attribute_of:
            of_attribute.setdefault(attribute_of[question], []).append((question, annotator, rating))
    rows = []
    for attribute in sorted(of_attribute):
        question, annotator, rating = (np.array(column) for column in zip(*of_attribute[attribute], strict=True))
        counts = np.unique(question, return_counts=True)[1]
        n_each = float(counts[counts > 1].mean()) if (counts > 1).any() else 0.0
        row = {"attribute": attribute, "n_pictures": len(counts), "n_ratings": len(rating), "n_each": n_each,
               "icc_single": None, "icc_mean": None, "split_half": None, "raters_needed": None}  # fmt: skip
        if (counts > 1).sum() >= 3 and np.ptp(rating) > 0:
            row["icc_single"] = _known(agreement.icc(question, annotator, rating, "ICC(1,1)"))
            row["icc_mean"] = _known(agreement.icc(question, annotator, rating, "ICC(1,k)"))
            with np.errstate(invalid="ignore", divide="ignore"):
                row["split_half"] = _known(agreement.split_half_reliability(question, rating, n_splits=20))
            if row["split_half"] is not None:
                reliability = min(row["split_half"], 1.0)
                row["raters_needed"] = _known(agreement.raters_needed(reliability, n_each, TARGET))
        rows.append(row)
    return rows


def _means(study: Study) -> list[list[float]]:
    """Return (mean, mean weighted by consistency) of the questions settled last."""
    current = Consensus.objects.filter(study=study, is_current=True, weighted_mean__isnull=False).order_by("-id")
    return [list(pair) for pair in current.values_list("mean", "weighted_mean")[:N_POINTS]]


def _replacement(study: Study) -> dict:
    decisions = study.replacement_decisions.all()[:N_DECISIONS]
    return {
        "paused": why_paused(study),
        "decisions": [
            {"at": row.decided_at.strftime("%Y-%m-%d %H:%M"), "reason": row.reason, "good": row.good,
             "target": row.target, "needed": row.needed, "created": row.n_created}
            for row in decisions
        ],
    }  # fmt: skip


def _estimate(found: agreement.Estimate) -> dict:
    return {"value": _known(found.value), "low": _known(found.low), "high": _known(found.high)}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
