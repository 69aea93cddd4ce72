"""What a command of this program does when who reads its output has gone away, as `head` does."""

import os
import sys
from collections.abc import Callable

#: What a shell says of a program that a closed pipe ended: 128 + SIGPIPE.
READER_GONE = 141


def status_of(main: Callable[[], int | None]) -> int:
    """Return the exit status of a command, READER_GONE, and nothing on the error output, where nobody reads on."""
    try:
        status = main() or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return status
