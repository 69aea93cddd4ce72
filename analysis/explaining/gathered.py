"""Figures gathered over many explained pictures: means with intervals, shares in parts of faces, averages per group."""

import numpy as np

from analysis.resampling import Resample, units_of
from analysis.warping import MeanShape, onto
from triplets.intervals import PLAIN, SHARE, Scale


def estimate(values, people, *, scale: Scale = PLAIN, seed: int = 0) -> dict:
    """Return mean, 95 % interval and n of some values, nan left out, ready for JSON once infinite ends are None.

    people : (n,) str; people are resampled, each with all its values. scale : SHARE for shares of pictures.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    if not known.any():
        return {"value": None, "low": None, "high": None, "n": 0}
    values = values[known]
    units = units_of(np.asarray(people).astype(str)[known], len(values))
    columns = np.stack([values, np.ones(len(values))], axis=1)
    found = Resample(units, seed=seed).estimate(columns, lambda sums: sums[:, 0] / sums[:, 1], scale)
    return {name: getattr(found, name) for name in ("value", "low", "high", "n")}


class Averages:
    """Maps and pictures of each group added up on one mean shape, one after another.

    A map counts by its signs and its form, not by its size: each is divided by the sum of its absolute values.
    """

    def __init__(self, mean: MeanShape):
        self.mean = mean
        self._sum: dict[tuple[str, str], np.ndarray] = {}
        self._n: dict[tuple[str, str], int] = {}

    def add(self, group: str, name: str, points: np.ndarray, values: np.ndarray) -> None:
        """Add one map (h, w), or with the name "picture" a picture (h, w, c). Without landmarks nothing is added."""
        if not np.isfinite(points).all() or not np.isfinite(values).all():
            return
        if name != "picture":
            total = np.abs(values).sum()
            if total == 0:
                return
            values = values / total
        moved, key = onto(self.mean, points, values), (group, name)
        self._sum[key] = self._sum.get(key, 0) + moved
        self._n[key] = self._n.get(key, 0) + 1

    def of(self, group: str, name: str) -> tuple[np.ndarray, int] | None:
        """Return the mean and how many it is taken over, None where there is none."""
        key = (group, name)
        return (self._sum[key] / self._n[key], self._n[key]) if key in self._sum else None


def occlusion_table(names, changes, people, *, seed: int = 0) -> list[dict]:
    """Return for each part of the face the mean change of the score without it, and how often it lowers it most.

    changes : (n, r). Items {"part", "change": estimate, "lowest": share of pictures, as an estimate}; chance for
    the latter is 1/r. A picture whose score nothing lowers does not count for it.
    """
    changes = np.asarray(changes, np.float64)
    lowest = np.where(changes.min(axis=1) < 0, changes.argmin(axis=1), np.nan)
    return [
        {
            "part": str(name),
            "change": estimate(changes[:, k], people, seed=seed),
            "lowest": estimate(np.where(np.isnan(lowest), np.nan, lowest == k), people, scale=SHARE, seed=seed),
        }
        for k, name in enumerate(names)
    ]


def share_table(names, shares, areas, people, *, seed: int = 0) -> list[dict]:
    """Return for each part of the face the share of absolute relevance there, beside its area, which is chance."""
    shares, areas = np.asarray(shares, np.float64), np.asarray(areas, np.float64)
    return [
        {
            "part": str(name),
            "share": estimate(shares[:, k], people, scale=SHARE, seed=seed),
            "area": float(areas[:, k].mean()),
        }
        for k, name in enumerate(names)
    ]
