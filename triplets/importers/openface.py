"""OpenFace: a CSV a film or picture with 68 landmarks (`x_0`..`y_67`), action units (`AU12_c`, `AU12_r`) and head pose.

A film's begins with `frame,face_id,timestamp,confidence,success`, a picture's (FaceLandmarkImg) with `face,confidence`.
Baltrušaitis, Zadeh, Lim & Morency (2018), "OpenFace 2.0". Presence (`_c`, 0 or 1) becomes the action unit AU12,
intensity (`_r`, 0 to 5) the column `intensity_AU12`. Pixels are counted from centres there, from corners here.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from triplets.importers.faces import Bad, Face, Options, SourceUnreadable, row
from triplets.importers.landmark_text import picture_index, subject_of

N_POINTS = 68
SCHEME = "openface-68"
PICTURE = "face"  # the column that only a picture's table has
_UNIT = re.compile(r"AU0*(\d+)_([cr])")


def read(source: Path, options: Options) -> Iterator[Face | Bad]:
    """Read a CSV or a folder of them. A stimulus is a frame, `film/000012`, or a picture, named as its file is in
    options.images, or else as its CSV. Its subject is the film or picture unless options.subject tells it from that
    name.

    Frames that OpenFace itself calls failed, or is less sure of than options.min_confidence, are passed over.
    """
    source = Path(source)
    paths = [source] if source.is_file() else sorted(source.rglob("*.csv"))
    if not paths:
        raise SourceUnreadable(f"{source} is no CSV of OpenFace and holds none")
    pictures = picture_index(Path(options.images)) if options.images else {}
    for path in paths:
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            wanted = [f"{axis}_{k}" for k in range(N_POINTS) for axis in "xy"]
            told = ("confidence",) if PICTURE in header else ("success", "confidence")
            missing = [name for name in (*told, *wanted) if name not in header]
            if missing:
                yield Bad(path, 1, f"the column {missing[0]!r} is missing: expected OpenFace's with 2-D landmarks")
                continue
            for cells in reader:
                try:
                    face = _face(path.stem, header, cells, wanted, options, pictures)
                except ValueError as error:
                    yield Bad(path, reader.line_num, str(error))
                else:
                    if face is not None:
                        yield face


def _face(film: str, header, cells, wanted, options: Options, pictures: dict[str, Path]) -> Face | None:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells, expected {len(header)} as in the header")
    known = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    is_picture = PICTURE in known
    is_failed = not is_picture and _number(known, "success") < 1
    if is_failed or _number(known, "confidence") < options.min_confidence:
        return None
    points = np.array([_number(known, name) for name in wanted]).reshape(N_POINTS, 2) + 0.5
    name, number = film, known.get(PICTURE if is_picture else "face_id", "0")
    if "frame" in known:
        name += f"/{int(_number(known, 'frame')):06}"
    if number not in ("", "0"):
        name += f"-{number}"
    units, extra = {}, {}
    for column in known:
        found = _UNIT.fullmatch(column)
        if found and found[2] == "c":
            units[f"AU{found[1]}"] = _number(known, column)
        elif found:
            extra[f"intensity_AU{found[1]}"] = known[column]
    if all(f"pose_R{axis}" in known for axis in "xyz"):
        angles = pose_angles(*(_number(known, f"pose_R{axis}") for axis in "xyz"))
        extra |= {name: f"{angle:.3f}" for name, angle in zip(("pitch", "yaw", "roll"), angles, strict=True)}
    subject = subject_of(name, options.subject) if options.subject else film
    is_file = is_picture and options.images is not None
    if is_file:
        name = _picture_of(film, number, pictures, options.images)
    return Face(row(name, is_file=is_file, subject=subject, action_units=units, extra=extra), points)


def _picture_of(film: str, number: str, pictures: dict[str, Path], folder: Path) -> str:
    """Return the picture of a table relative to the folder of pictures. ValueError where it is not one face's."""
    if number not in ("", "0"):
        raise ValueError(f"face {number} of a picture: expected one face in each")
    if (found := pictures.get(film.lower())) is None:
        raise ValueError(f"there is no picture of that name in {folder}")
    return found.relative_to(folder).as_posix()


def pose_angles(x: float, y: float, z: float) -> np.ndarray:
    """Return pitch, yaw, roll in degrees for R = Rz(roll) Ry(yaw) Rx(pitch), from OpenFace's radians, R = Rx Ry Rz."""
    (cx, cy, cz), (sx, sy, sz) = np.cos([x, y, z]), np.sin([x, y, z])
    turn = (
        np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    )
    yaw = np.arcsin(np.clip(-turn[2, 0], -1, 1))
    return np.degrees([np.arctan2(turn[2, 1], turn[2, 2]), yaw, np.arctan2(turn[1, 0], turn[0, 0])])


def _number(known: dict[str, str], name: str) -> float:
    try:
        value = float(known[name])
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{name} is {known[name][:20]!r}: expected a number")
    return value
