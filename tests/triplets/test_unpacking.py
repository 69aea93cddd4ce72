"""Zips from anybody: nothing lands outside the folder, nothing grows beyond what was allowed."""

import contextlib
import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triplets.importers.unpacking import ZipRefused, unpack

LIMITS = {"max_files": 10, "max_bytes": 10_000}


def packed(members, how=zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """Return a zip of (name or ZipInfo, content), with whatever names it is told."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def outside(folder):
    return [path for path in folder.parent.rglob("*") if path != folder and folder not in path.parents]


def test_files_and_folders_come_out(folder):
    n = unpack(packed([("a.txt", "A"), ("deep/", ""), ("deep/er/b.txt", "B")]), folder, **LIMITS)
    assert n == 2
    assert (folder / "a.txt").read_text() == "A"
    assert (folder / "deep/er/b.txt").read_text() == "B"


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_names_are_read_as_a_mac_and_as_windows_writes_them(folder, encoding):
    content = packed([("m_rgen.txt", "A")]).getvalue()  # neither sets the flag that says UTF-8
    wanted = "mü.txt" if encoding == "utf-8" else "mü__.txt"
    unmarked = content.replace(b"m_rgen.txt", wanted.encode(encoding).ljust(10, b"t"))
    unpack(io.BytesIO(unmarked), folder, **LIMITS)
    assert [path.name[:2] for path in folder.iterdir()] == ["mü"]


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/evil", "//host/evil", "C:\\evil", "C:/evil", "..\\evil", "a\\..\\evil", ".."],
)  # fmt: skip
def test_a_name_that_leads_outside_is_refused(folder, name):
    with pytest.raises(ZipRefused, match="leads outside"):
        unpack(packed([("fine.txt", "x"), (name, "x")]), folder, **LIMITS)
    assert outside(folder) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(folder, kind):
    link = zipfile.ZipInfo("link")
    link.external_attr = (kind | 0o777) << 16
    with pytest.raises(ZipRefused, match="link or a device"):
        unpack(packed([(link, "/etc"), ("link/passwd", "x")]), folder, **LIMITS)
    assert list(folder.iterdir()) == []


def test_a_bomb_is_stopped_while_it_grows(folder):
    with pytest.raises(ZipRefused, match="more than 10,000 bytes"):
        unpack(packed([("a", b"\0" * 6_000), ("b", b"\0" * 6_000)]), folder, **LIMITS)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10_000


def test_a_bomb_that_lies_about_its_size_is_stopped_too(folder):
    content = bytearray(packed([("a", b"\0" * 5_000_000)]).getvalue())
    for at in (content.find(b"PK\x03\x04") + 22, content.find(b"PK\x01\x02") + 24):
        struct.pack_into("<I", content, at, 9_000)  # the size that it says of itself
    with pytest.raises(ZipRefused):
        unpack(io.BytesIO(bytes(content)), folder, **LIMITS)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10_000


def test_too_many_files_are_refused_before_one_is_written(folder):
    with pytest.raises(ZipRefused, match="holds 11 files: expected at most 10"):
        unpack(packed([(f"{i}", "x") for i in range(11)]), folder, **LIMITS)
    assert list(folder.iterdir()) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_stands_twice_or_under_a_file_is_refused(folder):
    with pytest.raises(ZipRefused, match="twice"):
        unpack(packed([("a", "x"), ("a", "y")]), folder, **LIMITS)
    with pytest.raises(ZipRefused):
        unpack(packed([("b", "x"), ("b/c", "y")]), folder, **LIMITS)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 40])
def test_what_is_no_zip_is_refused(folder, content):
    with pytest.raises(ZipRefused, match="cannot be unpacked"):
        unpack(io.BytesIO(content), folder, **LIMITS)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_zips_raise_nothing_else_and_write_nothing_outside(data, tmp_path_factory):
    content = bytearray(packed([("a.txt", "A" * 50), ("b/c.txt", "B" * 50)]).getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("zip") / "here"
    folder.mkdir()
    with contextlib.suppress(ZipRefused):
        unpack(io.BytesIO(bytes(content)), folder, **LIMITS)
    assert outside(folder) == []


@pytest.mark.parametrize("offset", range(-10, -2))  # size and place of the directory
def test_a_directory_that_points_nowhere_is_refused(offset, tmp_path):
    content = bytearray(packed([("a.txt", "A" * 50)]).getvalue())
    content[offset] ^= 0xFF
    with pytest.raises(ZipRefused):
        unpack(io.BytesIO(bytes(content)), tmp_path, **LIMITS)
