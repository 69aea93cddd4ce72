"""The loss of a step with its small kernels merged by torch.compile.

A step of a small network on a GPU is some two hundred kernels of which thirty multiply matrices; the others read and
write a little memory each and could be a few dozen. torch.compile writes those, in half a minute to two, for as long as
the process lives (and faster once they lie in its cache on disk). It needs a compiler on the machine: Triton on a GPU,
C++ on a CPU.

What is compiled draws no random numbers, so that its figures are those of the plain loss up to rounding.
"""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)


def merged(function: Callable, try_out: Callable[[Callable], None]) -> tuple[Callable, str]:
    """Return the function compiled, and ""; where that is not possible the function as it is, and why not.

    try_out : is called with the compiled function, calls it as a step will, and goes back through it: forward and
        backward are compiled when they are first needed, and fail then. Memory that runs out is raised as it is.
    """
    torch.compiler.reset()  # else what earlier trainings of this process compiled counts against a limit
    try:
        found = torch.compile(function, fullgraph=True, dynamic=False)
        try_out(found)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # what torch.compile raises, and what Triton and C++ do through it, is one
        reason = f"it could not be compiled: {str(error).splitlines()[0]}"
        log.warning("The kernels of a step are not merged, which takes longer: %s", reason)
        torch.compiler.reset()
        return function, reason
    return found, ""
