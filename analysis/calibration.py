"""Whether a model that gives probabilities means them: Brier score, expected calibration error, reliability.

Two kinds of forecasts are judged. A network that learnt triplets says how likely one person is to choose each of two
faces, and is held against every single vote. A classifier says how likely each class is, and is held against the one
true class; there its most likely class counts ("top label").
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

from analysis.classification import plain
from analysis.resampling import Resample, units_of
from triplets.intervals import ERROR, SHARE

N_BINS = 10
LINKS = ("distance", "squared", "student")
#: No squared error summed over classes exceeds 2, no calibration error 1.
_BRIER, _ECE = replace(ERROR, high=2.0), replace(ERROR, high=1.0)


@dataclass(frozen=True)
class Forecasts:
    """How sure n forecasts were and what came of them.

    confidence : (n,) probability of what was thought likelier      n_hits of n_cases : (n,) times that it was right
    brier : (n,) squared error summed over the cases of a forecast     scale : of the score, in words
    """

    confidence: np.ndarray
    n_hits: np.ndarray
    n_cases: np.ndarray
    brier: np.ndarray


def choice_logit(near, far, link: str, degrees: float = 1.0) -> np.ndarray:
    """Return log odds that one person chooses the first of two faces, as the losses of `learning` define them.

    near, far : (n,) distances from the reference to the first and the second face
    link : "distance" d_far - d_near (topological VAE, networks of pictures), "squared" the same of squared distances
    (Bradley-Terry embeddings), "student" Student kernels of `degrees` (t-STE).
    """
    near, far = np.asarray(near, np.float64), np.asarray(far, np.float64)
    if link == "distance":
        return far - near
    if link == "squared":
        return far**2 - near**2
    if link == "student":
        return (degrees + 1) / 2 * (np.log1p(far**2 / degrees) - np.log1p(near**2 / degrees))
    raise ValueError(f"link is {link!r}: expected one of {', '.join(LINKS)}")


def of_votes(logit, n_positive, n_votes) -> Forecasts:
    """Return forecasts of single votes. logit : (n,) log odds of the positive, which n_positive of n_votes chose.

    Which of the two faces is called positive makes no difference: the likelier one counts.
    """
    logit, k, n = (np.asarray(values, np.float64) for values in (logit, n_positive, n_votes))
    p = expit(logit)
    hits = np.where(logit >= 0, k, n - k)
    return Forecasts(expit(np.abs(logit)), hits, n, k * (1 - p) ** 2 + (n - k) * p**2)


def of_classes(probability, truth) -> Forecasts:
    """Return forecasts of classes. probability : (n, k), rows sum to 1; truth : (n,) int. Brier's sum over classes."""
    probability = np.asarray(probability, np.float64)
    rows = np.arange(len(probability))
    top = probability.argmax(1)
    target = np.zeros_like(probability)
    target[rows, truth] = 1
    squared = ((probability - target) ** 2).sum(1)
    return Forecasts(probability[rows, top], (top == truth).astype(float), np.ones(len(rows)), squared)


def figures(forecasts: Forecasts, subject=None, *, n_bootstrap=1000, seed=0) -> dict:
    """Return the Brier score, the expected calibration error and the bins of the reliability diagram, with intervals.

    Bins hold equally many cases (at most N_BINS), so that no bin is nearly empty. ece : mean over cases of
    |share that was right - mean confidence| of their bin (Naeini, Cooper & Hauskrecht 2015; equal mass as Nguyen &
    O'Connor 2015). ece_by_chance : what a perfectly calibrated model would show by chance alone in as many cases: an
    ECE is never 0.
    """
    c, hits, n = forecasts.confidence, forecasts.n_hits, forecasts.n_cases
    bins = _bins(c, n)
    n_bins = int(bins.max()) + 1
    one_hot = np.eye(n_bins)[bins]
    columns = np.concatenate([one_hot * n[:, None], one_hot * hits[:, None], one_hot * (n * c)[:, None]], axis=1)
    people = None if subject is None else np.asarray(subject).astype(str)
    resample = Resample(units_of(people, len(c), name="forecasts"), n_bootstrap, seed)

    def error(sums):
        total, right, sure = np.split(sums, 3, axis=1)
        return np.abs(right - sure).sum(1) / total.sum(1)

    size, right, sure = (part.sum(0) for part in np.split(columns, 3, axis=1))
    variance = (one_hot * (n * c * (1 - c))[:, None]).sum(0)
    shares = resample.replicates(resample.units.sums(columns), lambda s: s[:, n_bins : 2 * n_bins] / s[:, :n_bins])
    sizes = resample.units.sums(one_hot * n[:, None])
    brier = np.column_stack([forecasts.brier, n])
    return {
        "n": int(n.sum()),
        "brier": plain(resample.estimate(brier, lambda s: s[:, 0] / s[:, 1], _BRIER)),
        "ece": plain(resample.estimate(columns, error, _ECE)),
        "ece_by_chance": float(np.sqrt(2 / np.pi * variance).sum() / size.sum()),
        "confidence": float(sure.sum() / size.sum()),
        "right": float(right.sum() / size.sum()),
        "bins": [
            {
                "confidence": float(sure[b] / size[b]),
                "n": int(size[b]),
                "share": plain(resample.found(shares[:, b], sizes[:, b], SHARE)),
            }
            for b in range(n_bins)
        ],
    }


def _bins(confidence: np.ndarray, n_cases: np.ndarray) -> np.ndarray:
    """Return (n,) int bins 0, 1, ... of about equally many cases; equal confidences share a bin."""
    order = np.argsort(confidence, kind="stable")
    before = np.cumsum(n_cases[order]) - n_cases[order]
    place = np.minimum(N_BINS - 1, (N_BINS * before / max(n_cases.sum(), 1)).astype(int))
    values, first = np.unique(confidence[order], return_index=True)
    place = place[first][np.searchsorted(values, confidence[order])]
    bins = np.empty(len(confidence), np.int64)
    bins[order] = np.unique(place, return_inverse=True)[1]
    return bins


def vote_noise(n_positive, n_votes) -> float | None:
    """Return the Brier score of somebody who knows every question's true share of votes; None where that is unknown.

    Mean over votes of p(1 - p), for which k(n - k)/(n(n - 1)) is unbiased: nobody can score lower in the long run.
    Only questions with an odd number of votes above one tell it: a single vote has no spread, and of even numbers the
    ties are missing among settled questions, so that those left look far more agreed than people are. None where such
    questions have less than half of the votes.

    >>> vote_noise([5, 4], [5, 5])
    0.1
    >>> vote_noise([2, 1, 1], [2, 1, 1]) is None
    True
    """
    k, n = np.asarray(n_positive, np.float64), np.asarray(n_votes, np.float64)
    tells = (n > 1) & (n % 2 == 1)
    if n[tells].sum() < n.sum() / 2 or not tells.any():
        return None
    k, n = k[tells], n[tells]
    return float((k * (n - k) / (n - 1)).sum() / n.sum())


def temperature_of_votes(logit, n_positive, n_votes) -> float:
    """Return T so that logit / T has the least log loss on these votes: above 1 the model was too sure."""
    logit, k, n = (np.asarray(values, np.float64) for values in (logit, n_positive, n_votes))
    return _best(lambda t: float((n * np.logaddexp(0, logit / t) - k * logit / t).sum()))


def temperature_of_classes(probability, truth) -> float:
    """Return T so that softmax(log p / T) has the least log loss (Guo, Pleiss, Sun & Weinberger 2017)."""
    logs = np.log(np.maximum(np.asarray(probability, np.float64), 1e-12))
    rows = np.arange(len(logs))
    return _best(lambda t: float(-log_softmax(logs / t, axis=1)[rows, truth].sum()))


def tempered(probability, temperature: float) -> np.ndarray:
    """Return class probabilities at another temperature. (n, k), rows sum to 1."""
    return softmax(np.log(np.maximum(np.asarray(probability, np.float64), 1e-12)) / temperature, axis=1)


def _best(loss) -> float:
    found = minimize_scalar(lambda x: loss(np.exp(x)), bounds=(np.log(0.01), np.log(100)), method="bounded")
    return float(np.exp(found.x))
