"""The control of a network that learnt classes or attributes: the same recipe trained again on shuffled labels.

What people said of a picture goes to another one, among those trained on; faces, people and division stay. On the true
labels of held-out people such a network reaches what the pictures alone give by chance, and how far its heat maps lie
along the manifold of faces is what the pictures and the form of the network give. Loads torch.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis import answers
from analysis.measured import Measured
from learning.config import Config
from learning.datasets import NothingToLearn
from learning.landmarks import LandmarksUnusable
from learning.networks.pretrained import PretrainedUnusable
from triplets.archive import Release
from triplets.records import Stimuli


def shuffled(release: Release, where: np.ndarray, *, seed: int = 0) -> Release:
    """Return the release with classes, degrees, attributes and ratings given to others of the stimuli in `where`.

    where : (n,) bool, such as those trained on. Subjects, pictures, landmarks and further columns stay.
    """
    rows = np.flatnonzero(where)
    order = np.arange(len(where))
    order[rows] = np.random.default_rng([seed, 0x5F]).permutation(rows)
    stimuli: Stimuli = release.stimuli
    changed = replace(
        stimuli,
        class_label=np.asarray(stimuli.class_label)[order],
        degree=np.asarray(stimuli.degree)[order],
        attributes={name: np.asarray(values)[order] for name, values in stimuli.attributes.items()},
        extra={name: np.asarray(values)[order] for name, values in stimuli.extra.items()},
    )
    # Stimulus i has what was said of order[i]: a rating of stimulus j goes where order is j.
    ratings = replace(release.ratings, stimulus=np.argsort(order)[release.ratings.stimulus])
    return replace(release, stimuli=changed, ratings=ratings)


def control(of: Measured, config: Config, explained: dict | None = None, checkpoint=None) -> dict:
    """Return what the network trained on shuffled labels reaches on the true ones, ready for JSON.

    {"split", "figure": "accuracy" or "r" (Pearson, the mean over attributes), "ours", "shuffled": estimates, "chance",
    "alignment": {method: its mean share in the tangent space}}, or {"omitted": why}.
    explained : the explanations of ours, whose alignment is measured again; checkpoint : that they are of, loaded
    """
    from analysis.embedded import represent
    from learning.training import TrainingDiverged, train_release

    side = of.made.split.stimulus
    divided = replace(of.release, stimuli=replace(of.release.stimuli, split=side))
    noise = shuffled(divided, np.isin(side, ("train", "validation")), seed=of.seed)
    with tempfile.TemporaryDirectory(prefix="control-") as folder:
        try:
            # To the end: a step that looks best on shuffled validation labels is any step, often the first.
            config = config.with_changes({"selection": "last"})
            made = train_release(noise, config, seed=of.made.about.get("seed") or 0, out=Path(folder))
            network = represent(made.checkpoint, divided)
        except (NothingToLearn, LandmarksUnusable, PretrainedUnusable, TrainingDiverged) as error:
            return {"omitted": str(error)}
        alignment = aligned(explained, checkpoint, made.checkpoint, release=of.release, seed=of.seed)
    return _compared(of, network) | {"alignment": alignment}


def aligned(explained: dict | None, checkpoint, other: Path, *, release: Release, seed: int) -> dict:
    """Return {method: alignment of the control's maps}, {} where ours has none. other : the control's checkpoint."""
    rows = ((explained or {}).get("tangent") or {}).get("rows")
    if not rows:
        return {}
    import torch

    from analysis.explaining.alignment import of_another
    from learning.checkpoints import load_checkpoint

    device = "cuda" if torch.cuda.is_available() else "cpu"
    keys = [row["method"] for row in rows]
    return of_another(checkpoint, load_checkpoint(other), release, keys, explained["amount"], seed=seed, device=device)


def _compared(of: Measured, network) -> dict:
    ours, theirs = (
        answers.measured(made.answers, made.row, of.made.split, of.release, **of.how) for made in (of.made, network)
    )
    if "omitted" in ours:
        return {"omitted": ours["omitted"]}
    name = ours["split"]
    figures = [side["by_split"][name] for side in (ours, theirs)]
    if ours["kind"] == "class":
        pair = [figure["accuracy"] for figure in figures]
        return {
            "split": name,
            "figure": "accuracy",
            "ours": pair[0],
            "shuffled": pair[1],
            "chance": figures[0]["chance"],
        }
    nothing = {"value": None, "low": None, "high": None, "n": 0}
    pair = [figure["means"]["pearson"] or nothing for figure in figures]
    return {"split": name, "figure": "r", "ours": pair[0], "shuffled": pair[1], "chance": 0.0}
