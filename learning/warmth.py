"""Beginning a training with the weights of an earlier one, where both are the same network of the same things."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from learning.checkpoints import Checkpoint, load_checkpoint


@dataclass(frozen=True)
class Beginning:
    """What a training begins with. path : a checkpoint, None its own random weights; sha256 : of that file, "" none."""

    path: Path | None = None
    sha256: str = ""

    @classmethod
    def of(cls, path: Path | None) -> "Beginning":
        """Return a beginning; FileNotFoundError where there is no such file."""
        if path is None:
            return cls()
        with open(path, "rb") as file:
            return cls(Path(path), hashlib.file_digest(file, "sha256").hexdigest())

    def into(self, learner) -> dict[str, str]:
        """Put the weights into a learner's network, and return what the figures say about it.

        Another kind of network, other shapes, or weights that speak of other stimuli, classes or landmarks leave the
        network as it is: `warm_start` then says why. CheckpointDamaged where the file cannot be read.
        """
        if self.path is None:
            return {}
        with torch.random.fork_rng(devices=[]):  # building that network draws numbers that are this training's
            checkpoint = load_checkpoint(self.path)
        if reason := unfit(checkpoint, learner):
            return {"warm_start": f"begun afresh, not with checkpoint {self.sha256[:12]}: {reason}"}
        learner.network.load_state_dict(checkpoint.network.state_dict())
        return {"warm_start": f"begun with checkpoint {self.sha256[:12]}", "started_from": self.sha256}


def unfit(checkpoint: Checkpoint, learner) -> str:
    """Return why a checkpoint's weights cannot begin a learner's training, "" where they can."""
    if getattr(learner, "n_steps", None) == 0:
        return "this network is solved for in closed form"
    there, here = checkpoint.config.network.kind, learner.config.network.kind
    if there != here:
        return f"it is of kind {there}, this training of kind {here}"
    saved, asked = checkpoint.preprocessing.described(), learner.preprocessing.described()
    differing = [name for name, value in asked.items() if saved.get(name) != value]
    if differing:
        return f"the two differ in {', '.join(differing)}"
    shapes = {name: tuple(value.shape) for name, value in checkpoint.network.state_dict().items()}
    wanted = {name: tuple(value.shape) for name, value in learner.network.state_dict().items()}
    for name in sorted(wanted.keys() | shapes.keys()):
        if shapes.get(name) != wanted.get(name):
            return f"weight {name} has shape {shapes.get(name)} there and {wanted.get(name)} here"
    return ""
