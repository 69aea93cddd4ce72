"""From tracked points to shapes that can be compared: alignment, and the face at rest of each subject.

Picture coordinates throughout: x to the right, y down, z away from the camera, any unit. Aligned
shapes have the middle between the eyes at the origin, the eyes level and one unit apart.
"""

from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

#: Above this many candidate frames of one subject, distances are summed to this many of them, evenly spaced.
_MAX_COMPARED = 2000

#: How far, in inter-eye distances, a point of a mean face may lie from where the mirror shows its partner.
_MAX_ASYMMETRY = 0.1


class LandmarksUnusable(ValueError):
    """Points that cannot be aligned; the message names the first stimulus concerned."""


class EyeScheme(Protocol):
    """What alignment needs of a landmark scheme, see `triplets.schemes`. left is left in the picture."""

    n_points: int
    left_lower_lid: tuple[int, ...]
    right_lower_lid: tuple[int, ...]


def align(points, scheme: EyeScheme | None, angles=None) -> np.ndarray:
    """Return shapes without position, size and roll of the head, float64 of the same shape.

    points : (n, n_points, 2 or 3), or one (n_points, 2 or 3).
    scheme : which points are the lower lids. The eye centres are their means, so that a blink, which
        moves upper lids only, does not shift the face. None: no eyes are known; then the centroid comes
        to the origin, the root mean square distance from it becomes 1 and no roll is taken out.
    angles : (n, 3) or (3,) pitch, yaw, roll in degrees, nan unknown: the head is turned back first. The
        head at rest came to the observed pose by R = Rz(roll) Ry(yaw) Rx(pitch) in picture coordinates.
        Of 2-D points only the roll can be taken out.

    LandmarksUnusable for points that are not finite or eyes that coincide.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim == 2:
        return align(points[None], scheme, None if angles is None else np.asarray(angles)[None])[0]
    if points.ndim != 3 or points.shape[2] not in (2, 3):
        raise LandmarksUnusable(f"points have shape {points.shape}: expected (n, n_points, 2 or 3)")
    if scheme is not None and scheme.n_points != points.shape[1]:
        raise LandmarksUnusable(f"{points.shape[1]} points a face: expected {scheme.n_points} as the scheme says")
    _refuse(~np.isfinite(points).all(axis=(1, 2)), "has a point that is not a number")
    if angles is not None:
        points = _turned_back(points, np.asarray(angles, dtype=np.float64))
    if scheme is None:
        centred = points - points.mean(axis=1, keepdims=True)
        size = np.sqrt((centred**2).sum(axis=2).mean(axis=1))
        _refuse(size <= 1e-9, "has all points in one place")
        return centred / size[:, None, None]
    left = points[:, list(scheme.left_lower_lid)].mean(axis=1)
    right = points[:, list(scheme.right_lower_lid)].mean(axis=1)
    between = right - left
    distance = np.linalg.norm(between, axis=1)
    _refuse(distance <= 1e-9, "has both eyes in one place")
    centred = points - (0.5 * (left + right))[:, None]
    upright = _rotated(centred, -np.arctan2(between[:, 1], between[:, 0]))
    return upright / distance[:, None, None]


def pose_angles(extra: dict[str, np.ndarray]) -> np.ndarray | None:
    """Return (n, 3) pitch, yaw, roll in degrees from columns of these names, None where one is absent.

    extra : name -> (n,) text, as `records.Stimuli.extra`; an empty cell is nan, unknown.
    """
    if not all(name in extra for name in ("pitch", "yaw", "roll")):
        return None
    columns = []
    for name in ("pitch", "yaw", "roll"):
        try:
            columns.append([float(cell) if str(cell).strip() else np.nan for cell in extra[name]])
        except ValueError as error:
            raise LandmarksUnusable(f"column {name}: {error}; expected degrees") from error
    return np.array(columns).T


def mirrored(shapes, mirror: tuple[int, ...]) -> np.ndarray:
    """Return aligned shapes (..., n_points, n_dims) as seen in a mirror: x negated, points changing places.

    mirror : the point of the shape that takes each place, see `triplets.schemes.Scheme`.
    """
    turned = np.array(shapes)[..., list(mirror), :]
    turned[..., 0] *= -1
    return turned


def found_mirror(shapes) -> tuple[int, ...]:
    """Return the point that takes each place in a mirror, as the mean of many faces shows it, () where it does not.

    shapes : (n, n_points, n_dims) aligned by the eyes. Each point of the mirrored mean goes to one point of the
    mean, with the least summed squared distance. Believed only if a mirror's mirror is the face again and no
    point lands far from its place: heads that are mostly turned one way say nothing.
    """
    mean = np.asarray(shapes, dtype=np.float64).mean(axis=0)
    seen = mean.copy()
    seen[:, 0] *= -1
    distance = cdist(seen, mean)
    mirror = linear_sum_assignment(distance**2)[1]
    is_mirror = (mirror[mirror] == np.arange(len(mirror))).all()
    off = distance[np.arange(len(mirror)), mirror]
    return tuple(mirror.tolist()) if is_mirror and off.max() <= _MAX_ASYMMETRY else ()


def neutral_rows(subjects, is_neutral, shapes, action_units=None) -> np.ndarray:
    """Return (n,) int: for each shape the position of its subject's neutral face, -1 where there is none.

    subjects : (n,) str, "" unknown        is_neutral : (n,) 1, 0 or -1 unknown
    shapes : (n, ...) aligned points        action_units : name -> (n,), nan unknown

    A subject's marked neutral; of several the one nearest to their mean. Without a marked one, among the
    frames in which every action unit is known to be absent, the one with the least summed distance to
    the others.
    """
    subjects, is_neutral = np.asarray(subjects), np.asarray(is_neutral)
    flat = np.asarray(shapes, dtype=np.float64).reshape(len(subjects), -1)
    at_rest = np.zeros(len(subjects), dtype=bool)
    if action_units:
        at_rest = (np.column_stack(list(action_units.values())) == 0).all(axis=1)
    neutral = np.full(len(subjects), -1, dtype=np.int64)
    names, subject = np.unique(subjects, return_inverse=True)
    members = np.split(np.argsort(subject, kind="stable"), np.cumsum(np.bincount(subject, minlength=len(names)))[:-1])
    for name, rows in zip(names.tolist(), members, strict=True):
        if name == "":
            continue
        marked, resting = rows[is_neutral[rows] == 1], rows[at_rest[rows]]
        if len(marked):
            neutral[rows] = marked[np.linalg.norm(flat[marked] - flat[marked].mean(axis=0), axis=1).argmin()]
        elif len(resting):
            compared = resting[:: -(-len(resting) // _MAX_COMPARED)]
            neutral[rows] = resting[cdist(flat[resting], flat[compared]).sum(axis=1).argmin()]
    return neutral


def _refuse(wrong: np.ndarray, why: str) -> None:
    if wrong.any():
        raise LandmarksUnusable(f"face {int(np.flatnonzero(wrong)[0])} {why}; {int(wrong.sum())} such faces in all")


def _rotated(points, angle) -> np.ndarray:
    """Turn x and y of (n, n_points, 2 or 3) by (n,) radians, from x towards y."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    turned = points.copy()
    turned[..., 0] = cos * points[..., 0] - sin * points[..., 1]
    turned[..., 1] = sin * points[..., 0] + cos * points[..., 1]
    return turned


def _turned_back(points, angles) -> np.ndarray:
    """Undo the pose of each head; an unknown angle counts as 0."""
    pitch, yaw, roll = np.deg2rad(np.nan_to_num(angles, nan=0.0)).T
    turned = _rotated(points, -roll)
    if points.shape[2] == 2:
        return turned
    for first, second, angle in ((2, 0, -yaw), (1, 2, -pitch)):
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        before = turned.copy()
        turned[..., first] = cos * before[..., first] - sin * before[..., second]
        turned[..., second] = sin * before[..., first] + cos * before[..., second]
    return turned
