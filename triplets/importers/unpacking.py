"""Unpack somebody's zip: nothing lands outside the folder, and nothing grows beyond what was allowed."""

import lzma
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

_CHUNK = 1 << 18
_IS_UTF8 = 0x800  # of a member's flags
_SHOWN = 80  # characters of a name that are quoted


class ZipRefused(ValueError):
    """Nothing more was unpacked because the message says so."""


#: What `zipfile` and what it unpacks with raise where a zip is damaged.
_DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError,
    struct.error, zlib.error, lzma.LZMAError,
)  # fmt: skip


def unpack(source, folder: Path, *, max_files: int, max_bytes: int) -> int:
    """Unpack a zip into an existing, empty folder and return the number of files.

    max_files, max_bytes : how many files, and how many bytes in all once unpacked; counted while they are written,
        whatever the zip says of itself.

    ZipRefused for what is no zip, names that are absolute or lead upwards (zip-slip), backslashes and drives, links
    and devices, a name that stands twice, encrypted or damaged content, and what is larger than allowed.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > max_files:
                raise ZipRefused(f"the zip holds {len(members):,} files: expected at most {max_files:,}")
            left = max_bytes
            for member in members:
                left -= _unpack_one(archive, member, folder, left, max_bytes)
    except ZipRefused:
        raise
    except _DAMAGED as error:
        raise ZipRefused(f"the zip cannot be unpacked: {error}") from error
    except OSError as error:
        raise ZipRefused(f"the zip cannot be unpacked: {error.strerror}") from error
    return len(members)


def _unpack_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int, max_bytes: int) -> int:
    name = _name(member)
    parts, shown = PurePosixPath(name).parts, name[:_SHOWN]
    is_relative = not PurePosixPath(name).is_absolute() and not PureWindowsPath(name).drive and "\\" not in name
    if not parts or not is_relative or ".." in parts or "\x00" in member.orig_filename:
        raise ZipRefused(f"the zip holds {shown!r}, which leads outside: expected names within it, with /")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise ZipRefused(f"the zip holds {shown!r}, which is a link or a device: expected plain files")
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    n_bytes = 0
    try:
        with archive.open(member) as packed, open(target, "xb") as out:
            while chunk := packed.read(_CHUNK):
                n_bytes += len(chunk)
                if n_bytes > left:
                    raise ZipRefused(f"the zip unpacks to more than {max_bytes:,} bytes: expected less")
                out.write(chunk)
    except FileExistsError as error:
        raise ZipRefused(f"the zip holds {shown!r} twice: expected every name once") from error
    return n_bytes


def _name(member: zipfile.ZipInfo) -> str:
    """A Mac writes names in UTF-8 without the mark that says so; `zipfile` then reads them in the code page of DOS."""
    if member.flag_bits & _IS_UTF8:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename
