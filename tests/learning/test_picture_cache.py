"""Decoded pictures on disk: whole or not there, made again when damaged, bounded, and no use to whoever is killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from learning import picture_cache

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (5, 4, 4, 3)


def fill(array):
    array[:] = np.arange(array.size, dtype=np.uint8).reshape(array.shape)


def refuse(array):
    raise AssertionError("it was made already")


def test_an_array_is_made_once_and_mapped(tmp_path):
    made = picture_cache.kept(tmp_path / "a.npy", SHAPE, fill)
    again = picture_cache.kept(tmp_path / "a.npy", SHAPE, refuse)
    np.testing.assert_array_equal(made, again)
    assert isinstance(again, np.memmap) and not again.flags.writeable
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b[:-7], lambda b: b"", lambda b: b"\0" * len(b)])
def test_a_damaged_array_is_made_again_and_says_so(tmp_path, damage):
    path = tmp_path / "a.npy"
    expected = np.array(picture_cache.kept(path, SHAPE, fill))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=r"a\.npy is damaged"):
        np.testing.assert_array_equal(picture_cache.kept(path, SHAPE, fill), expected)
    np.testing.assert_array_equal(picture_cache.kept(path, SHAPE, refuse), expected)


def test_who_is_killed_half_way_leaves_nothing_that_is_taken_for_an_array(tmp_path):
    def stop_in_the_middle(array):
        array[:2] = 7
        array.flush()
        time.sleep(60)

    child = os.fork()
    if child == 0:
        try:
            picture_cache.kept(tmp_path / "a.npy", SHAPE, stop_in_the_middle)
        finally:
            os._exit(0)
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    assert left.suffix == ".part"
    assert picture_cache.kept(tmp_path / "a.npy", SHAPE, fill)[4, 3, 3, 2] == 239
    os.utime(left, (1, 1))  # a day later, whoever makes the next array tidies up
    picture_cache.kept(tmp_path / "b.npy", SHAPE, fill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy"]


def test_those_used_longest_ago_make_room(tmp_path, monkeypatch):
    size = (1024, 16, 16, 1)
    monkeypatch.setenv("PICTURE_CACHE_GIB", str(3.2 * 2**18 / 2**30))
    for age, name in enumerate("abc"):
        picture_cache.kept(tmp_path / f"{name}.npy", size, fill)
        os.utime(tmp_path / f"{name}.npy", (1000 + age, 1000 + age))
    mapped = picture_cache.kept(tmp_path / "b.npy", size, refuse)
    picture_cache.kept(tmp_path / "a.npy", size, refuse)  # used now, so that c is the oldest
    picture_cache.kept(tmp_path / "d.npy", size, fill)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "b.npy", "d.npy"]
    monkeypatch.setenv("PICTURE_CACHE_GIB", "0")
    picture_cache.kept(tmp_path / "e.npy", size, fill)
    assert [path.name for path in tmp_path.iterdir()] == ["e.npy"]
    assert mapped[0, 0, 1, 0] == 1  # whoever had it mapped still has it


def test_a_limit_that_is_no_number_is_quoted(monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_GIB", "much")
    with pytest.raises(ValueError, match="PICTURE_CACHE_GIB is 'much': expected a number of GiB from 0"):
        picture_cache.limit_bytes()


ON_A_FULL_DISK = """
import sys, warnings
from pathlib import Path
from learning import picture_cache
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    array = picture_cache.kept(Path(sys.argv[1]) / "a.npy", (1024, 32, 32, 1), lambda array: array.fill(9))
print(len(array), array.min(), told[0].message, list(Path(sys.argv[1]).iterdir()))
"""


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode != 0,
    reason="needs user namespaces, to mount a disk of 200 kB",
)
def test_on_a_full_disk_pictures_are_decoded_into_memory_and_nobody_dies(tmp_path):
    command = f'mount -t tmpfs -o size=200k tmpfs {tmp_path} && exec "$@"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, "sh", sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1024 9 decoded pictures are not kept") and "No space left" in done.stdout
    assert done.stdout.strip().endswith("[]")
