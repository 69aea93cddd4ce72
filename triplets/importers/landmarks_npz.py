"""Landmarks in NumPy's `.npz`: arrays `file` or `stimulus` (names) and `points` (n, n_points, 2 or 3)."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NAMES = ("file", "stimulus")
MAX_BYTES = 8 * 2**30  # of one array, unpacked: the faces of a million pictures, three times over


class LandmarksUnreadable(ValueError):
    """The file as a whole is not what the message expects."""


@dataclass(frozen=True)
class LandmarkFile:
    """Points joined by name. row_of : name -> row; points : (n, n_points, n_dims), mapped from disk, not loaded."""

    row_of: dict[str, int]
    points: np.ndarray

    @property
    def n_points(self) -> int:
        return self.points.shape[1]

    @property
    def n_dims(self) -> int:
        return self.points.shape[2]

    def of(self, name: str) -> np.ndarray | None:
        """Return (n_points, n_dims) little-endian float32, None where there are none. ValueError if not finite."""
        row = self.row_of.get(name)
        if row is None:
            return None
        points = np.asarray(self.points[row], dtype="<f4")
        if not np.isfinite(points).all():
            raise ValueError(f"its landmarks hold {points[~np.isfinite(points)][0]}: expected numbers")
        return points


def read_landmarks(path: Path, scratch: Path) -> LandmarkFile:
    """Open a file of landmarks. `scratch` is an empty folder that must live as long as the result is used.

    Memory stays small whatever the file holds. LandmarksUnreadable for anything but the two arrays,
    a name that stands twice, or an array that would have to be unpickled.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.removesuffix(".npy"): member for member in archive.namelist()}
            kind = next((name for name in NAMES if name in members), None)
            if kind is None or "points" not in members:
                held = ", ".join([*members][:5]) + (f" and {len(members) - 5:,} more" if len(members) > 5 else "")
                raise LandmarksUnreadable(
                    f"{path} holds {held or 'nothing'}: expected the arrays file or stimulus, and points"
                )
            names = _extracted(archive, members[kind], scratch / "names.npy")
            points = _extracted(archive, members["points"], scratch / "points.npy")
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise LandmarksUnreadable(f"{path} cannot be read as landmarks: {error}") from error
    except ValueError as error:
        if isinstance(error, LandmarksUnreadable):
            raise
        raise LandmarksUnreadable(f"{path} cannot be read as landmarks: {error}") from error
    if points.ndim != 3 or points.shape[2] not in (2, 3) or points.shape[1] < 1 or points.dtype.kind not in "fiu":
        raise LandmarksUnreadable(
            f"points in {path} are {points.dtype} of shape {points.shape}: expected numbers (n, n_points, 2 or 3)"
        )
    if names.shape != points.shape[:1] or names.dtype.kind != "U":
        raise LandmarksUnreadable(
            f"{kind} in {path} is {names.dtype} of shape {names.shape}: expected {len(points)} names as text"
        )
    row_of = {}
    for row, name in enumerate(names.tolist()):
        if row_of.setdefault(name, row) != row:
            raise LandmarksUnreadable(f"{kind} in {path} names {name!r} twice: expected every stimulus once")
    return LandmarkFile(row_of, points)


def _extracted(archive: zipfile.ZipFile, member: str, target: Path) -> np.ndarray:
    """Unpack one array to a file whose name we chose, and map it: its header must agree with its size."""
    if (n_bytes := archive.getinfo(member).file_size) > MAX_BYTES:  # zipfile reads no more than is said here
        raise LandmarksUnreadable(f"{member} unpacks to {n_bytes:,} bytes: expected at most {MAX_BYTES:,}")
    with archive.open(member) as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out)
    with open(target, "rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise LandmarksUnreadable(f"{member} holds Python objects, which are never loaded: expected text and numbers")
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.load(target, mmap_mode="r", allow_pickle=False)
