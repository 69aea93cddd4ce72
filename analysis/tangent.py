"""Does an explanation point along the faces or off them? Alignment with the tangent space (Bordt et al. 2023).

The manifold is that of the VAE's own decoder: its Jacobian at a face's latent mean spans the directions in which
a face can change and stay a face. Value |Q Q^T E| / |E|, chance sqrt(k / D); the control is the same explanation
of a network that learnt shuffled labels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import jacrev, vmap

from analysis.explaining import gathered
from learning.networks.topological_vae import TopologicalVae
from triplets.intervals import RATE

#: Directions of the Jacobian below this share of its largest singular value do not move a face.
RANK_TOLERANCE = 1e-3
_AT_ONCE = 128


@dataclass(frozen=True)
class Alignment:
    """value : (n,) |Q Q^T E| / |E| of each face, nan where E is 0; chance : (n,) sqrt(k / D), k the rank there."""

    value: np.ndarray
    chance: np.ndarray

    def summary(self) -> dict:
        """Return mean value and mean chance, ready for JSON, and of how many faces."""
        known = np.isfinite(self.value)
        mean = float(self.value[known].mean()) if known.any() else None
        return {"value": mean, "chance": float(self.chance.mean()), "n": int(known.sum())}


def decoder_jacobian(network: TopologicalVae, z: Tensor, neutral: Tensor | None = None) -> Tensor:
    """Return (n, D, d), how each number of a decoded face moves with each latent dimension.

    z : (n, d); neutral : (n, D) or None as the network takes it.
    """
    parts = []
    for start in range(0, len(z), _AT_ONCE):
        here = z[start : start + _AT_ONCE].detach()
        if network.has_neutral:
            face = neutral[start : start + _AT_ONCE].detach()
            parts.append(vmap(jacrev(lambda one, y: network.decode(one, y)))(here, face))
        else:
            parts.append(vmap(jacrev(lambda one: network.decode(one)))(here))
    return torch.cat(parts).detach()


def tangent_basis(jacobian: Tensor, tolerance: float = RANK_TOLERANCE) -> tuple[Tensor, Tensor]:
    """Return Q (n, D, m) whose columns are orthonormal, those beyond the rank zero, and the rank (n,) of each.

    jacobian : (n, D, d) with m = min(D, d). A latent dimension that the decoder ignores spans nothing.
    """
    left, singular, _ = torch.linalg.svd(jacobian, full_matrices=False)
    used = singular > tolerance * singular[:, :1].clamp_min(torch.finfo(singular.dtype).tiny)
    return left * used[:, None, :], used.sum(dim=1)


def alignment(basis: Tensor, rank: Tensor, explanation: Tensor) -> Alignment:
    """Return the share of each signed explanation (n, D) that lies in the tangent space."""
    inside = torch.einsum("npk,np->nk", basis, explanation).norm(dim=1)
    length = explanation.norm(dim=1)
    value = torch.where(length > 0, inside / length, torch.nan).clamp(max=1)
    chance = (rank.double() / explanation.shape[1]).sqrt()
    return Alignment(value.double().numpy(), chance.numpy())


def shuffled_labels(labels, *, within=None, seed=0) -> np.ndarray:
    """Return labels in random order, so that they say nothing about faces but are as frequent as before.

    within : (n,) groups inside which they are shuffled, such as splits or subjects.
    """
    labels, rng = np.asarray(labels), np.random.default_rng(seed)
    found = labels.copy()
    groups = np.zeros(len(labels), dtype=int) if within is None else np.asarray(within)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        found[rows] = labels[rng.permutation(rows)]
    return found


def against_control(
    explain: Callable[[np.ndarray], Tensor], labels, basis: Tensor, rank: Tensor, *, within=None, people=None, seed=0
) -> dict:
    """Return value, chance and control of one kind of explanation, and its lead over the control, ready for JSON.

    explain : labels (n,) -> signed explanations (n, D) of a network that has learnt those labels; called with the
    true ones and with shuffled ones. What it costs is the training of two networks.
    people : (n,) who is in each explained picture, for 95 % intervals "low", "high" of the value and of the "lead",
    which is taken face by face; None: pictures are drawn instead.
    """
    true = alignment(basis, rank, explain(np.asarray(labels)))
    control = alignment(basis, rank, explain(shuffled_labels(labels, within=within, seed=seed)))
    people = np.full(len(true.value), "") if people is None else people
    found = gathered.estimate(true.value, people, scale=RATE, seed=seed)
    lead = gathered.estimate(true.value - control.value, people, seed=seed)
    return {**found, **true.summary(), "control": control.summary()["value"], "lead": lead}


@torch.no_grad()
def reconstruction_error(network: TopologicalVae, x: Tensor, neutral: Tensor | None = None) -> float:
    """Return |x - decoded|² / |x - mean|² over all faces: how far the manifold is from faces."""
    decoded = network.decode(network.encode(x, neutral)[0], neutral)
    return float((x - decoded).square().sum() / (x - x.mean(dim=0)).square().sum())
