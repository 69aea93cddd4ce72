"""The training loop: any learner, any release, one folder; killed at any moment it goes on and ends the same.

The loop knows steps, schedules, validation, the best weights and the folder. What is learnt, from which
batches and with what loss is a `Learner`, chosen by the configuration's network kind.
"""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from learning import resumption, warmth
from learning.checkpoints import load_checkpoint, save_checkpoint
from learning.config import Config
from learning.datasets import NothingToLearn
from learning.descent import Descent
from learning.distribution import ALONE, Share, Stopping
from learning.learners import LEARNERS, Learner, require_possible
from learning.optimisation import device_named, matmul_precision, one_thread
from learning.progress import Progress, TrainingResult
from triplets.archive import Release

__all__ = ["NothingToLearn", "Progress", "TrainingDiverged", "TrainingResult", "train_release"]

CHECKPOINT = "checkpoint.safetensors"
FINISHED, STOPPED = "finished", "stopped"
_HEARTBEAT_SECONDS = 0.25


class TrainingDiverged(RuntimeError):
    """The loss became infinite or not a number; the message says what to change."""


def train_release(
    release: Release,
    config: Config,
    *,
    seed: int,
    out: Path,
    recipe_name: str = "",
    start: Path | None = None,
    share: Share = ALONE,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train on a release into a folder of its own.

    out : gets `checkpoint.safetensors`, the best network so far, and `resume.safetensors`. Where it holds
        a state of the same release, configuration and seed, training goes on from there and on a CPU ends
        with the same figures as an undisturbed one; a finished training is not repeated.
    start : a checkpoint to begin with (`learning.warmth`); where it does not fit, the figures say why.
    share : this process's part, where several train together (`learning.distribution`): same arguments in each,
        `out` is read and written by the first alone.
    on_progress : called at the start, at every validation and four times a second.
    should_stop : asked at every step, where several processes train twice a second (`distribution.Stopping`); True ends
        the training with status "stopped", to be resumed later.

    NothingToLearn, LandmarksUnusable, TrainingDiverged, FolderTaken, ConfigInvalid say what is wrong.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    kind = LEARNERS[config.network.kind]
    require_possible(config)
    device = device_named(config.training.device)
    beginning = warmth.Beginning.of(start)
    mark = resumption.mark(release.sha256, config, seed, beginning.sha256)
    state = share.told(lambda: resumption.load_state(out, mark))
    if state is not None and state[1].get("is_finished"):
        if share.told((out / CHECKPOINT).is_file):
            return share.told(lambda: _result(FINISHED, out, state[1]["seconds"]))
        state = None
    cuda = [device] if device.type == "cuda" else []
    threads = one_thread(device) if getattr(kind, "ONE_THREAD", True) else contextlib.nullcontext()
    precision = matmul_precision(device, config.training.matmul)
    with threads, precision, torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        learner = kind(release, config, seed=seed, device=device)
        learner.share = share
        provenance = beginning.into(learner)
        learner.network = share.same(learner.network)
        loop = _Loop(learner, config, seed, device, out, mark, recipe_name, release.sha256, share, provenance)
        if state is not None:
            loop.restore(*state)
        if not share.is_first:  # dropout of its own; what must be the same is drawn with the generator of the batches
            torch.manual_seed(seed + 7919 * share.rank + loop.step)
        return loop.run(on_progress or (lambda progress: None), should_stop)


@dataclass
class _Loop:
    """One training under way; everything that changes from step to step is saved and restored."""

    learner: Learner
    config: Config
    seed: int
    device: torch.device
    out: Path
    mark: dict
    recipe: str
    release_sha256: str
    share: Share = ALONE
    provenance: dict = field(default_factory=dict)
    curve: list[dict] = field(default_factory=list)
    best_score: float = -math.inf
    best_step: int = 0
    n_worse: int = 0
    seconds_before: float = 0.0

    def __post_init__(self):
        self.descent = Descent(self.learner, self.config, seed=self.seed, device=self.device, share=self.share)
        self.best: dict[str, Tensor] = {}
        self.started = time.monotonic()
        self.saved_at = self.shown_at = self.started
        self.first_step = 0

    @property
    def n_steps(self) -> int:
        return getattr(self.learner, "n_steps", self.config.training.n_steps)

    @property
    def step(self) -> int:
        return self.descent.step

    @property
    def seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def run(self, on_progress, should_stop) -> TrainingResult:
        status, training = FINISHED, self.config.training
        validate_every = getattr(self.learner, "validate_every", training.validate_every)
        self.first_step = self.step
        if self.step == 0:
            self.save()  # so that a checkpoint never lies in a folder without the state it came from
        if not self.n_steps and not self.best:
            self._validate(on_progress)  # solved in closed form: there is nothing to train
        self._show(on_progress, self.curve[-1] if self.curve else {})
        is_over = Stopping(self.share, should_stop)
        while self.step < self.n_steps:
            if is_over():
                status = STOPPED
                break
            self.descent.advance(self.n_steps, self.curve)
            is_last = self.step == self.n_steps
            if self.step % validate_every == 0 or is_last:
                self._validate(on_progress)
                if training.patience and self.n_worse >= training.patience:
                    break
            elif self.step % self.descent.look_every == 0:
                self._require_finite()
            now = time.monotonic()
            if now - self.shown_at >= _HEARTBEAT_SECONDS:
                self._show(on_progress, self.descent.terms())
            if now - self.saved_at >= training.save_every and not is_last:
                self._require_finite()
                self.save()
        return self._end(status)

    # Judging --------------------------------------------------------------------------------------

    def _validate(self, on_progress) -> None:
        self._require_finite()
        with self._judged():
            metrics = self.descent.terms() | self.share.told(self.learner.validate)
            score = self.learner.score(metrics, self.step)
            if not all(math.isfinite(value) for value in metrics.values()):
                raise self._diverged("a validation figure")
            self.curve.append({"step": self.step, **metrics})
            self.descent.forget_terms()
            self.n_worse += 1
            if score > self.best_score:
                self.best_score, self.best_step, self.n_worse = score, self.step, 0
                self.best = {name: t.detach().clone() for name, t in self.learner.network.state_dict().items()}
                self._write_checkpoint(metrics)
        self._show(on_progress, metrics, is_point=True)

    @contextlib.contextmanager
    def _judged(self):
        """Put the network into the state that is judged and saved: evaluation mode, averaged weights."""
        network = self.learner.network
        network.eval()
        self.descent.exchange()
        try:
            yield
        finally:
            self.descent.exchange()
            network.train()

    def _require_finite(self) -> None:
        if not self.descent.is_finite():
            raise self._diverged("the loss")

    def _diverged(self, what: str) -> TrainingDiverged:
        kept = (
            f"the best network so far, of step {self.best_step}, is kept in {self.out}" if self.best else "nothing kept"
        )
        rate = self.config.optimiser.learning_rate
        return TrainingDiverged(
            f"{what} is no longer a finite number at step {self.step}; {kept}. Train again with a lower "
            f"optimiser.learning_rate (now {rate:g}; try {rate / 3:.1g}), a longer optimiser.warmup or a clip_norm"
        )

    def _show(self, on_progress, metrics: dict, *, is_point=False) -> None:
        self.shown_at = time.monotonic()
        done = self.step - self.first_step
        left = (self.shown_at - self.started) / done * (self.n_steps - self.step) if done else math.nan
        metrics = {name: value for name, value in metrics.items() if name != "step"}
        on_progress(Progress(self.step, self.n_steps, metrics, left, is_point))

    # The folder -----------------------------------------------------------------------------------

    def _write_checkpoint(self, metrics: dict) -> None:
        if not self.share.is_first:
            return
        save_checkpoint(
            self.out / CHECKPOINT,
            self.best,
            config=self.config,
            recipe=self.recipe,
            seed=self.seed,
            release_sha256=self.release_sha256,
            step=self.best_step,
            metrics=metrics | self.provenance,
            curve=self.curve,
            preprocessing=self.learner.preprocessing,
        )

    def save(self) -> None:
        """Write the state from which `restore` goes on."""
        self.saved_at = time.monotonic()
        if not self.share.is_first:
            return
        tensors = {f"network.{name}": value for name, value in self.learner.network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        moved, values = self.descent.state()
        values |= {name: getattr(self, name) for name in ("curve", "best_step", "n_worse", "seconds")}
        values["best_score"] = self.best_score if self.best else None
        resumption.save_state(self.out, self.mark, tensors | moved, values)

    def restore(self, tensors: dict[str, Tensor], values: dict) -> None:
        """Go back to a saved state; FolderTaken where it is of another network."""

        def of(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

        try:
            self.learner.network.load_state_dict(of("network."))
        except RuntimeError as error:
            raise resumption.FolderTaken(
                f"{self.out} holds the state of a network that this version builds otherwise: {resumption.ADVICE}"
            ) from error
        self.best = {name: tensor.to(self.device) for name, tensor in of("best.").items()}
        self.descent.restore(tensors, values)
        for name in ("curve", "best_step", "n_worse"):
            setattr(self, name, values[name])
        self.best_score = -math.inf if values["best_score"] is None else values["best_score"]
        self.seconds_before = values["seconds"]

    def _end(self, status: str) -> TrainingResult:
        if status == STOPPED:
            self.save()
        if not self.best:
            # Stopped before the first validation: what there is, is the best so far. Not kept as such, so
            # that a training resumed from here chooses like an undisturbed one.
            self.best_step = self.step
            self.best = {name: t.detach().clone() for name, t in self.learner.network.state_dict().items()}
        return self.share.told(lambda: self._judge(status))

    def _judge(self, status: str) -> TrainingResult:
        self.learner.network.load_state_dict(self.best)
        self.learner.network.eval()
        metrics = self.learner.validate() | self.learner.evaluate() | {"best_step": self.best_step}
        metrics |= {"n_steps_done": self.step, "status": status}
        if self.descent.refused:
            metrics["not_recorded"] = self.descent.refused
        self._write_checkpoint(metrics)
        seconds = self.seconds
        if status == FINISHED:
            nothing = {"nothing": torch.zeros(0)}
            resumption.save_state(self.out, self.mark, nothing, {"is_finished": True, "seconds": seconds})
        return _result(status, self.out, seconds)


def _result(status: str, out: Path, seconds: float) -> TrainingResult:
    checkpoint = load_checkpoint(out / CHECKPOINT)
    metrics = checkpoint.metrics
    satisfied = {name: metrics.get(name) for name in ("satisfied_train", "satisfied_validation", "satisfied_test")}
    steps = metrics.get("n_steps_done", checkpoint.step)
    return TrainingResult(
        status, out / CHECKPOINT, steps, seconds, **satisfied, metrics=metrics, curve=checkpoint.curve
    )
