"""A step of training recorded once as a CUDA graph and replayed: the GPU is told about all its kernels at once."""

from collections.abc import Callable

import torch

#: Steps done as they are before recording, on a stream of their own, so that libraries have set themselves up.
_EAGER_STEPS = 3


def replayed(step: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does what `step` does, from the fourth call on by replaying a recording of it.

    step : reads and writes tensors that stay where they are, waits for nothing on the GPU, and draws its random
        numbers from the GPU's default generator, which a recording moves on as the step itself would.
    """
    graph = torch.cuda.CUDAGraph()
    n_done = 0

    def advance() -> None:
        nonlocal n_done
        if n_done < _EAGER_STEPS:
            beside = torch.cuda.Stream()
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                step()
            torch.cuda.current_stream().wait_stream(beside)
        else:
            if n_done == _EAGER_STEPS:
                with torch.cuda.graph(graph):  # records, computes nothing
                    step()
            graph.replay()
        n_done += 1

    return advance
