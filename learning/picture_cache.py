"""Arrays of decoded pictures on disk: mapped into memory, whole or not there, and never more than there is room for.

Every array is one `.npy` file whose name says what is in it: the checksum of the release, the size, the channels, the
crop and the version of the decoding. It may be deleted at any time; who has mapped it keeps what it mapped.
"""

import contextlib
import math
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

DEFAULT_GIB = 50.0
#: A part that nobody has written to for a day was left by a process that was killed.
_STALE_SECONDS = 86_400


def folder() -> Path:
    """Return where arrays are kept: $PICTURE_CACHE_DIR, else a folder in $VAR_DIR or in the user's cache."""
    if named := os.environ.get("PICTURE_CACHE_DIR"):
        return Path(named)
    if named := os.environ.get("VAR_DIR"):
        return Path(named) / "cache" / "pictures"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "semblance" / "pictures"


def limit_bytes() -> int:
    """Return how much all arrays together may take: $PICTURE_CACHE_GIB. ValueError for what is no number from 0."""
    text = os.environ.get("PICTURE_CACHE_GIB", str(DEFAULT_GIB))
    try:
        gib = float(text)
    except ValueError:
        gib = math.nan
    if not gib >= 0:
        raise ValueError(f"PICTURE_CACHE_GIB is {text!r}: expected a number of GiB from 0")
    return int(gib * 2**30)


def kept(path: Path, shape: tuple[int, ...], fill: Callable[[np.ndarray], None]) -> np.ndarray:
    """Return the array of a file, made by `fill` where there is none or a damaged one.

    fill : writes every part of an empty array. shape : of uint8. The result is mapped and cannot be written; where the
    folder cannot be written or is full, a warning says so and it lives in memory only.
    """
    found = _mapped(path, shape)
    if found is not None:
        os.utime(path)  # the arrays that nobody used for longest make room first
        return found
    partial = path.with_name(f".{path.stem}-{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make_room(path.parent, int(np.prod(shape)))
        array = _allocated(partial, shape)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        warnings.warn(f"decoded pictures are not kept: {path.parent} cannot be written ({error})", stacklevel=3)
        array = np.empty(shape, dtype=np.uint8)
        fill(array)
        return array
    try:
        fill(array)
        array.flush()
        with open(partial, "rb") as file:
            os.fsync(file.fileno())  # the name must not outlive a power cut that the bytes do not
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def make_room(folder: Path, n_bytes: int) -> None:
    """Delete the arrays used longest ago until n_bytes more are within the limit; the newest may exceed it alone."""
    now = time.time()
    for part in folder.glob(".*.part"):
        if now - part.stat().st_mtime > _STALE_SECONDS:
            part.unlink(missing_ok=True)
    arrays = sorted(((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.npy")), reverse=True)
    total, limit = n_bytes, limit_bytes()
    for _, size, path in arrays:
        total += size
        if total > limit:
            path.unlink(missing_ok=True)


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError) as error:
        warnings.warn(f"{path} is damaged ({error}) and is made again", stacklevel=4)
        return None
    return array if array.shape == shape and array.dtype == np.uint8 else None


def _allocated(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mapped array whose bytes the disk has promised: without, a full disk would kill the process (SIGBUS)."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with open(path, "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
