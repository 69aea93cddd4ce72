"""How weights move: the rate of each step, the optimiser, and the device it all runs on."""

import contextlib
import math
from itertools import pairwise

import torch

from learning.config import ConfigInvalid, Optimiser

#: "Falls by more than a tenth" is relative to the validation before.
_FALL = 0.1


def learning_rate(optimiser: Optimiser, step: int, n_steps: int, n_cuts: int = 0) -> float:
    """Return the rate of a step counted from 0: a linear rise over the warm-up, then as the schedule says.

    n_cuts : how often the validation F1 has fallen so far (`n_falls`), read by the schedule "cut" only.

    >>> o = Optimiser(learning_rate=1.0, warmup=4, schedule="cosine")
    >>> [round(learning_rate(o, step, 12), 3) for step in (0, 3, 4, 8, 11)]
    [0.25, 1.0, 1.0, 0.5, 0.038]
    """
    if step < optimiser.warmup:
        return optimiser.learning_rate * (step + 1) / optimiser.warmup
    if optimiser.schedule == "constant":
        return optimiser.learning_rate
    if optimiser.schedule == "inverse":
        return optimiser.learning_rate / (1 + optimiser.decay * (step - optimiser.warmup))
    if optimiser.schedule == "cut":
        return optimiser.learning_rate * (1 - optimiser.decay) ** n_cuts
    done = (step - optimiser.warmup) / max(1, n_steps - optimiser.warmup)
    return optimiser.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


def n_falls(curve: list[dict]) -> int:
    """Return how often the validation F1 fell by more than a tenth of itself from one point to the next.

    >>> n_falls([{"validation_f1": 0.5}, {"validation_f1": 0.46}, {"validation_f1": 0.4}, {"validation_f1": 0.4}])
    1
    """
    found = [point["validation_f1"] for point in curve if "validation_f1" in point]
    return sum(after < (1 - _FALL) * before for before, after in pairwise(found))


def build_optimiser(optimiser: Optimiser, parameters, *, is_replayed: bool = False) -> torch.optim.Optimizer:
    """Return the configured optimiser; its rate is set anew at every step.

    is_replayed : its step is recorded on a GPU (Adam and AdamW): the rate is a tensor there, to be filled.
    """
    shared = {"lr": optimiser.learning_rate, "weight_decay": optimiser.weight_decay}
    if optimiser.optimiser == "rmsprop":
        return torch.optim.RMSprop(parameters, momentum=optimiser.momentum, **shared)
    if optimiser.optimiser == "sgd":
        nesterov = optimiser.nesterov == "yes"
        if nesterov and optimiser.momentum == 0:
            raise ConfigInvalid("optimiser.nesterov is 'yes' with momentum 0: expected a momentum, such as 0.9")
        return torch.optim.SGD(parameters, momentum=optimiser.momentum, nesterov=nesterov, fused=True, **shared)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimiser.optimiser]
    if is_replayed:
        rate = torch.tensor(optimiser.learning_rate, device=parameters[0].device)
        shared |= {"lr": rate, "capturable": True}
    return kind(parameters, fused=True, **shared)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give an optimiser the rate of its next step; where its rate is a tensor, a recording reads it there."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def gradient_scaler(device: torch.device, precision: str) -> torch.amp.GradScaler:
    """Return what keeps small gradients from vanishing in "float16"; for any other precision it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")


def device_named(name: str) -> torch.device:
    """Return a device that is here, "auto" the first GPU or else the CPU. ConfigInvalid for one that is not."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigInvalid(
            f"training.device is {name!r}: expected auto, cpu or a device that is here ({reason})"
        ) from error
    return device


@contextlib.contextmanager
def matmul_precision(device: torch.device, precision: str):
    """Multiply float32 matrices on a GPU as `training.matmul` says, and as before again afterwards."""
    before = torch.get_float32_matmul_precision()
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def one_thread(device: torch.device):
    """Compute small layers on one CPU thread, where handing work to others costs more than it saves."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
