"""What a trained network says about the stimuli of a release, and the faces it makes of latent points."""

from dataclasses import dataclass

import numpy as np
import torch

from learning.checkpoints import Checkpoint, as_numpy
from learning.datasets import NothingToLearn, landmark_dataset
from learning.judgements import KnownStimuli
from learning.pictures import pictures_for
from triplets.archive import Release

_AT_ONCE = 8192
_PICTURES_AT_ONCE = 64


@dataclass(frozen=True)
class Embedding:
    """Posterior means of m stimuli. row : (m,) int rows of `release.stimuli`, increasing.

    mean : (m, d) float32; log_variance : (m, d) float32, None for deterministic networks
    """

    row: np.ndarray
    mean: np.ndarray
    log_variance: np.ndarray | None

    def __len__(self) -> int:
        return len(self.row)


@torch.no_grad()
def embed(checkpoint: Checkpoint, release: Release) -> Embedding:
    """Return the posterior of every stimulus that has what the network needs, under the checkpoint's own preprocessing.

    A network of pictures gives what its last layer reads, one that learnt triplets the point of its metric space.

    An embedding of judgements gives the points of the stimuli that it was trained on, for the group as a whole.

    NothingToLearn and LandmarksUnusable as `learning.datasets.landmark_dataset`; PictureUnreadable.
    """
    if checkpoint.config.network.kind == "image":
        return _embed_pictures(checkpoint, release)
    if isinstance(checkpoint.preprocessing, KnownStimuli):
        return _look_up(checkpoint, release)
    dataset = landmark_dataset(release, checkpoint.preprocessing)
    x = torch.from_numpy(dataset.x)
    neutral = None if dataset.neutral is None else torch.from_numpy(dataset.neutral)
    parts = []
    for start in range(0, len(x), _AT_ONCE):
        chosen = slice(start, start + _AT_ONCE)
        parts.append(checkpoint.network.encode(x[chosen], None if neutral is None else neutral[chosen]))
    mean, log_variance = (as_numpy(torch.cat(part)) for part in zip(*parts, strict=True))
    return Embedding(dataset.row, mean, log_variance)


def _embed_pictures(checkpoint: Checkpoint, release: Release) -> Embedding:
    from learning.networks.pictures import shown

    known = checkpoint.preprocessing
    pictures = pictures_for(known, release)
    encode = checkpoint.network if known.target == "triplets" else checkpoint.network.features
    parts = [
        encode(shown(pictures, slice(start, start + _PICTURES_AT_ONCE)))
        for start in range(0, len(pictures), _PICTURES_AT_ONCE)
    ]
    return Embedding(pictures.row, as_numpy(torch.cat(parts)), None)


def _look_up(checkpoint: Checkpoint, release: Release) -> Embedding:
    """Return the points of the stimuli that the embedding was trained on, by their keys."""
    position = checkpoint.preprocessing.positions(release.stimuli.key)
    row = np.flatnonzero(position >= 0)
    if not len(row):
        raise NothingToLearn(
            f"release {release.path} holds none of the {len(checkpoint.preprocessing.stimuli)} stimuli that this "
            "embedding was trained on, and it knows no others"
        )
    return Embedding(row, as_numpy(checkpoint.network.points())[position[row]], None)


def full(embedding: Embedding, n: int) -> np.ndarray:
    """Return (n, d) float: the means by row of `release.stimuli`, nan where a stimulus was not embedded."""
    values = np.full((n, embedding.mean.shape[1]), np.nan)
    values[embedding.row] = embedding.mean
    return values


def kl_per_dimension(embedding: Embedding) -> np.ndarray:
    """Return (d,) the mean KL divergence in nat of each latent dimension from its prior; above 0.05 it is in use.

    ValueError for the embedding of a deterministic network, which has none.
    """
    if embedding.log_variance is None:
        raise ValueError("this embedding has no posterior variance: a KL divergence exists only for a VAE")
    mean = embedding.mean.astype(np.float64)
    log_variance = embedding.log_variance.astype(np.float64)
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(axis=0)


def decoder_norms(checkpoint: Checkpoint) -> tuple[np.ndarray, np.ndarray | None]:
    """Return how much of each input the decoder's first layer reads: norms of its columns.

    (d,) for the latent dimensions and (D,) for the numbers of the neutral face, None where it is not used.
    A dimension that is not in use has a norm near zero.
    """
    network = checkpoint.network
    norms = as_numpy(network.decoder[0].weight.norm(dim=0))
    latent = norms[: network.n_latent]
    return latent, norms[network.n_latent :] if network.has_neutral else None


def decoder_layers(checkpoint: Checkpoint) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return (weight (n_out, n_in), bias (n_out,)) of the decoder's dense layers in order; ELU stands between them.

    The first reads the latent dimensions and then the neutral face, where the network takes one.
    """
    dense = [layer for layer in checkpoint.network.decoder if isinstance(layer, torch.nn.Linear)]
    return tuple((as_numpy(layer.weight), as_numpy(layer.bias)) for layer in dense)


@torch.no_grad()
def decode(checkpoint: Checkpoint, z, neutral_x=None) -> np.ndarray:
    """Return faces as points (..., n_points, n_dims) in aligned units (mid-eye at the origin, inter-eye distance 1).

    z : (..., d). neutral_x : (D,) or (..., D) a neutral face as `LandmarkDataset.neutral` holds it, minus the
    training mean; None: the average neutral face of training. Not used by networks without a neutral face.
    """
    network, preprocessing = checkpoint.network, checkpoint.preprocessing
    z = torch.as_tensor(np.asarray(z, dtype=np.float32))
    if z.shape[-1:] != (network.n_latent,):
        raise ValueError(f"z has shape {tuple(z.shape)}: expected (..., {network.n_latent})")
    neutral = None
    if network.has_neutral:
        neutral = preprocessing.neutral_mean if neutral_x is None else neutral_x
        neutral = torch.as_tensor(np.asarray(neutral, dtype=np.float32))
    points = as_numpy(network.decode(z, neutral)) + preprocessing.mean
    return points.reshape(*z.shape[:-1], preprocessing.n_points, preprocessing.n_dims)
