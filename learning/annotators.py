"""Embeddings of each annotator's single responses, as the training loop sees them."""

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from learning.checkpoints import as_numpy
from learning.datasets import NothingToLearn
from learning.judgements import Responses
from learning.networks.ordinal import USUAL_PACE
from learning.ordinal import OrdinalLearner


class AnnotatorLearner(OrdinalLearner):
    """One space for everybody and each annotator's weights on its dimensions, from single responses."""

    _knows_people = True
    _trial_members = 6
    _trial_changes: ClassVar[dict] = {"member_sizes": "equal"}

    def _nothing(self) -> str:
        return (
            f"release {self.release.path} has no counted training response to a triplet question: expected "
            "responses.parquet with people's single answers (--recipe ordinal-embedding needs settled triplets only)"
        )

    def _judgements(self):
        responses = self.responses
        if responses is None:
            raise NothingToLearn(self._nothing())
        return responses.rows, responses.annotator, _one_vote(len(responses)), responses.split

    def _further_settings(self) -> dict:
        names, n_given = np.unique(self.responses.annotator, return_counts=True)
        n_moments = dict(zip(names.tolist(), n_given.tolist(), strict=True))
        return {"moods": self.config.network.moods, "n_moments": n_moments}

    def _further_columns(self) -> dict[str, np.ndarray]:
        known, responses = self.preprocessing, self.responses
        # Without moods there is but one period.
        period = np.minimum(responses.moment() // known.period, known.n_periods.max() - 1)
        return {"circumstances": responses.circumstances(), "period": period, "hesitation": responses.hesitation()}

    def _costs(self, batch: dict[str, Tensor]) -> Tensor:
        known = tuple(batch[name] for name in ("rows", "annotator", "circumstances", "period", "hesitation"))
        return softplus(-self.share.mapped(self.network.log_odds, *known, to=-1))

    def _prior(self) -> Tensor:
        objective, network = self.config.objective, self.network
        people = objective.weight_shrinkage * (network.attention() - 1).square().sum()
        noise = objective.noise_shrinkage * network.noise.square().sum()
        habits = objective.habit_shrinkage * network.habits.square().sum()
        pace = objective.pace_shrinkage * (network.pace - USUAL_PACE).square().sum()
        moods = network.mood.square().sum()  # their spread is in the network, see `AnnotatorEmbedding.mood`
        return super()._prior() + 0.5 * (people + noise + habits + pace + moods)

    def _judged(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        # What is to be predicted has not been answered yet, so how long that will take is not known.
        known = (batch[name] for name in ("rows", "annotator", "circumstances", "period"))
        odds = self.network.log_odds(*known).mean(dim=0)
        return softplus(-odds), odds

    def _trial_costs(self, held: dict[str, Tensor]) -> Tensor:
        # People differ by degrees, which misses alone would hardly show.
        return self._together(held)[0]

    def evaluate(self) -> dict:
        return super().evaluate() | {"moods": list(self.preprocessing.mood_names)}

    def _of_responses(self, points: np.ndarray, responses: Responses, split: str) -> dict:
        """Beside the figures for the group: satisfied_<split>_conditional, by everything that is known of a person;
        _without_habits, not by their habits and moods; _asked_before and _asked_anew, the first where the same person
        does or does not answer the same question in training, too."""
        figures = super()._of_responses(points, responses, split)
        mapped = self._mapped(responses.rows)
        chosen = (responses.split == split) & (mapped >= 0).all(axis=1)
        figures[f"satisfied_{split}_conditional"] = None
        if chosen.any():
            columns = self._columns(mapped, responses.annotator, _one_vote(len(responses)), chosen)
            is_right = as_numpy(self._together(columns)[1] > 0)
            figures[f"satisfied_{split}_conditional"] = float(is_right.mean())
            columns["circumstances"] = torch.zeros_like(columns["circumstances"])
            columns["period"] = torch.full_like(columns["period"], -1)
            figures[f"satisfied_{split}_without_habits"] = float(as_numpy(self._together(columns)[1] > 0).mean())
            if split != "train":
                before = responses.asked_before()[chosen]
                figures[f"n_responses_{split}_asked_before"] = int(before.sum())
                for name, which in (("asked_before", before), ("asked_anew", ~before)):
                    figures[f"satisfied_{split}_{name}"] = float(is_right[which].mean()) if which.any() else None
        return figures


def _one_vote(n: int) -> np.ndarray:
    return np.tile(np.float32([1, 0]), (n, 1))
