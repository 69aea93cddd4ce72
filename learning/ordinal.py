"""Embeddings of settled triplets alone, as the training loop sees them."""

import contextlib
import dataclasses
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from learning.checkpoints import as_numpy, build_network
from learning.config import Config
from learning.datasets import NothingToLearn
from learning.dimensions import choose
from learning.distribution import ALONE
from learning.judgements import Responses, divide, has_responses, known_stimuli, triplet_responses
from learning.optimisation import learning_rate
from learning.ordinal_losses import judgement_loss
from learning.splits import split_release
from triplets import geometry
from triplets.archive import Release
from triplets.records import SPLITS

_AT_ONCE = 65_536
#: A trial of a number of dimensions: so many parts of the judgements, held out in turn, and steps.
_PARTS, _TRIAL_STEPS = 3, 130


class OrdinalLearner:
    """Soft ordinal embedding, t-STE and Bradley-Terry on settled triplets. See `learning.training.Learner`."""

    def __init__(self, release: Release, config: Config, *, seed: int, device: torch.device):
        self.config, self.device, self.release = config, device, release
        share = config.training.validation_share
        self.split = split_release(release, seed=seed, validation_share=share)
        self.responses = None
        if has_responses(release):
            found = triplet_responses(release)
            self.responses = divide(found, release, self.split, seed=seed, validation_share=share)
        rows, annotator, votes, split = self._judgements()
        train = split == "train"
        if not train.any():
            raise NothingToLearn(self._nothing())
        people = annotator[train] if self._knows_people else ()
        self.preprocessing = known_stimuli(
            release, rows[train], people, config.network.groups, **self._further_settings()
        )
        self._further = self._further_columns()
        mapped = self._mapped(rows)
        columns = (mapped, annotator, votes)
        self.train = self._columns(*columns, train)
        self.validation = self._columns(*columns, (split == "validation") & (mapped >= 0).all(axis=1))
        self.n_train = len(self.train["rows"])
        self.n_votes = float(self.train["votes"].sum())
        self.tried: tuple[dict, ...] = ()
        if config.network.n_latent == 0:
            chosen = choose(self._trial(seed))
            self.tried = chosen.tried
            self.config = _with_latent(config, n_latent=chosen.n_latent)
        self.network = build_network(self.config, self.preprocessing).to(device)

    #: What `training.selection` may be; the validation cost of a vote is the "loss".
    SELECTIONS = ("last", "loss", "satisfied")
    share = ALONE
    _knows_people = False
    #: Members that try a number of dimensions: few for speed, but of few the best number is too small.
    _trial_members = 2
    #: What a trial changes of the network besides.
    _trial_changes: ClassVar[dict] = {}

    def _nothing(self) -> str:
        return f"release {self.release.path} has no settled training triplet: settle questions first"

    def _judgements(self):
        """Return rows (v, 3), annotator (v,), votes (v, 2) for and against, split (v,)."""
        triplets = self.release.triplets
        votes = np.column_stack([triplets.n_positive, triplets.n_votes - triplets.n_positive]).astype(np.float32)
        if self.config.objective.verdicts == "majority":
            votes = np.tile(np.float32([1, 0]), (len(triplets), 1))
        split = np.where(triplets.weight > 0, self.split.triplet, "")
        return triplets.rows, np.full(len(triplets), ""), votes, split

    def _further_settings(self) -> dict:
        """Return what else `known_stimuli` is told."""
        return {}

    def _further_columns(self) -> dict[str, np.ndarray]:
        """Return what else is known of each judgement: name -> (v, ...)."""
        return {}

    def _mapped(self, rows: np.ndarray) -> np.ndarray:
        """Return (v, 3) rows of the network, -1 where a stimulus was not trained on."""
        return self.preprocessing.positions(self.release.stimuli.key)[rows].reshape(-1, 3)

    def _columns(self, mapped, annotator, votes, chosen) -> dict[str, Tensor]:
        people = self.preprocessing.annotator_positions(annotator[chosen])
        columns = {"rows": mapped[chosen], "annotator": people, "votes": votes[chosen]}
        columns |= {name: values[chosen] for name, values in self._further.items()}
        return {
            name: torch.from_numpy(np.ascontiguousarray(values)).to(self.device) for name, values in columns.items()
        }

    # The number of dimensions -------------------------------------------------------------------

    def _trial(self, seed: int):
        """Return a function from a number of dimensions to the cost of each training judgement when it is held out."""
        order = np.random.default_rng([seed, 0xD13]).permutation(self.n_train)
        parts = [torch.from_numpy(np.sort(order[start::_PARTS])).to(self.device) for start in range(_PARTS)]
        is_empty = self.n_train < 2 * _PARTS

        def costs_of(n_latent: int) -> np.ndarray:
            if is_empty:
                return np.zeros(1)
            n_members = min(self._trial_members, self.config.network.n_members)
            config = _with_latent(self.config, n_latent=n_latent, n_members=n_members, **self._trial_changes)
            return np.concatenate([self._held_out(config, part) for part in parts])

        return costs_of

    def _held_out(self, config: Config, part: Tensor) -> np.ndarray:
        """Return the cost of each judgement of a part for a network that was trained on the others."""
        is_in = torch.ones(self.n_train, dtype=torch.bool, device=self.device)
        is_in[part] = False
        train, held = ({name: values[rows] for name, values in self.train.items()} for rows in (is_in, ~is_in))
        told, self.config = self.config, config
        try:
            self.network = build_network(config, self.preprocessing).to(self.device)
            parameters = list(self.network.parameters())
            adam = torch.optim.Adam(parameters)
            for step in range(_TRIAL_STEPS):
                adam.param_groups[0]["lr"] = learning_rate(config.optimiser, step, _TRIAL_STEPS)
                adam.zero_grad()
                with self._softened(step, _TRIAL_STEPS):
                    cost = self._cost(train).sum()
                (cost + self._prior() / train["votes"].sum()).backward()
                adam.step()
            with torch.no_grad():
                return as_numpy(self._trial_costs(held))
        finally:
            self.config = told

    def _trial_costs(self, held: dict[str, Tensor]) -> Tensor:
        """Return (v,) what dimensions are chosen by: how many votes of each held-out judgement are missed."""
        return self._missed(held)

    # A step ------------------------------------------------------------------------------------

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cost of a judgement plus priors, summed over members, and the same as a mean of members.

        All judgements are one batch up to `training.triplet_batch_size` of them.
        """
        batch, size = self.train, self.config.training.triplet_batch_size
        if size < self.n_train:
            drawn = torch.randint(self.n_train, (size,), generator=generator, device=self.device)
            batch = {name: values[drawn] for name, values in batch.items()}
        with self._softened(step, self.config.training.n_steps):
            cost = self._cost(batch).sum()
        prior = self._prior() / self.n_votes
        terms = {"loss": (cost + prior).detach(), "judgement": cost.detach(), "prior": prior.detach()}
        return cost + prior, {name: value / self.network.n_members for name, value in terms.items()}

    @contextlib.contextmanager
    def _softened(self, step: int, n_steps: int):
        """Let city-block differences begin as squares and be absolute values in the second half of all steps.

        Begun with absolute values, most members end where no point can pass another (smoothing, and ever less of it, is
        the remedy of Groenen, Heiser & Meulman 1999).
        """
        self.network.squared_share = max(0.0, 1 - 2 * step / n_steps)
        try:
            yield
        finally:
            self.network.squared_share = 0.0

    def _cost(self, batch: dict[str, Tensor]) -> Tensor:
        """Return (M,) the mean cost of a vote."""
        votes = batch["votes"].sum(dim=1)
        return (self._costs(batch) * votes).sum(dim=-1) / votes.sum()

    def _costs(self, batch: dict[str, Tensor]) -> Tensor:
        """Return (M, v) the mean cost of the votes of each judgement."""
        near, far = self.share.mapped(self.network.squared_distances, batch["rows"], to=-1)
        return self._weighed(near, far, batch["votes"])

    def _weighed(self, near: Tensor, far: Tensor, votes: Tensor) -> Tensor:
        objective, network = self.config.objective, self.config.network
        degrees = objective.degrees or max(1.0, network.n_latent - 1.0)
        how = {"degrees": degrees, "margin": objective.margin}
        cost = votes[:, 0] * judgement_loss(objective.judgement_loss, near, far, **how)
        if objective.verdicts == "votes":
            cost = cost + votes[:, 1] * judgement_loss(objective.judgement_loss, far, near, **how)
        return cost / votes.sum(dim=1)

    def _prior(self) -> Tensor:
        """Return minus the log density of the parameters, up to a constant."""
        return 0.5 * self.config.objective.ridge * self.network.coordinates.square().sum()

    # Judging a network ---------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the validation cost of a vote and the share of votes that the members reproduce together."""
        if not len(self.validation["rows"]):
            return {}
        votes = self.validation["votes"]
        loss = (self._together(self.validation)[0] * votes.sum(dim=1)).sum() / votes.sum()
        missed = self._missed(self.validation).sum() / votes.sum()
        return {"validation_loss": float(loss), "satisfied_validation_votes": 1 - float(missed)}

    def _missed(self, batch: dict[str, Tensor]) -> Tensor:
        """Return (v,) how many votes of each judgement the members together do not reproduce, all of them at a tie."""
        votes, odds = batch["votes"], self._together(batch)[1]
        return (odds <= 0).float() * votes[:, 0] + (odds >= 0).float() * votes[:, 1]

    def _together(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return (v,) the cost of each judgement and the log odds of it, for what the members say together."""
        starts = range(0, len(batch["rows"]), _AT_ONCE)
        parts = [
            self._judged({name: values[start : start + _AT_ONCE] for name, values in batch.items()}) for start in starts
        ]
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))

    def _judged(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        near, far = (distance.mean(dim=0) for distance in self.network.squared_distances(batch["rows"]))
        return self._weighed(near, far, batch["votes"]), far - near

    def score(self, metrics: dict[str, float], step: int) -> float:
        """Return what the best step has most of."""
        selection = self.config.training.selection
        if selection == "last" or "validation_loss" not in metrics:
            return float(step)
        return metrics["satisfied_validation_votes"] if selection == "satisfied" else -metrics["validation_loss"]

    @torch.no_grad()
    def evaluate(self) -> dict:
        """Return satisfied shares of settled triplets and, where the release holds them, of single responses.

        satisfied_<split>_pooled, _conditional : over the responses of a split, by one space for everybody, and by each
        annotator's own weights. A judgement about a stimulus that training never met is not counted.
        """
        points = as_numpy(self.network.points())
        figures: dict = {"split_by": self.split.split_by, "is_validation_carved": self.split.is_carved}
        figures |= {"n_stimuli": len(points), "n_annotators": len(self.preprocessing.annotators)}
        figures |= {"n_latent": self.network.n_latent}
        if self.tried:
            figures["dimensions_tried"] = [dict(entry) for entry in self.tried]
        figures["groups"] = list(self.preprocessing.group_names)
        mapped, settled = self._mapped(self.release.triplets.rows), self.release.triplets.weight > 0
        for split in SPLITS:
            rows = mapped[(self.split.triplet == split) & settled & (mapped >= 0).all(axis=1)]
            figures[f"n_triplets_{split}"] = len(rows)
            figures[f"satisfied_{split}"] = geometry.satisfied_fraction(points, rows) if len(rows) else None
        if self.responses is not None:
            for split in SPLITS:
                figures |= self._of_responses(points, self.responses, split)
        return figures

    def _of_responses(self, points: np.ndarray, responses: Responses, split: str) -> dict:
        mapped = self._mapped(responses.rows)
        chosen = (responses.split == split) & (mapped >= 0).all(axis=1)
        figures = {f"n_responses_{split}": int(chosen.sum()), f"satisfied_{split}_pooled": None}
        if chosen.any():
            figures[f"satisfied_{split}_pooled"] = geometry.satisfied_fraction(points, mapped[chosen])
        return figures


def _with_latent(config: Config, **changes) -> Config:
    """Return the same configuration for another shape of the embedding."""
    return dataclasses.replace(config, network=dataclasses.replace(config.network, **changes))
