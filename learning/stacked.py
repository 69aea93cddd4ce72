"""Many topological VAEs of one shape trained at once, as one stack of weights: seeds, or weights of the loss.

Each member is the training that `learning.training.train_release` does with its configuration and seed. Every weight
has the members in front and one step moves all of them; on a GPU that step is recorded once and replayed
(`learning.captured`), so that neither Python nor the number of members decides how long it takes. For sweeps and for
the spread over seeds: nothing is resumed, and a run that must survive a lost machine is trained alone.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from learning import captured, compiled
from learning.checkpoints import build_network, save_checkpoint
from learning.config import Config, ConfigInvalid
from learning.learners import require_possible
from learning.optimisation import build_optimiser, device_named, learning_rate, matmul_precision, one_thread, set_rate
from learning.resumption import FolderTaken
from learning.topological import TopologicalVaeLearner
from triplets.archive import Release

#: The settings in which members may differ: weights of the loss, which one step can have as many of as members.
MAY_DIFFER = ("reconstruction_variance", "topology_variance", "triplet_weight", "annealing")


@dataclass(frozen=True)
class Member:
    """One training of a stack."""

    config: Config
    seed: int


@dataclass
class MemberResult:
    """How one member ended. weights : of its best step; metrics, curve : as `learning.training.TrainingResult`."""

    member: Member
    weights: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0
    best_score: float = -math.inf
    n_worse: int = 0
    metrics: dict = field(default_factory=dict)
    curve: list[dict] = field(default_factory=list)


def train_stacked(
    release: Release,
    members: Sequence[Member],
    *,
    out: Path | None = None,
    recipe_name: str = "",
    draws: str = "own",
) -> list[MemberResult]:
    """Train all members together and return how each ended.

    members : configurations that differ in nothing but `MAY_DIFFER`, each with a seed. Where the release names no
        splits, all share those of the first seed.
    out : a new or empty folder, gets `1/checkpoint.safetensors`, `2/...`; None: nothing is written.
    draws : "own" draws batches and noise for each member as when it is trained alone, so that both end alike up to
        rounding and dropout, which is drawn for all at once; "together" draws everything at once, which tells a GPU
        less.

    ConfigInvalid for members that cannot be stacked, or one whose loss is no longer finite; FolderTaken.
    """
    _require_stackable(members)
    if out is not None and Path(out).is_dir() and any(Path(out).iterdir()):
        raise FolderTaken(f"{out} is not empty: choose another folder; a stack is not resumed")
    device = device_named(members[0].config.training.device)
    cuda = [device] if device.type == "cuda" else []
    precision = matmul_precision(device, members[0].config.training.matmul)
    with one_thread(device), precision, torch.random.fork_rng(devices=cuda):
        stack = Stack(release, members, device, draws)
        results = stack.run()
        for number, (learner, result) in enumerate(zip(stack.learners, results, strict=True), start=1):
            if out is not None:
                _write(Path(out) / str(number), release, learner, result, recipe_name)
    return results


def clip_each(weights: Sequence[nn.Parameter], limit: float) -> None:
    """Scale the gradient of each member to a norm of at most `limit`; weights : (n_members, ...) with gradients."""
    every = torch.cat([weight.grad.reshape(len(weight), -1) for weight in weights], dim=1)
    factor = (limit / (torch.linalg.vector_norm(every, dim=1) + 1e-6)).clamp_max(1.0)
    for weight in weights:
        weight.grad.mul_(factor.view(-1, *[1] * (weight.ndim - 1)))


def _require_stackable(members: Sequence[Member]) -> None:
    first = members[0].config
    if first.network.kind != "topological-vae":
        raise ConfigInvalid(f"network.kind is {first.network.kind!r}: only topological VAEs are trained in stacks")
    if first.optimiser.optimiser not in ("adam", "adamw"):
        raise ConfigInvalid(f"optimiser is {first.optimiser.optimiser!r}: a stack needs adam or adamw")
    require_possible(first)
    same = {name: getattr(first.objective, name) for name in MAY_DIFFER}
    for member in members:
        if replace(member.config, objective=replace(member.config.objective, **same)) != first:
            raise ConfigInvalid(f"members of a stack may differ in the seed, {', '.join(MAY_DIFFER)} and nothing else")


class _StepLoss(nn.Module):
    """The loss of a step as a function of the weights alone, which is what `functional_call` asks for."""

    def __init__(self, learner: TopologicalVaeLearner):
        super().__init__()
        self.network, self.loss_of = learner.network, learner.loss_of

    def forward(self, drawn, beta, of_terms):
        return self.loss_of(drawn, beta, of_terms.unbind())[0]


class Stack:
    """The weights of all members, (n_members, ...) each, and a learner for each member's network."""

    def __init__(self, release: Release, members: Sequence[Member], device: torch.device, draws: str):
        self.members, self.config, self.device = members, members[0].config, device
        self.learners: list[TopologicalVaeLearner] = []
        for member in members:
            torch.manual_seed(member.seed)  # where the network begins
            self.learners.append(self._learner(release, member))
        self.step_loss = _StepLoss(self.learners[0])
        self.names = [f"network.{name}" for name, _ in self.learners[0].network.named_parameters()]
        columns = zip(*(learner.network.parameters() for learner in self.learners), strict=True)
        self.weights = [nn.Parameter(torch.stack([one.detach() for one in column])) for column in columns]
        self.average = [weight.detach().clone() for weight in self.weights] if self.config.training.ema else []
        self.of_terms = torch.tensor([learner.weights for learner in self.learners], device=device)
        self.beta = torch.zeros(len(members), device=device)
        self.generators = None
        if draws == "own":
            self.generators = [torch.Generator(device=device).manual_seed(member.seed) for member in members]
        #: (weights, drawn, beta, of_terms), each with the members in front -> their losses, (n_members,).
        self.losses, self.refused = vmap(self._loss), ""
        if self.config.training.recording == "compiled":
            self.losses, self.refused = compiled.merged(self.losses, self._try_out)
        is_wanted = self.config.training.recording != "no"
        self.recorder = captured.recorder_for(device, self.generators or ()) if is_wanted else None
        is_replayed = self.recorder is not None
        self.optimiser = build_optimiser(self.config.optimiser, self.weights, is_replayed=is_replayed)
        torch.manual_seed(members[0].seed)

    def _try_out(self, losses) -> None:
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            drawn = self.learners[0].draw(None, (len(self.members),))
        losses(self.weights, drawn, self.beta, self.of_terms).sum().backward()
        for weight in self.weights:
            weight.grad = None

    def _learner(self, release: Release, member: Member) -> TopologicalVaeLearner:
        if not self.learners:
            return TopologicalVaeLearner(release, member.config, seed=member.seed, device=self.device)
        learner = copy.copy(self.learners[0])  # the same data
        learner.configure(member.config)
        learner.network = build_network(member.config, learner.preprocessing).to(self.device)
        return learner

    def run(self) -> list[MemberResult]:
        n_steps, training = self.config.training.n_steps, self.config.training
        results = [MemberResult(member) for member in self.members]
        betas = [[learner.beta(step) for learner in self.learners] for step in range(n_steps)]
        betas = torch.tensor(betas, device=self.device)
        advance = self.replayed()
        for step in range(n_steps):
            self.beta.copy_(betas[step])
            set_rate(self.optimiser, learning_rate(self.config.optimiser, step, n_steps))
            advance()
            if (step + 1) % training.validate_every == 0 or step + 1 == n_steps:
                for place, result in enumerate(results):
                    if not training.patience or result.n_worse < training.patience:  # else it would have ended
                        self._validate(place, result, step + 1)
        refused = "; ".join(filter(None, [self.refused, getattr(advance, "refused", "")]))
        for learner, result in zip(self.learners, results, strict=True):
            learner.network.load_state_dict(result.weights)
            learner.network.eval()
            result.metrics = learner.validate() | learner.evaluate() | {"best_step": result.best_step}
            if refused:
                result.metrics["not_recorded"] = refused
        return results

    def replayed(self):
        """Return what does `advance` each time it is called, on a GPU by replaying it."""
        return captured.Replayed(self.advance, self.recorder) if self.recorder else self.advance

    def advance(self) -> None:
        """Move every member by one step, which is known by `beta` and the rate alone."""
        self.optimiser.zero_grad(set_to_none=True)
        drawn = self._drawn()
        self.losses(self.weights, drawn, self.beta, self.of_terms).sum().backward()
        if self.config.optimiser.clip_norm > 0:
            clip_each(self.weights, self.config.optimiser.clip_norm)
        self.optimiser.step()
        if self.average:
            torch._foreach_lerp_(self.average, [w.detach() for w in self.weights], 1 - self.config.training.ema)

    def _loss(self, weights, drawn, beta, of_terms) -> Tensor:
        named = dict(zip(self.names, weights, strict=True))
        return functional_call(self.step_loss, named, (drawn, beta, of_terms))

    def _drawn(self) -> dict[str, Tensor]:
        learner = self.learners[0]
        if self.generators is None:
            return learner.draw(None, (len(self.members),))
        each = [learner.draw(generator) for generator in self.generators]
        return {name: torch.stack([one[name] for one in each]) for name in each[0]}

    @torch.no_grad()
    def _validate(self, place: int, result: MemberResult, step: int) -> None:
        learner = self.learners[place]
        learner.network.eval()
        for parameter, stacked in zip(learner.network.parameters(), self.average or self.weights, strict=True):
            parameter.copy_(stacked[place])
        metrics = learner.validate()
        score = learner.score(metrics, step)
        if not all(map(math.isfinite, metrics.values())):
            rate = self.config.optimiser.learning_rate
            raise ConfigInvalid(
                f"member {place + 1} of the stack is no longer finite at step {step}: take it out, or lower "
                f"optimiser.learning_rate (now {rate:g})"
            )
        result.curve.append({"step": step, **metrics})
        result.n_worse += 1
        if score > result.best_score:
            result.best_score, result.best_step, result.n_worse = score, step, 0
            result.weights = {name: t.detach().clone() for name, t in learner.network.state_dict().items()}
        learner.network.train()


def _write(folder: Path, release: Release, learner: TopologicalVaeLearner, result: MemberResult, recipe: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_checkpoint(
        folder / "checkpoint.safetensors",
        result.weights,
        config=result.member.config,
        recipe=recipe,
        seed=result.member.seed,
        release_sha256=release.sha256,
        step=result.best_step,
        metrics=result.metrics,
        curve=result.curve,
        preprocessing=learner.preprocessing,
    )
