"""What single people go by: how often a face is chosen because it shares the person, the expression or else."""

import numpy as np

from analysis.annotators import MAX_SHOWN
from annotation import agreement
from learning.judgements import Responses, groups_of, has_responses, triplet_responses
from triplets.archive import Release
from triplets.intervals import wilson_interval

#: Fewer responses say nothing about what one person goes by.
MIN_RESPONSES = 30
#: A column with more values is hardly one that people go by; the people in the pictures may be as many as they are.
_MOST_VALUES, _MOST_COLUMNS = 12, 6
#: The share of responses that must speak for or against a column.
_LEAST_TELLING = 0.05
_ROUNDS, _NEWTON = 40, 8
#: 95 % of a normal.
_WIDTH = 1.959964
#: Standard deviations between people, in log odds, below this are none.
_LEAST_SPREAD = 1e-3


def by_criterion(release: Release) -> dict:
    """Return what each annotator goes by, ready for JSON, from everybody's counted responses of all splits.

    {"omitted": why} where that cannot be known; else
    columns : [{"name", "value", "low", "high", "spread"}], the ones people differ in most first. value: where one
        candidate alone shares the column with the reference and they are alike in all other columns, how often the
        usual person chooses it; spread: standard deviation between people in log odds, of which 0 is everybody alike.
    people : [{"annotator", "n", "by": [{"value", "low", "high"}]}] the same for each person, in the order of columns,
        drawn towards the usual person as far as their own responses leave it open.
    repeats : {"n", "value", "low", "high"} of pairs in which the same person answered the same question twice, how many
        were answered alike, with Wilson's interval; None where there are none.
    """
    if not has_responses(release):
        return {"omitted": "the release holds no single responses"}
    responses = triplet_responses(release)
    names, values = _columns(release, responses)
    shares = shared(values, responses.rows)
    telling = np.flatnonzero((shares != 0).mean(axis=0) >= _LEAST_TELLING)[:_MOST_COLUMNS]
    if not len(telling):
        return {"omitted": "no question pits a face of the same person, expression or else against one of another"}
    names, shares = [names[c] for c in telling], shares[:, telling]
    people, person = np.unique(responses.annotator, return_inverse=True)
    says = np.bincount(person, weights=shares.any(axis=1))
    enough = np.flatnonzero(says >= MIN_RESPONSES)
    if len(enough) < 2:
        return {
            "omitted": f"fewer than two people gave {MIN_RESPONSES} responses that speak for one criterion or another"
        }
    own = [shares[(person == k) & shares.any(axis=1)] for k in enough]
    usual, spread, weights, errors = hierarchical(own)
    order = np.argsort(-spread, kind="stable")
    usual_error = np.sqrt((spread**2 + (errors**2).mean(axis=0)) / len(enough))
    shown = np.unique(np.linspace(0, len(enough) - 1, min(MAX_SHOWN, len(enough))).round().astype(int))
    return {
        "n_people": len(enough),
        "n_left_out": len(people) - len(enough),
        "columns": [
            {"name": names[c], **_chance(usual[c], usual_error[c]), "spread": float(spread[c])} for c in order.tolist()
        ],
        "people": [
            {"annotator": str(people[enough[k]]), "n": len(own[k]),
             "by": [_chance(weights[k, c], errors[k, c]) for c in order.tolist()]}
            for k in shown.tolist()
        ],
        "repeats": repeats(responses),
    }  # fmt: skip


def shared(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (v, C): 1 where the chosen one alone shares a column with the reference, -1 where the other alone, else 0.

    values : (C, n) int, -1 unknown, which speaks for nobody; rows : (v, 3) reference, chosen, other.
    """
    reference, chosen, other = (values[:, rows[:, place]] for place in range(3))
    is_known = (reference >= 0) & (chosen >= 0) & (other >= 0)
    return (((reference == chosen).astype(float) - (reference == other)) * is_known).T


def hierarchical(own: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (usual (C,), spread (C,), weights (A, C), errors (A, C)) of logistic models of people, in log odds.

    own : for each of A people (v, C) as of `shared`. A choice has the log odds w_a @ row, w_a ~ N(usual, spread^2),
    columns apart. usual and spread are those of the largest likelihood, by EM with normal approximations around each
    person's most likely weights; the errors are those of these normals.
    """
    n_people, n_columns = len(own), own[0].shape[1]
    usual, variance = np.zeros(n_columns), np.ones(n_columns)
    weights, errors = np.zeros((n_people, n_columns)), np.ones((n_people, n_columns))
    for _ in range(_ROUNDS):
        for a, rows in enumerate(own):
            for _ in range(_NEWTON):
                missed = 1 / (1 + np.exp(rows @ weights[a]))
                slope = rows.T @ missed - (weights[a] - usual) / variance
                curvature = (rows * (missed * (1 - missed))[:, None]).T @ rows + np.diag(1 / variance)
                step = np.linalg.solve(curvature, slope)
                weights[a] += step
                if np.abs(step).max() < 1e-6:
                    break
            errors[a] = np.sqrt(np.diag(np.linalg.inv(curvature)))
        usual = weights.mean(axis=0)
        variance = ((weights - usual) ** 2 + errors**2).mean(axis=0).clip(_LEAST_SPREAD**2)
    return usual, np.sqrt(variance), weights, errors


def repeats(responses: Responses) -> dict | None:
    """Return in how many pairs of answers of one person to one question, in either order, both were alike."""
    reference, chosen, other = responses.rows.T
    asked = np.column_stack([reference, np.minimum(chosen, other), np.maximum(chosen, other)])
    _, question = np.unique(asked, axis=0, return_inverse=True)
    value, n = agreement.self_agreement(question.ravel(), responses.annotator, chosen)
    if not n:
        return None
    low, high = wilson_interval(round(value * n), n)
    return {"n": n, "value": value, "low": low, "high": high}


def _columns(release: Release, responses: Responses) -> tuple[list[str], np.ndarray]:
    """Return the columns that tell the judged stimuli apart, and their values for all stimuli (C, n), -1 unknown."""
    used = np.unique(responses.rows)
    named = ("subject", "class_label", *release.stimuli.extra)
    names, found = groups_of(release.stimuli, used, named)
    few = [c for c, name in enumerate(names) if name == "subject" or found[c].max() < _MOST_VALUES]
    values = np.full((len(few), len(release.stimuli)), -1)
    values[:, used] = found[few]
    return [names[c] for c in few], values


def _chance(log_odds: float, error: float) -> dict:
    low, value, high = (1 / (1 + np.exp(-(log_odds + side * _WIDTH * error))) for side in (-1, 0, 1))
    return {"value": float(value), "low": float(low), "high": float(high)}
