"""A step of training recorded once and replayed: as a CUDA graph, all kernels of a step cost a GPU one launch.

What a replay does is fixed by what the step did while it was recorded: on which tensors, where they lie, with which
numbers. So a step that is recorded reads what changes (rate, annealing) from tensors that stay where they are, adds
its terms up in place, never looks at a value, and draws with generators that the recording knows. Whether a step
keeps to that is tested without a GPU, by a recorder of PyTorch's own operations (`tests/learning/recording.py`).
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch

from learning.config import ConfigInvalid

log = logging.getLogger(__name__)

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
        before = torch.cuda.current_stream(self.device)
        try:
            # Other threads of a worker write its heartbeat and never touch the GPU.
            with torch.cuda.device(self.device), torch.cuda.graph(self.graph, stream=self.stream):
                yield
        finally:
            torch.cuda.set_stream(before)  # a recording that fails leaves its own stream behind as the current one

    def replay(self) -> None:
        self.graph.replay()


def recorder_for(device: torch.device, generators: Sequence[torch.Generator] = ()) -> Recorder | None:
    """Return what records steps on a device, None where nothing would be gained."""
    return CudaGraph(device, generators) if device.type == "cuda" else None


class Replayed:
    """Does what `step` does each time it is called, from the fourth time on by replaying a recording of it.

    refused : why the step could not be recorded, and is done as it is instead; "" as long as nothing speaks against it.

    ConfigInvalid where the device can do neither after that; memory that runs out is raised as it is.
    """

    def __init__(self, step: Callable[[], None], recorder: Recorder):
        self.step, self.recorder = step, recorder
        self.n_done, self.refused = 0, ""

    def __call__(self) -> None:
        if self.refused:
            self.step()
        elif self.n_done < _STEPS_BEFORE:
            with self.recorder.beside():
                self.step()
        elif self.n_done > _STEPS_BEFORE or self._record():
            self.recorder.replay()
        self.n_done += 1

    def _record(self) -> bool:
        """Record the step and return True, or do it as it is and return False."""
        try:
            with self.recorder.recording():
                self.step()
            return True
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.refused = str(error).splitlines()[0]
            log.warning("A step could not be recorded and is done as it is, which takes longer: %s", self.refused)
        try:
            self.step()
            return False
        except RuntimeError as error:
            raise ConfigInvalid(
                f"a step could not be recorded on this device ({self.refused}), nor be done as it is after that "
                f"({str(error).splitlines()[0]}): train again with training.recording=no, which changes no figure"
            ) from error
