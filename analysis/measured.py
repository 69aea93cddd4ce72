"""What all parts of an evaluation start from: the representations compared, and the triplets that count."""

from dataclasses import dataclass, replace

import numpy as np

from analysis import projection
from analysis.representation import Representation
from learning.splits import SUBJECT, Split
from triplets import geometry
from triplets.archive import Release
from triplets.records import SPLITS, Triplets


@dataclass(frozen=True)
class Measured:
    """What all parts of an evaluation start from.

    compared : {name: (m, d)} the embedding and its baselines, for the m stimuli of `made`
    counted : the triplets that count: settled, in a split, all faces known to every representation; triplets : by split
    splits : as `describe_splits`
    """

    made: Representation
    release: Release
    compared: dict[str, np.ndarray]
    counted: Triplets
    triplets: dict[str, Triplets]
    splits: dict
    n_bootstrap: int
    seed: int

    @property
    def headline(self) -> str | None:
        """The split whose figures a reader takes home, None without counted triplets."""
        return self.splits["headline"]

    @property
    def how(self) -> dict:
        return {"n_bootstrap": self.n_bootstrap, "seed": self.seed}

    @property
    def subject(self) -> np.ndarray:
        return np.asarray(self.release.stimuli.subject).astype(str)

    def rows(self, split: str) -> np.ndarray:
        """Return (n, 3) positions among the m stimuli of the triplets of a split."""
        return self.made.position(len(self.release.stimuli))[self.triplets[split].rows]

    def hits(self, split: str) -> dict[str, np.ndarray]:
        """Return {name: (n,) bool} satisfied, of those representations that know all faces of the split."""
        rows = self.rows(split)
        found = {name: satisfied(values, rows) for name, values in self.compared.items()}
        return {name: hits for name, hits in found.items() if hits is not None}


def start(made: Representation, release: Release, *, n_bootstrap: int = 1000, seed: int = 0) -> Measured:
    """Return what an evaluation of a representation on a release starts from."""
    position = made.position(len(release.stimuli))
    triplets = replace(release.triplets, split=made.split.triplet)
    triplets = triplets.where(_usable(triplets, position, made))
    by_split = {name: triplets.where(triplets.split == name) for name in SPLITS}
    by_split = {name: some for name, some in by_split.items() if len(some)}
    splits = describe_splits(made.split, release, triplets)
    return Measured(made, release, representations(made), triplets, by_split, splits, n_bootstrap, seed)


def representations(made: Representation) -> dict[str, np.ndarray]:
    """Return {"embedding": (m, d), "raw": (m, D), "pca_50": ..., "neutral_difference": (m, D)}.

    Each for the same m stimuli; the baselines that the data do not allow are absent. Rows of neutral_difference are
    nan where a person has no neutral face, those of ordinal where no training triplet shows the stimulus.
    """
    compared = {"embedding": made.mean}
    if made.x.shape[1]:
        compared |= {"raw": made.x, **projection.pca_baselines(made.x, made.is_training)}
    if made.neutral is not None:
        compared["neutral_difference"] = made.x - made.neutral
    if made.ordinal is not None:
        compared["ordinal"] = made.ordinal
    return compared


def satisfied(values: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
    """Return (n,) bool satisfied, None where a face of the triplets is not known. Other rows need not be finite."""
    used, compact = np.unique(rows, return_inverse=True)
    known = np.asarray(values, np.float64)[used]
    return geometry.satisfied(known, compact.reshape(rows.shape)) if np.isfinite(known).all() else None


def describe_splits(split: Split, release: Release, triplets: Triplets) -> dict:
    """Return how the held-out triplets differ from the training ones, and what each split holds.

    how : "subject" no person of a held-out triplet was seen in training, "stimulus" no picture (the people
    are not known), "triplet" only the judgement is new, "none" nothing is held out.
    """
    subject = np.asarray(release.stimuli.subject).astype(str)
    counts = {}
    for name in SPLITS:
        rows = np.unique(triplets.rows[triplets.split == name])
        if len(rows):
            people = len(set(subject[rows]) - {""})
            n = int((triplets.split == name).sum())
            counts[name] = {"triplets": n, "stimuli": len(rows), "subjects": people}
    held = [name for name in ("test", "validation") if name in counts]
    how = split.split_by if held and "train" in counts else "none"
    if how == SUBJECT and (subject[np.unique(triplets.rows)] == "").any():
        how = "stimulus"
    shown = next((name for name in ("test", "validation", "train") if name in counts), None)
    return {"how": how, "is_validation_carved": split.is_carved, "counts": counts, "headline": shown}


def _usable(triplets: Triplets, position: np.ndarray, made: Representation) -> np.ndarray:
    """Return (n,) bool: settled, in a split, and all three faces known to every representation."""
    whole = np.ones(len(made.row), bool)
    if made.neutral is not None:
        whole = np.isfinite(made.neutral).all(1)
    known = (position >= 0) & whole[np.maximum(position, 0)]
    return (triplets.weight > 0) & np.isin(triplets.split, SPLITS) & known[triplets.rows].all(1)
