"""For whom a network loses most on a second collection: the drop of each group of people, with intervals.

A group is compared that has enough people on both sides. Its drop stands beside how much larger it is than that of
everybody else who is in a group of the same column; of m groups one in twenty would look special by chance, so both
intervals of a group hold with 1 - .05/m (Bonferroni).
"""

from itertools import product

import numpy as np

from analysis import groups
from analysis.drops import Cases, difference, drop_of, of_intervals
from triplets.intervals import CONFIDENCE
from triplets.records import Stimuli


def by_group(
    outcomes: dict[str, tuple[Cases, Cases]], here: Stimuli, there: Stimuli, *, n_bootstrap=1000, seed=0
) -> dict:
    """Return the drop of every outcome in every group that both collections know, ready for JSON.

    outcomes : outcome -> (cases here, cases there), shares. {"omitted": why} or {"n_groups", "rows": [{"outcome",
    "column", "group", "here", "there", "drop", "more": its drop less that of everybody else}]}.
    """
    columns = [groups.columns(stimuli) for stimuli in (here, there)]
    shared = [name for name in columns[0] if name in columns[1]]
    if not shared:
        return {"omitted": "no column of the stimuli divides the people of both collections into groups"}
    cases = [
        (outcome, column, value, sides, inside, among)
        for (outcome, sides), column in product(outcomes.items(), shared)
        for value, inside, among in _divided(sides, [of[column] for of in columns])
    ]
    if not cases:
        n = f"{groups.MIN_SUBJECTS} people with {groups.MIN_CASES} cases each"
        return {"omitted": f"no column has two groups of {n} in both collections"}
    how = {"n_bootstrap": n_bootstrap, "confidence": 1 - (1 - CONFIDENCE) / len(cases)}
    return {"n_groups": len(cases), "rows": [_row(*case, how, seed) for case in cases]}


def _divided(sides: tuple[Cases, Cases], group: list[np.ndarray]):
    """Yield (value, (inside here, inside there), (compared here, compared there)) of the groups of one column."""
    at = [of[cases.row] for of, cases in zip(group, sides, strict=True)]
    large = [
        value
        for value in sorted(set(at[0].tolist()) & set(at[1].tolist()) - {""})
        if all(groups.is_large(of == value, cases.subject) for of, cases in zip(at, sides, strict=True))
    ]
    if len(large) > 1:
        among = [np.isin(of, large) for of in at]
        yield from ((value, [of == value for of in at], among) for value in large)


def _row(outcome: str, column: str, value: str, sides, inside, among, how: dict, seed: int) -> dict:
    own = drop_of(*(cases.where(of) for cases, of in zip(sides, inside, strict=True)), seed=seed, **how)
    rest = [cases.where(all_of & ~of) for cases, of, all_of in zip(sides, inside, among, strict=True)]
    others = drop_of(*rest, seed=seed + 2, **how)
    if own.is_flat or others.is_flat:
        more = of_intervals(own.drop, others.drop)
    else:
        more = difference(own.drop, others.drop, own.replicates - others.replicates, confidence=how["confidence"])
    return {"outcome": outcome, "column": column, "group": value} | own.to_dict() | {"more": more.to_dict()}
