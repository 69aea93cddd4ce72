"""Drops from one collection to another, with intervals over the people of both, drawn independently."""

from dataclasses import dataclass

import numpy as np

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
class Drop:
    """A figure here, there, and here minus there. replicates : of the drop, (n_bootstrap,)"""

    here: Estimate
    there: Estimate
    drop: Estimate
    replicates: np.ndarray

    def to_dict(self) -> dict:
        return {"here": self.here.to_dict(), "there": self.there.to_dict(), "drop": self.drop.to_dict()}


def drop_of(
    here: Cases, there: Cases, *, is_error=False, n_bootstrap=1000, seed=0, confidence: float = CONFIDENCE
) -> Drop:
    """Return what is lost from one collection to another. is_error : of mean errors, else of shares.

    confidence : of the interval of the drop; the two figures have 95 %.
    """
    scale = ERROR if is_error else SHARE
    sides = [_measured(cases, scale, n_bootstrap, seed + k) for k, cases in enumerate((here, there))]
    (ours, own), (theirs, other) = sides
    moved = ours - theirs
    return Drop(own, other, difference(own, other, moved, is_error=is_error, confidence=confidence), moved)


def difference(
    one: Estimate, other: Estimate, replicates: np.ndarray, *, is_error=False, confidence: float = CONFIDENCE
) -> Estimate:
    """Return one less the other, known as well as the one of fewer people is."""
    n_units = min(one.n_units, other.n_units)
    scale, value = PLAIN if is_error else DIFFERENCE, one.value - other.value
    low, high = interval(value, replicates, scale, 1, n_units, n_units, confidence)
    return Estimate(value, low, high, one.n + other.n, one.unit, n_units)


def _measured(cases: Cases, scale, n_bootstrap, seed) -> tuple[np.ndarray, Estimate]:
    units = units_of(cases.subject, len(cases.value), name="cases")
    resample = Resample(units, n_bootstrap, seed)
    columns = np.column_stack([cases.value, np.ones(len(cases.value))])

    def mean(sums):
        return sums[:, 0] / sums[:, 1]

    replicates = resample.replicates(units.sums(columns), mean)
    return replicates[1:], resample.found(replicates, units.sums(columns[:, 1:])[:, 0], scale)
