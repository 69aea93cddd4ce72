"""How much each dimension of a space counts for each single person, how surely, and what habits they have.

The network's members have dimensions of their own. Here are those of the space that they make together, turned so that
what people differ in lies along single dimensions: a person's scalar products of the stimuli are then the group's with
a weight on each of them, as in INDSCAL (Carroll & Chang 1970), whose dimensions are found in this way. Whoever minds
all of them more is surer, which is said once: a person's weights have the mean 1, consistency holds the rest.
"""

import itertools
from typing import TYPE_CHECKING

import numpy as np

from analysis.annotators import MAX_SHOWN
from learning.judgements import groups_of
from triplets.records import Stimuli

if TYPE_CHECKING:  # loads torch
    from learning.individuals import Individuals

MAX_DIMENSIONS = 6
#: An axis along which so little of the differences lies is left out; a column must tell so much of one to name it.
LEAST_SHARE, LEAST_TOLD = 0.03, 0.3
#: Columns that tell so much of what the best one tells are as good.
_ALIKE = 0.9
#: People with fewer training responses are left out.
MIN_RESPONSES = 30
#: Rounds of turning until dimensions stand still.
_SWEEPS = 100
#: 95 % of a normal.
_WIDTH = 1.959964


def by_person(seen: "Individuals", stimuli: Stimuli) -> dict:
    """Return what is held of each person, ready for JSON.

    {"omitted": why} where nobody gave MIN_RESPONSES or distances are city-block; else
    dimensions : [{"share", "told_by": [{"name", "share"}], "spread"}]: of the squared differences between stimuli; by
        which columns, the share of the axis that they tell; standard deviation between people of the log weight.
    people : [{"annotator", "n", "weights": [{"value", "low", "high"}], "consistency", "left", "same_side"}]: multiples
        of the usual person's; habits are multiples of the odds, None where no response says what was shown where.
    n_weights, n_apart : weights of all people, and how many have an interval without 1.
    """
    if seen.is_city:
        return {"omitted": "members of the network add up absolute differences, whose dimensions cannot be turned"}
    axes, towards = _axes(seen)
    n_given = np.bincount(seen.person, minlength=len(seen.annotator))
    enough = np.flatnonzero(n_given >= MIN_RESPONSES)
    if not len(enough):
        return {"omitted": f"nobody gave {MIN_RESPONSES} training responses"}
    share = (axes**2).sum(0) / (_together(seen) ** 2).sum()
    held = np.log(np.einsum("mac,mcr->ar", seen.attention, towards**2)), np.log(seen.consistency).mean(0)
    weights = _parted(*(of - of[enough].mean(0) for of in held), share)
    habits = seen.habits.mean(0)
    sided = [bool(seen.circumstances[:, k].any()) for k in (0, 1)]
    people = []
    for a in enough.tolist():
        errors = _errors(seen, axes, towards, a, (held[0][a], held[1][a], habits[a]), share)
        *own, consistency, left, same = map(_multiple, [*weights[a], *habits[a]], errors)
        people.append(
            {"annotator": str(seen.annotator[a]), "n": int(n_given[a]), "weights": own, "consistency": consistency,
             "left": left if sided[0] else None, "same_side": same if sided[1] else None}
        )  # fmt: skip
    every = [weight for person in people for weight in person["weights"]]
    shown = np.unique(np.linspace(0, len(people) - 1, min(MAX_SHOWN, len(people))).round().astype(int))
    return {
        "n_people": len(people),
        "n_left_out": int(len(seen.annotator) - len(people)),
        "dimensions": [
            {"share": float(share[r]), "told_by": told, "spread": float(weights[enough, r].std())}
            for r, told in enumerate(_told_by(axes, stimuli, seen.stimulus))
        ],
        "people": [people[k] for k in shown.tolist()],
        "n_weights": len(every),
        "n_apart": sum(not weight["low"] <= 1 <= weight["high"] for weight in every),
    }


def _together(seen: "Individuals") -> np.ndarray:
    """Return (n, M * C): one space, squared distances in it are the mean of the members'."""
    space = seen.space.astype(np.float64)
    together = space.transpose(1, 0, 2).reshape(space.shape[1], -1) / np.sqrt(len(space))
    return together - together.mean(0)


def _axes(seen: "Individuals") -> tuple[np.ndarray, np.ndarray]:
    """Return (stimuli on the chosen axes (n, K), unit vectors of these among the members' columns (M, C, K))."""
    left, singular, right = np.linalg.svd(_together(seen), full_matrices=False)
    large = singular**2 >= LEAST_SHARE * (singular**2).sum()
    n_kept = max(1, min(MAX_DIMENSIONS, int(large.sum())))
    m, _, c = seen.space.shape
    towards = right[:n_kept].T.reshape(m, c, n_kept)
    turn = jointly_diagonal(np.einsum("mci,mac,mcj->aij", towards, seen.attention, towards, optimize=True))
    axes = left[:, :n_kept] * singular[:n_kept] @ turn
    order = np.argsort(-(axes**2).sum(0), kind="stable")
    return axes[:, order], (towards @ turn)[..., order]


def jointly_diagonal(matrices: np.ndarray) -> np.ndarray:
    """Return (K, K) a rotation R such that R' P R of each of (A, K, K) symmetric matrices P is as diagonal as can be.

    Jacobi angles (Cardoso & Souloumiac 1996) on the differences from the mean matrix: axes in which they differ.
    """
    left = matrices - matrices.mean(0)
    n = left.shape[1]
    turn = np.eye(n)
    for _ in range(_SWEEPS):
        largest = 0.0
        for i, j in itertools.combinations(range(n), 2):
            apart, across = left[:, i, i] - left[:, j, j], 2 * left[:, i, j]
            on, off = apart @ apart - across @ across, 2 * apart @ across
            angle = 0.5 * np.arctan2(off, on + np.hypot(on, off))
            pair = np.eye(n)
            pair[[i, j], [i, j]], pair[i, j], pair[j, i] = np.cos(angle), -np.sin(angle), np.sin(angle)
            left, turn, largest = pair.T @ left @ pair, turn @ pair, max(largest, abs(angle))
        if largest < 1e-9:
            break
    return turn


def _parted(weights: np.ndarray, consistency: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return (..., K + 1): log weights less their mean, and the log consistency with it; the mean counts axes by share.

    weights : (..., K) logarithms      consistency : (...,) of a person

    >>> _parted(np.log([4.0, 1.0]), np.log(1.0), np.array([0.5, 0.5])).round(6).tolist()
    [0.693147, -0.693147, 0.693147]
    """
    mean = weights @ share / share.sum()
    return np.concatenate([weights - mean[..., None], (consistency + mean)[..., None]], axis=-1)


def _errors(seen: "Individuals", axes, towards, a: int, held, share: np.ndarray) -> np.ndarray:
    """Return (K + 3,) standard errors of what `_parted` gives of a person, and of the log odds of both habits.

    held : log weights (K,), log consistency and habits (2,) as the network has them.
    Normal approximation of the posterior around these: the information of the person's own responses about all of them
    together, and the prior that training shrinks them by. A weight that is a mean over several columns of a member is
    known as well as that mean.
    """
    weight, consistency, habit = np.exp(held[0]), np.exp(held[1]), held[2]
    own = seen.person == a
    anchor, near, far = axes[seen.rows[own]].transpose(1, 0, 2)
    to_near, to_far = consistency * weight * (anchor - near) ** 2, consistency * weight * (anchor - far) ** 2
    apart, both = (to_far - to_near).sum(1), (to_far + to_near).sum(1)
    damped = 1 + seen.blur * both
    # Derivatives of the log odds to the logarithms of weights and consistency, and to the habits.
    along = (to_far - to_near) / damped[:, None] - seen.blur * (to_far + to_near) * (apart / damped**2)[:, None]
    slope = np.column_stack([along, apart / damped**2, seen.circumstances[own]])
    chance = 1 / (1 + np.exp(-(apart / damped + seen.circumstances[own] @ habit)))
    of_weight, of_noise, of_habit = seen.shrinkage
    within = towards**2 / np.maximum((towards**2).sum(1, keepdims=True), 1e-12)
    spread_over = (within**2).sum(1).mean(0)
    prior = np.concatenate([of_weight * weight**2 / spread_over, [of_noise, of_habit, of_habit]])
    information = (slope * (chance * (1 - chance))[:, None]).T @ slope + np.diag(np.maximum(prior, 1e-9))
    k = len(weight)
    parted = np.eye(k + 3)
    parted[:k, :k] -= share / share.sum()
    parted[k, :k] = share / share.sum()
    return np.sqrt(np.diag(parted @ np.linalg.inv(information) @ parted.T))


def _multiple(log: float, error: float) -> dict:
    """Return a positive number with the ends of its interval, from its logarithm with its error."""
    return {key: float(np.exp(log + side * _WIDTH * error)) for key, side in (("value", 0), ("low", -1), ("high", 1))}


def _told_by(axes: np.ndarray, stimuli: Stimuli, row: np.ndarray) -> list[list[dict]]:
    """Return for each axis the columns that tell the most of it, two at most, with their share beyond chance.

    A column of fewer values that tells nearly as much as the best one stands for it: who differs in race is another
    person, too.
    """
    names, values = groups_of(stimuli, row, ("subject", "class_label", *stimuli.extra))
    found = []
    for along in axes.T:
        shares = {name: _told(along, value) for name, value in zip(names, values, strict=True)}
        telling = sorted((name for name in names if shares[name] >= LEAST_TOLD), key=lambda name: -shares[name])
        if telling:
            alike = [name for name in telling if shares[name] >= _ALIKE * shares[telling[0]]]
            plainest = min(alike, key=lambda name: len(np.unique(values[names.index(name)])))
            telling = telling[:2] if plainest == telling[0] else [plainest]
        found.append([{"name": name, "share": shares[name]} for name in telling])
    return found


def _told(along: np.ndarray, value: np.ndarray) -> float:
    """Return the adjusted share of variance that groups tell (epsilon squared), over the stimuli whose group is known.

    >>> round(_told(np.array([1.0, 1.0, 2.0, 2.0, 1.0, 2.0]), np.array([0, 0, 1, 1, 0, 1])), 6)
    1.0
    """
    known = value >= 0
    along, value = along[known], value[known]
    _, group = np.unique(value, return_inverse=True)
    n, n_groups = len(along), group.max(initial=0) + 1
    total = ((along - along.mean()) ** 2).sum() if n else 0.0
    if n <= n_groups or n_groups < 2 or total <= 0:
        return 0.0
    mean = np.bincount(group, weights=along) / np.bincount(group)
    within = ((along - mean[group]) ** 2).sum()
    return float(1 - within / total * (n - 1) / (n - n_groups))
