"""What people themselves would reach on these triplets: the two ceilings of every score."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.resampling import has_groups
from analysis.satisfaction import ALL, level_keys
from annotation import agreement
from triplets.archive import Release
from triplets.records import SPLITS, Triplets

CHANCE = 0.5


@dataclass(frozen=True)
class Ties:
    """Questions whose votes were equal: (n,) split, votes, and subject of the reference. They settle nothing."""

    split: np.ndarray
    n_votes: np.ndarray
    subject: np.ndarray

    def of(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        mine = self.split == split
        return self.n_votes[mine], self.subject[mine]


NO_TIES = Ties(*(np.array([], dtype) for dtype in (str, int, str)))


def tied_questions(release: Release, split, seed: int = 0) -> Ties:
    """Return the triplet questions of a release that its counted responses leave undecided.

    split : (n,) str, the splits that are evaluated. Where a validation split was carved out of `train`, the
    same share of the ties goes with it.
    """
    table = release.responses()
    asked = pc.and_(pc.equal(table["kind"], "triplet"), pc.is_in(table["role"], pa.array(["ordinary", "shared"])))
    once = pc.and_(pc.fill_null(table["is_counted"], False), pc.invert(pc.fill_null(table["is_repeat"], False)))
    table = table.filter(pc.and_(asked, once))
    table = table.append_column("for_first", pc.cast(pc.equal(table["chosen"], table["first"]), pa.int64()))
    votes = table.group_by(["question", "reference", "split"]).aggregate([("for_first", "sum"), ("for_first", "count")])
    n_votes = votes["for_first_count"].to_numpy()
    tied = 2 * votes["for_first_sum"].to_numpy() == n_votes
    order = np.argsort(votes["question"].to_numpy()[tied], kind="stable")
    subject_of = dict(zip(release.stimuli.key.tolist(), release.stimuli.subject.tolist(), strict=True))
    found = np.array(votes["split"].to_pylist(), str)[tied][order]
    if len(found) and "validation" in split and "validation" not in release.triplets.split:
        n_carved, n_train = np.sum(split == "validation"), np.sum(split == "train")
        carved = np.random.default_rng(seed).random(len(found)) < n_carved / (n_carved + n_train)
        found = np.where(carved & (found == "train"), "validation", found)
    subjects = np.array([subject_of[key] for key in votes["reference"].to_pylist()], str)[tied][order]
    return Ties(found, n_votes[tied][order], subjects)


def by_split(
    triplets: Triplets, subject, *, ties: Ties = NO_TIES, n_bootstrap: int = 1000, seed: int = 0
) -> tuple[dict, str]:
    """Return ({split: {level: {"chance", "one_person", "oracle"}}}, why ceilings are missing, "" where they are not).

    one_person : the share of majority verdicts that one more person of the same crowd would give; oracle :
    what somebody who always gives the true majority of the crowd would reach, given that few people voted.
    ties : the questions that were not settled; they tell how far people agree as much as the others do.
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
        n_tied, tied_people = ties.of(split)
        if some.n_votes.max() < 2 and not len(n_tied):
            ceilings[split] = {key: {"chance": CHANCE, "one_person": None, "oracle": None} for key in keys}
            note = (
                "Every triplet was judged once, so the votes cannot tell how far people agree: "
                "no human ceiling is known."
            )
            continue
        people = np.concatenate([subject[some.anchor], tied_people])
        found = agreement.ceilings_by_level(
            np.concatenate([some.n_positive, n_tied // 2]),
            np.concatenate([some.n_votes, n_tied]),
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
