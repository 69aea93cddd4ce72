"""What a network of pictures is asked, as the learner sees it: items to learn from, their loss, the figures.

An item is a picture, or a triplet of them. Every task has

    items : {split: (n,) int} items of each split       per_item : pictures of an item
    positions(items) : (n * per_item,) int positions of their pictures
    loss(output, items) : from outputs (n * per_item, n_outputs) of those pictures
    figures(output, items) : {name: float} from the same on the CPU    scores : names that can choose the best step
    report(output, split) : everything worth keeping, from outputs of all pictures (m, n_outputs)
"""

import numpy as np
import torch
from torch import Tensor

from learning import scores, supervised
from learning.config import Config
from learning.datasets import NothingToLearn
from learning.splits import split_pictures, split_release
from learning.targets import attribute_targets, class_targets
from triplets.archive import Release
from triplets.records import SPLITS


class ClassTask:
    """One class a picture, or the shares of people's votes."""

    scores = ("loss", "f1", "last")

    def __init__(self, release: Release, row: np.ndarray, config: Config, *, seed: int, device: torch.device):
        self.objective, self.per_item = config.objective, 1
        self.targets = class_targets(release, row, config.objective)
        self.split = split_pictures(release, row, config.training, seed=seed)
        self.items = _items(self.split.stimulus[row], self.targets.label >= 0, release)
        self.outputs = self.targets.names
        self.offset, self.scale = np.zeros(len(self.outputs)), np.ones(len(self.outputs))
        self.share = torch.from_numpy(self.targets.share).to(device)
        counts = self.share[torch.from_numpy(self.items["train"]).to(device)].sum(dim=0)
        is_balanced = config.objective.class_weights == "balanced"
        self.class_weight = supervised.balanced(counts) if is_balanced else torch.ones_like(counts)

    def positions(self, items: Tensor) -> Tensor:
        return items

    def loss(self, output: Tensor, items: Tensor, *, smoothing: float | None = None) -> Tensor:
        smoothing = self.objective.label_smoothing if smoothing is None else smoothing
        return supervised.cross_entropy(output, self.share[items], self.class_weight, smoothing)

    def figures(self, output: np.ndarray, items: np.ndarray) -> dict[str, float]:
        table = scores.confusion(self.targets.label[items], output.argmax(axis=1), len(self.outputs))
        found = scores.class_scores(table)
        return {
            "accuracy": found["accuracy"],
            "f1": found["f1"],
            "largest_share": float(table.sum(axis=0).max() / table.sum()),
        }

    def report(self, output: np.ndarray, split: str) -> dict:
        items = self.items[split]
        label = self.targets.label[items]
        table = scores.confusion(label, output[items].argmax(axis=1), len(self.outputs))
        found = scores.class_scores(table)
        commonest = np.bincount(self.targets.label[self.items["train"]], minlength=len(self.outputs)).argmax()
        return {
            f"accuracy_{split}": found.pop("accuracy"),
            f"f1_{split}": found.pop("f1"),
            f"majority_{split}": float((label == commonest).mean()),
            f"classes_{split}": {"names": list(self.outputs), "confusion": table.tolist(), **found},
        }

    def complaint(self, output: np.ndarray, split: str) -> str:
        items = self.items[split]
        table = scores.confusion(self.targets.label[items], output[items].argmax(axis=1), len(self.outputs))
        return scores.class_collapse(table, self.outputs)

    def is_learnt(self, output: np.ndarray, items: np.ndarray) -> tuple[bool, str]:
        """Return whether pictures that were to be learnt by heart are, and the figure in words."""
        n_right = int((output[items].argmax(axis=1) == self.targets.label[items]).sum())
        return n_right >= 0.95 * len(items), f"{n_right} of {len(items)} pictures named right"


class AttributeTask:
    """One or many attributes of a picture."""

    scores = ("loss", "last")

    def __init__(self, release: Release, row: np.ndarray, config: Config, *, seed: int, device: torch.device):
        self.objective, self.per_item = config.objective, 1
        self.targets = targets = attribute_targets(release, row, config.objective)
        self.split = split_pictures(release, row, config.training, seed=seed)
        self.items = _items(self.split.stimulus[row], np.isfinite(targets.value).any(axis=1), release)
        self.outputs = targets.names
        train = targets.value[self.items["train"]].astype(np.float64)
        is_known = np.isfinite(train).any(axis=0)
        if not is_known.all():
            missing = targets.names[int(np.argmin(is_known))]
            raise NothingToLearn(f"release {release.path} has no training picture with attribute {missing!r}")
        self.training_mean = np.nanmean(train, axis=0)
        if config.objective.scaling == "unit":
            self.offset = np.full(len(self.outputs), targets.low)
            self.scale = np.full(len(self.outputs), max(targets.high - targets.low, 1e-6))
        else:
            spread = np.nanstd(train, axis=0)
            self.offset, self.scale = self.training_mean, np.where(spread > 1e-6, spread, 1.0)
        scaled = np.nan_to_num((targets.value - self.offset) / self.scale)
        self.target = torch.from_numpy(scaled.astype(np.float32)).to(device)
        self.weight = torch.from_numpy(targets.weight).to(device)

    def positions(self, items: Tensor) -> Tensor:
        return items

    def loss(self, output: Tensor, items: Tensor, *, smoothing: float | None = None) -> Tensor:
        return supervised.attribute_error(output, self.target[items], self.weight[items], self.objective.regression)

    def in_units(self, output: np.ndarray) -> np.ndarray:
        """Return predictions on the attributes' own scale."""
        return self.offset + self.scale * output

    def figures(self, output: np.ndarray, items: np.ndarray) -> dict[str, float]:
        found = self._by_attribute(self.in_units(output), items)
        means = {name: _mean(found, name) for name in ("r2", "mae")}
        return {name: value for name, value in means.items() if value is not None}

    def report(self, output: np.ndarray, split: str) -> dict:
        items = self.items[split]
        found = self._by_attribute(self.in_units(output[items]), items)
        means = {
            f"{name}_{split}": _mean(found, name) for name in ("r2", "pearson", "mae", "mae_of_mean", "r2_ceiling")
        }
        return {**means, f"attributes_{split}": found}

    def _by_attribute(self, predicted: np.ndarray, items: np.ndarray) -> dict[str, dict]:
        value, error = self.targets.value[items], self.targets.error_variance[items]
        return {
            name: scores.attribute_scores(value[:, k], predicted[:, k], self.training_mean[k], error[:, k])
            for k, name in enumerate(self.outputs)
        }

    def complaint(self, output: np.ndarray, split: str) -> str:
        items = self.items[split]
        return scores.attribute_collapse(self.targets.value[items], self.in_units(output[items]), self.outputs)

    def is_learnt(self, output: np.ndarray, items: np.ndarray) -> tuple[bool, str]:
        """Return whether pictures that were to be learnt by heart are, and the figure in words."""
        r2 = _mean(self._by_attribute(self.in_units(output[items]), items), "r2") or 0.0
        return r2 >= 0.9, f"R² {r2:.3f} on {len(items)} pictures"


class TripletTask:
    """A metric space in which an anchor lies nearer to its positive."""

    scores = ("loss", "satisfied", "last")

    def __init__(self, release: Release, row: np.ndarray, config: Config, *, seed: int, device: torch.device):
        self.objective, self.per_item = config.objective, 3
        self.split = split_release(release, seed=seed, validation_share=config.training.validation_share)
        place = np.full(len(release.stimuli), -1)
        place[row] = np.arange(len(row))
        mapped = place[release.triplets.rows]
        self.triplet_row = np.flatnonzero((mapped >= 0).all(axis=1))
        self.triplets = mapped[self.triplet_row]
        self.items = _items(self.split.triplet[self.triplet_row], np.ones(len(self.triplets), bool), release, "triplet")
        self.outputs, self.offset, self.scale = (), np.zeros(0), np.ones(0)
        judged = release.triplets.where(self.triplet_row)
        train = self.items["train"]
        weight = judged.weight.astype(np.float32)
        if self.objective.vote_weights == "equal":
            weight = np.ones_like(weight)
        elif self.objective.vote_weights == "normalised" and weight[train].mean() > 0:
            weight = weight / weight[train].mean()
        n_votes = np.maximum(judged.n_votes, 1).astype(np.float32)
        self.mean_votes = float(n_votes[train].mean())
        columns = {"weight": weight, "n_positive": judged.n_positive.astype(np.float32), "n_votes": n_votes}
        self.columns = {name: torch.from_numpy(values).to(device) for name, values in columns.items()}
        self.positions_of = torch.from_numpy(self.triplets).to(device)

    def positions(self, items: Tensor) -> Tensor:
        return self.positions_of[items].reshape(-1)

    def loss(self, output: Tensor, items: Tensor, *, smoothing: float | None = None) -> Tensor:
        drawn = {name: values[items] for name, values in self.columns.items()}
        return supervised.triplet_error(
            output.view(len(items), 3, -1), **drawn, mean_votes=self.mean_votes, kind=self.objective.likelihood
        )

    def figures(self, output: np.ndarray, items: np.ndarray) -> dict[str, float]:
        margin = supervised.margins(torch.from_numpy(output).view(len(items), 3, -1))
        return {"satisfied": float((margin < 0).float().mean())}

    def report(self, output: np.ndarray, split: str) -> dict:
        return {}  # satisfied triplets are counted for every task

    def complaint(self, output: np.ndarray, split: str) -> str:
        return ""

    def is_learnt(self, output: np.ndarray, items: np.ndarray) -> tuple[bool, str]:
        """Return whether triplets that were to be learnt by heart are, and the figure in words."""
        share = self.figures(output[self.triplets[items].reshape(-1)], items)["satisfied"]
        return share >= 0.95, f"{share:.1%} of {len(items)} triplets satisfied"


TASKS = {"class": ClassTask, "attributes": AttributeTask, "triplets": TripletTask}


def _items(split: np.ndarray, is_usable: np.ndarray, release: Release, what: str = "picture") -> dict:
    items = {name: np.flatnonzero(is_usable & (split == name)) for name in SPLITS}
    if not len(items["train"]):
        raise NothingToLearn(f"release {release.path} has no training {what} with a known answer")
    return items


def _mean(by_attribute: dict[str, dict], name: str) -> float | None:
    values = [found[name] for found in by_attribute.values() if found[name] is not None]
    return float(np.mean(values)) if values else None
