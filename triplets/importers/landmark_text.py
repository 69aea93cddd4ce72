"""Landmarks of one picture in a text file: `.pts` (iBUG), `.tem` (WebMorph) and MediaPipe's arrays (`.npy`).

The picture of `name.tem` is `name.jpg` (or another ending) beside it or in the folder of pictures.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from triplets.importers.faces import Bad, Face, Options, SourceUnreadable, floats, row

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def read_pts(source: Path, options: Options) -> Iterator[Face | Bad]:
    """Read a folder of `.pts`: `version: 1`, `n_points: 68`, then x and y a line between braces.

    iBUG counts pixels from 1 and points at their centres; here the outer corner of the first pixel is 0, so .5
    is taken off.
    """
    return _read(source, options, ".pts", lambda path, size: _pts(path) - 0.5)


def read_tem(source: Path, options: Options) -> Iterator[Face | Bad]:
    """Read a folder of WebMorph templates: the number of points, x and y a line, then the lines to draw.

    options.width : of the pictures the templates were made on, where those here are smaller copies.
    """
    return _read(source, options, ".tem", lambda path, size: _tem(path))


def read_mediapipe(source: Path, options: Options) -> Iterator[Face | Bad]:
    """Read a folder of `.npy`, (478, 3) each as Face Mesh with irises gives them, or (468, 3) without: shares of the
    picture's width (x and z) and height (y), turned into pixels, or pixels already.
    """
    return _read(source, options, ".npy", _mediapipe)


def picture_index(folder: Path) -> dict[str, Path]:
    """Return stem in lower case -> picture, for every picture below a folder. SourceUnreadable if there is none."""
    if not folder.is_dir():
        raise SourceUnreadable(f"there is no folder of pictures {folder}")
    return {path.stem.lower(): path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES}


def subject_of(name: str, pattern: str) -> str:
    """Return the first group of a regular expression found in a name, "" without a pattern."""
    if not pattern:
        return ""
    try:
        found = re.search(pattern, name)
    except re.error as error:
        raise SourceUnreadable(f"subject {pattern!r} is no regular expression ({error})") from error
    if not found:
        raise ValueError(f"the subject cannot be told from {name!r} by {pattern!r}")
    return found.group(1) if found.groups() else found.group(0)


# Details ----------------------------------------------------------------------------------------


def _read(source: Path, options: Options, suffix: str, points_of: Callable) -> Iterator[Face | Bad]:
    source = Path(source)
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() == suffix) if source.is_dir() else []
    if not paths:
        raise SourceUnreadable(f"{source} holds no {suffix} file")
    folder = Path(options.images or source)
    pictures = picture_index(folder)
    for path in paths:
        try:
            picture = pictures.get(path.stem.lower())
            if pictures and picture is None:
                raise ValueError(f"there is no picture of that name in {folder}")
            size = _size(picture) if picture else None
            points = points_of(path, size)
            if options.width:
                if size is None:
                    raise ValueError("its picture is needed to know how far it was scaled down")
                points = points * (size[0] / options.width)
            name = picture.relative_to(folder).as_posix() if picture else path.relative_to(source).as_posix()
            subject = subject_of(path.stem, options.subject)
        except _BadLine as error:
            yield Bad(path, error.line, str(error))
        except (ValueError, OSError) as error:
            if isinstance(error, SourceUnreadable):
                raise
            yield Bad(path, 0, str(error))
        else:
            yield Face(row(name, is_file=picture is not None, subject=subject), points)


class _BadLine(ValueError):
    def __init__(self, line: int, reason: str):
        self.line = line
        super().__init__(reason)


def _numbered(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="strict").splitlines()
    except UnicodeDecodeError as error:
        raise _BadLine(1, f"is no text ({error.reason})") from error


def _points(lines: list[str], first: int, n_points: int) -> np.ndarray:
    """Read n points from the line with the index `first` on."""
    found = []
    for index in range(first, first + n_points):
        if index >= len(lines):
            raise _BadLine(len(lines), f"the file ends after {len(found)} points: expected {n_points}")
        try:
            found.append(floats(lines[index], 2))
        except ValueError as error:
            raise _BadLine(index + 1, str(error)) from error
    return np.array(found)


def _count(text: str, line: int) -> int:
    if not text.strip().isdigit() or not 3 <= int(text) <= 100_000:
        raise _BadLine(line, f"{text.strip()[:40]!r}: expected the number of points")
    return int(text)


def _tem(path: Path) -> np.ndarray:
    lines = _numbered(path)
    return _points(lines, 1, _count(lines[0] if lines else "", 1))


def _pts(path: Path) -> np.ndarray:
    lines = _numbered(path)
    n_points = None
    for index, line in enumerate(lines):
        name, _, value = line.partition(":")
        if name.strip() == "n_points":
            n_points = _count(value, index + 1)
        if line.strip() == "{":
            if n_points is None:
                raise _BadLine(index + 1, "points begin before n_points was given")
            points = _points(lines, index + 1, n_points)
            end = index + 1 + n_points
            if end >= len(lines) or lines[end].strip() != "}":
                raise _BadLine(end + 1, f"expected }} after {n_points} points")
            return points
    raise _BadLine(max(len(lines), 1), "the file ends before {: expected version, n_points and points in braces")


def _mediapipe(path: Path, size) -> np.ndarray:
    points = np.load(path, allow_pickle=False)
    if points.shape not in ((478, 3), (468, 3)) or points.dtype.kind != "f":
        raise ValueError(
            f"{points.dtype} of shape {points.shape}: expected floats (478, 3), or (468, 3) without irises"
        )
    if np.abs(points[:, :2]).max() > 2:
        return points
    if size is None:
        raise ValueError("its points are shares of a picture that is not there: give the folder of pictures")
    return points * np.array([size[0], size[1], size[0]])


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size
