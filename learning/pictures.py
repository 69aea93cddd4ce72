"""The pictures of a release as one array of bytes: cut out, scaled, decoded once and kept on disk.

Decoding is slow and the same every time, so its result is cached as a memory-mapped `.npy` file under the
release's checksum, the size, the channels and the crop. The cache may be deleted at any time.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from learning import picture_cache
from learning.datasets import NothingToLearn
from triplets.archive import Release
from triplets.schemes import scheme_named

#: Raised whenever decoding changes, so that no older array is taken for a new one.
_VERSION = 1
#: Where "aligned" puts the left eye, the right eye and the middle of the mouth, in shares of the side.
_EYES_AND_MOUTH = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.75))
#: Side of the square around a face, in sides of the smallest square that holds its landmarks.
_MARGIN = 1.3


class PictureUnreadable(ValueError):
    """A picture of the release cannot be decoded; the message names the stimulus."""


@dataclass(frozen=True)
class PicturePreprocessing:
    """What turns pictures into a network's input and its outputs into words; saved with it.

    size, channels, crop, neutral : see `learning.image_config.ImageNetwork`
    target : "class", "attributes" or "triplets"; outputs : the k classes or attributes, () for triplets
    mean, std : (channels,) float32 of training pixels in 0 to 1, or what the pretrained weights expect
    offset, scale : (k,) float32, an attribute is offset + scale x output; zeros and ones for classes
    """

    size: int
    channels: int
    crop: str
    target: str
    outputs: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    neutral: str = "no"

    def described(self) -> dict:
        """Return the part that JSON takes."""
        values = {name: getattr(self, name) for name in ("size", "channels", "crop", "target", "neutral")}
        return {**values, "outputs": list(self.outputs)}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the rest by name."""
        return {name: getattr(self, name) for name in ("mean", "std", "offset", "scale")}

    @classmethod
    def restored(cls, described: dict, arrays: dict[str, np.ndarray]) -> "PicturePreprocessing":
        """Return what `described` and `arrays` came from."""
        return cls(**{**described, "outputs": tuple(described["outputs"])}, **arrays)


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures. row : (m,) int rows of `release.stimuli`, increasing; n_left_out : stimuli by reason.

    pixels : (m, size, size, channels) uint8, usually mapped from a file and not writable
    neutral : (m,) int, position of each one's neutral picture, None where nobody asked
    """

    row: np.ndarray
    pixels: np.ndarray
    n_left_out: dict[str, int]
    neutral: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.row)


def load_pictures(
    release: Release, *, size: int, channels: int, crop: str, neutral: str = "no", folder: Path | None = None
) -> Pictures:
    """Return the pictures of all stimuli that have one (and landmarks, for other crops than "whole").

    neutral : "difference" also finds each one's neutral picture, and leaves out whom it finds none for.

    folder : of the cache, None: `picture_cache.folder()`. Where nothing can be written there, a warning says so and
        the array lives in memory only.

    NothingToLearn where no stimulus is usable; PictureUnreadable names the first that cannot be decoded.
    """
    has_picture = np.asarray(release.stimuli.picture) != ""
    n_left_out = {"no picture": int((~has_picture).sum())}
    row = np.flatnonzero(has_picture)
    points = None
    if crop != "whole":
        points = _points_by_row(release)
        n_left_out["no landmarks"] = sum(at not in points for at in row.tolist())
        row = np.array([at for at in row.tolist() if at in points], dtype=np.int64)
    if not len(row):
        wanted = "pictures" if crop == "whole" else "pictures with landmarks"
        raise NothingToLearn(f"release {release.path} holds no {wanted}: freeze it with includes_pictures, or import")
    shape = (len(row), size, size, channels)
    name = f"{release.sha256[:40]}-{size}-{channels}-{crop}-{_VERSION}.npy"
    cut = _cut(release, points, crop, size)

    def fill(array: np.ndarray) -> None:
        for position, at in enumerate(row.tolist()):
            array[position] = _decoded(release, at, size, channels, cut(at))

    cached = picture_cache.kept((folder or picture_cache.folder()) / name, shape, fill)
    if neutral == "no":
        return Pictures(row, cached, n_left_out)
    beside = neutral_beside(release, row)
    n_left_out["no neutral picture"] = int((beside < 0).sum())
    keep = np.flatnonzero(beside >= 0)
    if not len(keep):
        raise NothingToLearn(f"release {release.path} holds no neutral picture: expected stimuli with is_neutral")
    if len(keep) < len(row):
        row, cached, beside = row[keep], cached[keep], np.searchsorted(keep, beside[keep])
    return Pictures(row, cached, n_left_out, beside)


def pictures_for(known: PicturePreprocessing, release: Release) -> Pictures:
    """Return the pictures of a release as a network with that preprocessing takes them."""
    return load_pictures(release, size=known.size, channels=known.channels, crop=known.crop, neutral=known.neutral)


def neutral_beside(release: Release, row: np.ndarray) -> np.ndarray:
    """Return (m,) int: for each of the rows the position in `row` of its subject's neutral picture, -1 without one.

    Of several neutral pictures of a subject the one that shares most further columns, then the first.
    """
    stimuli = release.stimuli
    subject = np.asarray(stimuli.subject)[row]
    further = np.array([np.asarray(values).astype(str)[row] for values in stimuli.extra.values()]).reshape(-1, len(row))
    neutral = np.flatnonzero((np.asarray(stimuli.is_neutral)[row] == 1) & (subject != ""))
    found = np.full(len(row), -1)
    for person in np.unique(subject[neutral]):
        candidates, own = neutral[subject[neutral] == person], np.flatnonzero(subject == person)
        n_shared = (further[:, own, None] == further[:, None, candidates]).sum(axis=0)
        found[own] = candidates[n_shared.argmax(axis=1)]
    return found


def decode(content: bytes, *, size: int, channels: int, box=None, placed=None) -> np.ndarray:
    """Return one picture as (size, size, channels) uint8, transparency on white, turned upright as its camera says.

    box : (left, top, right, bottom) in pixels, black where it leaves the picture; None: the largest square in
    the middle. placed : (2, 3) in place of a box, as `aligned_place`.
    """
    with Image.open(io.BytesIO(content)) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if channels == 1 else "RGB")
        if placed is not None:
            image = _placed(image, placed, size)
        elif box is None:
            image = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
        else:
            image = image.crop(box).resize((size, size), Image.Resampling.LANCZOS)
        return np.asarray(image, dtype=np.uint8).reshape(size, size, channels)


def face_box(points: np.ndarray) -> tuple[int, int, int, int]:
    """Return the square around landmarks (n_points, 2 or 3) that leaves a margin on every side."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    half = max(1.0, float((high - low).max()) * _MARGIN / 2)
    middle = (low + high) / 2
    left, top = np.round(middle - half).astype(int)
    side = max(2, round(2 * half))
    return int(left), int(top), int(left) + side, int(top) + side


def aligned_place(points: np.ndarray, scheme: str, size: int) -> np.ndarray:
    """Return (2, 3), where in a picture each point of the aligned one lies: [x, y] there = place @ [x, y, 1] here.

    points : (n_points, 2 or 3) landmarks of a scheme of that name. Moved, turned and scaled so that the eyes and the
    middle of the mouth come as near as they can to `_EYES_AND_MOUTH`; a face is not sheared.
    """
    known = scheme_named(scheme)
    parts = (known.left_lower_lid, known.right_lower_lid, known.mouth)
    there = np.array([np.asarray(points, dtype=np.float64)[list(part), :2].mean(axis=0) for part in parts])
    here = size * np.array(_EYES_AND_MOUTH)
    x, y, one, zero = here[:, 0], here[:, 1], np.ones(3), np.zeros(3)
    equations = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    a, b, right, down = np.linalg.lstsq(equations, there.T.reshape(-1), rcond=None)[0]
    return np.array([[a, -b, right], [b, a, down]])


def _placed(image: Image.Image, place: np.ndarray, size: int) -> Image.Image:
    """Return the aligned picture. One that is far larger is made smaller first, so that no fine pattern is aliased."""
    scale = float(np.hypot(place[0, 0], place[1, 0]))
    shrunk = 1.0
    if scale > 1:
        wanted = [max(1, round(side / scale)) for side in image.size]
        shrunk = wanted[0] / image.width
        image = image.resize(wanted, Image.Resampling.LANCZOS)
    # Pillow counts from the corner of the first pixel, as landmarks do.
    return image.transform(
        (size, size), Image.Transform.AFFINE, tuple((shrunk * place).ravel()), Image.Resampling.BICUBIC
    )


def _cut(release: Release, points: dict | None, crop: str, size: int):
    """Return row -> what `decode` is told about the part of the picture to take."""
    if points is None:
        return lambda row: {}
    if crop == "face":
        return lambda row: {"box": face_box(points[row])}
    scheme = release.landmarks.scheme
    if not scheme:
        raise NothingToLearn(
            f"release {release.path} names no landmark scheme, so eyes and mouth are unknown: expected crop=face"
        )
    return lambda row: {"placed": aligned_place(points[row], scheme, size)}


def _points_by_row(release: Release) -> dict[int, np.ndarray]:
    if release.landmarks is None:
        return {}
    found = zip(release.landmarks.row.tolist(), release.landmarks.points, strict=True)
    return {row: points for row, points in found if np.isfinite(points).all()}


def _decoded(release: Release, row: int, size: int, channels: int, cut: dict) -> np.ndarray:
    try:
        return decode(release.picture_bytes(row), size=size, channels=channels, **cut)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        key = release.stimuli.key[row]
        raise PictureUnreadable(f"the picture of stimulus {str(key)!r} cannot be decoded ({error})") from error
