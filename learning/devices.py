"""Which piece of hardware a training runs on, so that two processes never train on the same."""

import contextlib
import fcntl
import re
import time
from collections.abc import Callable
from pathlib import Path


def identity(name: str) -> str | None:
    """Return what one GPU is called by every process of this machine; None for a CPU, which takes several trainings.

    name : of `training.device`. A GPU is known by its UUID, since its number depends on CUDA_VISIBLE_DEVICES.
    """
    import torch

    if name == "cpu" or not torch.cuda.is_available():
        return None
    try:
        device = torch.device("cuda" if name == "auto" else name)
        if device.type != "cuda":
            return None
        return str(torch.cuda.get_device_properties(device).uuid)
    except (RuntimeError, AssertionError):
        return None  # a device that is not here: training says so


@contextlib.contextmanager
def held(folder: Path, name: str | None, *, goes_on: Callable[[], bool], pause_seconds: float = 1.0):
    """Hold a device alone while another process of this machine may want it; yield whether it is held.

    folder : of lock files, which the kernel lets go when a process ends, however it ends. name : None needs no lock.
    goes_on : asked while waiting; once it says False nothing is held.
    """
    if name is None:
        yield True
        return
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{re.sub(r'[^A-Za-z0-9-]', '-', name)}.lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not goes_on():
                    yield False
                    return
                time.sleep(pause_seconds)
        yield True
