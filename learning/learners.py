"""The kinds of networks as the training loop knows them, by `network.kind`."""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from learning.annotators import AnnotatorLearner
from learning.config import Config, ConfigInvalid
from learning.distribution import Share
from learning.images import ImageLearner
from learning.ordinal import OrdinalLearner
from learning.topological import TopologicalVaeLearner


class Learner(Protocol):
    """What the loop asks of a kind of network.

    A learner that counts epochs says so (`COUNTS_EPOCHS`) and has n_steps and validate_every of its own; one whose
    layers are large enough for several CPU threads has `ONE_THREAD` False; `SELECTIONS` are the values of
    `training.selection` that it knows. preprocessing : see `learning.checkpoints.Kind`. One whose step is the same
    operations every time offers `beta(step)`, what alone changes, and `loss_at(beta, generator)`: its step is recorded
    on a GPU (`learning.descent`). `merge()` lets torch.compile merge its kernels and returns "", or why it cannot.
    """

    network: nn.Module
    preprocessing: Any
    #: This process's part of every batch; learners compute rows by `share.mapped`.
    share: Share

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a fresh batch drawn with the generator, and its terms, detached."""

    def validate(self) -> dict[str, float]:
        """Return figures of the network as it is, in evaluation mode, drawing no random numbers."""

    def score(self, metrics: dict[str, float], step: int) -> float:
        """Return what the best step has most of."""

    def evaluate(self) -> dict:
        """Return the final figures, among them satisfied_train, satisfied_validation and satisfied_test."""


LEARNERS: dict[str, Callable[..., Learner]] = {
    "topological-vae": TopologicalVaeLearner,
    "image": ImageLearner,
    "ordinal-embedding": OrdinalLearner,
    "annotator-embedding": AnnotatorLearner,
}


def require_possible(config: Config) -> None:
    """Raise ConfigInvalid for settings that this kind of network would pass over in silence."""
    kind = LEARNERS[config.network.kind]
    training, selections = config.training, getattr(kind, "SELECTIONS", ("elbo", "satisfied", "last"))
    name = config.network.kind
    if training.selection not in selections:
        expected = ", ".join(selections)
        raise ConfigInvalid(f"training.selection is {training.selection!r} for {name}: expected one of {expected}")
    if training.recording == "compiled" and not hasattr(kind, "merge"):
        raise ConfigInvalid(f"training.recording is 'compiled' for {name}: expected auto or no; only VAEs are compiled")
    if getattr(kind, "COUNTS_EPOCHS", False):
        return
    if training.epochs or training.overfit:
        raise ConfigInvalid(f"training.epochs and training.overfit are for networks of pictures, not for {name}")
    if training.validate_every == 0:
        raise ConfigInvalid(
            f"training.validate_every is 0 for {name}, which counts steps, not epochs: expected 1 or more"
        )
    if config.optimiser.schedule == "cut":
        raise ConfigInvalid(f"optimiser.schedule is 'cut' for {name}, which has no F1: expected another schedule")
