"""The part of an evaluation that explains: what applies to a network, within a budget, or why nothing does."""

from collections.abc import Callable

import torch

from analysis.explained import NotExplainable
from analysis.explaining.amount import TERAFLOPS
from analysis.explaining.asked import NothingAsked
from learning.checkpoints import Checkpoint
from learning.datasets import NothingToLearn
from learning.landmarks import LandmarksUnusable
from triplets.archive import Release


def explanations(
    checkpoint: Checkpoint, release: Release, *, teraflops: float = TERAFLOPS, seed: int = 0, device=None, tell=None
) -> tuple[dict, dict[str, str]]:
    """Return explanations ready for JSON, and the small pictures they name as {name: data address}.

    teraflops : 10^12 operations that may be spent, 0: nothing is explained. device : None takes the GPU where there
    is one. tell : called now and then. {"omitted": why} where nothing can be explained.
    """
    tell = tell or (lambda: None)
    if teraflops <= 0:
        return {"omitted": "explanations are switched off (a budget of 0)"}, {}
    kind = checkpoint.config.network.kind
    explain = _by_kind(kind)
    if explain is None:
        return {"omitted": f"this network ({kind}) looks at nothing: it places stimuli by what people said of them"}, {}
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        return explain(checkpoint, release, teraflops=teraflops, seed=seed, device=device, tell=tell)
    except (NothingAsked, NotExplainable, NothingToLearn, LandmarksUnusable) as error:
        return {"omitted": str(error)}, {}


def _by_kind(kind: str) -> Callable | None:
    if kind == "image":
        from analysis.explaining.pictures import explain_pictures

        return explain_pictures
    if kind == "topological-vae":
        from analysis.explaining.landmarks import explain_landmarks

        return explain_landmarks
    return None
