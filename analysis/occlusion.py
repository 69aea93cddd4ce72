"""Occlusion by parts of the face: what becomes of the score when the mouth, an eye, the brows or the nose are gone.

A part is the hull of its landmarks, widened, and is filled with the same face's own skin colour: grey or black
boxes are seen by no network in training and change a score for that reason alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from analysis.gradients import Score
from triplets.schemes import Scheme

#: Name -> landmarks of `Scheme` that span it, each group its own hull. left and right are those of the picture.
PARTS = {
    "mouth": ("mouth",),
    "left eye": ("left_eye",),
    "right eye": ("right_eye",),
    "brows": ("left_brow", "right_brow"),
    "nose": ("nose",),
}
#: By how much a part is widened on every side, in distances between the eyes.
MARGIN = 0.12


@dataclass(frozen=True)
class Regions:
    """Parts of b faces. names : (r,); masks : (b, r, h, w) bool; skin : (b, h, w) bool, the face without its parts."""

    names: tuple[str, ...]
    masks: np.ndarray
    skin: np.ndarray

    def areas(self) -> np.ndarray:
        """Return (b, r) the share of the picture that each part covers: what chance would give it."""
        return self.masks.mean(axis=(2, 3))


@dataclass(frozen=True)
class Occluded:
    """score : (b,) of the whole picture; change : (b, r) score without the part minus that score; area : (b, r)."""

    names: tuple[str, ...]
    score: np.ndarray
    change: np.ndarray
    area: np.ndarray


def regions(scheme: Scheme, points: np.ndarray, size: int, *, margin: float = MARGIN) -> Regions:
    """Return the parts of faces in square pictures of `size` pixels a side.

    points : (b, n_points, 2) in pixels of that picture (`explained.landmarks_in_pixels`), finite.
    Where widened parts meet, a pixel belongs to the first of `PARTS`. Parts that the scheme does not know are left
    out; where it knows no outline, all landmarks span the face.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape[1:] != (scheme.n_points, 2) or not np.isfinite(points).all():
        raise ValueError(f"points have shape {points.shape}: expected (b, {scheme.n_points}, 2), all finite")
    names = tuple(name for name, groups in PARTS.items() if all(len(getattr(scheme, group)) for group in groups))
    masks = np.zeros((len(points), len(names), size, size), dtype=bool)
    skin = np.zeros((len(points), size, size), dtype=bool)
    outline = list(scheme.outline) or list(range(scheme.n_points))
    for face, shape in enumerate(points):
        eyes = shape[list(scheme.right_lower_lid)].mean(axis=0) - shape[list(scheme.left_lower_lid)].mean(axis=0)
        wider = margin * np.linalg.norm(eyes)
        for part, name in enumerate(names):
            for group in PARTS[name]:
                masks[face, part] |= _hull(shape[list(getattr(scheme, group))], size, wider)
            masks[face, part] &= ~masks[face, :part].any(axis=0)
        skin[face] = _hull(shape[outline], size, -wider / 2) & ~masks[face].any(axis=0)
    return Regions(names, masks, skin)


def skin_colour(x: Tensor, found: Regions) -> Tensor:
    """Return (b, c) the median colour of each face beside its parts; of the whole picture where nothing is left."""
    is_there = found.skin.any(axis=(1, 2), keepdims=True)
    chosen = torch.as_tensor(found.skin | ~is_there, device=x.device)[:, None]
    return torch.where(chosen, x, torch.nan).flatten(2).nanmedian(dim=2).values


def occlude(x: Tensor, mask, colour: Tensor) -> Tensor:
    """Return pictures (b, c, h, w) with the pixels of mask (b, h, w) in colour (b, c)."""
    mask = torch.as_tensor(mask, device=x.device)[:, None]  # no copy where it lies there already
    return torch.where(mask, colour[:, :, None, None].to(x), x)


@torch.no_grad()
def occlusion(score: Score, x: Tensor, direction: Tensor, found: Regions) -> Occluded:
    """Return how the score of each picture changes without each of its parts.

    score : score(x, direction) -> (b,), as `gradients.picture_score` gives. One pass a part.
    """
    whole = score(x, direction)
    colour = skin_colour(x, found)
    masks = torch.as_tensor(found.masks, device=x.device)
    change = [score(occlude(x, masks[:, part], colour), direction) - whole for part in range(len(found.names))]
    stacked = torch.stack(change, dim=1) if change else torch.zeros(len(x), 0)
    return Occluded(found.names, whole.cpu().numpy(), stacked.cpu().numpy(), found.areas())


def occlusion_batches(score: Score, batches: Iterable[tuple[Tensor, Tensor, Regions]]) -> Iterator[Occluded]:
    """Yield the occlusions of each (pictures, directions, regions); memory is that of one batch."""
    for x, direction, found in batches:
        yield occlusion(score, x, direction, found)


def _hull(points: np.ndarray, size: int, wider: float) -> np.ndarray:
    """Return (size, size) bool: the convex hull of points, every corner moved away from the middle by `wider` pixels.

    Points in one line span nothing of their own; there the line itself is widened.
    """
    middle = points.mean(axis=0)
    try:
        corners = points[ConvexHull(points).vertices]
    except QhullError:
        corners = points
    outward = corners - middle
    length = np.linalg.norm(outward, axis=1, keepdims=True)
    corners = corners + wider * outward / np.maximum(length, 1e-9)
    image = Image.new("1", (size, size))
    draw = ImageDraw.Draw(image)
    # The centre of the first pixel is at 0.5 in coordinates of the picture.
    path = [tuple(corner) for corner in corners - 0.5]
    if len(path) > 2:
        draw.polygon(path, fill=1, outline=1)
    if wider > 0:
        draw.line([*path, path[0]], fill=1, width=max(1, round(wider)))
    return np.asarray(image, dtype=bool)
