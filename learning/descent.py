"""Weights on their way: the optimiser, its random numbers, the moving average, and a step that may be recorded."""

import math

import torch
from torch import Tensor, nn

from learning import captured
from learning.config import Config, ConfigInvalid
from learning.distribution import Share
from learning.learners import Learner
from learning.optimisation import build_optimiser, gradient_scaler, learning_rate, n_falls, set_rate
from learning.resumption import optimiser_tensors, restore_optimiser


class Descent:
    """Moves the weights of a learner's network step by step; all that changes is in `state` and put back by `restore`.

    On a GPU the step of a learner that offers `loss_at` is recorded and replayed (`learning.captured`). So whatever
    a step reads and writes stays where it is, and nothing waits for the device until somebody asks for `terms`.
    """

    def __init__(self, learner: Learner, config: Config, *, seed: int, device: torch.device, share: Share):
        self.learner, self.config, self.device, self.share = learner, config, device, share
        self.parameters = list(learner.network.parameters())
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.scaler = gradient_scaler(device, getattr(learner, "precision", ""))
        recorder = captured.recorder_for(device, [self.generator]) if self._is_recordable() else None
        self.is_recorded = recorder is not None
        self.is_compiled = config.training.recording == "compiled"
        if self.is_compiled and share.size > 1:
            raise ConfigInvalid(
                f"training.recording is 'compiled' with {share.size} processes: expected auto or no; what processes "
                "exchange is not compiled"
            )
        self._not_compiled = learner.merge() if self.is_compiled else ""
        self._advance = captured.Replayed(self._move, recorder) if recorder else self._move
        self.optimiser = build_optimiser(config.optimiser, self.parameters, is_replayed=self.is_recorded)
        self.average = [p.detach().clone() for p in self.parameters] if config.training.ema else []
        self.step = 0
        #: Where a recorded or compiled step reads the weight of what is annealed.
        self._beta = torch.zeros((), device=device)
        self._told: tuple[float, float] = (math.nan, math.nan)  # rate and that weight, as they lie on the device
        #: The sum of each term of the loss, (n_terms,), in the order of their names.
        self._sums = torch.zeros(0, device=device)
        self._names: list[str] = []
        self._n_summed = 0

    @property
    def refused(self) -> str:
        """Return why steps are not recorded or compiled although they were to be, "" where nothing is to be said."""
        return "; ".join(filter(None, [self._not_compiled, getattr(self._advance, "refused", "")]))

    @property
    def look_every(self) -> int:
        """Return how many steps lie between two looks at the loss, for which the device is waited for."""
        return 100 if self.is_recorded else 10

    def _is_recordable(self) -> bool:
        """Return whether each step is the same operations, but for its rate and the weight of what is annealed."""
        if self.config.training.recording == "no" or self.share.size > 1 or self.scaler.is_enabled():
            return False
        return hasattr(self.learner, "loss_at") and self.config.optimiser.optimiser in ("adam", "adamw")

    def advance(self, n_steps: int, curve: list[dict]) -> None:
        """Move by one step of n_steps; curve : the validations so far, which some schedules go by."""
        self._tell(learning_rate(self.config.optimiser, self.step, n_steps, n_falls(curve)))
        self._advance()
        self._n_summed += 1
        self.step += 1

    def _tell(self, rate: float) -> None:
        """Let the next step know its rate and the weight of what is annealed, where they are not what they were."""
        beta = self.learner.beta(self.step) if self._reads_beta else 0.0
        if rate != self._told[0]:
            set_rate(self.optimiser, rate)
        if beta != self._told[1]:
            self._beta.fill_(beta)
        self._told = rate, beta

    @property
    def _reads_beta(self) -> bool:
        return self.is_recorded or self.is_compiled

    def _move(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        if self._reads_beta:
            loss, terms = self.learner.loss_at(self._beta, self.generator)
        else:
            loss, terms = self.learner.loss(self.step, self.generator)
        self.scaler.scale(loss).backward()
        self.share.average(self.parameters)
        if self.config.optimiser.clip_norm > 0:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.parameters, self.config.optimiser.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        if self.average:
            torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - self.config.training.ema)
        found = torch.stack([terms[name] for name in sorted(terms)])
        if self._names:
            self._sums.add_(found)
        else:
            self._names, self._sums = sorted(terms), found

    # The terms of the loss ------------------------------------------------------------------------

    def terms(self) -> dict[str, float]:
        """Return the mean of each term of the loss since `forget_terms`; waits for the device."""
        if not self._n_summed:
            return {}
        return {name: value / self._n_summed for name, value in zip(self._names, self._sums.tolist(), strict=True)}

    def is_finite(self) -> bool:
        """Return whether every term was finite since `forget_terms`; waits for the device."""
        return bool(self._sums.isfinite().all())

    def forget_terms(self) -> None:
        """Begin to sum up anew."""
        self._sums.zero_()
        self._n_summed = 0

    # The weights ----------------------------------------------------------------------------------

    @torch.no_grad()
    def exchange(self) -> None:
        """Put the averaged weights, if any, into the network and the latest into their place; again: back."""
        if not self.average:
            return
        for parameter, average in zip(self.parameters, self.average, strict=True):
            current = parameter.clone()
            parameter.copy_(average)
            average.copy_(current)

    def state(self) -> tuple[dict[str, Tensor], dict]:
        """Return tensors and JSON-able values, the network's own weights not among them."""
        tensors = {f"average.{number}": value for number, value in enumerate(self.average)}
        tensors |= {f"sum.{name}": value.clone() for name, value in zip(self._names, self._sums, strict=True)}
        tensors |= optimiser_tensors(self.optimiser)
        tensors |= {"random.global": torch.get_rng_state(), "random.batches": self.generator.get_state()}
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        return tensors, {"step": self.step, "n_summed": self._n_summed, "scaler": self.scaler.state_dict()}

    def restore(self, tensors: dict[str, Tensor], values: dict) -> None:
        """Go back to a saved state, before the first step."""
        self.average = [tensors[f"average.{number}"].to(self.device) for number in range(len(self.average))]
        self._names = sorted(name.removeprefix("sum.") for name in tensors if name.startswith("sum."))
        if self._names:
            self._sums = torch.stack([tensors[f"sum.{name}"] for name in self._names]).to(self.device)
        self._told = math.nan, math.nan
        restore_optimiser(self.optimiser, tensors)
        torch.set_rng_state(tensors["random.global"])
        self.generator.set_state(tensors["random.batches"])
        if self.device.type == "cuda" and "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.step, self._n_summed = values["step"], values["n_summed"]
        self.scaler.load_state_dict(values["scaler"])
