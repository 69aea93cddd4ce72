"""What a researcher wants to know of a study while it runs, from counters and settled rows: cheap to ask often."""

import math
from collections import defaultdict
from statistics import mean, median

import numpy as np
from django.db.models import Avg, Count, Q, Sum

from annotation import agreement
from annotation.models import Assignment, Consensus, ConsentText, Participation, Response, Slot, Study
from annotation.services.consensus import good_responses
from triplets.intervals import wilson_interval
from triplets.models import Question

N_RECENT = 4_000  # alpha is taken from the questions that the latest so many good responses were about
N_BINS = 20
LEARNED = (Question.Role.ORDINARY, Question.Role.SHARED)


def study_progress(study: Study) -> dict:
    """Return counts, the distribution of accuracies, and how far people agree, as one JSON-able dict.

    Shares lie between 0 and 1; what is not known yet is None. `agreement` holds how many triplets settled with
    each difference of votes, or what each attribute came to; `alpha` names its statistic.
    """
    return study_counts(study) | {"alpha": alphas(study), "self_agreement": repeat_agreement(study)}


def study_counts(study: Study) -> dict:
    """Return `study_progress` without what has to be computed from single responses."""
    progress = question_counts(study) | people_counts(study) | _work(study)
    progress["accuracy"] = _accuracies(study)
    progress["agreement"] = _attributes(study) if study.kind == Question.Kind.RATING else _levels(study)
    return progress


def consent_versions(study: Study) -> list[tuple[ConsentText, int]]:
    """Return each version of the consent, the newest first, with the number of people whose last agreement it is."""
    agreed = Participation.objects.filter(study=study, consented_at__isnull=False).order_by()
    n_of = dict(agreed.values_list("consent_version").annotate(n=Count("pk")))
    return [(text, n_of.get(text.version, 0)) for text in study.consent_texts.all()]


def question_counts(study: Study) -> dict:
    roles = dict(
        Question.objects.filter(question_set=study.question_set_id)
        .order_by()
        .values_list("role")
        .annotate(n=Count("pk"))
    )
    n_questions = sum(roles.get(role, 0) for role in LEARNED)
    n_settled = Consensus.objects.filter(study=study, is_current=True).count()
    return {
        "n_questions": n_questions,
        "n_gold": roles.get(Question.Role.GOLD, 0),
        "n_practice": roles.get(Question.Role.PRACTICE, 0),
        "n_settled": n_settled,
        "n_open": n_questions - n_settled,
        "share_settled": _share(n_settled, n_questions),
    }


def people_counts(study: Study) -> dict:
    answered = Q(n_responses__gt=0)
    is_good = Q(exclusion=Participation.Exclusion.NO)
    answers = Participation.objects.filter(study=study).aggregate(
        n_participations=Count("pk"),
        n_annotators=Count("pk", filter=answered),
        n_excluded=Count("pk", filter=~is_good),
        of_all=Sum("n_responses", default=0),
        of_good=Sum("n_responses", filter=is_good, default=0),
    )
    answers["n_responses"], answers["n_good_responses"] = answers.pop("of_all"), answers.pop("of_good")
    return answers


def slot_counts(study: Study) -> dict:
    slots = dict(Slot.objects.filter(study=study).order_by().values_list("state").annotate(n=Count("pk")))
    return {state: slots.get(state, 0) for state in Slot.State.values}


def gold_accuracy(study: Study) -> dict:
    """Return the accuracy of all people together on gold, with its interval; None before anybody saw gold."""
    gold = Participation.objects.filter(study=study).aggregate(
        n=Sum("n_gold", default=0), right=Sum("n_gold_right", default=0)
    )
    low, high = wilson_interval(gold["right"], gold["n"])
    value = _share(gold["right"], gold["n"])
    return {"value": value, "low": low if gold["n"] else None, "high": high if gold["n"] else None}


def _work(study: Study) -> dict:
    slots = slot_counts(study)
    assignments = dict(Assignment.objects.filter(study=study).order_by().values_list("state").annotate(n=Count("pk")))
    n_wanted = slots["free"] + slots["taken"] + slots["done"]
    return {
        "slots": slots,
        "n_slots_planned": study.n_slots_planned,
        "share_answered": _share(slots["done"], n_wanted),
        "assignments": {state: assignments.get(state, 0) for state in Assignment.State.values},
    }


def _accuracies(study: Study) -> dict:
    """Return how the accuracies of those who saw gold questions are spread; `bins` are equally wide from 0 to 1."""
    records = list(Participation.objects.filter(study=study, n_gold__gt=0).values_list("n_gold_right", "n_gold"))
    shares = [right / seen for right, seen in records]
    counts, edges = np.histogram(shares, bins=N_BINS, range=(0, 1))
    n_right, n_seen = (sum(column) for column in zip(*records, strict=True)) if records else (0, 0)
    low, high = wilson_interval(n_right, n_seen)
    return {
        "n_annotators": len(shares),
        "mean": mean(shares) if shares else None,
        "median": median(shares) if shares else None,
        "n_gold_responses": n_seen,
        "overall": _share(n_right, n_seen),
        "overall_low": low if n_seen else None,
        "overall_high": high if n_seen else None,
        "threshold": study.gold_threshold,
        "bins": [
            {"low": round(float(edge), 3), "high": round(float(edge) + 1 / N_BINS, 3), "n": int(n)}
            for edge, n in zip(edges, counts, strict=False)
        ],
    }


def _levels(study: Study) -> list[dict]:
    current = Consensus.objects.filter(study=study, is_current=True)
    rows = list(
        current.order_by("-weight")
        .values("weight")
        .annotate(n_settled=Count("pk"), mean_posterior=Avg("posterior"), mean_votes=Avg("n"))
    )
    total = sum(row["n_settled"] for row in rows)
    return [
        {
            "weight": row["weight"],
            "n": row["n_settled"],
            "share": row["n_settled"] / total,
            "mean_votes": row["mean_votes"],
            "mean_posterior": row["mean_posterior"],
        }
        for row in rows
    ]


def _attributes(study: Study) -> list[dict]:
    current = Consensus.objects.filter(study=study, is_current=True)
    rows = (
        current.order_by("question__attribute")
        .values("question__attribute")
        .annotate(n_settled=Count("pk"), n_ratings=Avg("n"), of_mean=Avg("mean"), of_spread=Avg("spread"))
    )
    return [
        {
            "attribute": row["question__attribute"],
            "n": row["n_settled"],
            "mean_ratings": row["n_ratings"],
            "mean": row["of_mean"],
            "mean_spread": row["of_spread"],
        }
        for row in rows
    ]


def recent_judgements(study: Study) -> list[tuple]:
    """Return (question, annotator, choice, rating, label, attribute) of good responses to what was answered lately.

    All good responses to those questions, whether they settled or not: leaving ties out would flatter.
    """
    good = good_responses(study)
    recent = sorted(set(good.order_by("-id").values_list("question_id", flat=True)[:N_RECENT]))
    rows = []
    for start in range(0, len(recent), 500):
        learned = Question.objects.filter(pk__in=recent[start : start + 500], role__in=LEARNED)
        attribute_of = dict(learned.values_list("pk", "attribute"))
        found = good.filter(question__in=list(attribute_of))
        found = found.values_list("question_id", "annotator_id", "choice", "rating", "label")
        rows += [(*row, attribute_of[row[0]]) for row in found]
    return rows


def alphas(study: Study, rows: list[tuple] | None = None) -> list[dict]:
    """Return Krippendorff's alpha, of triplets or labels (nominal), or of each attribute (ordinal and interval).

    rows : `recent_judgements`, where the caller has them already.
    """
    rows = recent_judgements(study) if rows is None else rows
    if study.kind == Question.Kind.TRIPLET:
        return [_alpha("", "nominal", [row[:3] for row in rows])]
    if study.kind == Question.Kind.CHOICE:
        return [_alpha("", "nominal", [(*row[:2], row[4]) for row in rows])]
    of_attribute = defaultdict(list)
    for row in rows:
        of_attribute[row[5]].append((*row[:2], row[3]))
    levels = ("ordinal", "interval")
    return [_alpha(name, level, of_attribute[name]) for name in sorted(of_attribute) for level in levels]


def _alpha(attribute: str, level: str, judged: list[tuple]) -> dict:
    unit, annotator, value = zip(*judged, strict=True) if judged else ((), (), ())
    found = agreement.krippendorff_alpha(unit, annotator, value, level, n_bootstrap=200) if judged else None
    return {
        "statistic": f"Krippendorff's alpha, {level}",
        "attribute": attribute,
        "value": _known(found and found.value),
        "low": _known(found and found.low),
        "high": _known(found and found.high),
        "n_questions": len(set(unit)),
        "n_responses": len(judged),
    }


def repeat_agreement(study: Study) -> dict:
    """Return how well people, asked the same again, agree with themselves; excluded people are left out.

    value : the share of pairs with the same choice; of ratings, how the two correlate within an attribute, and
    `difference`, how many points they lie apart on average.
    """
    is_rating = study.kind == Question.Kind.RATING
    column = {Question.Kind.CHOICE: "label", Question.Kind.RATING: "rating"}.get(study.kind, "choice")
    excluded = Participation.objects.filter(study=study).exclude(exclusion="").values("annotator_id")
    again = Response.objects.filter(study=study, is_repeat=True).exclude(annotator_id__in=excluded)
    pairs = list(again.values_list("question_id", "annotator_id").distinct()[:N_RECENT])
    questions, people = {pair[0] for pair in pairs}, set(pairs)
    rows, wanted = [], sorted(questions)
    for start in range(0, len(wanted), 500):
        chunk = Response.objects.filter(study=study, question__in=wanted[start : start + 500]).order_by("pk")
        columns = ("question_id", "annotator_id", column, "question__attribute")
        rows += [row for row in chunk.values_list(*columns) if row[:2] in people]
    if not rows:
        return {"value": None, "n": 0, "difference": None}
    if is_rating:
        return _repeated_ratings(rows)
    value, n = agreement.self_agreement(*zip(*(row[:3] for row in rows), strict=True))
    return {"value": _known(value), "n": n, "difference": None}


def _repeated_ratings(rows: list[tuple]) -> dict:
    """rows : (question, annotator, rating, attribute), the earlier of two first."""
    first, pairs = {}, defaultdict(list)
    for question, annotator, rating, attribute in rows:
        if (question, annotator) in first:
            pairs[attribute].append((first[question, annotator], rating))
        else:
            first[question, annotator] = rating
    if not pairs:
        return {"value": None, "n": 0, "difference": None}
    # Attributes differ in their means, which would pass for agreement: each is centred first.
    centred = np.concatenate([np.array(found, float) - np.mean(found) for found in pairs.values()])
    varies = len(centred) > 2 and (centred.std(axis=0) > 0).all()
    value = float(np.corrcoef(*centred.T)[0, 1]) if varies else None
    return {"value": value, "n": len(centred), "difference": float(np.abs(centred[:, 0] - centred[:, 1]).mean())}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
