"""How much is explained: as much as a budget of arithmetic allows, the same on every machine.

Counted in floating-point operations, not in seconds, so that the same command gives the same figures elsewhere.
"""

from dataclasses import asdict, dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

#: 10^12 operations: about five minutes on two cores, a moment on a graphics card.
TERAFLOPS = 30.0


@dataclass(frozen=True)
class Amount:
    """n_sample : pictures that figures are taken over; n_trust : those that the methods are tested on.

    n_shown : examples drawn a group; n_steps : of an integral; n_curve : steps of deletion and insertion;
    n_noise : disturbed copies; n_stages : of the randomisation
    """

    n_sample: int
    n_trust: int
    n_shown: int
    n_steps: int
    n_curve: int
    n_noise: int
    n_stages: int

    def n_passes(self, n_groups: int, n_methods: int) -> float:
        """Return about how many times the network is run forwards, a run backwards counted as two."""
        slope = 3
        a_map = slope + 4 + 8 + slope * self.n_steps + 6
        trust = 2 * (self.n_curve + 1) * (n_methods + 1) + (self.n_noise + self.n_stages + 1) * a_map
        # Two faces, whole and with three parts painted over, each with one map.
        shown = n_groups * self.n_shown * a_map + 2 * 4 * 8
        return self.n_sample * (a_map + slope) + shown + self.n_trust * (trust + slope)

    def to_dict(self) -> dict:
        return asdict(self)


#: From ample to scant.
AMOUNTS = (
    Amount(96, 12, 3, 16, 12, 4, 5),
    Amount(48, 8, 3, 12, 10, 3, 4),
    Amount(24, 4, 2, 10, 8, 2, 3),
    Amount(8, 2, 1, 8, 6, 1, 3),
)


def affordable(flops: float, teraflops: float, *, n_groups: int, n_methods: int) -> Amount:
    """Return the most that the budget allows; the least of all where even that is too much.

    flops : of one picture forwards (`flops_of`).
    """
    for amount in AMOUNTS:
        if amount.n_passes(n_groups, n_methods) * flops <= teraflops * 1e12:
            return amount
    return AMOUNTS[-1]


@torch.no_grad()
def flops_of(network, x: torch.Tensor) -> float:
    """Return the operations of one pass over one picture, x (1, c, h, w), as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        network(x)
    return float(counter.get_total_flops())
