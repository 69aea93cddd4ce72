"""What a checkpoint makes of a release: everything that the numbers and pictures are computed from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from analysis.answers import Answers
from learning.splits import Split

if TYPE_CHECKING:  # its module loads torch, which whoever reads results does without
    from learning.individuals import Individuals


class NotComparable(ValueError):
    """The checkpoint cannot be evaluated on this release."""


@dataclass(frozen=True)
class Representation:
    """An embedding of m stimuli beside the landmarks it was made from.

    row : (m,) int rows of the release's stimuli      split : how the stimuli and triplets are divided
    mean : (m, d) the embedding, posterior means      log_variance : (m, d) or None where there is none
    x : (m, D) aligned landmarks minus `offset`, (m, 0) where a release or network does without them
    neutral : (m, D) the same person's neutral face, or None
    offset : (D,) mean face of the training           shape : (n_points, n_dims), D is their product
    decode : (n, d), (D,) neutral or None -> (n, n_points, n_dims) aligned units, or None where nothing decodes
    reconstructed : (m, n_points, n_dims) each stimulus decoded from its mean, or None
    kl : (d,) nat a dimension on the validation stimuli, or None
    norm_latent, norm_neutral : (d,), (D,) of the decoder's first layer, or None
    decoder_layers : (weight (n_out, n_in), bias (n_out,)) of the decoder's dense layers, ELU between them, or ()
    is_residual : whether what the decoder says is added to the neutral face
    choice : (link, degrees) by which distances are odds of a choice (`calibration.choice_logit`), None: they are none
    answers : what a network of pictures says itself, None where it names nothing
    ordinal : (m, d) points of an embedding of the training judgements alone, nan where it knows no point; None without
    ordinal_note : why there is none, or for which stimuli
    people : what an embedding of single people's judgements holds of each of them, None for others
    about : provenance of the checkpoint: recipe, config, seed, code_version, release_sha256, step, curve, metrics
    """

    row: np.ndarray
    split: Split
    mean: np.ndarray
    x: np.ndarray
    offset: np.ndarray
    shape: tuple[int, int]
    log_variance: np.ndarray | None = None
    neutral: np.ndarray | None = None
    decode: Callable | None = None
    reconstructed: np.ndarray | None = None
    kl: np.ndarray | None = None
    norm_latent: np.ndarray | None = None
    norm_neutral: np.ndarray | None = None
    decoder_layers: tuple = ()
    is_residual: bool = False
    choice: tuple[str, float] | None = None
    answers: Answers | None = None
    ordinal: np.ndarray | None = None
    ordinal_note: str = ""
    people: "Individuals | None" = None
    about: dict = field(default_factory=dict)

    def position(self, n_stimuli: int) -> np.ndarray:
        """Return (n_stimuli,) int: where a release row stands here, -1 where it was not embedded."""
        where = np.full(n_stimuli, -1, dtype=np.int64)
        where[self.row] = np.arange(len(self.row))
        return where

    @property
    def is_training(self) -> np.ndarray:
        """(m,) bool: the embedded stimuli that a baseline may learn from."""
        return self.split.stimulus[self.row] == "train"
