"""What is asked of a network of pictures: which pictures, and which score of each.

classes     the picture's own class against the mean of all others; where the network was wrong and the picture is
            shown: what it said against what would have been right
attributes  the attribute, in the units that people rated in
triplets    why the anchor is nearer to the positive: |a - n|² - |a - p|², as far as the shown picture decides it
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.explained import towards, towards_triplets
from learning.checkpoints import Checkpoint
from learning.pictures import Pictures
from learning.splits import Split, split_pictures, split_release
from learning.targets import attribute_targets, class_targets
from triplets.archive import Release

HELD = ("test", "validation", "train")
#: More classes or attributes than a reader looks at are left to the command.
MAX_GROUPS = 8
TRIPLET_ROLES = ("anchor", "positive", "negative")


@dataclass(frozen=True)
class Asked:
    """n questions. position : (n,) of the picture in `Pictures`; direction : (n, k); offset : (n,) to add to scores.

    group : (n,) str class, attribute or role in a triplet; said, truth : (n,) str; is_right : (n,) bool
    case : (n,) int, questions that belong together (a triplet has three), else one each
    """

    position: np.ndarray
    direction: Tensor
    offset: np.ndarray
    group: np.ndarray
    said: np.ndarray
    truth: np.ndarray
    is_right: np.ndarray
    case: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    def where(self, chosen) -> "Asked":
        chosen = np.asarray(chosen)
        rest = (values[chosen] for values in (self.offset, self.group, self.said, self.truth, self.is_right, self.case))
        return Asked(self.position[chosen], self.direction[torch.as_tensor(chosen)], *rest)

    @property
    def groups(self) -> list[str]:
        return list(dict.fromkeys(self.group.tolist()))


class NothingAsked(ValueError):
    """The release holds no picture that this network was asked about."""


def ask(
    checkpoint: Checkpoint,
    release: Release,
    pictures: Pictures,
    outputs_of: Callable[[np.ndarray], Tensor],
    *,
    is_whole=False,
) -> tuple[Asked, str]:
    """Return every question about held-out pictures, and the name of the split they are from.

    outputs_of : positions in `pictures` (n,) -> (n, k) what the network says. is_whole : of every split, not of the
    held-out one only. NothingAsked, NothingToLearn where the release does not hold what was learnt.
    """
    known = checkpoint.preprocessing
    # The same division as in training: same release, seed and share.
    split = split_of(checkpoint, release, pictures)
    if known.target == "triplets":
        return _triplets(release, pictures, outputs_of, split, is_whole)
    own = split.stimulus[pictures.row]
    held = next((name for name in HELD if (own == name).any()), "")
    if not held:
        raise NothingAsked("no picture of the release belongs to a split")
    chosen = np.flatnonzero(own != "" if is_whole else own == held)
    if known.target == "class":
        return _classes(checkpoint, release, pictures, outputs_of, chosen), held
    return _attributes(checkpoint, release, pictures, outputs_of, chosen), held


def against_truth(asked: Asked, names: tuple[str, ...]) -> Asked:
    """Return questions about classes in which those answered wrongly ask for the answer against the truth."""
    place = {name: k for k, name in enumerate(names)}
    direction = asked.direction.clone()
    wrong = np.flatnonzero(~asked.is_right)
    if len(wrong):
        said, truth = ([place[name] for name in values[wrong]] for values in (asked.said, asked.truth))
        direction[torch.as_tensor(wrong)] = towards(said, len(names), against=truth)
    return Asked(asked.position, direction, asked.offset, asked.group, asked.said, asked.truth, asked.is_right,
                 asked.case)  # fmt: skip


def class_direction(label, n_classes: int) -> Tensor:
    """Return (b, k): a class against the mean of all others, which a shift of all outputs leaves as it is."""
    own = towards(label, n_classes)
    return own - (1 - own) / max(1, n_classes - 1)


def sampled(asked: Asked, n: int, seed: int) -> np.ndarray:
    """Return at most n positions into `asked`, cases whole and as many of each group as there can be, in order."""
    rng = np.random.default_rng([seed, 0xE8])
    cases: dict[str, list[np.ndarray]] = {}
    for case in rng.permutation(np.unique(asked.case)):
        members = np.flatnonzero(asked.case == case)
        cases.setdefault(str(asked.group[members[0]]), []).append(members)
    chosen: list[np.ndarray] = []
    while any(cases.values()) and sum(map(len, chosen)) < n:
        for waiting in cases.values():
            if waiting and sum(map(len, chosen)) < n:
                chosen.append(waiting.pop())
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)


def split_of(checkpoint: Checkpoint, release: Release, pictures: Pictures) -> Split:
    """Return the division that the network was trained with."""
    training = checkpoint.config.training
    if checkpoint.preprocessing.target == "triplets":
        return split_release(release, seed=checkpoint.seed, validation_share=training.validation_share)
    return split_pictures(release, pictures.row, training, seed=checkpoint.seed)


def _classes(checkpoint, release, pictures, outputs_of, chosen) -> Asked:
    names = checkpoint.preprocessing.outputs
    label = class_targets(release, pictures.row, checkpoint.config.objective, names=names).label[chosen]
    chosen, label = chosen[label >= 0], label[label >= 0]
    frequent = np.argsort(-np.bincount(label, minlength=len(names)), kind="stable")[:MAX_GROUPS]
    keep = np.isin(label, frequent)
    chosen, label = chosen[keep], label[keep]
    if not len(chosen):
        raise NothingAsked(f"no held-out picture has one of the classes {', '.join(names)}")
    said = outputs_of(chosen).argmax(dim=1).numpy()
    words = np.array(names)
    return Asked(
        chosen, class_direction(label, len(names)), np.zeros(len(chosen)), words[label], words[said], words[label],
        said == label, np.arange(len(chosen)),
    )  # fmt: skip


def _attributes(checkpoint, release, pictures, outputs_of, chosen) -> Asked:
    known = checkpoint.preprocessing
    names = known.outputs
    value = attribute_targets(release, pictures.row, checkpoint.config.objective, names=names).value[chosen]
    predicted = known.offset + known.scale * outputs_of(chosen).double().numpy()
    agrees = [_correlation(value[:, k], predicted[:, k]) for k in range(len(names))]
    shown = sorted(np.argsort(np.negative(agrees), kind="stable")[:MAX_GROUPS].tolist())
    parts = []
    for k in shown:
        here = np.flatnonzero(np.isfinite(value[:, k]))
        error = np.abs(predicted[here, k] - value[here, k])
        spread = np.nanstd(value[:, k])
        direction = towards([k] * len(here), len(names)) * float(known.scale[k])
        parts.append((chosen[here], direction, np.full(len(here), float(known.offset[k])), [names[k]] * len(here),
                      [f"{v:.2f}" for v in predicted[here, k]], [f"{v:.2f}" for v in value[here, k]],
                      error <= spread))  # fmt: skip
    if not sum(len(part[0]) for part in parts):
        raise NothingAsked(f"no held-out picture has a value of {', '.join(names)}")
    position, direction, offset, group, said, truth, is_right = zip(*parts, strict=True)
    n = sum(map(len, position))
    return Asked(
        np.concatenate(position), torch.cat(direction), np.concatenate(offset), np.concatenate(group),
        np.concatenate(said), np.concatenate(truth), np.concatenate(is_right), np.arange(n),
    )  # fmt: skip


def _triplets(release, pictures, outputs_of, split, is_whole) -> tuple[Asked, str]:
    place = np.full(len(release.stimuli), -1)
    place[pictures.row] = np.arange(len(pictures))
    rows = place[release.triplets.rows]
    whole = (rows >= 0).all(axis=1) & (release.triplets.weight > 0)
    held = next((name for name in HELD if (whole & (split.triplet == name)).any()), "")
    if not held:
        raise NothingAsked("no settled triplet of the release shows three pictures")
    rows = rows[whole & ((split.triplet != "") if is_whole else (split.triplet == held))]
    used, at = np.unique(rows, return_inverse=True)
    outputs = outputs_of(used)
    a, p, n = (outputs[torch.as_tensor(at.reshape(rows.shape)[:, k])] for k in range(3))
    margin = (a - n).square().sum(dim=1) - (a - p).square().sum(dim=1)
    is_right = (margin > 0).numpy()
    directions = torch.stack([towards_triplets(a, p, n, of=role) for role in TRIPLET_ROLES], dim=1)
    # What the picture's own place does not decide, so that the score is the whole difference.
    rest = margin[:, None] - (directions * torch.stack([a, p, n], dim=1)).sum(dim=2)
    words = np.where(is_right, "nearer", "farther")
    return Asked(
        rows.reshape(-1), directions.flatten(0, 1), rest.double().numpy().reshape(-1),
        np.tile(TRIPLET_ROLES, len(rows)), np.repeat(words, 3), np.full(rows.size, "nearer"), np.repeat(is_right, 3),
        np.repeat(np.arange(len(rows)), 3),
    ), held  # fmt: skip


def _correlation(truth: np.ndarray, predicted: np.ndarray) -> float:
    known = np.isfinite(truth)
    if known.sum() < 3 or truth[known].std() == 0 or predicted[known].std() == 0:
        return -1.0
    return float(np.corrcoef(truth[known], predicted[known])[0, 1])


__all__ = ["HELD", "Asked", "NothingAsked", "against_truth", "ask", "class_direction", "sampled", "split_of"]
