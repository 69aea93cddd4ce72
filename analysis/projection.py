"""Representations reduced: the PCA baselines, and a two-dimensional view with small pictures."""

import base64
import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from triplets.archive import Release

PCA_DIMS = (50, 40, 30, 20)
MAX_POINTS = 5000
THUMBNAIL_PX = 96


class PCA:
    """Principal components of some rows, for projecting others.

    mean : (D,)      components : (k, D), orthonormal, most variance first      explained : (k,) share of variance
    The sign of a component is chosen so that its largest entry is positive: the same data give the same picture.
    """

    def __init__(self, x):
        x = np.asarray(x, np.float64)
        if x.ndim != 2 or len(x) < 2:
            raise ValueError(f"PCA of an array of shape {x.shape}: expected at least two rows")
        self.mean = x.mean(0)
        _, singular, components = np.linalg.svd(x - self.mean, full_matrices=False)
        rank = int((singular > singular.max(initial=0) * 1e-10).sum())
        components = components[:rank]
        sign = np.sign(components[np.arange(rank), np.abs(components).argmax(1)])
        self.components = components * sign[:, None]
        power = singular**2
        self.explained = power[:rank] / max(power.sum(), np.finfo(float).tiny)

    def project(self, x, k: int) -> np.ndarray:
        """Return (n, k) coordinates of (n, D) rows."""
        if k > len(self.components):
            raise ValueError(f"{k} components of data with rank {len(self.components)}")
        return (np.asarray(x, np.float64) - self.mean) @ self.components[:k].T


def pca_baselines(x, train) -> dict[str, np.ndarray]:
    """Return {"pca_30": (n, 30), ...} for those of 50, 40, 30, 20 that the training rows allow.

    x : (n, D); train : (n,) bool, the rows that the components may be learnt from.
    """
    if np.count_nonzero(train) < 2:
        return {}
    pca = PCA(np.asarray(x)[train])
    return {f"pca_{k}": pca.project(x, k) for k in PCA_DIMS if k <= len(pca.components)}


def view_2d(embedding, train, n_dims=2, *, learnt_on=None) -> tuple[np.ndarray, list[float]]:
    """Return (n, n_dims) coordinates for a picture and the share of variance along each axis.

    Components are learnt on the training rows, all rows where there are none, or on rows given apart
    (learnt_on, (m, d)). An embedding of fewer dimensions gets zeros on the other axes.
    """
    embedding = np.asarray(embedding, np.float64)
    if learnt_on is None:
        learnt_on = embedding[train] if np.count_nonzero(train) > 1 else embedding
    pca = PCA(learnt_on)
    k = min(n_dims, len(pca.components))
    points = np.zeros((len(embedding), n_dims))
    points[:, :k] = pca.project(embedding, k)
    return points, [*(float(e) for e in pca.explained[:k]), *([0.0] * (n_dims - k))]


def sample_rows(stratum, n_max=MAX_POINTS, seed=0) -> np.ndarray:
    """Return at most n_max row numbers, sorted, each stratum in its share, and at least one of each.

    stratum : (n,) str. The largest remainders decide the last places.
    """
    stratum = np.asarray(stratum).astype(str)
    if len(stratum) <= n_max:
        return np.arange(len(stratum))
    rng = np.random.default_rng(seed)
    names, counts = np.unique(stratum, return_counts=True)
    if len(names) >= n_max:
        return np.sort(rng.permutation(len(stratum))[:n_max])
    share = 1 + (counts - 1) * (n_max - len(names)) / (len(stratum) - len(names))
    places = np.floor(share).astype(int)
    for j in np.argsort(places - share, kind="stable")[: n_max - places.sum()]:
        places[j] += 1
    rows = [rng.permutation(np.flatnonzero(stratum == name))[:k] for name, k in zip(names, places, strict=True)]
    return np.sort(np.concatenate(rows))


def opened(content: bytes, size: int) -> Image.Image:
    """Return a picture, decoded no larger than small pictures of `size` pixels need.

    ValueError where the bytes are no picture.
    """
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.draft("RGB", (size * 2, size * 2))
            return picture.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"not a picture: {error}") from error


def thumbnail(content: bytes, size=THUMBNAIL_PX) -> str:
    """Return a picture as a small JPEG in a data address, at most `size` pixels either way.

    ValueError where the bytes are no picture.
    """
    small = opened(content, size)
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=72, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def thumbnails(release: Release, rows, size=THUMBNAIL_PX, progress=None) -> dict[str, str]:
    """Return {row as text: data address} for those of the rows that have a picture in the release."""
    found = {}
    for done, row in enumerate(rows, start=1):
        if str(release.stimuli.picture[row]):
            found[str(int(row))] = thumbnail(release.picture_bytes(int(row)), size)
        if progress is not None:
            progress(done, len(rows))
    return found
