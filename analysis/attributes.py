"""How well somebody predicts what people see in a face, on the scale that people rated on, and what bounds it.

Intervals resample subjects. The bounds come from the ratings themselves: an oracle that knew what all people would
say on average would still miss the mean of a few of them.
"""

import numpy as np

from analysis.classification import plain
from analysis.resampling import Resample, units_of
from triplets.intervals import CORRELATION, ERROR, EXPLAINED

MIN_CASES = 3


def moments(truth, predicted) -> np.ndarray:
    """Return (n, 7) columns whose sums `pearson`, `explained` and `mean_error` read. Shifted, for the digits' sake."""
    truth, predicted = (np.asarray(values, np.float64) for values in (truth, predicted))
    t, p = truth - truth.mean(), predicted - truth.mean()
    return np.column_stack([np.ones(len(t)), t, p, t * t, p * p, t * p, np.abs(t - p)])


def pearson(sums: np.ndarray) -> np.ndarray:
    """Return Pearson's r from (..., 7) sums of `moments`, nan where either does not vary."""
    n, t, p, tt, pp, tp, _ = np.moveaxis(sums, -1, 0)
    varies_t, varies_p = tt - t * t / n, pp - p * p / n
    varies = (varies_t > 1e-12 * tt) & (varies_p > 1e-12 * pp)
    return np.where(varies, (tp - t * p / n) / np.sqrt(np.where(varies, varies_t * varies_p, 1)), np.nan)


def explained(sums: np.ndarray) -> np.ndarray:
    """Return R² = 1 - mean squared error / variance of the truth, nan where the truth does not vary."""
    n, t, _, tt, pp, tp, _ = np.moveaxis(sums, -1, 0)
    spread = tt - t * t / n
    return np.where(
        spread > 1e-12 * np.maximum(tt, 1e-300), 1 - (tt - 2 * tp + pp) / np.where(spread > 0, spread, 1), np.nan
    )


def mean_error(sums: np.ndarray) -> np.ndarray:
    """Return the mean absolute error."""
    return sums[..., 6] / sums[..., 0]


#: figure -> (statistic of sums of `moments`, scale of its interval)
FIGURES = {"mae": (mean_error, ERROR), "pearson": (pearson, CORRELATION), "r2": (explained, EXPLAINED)}


def attribute_figures(
    truth, predicted, subject=None, *, baseline: float, error_variance=None, reliability=None, n_bootstrap=1000, seed=0
) -> dict:
    """Return MAE, Pearson's r and R² of one attribute with intervals, what guessing the mean gives, and the bounds.

    truth, predicted : (n,) float in the rating's units, truth nan where unknown; subject : (n,) str
    baseline : the training mean; `mae_of_mean` is the error of always saying it
    error_variance : (n,) variance of each mean rating, nan unknown      reliability : of the mean ratings, or None
    bounds : what an oracle that knows everybody's mean would reach: r = sqrt(reliability), R² = reliability,
    MAE = sqrt(2/pi) times the standard error of a mean rating (normal errors). None where the ratings cannot tell.
    """
    truth, predicted = (np.asarray(values, np.float64) for values in (truth, predicted))
    known = np.isfinite(truth) & np.isfinite(predicted)
    truth, predicted = truth[known], predicted[known]
    found = {"n": len(truth), **dict.fromkeys(("mae", "pearson", "r2", "mae_of_mean")), "bounds": None}
    if len(truth) < MIN_CASES:
        return found
    people = None if subject is None else np.asarray(subject).astype(str)[known]
    resample = Resample(units_of(people, len(truth)), n_bootstrap, seed)
    columns = moments(truth, predicted)
    for name, (statistic, scale) in FIGURES.items():
        found[name] = plain(resample.estimate(columns, statistic, scale))
    found["mae_of_mean"] = float(np.abs(truth - baseline).mean())
    error = np.full(len(known), np.nan) if error_variance is None else np.asarray(error_variance, np.float64)
    error = error[known][np.isfinite(error[known])]
    variance = truth.var()
    if reliability is None and len(error) and variance > 0:
        reliability = float(np.clip(1 - error.mean() / variance, 0, 1))
    if reliability is not None:
        noise = error.mean() if len(error) else (1 - reliability) * variance
        found["bounds"] = {
            "reliability": float(reliability),
            "pearson": float(np.sqrt(max(reliability, 0))),
            "r2": float(reliability),
            "mae": float(np.sqrt(2 / np.pi * max(noise, 0))),
        }
    return found


def mean_figures(truth, predicted, subject=None, *, n_bootstrap=1000, seed=0) -> dict[str, dict | None]:
    """Return MAE, Pearson's r and R², each the plain mean over attributes, with intervals over the same people.

    truth, predicted : (n, k) float, truth nan where unknown; subject : (n,) str. Attributes without a figure, such as
    r of predictions that do not vary, are left out of its mean; None where none has one.
    """
    truth, predicted = (np.asarray(values, np.float64) for values in (truth, predicted))
    known = np.isfinite(truth) & np.isfinite(predicted)
    units = units_of(subject, len(truth))
    rated = [k for k in range(truth.shape[1]) if known[:, k].sum() >= MIN_CASES]
    if not rated:
        return dict.fromkeys(FIGURES)
    sums = []
    for k in rated:
        columns = np.zeros((len(truth), 7))
        columns[known[:, k]] = moments(truth[known[:, k], k], predicted[known[:, k], k])
        sums.append(units.sums(columns))
    resample, size = Resample(units, n_bootstrap, seed), units.sums(known.any(1)[:, None].astype(float))[:, 0]

    def mean(statistic):
        def of(drawn):
            each = statistic(drawn.reshape(len(drawn), len(rated), 7))
            n = np.isfinite(each).sum(1)
            return np.where(n > 0, np.nansum(each, axis=1) / np.maximum(n, 1), np.nan)

        return of

    every = np.concatenate(sums, axis=1)
    return {
        name: plain(resample.found(resample.replicates(every, mean(statistic)), size, scale))
        for name, (statistic, scale) in FIGURES.items()
    }


def cross_correlations(truth, predicted) -> dict[str, list]:
    """Return how attributes hang together for people, for the network, and across the two: three (k, k) matrices.

    truth, predicted : (n, k). "across"[i][j] is the correlation of what the network says about attribute i with what
    people say about j. Pairs are correlated over the cases where both are known; None where either does not vary.
    """
    truth, predicted = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    pairs = {"people": (truth, truth), "network": (predicted, predicted), "across": (predicted, truth)}
    return {name: [[_correlation(a, b) for b in second.T] for a in first.T] for name, (first, second) in pairs.items()}


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < MIN_CASES:
        return None
    value = float(pearson(moments(a[known], b[known]).sum(0)))
    return None if np.isnan(value) else value
