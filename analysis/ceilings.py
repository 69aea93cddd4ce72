"""What people themselves would reach on these triplets: the two ceilings of every score."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.resampling import has_groups
from analysis.satisfaction import ALL, level_keys
from annotation import agreement
from triplets.archive import Release
from triplets.records import SPLITS, Triplets

CHANCE = 0.5
SHOWN = ("reference", "first", "second")


def tied_questions(release: Release, split, seed: int = 0) -> Triplets:
    """Return the triplet questions of a release that its counted responses leave undecided, candidates in any order.

    They settle nothing: weight 0, half of the votes for either candidate, no posterior.
    split : (n,) str, the splits that are evaluated. Where a validation split was carved out of `train`, the
    same share of the ties goes with it.
    """
    table = release.responses()
    asked = pc.and_(pc.equal(table["kind"], "triplet"), pc.is_in(table["role"], pa.array(["ordinary", "shared"])))
    once = pc.and_(pc.fill_null(table["is_counted"], False), pc.invert(pc.fill_null(table["is_repeat"], False)))
    table = table.filter(pc.and_(asked, once))
    table = table.append_column("for_first", pc.cast(pc.equal(table["chosen"], table["first"]), pa.int64()))
    # Of one question everything but the choice is the same in all responses.
    counted = [("for_first", "sum"), ("for_first", "count"), ("sampler", "min")]
    votes = table.group_by(["question", "reference", "first", "second", "split"]).aggregate(counted)
    n_votes = votes["for_first_count"].to_numpy()
    tied = np.flatnonzero(2 * votes["for_first_sum"].to_numpy() == n_votes)
    tied = tied[np.argsort(votes["question"].to_numpy()[tied], kind="stable")]
    row_of = {str(key): row for row, key in enumerate(release.stimuli.key.tolist())}
    rows = [np.array([row_of[key] for key in _column(votes, name, tied)], np.int64) for name in SHOWN]
    found = np.array(_column(votes, "split", tied), str)
    if len(found) and "validation" in split and "validation" not in release.triplets.split:
        n_carved, n_train = np.sum(split == "validation"), np.sum(split == "train")
        carved = np.random.default_rng(seed).random(len(found)) < n_carved / (n_carved + n_train)
        found = np.where(carved & (found == "train"), "validation", found)
    return Triplets(
        *rows, n_positive=n_votes[tied] // 2, n_votes=n_votes[tied], weight=np.zeros(len(tied), np.int64),
        posterior=np.full(len(tied), np.nan), split=found, is_same_subject=np.full(len(tied), -1, np.int8),
        sampler=np.array(_column(votes, "sampler_min", tied), str), question=votes["question"].to_numpy()[tied],
    )  # fmt: skip


def _column(table: pa.Table, name: str, rows: np.ndarray) -> list[str]:
    return ["" if value is None else value for value in table[name].take(pa.array(rows)).to_pylist()]


def by_split(
    triplets: Triplets, subject, *, ties: Triplets | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> tuple[dict, str]:
    """Return ({split: {level: {"chance", "one_person", "oracle"}}}, why ceilings are missing, "" where they are not).

    one_person : the share of majority verdicts that one more person of the same crowd would give; oracle :
    what somebody who always gives the true majority of the crowd would reach, given that few people voted.
    ties : the questions that were not settled (`tied_questions`); they tell how far people agree as much as the others.
    Each {"value", "low", "high"}, or None where the votes cannot tell: with one vote a question nobody knows
    how far people agree.
    """
    subject = np.asarray(subject).astype(str)
    ceilings, note = {}, ""
    for split in SPLITS:
        some = triplets.where(triplets.split == split)
        if not len(some):
            continue
        keys = level_keys(some.weight)
        undecided = triplets.where(slice(0)) if ties is None else ties.where(ties.split == split)
        if some.n_votes.max() < 2 and not len(undecided):
            ceilings[split] = {key: {"chance": CHANCE, "one_person": None, "oracle": None} for key in keys}
            note = (
                "Every triplet was judged once, so the votes cannot tell how far people agree: "
                "no human ceiling is known."
            )
            continue
        people = subject[np.concatenate([some.anchor, undecided.anchor])]
        found = agreement.ceilings_by_level(
            np.concatenate([some.n_positive, undecided.n_positive]),
            np.concatenate([some.n_votes, undecided.n_votes]),
            n_bootstrap=n_bootstrap,
            seed=seed,
            groups=people if has_groups(people) else None,
        )
        ceilings[split] = {key: _level(found, key) for key in keys}
    return ceilings, note


def _level(found: dict, key: str) -> dict:
    of = found["overall"] if key == ALL else found["levels"][int(key)]
    return {"chance": CHANCE, **{kind: _plain(of[kind]) for kind in ("one_person", "oracle")}}


def _plain(estimate) -> dict:
    return {"value": float(estimate.value), "low": float(estimate.low), "high": float(estimate.high)}
