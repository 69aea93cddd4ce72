"""Which stimuli and which triplets are trained on, which choose the best step and which only measure it."""

from dataclasses import dataclass

import numpy as np

from learning.config import DIVISIONS, Training
from triplets.archive import Release
from triplets.records import SPLITS

SUBJECT, TRIPLET, PICTURE = "subject", "triplet", "picture"


@dataclass(frozen=True)
class Split:
    """stimulus : (n,) str, triplet : (n_triplets,) str: "train", "validation", "test" or "" not used.

    split_by : "subject": nobody seen in training is measured. "triplet": triplets are split by their own
        column while their stimuli are shared, so all stimuli are seen in training; the figures then speak of
        new judgements of known faces, not of new faces.
        "picture": other pictures of people seen in training.
    is_carved : the release has no validation triplets; a seeded part of its training triplets was set aside.
    """

    stimulus: np.ndarray
    triplet: np.ndarray
    split_by: str
    is_carved: bool


def split_release(release: Release, *, seed: int = 0, validation_share: float = 0.1) -> Split:
    """Return how a release is divided. The same release, seed and share give the same division.

    A triplet belongs where its own column says, never elsewhere. Triplets and stimuli agree ("subject")
    when no stimulus takes part in triplets of two splits and none in a triplet of another split than its
    own; a stimulus without a split then follows the triplets that show it or its subject, else it is
    trained on. Otherwise the split is by "triplet" and all stimuli are trained on.

    Where no triplet has a split, all are training triplets. Without validation triplets, a share of the
    training triplets is set aside to choose the best step.
    """
    stimulus = np.where(np.isin(release.stimuli.split, SPLITS), release.stimuli.split, "").astype("U10")
    triplet = np.where(np.isin(release.triplets.split, SPLITS), release.triplets.split, "").astype("U10")
    rows = release.triplets.rows
    if len(triplet) and not (triplet != "").any():
        triplet[:] = "train"
    split_by = SUBJECT if _agree(release.stimuli.subject, stimulus, rows, triplet) else TRIPLET
    if split_by == TRIPLET:
        stimulus[:] = "train"
    else:
        _follow(release.stimuli.subject, stimulus, rows, triplet)
    train = np.flatnonzero(triplet == "train")
    is_carved = len(train) > 1 and not (triplet == "validation").any()
    if is_carved:
        n_carved = min(len(train) - 1, max(1, round(validation_share * len(train))))
        chosen = np.random.default_rng([seed, 0x5EED]).choice(train, size=n_carved, replace=False)
        triplet[chosen] = "validation"
    return Split(stimulus, triplet, split_by, is_carved)


def split_stimuli(
    release: Release, row: np.ndarray, *, seed: int = 0, validation_share: float = 0.1, division: str = DIVISIONS[0]
) -> Split:
    """Return how the pictures of a release are divided for learning classes or attributes.

    row : (m,) int rows of `release.stimuli` that are used; all others belong nowhere. The release's own split is
    kept, and a stimulus without one follows its subject. Where no stimulus has one, people are divided at random, as
    `Training.division` says, never the pictures of one. Without validation pictures, a share of the training people
    is set aside, of the training pictures where the release's own split parts the pictures of one person.
    """
    own = np.asarray(release.stimuli.split)[row]
    people = people_of(np.asarray(release.stimuli.subject)[row])
    found = np.where(np.isin(own, SPLITS), own, "").astype("U10")
    rng = np.random.default_rng([seed, 0x5EED])
    if not (found != "").any():
        order = rng.permutation(np.unique(people))
        place = {int(person): SPLITS[part] for person, part in zip(order, _parts(len(order), division), strict=True)}
        found = np.array([place[person] for person in people.tolist()], dtype="U10")
    else:
        known = dict(zip(people[found != ""].tolist(), found[found != ""].tolist(), strict=True))
        pairs = zip(found.tolist(), people.tolist(), strict=True)
        found = np.array([own or known.get(person, "train") for own, person in pairs], dtype="U10")
    n_sides = len(set(zip(people.tolist(), found.tolist(), strict=True)))
    split_by = SUBJECT if n_sides == len(np.unique(people)) else PICTURE
    units = people if split_by == SUBJECT else np.arange(len(found))
    train = found == "train"
    several = np.unique(units[train])
    is_carved = len(several) > 1 and not (found == "validation").any()
    if is_carved:
        n_carved = min(len(several) - 1, max(1, round(validation_share * len(several))))
        found[train & np.isin(units, rng.choice(several, size=n_carved, replace=False))] = "validation"
    stimulus = np.full(len(release.stimuli), "", dtype="U10")
    stimulus[row] = found
    sides = stimulus[release.triplets.rows]
    triplet = np.where((sides == sides[:, :1]).all(axis=1), sides[:, 0], "")
    return Split(stimulus, triplet, split_by, is_carved)


def split_pictures(release: Release, row: np.ndarray, training: Training, *, seed: int) -> Split:
    """Return `split_stimuli` as a training of that seed asks for it: while it trains, and whenever it is judged."""
    return split_stimuli(
        release, row, seed=seed, validation_share=training.validation_share, division=training.division
    )


def _parts(n: int, division: str) -> np.ndarray:
    """Return (n,) int: which of the three splits the first, second, ... of n people goes to.

    >>> np.bincount(_parts(2222, "45/5/50")).tolist()
    [1000, 111, 1111]
    """
    train, validation, _ = (int(share) for share in division.split("/"))
    ends = np.round(np.array([train, train + validation]) / 100 * n).astype(int)
    return np.searchsorted(ends, np.arange(n), side="right")


def _agree(subjects, stimulus, rows, triplet) -> bool:
    """Is every subject (every stimulus where the subject is unknown) on one side only?"""
    used = triplet != ""
    shown, side = rows[used].ravel(), np.repeat(triplet[used], 3)
    own = stimulus[shown]
    if (own[own != ""] != side[own != ""]).any():
        return False
    people = people_of(subjects)[shown]
    pairs = {(person, where) for person, where in zip(people.tolist(), side.tolist(), strict=True)}
    return len(pairs) == len(set(people.tolist()))


def _follow(subjects, stimulus, rows, triplet) -> None:
    """Give stimuli without a split, in place, the split in which their subject is judged, else train."""
    people = people_of(subjects)
    known = {}
    for where in SPLITS:
        seen = np.concatenate([rows[triplet == where].ravel(), np.flatnonzero(stimulus == where)])
        for person in np.unique(people[seen]):
            known.setdefault(int(person), where)
    for row in np.flatnonzero(stimulus == ""):
        stimulus[row] = known.get(int(people[row]), "train")


def people_of(subjects) -> np.ndarray:
    """Return (n,) int numbers of people; a stimulus of an unknown subject is a person of its own."""
    _, people = np.unique(subjects, return_inverse=True)
    unknown = np.asarray(subjects) == ""
    people = people.astype(np.int64)
    people[unknown] = people.max(initial=0) + 1 + np.flatnonzero(unknown)
    return people


def trained_on(first: Release, is_training: np.ndarray, second: Release) -> np.ndarray:
    """Return (n,) bool: stimuli of the second release that show people, or are pictures, of the training on the first.

    is_training : (m,) bool, stimuli of the first that a network was trained on. Names mean the same people only
    within one collection: "s01" is somebody else in another.
    """
    stimuli = second.stimuli
    if first.manifest.get("collection") != second.manifest.get("collection"):
        return np.zeros(len(stimuli), bool)
    people, keys = (
        set(np.asarray(values).astype(str)[is_training].tolist()) - {""}
        for values in (first.stimuli.subject, first.stimuli.key)
    )
    subject, key = (np.asarray(values).astype(str) for values in (stimuli.subject, stimuli.key))
    return np.isin(subject, list(people)) | np.isin(key, list(keys))
