"""Checkpoints of small untrained networks of pictures: explanations do not ask how good a network is."""

import numpy as np
import torch

from learning.checkpoints import build_network, save_checkpoint
from learning.pictures import PicturePreprocessing
from learning.recipes import recipe

RECIPES = {"class": "picture-classes", "attributes": "picture-attributes", "triplets": "picture-triplets"}


def picture_checkpoint(path, release, target, outputs=(), *, seed=0, size=32, **changes):
    config = recipe(RECIPES[target]).config.with_changes({"size": str(size), "channels": "3", **changes})
    channels = config.network.channels
    half, n = np.full(channels, 0.5, np.float32), len(outputs)
    known = PicturePreprocessing(
        size, channels, config.network.crop, target, tuple(outputs), half, half / 2,
        np.full(n, 4.0, np.float32), np.full(n, 2.0, np.float32), config.network.neutral,
    )  # fmt: skip
    torch.manual_seed(seed)
    network = build_network(config, known)
    # Buffers share memory with the preprocessing, which a file of tensors refuses to hold twice.
    weights = {name: values.clone() for name, values in network.state_dict().items()}
    curve = [{"step": step, "loss": 1 / step, "validation_loss": 1.2 / step + 0.1 * seed} for step in (1, 2, 4)]
    return save_checkpoint(
        path, weights, config=config, recipe=RECIPES[target], seed=seed, release_sha256=release.sha256, step=4,
        metrics={"accuracy_test": 0.5}, curve=curve, preprocessing=known, code_version="test",
    )  # fmt: skip
