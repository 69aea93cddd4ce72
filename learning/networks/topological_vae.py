"""Encoder and decoder of the topological VAE, Models 1 to 3."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

PUBLISHED_DIMS = 249
#: Where a configuration names no widths. Those published, (480, 240, 120, 60) and (300, 400, 300), gain a little more
#: on 2,000 stimuli, nothing on 500, and cost twice the time (docs/topological-vae.md).
ENCODER = (256, 128, 64)
DECODER = (96, 128)
LOG_VARIANCE_LIMITS = (-10.0, 4.0)


def widths(usual: tuple[int, ...], n_dims: int) -> tuple[int, ...]:
    """Return hidden widths for faces of n_dims numbers: the usual ones from 249 numbers on, narrower for fewer.

    Scaled by n_dims/249 but never above the usual width, since a denser mesh shows the same face, nor
    below 32.

    >>> widths(ENCODER, 1434), widths(ENCODER, 136), widths(ENCODER, 20)
    ((256, 128, 64), (140, 70, 35), (32, 32, 32))
    """
    scale = min(1.0, n_dims / PUBLISHED_DIMS)
    return tuple(max(32, round(scale * width)) for width in usual)


class TopologicalVae(nn.Module):
    """q(z|x,y) and f(z,y). Inputs are aligned shapes minus the training mean, flattened.

    n_dims : D, numbers of a face. has_neutral : whether encoder and decoder take a neutral face y (b, D).
    is_residual : encode [x - y ; y] and decode y + f([z ; y]) instead of [x ; y] and f([z ; y]).

    The two heads for mean and log variance are separate linear layers; weights start Glorot uniform,
    biases at zero; dropout follows hidden ELUs only. What it lets through may be drawn beforehand: `kept` are then
    (b, width) of every hidden layer, 0 or 1 / dropout_keep, and without them the layers draw while training.

    learned_variance : where training of the reconstruction variance begins, None: it is not learned. It is kept as
    `log_reconstruction_variance`, a weight like the others.
    """

    def __init__(
        self,
        n_dims: int,
        *,
        has_neutral: bool,
        is_residual: bool = True,
        encoder: tuple[int, ...] = (),
        decoder: tuple[int, ...] = (),
        n_latent: int = 30,
        dropout_keep: float = 0.9,
        learned_variance: float | None = None,
    ):
        super().__init__()
        start = None if learned_variance is None else nn.Parameter(torch.tensor(math.log(learned_variance)))
        self.register_parameter("log_reconstruction_variance", start)
        self.n_dims, self.n_latent = n_dims, n_latent
        self.has_neutral, self.is_residual = has_neutral, is_residual and has_neutral
        n_neutral = n_dims if has_neutral else 0
        encoder = tuple(encoder) or widths(ENCODER, n_dims)
        decoder = tuple(decoder) or widths(DECODER, n_dims)
        self.body = _hidden((n_dims + n_neutral, *encoder), dropout_keep)
        self.mean = nn.Linear(encoder[-1], n_latent)
        self.log_variance = nn.Linear(encoder[-1], n_latent)
        self.decoder = _hidden((n_latent + n_neutral, *decoder), dropout_keep)
        self.decoder.append(nn.Linear(decoder[-1], n_dims))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def inputs(self, x: Tensor, neutral: Tensor | None) -> Tensor:
        """Return what the encoder reads, (b, D) or (b, 2D); it depends on no weight and may be computed once."""
        if not self.has_neutral:
            return x
        return torch.cat([x - neutral if self.is_residual else x, neutral], dim=-1)

    def encode_inputs(self, inputs: Tensor, *kept: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q, each (b, n_latent), from `inputs`."""
        hidden = _through(self.body, inputs, kept)
        return self.mean(hidden), self.log_variance(hidden).clamp(*LOG_VARIANCE_LIMITS)

    @property
    def hidden_widths(self) -> tuple[list[int], list[int]]:
        """Return the widths of the hidden layers of the encoder and of the decoder."""
        layers = self.body, self.decoder[:-1]
        encoder, decoder = ([layer.out_features for layer in part if isinstance(layer, nn.Linear)] for part in layers)
        return encoder, decoder

    def encode(self, x: Tensor, neutral: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of q(z|x,y), each (b, n_latent)."""
        return self.encode_inputs(self.inputs(x, neutral))

    def decode(self, z: Tensor, neutral: Tensor | None = None, *kept: Tensor) -> Tensor:
        """Return f: (..., D) from z (..., n_latent) and neutral (..., D), which broadcasts over leading axes."""
        if not self.has_neutral:
            return _through(self.decoder, z, kept)
        neutral = neutral.expand(*z.shape[:-1], self.n_dims)
        decoded = _through(self.decoder, torch.cat([z, neutral], dim=-1), kept)
        return neutral + decoded if self.is_residual else decoded


def _through(layers: nn.Sequential, hidden: Tensor, kept: tuple[Tensor, ...]) -> Tensor:
    """Return what comes out of layers, each dropout of which is told what it keeps, or draws it."""
    if not kept:
        return layers(hidden)
    told = iter(kept)
    for layer in layers:
        hidden = hidden * next(told) if isinstance(layer, nn.Dropout) else layer(hidden)
    return hidden


def _hidden(sizes: tuple[int, ...], keep: float) -> nn.Sequential:
    layers = nn.Sequential()
    for n_in, n_out in pairwise(sizes):
        layers.extend([nn.Linear(n_in, n_out), nn.ELU()])
        if keep < 1:
            layers.append(nn.Dropout(1 - keep))
    return layers
