"""Pictures shown a little differently each time: flipped, turned, moved. All of it on the device, a batch at once."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def augmented(
    x: Tensor, generator: torch.Generator, *, mirror=False, rotation=0.0, shift=0.0, jitter=0.0, rows=None, n=None
) -> Tensor:
    """Return pictures of the same shape, each changed by its own draw.

    x : (b, c, h, w) float. mirror : half of them left-right flipped. rotation : turned by up to so many degrees
    either way. shift : moved by up to so large a share of the side, in each direction. What comes in from outside
    repeats the border. jitter : standard deviation of noise.
    rows, n : where x is only a slice of a batch of n; the draws are those of the whole batch.
    """
    n, rows = (len(x), slice(None)) if rows is None else (n, rows)
    if mirror:
        is_flipped = torch.randint(2, (n, 1, 1, 1), generator=generator, device=x.device).bool()[rows]
        x = torch.where(is_flipped, x.flip(-1), x)
    if rotation > 0 or shift > 0:
        draw = 2 * torch.rand(3, n, generator=generator, device=x.device)[:, rows] - 1
        x = moved(x, draw[0] * rotation, draw[1:].T * shift)
    if jitter > 0:
        x = x + jitter * torch.randn((n, *x.shape[1:]), generator=generator, device=x.device)[rows]
    return x


def moved(x: Tensor, degrees: Tensor, by: Tensor) -> Tensor:
    """Return pictures turned counter-clockwise about their middle, then moved.

    x : (b, c, h, w); degrees : (b,); by : (b, 2) shares of the side, right and down.
    """
    angle = degrees * (math.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    # The grid says where each output pixel is read from, hence the inverse of the movement.
    x0, y0 = -2 * by[:, 0], -2 * by[:, 1]
    rows = [torch.stack([cos, -sin, cos * x0 - sin * y0], dim=1), torch.stack([sin, cos, sin * x0 + cos * y0], dim=1)]
    grid = affine_grid(torch.stack(rows, dim=1).to(x.dtype), list(x.shape), align_corners=False)
    return grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
