"""Embeddings of judgements as the training loop sees them: of settled triplets, and of each annotator's responses."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from learning.checkpoints import as_numpy, build_network
from learning.config import Config
from learning.datasets import NothingToLearn
from learning.distribution import ALONE
from learning.judgements import Responses, divide, has_responses, known_stimuli, triplet_responses
from learning.ordinal_losses import judgement_loss
from learning.splits import split_release
from triplets import geometry
from triplets.archive import Release
from triplets.records import SPLITS

_AT_ONCE = 65_536


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
        self.preprocessing = known_stimuli(release, rows[train], people, config.network.groups)
        self.network = build_network(config, self.preprocessing).to(device)
        mapped = self._mapped(rows)
        self.train = self._columns(mapped, annotator, votes, train)
        self.validation = self._columns(mapped, annotator, votes, (split == "validation") & (mapped >= 0).all(axis=1))
        self.n_train = len(self.train["rows"])
        self.n_votes = float(self.train["votes"].sum())

    #: What `training.selection` may be; the validation cost of a vote is the "loss".
    SELECTIONS = ("last", "loss", "satisfied")
    share = ALONE
    _knows_people = False

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

    def _mapped(self, rows: np.ndarray) -> np.ndarray:
        """Return (v, 3) rows of the network, -1 where a stimulus was not trained on."""
        return self.preprocessing.positions(self.release.stimuli.key)[rows].reshape(-1, 3)

    def _columns(self, mapped, annotator, votes, chosen) -> dict[str, Tensor]:
        people = self.preprocessing.annotator_positions(annotator[chosen])
        columns = {"rows": mapped[chosen], "annotator": people, "votes": votes[chosen]}
        return {
            name: torch.from_numpy(np.ascontiguousarray(values)).to(self.device) for name, values in columns.items()
        }

    # A step ------------------------------------------------------------------------------------

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cost of a judgement plus priors, summed over members, and the same as a mean of members.

        All judgements are one batch up to `training.triplet_batch_size` of them.
        """
        batch, size = self.train, self.config.training.triplet_batch_size
        if size < self.n_train:
            drawn = torch.randint(self.n_train, (size,), generator=generator, device=self.device)
            batch = {name: values[drawn] for name, values in batch.items()}
        cost = self._cost(batch).sum()
        prior = self._prior() / self.n_votes
        terms = {"loss": (cost + prior).detach(), "judgement": cost.detach(), "prior": prior.detach()}
        return cost + prior, {name: value / self.network.n_members for name, value in terms.items()}

    def _cost(self, batch: dict[str, Tensor]) -> Tensor:
        """Return (M,) the mean cost of a vote."""
        people = batch["annotator"] if self._knows_people else None
        near, far = self.share.mapped(self.network.squared_distances, batch["rows"], people, to=-1)
        return self._weighed(near, far, batch["votes"])

    def _weighed(self, near: Tensor, far: Tensor, votes: Tensor) -> Tensor:
        objective, network = self.config.objective, self.config.network
        degrees = objective.degrees or max(1.0, network.n_latent - 1.0)
        how = {"degrees": degrees, "margin": objective.margin}
        cost = votes[:, 0] * judgement_loss(objective.judgement_loss, near, far, **how)
        if self.config.objective.verdicts == "votes":
            cost = cost + votes[:, 1] * judgement_loss(objective.judgement_loss, far, near, **how)
        return cost.sum(dim=-1) / votes.sum()

    def _prior(self) -> Tensor:
        """Return minus the log density of the parameters, up to a constant."""
        return 0.5 * self.config.objective.ridge * self.network.coordinates.square().sum()

    # Judging a network ---------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the validation cost of a vote and the share of votes that the members' mean distance reproduces."""
        if not len(self.validation["rows"]):
            return {}
        near, far = self._distances(self.validation["rows"], self.validation["annotator"])
        votes = self.validation["votes"]
        wins = (near < far).float() * votes[:, 0] + (far < near).float() * votes[:, 1]
        loss = self._weighed(near[None], far[None], votes)
        return {"validation_loss": float(loss), "satisfied_validation_votes": float(wins.sum() / votes.sum())}

    def _distances(self, rows: Tensor, annotator: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return (v,) squared distances near and far, means over members; annotator None: of the group."""
        annotator = annotator if self._knows_people else None
        parts = []
        for start in range(0, len(rows), _AT_ONCE):
            chosen = slice(start, start + _AT_ONCE)
            found = self.network.squared_distances(rows[chosen], None if annotator is None else annotator[chosen])
            parts.append([distance.mean(dim=0) for distance in found])
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))

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


class AnnotatorLearner(OrdinalLearner):
    """One space for everybody and each annotator's weights on its dimensions, from single responses."""

    _knows_people = True

    def _nothing(self) -> str:
        return (
            f"release {self.release.path} has no counted training response to a triplet question: expected "
            "responses.parquet with people's single answers (--recipe ordinal-embedding needs settled triplets only)"
        )

    def _judgements(self):
        responses = self.responses
        if responses is None:
            raise NothingToLearn(self._nothing())
        votes = np.tile(np.float32([1, 0]), (len(responses), 1))
        return responses.rows, responses.annotator, votes, responses.split

    def _weighed(self, near: Tensor, far: Tensor, votes: Tensor) -> Tensor:
        return softplus(near - far).mean(dim=-1)

    def _prior(self) -> Tensor:
        objective, network = self.config.objective, self.network
        people = objective.weight_shrinkage * (network.attention() - 1).square().sum()
        noise = objective.noise_shrinkage * network.noise.square().sum()
        return super()._prior() + 0.5 * (people + noise)

    def _of_responses(self, points: np.ndarray, responses: Responses, split: str) -> dict:
        figures = super()._of_responses(points, responses, split)
        mapped = self._mapped(responses.rows)
        chosen = (responses.split == split) & (mapped >= 0).all(axis=1)
        figures[f"satisfied_{split}_conditional"] = None
        if chosen.any():
            people = self.preprocessing.annotator_positions(responses.annotator[chosen])
            rows, people = (torch.from_numpy(values).to(self.device) for values in (mapped[chosen], people))
            near, far = self._distances(rows, people)
            figures[f"satisfied_{split}_conditional"] = float((near < far).double().mean())
        return figures
