"""Who is near whom: nearest neighbours, and how far a picture of a space keeps them."""

import numpy as np

N_NEIGHBOURS = 12
"""Neighbourhood that trustworthiness is stated for."""
CHUNK = 512


def nearest(embedding, k: int) -> np.ndarray:
    """Return (n, min(k, n - 1)) row numbers of the nearest others, nearest first; equal distances by row number.

    embedding : (n, d). O(n) memory beside the result.
    """
    x = np.asarray(embedding, np.float64)
    k = min(k, len(x) - 1)
    found = np.empty((len(x), max(k, 0)), dtype=np.int64)
    for rows, squared in _squared_distances(x):
        found[rows] = np.argsort(squared, axis=1, kind="stable")[:, :k]
    return found


def ranks(embedding) -> np.ndarray:
    """Return (n, n) int32: entry i, j says that j is the how-many-th neighbour of i, from 1; 0 for i itself."""
    x = np.asarray(embedding, np.float64)
    n = len(x)
    rank = np.empty((n, n), dtype=np.int32)
    for rows, squared in _squared_distances(x):
        order = np.argsort(squared, axis=1, kind="stable")
        np.put_along_axis(rank[rows], order, np.arange(1, n + 1, dtype=np.int32)[None, :], axis=1)
    np.fill_diagonal(rank, 0)
    return rank


def trustworthiness(rank: np.ndarray, drawn, k: int = N_NEIGHBOURS) -> float | None:
    """Return how far neighbours in a picture are neighbours in the space, 1: all of them, about 1/2: by chance.

    rank : (n, n) as `ranks` of the space      drawn : (n, 2 or 3) places in the picture
    1 - 2/(nk(2n - 3k - 1)) * sum over the k neighbours j of i in the picture of max(0, rank(i, j) - k)
    (Venna & Kaski 2001). None where there are too few points for it: it needs n > 2k.
    """
    n = len(rank)
    if n <= 2 * k:
        return None
    near = nearest(drawn, k)
    excess = np.maximum(np.take_along_axis(rank, near, axis=1).astype(np.int64) - k, 0)
    return float(1.0 - excess.sum() * 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)))


def _squared_distances(x):
    """Yield (slice of rows, (m, n) squared distances, a row's own infinite)."""
    power = (x**2).sum(1)
    for start in range(0, len(x), CHUNK):
        rows = slice(start, min(start + CHUNK, len(x)))
        squared = power[rows, None] + power[None, :] - 2.0 * (x[rows] @ x.T)
        squared[np.arange(squared.shape[0]), np.arange(rows.start, rows.stop)] = np.inf
        yield rows, squared
