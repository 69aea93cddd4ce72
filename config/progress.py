"""How far a long command is: a bar that moves on a terminal, a line now and then in a log."""

import sys

from tqdm import tqdm

# A log keeps every state of a bar as a line of its own.
LOG_SECONDS = 20


def bar(description: str, total: int | None = None) -> tqdm:
    """Return a progress bar on standard error; total : None where the end is not known."""
    seconds = 0.5 if sys.stderr.isatty() else LOG_SECONDS
    return tqdm(
        total=total, desc=f"{description:<28}", leave=True, mininterval=seconds, maxinterval=2 * seconds, ncols=90
    )
