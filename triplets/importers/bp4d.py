"""BP4D: films of 83 landmarks, `.../F001/T1/0012.bnd`, with action units in `F001_T1.csv` and, where given, poses.

The action-unit file has a header of numbers (the first column is the frame, the others are action units) and 0, 1
or 9, unknown, below. `F001_T1_pose.csv` has `frame,pitch,yaw,roll` in degrees, see `learning.landmarks`.
Zhang et al. (2014), "BP4D-Spontaneous: a high-resolution spontaneous 3D dynamic facial expression database".

Frames are chosen as in the thesis: with action units, eyes open, one for each different vector of the subject's
action units. A frame is a blink when its lids are nearer than half the subject's median distance; of several
frames with one vector the first is taken.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from triplets.importers.bnd import is_upside_down, lid_distance, read_bnd, reading_order, turned
from triplets.importers.faces import Bad, Face, Options, SourceUnreadable, row
from triplets.importers.landmark_text import PICTURES

ACTION_UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)  # those the thesis uses
TASKS = {"T1": "happy", "T2": "sad", "T3": "surprised", "T4": "embarrassed", "T5": "fear", "T6": "pain", "T7": "angry",
         "T8": "disgust"}  # fmt: skip
BLINK = 0.5
N_FOR_ORDER = 200
_CODES = re.compile(r"([FM]\d{3,4})_(T\d+)")


def read(source: Path, options: Options) -> Iterator[Face | Bad]:
    """Read a folder. options.all_frames keeps every frame that has landmarks, coded or not.

    The task (what the film was meant to elicit) is kept as `task`; it is no label of the face, so there is no class.
    """
    source = Path(source)
    films = _films(source)
    codes, poses = {}, {}
    for path in sorted(source.rglob("*.csv")):
        name, is_pose = path.stem.removesuffix("_pose"), path.stem.endswith("_pose")
        found = _CODES.fullmatch(name)
        if not found:
            continue
        for item in _table(path, _pose if is_pose else _coded):
            if isinstance(item, Bad):
                yield item
            else:
                (poses if is_pose else codes)[(*found.groups(), item[0])] = item[1]
    if not codes and not options.all_frames:
        raise SourceUnreadable(f"{source} holds no action units: expected files such as F001_T1.csv")
    half, order = _orientation(films)
    images, pictures_of = Path(options.images or source), lru_cache(maxsize=1)(_pictures)
    for subject, frames in _by_subject(films).items():
        chosen = frames
        if not options.all_frames:
            chosen = []
            for item in _chosen(subject, frames, codes, half, order):
                if isinstance(item, Bad):
                    yield item
                else:
                    chosen.append(item)
        for task, frame, path in chosen:
            points = read_bnd(path)
            if isinstance(points, Bad):
                yield points
                continue
            found = pictures_of(images / path.relative_to(source).parent).get(frame)
            picture = found.relative_to(images).as_posix() if found else ""
            name = picture or path.relative_to(source).as_posix().removesuffix(".bnd")
            units = codes.get((subject, task, frame), {})
            known = {f"AU{unit}": float(value) for unit, value in units.items() if value != 9}
            extra = {"task": task, "elicited": TASKS.get(task, ""), "frame": str(frame)}
            extra |= poses.get((subject, task, frame), {})
            sex = {"F": "female", "M": "male"}[subject[0]]
            yield Face(
                row(name, is_file=bool(picture), subject=subject, action_units=known, extra={"sex": sex} | extra),
                turned(points, half)[order],
            )


# Details ----------------------------------------------------------------------------------------


def _films(source: Path) -> list[tuple[str, str, int, Path]]:
    films = []
    for path in sorted(source.rglob("*.bnd")) if source.is_dir() else ():
        subject, task = path.parts[-3:-1] if len(path.parts) > 2 else ("", "")
        if re.fullmatch(r"[FM]\d{3,4}", subject) and re.fullmatch(r"T\d+", task) and path.stem.isdigit():
            films.append((subject, task, int(path.stem), path))
    if not films:
        raise SourceUnreadable(f"{source} holds no film: expected files such as F001/T1/0012.bnd")
    return films


def _by_subject(films) -> dict[str, list[tuple[str, int, Path]]]:
    subjects = defaultdict(list)
    for subject, task, frame, path in films:
        subjects[subject].append((task, frame, path))
    return subjects


def _orientation(films) -> tuple[bool, np.ndarray]:
    """Return which way up the points are and in which order, from faces spread over all films."""
    some = films[:: max(1, len(films) // N_FOR_ORDER)]
    good = [points for *_, path in some if not isinstance(points := read_bnd(path), Bad)]
    if not good:
        raise SourceUnreadable(f"none of {len(some)} .bnd files tried can be read, the first is {some[0][-1]}")
    mean = np.mean(good, axis=0)
    half = is_upside_down(mean)
    return half, reading_order(turned(mean, half))


def _chosen(subject, frames, codes, half, order) -> Iterator[tuple | Bad]:
    """Yield the first frame with open eyes for each vector of action units that is known whole."""
    coded = []
    for task, frame, path in frames:
        units = codes.get((subject, task, frame), {})
        vector = tuple(units.get(unit, 9) for unit in ACTION_UNITS)
        if 9 in vector:
            continue
        points = read_bnd(path)
        if isinstance(points, Bad):
            yield points
        else:
            coded.append((vector, lid_distance(turned(points, half)[order]), (task, frame, path)))
    if not coded:
        return
    blink = BLINK * np.median([distance for _, distance, _ in coded])
    seen = set()
    for vector, distance, item in coded:
        if distance >= blink and vector not in seen:
            seen.add(vector)
            yield item


def _table(path: Path, read_row) -> Iterator[tuple[int, dict] | Bad]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            for cells in reader:
                if not cells:
                    continue
                try:
                    if len(cells) != len(header):
                        raise ValueError(f"{len(cells)} cells, expected {len(header)} as in the header")
                    yield read_row(header, [cell.strip() for cell in cells])
                except ValueError as error:
                    yield Bad(path, reader.line_num, str(error))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        yield Bad(path, 0, f"cannot be read as CSV ({error})")


def _coded(header: list[str], cells: list[str]) -> tuple[int, dict[int, int]]:
    if not all(name.isdigit() for name in header[1:]):
        raise ValueError(f"the header is {','.join(header)[:60]!r}: expected the numbers of action units")
    for name, cell in zip(header, cells, strict=True):
        if not cell.isdigit() or (name != header[0] and cell not in ("0", "1", "9")):
            raise ValueError(f"{cell!r} in column {name!r}: expected a frame's number, then 0, 1 or 9")
    return int(cells[0]), {int(name): int(cell) for name, cell in zip(header[1:], cells[1:], strict=True)}


def _pose(header: list[str], cells: list[str]) -> tuple[int, dict[str, str]]:
    known = dict(zip(header, cells, strict=True))
    missing = [name for name in ("frame", "pitch", "yaw", "roll") if name not in known]
    if missing:
        raise ValueError(f"the column {missing[0]!r} is missing: expected frame,pitch,yaw,roll")
    for name in ("pitch", "yaw", "roll"):
        if not np.isfinite(float(known[name])):
            raise ValueError(f"{name} is {known[name]!r}: expected degrees")
    return int(known["frame"]), {name: known[name] for name in ("pitch", "yaw", "roll")}


def _pictures(folder: Path) -> dict[int, Path]:
    """Return frame -> picture of one film. Some films number them 0012, others 012."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return {int(path.stem): path for path in paths if path.stem.isdigit() and path.suffix.lower() in PICTURES}
