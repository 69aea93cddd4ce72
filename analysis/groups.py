"""For whom it fails: the same figures by group of people in the pictures, with intervals that allow for looking often.

Groups are the values of any column of the stimuli that says something about people: sex, age (in bands), whatever the
manifest had. Every group is compared with everybody else. Of m comparisons one in twenty would look like a gap by
chance alone, so the interval of each difference holds with 1 - .05/m, and all of them together with 95 % (Bonferroni).
"""

import itertools
import re
from dataclasses import dataclass

import numpy as np

from analysis.resampling import Resample, units_of
from triplets.intervals import CONFIDENCE, DIFFERENCE, ERROR, PLAIN, SHARE, Scale
from triplets.records import Stimuli

#: A column with more values is a name or a number; ages are put into bands.
MAX_VALUES = 8
AGE = re.compile(r"(^|_)age(_|$)", re.IGNORECASE)
AGE_ENDS = (18, 30, 45, 60)
#: A group is compared that has so many people and cases.
MIN_SUBJECTS, MIN_CASES = 3, 20
#: A column speaks of people where it says one thing of a person; some slips are forgiven.
SAME_WITHIN = 0.95


@dataclass(frozen=True)
class Outcome:
    """What came of n cases. key : "satisfied", "named", "read" or "error"; is_share : hits, else errors.

    value : (n,) float; row : (n,) rows of the stimuli that the cases are about
    """

    key: str
    value: np.ndarray
    row: np.ndarray
    is_share: bool = True


def columns(stimuli: Stimuli) -> dict[str, np.ndarray]:
    """Return {column: (n,) str group, "" unknown} of the columns that divide the people in the pictures."""
    subject = np.asarray(stimuli.subject).astype(str)
    found = {}
    named = stimuli.extra | {name: values for name, values in stimuli.attributes.items() if AGE.search(name)}
    for name, values in named.items():
        group = age_bands(values) if AGE.search(name) else np.asarray(values).astype(str)
        n_values = len(set(group.tolist()) - {""})
        if 2 <= n_values <= MAX_VALUES and _is_about_people(group, subject):
            found[name] = group
    return found


def age_bands(values) -> np.ndarray:
    """Return ages as bands, words as they are. Numbers of 18 and more are "18 to 29" and so on.

    >>> age_bands(["17", "18", "61.5", "", "old"]).tolist()
    ['under 18', '18 to 29', '60 and over', '', 'old']
    """
    labels = [f"under {AGE_ENDS[0]}"]
    labels += [f"{low} to {high - 1}" for low, high in itertools.pairwise(AGE_ENDS)]
    labels += [f"{AGE_ENDS[-1]} and over"]
    banded = []
    for text in np.asarray(values).astype(str).tolist():
        try:
            age = float(text)
        except ValueError:
            banded.append(text)
        else:
            banded.append("" if np.isnan(age) else labels[int(np.searchsorted(AGE_ENDS, age, side="right"))])
    return np.array(banded)


def _is_about_people(group: np.ndarray, subject: np.ndarray) -> bool:
    known = (group != "") & (subject != "")
    if not known.any():
        return False
    pairs = np.unique(np.column_stack([subject[known], group[known]]), axis=0)
    n_values = np.unique(pairs[:, 0], return_counts=True)[1]
    return bool((n_values == 1).mean() >= SAME_WITHIN)


def by_group(outcomes: list[Outcome], stimuli: Stimuli, *, n_bootstrap=1000, seed=0) -> dict:
    """Return every outcome in every group, and its difference from everybody else, ready for JSON.

    {"omitted": why} where no column divides people; else {"columns": names, "n_comparisons", "rows": [{"outcome",
    "column", "group", "n", "n_subjects", "figure", "difference"}], "left_out": groups with too few people}.
    """
    divided = columns(stimuli)
    if not divided:
        return {"omitted": "no column of the stimuli divides the people in the pictures into groups"}
    subject = np.asarray(stimuli.subject).astype(str)
    cases, left_out = [], set()
    for outcome in outcomes:
        for column, group in divided.items():
            here = group[outcome.row]
            large = [
                value for value in sorted(set(here.tolist()) - {""}) if is_large(here == value, subject[outcome.row])
            ]
            left_out |= {f"{column} {value}" for value in set(here.tolist()) - {""} - set(large)}
            if len(large) > 1:
                cases += [(outcome, column, value, here == value, np.isin(here, large)) for value in large]
    if not cases:
        return {"omitted": f"no two groups of {MIN_SUBJECTS} people with {MIN_CASES} cases each can be compared"}
    # Two groups that are all there is are one comparison, not two.
    n = len({(id(case[0]), case[1], _pair(case)) for case in cases})
    level = 1 - (1 - CONFIDENCE) / n
    rows = [_row(*case, subject, level, n_bootstrap, seed) for case in cases]
    # What one figure has too few cases of, another may compare.
    left_out -= {f"{row['column']} {row['group']}" for row in rows}
    return {"columns": list(divided), "n_comparisons": n, "rows": rows, "left_out": sorted(left_out)}


def is_large(chosen: np.ndarray, subject: np.ndarray) -> bool:
    """Return whether a group has enough cases and people to be compared. chosen : (n,) bool; subject : (n,) str."""
    return chosen.sum() >= MIN_CASES and len(set(subject[chosen]) - {""}) >= MIN_SUBJECTS


def _pair(case) -> bytes:
    """Return what a comparison and its mirror image have in common."""
    _, _, _, inside, among = case
    return min(inside.tobytes(), (among & ~inside).tobytes())


def _row(outcome: Outcome, column, value, inside, among, subject, level, n_bootstrap, seed) -> dict:
    people = subject[outcome.row]
    scale: Scale = SHARE if outcome.is_share else ERROR
    here = Resample(units_of(people[inside], int(inside.sum())), n_bootstrap, seed)
    one = np.column_stack([outcome.value[inside], np.ones(inside.sum())])
    figure = here.estimate(one, lambda s: s[:, 0] / s[:, 1], scale)
    outside = among & ~inside
    both = np.flatnonzero(among)
    sides = np.column_stack([outcome.value * inside, inside, outcome.value * outside, outside])[both]
    # As much as the smaller side is known, the difference is known.
    smaller = min((inside, outside), key=lambda side: len(set(people[side].tolist())))
    apart = Resample(units_of(people[both], len(both)), n_bootstrap, seed, level)
    difference = apart.estimate(
        sides,
        lambda s: s[:, 0] / s[:, 1] - s[:, 2] / s[:, 3],
        DIFFERENCE if outcome.is_share else PLAIN,
        size=smaller[both],
    )
    return {
        "outcome": outcome.key,
        "column": column,
        "group": value,
        "n": int(inside.sum()),
        "n_subjects": len(set(people[inside].tolist())),
        "figure": figure.to_dict(),
        "difference": difference.to_dict(),
    }
