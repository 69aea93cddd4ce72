"""What is explained: one number a picture, linear in what a network says, and where its face lies in the pixels.

Every method of explanation takes a network of pictures, pictures (b, c, h, w) in 0 to 1, and directions (b, k):
the score of a picture is direction · output. So a class, the difference of two classes, an attribute and a
triplet are explained by the same code.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from learning.pictures import PicturePreprocessing, Pictures, aligned_place, face_box
from triplets.archive import Release


@dataclass(frozen=True)
class Explanation:
    """map : (b, h, w) what each pixel contributes to the score, signed unless the method says otherwise.

    score : (b,) what is explained
    """

    map: Tensor
    score: Tensor


class NotExplainable(ValueError):
    """This method has no rule for this network; the message says which methods have."""


def towards(outputs, n_outputs: int, *, against=None) -> Tensor:
    """Return (b, n_outputs) directions: one output a picture, or one minus another ("why happy and not sad?").

    outputs, against : (b,) int numbers of outputs. ValueError where one is out of range.
    """
    direction = torch.zeros(len(outputs), n_outputs)
    for chosen, sign in ((outputs, 1.0), (against, -1.0)):
        if chosen is None:
            continue
        chosen = torch.as_tensor(np.asarray(chosen), dtype=torch.int64)
        if len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < n_outputs:
            raise ValueError(f"output {int(chosen.max())} is asked for: expected 0 to {n_outputs - 1}")
        direction.scatter_add_(1, chosen[:, None], torch.full((len(chosen), 1), sign))
    return direction


def towards_triplets(anchor: Tensor, positive: Tensor, negative: Tensor, *, of="anchor") -> Tensor:
    """Return (b, k) directions for the score |a - n|² - |a - p|²: why the anchor is nearer to the positive.

    anchor, positive, negative : (b, k) points of the metric space. of : the picture that is explained while the
    other two stay where they are. In the anchor the score is linear, 2 (p - n) · a + |n|² - |p|²; in a candidate
    it is not, and the direction is its gradient there, 2 (a - p) or 2 (n - a).
    """
    if of == "anchor":
        return 2 * (positive - negative)
    if of == "positive":
        return 2 * (anchor - positive)
    if of == "negative":
        return 2 * (negative - anchor)
    raise ValueError(f"of is {of!r}: expected anchor, positive or negative")


def batches(pictures: Pictures, size: int = 32, *, start=0, device="cpu") -> Iterator[tuple[slice, Tensor]]:
    """Yield (positions, pictures (b, c, h, w) in 0 to 1 as `learning.networks.pictures.shown`), one batch in memory.

    start : the first position, where an interrupted pass goes on.
    """
    from learning.networks.pictures import shown

    if size < 1:
        raise ValueError(f"a batch of {size} pictures: expected at least 1")
    for first in range(start, len(pictures), size):
        chosen = slice(first, min(first + size, len(pictures)))
        yield chosen, shown(pictures, chosen).to(device)


def neutral_positions(release: Release, row: np.ndarray) -> np.ndarray:
    """Return (m,) int: for each of the rows the position in `row` of its subject's neutral picture, -1 without one.

    Of several neutral pictures the first one counts.
    """
    row = np.asarray(row)
    subject, is_neutral = np.asarray(release.stimuli.subject)[row], np.asarray(release.stimuli.is_neutral)[row]
    found: dict[str, int] = {}
    for position in np.flatnonzero((is_neutral == 1) & (subject != "")).tolist():
        found.setdefault(str(subject[position]), position)
    return np.array([found.get(str(name), -1) for name in subject], dtype=np.int64)


def landmarks_in_pixels(release: Release, row: np.ndarray, preprocessing: PicturePreprocessing) -> np.ndarray:
    """Return (m, n_points, 2) landmarks in pixels of the network's square input, nan where there are none.

    row : (m,) rows of `release.stimuli`. The same cut and scaling as `learning.pictures.decode`.
    ValueError where the release has no landmarks at all.
    """
    if release.landmarks is None or not len(release.landmarks):
        raise ValueError(f"release {release.path} holds no landmarks: regions of faces are unknown")
    place = {int(at): position for position, at in enumerate(release.landmarks.row)}
    n_points = release.landmarks.points.shape[1]
    found = np.full((len(row), n_points, 2), np.nan)
    for position, at in enumerate(np.asarray(row).tolist()):
        if at not in place:
            continue
        points = np.asarray(release.landmarks.points[place[at]], dtype=np.float64)[:, :2]
        if not np.isfinite(points).all():
            continue
        if preprocessing.crop == "aligned":
            lies = aligned_place(points, release.landmarks.scheme, preprocessing.size)
            found[position] = (points - lies[:, 2]) @ np.linalg.inv(lies[:, :2]).T
            continue
        if preprocessing.crop == "face":
            left, top, right, _ = face_box(points)
            side = right - left
        else:
            left, top, side = _middle_square(release.picture_bytes(at))
        found[position] = (points - (left, top)) * (preprocessing.size / side)
    return found


def _middle_square(content: bytes) -> tuple[float, float, float]:
    """Return left, top and side of what is cut out of a whole picture, in its own pixels."""
    with Image.open(io.BytesIO(content)) as opened:
        width, height = opened.size
        if opened.getexif().get(0x0112, 1) in (5, 6, 7, 8):
            width, height = ImageOps.exif_transpose(opened).size
    side = min(width, height)
    return (width - side) / 2, (height - side) / 2, side
