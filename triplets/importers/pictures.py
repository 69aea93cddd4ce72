"""Pictures from a researcher's folder: found safely, decoded within limits, written again as plain JPEG.

What is stored was always produced here: no metadata, no colour profile, no other format, nothing a
browser could take for a page. Alpha is laid over white, the orientation that a camera noted is
applied, colours become sRGB. Grey pictures stay grey.
"""

import functools
import hashlib
import io
import os
import stat
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from PIL import Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
QUALITY = 90
MAX_SIDE = 65_500  # of a JPEG
MOST_LISTED = 100_000  # files among which one that was meant is looked for


class PictureRefused(ValueError):
    """The picture is not imported because the message says so."""


@dataclass(frozen=True)
class Limits:
    """What is refused before anything is decoded."""

    max_pixels: int
    max_bytes: int


@dataclass(frozen=True)
class Encoded:
    """What became of one picture; sizes in pixels, after the orientation was applied."""

    original_sha256: str
    sha256: str
    width: int
    height: int


def find_picture(folder: Path, name: str) -> Path:
    """Return the file that a manifest names, which lies below the folder and is reached without a link.

    A Mac writes ü as u and two dots, in names and in zips: such a name is found however it is spelt. PictureRefused for
    absolute names, "..", backslashes, links on the way, folders, devices, and what is missing, with the name that may
    have been meant.
    """
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or "\\" in name or not parts:
        raise PictureRefused("expected a path relative to the folder of pictures, with /")
    if ".." in parts:
        raise PictureRefused("leads outside the folder of pictures")
    path = Path(folder)
    for part in parts:
        path = path / part
        if not os.path.lexists(path):
            path = path.with_name(_names_in(path.parent).get(_written_alike(part), part))
        if path.is_symlink():
            raise PictureRefused("is reached through a symbolic link; expected the file itself")
    if not path.exists():
        meant = _files_below(Path(folder)).get(_meant_alike(path.name))
        raise PictureRefused(f"there is no such file in {folder}" + (f", but there is {meant!r}" if meant else ""))
    return path


def original_sha256(path: Path, limits: Limits) -> str:
    """Return the SHA-256 of the file as it is. PictureRefused as `reencode`."""
    return hashlib.sha256(_read(path, limits)).hexdigest()


def reencode(path: Path, target: Path | None, limits: Limits) -> Encoded:
    """Decode a picture completely and write it as JPEG to `target`; None: only find out whether it can be.

    PictureRefused for anything but an intact picture of a known format within the limits.
    """
    content = _read(path, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is checked below
        picture = _decode(content, limits)
    out = io.BytesIO()
    # 4:4:4: the eyes and lips of a face of 350 pixels are too small to halve their colours.
    picture.save(out, "JPEG", quality=QUALITY, subsampling=0)
    if target is not None:
        target.write_bytes(out.getvalue())
    return Encoded(
        hashlib.sha256(content).hexdigest(), hashlib.sha256(out.getvalue()).hexdigest(), picture.width, picture.height
    )


# Details ----------------------------------------------------------------------------------------


def _written_alike(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _meant_alike(name: str) -> str:
    """Upper and lower case, the ending, and the folder: what people get wrong in a list of files."""
    return PurePosixPath(_written_alike(name).casefold()).stem


def _kept(listed: Callable) -> Callable:
    """Let a folder be listed once, however many of its files are looked for."""
    keep = functools.lru_cache(maxsize=8)(lambda folder, changed_at: listed(folder))

    def list_again(folder: Path) -> dict[str, str]:
        try:
            return keep(folder, folder.stat().st_mtime_ns)
        except OSError:
            return {}

    return list_again


@_kept
def _names_in(folder: Path) -> dict[str, str]:
    """Return the names in a folder by how they are spelt."""
    return {_written_alike(name): name for name in os.listdir(folder)}


@_kept
def _files_below(folder: Path) -> dict[str, str]:
    """Return the paths of all files by what somebody may have meant by one."""
    paths = (Path(parent, name).relative_to(folder) for parent, _, names in os.walk(folder) for name in names)
    return {_meant_alike(path.name): str(path) for path in sorted(islice(paths, MOST_LISTED), reverse=True)}


def _read(path: Path, limits: Limits) -> bytes:
    """Read a regular file whole; a link put there a moment ago, a pipe or a giant is refused unread."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise PictureRefused(f"cannot be opened: {error.strerror}") from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise PictureRefused("is not a plain file")
        if about.st_size > limits.max_bytes:
            raise PictureRefused(f"has {about.st_size:,} bytes: expected at most {limits.max_bytes:,}")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(limits.max_bytes)
    finally:
        os.close(descriptor)


def _decode(content: bytes, limits: Limits) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise PictureRefused(f"is too large: expected at most {limits.max_pixels:,} pixels") from error
    except Image.UnidentifiedImageError as error:
        if content[4:8] == b"ftyp":
            raise PictureRefused("is a HEIC or AVIF picture, as phones take them: expected it saved as JPEG") from error
        raise PictureRefused(f"is no picture of a known format ({', '.join(FORMATS)})") from error
    except Exception as error:  # a decoder may stumble in many ways over bytes made to break it
        raise PictureRefused(f"cannot be read as a picture ({error})") from error
    n_pixels = picture.width * picture.height
    if n_pixels > limits.max_pixels or max(picture.size) > MAX_SIDE:
        raise PictureRefused(
            f"has {picture.width} x {picture.height} pixels: expected at most {limits.max_pixels:,} "
            f"and no side above {MAX_SIDE:,}"
        )
    try:
        picture.load()
        return _plain(picture)
    except PictureRefused:
        raise
    except Exception as error:
        raise PictureRefused(f"is a damaged {picture.format} ({error})") from error


def _plain(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion would clip them
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65_535:
            raise PictureRefused(f"has grey values up to {values.max():,}: expected 8 or 16 bits")
        picture = Image.fromarray((values.astype(np.uint32) // 257).astype(np.uint8))
    elif picture.mode == "F":
        raise PictureRefused("has floating-point grey values: expected 8 or 16 bits")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        picture = ground.convert("RGB")
    elif picture.mode in ("1", "L"):
        picture = picture.convert("L")
    elif picture.mode != "CMYK":
        picture = picture.convert("RGB")
    if profile and picture.mode != "L":  # sRGB has no grey space to convert into
        picture = _in_srgb(picture, profile)
    if picture.mode == "CMYK":
        picture = picture.convert("RGB")
    picture.info.clear()
    return picture


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        # A broken profile, or one of another colour space: browsers show such pictures without it, and so do we.
        return picture
