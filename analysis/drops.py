"""Drops from one collection to another, with intervals over the people of both, drawn independently."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.classification import macro_f1
from analysis.resampling import Estimate, Resample, units_of
from triplets.intervals import CONFIDENCE, DIFFERENCE, ERROR, PLAIN, SHARE, interval


@dataclass(frozen=True)
class Cases:
    """What came of n cases, and whose faces they show.

    value : (n,) float hits or errors; subject : (n,) str; row : (n,) rows of their own release's stimuli
    """

    value: np.ndarray
    subject: np.ndarray
    row: np.ndarray

    def where(self, mask) -> "Cases":
        return Cases(self.value[mask], self.subject[mask], self.row[mask])


@dataclass(frozen=True)
class Named:
    """What n pictures show and what was said of them. truth, said : (n,) int classes; among : (k,) bool, of these."""

    truth: np.ndarray
    said: np.ndarray
    subject: np.ndarray
    among: np.ndarray


@dataclass(frozen=True)
class Drop:
    """A figure here, there, and here minus there.

    replicates : of the drop, (n_bootstrap,); is_flat : whether a share of 0 or 1, here or there, never moves in them
    """

    here: Estimate
    there: Estimate
    drop: Estimate
    replicates: np.ndarray
    is_flat: bool = False

    def to_dict(self) -> dict:
        return {"here": self.here.to_dict(), "there": self.there.to_dict(), "drop": self.drop.to_dict()}


def drop_of(
    here: Cases, there: Cases, *, is_error=False, n_bootstrap=1000, seed=0, confidence: float = CONFIDENCE
) -> Drop:
    """Return what is lost from one collection to another. is_error : of mean errors, else of shares.

    confidence : of the interval of the drop; the two figures have 95 %.
    """
    scale = ERROR if is_error else SHARE

    def measured(cases, seed, confidence):
        return _mean(cases, scale, n_bootstrap, seed, confidence)

    return _lost(here, there, measured, is_error, seed, confidence)


def drop_of_f1(here: Named, there: Named, *, n_bootstrap=1000, seed=0, confidence: float = CONFIDENCE) -> Drop:
    """Return what macro F1 loses from one collection to another. confidence : as `drop_of`."""

    def measured(named, seed, confidence):
        how = {"n_bootstrap": n_bootstrap, "seed": seed, "confidence": confidence}
        return macro_f1(named.truth, named.said, named.subject, named.among, **how)

    return _lost(here, there, measured, False, seed, confidence)


def _lost(here, there, measured: Callable, is_error: bool, seed: int, confidence: float) -> Drop:
    """Return the drop of what `measured` finds: from (cases, seed, confidence) to (replicates, estimate)."""
    (ours, own), (theirs, other) = (measured(cases, seed + k, CONFIDENCE) for k, cases in enumerate((here, there)))
    moved = ours - theirs
    is_flat = not is_error and min(np.nanmax(of) - np.nanmin(of) for of in (ours, theirs)) < 1e-12
    if is_flat:
        drop = of_intervals(*(measured(cases, seed, confidence)[1] for cases in (here, there)))
    else:
        drop = difference(own, other, moved, is_error=is_error, confidence=confidence)
    return Drop(own, other, drop, moved, is_flat)


def of_intervals(one: Estimate, other: Estimate) -> Estimate:
    """Return one less the other, its interval made of theirs: what resampling cannot, where a share is 0 or 1.

    Newcombe (1998), "Interval estimation for the difference between independent proportions", method 10.
    """
    value = one.value - other.value
    low = value - np.hypot(one.value - one.low, other.high - other.value)
    high = value + np.hypot(one.high - one.value, other.value - other.low)
    n_units = min(one.n_units, other.n_units)
    return Estimate(value, float(low), float(high), one.n + other.n, one.unit, n_units)


def difference(
    one: Estimate, other: Estimate, replicates: np.ndarray, *, is_error=False, confidence: float = CONFIDENCE
) -> Estimate:
    """Return one less the other, known as well as the one of fewer people is."""
    n_units = min(one.n_units, other.n_units)
    scale, value = PLAIN if is_error else DIFFERENCE, one.value - other.value
    low, high = interval(value, replicates, scale, 1, n_units, n_units, confidence)
    return Estimate(value, low, high, one.n + other.n, one.unit, n_units)


def _mean(cases: Cases, scale, n_bootstrap, seed, confidence) -> tuple[np.ndarray, Estimate]:
    units = units_of(cases.subject, len(cases.value), name="cases")
    resample = Resample(units, n_bootstrap, seed, confidence)
    columns = np.column_stack([cases.value, np.ones(len(cases.value))])

    def mean(sums):
        return sums[:, 0] / sums[:, 1]

    replicates = resample.replicates(units.sums(columns), mean)
    return replicates[1:], resample.found(replicates, units.sums(columns[:, 1:])[:, 0], scale)
