"""What every reader of a study's format yields, and the converter that turns it into what `import_stimuli` reads.

A reader is `read(source, options) -> Iterator[Face | Bad | SingleRatings]`. The converter writes a folder with
`stimuli.csv`, `landmarks.npz` (where there are any), `images/` (where pictures came out of a table) and `responses.csv`
(where it is known who rated): the whole folder or nothing.
"""

import csv
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from triplets.counting import counted
from triplets.importers.manifest import ManifestRow
from triplets.importers.single_ratings import SingleRatings
from triplets.schemes import scheme_named, scheme_of

FIXED = ("subject", "class_label", "degree", "is_neutral", "split")


class SourceUnreadable(ValueError):
    """The source as a whole is not what the format says. The message quotes what was found and what was expected."""


@dataclass(frozen=True)
class Bad:
    """One file or row that cannot be used; `str()` is the sentence for the researcher."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.reason}" if self.line else f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class Face:
    """One stimulus: its manifest row, its (n_points, 2 or 3) landmarks, and its pixels where they are in no file.

    Landmarks: x to the right, y down, smaller z nearer, in one unit for all axes. left is left in the picture.
    """

    row: ManifestRow
    points: np.ndarray | None = None
    pixels: np.ndarray | None = None


@dataclass(frozen=True)
class Options:
    """What a format may need to be told.

    images : the folder of the pictures, where it is not the source     subject : regular expression on a name,
    whose first group is the subject     width : of the pictures on which landmarks were placed, in pixels
    all_frames : keep every frame of a film rather than choose     min_confidence : of OpenFace
    """

    images: Path | None = None
    subject: str = ""
    width: float = 0.0
    all_frames: bool = False
    min_confidence: float = 0.8


@dataclass
class Converted:
    """What was written. bad : files and rows left out; ratings : of single people, where the source has them."""

    folder: Path
    n_stimuli: int = 0
    n_subjects: int = 0
    n_landmarks: int = 0
    n_pictures: int = 0
    scheme: str = ""
    images: Path | None = None
    bad: list[Bad] = field(default_factory=list)
    ratings: SingleRatings | None = None


class ManyBad(ValueError):
    """Nothing was written. bad : everything that is wrong."""

    def __init__(self, bad: list[Bad]):
        self.bad = bad
        noun = counted(len(bad), "problem was", "problems were")
        super().__init__(f"nothing was written because {noun} found")


def row(name: str, *, is_file: bool = False, **known) -> ManifestRow:
    """Return a manifest row; unknown values are left out. `is_neutral` follows from the class unless given."""
    if "is_neutral" not in known and known.get("class_label"):
        known["is_neutral"] = known["class_label"] == "neutral"
    return ManifestRow(line=0, key=name, file=name if is_file else "", **known)


def convert(
    faces: Iterable[Face | Bad | SingleRatings],
    out: Path,
    *,
    scheme: str = "",
    images: Path | None = None,
    skip_bad=False,
):
    """Write what a reader yields into the new folder `out` and return `Converted`.

    Memory stays small: rows and points wait in files until all columns are known. ManyBad where something cannot be
    used, unless skip_bad, which leaves it out and reports it. SourceUnreadable where nothing is left.
    """
    out = Path(out)
    if out.exists():
        raise SourceUnreadable(f"{out} exists: expected the name of a new folder")
    if not out.parent.is_dir():
        raise SourceUnreadable(f"there is no folder {out.parent} to write {out.name} into")
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        found = _gather(faces, scratch, Converted(out, scheme=scheme, images=images))
        if found.bad and not skip_bad:
            raise ManyBad(found.bad)
        if not found.n_stimuli:
            raise SourceUnreadable("nothing in the source can be used" if found.bad else "the source holds no stimulus")
        scratch.chmod(0o755)
        os.rename(scratch, out)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return found


# Details ----------------------------------------------------------------------------------------


def _gather(faces, scratch: Path, found: Converted) -> Converted:
    columns: dict[str, None] = {}
    names, subjects, shape, with_points = {}, set(), None, []
    kinds = set()
    with open(scratch / "rows", "w+", encoding="utf-8") as rows, open(scratch / "points", "wb") as points:
        for face in faces:
            if isinstance(face, Bad):
                found.bad.append(face)
                continue
            if isinstance(face, SingleRatings):
                found.ratings = face
                if face.names_everybody:
                    face.write(scratch / "responses.csv")
                continue
            key = face.row.key
            if names.setdefault(key, len(names)) != len(names) - 1:
                found.bad.append(Bad(Path(key), 0, "this name stands twice: expected every stimulus once"))
                continue
            if face.points is not None:
                shape = shape or face.points.shape
                if face.points.shape != shape or not np.isfinite(face.points).all():
                    reason = f"landmarks {face.points.shape} with unknown numbers or unlike the first, {shape}"
                    found.bad.append(Bad(Path(key), 0, reason))
                    continue
                points.write(np.ascontiguousarray(face.points, dtype="<f4").tobytes())
                with_points.append(key)
            if face.pixels is not None:
                target = scratch / key
                target.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(face.pixels).save(target)
            cells = _cells(face.row)
            columns.update(dict.fromkeys(cells))
            kinds.add("file" if face.row.file else "stimulus")
            subjects |= {face.row.subject} - {""}
            found.n_pictures += bool(face.row.file)
            found.n_stimuli += 1
            rows.write(json.dumps([key, cells], ensure_ascii=False) + "\n")
        if len(kinds) > 1:
            reason = f"{found.n_pictures:,} of {found.n_stimuli:,} stimuli have a picture: expected all or none"
            raise SourceUnreadable(reason)
        rows.seek(0)
        _write_manifest(scratch / "stimuli.csv", (kinds or {"stimulus"}).pop(), list(columns), map(json.loads, rows))
    found.n_subjects, found.n_landmarks = len(subjects), len(with_points)
    if with_points:
        _write_landmarks(scratch, with_points, shape)
        if found.scheme and scheme_named(found.scheme).n_points != shape[0]:
            # MediaPipe's mesh comes with irises and without; WebMorph knows further templates.
            other = scheme_of(shape[0])
            found.scheme = other.name if other else ""
    (scratch / "rows").unlink()
    (scratch / "points").unlink()
    return found


def _cells(it: ManifestRow) -> dict[str, str]:
    known = {name: value for name, value in asdict(it).items() if name in FIXED and value not in (None, "")}
    if "is_neutral" in known:
        known["is_neutral"] = int(known["is_neutral"])
    known |= it.action_units
    known |= {f"attribute_{name}": value for name, value in it.attributes.items()}
    known |= it.extra
    return {name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in known.items()}


def _write_manifest(path: Path, key: str, columns: list[str], rows: Iterator) -> None:
    columns.sort(key=lambda name: FIXED.index(name) if name in FIXED else len(FIXED))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([key, *columns])
        writer.writerows([name, *(cells.get(column, "") for column in columns)] for name, cells in rows)


def _write_landmarks(scratch: Path, names: list[str], shape: tuple[int, int]) -> None:
    """As NumPy's own `.npz`; `numpy.savez` cannot take an array called `file`."""
    with zipfile.ZipFile(scratch / "landmarks.npz", "w", zipfile.ZIP_STORED) as archive:
        with archive.open("file.npy", "w") as file:
            np.lib.format.write_array(file, np.array(names), allow_pickle=False)
        header = {"descr": "<f4", "fortran_order": False, "shape": (len(names), *shape)}
        with archive.open("points.npy", "w", force_zip64=True) as file, open(scratch / "points", "rb") as points:
            np.lib.format.write_array_header_1_0(file, header)
            shutil.copyfileobj(points, file)


def floats(text: str, n: int) -> list[float]:
    """Return the n finite numbers of a line. ValueError says what stands there instead."""
    parts = text.replace(",", " ").split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != n or not np.isfinite(numbers).all():
        raise ValueError(f"{text.strip()[:60]!r}: expected {n} numbers")
    return numbers
