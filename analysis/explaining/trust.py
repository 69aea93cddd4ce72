"""How far each method can be trusted on one network: its maps are tested on some pictures, each test beside its chance.

All figures are means over pictures, ready for JSON; None where nothing could be measured.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from analysis import faithfulness, occlusion
from analysis.explained import NotExplainable
from analysis.explaining.amount import Amount
from analysis.explaining.methods import INTEGRATED, LRP, OCCLUSION, Batch, Explain, build
from analysis.gradients import Score, picture_score

RANDOM = "random"
#: Signed maps whose sum is to be the score; for the rest there is nothing to conserve.
CONSERVING = {**dict.fromkeys(LRP.values(), "the score"), INTEGRATED: "the difference to the neutral face"}


def panel(
    network: nn.Module, methods: dict[str, Explain], batch: Batch, amount: Amount, *, seed: int, tell: Callable
) -> dict:
    """Return {"methods": {key: figures}, "agreement": matrix, "n"} of some pictures.

    figures : deletion and insertion curves in shares of the way between the picture's score and that of the
    filled one, their areas, sensitivity, sparseness, what a randomised network leaves of the maps, conservation.
    """
    fill = fill_of(batch)
    score = picture_score(network)
    maps = {key: explain(batch).map for key, explain in methods.items()}
    tell()
    found: dict[str, dict] = {}
    for key, explain in methods.items():
        found[key] = {
            **curve_figures(score, batch, maps[key], fill, amount.n_curve),
            "sensitivity": mean(_sensitivity(explain, batch, amount.n_noise, seed)),
            "sparseness": mean(faithfulness.sparseness(maps[key])),
            "randomised": _randomised(key, network, batch, amount, seed),
            "conservation": _conservation(key, explain, batch),
        }
        tell()
    chance = faithfulness.random_maps(batch.x[:, 0], seed=seed)
    found[RANDOM] = curve_figures(score, batch, chance, fill, amount.n_curve)
    table = faithfulness.agreement_table(maps)
    return {"methods": found, "agreement": table, "n": len(batch.x)}


def curve_figures(score: Score, batch: Batch, maps: Tensor, fill: Tensor, n_steps: int) -> dict:
    """Return both curves as means over pictures, 1 the whole picture's score and 0 the filled one's.

    Pictures whose filled copy scores as much as they do leave no way to measure and are not counted.
    """
    known = torch.isfinite(maps).flatten(1).all(dim=1)
    if not known.any():
        return {"share": [], "deletion": [], "insertion": [], "deletion_area": None, "insertion_area": None}
    found = faithfulness.curves(
        score, batch.x[known], batch.direction[known], maps[known], fill[known], n_steps=n_steps
    )
    whole, empty = found.deletion[:, :1], found.deletion[:, -1:]
    # A denominator near 0 would let one picture decide the mean.
    usable = (whole - empty)[:, 0] > 0.05 * np.abs(found.deletion - empty).max(axis=1)
    usable &= (whole - empty)[:, 0] > 1e-9
    if not usable.any():
        return {"share": [], "deletion": [], "insertion": [], "deletion_area": None, "insertion_area": None}
    scaled = {
        name: np.clip((values - empty)[usable] / (whole - empty)[usable], -2, 3).mean(axis=0)
        for name, values in (("deletion", found.deletion), ("insertion", found.insertion))
    }
    return {
        "share": found.share.tolist(),
        **{name: values.tolist() for name, values in scaled.items()},
        **{f"{name}_area": float(np.trapezoid(values, found.share)) for name, values in scaled.items()},
        "n_curves": int(usable.sum()),
    }


def fill_of(batch: Batch) -> Tensor:
    """Return what stands for "nothing": the face's own skin colour, the picture's median where no face is known."""
    if batch.regions is None:
        return batch.x.flatten(2).median(dim=2).values
    return occlusion.skin_colour(batch.x, batch.regions)


def mean(values) -> float | None:
    """Return the mean of the known values, None without any."""
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _sensitivity(explain: Explain, batch: Batch, n_noise: int, seed: int) -> np.ndarray:
    def maps(x, direction):
        return explain(Batch(x, direction, batch.neutral, batch.regions)).map

    return faithfulness.sensitivity(maps, batch.x, batch.direction, n_samples=n_noise, seed=seed)


def _randomised(key: str, network: nn.Module, batch: Batch, amount: Amount, seed: int) -> list[dict]:
    if key == OCCLUSION:
        return []  # zero outside the parts of the face in any network, so that all its maps rank alike

    def explain(shaken, x, direction):
        method = build(key, shaken, n_steps=amount.n_steps)
        return method(Batch(x, direction, batch.neutral, batch.regions)).map

    try:
        return faithfulness.randomisation_check(
            explain, network, batch.x, batch.direction, n_stages=amount.n_stages, seed=seed
        )
    except NotExplainable:
        return []


def _conservation(key: str, explain: Explain, batch: Batch) -> dict | None:
    """Return what the sum of relevance is of what it should be: median, least and largest over the pictures."""
    if key not in CONSERVING:
        return None
    found = explain(batch)
    total, score = found.map.flatten(1).sum(dim=1), found.score
    known = torch.isfinite(total) & torch.isfinite(score)
    if not known.any():
        return None  # such as pictures of people without a neutral one, where nothing can be integrated
    # A score near 0 divides by nothing.
    usable = known & (score.abs() > 1e-3 * score[known].abs().max().clamp_min(1e-12))
    if not usable.any():
        return None
    ratio = (total[usable] / score[usable]).double().cpu().numpy()
    low, middle, high = (float(v) for v in (ratio.min(), np.median(ratio), ratio.max()))
    return {"of": CONSERVING[key], "median": middle, "low": low, "high": high, "n": len(ratio)}
