"""What an embedding of single people's judgements holds of each of them, with the responses it learnt this from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import softplus

from learning.checkpoints import Checkpoint, as_numpy
from learning.judgements import divide, has_responses, triplet_responses
from learning.splits import Split
from triplets.archive import Release


@dataclass(frozen=True)
class Individuals:
    """M members, A people, n stimuli, C columns of the members' spaces, v training responses.

    annotator : (A,) str pseudonyms      stimulus : (n,) int rows of the release
    space : (M, n, C) coordinates; the columns that tell groups of stimuli apart stand last
    attention : (M, A, C) how much a column counts for a person, the group 1      consistency : (M, A), people's mean 1
    habits : (M, A, 2) log odds for the left candidate, and for the side of the answer before
    is_city : some members add up absolute differences, which no turn of their dimensions leaves as they are
    blur : how much less differences of large distances count, as `AnnotatorEmbedding.blur` after softplus
    shrinkage : prior precisions of weights, of log consistencies and of habits
    rows : (v, 3) reference, chosen, other, rows of `stimulus`; person : (v,) rows of `annotator`
    circumstances : (v, 2) as `Responses.circumstances`
    """

    annotator: np.ndarray
    stimulus: np.ndarray
    space: np.ndarray
    attention: np.ndarray
    consistency: np.ndarray
    habits: np.ndarray
    is_city: bool
    blur: float
    shrinkage: tuple[float, float, float]
    rows: np.ndarray
    person: np.ndarray
    circumstances: np.ndarray


@torch.no_grad()
def individuals(checkpoint: Checkpoint, release: Release, split: Split) -> Individuals | None:
    """Return what is held of single people; None for other networks, and where nobody of theirs answered here.

    release : the one that it was trained on, divided by `split` as then.
    """
    network, known, config = checkpoint.network, checkpoint.preprocessing, checkpoint.config
    if config.network.kind != "annotator-embedding" or not has_responses(release):
        return None
    share = config.training.validation_share
    found = divide(triplet_responses(release), release, split, seed=checkpoint.seed, validation_share=share)
    place = known.positions(release.stimuli.key)
    rows, person = place[found.rows], known.annotator_positions(found.annotator)
    used = (found.split == "train") & (rows >= 0).all(1) & (person >= 0)
    where = np.full(len(known.stimuli), -1)
    where[place[place >= 0]] = np.flatnonzero(place >= 0)
    if not used.any() or (where < 0).any():
        return None
    columns = torch.cat([torch.arange(network.n_columns), network.n_columns + network.indicated.cpu()])
    objective = config.objective
    return Individuals(
        annotator=np.array(known.annotators),
        stimulus=where,
        space=as_numpy(network.space()),
        attention=as_numpy(network.attention())[..., columns.numpy()],
        consistency=as_numpy(network.consistency()),
        habits=as_numpy(network.habits),
        is_city=bool(network.is_city.any()),
        blur=float(softplus(network.blur).mean()),
        shrinkage=(objective.weight_shrinkage, objective.noise_shrinkage, objective.habit_shrinkage),
        rows=rows[used],
        person=person[used],
        circumstances=found.circumstances()[used],
    )
