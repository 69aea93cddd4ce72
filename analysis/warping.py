"""Faces brought onto one shape, so that maps of many people can be averaged point by point.

Piecewise affine between landmarks: the mean shape is divided into triangles (Delaunay), and every pixel is fetched from
the place in its own face that has the same barycentric coordinates. Eight points on the border of the picture hold
what lies around the face.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import Delaunay


@dataclass(frozen=True)
class MeanShape:
    """points : (n_points + 8, 2) in pixels; corner, weight : (h * w, 3) the triangle of every pixel's centre."""

    points: np.ndarray
    size: int
    corner: np.ndarray
    weight: np.ndarray


def similar(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return points (n, 2) moved, turned and scaled as near to target (n, 2) as a similarity brings them.

    >>> square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    >>> bool(np.allclose(similar(3 * square[:, ::-1] * [-1, 1] + 5, square), square))
    True
    """
    a, b = points - points.mean(axis=0), target - target.mean(axis=0)
    u, singular, vt = np.linalg.svd(a.T @ b)
    flip = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (singular * flip).sum() / max((a**2).sum(), 1e-12)
    return scale * a @ (u * flip) @ vt + target.mean(axis=0)


def mean_shape(points: np.ndarray, size: int, n_rounds: int = 3) -> MeanShape:
    """Return the mean of faces after each was brought onto it by a similarity (generalised Procrustes).

    points : (n, n_points, 2) in pixels of square pictures of `size` a side, all finite; the mean keeps their
    mean place and size. ValueError where there is no face.
    """
    points = np.asarray(points, np.float64)
    if not len(points) or not np.isfinite(points).all():
        raise ValueError(f"{len(points)} faces: expected at least one, all points finite")
    mean = points.mean(axis=0)
    for _ in range(n_rounds):
        moved = np.mean([similar(face, mean) for face in points], axis=0)
        mean = similar(moved, points.mean(axis=0))
    held = np.vstack([np.clip(mean, 0.5, size - 0.5), _border(size)])
    triangles = Delaunay(held)
    row, column = np.mgrid[:size, :size] + 0.5
    pixel = np.stack([column.ravel(), row.ravel()], axis=1)
    at = triangles.find_simplex(pixel, bruteforce=False)
    at = np.where(at < 0, 0, at)
    affine = triangles.transform[at]
    two = np.einsum("pij,pj->pi", affine[:, :2], pixel - affine[:, 2])
    weight = np.column_stack([two, 1 - two.sum(axis=1)])
    return MeanShape(held, size, triangles.simplices[at], np.nan_to_num(weight))


def onto(mean: MeanShape, points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values (h, w) or (h, w, c) of one face, whose landmarks are points (n_points, 2), on the mean shape."""
    own = np.vstack([points, _border(mean.size)])
    source = np.einsum("pk,pkj->pj", mean.weight, own[mean.corner])
    place = [source[:, 1] - 0.5, source[:, 0] - 0.5]
    values = np.asarray(values, np.float64)
    layers = values[..., None] if values.ndim == 2 else values
    found = [map_coordinates(layers[..., k], place, order=1, mode="nearest") for k in range(layers.shape[-1])]
    return np.stack(found, axis=-1).reshape(mean.size, mean.size, -1).reshape(values.shape)


def _border(size: int) -> np.ndarray:
    ends = (0.0, size / 2, float(size))
    return np.array([(x, y) for x in ends for y in ends if (x, y) != (size / 2, size / 2)])
