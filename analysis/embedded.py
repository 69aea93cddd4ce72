"""Everything that a report asks of a network, in one pass over a release. The only module here that loads torch."""

import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.answers import Answers
from analysis.representation import NotComparable, Representation
from learning import embedding as embedding_of
from learning.checkpoints import Checkpoint, load_checkpoint
from learning.config import Config
from learning.datasets import LandmarkDataset, NothingToLearn, landmark_dataset
from learning.individuals import individuals
from learning.landmarks import LandmarksUnusable
from learning.predictions import predict
from learning.recipes import RECIPES
from learning.splits import Split, split_pictures, split_release
from learning.targets import attribute_targets, class_targets
from triplets.archive import Release


def represent(checkpoint, release: Release) -> Representation:
    """Return what a checkpoint makes of a release.

    checkpoint : a path, or what `load_checkpoint` returned.
    NotComparable says why the network cannot read this release.
    """
    sha256 = ""
    if not isinstance(checkpoint, Checkpoint):
        path = Path(checkpoint)
        checkpoint = load_checkpoint(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    config = checkpoint.config
    has_decoder = hasattr(checkpoint.network, "decoder")
    try:
        found = embedding_of.embed(checkpoint, release)
        split = _split(checkpoint, release, found.row)
        if not has_decoder:
            made = _without_decoder(found, release, split, _about(checkpoint, config, sha256))
            further = {"answers": _answers(checkpoint, release, found.row), "people": None}
            if release.sha256 == checkpoint.release_sha256:
                further["people"] = individuals(checkpoint, release, split)
            return replace(made, choice=_choice(config), **further)
        dataset = landmark_dataset(release, checkpoint.preprocessing)
    except (NothingToLearn, LandmarksUnusable) as error:
        raise NotComparable(str(error)) from error
    shape = (checkpoint.preprocessing.n_points, checkpoint.preprocessing.n_dims)
    norm_latent, norm_neutral = embedding_of.decoder_norms(checkpoint)

    def decode(z, neutral):
        return embedding_of.decode(checkpoint, z, neutral)

    return Representation(
        row=found.row,
        split=split,
        mean=found.mean,
        log_variance=found.log_variance,
        x=dataset.x,
        neutral=dataset.neutral if dataset.neutral is not None else _neutral_faces(dataset, release, split),
        offset=checkpoint.preprocessing.mean,
        shape=shape,
        decode=decode,
        reconstructed=decode(found.mean, dataset.neutral),
        kl=_kl(found, split),
        norm_latent=norm_latent,
        norm_neutral=norm_neutral,
        decoder_layers=embedding_of.decoder_layers(checkpoint),
        is_residual=bool(checkpoint.network.is_residual),
        choice=_choice(config),
        about=_about(checkpoint, config, sha256),
    )


def _split(checkpoint: Checkpoint, release: Release, row: np.ndarray) -> Split:
    """Return the division that training used, drawn again: same release, seed and share."""
    training = checkpoint.config.training
    if _names_something(checkpoint):
        return split_pictures(release, row, training, seed=checkpoint.seed)
    return split_release(release, seed=checkpoint.seed, validation_share=training.validation_share)


def _names_something(checkpoint: Checkpoint) -> bool:
    return checkpoint.config.network.kind == "image" and checkpoint.preprocessing.target != "triplets"


def _choice(config: Config) -> tuple[str, float] | None:
    """Return by which link distances are odds of a choice: the one that the loss of the training used, if any."""
    kind, objective = config.network.kind, config.objective
    if kind == "topological-vae":
        return ("distance", 1.0) if config.network.model == 3 else None
    if kind == "image":
        return ("distance", 1.0) if objective.target == "triplets" else None
    loss = getattr(objective, "judgement_loss", "bradley-terry")
    degrees = getattr(objective, "degrees", 0.0) or max(1.0, config.network.n_latent - 1.0)
    return {"bradley-terry": ("squared", 1.0), "t-ste": ("student", degrees)}.get(loss)


def _answers(checkpoint: Checkpoint, release: Release, row: np.ndarray) -> Answers | None:
    """Return what a network of pictures says beside what is true; unknown where the release does not say."""
    if not _names_something(checkpoint):
        return None
    said, objective = predict(checkpoint, release), checkpoint.config.objective
    n, k = said.value.shape
    label, value, error = np.full(n, -1), np.full((n, k), np.nan), np.full((n, k), np.nan)
    kind = checkpoint.preprocessing.target
    # Another release may say nothing of these classes, or of some attributes: those answers stand unjudged.
    if kind == "class":
        with contextlib.suppress(NothingToLearn):
            label = class_targets(release, row, objective, said.names).label
    else:
        for at, name in enumerate(said.names):
            with contextlib.suppress(NothingToLearn):
                known = attribute_targets(release, row, objective, (name,))
                value[:, at], error[:, at] = known.value[:, 0], known.error_variance[:, 0]
    return Answers(kind, tuple(said.names), said.value, label, value, error)


def _without_decoder(found: embedding_of.Embedding, release: Release, split: Split, about: dict) -> Representation:
    """Return what a network says that draws no faces, beside landmarks where every stimulus it embeds has them."""
    mean, log_variance = found.mean, found.log_variance
    plain = {"row": found.row, "split": split, "mean": mean, "log_variance": log_variance, "about": about}
    plain["kl"] = _kl(found, split)
    try:
        dataset = landmark_dataset(release, split=split, uses_neutral="no")
    except (NothingToLearn, LandmarksUnusable):
        dataset = None  # an embedding of judgements or pictures needs none; there are no baselines then
    if dataset is None or not np.isin(found.row, dataset.row).all():
        return Representation(x=np.zeros((len(mean), 0)), offset=np.zeros(0), shape=(0, 0), **plain)
    at = np.searchsorted(dataset.row, found.row)
    neutral, known = _neutral_faces(dataset, release, split), dataset.preprocessing
    return Representation(
        x=dataset.x[at],
        neutral=None if neutral is None else neutral[at],
        offset=known.mean,
        shape=(known.n_points, known.n_dims),
        **plain,
    )


def _neutral_faces(dataset: LandmarkDataset, release: Release, split: Split) -> np.ndarray | None:
    """Return (n, D) neutral faces for the baseline although the network takes none; None where few exist."""
    other = landmark_dataset(release, split=split, uses_neutral="auto")
    if other.neutral is None:
        return None
    neutral = np.full(dataset.x.shape, np.nan, dtype=np.float32)
    at = np.searchsorted(dataset.row, other.row)
    neutral[at] = dataset.x[at] - (other.x - other.neutral)  # the difference does not depend on either mean
    return neutral


def _kl(found: embedding_of.Embedding, split: Split) -> np.ndarray | None:
    """Return (d,) KL on the validation stimuli; on all where there are none."""
    if found.log_variance is None:
        return None
    chosen = split.stimulus[found.row] == "validation"
    if not chosen.any():
        chosen[:] = True
    part = embedding_of.Embedding(found.row[chosen], found.mean[chosen], found.log_variance[chosen])
    return embedding_of.kl_per_dimension(part)


def _about(checkpoint: Checkpoint, config: Config, sha256: str) -> dict:
    return {
        "recipe": checkpoint.recipe,
        "config": config.to_dict(),
        "changes": _changes(checkpoint.recipe, config),
        "seed": checkpoint.seed,
        "code_version": checkpoint.code_version,
        "release_sha256": checkpoint.release_sha256,
        "step": checkpoint.step,
        "metrics": checkpoint.metrics,
        "curve": checkpoint.curve,
        "sha256": sha256,
    }


def _changes(recipe: str, config: Config) -> dict[str, str]:
    """Return what `--set` has to say so that the recipe becomes this configuration."""
    if recipe not in RECIPES:
        return {}
    usual, here = RECIPES[recipe].config.to_dict(), config.to_dict()
    return {
        f"{section}.{key}": ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for section, values in here.items()
        for key, value in values.items()
        if value != usual.get(section, {}).get(key)
    }
