"""A step of training recorded once and replayed: as a CUDA graph, all kernels of a step cost a GPU one launch.

What a replay does is fixed by what the step did while it was recorded: on which tensors, where they lie, with which
numbers. So a step that is recorded reads what changes (rate, annealing) from tensors that stay where they are, adds
its terms up in place, never looks at a value, and draws with generators that the recording knows. Whether a step
keeps to that is tested without a GPU, by a recorder of PyTorch's own operations (`tests/learning/recording.py`).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch

from learning.config import ConfigInvalid

#: Steps done as they are before recording, so that libraries have set themselves up and the optimiser has its moments.
_STEPS_BEFORE = 3


class Recorder(Protocol):
    """What records a step and replays it."""

    def beside(self) -> contextlib.AbstractContextManager:
        """Run what is within where recording will take place, but for real."""

    def recording(self) -> contextlib.AbstractContextManager:
        """Record what is within; nothing is computed."""

    def replay(self) -> None:
        """Do what was recorded, without waiting for it to be done."""


class CudaGraph:
    """A step as a CUDA graph on one stream beside the current one, where the steps before it run as well.

    generators : of the device, beside its default one, from which the step draws. A replay moves each of them on as
        the step itself would, so that a training may be recorded anew, or not at all, at any step.
    """

    def __init__(self, device: torch.device, generators: Sequence[torch.Generator] = ()):
        self.device, self.stream = device, torch.cuda.Stream(device)
        self.graph = torch.cuda.CUDAGraph()
        for generator in generators:
            self.graph.register_generator_state(generator)

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            yield
        torch.cuda.current_stream(self.device).wait_stream(self.stream)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        # Other threads of a worker write its heartbeat and never touch the GPU.
        with torch.cuda.device(self.device), torch.cuda.graph(self.graph, stream=self.stream):
            yield

    def replay(self) -> None:
        self.graph.replay()


def recorder_for(device: torch.device, generators: Sequence[torch.Generator] = ()) -> Recorder | None:
    """Return what records steps on a device, None where nothing would be gained."""
    return CudaGraph(device, generators) if device.type == "cuda" else None


def replayed(step: Callable[[], None], recorder: Recorder) -> Callable[[], None]:
    """Return a function that does what `step` does, from the fourth call on by replaying a recording of it.

    ConfigInvalid where the step cannot be recorded; memory that runs out is raised as it is.
    """
    n_done = 0

    def advance() -> None:
        nonlocal n_done
        if n_done < _STEPS_BEFORE:
            with recorder.beside():
                step()
        else:
            if n_done == _STEPS_BEFORE:
                _record(step, recorder)
            recorder.replay()
        n_done += 1

    return advance


def _record(step: Callable[[], None], recorder: Recorder) -> None:
    try:
        with recorder.recording():
            step()
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise ConfigInvalid(
            f"a step could not be recorded on this device ({str(error).splitlines()[0]}): train again with "
            "training.recording=no, which changes no figure"
        ) from error
