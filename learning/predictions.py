"""What a trained network of pictures says about a release: classes with probabilities, or attributes in their units."""

from dataclasses import dataclass

import numpy as np
import torch

from learning.checkpoints import Checkpoint, as_numpy
from learning.networks.pictures import shown
from learning.pictures import pictures_for
from triplets.archive import Release

_AT_ONCE = 64


@dataclass(frozen=True)
class Predictions:
    """Answers about m stimuli.

    row : (m,) int rows of `release.stimuli`, increasing; names : (k,) classes or attributes
    value : (m, k) float64, probabilities whose rows sum to 1, or attributes on the scale they were rated on
    """

    row: np.ndarray
    names: tuple[str, ...]
    value: np.ndarray


@torch.no_grad()
def predict(checkpoint: Checkpoint, release: Release, *, device: torch.device | None = None) -> Predictions:
    """Return what a network says about every stimulus of a release that has a picture, any release.

    device : where it is asked, None: the CPU.

    ValueError for a network that names nothing: one of landmarks, or one that learnt triplets (`embedding.embed`).
    NothingToLearn and PictureUnreadable as `learning.pictures.load_pictures`.
    """
    known = checkpoint.preprocessing
    if checkpoint.config.network.kind != "image" or known.target == "triplets":
        kind = checkpoint.config.network.kind
        raise ValueError(
            f"this network ({kind}) names nothing: expected one of pictures that learnt classes or attributes"
        )
    pictures = pictures_for(known, release)
    network, parts = checkpoint.network.to(device), []
    for start in range(0, len(pictures), _AT_ONCE):
        parts.append(network(shown(pictures, slice(start, start + _AT_ONCE)).to(device)).double().cpu())
    output = torch.cat(parts)
    if known.target == "class":
        return Predictions(pictures.row, known.outputs, as_numpy(output.softmax(dim=1)))
    return Predictions(pictures.row, known.outputs, known.offset + known.scale * as_numpy(output))
