"""The share of judgements that a representation reproduces, with an interval, per agreement level.

Triplets of one study are not independent: those with the same face as anchor share that face.
Intervals therefore resample the *subjects* of the anchors (`analysis.resampling`), and triplets only
where subjects are unknown. All representations are resampled together, so that differences between
them are paired.
"""

import numpy as np

from analysis.resampling import Estimate, Resample, units_of
from triplets.intervals import DIFFERENCE, SHARE

ALL = "all"


def level_keys(weight) -> list[str]:
    """Return "all" and then every agreement level that occurs, the most agreed first.

    weight : (n,) int vote differences. All levels are kept, however rare.

    >>> level_keys([1, 5, 1, 3])
    ['all', '5', '3', '1']
    """
    return [ALL, *(str(level) for level in sorted({int(w) for w in weight}, reverse=True))]


def shares_by_level(hits, weight, subject=None, *, n_bootstrap=1000, seed=0) -> dict[str, dict[str, Estimate]]:
    """Return {name: {level: Estimate}} of the share of hits.

    hits : {name: (n,) bool}, one entry a representation, all for the same n triplets
    weight : (n,) int vote difference, the agreement level
    subject : (n,) str subject of the anchor; None or any "" means unknown, then triplets are resampled
    """
    keys = level_keys(weight)
    if len(np.asarray(weight)) == 0:
        return {name: {} for name in hits}
    weight = np.asarray(weight, np.int64)
    matrix = np.column_stack([np.asarray(h, bool) for h in hits.values()])
    levels = {key: np.ones(len(weight), bool) if key == ALL else weight == int(key) for key in keys}
    units = units_of(subject, len(weight), patterns=np.column_stack([weight, matrix]), name="triplets")
    resample = Resample(units, n_bootstrap, seed)
    sizes = units.sums(np.column_stack([*levels.values()]))
    counted = units.sums(np.column_stack([matrix & at[:, None] for at in levels.values()]))
    n_names, n_levels = matrix.shape[1], len(keys)

    def shares(sums):
        return sums[:, n_levels:].reshape(-1, n_levels, n_names) / sums[:, :n_levels, None]

    found = resample.replicates(np.column_stack([sizes, counted]), shares)
    return {
        name: {key: resample.found(found[:, j, k], sizes[:, j], SHARE) for j, key in enumerate(keys)}
        for k, name in enumerate(hits)
    }


def share(hits, subject=None, *, n_bootstrap=1000, seed=0, name="triplets") -> Estimate | None:
    """Return the share of hits with its interval, None of no cases. hits : (n,) bool; subject : (n,) str or None."""
    hits = np.asarray(hits, bool)
    if not len(hits):
        return None
    units = units_of(subject, len(hits), patterns=hits[:, None], name=name)
    columns = np.column_stack([hits, np.ones(len(hits))])
    return Resample(units, n_bootstrap, seed).estimate(columns, lambda s: s[:, 0] / s[:, 1], SHARE)


def gain(hits, others, subject=None, *, n_bootstrap=1000, seed=0) -> Estimate:
    """Return how much more often `hits` is right than `others` on the same cases: a paired difference.

    hits, others : (n,) bool. value, low, high lie in [-1, 1].
    """
    both = np.column_stack([np.asarray(hits, bool), np.asarray(others, bool)])
    units = units_of(subject, len(both), patterns=both, name="triplets")
    columns = np.column_stack([both, np.ones(len(both))])
    resample = Resample(units, n_bootstrap, seed)
    return resample.estimate(columns, lambda s: (s[:, 0] - s[:, 1]) / s[:, 2], DIFFERENCE)
