"""Resampling whole people: replicates of any statistic, and the 95 % interval that they give.

Cases that show one person share that person, so people are drawn again and not cases (a cluster bootstrap);
single cases are drawn only where people are unknown. The intervals are those of `triplets.intervals`.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np

from triplets.intervals import CONFIDENCE, Scale, around, effective_number, interval

#: Drawn weights held at once: 32 MiB.
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Estimate:
    """A figure of n cases with its 95 % interval; `n_units` subjects (or cases) were resampled.

    low or high is infinite where so few people say nothing about that side.
    """

    value: float
    low: float
    high: float
    n: int
    unit: str
    n_units: int

    def to_dict(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Units:
    """What is drawn together. of : (n,) int cell of each case; multiplicity : (u,) int units alike in a cell."""

    of: np.ndarray
    multiplicity: np.ndarray
    name: str

    def __len__(self) -> int:
        return int(self.multiplicity.sum())

    def sums(self, columns) -> np.ndarray:
        """Return (u, q) sums of (n, q) columns over the cases of each cell."""
        columns = np.asarray(columns, np.float64).reshape(len(self.of), -1)
        u = len(self.multiplicity)
        return np.stack([np.bincount(self.of, weights=c, minlength=u) for c in columns.T], axis=1)


def units_of(subject, n: int, *, patterns=None, name: str = "pictures") -> Units:
    """Return the units of n cases: their subjects where all are known and there are two of them, else the cases.

    patterns : (n, q) int; cases alike in all of these are exchangeable, and drawing how often each pattern occurs
    is the same bootstrap at the price of a few patterns instead of every case. name : what the cases are called.
    """
    if has_groups(subject):
        _, of = np.unique(np.asarray(subject).astype(str), return_inverse=True)
        return Units(of, np.ones(of.max() + 1, np.int64), "subjects")
    if patterns is None:
        return Units(np.arange(n), np.ones(n, np.int64), name)
    _, of, multiplicity = np.unique(patterns, axis=0, return_inverse=True, return_counts=True)
    return Units(of.ravel(), multiplicity, name)


def has_groups(subject) -> bool:
    """Return whether subjects can be resampled: all known, and at least two of them."""
    if subject is None or len(subject) == 0:
        return False
    names = set(np.unique(np.asarray(subject).astype(str)).tolist())
    return "" not in names and len(names) > 1


class Resample:
    """Draws of the same units for any number of statistics, so that what is compared is paired.

    >>> from triplets.intervals import SHARE
    >>> alike = Resample(units_of(None, 4), n_bootstrap=200)
    >>> alike.estimate(np.ones((4, 2)), lambda s: s[:, 0] / s[:, 1], SHARE).value
    1.0
    """

    def __init__(self, units: Units, n_bootstrap: int = 1000, seed: int = 0, confidence: float = CONFIDENCE):
        self.units, self.n_bootstrap, self.seed, self.confidence = units, n_bootstrap, seed, confidence

    def draws(self) -> Iterator[np.ndarray]:
        """Yield (b, u) float: how often each case of a cell counts, n_bootstrap rows in parts that fit in memory."""
        rng, multiplicity = np.random.default_rng(self.seed), self.units.multiplicity
        total, step = multiplicity.sum(), max(1, _AT_ONCE // len(multiplicity))
        for start in range(0, self.n_bootstrap, step):
            size = min(step, self.n_bootstrap - start)
            yield rng.multinomial(total, multiplicity / total, size=size) / multiplicity

    def replicates(self, sums: np.ndarray, statistic: Callable) -> np.ndarray:
        """Return (1 + n_bootstrap, ...): the statistic of the cases as they are, then of each draw.

        sums : (u, q); statistic : from (r, q) sums to (r, ...), nan where it does not exist.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            parts = [statistic(sums.sum(0, keepdims=True))]
            return np.concatenate([*parts, *(statistic(counts @ sums) for counts in self.draws())])

    def estimate(self, columns, statistic: Callable, scale: Scale, size=None) -> Estimate | None:
        """Return a statistic with its interval, None where it does not exist.

        columns : (n, q) what is summed over cases; size : (n,) bool, the cases that the statistic is about, None all.
        """
        size = np.ones(len(self.units.of)) if size is None else np.asarray(size, np.float64)
        return self.found(
            self.replicates(self.units.sums(columns), statistic), self.units.sums(size[:, None])[:, 0], scale
        )

    def found(self, replicates: np.ndarray, size: np.ndarray, scale: Scale) -> Estimate | None:
        """Return the estimate of (1 + n_bootstrap,) replicates; size : (u,) cases that each cell gives to it."""
        value, n = float(replicates[0]), int(size.sum())
        if not np.isfinite(value) or n == 0:
            return None
        multiplicity = self.units.multiplicity
        n_units = int(multiplicity[size > 0].sum())
        each = size / multiplicity
        effective = effective_number(each, multiplicity)
        low, high = interval(value, replicates[1:], scale, n, n_units, effective, self.confidence)
        return Estimate(value, low, high, n, self.units.name, n_units)


def linear_estimate(value: float, influence, units: Units, scale: Scale) -> Estimate:
    """Return a figure with its interval from what each case adds to it: a sum of influences in place of resamples.

    influence : (n,) such that value - truth is about their sum (Efron & Tibshirani 1993, "An introduction to the
    bootstrap", section 22.6). For statistics of ranks, which would be costly to take a thousand times.
    """
    sums = units.sums(np.asarray(influence, np.float64)[:, None])[:, 0]
    n, n_units = len(units.of), len(units)
    error = float(np.sqrt((sums**2 / units.multiplicity).sum()))
    each = np.bincount(units.of, minlength=len(units.multiplicity)) / units.multiplicity
    effective = effective_number(each, units.multiplicity)
    low, high = around(value, _moved(value, error, scale, n), scale, n, n_units, effective)
    return Estimate(value, low, high, n, units.name, n_units)


def _moved(value: float, error: float, scale: Scale, n: int) -> float:
    """Return a small error of the value on the scale (delta method), 0 at its ends."""
    step = 1e-4 * error
    if step == 0 or not scale.low < value < scale.high:
        return 0.0
    return float(scale.forth(value + step, n) - scale.forth(value - step, n)) / (2 * step) * error
