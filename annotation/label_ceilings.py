"""What human disagreement allows a prediction of labels to reach: as `agreement.ceilings_by_level` for two.

Each picture has chances p_1..p_K with which a person gives it each label, drawn from a symmetrical Dirichlet
distribution; votes are drawn from them. With K = 2 this is the Beta model of `annotation.agreement`.
"""

import numpy as np
from scipy import special

from annotation.agreement import estimate_from
from triplets.intervals import ERROR, RATE

N_DRAWS = 4_000


def label_ceilings(counts, n_labels: int, n_bootstrap=200, seed=0, confidence=0.95) -> dict:
    """Return what one more person and an oracle that knows everybody's majority would reach, as for triplets.

    counts : (n_questions, n_labels) int votes for each label, ties too: they are in no level and not in `overall`,
    but without them people seem to agree far more than they do.
    one_person : the chance that one more person chooses what most voters chose, (k + a)/(n + K a)
    oracle : the chance that what most voters chose is what most of everybody would choose, by drawing p from its
    posterior distribution N_DRAWS times.

    {"a": Estimate, "levels": {lead of the first label over the second: {"n", "one_person", "oracle"}}, "overall": ...}
    """
    counts = np.asarray(counts, dtype=np.int64)
    if counts.ndim != 2 or counts.shape[1] != n_labels or n_labels < 2 or not len(counts) or counts.min() < 0:
        raise ValueError(
            f"counts have shape {counts.shape}: expected votes for {n_labels} labels, at least one question"
        )
    # Which label it is means nothing: patterns are sorted, the most frequent first.
    patterns, times = np.unique(-np.sort(-counts, axis=1), axis=0, return_counts=True)
    rng, n_questions = np.random.default_rng(seed), len(counts)
    draws = np.vstack([times, rng.multinomial(times.sum(), times / times.sum(), size=n_bootstrap)]).astype(float)
    a = _fit(patterns, draws)
    n, top = patterns.sum(axis=1), patterns[:, 0]
    one_person = (top + a[:, None]) / (n + n_labels * a[:, None])
    oracle = np.tile(_oracle(patterns, a[0], rng), (len(draws), 1))
    lead = top - patterns[:, 1]

    def summary(chosen):
        weights = draws[:, chosen]
        row = {"n": int(times[chosen].sum())}
        for name, values in (("one_person", one_person), ("oracle", oracle)):
            with np.errstate(invalid="ignore", divide="ignore"):
                means = (weights * values[:, chosen]).sum(axis=1) / weights.sum(axis=1)
            row[name] = estimate_from(float(means[0]), means[1:], RATE, n_questions, confidence=confidence)
        return row

    levels = {int(level): summary(lead == level) for level in np.unique(lead[lead > 0])[::-1]}
    fitted = estimate_from(float(a[0]), a[1:], ERROR, n_questions, confidence=confidence)
    return {"a": fitted, "levels": levels, "overall": summary(lead > 0)}


def _fit(patterns, times) -> np.ndarray:
    """Return a for each row of `times`: the likeliest of a fine grid from .01 to 100."""
    n_labels, n = patterns.shape[1], patterns.sum(axis=1)
    a = np.exp(np.linspace(np.log(0.01), np.log(100), 400))[:, None]
    of_labels = special.gammaln(patterns[None] + a[..., None]).sum(axis=2) - n_labels * special.gammaln(a)
    of_totals = special.gammaln(n_labels * a) - special.gammaln(n + n_labels * a)
    return a[(times @ (of_labels + of_totals).T).argmax(axis=1), 0]


def _oracle(patterns, a: float, rng) -> np.ndarray:
    return np.array([(rng.dirichlet(pattern + a, size=N_DRAWS).argmax(axis=1) == 0).mean() for pattern in patterns])
