"""How a network that learnt classes of pictures fares on a collection it has never seen, by class and by group."""

import numpy as np
import torch

from learning import scores
from learning.checkpoints import Checkpoint
from learning.predictions import Predictions, predict
from learning.splits import split_pictures, trained_on
from learning.targets import class_targets
from triplets.archive import Release

#: A column of the stimuli tells groups apart where it has so many values; one with more is a name or a number.
_FEWEST, _MOST = 2, 12


def measured_elsewhere(
    checkpoint: Checkpoint, first: Release, second: Release, *, seed: int, device: torch.device | None = None
) -> dict:
    """Return {"test": figures, "second": figures} of one network: on the test pictures of the collection it learnt
    from, and on all pictures of another one that show nobody it was trained on.

    Figures are n, n_unknown (pictures of a class that the network does not know, not counted otherwise), accuracy, f1,
    majority (share of the commonest class), classes (`scores.class_scores` with names and confusion) and groups:
    column -> value -> {"n", "accuracy", "recall": by class}, for columns of the stimuli that both collections have
    with few values. A drop is the difference of the same figure on both sides.

    seed : that the network was trained with, which decides about test pictures where the release does not.
    ValueError for a network that learnt no classes; NothingToLearn where the second collection has none of them.
    """
    if checkpoint.preprocessing.target != "class":
        raise ValueError(
            f"this network learnt {checkpoint.preprocessing.target}: expected classes, which another collection shares"
        )
    columns = sorted(set(_columns(first)) & set(_columns(second)))
    sides = {}
    for name, release in (("test", first), ("second", second)):
        found = predict(checkpoint, release, device=device)
        label = class_targets(release, found.row, checkpoint.config.objective, names=found.names).label
        if name == "test":
            split = split_pictures(release, found.row, checkpoint.config.training, seed=seed).stimulus
            is_used = split[found.row] == "test"
        else:
            is_used = ~trained_on(first, split == "train", second)[found.row]
        sides[name] = _figures(found, label, is_used, {column: _columns(release)[column] for column in columns})
    return sides


def _figures(found: Predictions, label: np.ndarray, is_used: np.ndarray, columns: dict[str, np.ndarray]) -> dict:
    chosen = np.flatnonzero(is_used & (label >= 0))
    n_unknown = int((is_used & (label < 0)).sum())
    if not len(chosen):
        return {"n": 0, "n_unknown": n_unknown}
    truth, said = label[chosen], found.value[chosen].argmax(axis=1)
    table = scores.confusion(truth, said, len(found.names))
    classes = scores.class_scores(table)
    groups = {
        column: {str(value): _of_group(truth, said, values[found.row[chosen]] == value, len(found.names))
                 for value in np.unique(values[found.row[chosen]]) if value != ""}
        for column, values in columns.items()
    }  # fmt: skip
    return {
        "n": len(chosen),
        "n_unknown": n_unknown,
        "accuracy": classes.pop("accuracy"),
        "f1": classes.pop("f1"),
        "majority": float(table.sum(axis=1).max() / len(chosen)),
        "classes": {"names": list(found.names), "confusion": table.tolist(), **classes},
        "groups": groups,
    }


def _of_group(truth: np.ndarray, said: np.ndarray, is_in: np.ndarray, n_classes: int) -> dict:
    found = scores.class_scores(scores.confusion(truth[is_in], said[is_in], n_classes))
    return {name: found[name] for name in ("n", "accuracy", "recall")}


def _columns(release: Release) -> dict[str, np.ndarray]:
    """Return the further columns of the stimuli that tell a few groups apart."""
    found = {name: np.asarray(values).astype(str) for name, values in release.stimuli.extra.items()}
    return {name: values for name, values in found.items() if _FEWEST <= len(set(values.tolist()) - {""}) <= _MOST}
