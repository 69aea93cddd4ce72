"""From a release to arrays: aligned faces minus the training mean, their neutral faces, usable triplets."""

from dataclasses import dataclass

import numpy as np

from learning import landmarks
from learning.splits import Split
from triplets.archive import Release
from triplets.schemes import scheme_named

#: "auto" uses the neutral face when at least this share of the stimuli with landmarks has one.
NEUTRAL_SHARE = 0.9


class NothingToLearn(ValueError):
    """The release lacks what the configuration needs; the message says what."""


@dataclass(frozen=True)
class Preprocessing:
    """What turns landmarks into a network's input; saved with it, so that other releases are treated alike.

    scheme : name of the landmark scheme, "" unknown
    alignment : "eyes" (mid-eye, level, inter-eye distance 1) or "centroid" (root mean square distance 1)
    mean : (n_points * n_dims,) float32, the training mean of aligned faces
    neutral_mean : the same of the neutral faces used in training, already minus `mean`; None without
    """

    scheme: str
    alignment: str
    n_points: int
    n_dims: int
    mean: np.ndarray
    neutral_mean: np.ndarray | None

    @property
    def uses_neutral(self) -> bool:
        return self.neutral_mean is not None

    def described(self) -> dict:
        """Return the part that JSON takes."""
        return {name: getattr(self, name) for name in ("scheme", "alignment", "n_points", "n_dims")}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the rest by name."""
        found = {"mean": self.mean, "neutral_mean": self.neutral_mean}
        return {name: values for name, values in found.items() if values is not None}

    @classmethod
    def restored(cls, described: dict, arrays: dict[str, np.ndarray]) -> "Preprocessing":
        """Return what `described` and `arrays` came from."""
        return cls(**described, mean=arrays["mean"], neutral_mean=arrays.get("neutral_mean"))


@dataclass(frozen=True)
class LandmarkDataset:
    """Faces ready for a network, with the triplets that speak about them.

    x : (n, D) float32, aligned, minus the training mean; D = n_points * n_dims
    neutral : (n, D) float32, each stimulus' neutral face in the same units, or None
    row : (n,) int, rows of `release.stimuli`, increasing
    triplets : (t, 3) int positions into x, [anchor, positive, negative]; triplet_row : (t,) rows of
        `release.triplets`. Triplets about a stimulus that is not here are left out.
    mirrored_x, mirrored_neutral : the same faces in a mirror, None where neither the scheme nor the faces say how
    n_left_out : stimuli left out, by reason
    """

    x: np.ndarray
    neutral: np.ndarray | None
    row: np.ndarray
    triplets: np.ndarray
    triplet_row: np.ndarray
    preprocessing: Preprocessing
    n_left_out: dict[str, int]
    mirrored_x: np.ndarray | None = None
    mirrored_neutral: np.ndarray | None = None

    @property
    def mean(self) -> np.ndarray:
        return self.preprocessing.mean

    def __len__(self) -> int:
        return len(self.row)


def landmark_dataset(
    release: Release, preprocessing: Preprocessing | None = None, *, split: Split | None = None, uses_neutral="auto"
) -> LandmarkDataset:
    """Return the stimuli of a release that have landmarks (and a neutral face where it is used).

    preprocessing : that of a checkpoint, or None: it is taken from this release.
    split : whose training stimuli the mean is taken over; None: over all stimuli.
    uses_neutral : "auto", "yes" or "no", read only where preprocessing is None.

    NothingToLearn where no stimulus is usable; LandmarksUnusable where points cannot be aligned or are not
    those of the preprocessing.
    """
    found = release.landmarks
    if found is None or len(found) == 0:
        raise NothingToLearn(f"release {release.path} holds no landmarks: import the stimuli with --landmarks")
    order = np.argsort(found.row, kind="stable")
    row, points = np.asarray(found.row)[order], np.asarray(found.points)[order]
    # A release that names no scheme says nothing about eyes; a name that nobody knows is an error.
    scheme = scheme_named(found.scheme) if found.scheme else None
    angles = landmarks.pose_angles(release.stimuli.extra)
    try:
        shapes = landmarks.align(points, scheme, None if angles is None else angles[row])
    except landmarks.LandmarksUnusable as error:
        raise landmarks.LandmarksUnusable(f"release {release.path}, in the order of stimuli: {error}") from error
    n_points, n_dims = shapes.shape[1:]
    alignment = "eyes" if scheme is not None else "centroid"
    if preprocessing is not None:
        _require_same(preprocessing, found.scheme, alignment, n_points, n_dims)
    stimuli = release.stimuli
    units = {name: values[row] for name, values in stimuli.action_units.items()}
    neutral_at = landmarks.neutral_rows(stimuli.subject[row], stimuli.is_neutral[row], shapes, units)
    flat = shapes.reshape(len(row), -1)
    has_neutral = neutral_at >= 0
    n_left_out = {"no landmarks": len(stimuli) - len(row)}
    if preprocessing is None:
        takes_neutral = uses_neutral == "yes" or (uses_neutral == "auto" and has_neutral.mean() >= NEUTRAL_SHARE)
    else:
        takes_neutral = preprocessing.uses_neutral
    keep = has_neutral if takes_neutral else np.ones(len(row), dtype=bool)
    if takes_neutral:
        n_left_out["no neutral face"] = int((~keep).sum())
    if not keep.any():
        raise NothingToLearn(
            f"release {release.path} knows no subject's neutral face: train with uses_neutral=no or mark neutral faces"
        )
    if preprocessing is None:
        preprocessing = _fit(
            flat, row, keep, neutral_at, takes_neutral, split, (found.scheme, alignment, n_points, n_dims)
        )
    x = (flat - preprocessing.mean).astype(np.float32)
    other = None
    mirror = () if scheme is None else scheme.mirror or landmarks.found_mirror(shapes)
    if mirror:
        other = landmarks.mirrored(shapes, mirror).reshape(len(row), -1)
        other = (other - preprocessing.mean).astype(np.float32)
    position = np.full(len(stimuli), -1)
    position[row[keep]] = np.arange(int(keep.sum()))
    mapped = position[release.triplets.rows]
    complete = np.flatnonzero((mapped >= 0).all(axis=1))
    return LandmarkDataset(
        x=x[keep],
        neutral=x[neutral_at[keep]] if takes_neutral else None,
        row=row[keep],
        triplets=mapped[complete].astype(np.int64).reshape(-1, 3),
        triplet_row=complete,
        preprocessing=preprocessing,
        n_left_out=n_left_out,
        mirrored_x=None if other is None else other[keep],
        mirrored_neutral=other[neutral_at[keep]] if other is not None and takes_neutral else None,
    )


def _fit(flat, row, keep, neutral_at, takes_neutral, split, shape) -> Preprocessing:
    training = keep if split is None else keep & (split.stimulus[row] == "train")
    if not training.any():
        raise NothingToLearn("no training stimulus has landmarks (and a neutral face, where it is used)")
    mean = flat[training].mean(axis=0).astype(np.float32)
    neutral_mean = None
    if takes_neutral:
        neutral_mean = (flat[np.unique(neutral_at[training])].mean(axis=0) - mean).astype(np.float32)
    scheme, alignment, n_points, n_dims = shape
    return Preprocessing(scheme, alignment, n_points, n_dims, mean, neutral_mean)


def _require_same(preprocessing, scheme, alignment, n_points, n_dims) -> None:
    here = (scheme, alignment, n_points, n_dims)
    there = (preprocessing.scheme, preprocessing.alignment, preprocessing.n_points, preprocessing.n_dims)
    if here != there:
        raise landmarks.LandmarksUnusable(
            f"the release has {n_points} points of {n_dims} numbers, scheme {scheme!r}, aligned by {alignment}: "
            f"expected {there[2]} of {there[3]}, scheme {there[0]!r}, aligned by {there[1]}, as in training"
        )
