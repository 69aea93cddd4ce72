"""How many dimensions an embedding of judgements is given: as few as predict held-out judgements as well as any."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

#: What is tried, one after the other, until more dimensions no longer help.
CANDIDATES = (1, 2, 3, 4, 6, 8, 10, 12, 16)
_WORSE_IN_A_ROW = 2


@dataclass(frozen=True)
class Choice:
    """n_latent : the dimensions chosen.

    tried : one entry a candidate, {"n_latent", "cost", "excess", "error"}: the mean cost of a held-out judgement, by
    how much it exceeds that of the best candidate, and the standard error of that difference, judgement by judgement.
    """

    n_latent: int
    tried: tuple[dict, ...]


def choose(costs_of: Callable[[int], np.ndarray], candidates: Iterable[int] = CANDIDATES) -> Choice:
    """Return the fewest dimensions whose cost exceeds the least by no more than one standard error of the difference.

    costs_of : n_latent -> (v,) cost of each held-out judgement, the same judgements in the same order each time.
    Candidates are tried in increasing order; two in a row that are worse than the best before them end the trial.
    (The rule of Breiman et al. 1984 with the error of the paired difference: judgements differ far more from one
    another than embeddings do.)

    >>> costs = {1: [0.9, 0.8], 2: [0.4, 0.5], 3: [0.35, 0.54], 4: [0.5, 0.6], 6: [0.5, 0.7]}
    >>> choose(lambda n: np.array(costs[n]), costs).n_latent
    2
    """
    found: dict[int, np.ndarray] = {}
    n_worse = 0
    for n_latent in candidates:
        costs = np.asarray(costs_of(n_latent), dtype=np.float64)
        is_worse = bool(found) and costs.mean() >= min(other.mean() for other in found.values())
        n_worse = n_worse + 1 if is_worse else 0
        found[n_latent] = costs
        if n_worse == _WORSE_IN_A_ROW:
            break
    best = min(found.values(), key=np.mean)
    tried = []
    for n_latent, costs in found.items():
        excess = costs - best
        error = float(excess.std(ddof=1) / np.sqrt(len(excess))) if len(excess) > 1 else 0.0
        tried.append(
            {"n_latent": n_latent, "cost": float(costs.mean()), "excess": float(excess.mean()), "error": error}
        )
    chosen = next(entry["n_latent"] for entry in tried if entry["excess"] <= entry["error"])
    return Choice(chosen, tuple(tried))
