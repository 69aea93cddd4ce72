"""Every row of an import checked and made ready on disk, before anything is stored.

Two passes. The first reads the whole manifest and learns what only the whole can tell: keys that
stand twice, splits that disagree, columns that describe the subject. The second decodes every
picture, in processes of its own, and joins the landmarks. Rows wait in files, not in memory.
"""

import hashlib
import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from triplets.importers import pictures
from triplets.importers.landmarks_npz import LandmarkFile, read_landmarks
from triplets.importers.manifest import Header, ManifestRow, Problem, read_header, read_manifest

N_WORKERS = 2
SMALL = 300  # below this many pictures, starting processes takes longer than the work
WINDOW = 64  # pictures under way at once


@dataclass
class SubjectSeen:
    """What the rows of one subject have in common.

    is_known : stored by an earlier import        is_mentioned : this manifest has a row of it
    """

    split: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    is_known: bool = False
    is_mentioned: bool = False


@dataclass(frozen=True)
class Staged:
    """One row that is ready. `picture` is a path in the scratch folder, "" where nothing new is to be stored.

    is_off : the landmarks do not lie on the picture
    """

    row: ManifestRow
    content_sha256: str
    is_known: bool
    has_landmarks: bool
    picture: str = ""
    picture_sha256: str = ""
    width: int = 0
    height: int = 0
    is_off: bool = False


@dataclass
class Survey:
    """What the whole manifest says. `subject_columns` are the further columns that are constant for each subject."""

    header: Header
    rows: Path
    n_rows: int = 0
    lines: dict[str, int] = field(default_factory=dict)
    subjects: dict[str, SubjectSeen] = field(default_factory=dict)
    subject_columns: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def __iter__(self) -> Iterator[ManifestRow]:
        with open(self.rows, encoding="utf-8") as file:
            for line in file:
                yield ManifestRow(**json.loads(line))


def survey(
    manifest: Path, scratch: Path, columns: Mapping[str, str] | None, known: Mapping[str, SubjectSeen]
) -> Survey:
    """Read the whole manifest once. `known` are the subjects that the collection has already."""
    header = read_header(manifest, columns)
    found = Survey(header, scratch / "rows.jsonl", subjects=dict(known))
    varying = set()
    with open(found.rows, "w", encoding="utf-8") as out:
        for row in read_manifest(manifest, header):
            if isinstance(row, Problem):
                found.problems.append(row)
                found.lines.setdefault(row.key, row.line)
                continue
            found.n_rows += 1
            if found.lines.setdefault(row.key, row.line) != row.line:
                reason = f"{header.key} {row.key!r} stands on line {found.lines[row.key]} already: expected it once"
                found.problems.append(Problem(row.line, reason, row.key))
            if row.subject:
                varying |= _see(found, row)
            out.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
    found.subject_columns = frozenset(header.names) - varying
    return found


def stage(
    found: Survey,
    *,
    images: Path | None,
    landmarks: LandmarkFile | None,
    known: Mapping[str, str],
    scratch: Path,
    limits: pictures.Limits,
    n_workers: int = N_WORKERS,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Path, list[Problem]]:
    """Check every row's picture and landmarks; return the file of staged rows and all problems, by line.

    known : key -> content hash of what the collection holds already. The same again is passed over;
    anything else under a known key is a problem, for rows are never edited.
    """
    problems = list(found.problems)
    out = scratch / "staged.jsonl"
    (scratch / "pictures").mkdir()
    with open(out, "w", encoding="utf-8") as file:
        for n_done, (row, encoded) in enumerate(_encoded(found, images, known, scratch, limits, n_workers), start=1):
            staged = encoded if isinstance(encoded, Problem) else _join(row, encoded, landmarks, known)
            if isinstance(staged, Problem):
                problems.append(staged)
            else:
                file.write(json.dumps(asdict(staged), ensure_ascii=False) + "\n")
            if progress:
                progress(n_done, found.n_rows)
    for name in landmarks.row_of if landmarks else ():
        if name not in found.lines:
            problems.append(Problem(0, f"landmarks name {name!r}, which the manifest does not", name))
    return out, sorted(problems, key=lambda problem: problem.line or 10**9)


def read_staged(path: Path) -> Iterator[Staged]:
    """Yield the rows that `stage` wrote."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = json.loads(line)
            yield Staged(**fields | {"row": ManifestRow(**fields["row"])})


def open_landmarks(path: Path, scratch: Path) -> LandmarkFile:
    """Open a landmark file with a scratch folder of its own."""
    (scratch / "landmarks").mkdir()
    return read_landmarks(path, scratch / "landmarks")


def lie_on(points: np.ndarray, width: int, height: int) -> bool:
    """Return whether landmarks can be pixels of a picture of this size.

    Not where most of them lie beyond its edges, as those of a larger original do, nor where all of them lie within two
    pixels, as shares of width and height do.
    """
    x, y = points[:, 0], points[:, 1]
    is_inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    return is_inside.mean() > 0.5 and max(np.ptp(x), np.ptp(y)) > 2


# Details ----------------------------------------------------------------------------------------


def _see(found: Survey, row: ManifestRow) -> set[str]:
    """Note what the row says of its subject and return the columns in which the subject's rows differ."""
    seen = found.subjects.setdefault(row.subject, SubjectSeen(row.split, row.extra))
    if seen.split and row.split and seen.split != row.split:
        reason = f"split {row.split!r}: subject {row.subject!r} is in {seen.split!r} already; expected one split"
        found.problems.append(Problem(row.line, reason, row.key))
    seen.split = seen.split or row.split
    seen.is_mentioned = True
    return {name for name in seen.extra.keys() | row.extra.keys() if seen.extra.get(name) != row.extra.get(name)}


def _encoded(found, images, known, scratch, limits, n_workers) -> Iterator[tuple]:
    """Yield (row, Encoded | original hash | None | Problem) in order, with a bounded number of pictures under way."""
    jobs = ((row, _job(row, images, known, scratch, limits)) for row in found)
    if n_workers <= 1 or found.n_rows < SMALL or images is None:
        yield from ((row, _outcome(row, job)) for row, job in jobs)
        return
    # "spawn": a fork would copy the database connection and the threads of whoever imports.
    with ProcessPoolExecutor(n_workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting: deque[tuple[ManifestRow, Future]] = deque()
        try:
            for row, job in jobs:
                waiting.append((row, pool.submit(_outcome, row, job)))
                if len(waiting) == WINDOW:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for row, future in waiting:
                yield row, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _job(row: ManifestRow, images, known, scratch, limits) -> Callable:
    if not row.file:
        return partial(_nothing)
    if row.key in known:
        return partial(_hash, images, row.file, limits)
    return partial(_encode, images, row.file, scratch / "pictures" / f"{row.line}.jpg", limits)


def _nothing() -> None:
    return None


def _hash(images: Path, name: str, limits: pictures.Limits) -> str:
    return pictures.original_sha256(pictures.find_picture(images, name), limits)


def _encode(images: Path, name: str, target: Path, limits: pictures.Limits) -> pictures.Encoded:
    return pictures.reencode(pictures.find_picture(images, name), target, limits)


def _outcome(row: ManifestRow, job: Callable):
    try:
        return job()
    except pictures.PictureRefused as error:
        return Problem(row.line, f"file {row.file!r} {error}", row.key)


def _join(row: ManifestRow, encoded, landmarks: LandmarkFile | None, known) -> Staged | Problem:
    try:
        points = landmarks.of(row.key) if landmarks else None
    except ValueError as error:
        return Problem(row.line, f"{row.key!r}: {error}", row.key)
    original = encoded.original_sha256 if isinstance(encoded, pictures.Encoded) else encoded or ""
    digest = hashlib.sha256(f"{row.digest()} {original} ".encode() + (b"" if points is None else points.tobytes()))
    content = digest.hexdigest()
    if row.key in known and known[row.key] != content:
        reason = (
            f"{row.key!r} was imported before with another row, picture or landmarks; "
            "rows are never edited, so give the changed stimulus another name or the collection another one"
        )
        return Problem(row.line, reason, row.key)
    staged = Staged(row, content, row.key in known, points is not None)
    if not isinstance(encoded, pictures.Encoded):
        return staged
    stored = {"picture_sha256": encoded.sha256, "width": encoded.width, "height": encoded.height}
    is_off = points is not None and not lie_on(points, encoded.width, encoded.height)
    return replace(staged, picture=f"pictures/{row.line}.jpg", is_off=is_off, **stored)
