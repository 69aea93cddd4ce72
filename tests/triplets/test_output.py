"""A command whose reader has gone away ends like other programs: no traceback."""

import os
import subprocess
import sys

from triplets.output import READER_GONE, status_of


def test_who_reads_no_further_sees_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "learning", "--list"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert done.stderr == "" and done.returncode == READER_GONE


def test_otherwise_the_status_is_the_commands():
    assert [status_of(lambda status=status: status) for status in (None, 0, 2)] == [0, 0, 2]
