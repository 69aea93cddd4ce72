"""The sanity check of a network: can it learn a few pictures by heart?"""

import math

from learning.config import Config, ConfigInvalid

#: Fewer steps say nothing: a recipe for thousands of pictures makes but a few on fifty.
N_STEPS = 600


def overfitting(config: Config, n: int) -> Config:
    """Return the configuration that learns n pictures (or triplets) by heart: same network, rate and optimiser.

    Batches are at most n/2, and there are at least N_STEPS steps, at a constant rate. Dropout, flips and noise are left
    out by the learner (`Training.overfit`). ConfigInvalid for networks that see no pictures.
    """
    if config.network.kind != "image":
        raise ConfigInvalid(f"--overfit {n} is for networks of pictures, not for {config.network.kind}")
    if n < 2:
        raise ConfigInvalid(f"--overfit is {n}: expected at least 2 pictures, such as 50")
    key = "triplet_batch_size" if config.objective.target == "triplets" else "batch_size"
    size = min(getattr(config.training, key), math.ceil(n / 2))
    epochs = max(config.training.epochs, math.ceil(N_STEPS * size / n))
    changes = {"overfit": n, key: size, "epochs": epochs, "schedule": "constant", "validate_every": 0}
    return config.with_changes(changes)
