"""How well somebody names classes: from what was true and what was said, every figure with its interval.

Used for linear probes on a representation and for networks of pictures alike. Intervals resample subjects.
"""

import numpy as np
from scipy.stats import rankdata

from analysis.resampling import Estimate, Resample, Units, linear_estimate, units_of
from triplets.intervals import CONFIDENCE, RATE, SHARE


def class_figures(truth, said, names, subject=None, *, score=None, n_bootstrap=1000, seed=0) -> dict:
    """Return accuracy, weighted and macro F1, AUC, figures of each class and the confusion matrix, ready for JSON.

    truth, said : (n,) int places in `names`; subject : (n,) str; score : (n, k) float, the higher the likelier, for
    the AUC (None: no AUC).
    weighted_f1 : F1 of each class weighted by how often it is true; macro_f1 : over classes that occur or are said.
    classes : [{"name", "n", "recall", "precision", "f1", "auc"}], each an estimate or None: a class that is never
    said has no precision, one that never occurs no recall.
    """
    truth = np.asarray(truth, np.int64)
    k = len(names)
    units, sums = _tables(truth, said, k, subject)
    resample = Resample(units, n_bootstrap, seed)
    figures = resample.replicates(sums, lambda s: _figures(s.reshape(-1, k, k)))
    size = sums.sum(1)
    of_truth, of_said = (sums.reshape(-1, k, k).sum(axis) for axis in (2, 1))
    estimates = [resample.found(column, size, SHARE) for column in figures[:, :3].T]
    aucs = [None] * k if score is None else [auc_estimate(score[:, c], truth == c, units) for c in range(k)]
    classes = [
        {
            "name": str(name),
            "n": int(of_truth[:, c].sum()),
            "recall": plain(resample.found(figures[:, 3 + c], of_truth[:, c], SHARE)),
            "precision": plain(resample.found(figures[:, 3 + k + c], of_said[:, c], SHARE)),
            "f1": plain(resample.found(figures[:, 3 + 2 * k + c], of_truth[:, c] + of_said[:, c], SHARE)),
            "auc": plain(aucs[c]),
        }
        for c, name in enumerate(names)
    ]
    weights = np.array([a is not None for a in aucs]) * np.bincount(truth, minlength=k)
    auc = (
        None if score is None or not weights.sum() else mean_auc(score, truth == np.arange(k)[:, None], units, weights)
    )
    return {
        "accuracy": plain(estimates[0]),
        "weighted_f1": plain(estimates[1]),
        "macro_f1": plain(estimates[2]),
        "auc": plain(auc),
        "classes": classes,
        "confusion": sums.sum(0).reshape(k, k).astype(int).tolist(),
    }


def macro_f1(
    truth, said, subject, among, *, n_bootstrap=1000, seed=0, confidence=CONFIDENCE
) -> tuple[np.ndarray, Estimate | None]:
    """Return ((n_bootstrap,) replicates, estimate) of the mean F1 of some classes; no estimate where none occurs.

    truth, said : (n,) int classes; subject : (n,) str; among : (k,) bool, the classes whose F1 is averaged.
    """
    k = len(among)
    units, sums = _tables(truth, said, k, subject)
    resample = Resample(units, n_bootstrap, seed, confidence)

    def mean(s):
        return np.nanmean(_figures(s.reshape(-1, k, k))[:, 3 + 2 * k :][:, np.asarray(among, bool)], axis=1)

    replicates = resample.replicates(sums, mean)
    return replicates[1:], resample.found(replicates, sums.sum(1), SHARE)


def _tables(truth, said, k: int, subject) -> tuple[Units, np.ndarray]:
    """Return what is drawn together, and (u, k²) sums of its confusion tables."""
    truth, said = (np.asarray(values, np.int64) for values in (truth, said))
    n = len(truth)
    units = units_of(subject, n, patterns=np.column_stack([truth, said]))
    cell = np.zeros((n, k * k))
    cell[np.arange(n), truth * k + said] = 1
    return units, units.sums(cell)


def _figures(tables: np.ndarray) -> np.ndarray:
    """Return (r, 3 + 3k): accuracy, weighted F1, macro F1, then recall, precision and F1 of each class."""
    hits, true, said = np.einsum("rcc->rc", tables), tables.sum(2), tables.sum(1)
    total = tables.sum((1, 2))[:, None]
    f1 = np.where(true + said > 0, 2 * hits / (true + said), np.nan)
    weighted = np.nansum(np.nan_to_num(f1) * true, axis=1, keepdims=True) / total
    macro = np.nanmean(f1, axis=1, keepdims=True)
    return np.concatenate([hits.sum(1, keepdims=True) / total, weighted, macro, hits / true, hits / said, f1], axis=1)


def auc(score, is_positive) -> tuple[float, np.ndarray]:
    """Return (area under the ROC curve, what each case adds to its error).

    score : (n,) float; is_positive : (n,) bool. The area is the chance that a positive case scores higher than a
    negative one, ties half. The second is (n,): the structural components of DeLong, DeLong & Clarke-Pearson (1988)
    less the area and divided by the number of such cases, whose sums over subjects Obuchowski (1997) squares.
    nan where there are not both kinds.
    """
    score, is_positive = np.asarray(score, np.float64), np.asarray(is_positive, bool)
    n_positive, n_negative = int(is_positive.sum()), int((~is_positive).sum())
    influence = np.zeros(len(score))
    if not n_positive or not n_negative:
        return float("nan"), influence
    ranks = rankdata(score)
    above = (ranks[is_positive] - rankdata(score[is_positive])) / n_negative
    below = 1 - (ranks[~is_positive] - rankdata(score[~is_positive])) / n_positive
    area = float(above.mean())
    influence[is_positive] = (above - area) / n_positive
    influence[~is_positive] = (below - area) / n_negative
    return area, influence


def auc_estimate(score, is_positive, units: Units) -> Estimate | None:
    """Return the AUC with its interval, None where there are not both kinds of cases."""
    area, influence = auc(score, is_positive)
    return None if np.isnan(area) else linear_estimate(area, influence, _single(units), RATE)


def mean_auc(score, is_positive, units: Units, weights) -> Estimate:
    """Return the weighted mean of AUCs. score : (n, k); is_positive : (k, n) bool; weights : (k,), 0 leaves out."""
    share = np.asarray(weights, np.float64) / np.sum(weights)
    value, total = 0.0, np.zeros(len(score))
    for c in np.flatnonzero(share):
        area, influence = auc(score[:, c], is_positive[c])
        value, total = value + share[c] * area, total + share[c] * influence
    return linear_estimate(value, total, _single(units), RATE)


def _single(units: Units) -> Units:
    """Return units in which cases of one pattern are single again: their scores differ."""
    n = len(units.of)
    return units if units.name == "subjects" else Units(np.arange(n), np.ones(n, np.int64), units.name)


def plain(estimate: Estimate | None) -> dict | None:
    return None if estimate is None else estimate.to_dict()
