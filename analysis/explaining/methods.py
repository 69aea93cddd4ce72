"""The methods of explanation by name, all called alike: a batch of pictures in, one signed map a picture out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis import lrp
from analysis.explained import Explanation, NotExplainable
from analysis.gradcam import feature_layer, gradcam
from analysis.gradients import gradient, integrated_from_neutral, picture_score
from analysis.occlusion import Occluded, Regions, occlusion
from learning.networks.gradients import Compared
from learning.networks.pictures import PictureNetwork

GRADCAM, INTEGRATED, OCCLUSION = "gradcam", "integrated-gradients", "occlusion"
LRP = {rule: f"lrp-{rule}" for rule in (lrp.EPSILON, lrp.GAMMA, lrp.ALPHA_2_BETA_1)}
#: Key -> what a reader calls it, and what it says, in one sentence.
NAMES = {
    GRADCAM: "Grad-CAM",
    LRP[lrp.EPSILON]: "LRP, epsilon",
    LRP[lrp.GAMMA]: "LRP, gamma",
    LRP[lrp.ALPHA_2_BETA_1]: "LRP, alpha 2 beta −1",
    INTEGRATED: "Integrated gradients",
    OCCLUSION: "Occlusion",
}
#: The plain slope of the score, for comparison only: as a map it is mostly noise.
GRADIENT = "gradient"
WORDS = {
    GRADCAM: "where the last convolutions see something that speaks for the score; coarse, never against",
    LRP[lrp.EPSILON]: "the score handed back layer by layer to the pixels, in proportion to what each contributed",
    LRP[lrp.GAMMA]: "the same with what agrees with a unit counted more, which leaves less to single pixels",
    LRP[lrp.ALPHA_2_BETA_1]: "the same with contributions for and against kept apart, the latter weighed once, the "
    "former twice",
    INTEGRATED: "what changes the score on the way from the same person's neutral face to this one",
    OCCLUSION: "how much the score falls when a part of the face is painted over with that face's own skin colour",
}
#: The same of a network that compares two pictures, where it differs.
COMPARED_WORDS = {
    OCCLUSION: "how much the score falls when a part of the face is painted over, in this picture and in the neutral "
    "one that it is compared with, with each one's own skin colour",
}
#: The same of a network of patches.
PATCHES_WORDS = {
    GRADCAM: "where the patches, as the last attention reads them, hold something that speaks for the score; as coarse "
    "as they are, never against",
}


@dataclass(frozen=True)
class Batch:
    """x : (b, c, h, w) in 0 to 1, 2c channels for a network that compares; direction : (b, k), the score is
    direction · output.

    neutral : like x, the same people at rest, nan where nobody is; regions : parts of the faces, None where unknown
    """

    x: Tensor
    direction: Tensor
    neutral: Tensor | None = None
    regions: Regions | None = None

    def where(self, chosen) -> "Batch":
        """Return the chosen pictures only; chosen : rows, or a slice."""
        at = chosen if isinstance(chosen, slice) else torch.as_tensor(np.asarray(chosen), device=self.x.device)
        regions = self.regions
        if regions is not None:
            regions = Regions(regions.names, regions.masks[chosen], regions.skin[chosen])
        return Batch(self.x[at], self.direction[at], None if self.neutral is None else self.neutral[at], regions)


#: Explain(batch) -> Explanation, one map a picture.
Explain = Callable[[Batch], Explanation]


def build(key: str, network: PictureNetwork, *, n_steps: int = 32) -> Explain:
    """Return a method for one network. n_steps : of the integral. NotExplainable where it has no rule for it."""
    if key == GRADCAM:
        layer = feature_layer(network)
        return lambda batch: gradcam(network, batch.x, batch.direction, layer=layer)
    if key in LRP.values():
        explain = lrp.Lrp(network, key.removeprefix("lrp-"))
        return lambda batch: explain(batch.x, batch.direction)
    if key == INTEGRATED:
        return lambda batch: _integrated(network, batch, n_steps)
    if key == OCCLUSION:
        score = picture_score(network)
        return lambda batch: as_map(
            occlusion(score, batch.x, batch.direction, batch.regions), batch.regions, batch.x.device
        )
    if key == GRADIENT:
        return lambda batch: _slope(picture_score(network), batch)
    raise ValueError(f"method is {key!r}: expected one of {', '.join(NAMES)}")


def in_words(key: str, network: PictureNetwork) -> str:
    """Return what a method says about this network, in one sentence."""
    own = COMPARED_WORDS if isinstance(network.body, Compared) else PATCHES_WORDS if lrp.is_vit(network) else {}
    return own.get(key, WORDS[key])


def usable(
    network: PictureNetwork, *, has_neutral: bool, has_regions: bool, n_steps: int = 32, wanted=tuple(NAMES)
) -> tuple[dict[str, Explain], list[dict]]:
    """Return the methods that apply to a network and its pictures, and [{"name", "why"}] of those that do not."""
    methods: dict[str, Explain] = {}
    left_out = []
    for key in wanted:
        why = ""
        if key == LRP[lrp.GAMMA] and not lrp.is_vit(network):
            continue  # nothing is missed: the other two rules serve networks without attention
        if key == INTEGRATED and not has_neutral:
            why = "no person of these pictures has a neutral one to start from"
        elif key == OCCLUSION and not has_regions:
            why = "the release has no landmarks of a known scheme, so parts of faces are unknown"
        else:
            try:
                methods[key] = build(key, network, n_steps=n_steps)
            except NotExplainable as error:
                why = str(error)
        if why:
            left_out.append({"name": NAMES[key], "why": why})
    return methods, left_out


def as_map(found: Occluded, regions: Regions, device) -> Explanation:
    """Return what each part is worth, spread over its pixels: minus the change without it, per share of the picture."""
    worth = -found.change / np.maximum(found.area, 1e-9)
    heat = np.einsum("br,brhw->bhw", worth, regions.masks)
    return Explanation(torch.as_tensor(heat, dtype=torch.float32, device=device), torch.as_tensor(found.score))


def _slope(score, batch: Batch) -> Explanation:
    with torch.no_grad():
        value = score(batch.x, batch.direction)
    return Explanation(gradient(score, batch.x, batch.direction).sum(dim=1), value)


def _integrated(network: PictureNetwork, batch: Batch, n_steps: int) -> Explanation:
    known = torch.isfinite(batch.neutral).flatten(1).all(dim=1)
    heat = torch.full((len(batch.x), *batch.x.shape[-2:]), torch.nan, device=batch.x.device)
    score = torch.full((len(batch.x),), torch.nan, device=batch.x.device)
    if known.any():
        found, _ = integrated_from_neutral(
            network, batch.x[known], batch.neutral[known], batch.direction[known], n_steps=n_steps
        )
        heat[known], score[known] = found.map, found.score
    return Explanation(heat, score)
