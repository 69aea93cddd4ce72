"""Controls that train a network again: on shuffled verdicts, and with the triplets divided the other way. Loads torch.

A network that learns nothing from judgements reaches on true held-out triplets what its inputs and its form alone
give. The shuffled control shows that share: the same recipe, release and seed, the verdict of every training and
validation triplet drawn by a coin. The second control divides the judgements by triplet where the report divides them
by person, or the other way round: what is lost on new people as against new judgements of known faces.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from analysis import label_control
from analysis.measured import Measured, satisfied
from analysis.satisfaction import share
from learning.config import Config
from learning.datasets import NothingToLearn
from learning.landmarks import LandmarksUnusable
from learning.splits import SUBJECT, Split
from triplets.archive import Release
from triplets.records import SPLITS, Triplets

#: Of people (or triplets) for training and validation; the rest test, as in the release's own division.
SHARES = (0.7, 0.15)


def shuffled(triplets: Triplets, *, seed: int = 0, where=None) -> Triplets:
    """Return triplets whose positive and negative changed places by a coin. where : (n,) bool, None everywhere."""
    coin = np.random.default_rng([seed, 0xC01]).random(len(triplets)) < 0.5
    coin &= np.ones(len(triplets), bool) if where is None else where
    swapped = {"positive": np.where(coin, triplets.negative, triplets.positive)}
    swapped["negative"] = np.where(coin, triplets.positive, triplets.negative)
    return replace(triplets, **swapped)


def controls(of: Measured, progress=None, *, explained: dict | None = None, checkpoint=None) -> dict:
    """Return {"permuted", "shuffled", "divided"} as the functions below give them, of triplets.

    Of a network that learnt classes or attributes {"labels": ...}, see `label_control.control`; explained and
    checkpoint as there.
    """
    if of.made.answers is not None:
        try:
            config = _config(of)
        except NotRecorded as error:
            return {"omitted": str(error)}
        if progress is not None:
            progress("training the control on shuffled labels", 0.9)
        return {"labels": label_control.control(of, config, explained, checkpoint)}
    if of.headline is None:
        return {"omitted": "the release holds no triplets to control"}
    align = partial(label_control.aligned, explained, checkpoint, release=of.release, seed=of.seed)
    return {"split": of.headline, "permuted": permuted(of), **retrained(of, progress=progress, align=align)}


class NotRecorded(ValueError):
    """The checkpoint does not say how its network was trained."""


def _config(of: Measured) -> Config:
    recorded = of.made.about
    if "config" not in recorded:
        raise NotRecorded("the checkpoint does not say how it was trained")
    if not recorded["config"].get("network", {}).get("kind"):
        raise NotRecorded("the checkpoint does not say which network it is")
    return Config.from_dict(recorded["config"])


def permuted(of: Measured) -> dict:
    """Return the share of the headline's triplets that the network satisfies once their verdicts are drawn by a coin.

    One half, but for ties, which are misses: an embedding that collapsed to a point shows here as 0.
    """
    name = of.headline
    triplets = shuffled(of.triplets[name], seed=of.seed)
    rows = of.made.position(len(of.release.stimuli))[triplets.rows]
    return share(satisfied(of.made.mean, rows), of.subject[triplets.anchor], **of.how).to_dict()


def retrained(of: Measured, *, progress=None, align: Callable[[Path], dict] | None = None) -> dict:
    """Return {"shuffled": ..., "divided": ...}: shares of networks trained again, or {"omitted": why} each.

    align : from the checkpoint of the network of shuffled verdicts how its heat maps lie, for its "alignment"
    Each is {"share", "n", "what"}; divided also has "how", "subject" or "triplet", how its test triplets are held out.
    """
    tell = progress or (lambda words, share: None)
    try:
        config = _config(of)
    except NotRecorded as error:
        return {"omitted": str(error)}
    judged = replace(of.release, triplets=replace(of.release.triplets, split=of.made.split.triplet))
    held_in = np.isin(judged.triplets.split, ("train", "validation"))
    noise = replace(judged, triplets=shuffled(judged.triplets, seed=of.seed, where=held_in))
    tell("training the control on shuffled verdicts", 0.86)
    found = {"shuffled": _trained(noise, judged, config, of, align)}
    tell("training the control with the other division", 0.93)
    try:
        other, how = divided_otherwise(of.release, of.made.split, seed=of.seed)
    except NothingToLearn as error:
        return found | {"divided": {"omitted": str(error)}}
    return found | {"divided": _trained(other, other, config, of) | {"how": how}}


def _trained(training: Release, judged: Release, config: Config, of: Measured, align=None) -> dict:
    """Train on one release and return the share of the test triplets of the other that the network satisfies."""
    from analysis.embedded import represent
    from learning.training import TrainingDiverged, train_release

    with tempfile.TemporaryDirectory(prefix="control-") as folder:
        try:
            made = train_release(training, config, seed=of.made.about.get("seed") or 0, out=Path(folder))
            network = represent(made.checkpoint, judged)
            alignment = align(made.checkpoint) if align is not None else {}
        except (NothingToLearn, LandmarksUnusable, TrainingDiverged) as error:
            return {"omitted": str(error)}
    name = next((name for name in ("test", "validation") if (judged.triplets.split == name).any()), None)
    if name is None:
        return {"omitted": "nothing is held out"}
    triplets = judged.triplets.where((judged.triplets.split == name) & (judged.triplets.weight > 0))
    rows = network.position(len(judged.stimuli))[triplets.rows]
    known = (rows >= 0).all(1)
    if not known.any():
        return {"omitted": "its network knows none of the held-out faces"}
    people = of.subject[triplets.anchor[known]]
    found = share(satisfied(network.mean, rows[known]), people, **of.how)
    return {"split": name, "share": found.to_dict(), "n": int(known.sum())} | (
        {"alignment": alignment} if alignment else {}
    )


def divided_otherwise(release: Release, split: Split, *, seed: int = 0) -> tuple[Release, str]:
    """Return the release with its triplets divided by triplet where they were by person, else by person; and which.

    By triplet: all triplets 70, 15 and 15 of 100, faces shared. By person: people 70, 15 and 15 of 100, of which a
    triplet counts where its three faces lie on one side.
    NothingToLearn where too few triplets remain.
    """
    rng = np.random.default_rng([seed, 0xD1F])
    ends = np.array([SHARES[0], sum(SHARES)])
    n = len(release.triplets)
    if split.split_by == SUBJECT:
        place = np.searchsorted(ends, rng.permutation(n) / n, side="right")
        stimuli = replace(release.stimuli, split=np.full(len(release.stimuli), ""))
        triplets = replace(release.triplets, split=np.array(SPLITS)[place])
        return replace(release, stimuli=stimuli, triplets=triplets), "triplet"
    subject = np.asarray(release.stimuli.subject).astype(str)
    if (subject == "").any() or len(set(subject.tolist())) < 4:
        raise NothingToLearn("the release does not know who is in the pictures, so nobody can be held out")
    people, who = np.unique(subject, return_inverse=True)
    place = np.searchsorted(ends, rng.permutation(len(people)) / len(people), side="right")[who]
    side = np.array(SPLITS)[place]
    sides = side[release.triplets.rows]
    together = np.where((sides == sides[:, :1]).all(1), sides[:, 0], "none")
    counts = {name: int(((together == name) & (release.triplets.weight > 0)).sum()) for name in SPLITS}
    if min(counts["train"], counts["test"]) < 20:
        raise NothingToLearn(
            f"with people held out, {counts['train']} training and {counts['test']} test triplets remain whose faces "
            "lie on one side: expected at least 20 each"
        )
    triplets = replace(release.triplets, split=together)
    return replace(release, stimuli=replace(release.stimuli, split=side), triplets=triplets), "subject"
