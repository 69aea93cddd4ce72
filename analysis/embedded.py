"""Everything that a report asks of a network, in one pass over a release. The only module here that loads torch."""

import hashlib
from pathlib import Path

import numpy as np

from analysis.representation import NotComparable, Representation
from learning import embedding as embedding_of
from learning.checkpoints import Checkpoint, load_checkpoint
from learning.config import Config
from learning.datasets import LandmarkDataset, NothingToLearn, landmark_dataset
from learning.landmarks import LandmarksUnusable
from learning.recipes import RECIPES
from learning.splits import Split, split_release
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
    # The division that training used, drawn again: same release, seed and share.
    split = split_release(release, seed=checkpoint.seed, validation_share=config.training.validation_share)
    has_decoder = hasattr(checkpoint.network, "decoder")
    try:
        found = embedding_of.embed(checkpoint, release)
        if not has_decoder:
            return _without_decoder(found, release, split, _about(checkpoint, config, sha256))
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
        about=_about(checkpoint, config, sha256),
    )


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
