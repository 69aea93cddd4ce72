"""What dropout lets through, drawn before a network is asked: once for all layers, outside of what is compiled."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def draw(shapes: Sequence[tuple[int, ...]], keep: float, device: torch.device, lead: tuple[int, ...] = ()) -> Tensor:
    """Return (*lead, n) ones and zeros for layers of these shapes after one another, a one with probability `keep`.

    From the default generator: one kernel on a GPU; on a CPU layer by layer, which are the numbers that nn.Dropout
    would draw, so that figures do not depend on who draws.
    """
    sizes = [math.prod(shape) for shape in shapes]
    kept = torch.empty((*lead, sum(sizes)), device=device)
    for part in kept.split(sizes) if device.type == "cpu" and not lead else [kept]:
        part.bernoulli_(keep)
    return kept


def factors(kept: Tensor, shapes: Sequence[tuple[int, ...]], keep: float) -> list[Tensor]:
    """Return what each layer is multiplied by, 0 or 1 / keep, in its shape; kept : of `draw` without `lead`."""
    parts = (kept / keep).split([math.prod(shape) for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
