"""How far annotators concur, and what that allows anyone to reach.

Judgements come in long format: one entry each in `unit` (what was judged), `annotator` and
`value`. Every figure is returned with the name of its statistic by the function that makes it:
"agreement" without one says nothing.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from triplets.intervals import ERROR, EXPLAINED, RATE, Scale, effective_number, interval

LEVELS = ("nominal", "ordinal", "interval")


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; low and high are nan where no interval was asked for."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


def krippendorff_alpha(unit, annotator, value, level="nominal", *, n_bootstrap=0, confidence=0.95, seed=0) -> Estimate:
    """Return Krippendorff's alpha: 1 for perfect agreement, 0 for what chance gives, below 0 for worse.

    value : labels (nominal) or numbers (ordinal, interval). Units judged once count
    for nothing, annotators may have judged any of them. nan if all values are equal.
    n_bootstrap : resamples of whole units for the interval.

    Krippendorff (2019), "Content analysis", chapter 12. Nothing is quadratic in the number of
    values here: within a unit of m judgements the squared differences of all pairs sum to
    2m times the squared deviations from the mean, and the ordinal metric is the interval
    metric of midranks.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level!r}: expected one of {', '.join(LEVELS)}")
    unit, annotator, value = _long_format(unit, annotator, value)
    _, unit = np.unique(unit, return_inverse=True)
    keep = np.bincount(unit)[unit] > 1 if len(unit) else np.zeros(0, dtype=bool)
    _, unit = np.unique(unit[keep], return_inverse=True)
    levels, code = np.unique(value[keep], return_inverse=True)
    if level != "nominal":
        levels = levels.astype(float)
        if not np.isfinite(levels).all():
            raise ValueError("values must be finite numbers: leave missing judgements out")
    n_units = unit.max(initial=-1) + 1
    point = _alpha(unit, code, levels, level, np.ones(n_units))
    if not n_bootstrap:
        return Estimate(point)
    rng = np.random.default_rng(seed)
    draws = [
        _alpha(unit, code, levels, level, np.bincount(rng.integers(n_units, size=n_units), minlength=n_units))
        for _ in range(n_bootstrap)
    ]
    return estimate_from(point, draws, EXPLAINED, n_units, confidence=confidence)


def icc(unit, annotator, value, kind="ICC(2,k)") -> float:
    """Return an intraclass correlation of Shrout & Fleiss (1979): reliability of one rating or of the mean of k.

    ICC(1,·) each unit rated by other people; ICC(2,·) the same people, drawn from
    many, whose levels matter; ICC(3,·) the same people, levels do not matter.
    Kinds 2 and 3 need everybody to have rated every unit exactly once. Kind
    1 needs that not: k is then the usual average n₀ of unequal group sizes.
    """
    if kind not in ("ICC(1,1)", "ICC(1,k)", "ICC(2,1)", "ICC(2,k)", "ICC(3,1)", "ICC(3,k)"):
        raise ValueError(f"kind is {kind!r}: expected ICC(1,1), ICC(1,k), ICC(2,1), ICC(2,k), ICC(3,1) or ICC(3,k)")
    unit, annotator, value = _long_format(unit, annotator, value)
    value = value.astype(float)
    units, unit = np.unique(unit, return_inverse=True)
    people, annotator = np.unique(annotator, return_inverse=True)
    n, n_of_unit = len(units), np.bincount(unit)
    if n < 2 or len(value) <= n:
        raise ValueError(f"{n} units with {len(value)} ratings: expected at least 2 units, some rated more than once")
    mean_of_unit = np.bincount(unit, weights=value) / n_of_unit
    between = np.sum(n_of_unit * (mean_of_unit - value.mean()) ** 2) / (n - 1)
    within = np.sum((value - mean_of_unit[unit]) ** 2) / (len(value) - n)
    if kind.startswith("ICC(1"):
        k = (len(value) - np.sum(n_of_unit**2) / len(value)) / (n - 1)
        single = (between - within) / (between + (k - 1) * within)
        return float((between - within) / between if kind == "ICC(1,k)" else single)
    k = len(people)
    if len(value) != n * k or len(np.unique(unit * k + annotator)) != n * k:
        raise ValueError(f"{kind} with {len(value)} ratings of {n} units by {k} people: expected each by each once")
    mean_of_person = np.bincount(annotator, weights=value) / n
    of_people = n * np.sum((mean_of_person - value.mean()) ** 2) / (k - 1)
    error = (np.sum((value - mean_of_unit[unit]) ** 2) - (k - 1) * of_people) / ((n - 1) * (k - 1))
    level = of_people - error if kind.startswith("ICC(2") else 0.0
    if kind.endswith("1)"):
        return float((between - error) / (between + (k - 1) * error + k * level / n))
    return float((between - error) / (between + level / n))


def split_half_reliability(unit, value, *, n_splits=100, seed=0) -> float:
    """Return how well the mean of all ratings would correlate with that of as many new people's.

    The ratings of each unit are halved at random, the two half means
    correlated over units and corrected by Spearman-Brown 2r/(1+r), and that
    averaged over n_splits halvings. Units rated once are left out.
    """
    unit, _, value = _long_format(unit, np.zeros(len(np.asarray(unit))), value)
    value = value.astype(float)
    _, unit = np.unique(unit, return_inverse=True)
    keep = np.bincount(unit)[unit] > 1 if len(unit) else np.zeros(0, dtype=bool)
    _, unit = np.unique(unit[keep], return_inverse=True)
    value = value[keep][np.argsort(unit, kind="stable")]
    unit = np.sort(unit)
    n = np.bincount(unit)
    if len(n) < 3:
        raise ValueError(f"{len(n)} units were rated more than once: expected at least 3 to correlate")
    start = np.cumsum(n) - n
    rng = np.random.default_rng(seed)
    total, found = np.bincount(unit, weights=value), []
    for _ in range(n_splits):
        order = np.lexsort((rng.random(len(unit)), unit))
        # The odd rating of a unit goes to either half, so that neither is favoured.
        parity = (np.arange(len(unit)) - start[unit] + rng.integers(2, size=len(n))[unit]) % 2
        half = np.bincount(unit, weights=value[order] * parity)
        n_half = np.bincount(unit, weights=parity)
        r = np.corrcoef(half / n_half, (total - half) / (n - n_half))[0, 1]
        found.append(2 * r / (1 + r))
    return float(np.mean(found))


def raters_needed(reliability, n, target=0.90) -> float:
    """Return how many ratings a unit need for the target reliability, if n give this one (Spearman-Brown).

    inf where the reliability is 0 or less: more of the same people never help.

    >>> raters_needed(0.8, 10)
    23
    """
    if not 0 < target < 1 or n <= 0 or reliability > 1:
        raise ValueError(f"reliability {reliability}, n {n}, target {target}: expected r <= 1, n > 0, 0 < target < 1")
    if reliability <= 0:
        return float("inf")
    if reliability == 1:
        return 1
    needed = n * target * (1 - reliability) / (reliability * (1 - target))
    return max(1, int(np.ceil(needed - 1e-9)))


def self_agreement(question, annotator, choice) -> tuple[float, int]:
    """Return (share of repeated questions answered alike by the same annotator, number of repeats).

    Every pair of one annotator's answers to one question counts. (nan, 0) where nobody was asked twice.
    """
    question, annotator, choice = _long_format(question, annotator, choice)
    if not len(question):
        return float("nan"), 0
    _, q = np.unique(question, return_inverse=True)
    _, a = np.unique(annotator, return_inverse=True)
    _, c = np.unique(choice, return_inverse=True)
    asked = q * (a.max() + 1) + a
    _, times = np.unique(asked, return_counts=True)
    _, alike = np.unique(asked * (c.max() + 1) + c, return_counts=True)
    n_pairs = int(np.sum(times * (times - 1) // 2))
    return (float(np.sum(alike * (alike - 1) // 2) / n_pairs) if n_pairs else float("nan")), n_pairs


def _alpha(unit, code, levels, level, times) -> float:
    """Alpha with each unit taken `times` times."""
    weight = times[unit].astype(float)
    n_of_unit = np.bincount(unit, minlength=len(times))
    n_of_code = np.bincount(code, weights=weight, minlength=len(levels))
    n = n_of_code.sum()
    if level == "nominal":
        pairs, count = np.unique(unit * len(levels) + code, return_counts=True)
        of_unit = pairs // max(1, len(levels))
        alike = np.bincount(of_unit, weights=count.astype(float) ** 2, minlength=len(times))
        observed = np.sum(times * (n_of_unit**2 - alike) / np.maximum(n_of_unit - 1, 1))
        expected = (n**2 - np.sum(n_of_code**2)) / (n - 1) if n > 1 else 0.0
    else:
        number = levels if level == "interval" else np.cumsum(n_of_code) - n_of_code / 2
        value = number[code]
        mean = np.bincount(unit, weights=value, minlength=len(times)) / np.maximum(n_of_unit, 1)
        squares = np.bincount(unit, weights=(value - mean[unit]) ** 2, minlength=len(times))
        observed = np.sum(times * 2 * n_of_unit * squares / np.maximum(n_of_unit - 1, 1))
        centre = np.sum(n_of_code * number) / n if n else 0.0
        expected = 2 * n * np.sum(n_of_code * (number - centre) ** 2) / (n - 1) if n > 1 else 0.0
    return float(1 - observed / expected) if expected > 0 else float("nan")


def estimate_from(point, draws, scale: Scale, n_units: int, *, effective=None, confidence=0.95) -> Estimate:
    """Return the value with the interval of its bootstrap draws; without any, where none is a number.

    n_units : what was drawn, `triplets.intervals.interval`; effective : of units that differ in size, None alike.
    """
    if not np.isfinite(draws).any():
        return Estimate(point)
    effective = n_units if effective is None else effective
    return Estimate(point, *interval(point, draws, scale, n_units, n_units, effective, confidence))


def _long_format(unit, annotator, value):
    unit, annotator, value = np.asarray(unit), np.asarray(annotator), np.asarray(value)
    if not unit.shape == annotator.shape == value.shape or unit.ndim != 1:
        shapes = f"{unit.shape}, {annotator.shape} and {value.shape}"
        raise ValueError(f"unit, annotator and value have shapes {shapes}: expected one length for all three")
    return unit, annotator, value


# What human disagreement allows ------------------------------------------------------------------


def fit_beta(n_positive, n) -> float:
    """Return a: the chance p that a person chooses one candidate is Beta(a, a) over questions (maximum likelihood).

    n_positive of n votes went to one candidate, for each question; it does not matter
    to which. Small a: most questions have an answer. a = 1: every p is as
    frequent. Large a: people toss coins. Searched from 0.01 to 100.
    """
    n_positive, n = _counts(n_positive, n)
    patterns, times = np.unique(np.stack([n_positive, n]), axis=1, return_counts=True)
    return float(_fit_beta_to_patterns(patterns, times[None])[0])


def one_person_ceiling(k, n, a):
    """Return the chance that one more person chooses as the majority did, k of n votes: (k + a)/(n + 2a)."""
    k, n = np.maximum(k, np.subtract(n, k)), np.asarray(n)
    return (k + a) / (n + 2 * a)


def oracle_ceiling(k, n, a):
    """Return the chance that the majority of n voters, k of them, is the majority of everybody: P(p > 1/2 | votes)."""
    k, n = np.maximum(k, np.subtract(n, k)), np.asarray(n)
    return special.betainc(n - k + a, k + a, 0.5)


def ceilings_by_level(n_majority, n_votes, n_bootstrap=1000, seed=0, groups=None, confidence=0.95) -> dict:
    """Return what one more person and an oracle of the majority would reach, for each vote difference and overall.

    n_majority, n_votes : (n_questions,) votes for the majority, and all votes. Give the ties
    too: they have no majority, so they are in no level and not in `overall`,
    but without them people seem to agree far more than they do.
    groups : (n_questions,) what to resample together, e.g. the reference's
    subject; single questions otherwise. Both the shape a of `fit_beta` and the
    mixture of vote patterns are taken anew in every resample.

    {"a": Estimate, "levels": {5: {"n", "one_person", "oracle"}, 3: ..., 1: ...}, "overall": {...}},
    levels in falling order, values Estimates. The intervals say how well the
    ceilings are known, not how much a score under them varies. All groups
    inform every level, since a is fitted to all of them.
    """
    k, n = _counts(n_majority, n_votes)
    if not len(k):
        raise ValueError("no votes at all: expected at least one question")
    k = np.maximum(k, n - k)
    patterns, pattern = np.unique(np.stack([k, n]), axis=1, return_inverse=True)
    pattern = pattern.ravel()
    n_patterns = patterns.shape[1]
    rng = np.random.default_rng(seed)
    times = np.bincount(pattern, minlength=n_patterns)
    n_units = effective = len(k)
    if groups is None:
        draws = rng.multinomial(len(k), times / len(k), size=n_bootstrap)
    else:
        _, group = np.unique(np.asarray(groups), return_inverse=True)
        if group.shape != k.shape:
            raise ValueError(f"groups have shape {group.shape}: expected {k.shape} as the votes")
        n_units, effective = group.max() + 1, effective_number(np.bincount(group))
        of_group = np.bincount(group * n_patterns + pattern, minlength=n_units * n_patterns)
        drawn = rng.multinomial(n_units, np.full(n_units, 1 / n_units), size=n_bootstrap)
        draws = drawn @ of_group.reshape(n_units, n_patterns)
    draws = np.concatenate([times[None], draws]).astype(float)
    draws = draws[draws.sum(axis=1) > 0]
    a = _fit_beta_to_patterns(patterns, draws)
    per_pattern = {
        "one_person": one_person_ceiling(patterns[0], patterns[1], a[:, None]),
        "oracle": oracle_ceiling(patterns[0], patterns[1], a[:, None]),
    }

    def estimate(values, scale):
        return estimate_from(float(values[0]), values[1:], scale, n_units, effective=effective, confidence=confidence)

    def summary(columns):
        weights = draws[:, columns]
        result = {"n": int(times[columns].sum())}
        for name, values in per_pattern.items():
            with np.errstate(invalid="ignore"):
                means = (weights * values[:, columns]).sum(axis=1) / weights.sum(axis=1)
            result[name] = estimate(means, RATE)
        return result

    difference = 2 * patterns[0] - patterns[1]
    differences = np.unique(difference[difference > 0])[::-1]
    return {
        "a": estimate(a, ERROR),
        "levels": {int(level): summary(np.flatnonzero(difference == level)) for level in differences},
        "overall": summary(np.flatnonzero(difference > 0)),
    }


def _fit_beta_to_patterns(patterns, times) -> np.ndarray:
    """Return a for each row of `times` (m, n_patterns): the best of a fine grid of log a, refined by a parabola."""
    k, n = patterns
    grid = np.linspace(np.log(0.01), np.log(100), 800)
    a = np.exp(grid)[:, None]
    likelihood = times @ (special.betaln(k + a, n - k + a) - special.betaln(a, a)).T
    best = np.clip(likelihood.argmax(axis=1), 1, len(grid) - 2)
    row = np.arange(len(best))
    left, middle, right = (likelihood[row, best + step] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1), 0.0)
    return np.exp(grid[best] + np.clip(shift, -1, 1) * (grid[1] - grid[0]))


def _counts(k, n):
    k, n = np.asarray(k), np.asarray(n)
    k, n = np.broadcast_arrays(k, n)
    if np.any((k < 0) | (k > n)):
        wrong = np.flatnonzero((k < 0) | (k > n))[0]
        raise ValueError(f"{k.ravel()[wrong]} of {n.ravel()[wrong]} votes: expected 0 <= k <= n")
    return k.ravel(), n.ravel()
