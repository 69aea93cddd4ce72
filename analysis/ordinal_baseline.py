"""The baseline that needs no face at all: points fitted to the training judgements alone. Loads torch."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.representation import Representation
from learning.datasets import NothingToLearn
from learning.embedding import embed
from learning.recipes import recipe
from triplets.archive import Release

RECIPE = "ordinal-embedding"


def with_ordinal(made: Representation, release: Release, *, seed: int = 0) -> Representation:
    """Return a representation with the ordinal embedding of its own training triplets beside it, or why not.

    The recipe is `ordinal-embedding` as it stands, on the very triplets that the network was trained on. It knows a
    point for those stimuli only, so it is fitted only where some held-out triplet shows nothing but them.
    """
    if (made.about.get("config") or {}).get("network", {}).get("kind") in (RECIPE, "annotator-embedding"):
        return replace(made, ordinal_note="the network itself is an embedding of judgements alone")
    triplets = replace(release.triplets, split=made.split.triplet)
    train = (triplets.split == "train") & (triplets.weight > 0)
    held_out = np.isin(triplets.split, ("validation", "test")) & (triplets.weight > 0)
    if not train.any() or not held_out.any():
        return replace(
            made, ordinal_note="the release has no training triplets to fit one to, or none to hold it against"
        )
    met = np.zeros(len(release.stimuli), bool)
    met[np.unique(triplets.rows[train])] = True
    if not met[triplets.rows[held_out]].all(1).any():
        note = "every held-out triplet shows a face that no training triplet shows, and it knows no others"
        return replace(made, ordinal_note=note)
    from learning.training import train_release

    config = recipe(RECIPE).config.with_changes({"device": "cpu"})
    with tempfile.TemporaryDirectory(prefix="ordinal-") as folder:
        try:
            result = train_release(replace(release, triplets=triplets), config, seed=seed, out=Path(folder))
        except NothingToLearn as error:
            return replace(made, ordinal_note=str(error))
        from learning.checkpoints import load_checkpoint

        found = embed(load_checkpoint(result.checkpoint), release)
    points = np.full((len(release.stimuli), found.mean.shape[1]), np.nan)
    points[found.row] = found.mean
    return replace(made, ordinal=points[made.row])
