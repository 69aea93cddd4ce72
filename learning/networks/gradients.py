"""A fixed stem of gradients and coarse colours, which needs nothing trained, and bodies that compare two pictures."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, pad

from learning.networks.mlp import dense, glorot

N_CELLS, N_DIRECTIONS, N_COARSE = 8, 8, 16
HIDDEN = (128,)
#: Keeps flat parts of a picture flat, in squared brightness of a standardised picture.
_FLAT = 0.02


def oriented_gradients(x: Tensor, n_cells: int = N_CELLS) -> Tensor:
    """Return histograms of oriented gradients (Dalal & Triggs 2005) of grey pictures (b, 1, h, w).

    (b, N_DIRECTIONS, n_cells, n_cells): how much brightness changes, by direction. A gradient counts for the two
    directions next to its own (0 to 180 degrees), the nearer one more; each cell is divided by the root mean square
    of itself and its neighbours.
    """
    beside = pad(x, (1, 1, 1, 1), mode="replicate")
    across = (beside[..., 1:-1, 2:] - beside[..., 1:-1, :-2]) / 2
    down = (beside[..., 2:, 1:-1] - beside[..., :-2, 1:-1]) / 2
    size = (across.square() + down.square() + 1e-12).sqrt()
    # Where nothing changes there is no direction, and atan2 would have no derivative: explanations ask for it.
    is_flat = (across == 0) & (down == 0)
    direction = torch.atan2(down, across.masked_fill(is_flat, 1.0)) / math.pi * N_DIRECTIONS
    each = torch.arange(N_DIRECTIONS, device=x.device).view(1, -1, 1, 1)
    apart = (direction - each + N_DIRECTIONS / 2) % N_DIRECTIONS - N_DIRECTIONS / 2
    votes = size * (1 - apart.abs()).clamp_min(0)
    side = x.shape[-1] // n_cells
    used = side * n_cells
    cells = avg_pool2d(votes[..., :used, :used], side) * side**2
    energy = cells.square().sum(dim=1, keepdim=True)
    return cells / (avg_pool2d(energy, 3, stride=1, padding=1) + _FLAT).sqrt()


class OrientedGradients(nn.Module):
    """The fixed stem, each number standardised over the training pictures, and dense layers (`hidden`, usually 128).

    concludes : False is the stem alone, whose numbers are the features.
    """

    def __init__(self, channels: int, hidden=(), *, dropout_keep=0.5, concludes=True):
        super().__init__()
        n_seen = N_DIRECTIONS * N_CELLS**2 + channels * N_COARSE**2
        if not concludes:
            self.n_features, self.standardised, self.dense = n_seen, nn.Identity(), nn.Identity()
            return
        widths = tuple(hidden) or HIDDEN
        self.n_features = widths[-1]
        self.standardised = nn.BatchNorm1d(n_seen, affine=False)
        self.dense = nn.Sequential(*dense((n_seen, *widths), dropout_keep))
        glorot(self.dense)

    def seen(self, x: Tensor) -> Tensor:
        """Return (b, 512 + 256 c) of (b, c, h, w): gradients of the mean colour, and the picture at 16 x 16."""
        gradients = oriented_gradients(x.mean(dim=1, keepdim=True))
        return torch.cat([gradients.flatten(1), adaptive_avg_pool2d(x, N_COARSE).flatten(1)], dim=1)

    def concluded(self, seen: Tensor) -> Tensor:
        """Return (b, n_features) from what was seen, or from a difference of it."""
        return self.dense(self.standardised(seen))

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, n_features) from (b, c, h, w)."""
        return self.concluded(self.seen(x))

    def dense_layers(self) -> list[nn.Module]:
        """Return what "dense only" trains."""
        return [self.standardised, self.dense]


class Compared(nn.Module):
    """A body that sees a picture and the same person's neutral one, and tells the first by the difference.

    A body with a fixed stem is given the difference of what the stem sees; of any other the features are subtracted.
    """

    def __init__(self, inner: nn.Module):
        super().__init__()
        self.inner, self.n_features = inner, inner.n_features

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, n_features) from (b, 2c, h, w), the channels of the picture first."""
        is_staged = hasattr(self.inner, "seen")
        look = self.inner.seen if is_staged else self.inner
        both = look(x.unflatten(1, (2, -1)).flatten(0, 1)).unflatten(0, (-1, 2))
        difference = both[:, 0] - both[:, 1]
        return self.inner.concluded(difference) if is_staged else difference

    def dense_layers(self) -> list[nn.Module]:
        """Return what "dense only" trains."""
        return self.inner.dense_layers()
