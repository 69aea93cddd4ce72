"""Satisfied triplets by kind: one person or three, faces met before or not, asked at random or chosen by a network."""

import numpy as np

from analysis import ceilings
from analysis.satisfaction import gain, share
from learning.splits import Split
from triplets.archive import Release
from triplets.records import Triplets

#: Questions that a network chose where it was unsure; a score on them says nothing about questions in general.
ADAPTIVE = ("informative",)
#: Fewer triplets of a kind than this give no figure that means anything.
MIN_TRIPLETS = 10
LABELS = {
    "all": "all held-out triplets",
    "same": "three pictures of one person",
    "different": "three different people",
    "mixed": "two pictures of one person and one of another",
    "new_people": "nobody seen in training",
    "new_faces": "new pictures of people seen in training",
    "known_faces": "faces seen in training, judgement new",
    "partly_known": "some faces seen in training",
    "random": "asked at random",
    "chosen": "asked because a network was unsure",
}
GROUPS = (
    ("people", ("same", "different", "mixed")),
    ("novelty", ("new_people", "new_faces", "known_faces", "partly_known")),
    ("sampler", ("random", "chosen")),
)

#: The sampler of triplets that `triplets.artificial` derives from labels.
ARTIFICIAL = "artificial"


def by_kind(
    hits: dict,
    triplets: Triplets,
    split: Split,
    release: Release,
    *,
    ties: Triplets | None = None,
    n_bootstrap=1000,
    seed=0,
) -> dict:
    """Return the satisfied shares of every kind of held-out triplet, ready for JSON.

    hits : {representation: (n,) bool}, "embedding" among them; triplets : the n of the split that is reported
    split : of the whole release; what is "seen in training" are the faces of its training triplets.
    {"rows": [{"group", "key", "label", "n", "shares": {name: estimate}, "one_person", "oracle", "gain"}]}, the first
    row all of them; groups of which only one kind occurs are left out, except novelty, which always says what is new.
    gain : of the embedding over the best baseline of that row.
    ties : questions of that split that were not settled; they count for the ceilings of their kind
    """
    ties = triplets.where(slice(0)) if ties is None else ties
    kinds, of_ties = (_kinds(some, split, release) for some in (triplets, ties))
    subject = np.asarray(release.stimuli.subject).astype(str)
    rows = []
    for group, keys in (("", ("all",)), *GROUPS):
        here = [key for key in keys if key in kinds and kinds[key].sum() >= MIN_TRIPLETS]
        if group in ("people", "sampler") and len(here) < 2:
            continue
        rows += [
            _row(group, key, hits, triplets, kinds[key], ties.where(of_ties[key]), subject, n_bootstrap=n_bootstrap,
                 seed=seed)
            for key in here
        ]  # fmt: skip
    return {"rows": rows}


def _kinds(triplets: Triplets, split: Split, release: Release) -> dict[str, np.ndarray]:
    """Return {kind: (n,) bool} of all kinds."""
    found = {"all": np.ones(len(triplets), bool)} | people_kinds(triplets, release.stimuli.subject)
    return found | novelty_kinds(triplets, split, release) | sampler_kinds(triplets)


def _row(group, key, hits, triplets, chosen, ties, subject, **how) -> dict:
    some = triplets.where(chosen)
    people = subject[some.anchor]
    shares = {name: share(of[chosen], people, **how) for name, of in hits.items()}
    baselines = [name for name in shares if name != "embedding"]
    best = max(baselines, key=lambda name: shares[name].value) if baselines else None
    level, _ = ceilings.by_split(some, subject, ties=ties, **how)
    of = next(iter(level.values()))["all"]
    ahead = gain(hits["embedding"][chosen], hits[best][chosen], people, **how) if best else None
    return {
        "group": group,
        "key": key,
        "label": LABELS[key],
        "n": int(chosen.sum()),
        "shares": {name: found.to_dict() for name, found in shares.items()},
        "one_person": of["one_person"],
        "oracle": of["oracle"],
        "best_baseline": best,
        "gain": ahead.to_dict() if ahead else None,
    }


def people_kinds(triplets: Triplets, subject) -> dict[str, np.ndarray]:
    """Return {"same", "different", "mixed": (n,) bool}: whose faces a triplet shows; unknown people are in none."""
    who = np.asarray(subject).astype(str)[triplets.rows]
    known = (who != "").all(1)
    n_people = 1 + (who[:, 1] != who[:, 0]).astype(int) + ((who[:, 2] != who[:, 0]) & (who[:, 2] != who[:, 1]))
    same = np.where(known, n_people == 1, triplets.is_same_subject == 1)
    return {"same": same, "different": known & (n_people == 3), "mixed": known & (n_people == 2)}


def novelty_kinds(triplets: Triplets, split: Split, release: Release) -> dict[str, np.ndarray]:
    """Return {"new_people", "new_faces", "known_faces", "partly_known": (n,) bool}: what training saw of a triplet.

    Known are the stimuli of training triplets, and those that the split trains on without asking about them.
    new_people : no stimulus and no person; new_faces : no stimulus, though a person (or unknown people); known_faces :
    all three stimuli: only the judgement is new; partly_known : one or two stimuli.
    """
    n = len(release.stimuli)
    met = np.zeros(n, bool)
    met[np.unique(release.triplets.rows[split.triplet == "train"])] = True
    met |= split.stimulus == "train"
    subject = np.asarray(release.stimuli.subject).astype(str)
    people = np.isin(subject, np.unique(subject[met])) & (subject != "")
    seen, person = met[triplets.rows], people[triplets.rows]
    unknown = (subject[triplets.rows] == "").any(1)
    nothing = ~seen.any(1)
    return {
        "new_people": nothing & ~person.any(1) & ~unknown,
        "new_faces": nothing & (person.any(1) | unknown),
        "known_faces": seen.all(1),
        "partly_known": seen.any(1) & ~seen.all(1),
    }


def n_artificial(triplets: Triplets) -> int:
    """Return how many triplets follow from labels, without anybody's having been asked."""
    return int((np.asarray(triplets.sampler).astype(str) == ARTIFICIAL).sum())


def sampler_kinds(triplets: Triplets) -> dict[str, np.ndarray]:
    """Return {"random", "chosen": (n,) bool}: whether a question was chosen by a network that was unsure."""
    chosen = np.isin(np.asarray(triplets.sampler).astype(str), ADAPTIVE)
    return {"random": ~chosen, "chosen": chosen}
