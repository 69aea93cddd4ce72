"""How far to trust a heat map: does the score follow it, is it stable, does it depend on what the network learnt?

Every figure comes with what chance gives: random order for the curves, the area for shares in parts of the face.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from analysis.gradients import Score

#: explain(network, x, direction) -> map (b, h, w)
Explain = Callable[[nn.Module, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Curves:
    """share : (s,) of the pixels changed, from 0 to 1; deletion, insertion : (b, s) scores on the way.

    A faithful map lets the score fall early when its best pixels are deleted and rise early when they are inserted.
    """

    share: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    def areas(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean heights (b,) of both curves: low is good for deletion, high for insertion."""
        return np.trapezoid(self.deletion, self.share, axis=1), np.trapezoid(self.insertion, self.share, axis=1)


@torch.no_grad()
def curves(score: Score, x: Tensor, direction: Tensor, maps: Tensor, fill: Tensor, *, n_steps=20) -> Curves:
    """Return the scores while pixels are deleted, or inserted, from the most relevant to the least (Petsiuk 2018).

    x : (b, c, h, w); maps : (b, h, w); fill : pictures of the same shape, or (b, c) colours, that stand for
    "nothing" (own skin colour, a blurred picture). Compare with the curves of `random_maps`.
    """
    if fill.ndim == 2:
        fill = fill[:, :, None, None]
    fill = fill.to(x).expand_as(x)
    # A stable order, so that equal relevance does not make the figure depend on the machine.
    order = maps.flatten(1).argsort(dim=1, descending=True, stable=True)
    place = torch.empty_like(order).scatter_(
        1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
    )
    place = place.view(len(x), 1, *x.shape[-2:])
    share = np.linspace(0, 1, n_steps + 1)
    deletion, insertion = [], []
    for part in share:
        is_changed = place < round(float(part) * order.shape[1])
        deletion.append(score(torch.where(is_changed, fill, x), direction))
        insertion.append(score(torch.where(is_changed, x, fill), direction))
    return Curves(share, *(torch.stack(points, dim=1).cpu().numpy() for points in (deletion, insertion)))


def random_maps(maps: Tensor, *, seed=0) -> Tensor:
    """Return maps of the same shape in random order: the chance level of `curves`."""
    return torch.rand(maps.shape, generator=torch.Generator().manual_seed(seed)).to(maps.device)


def sparseness(maps: Tensor) -> np.ndarray:
    """Return (b,) Gini indices of absolute relevance: 0 where all pixels share alike, near 1 where one has it all."""
    values = maps.flatten(1).abs().double().sort(dim=1).values.cpu().numpy()
    n = values.shape[1]
    total = values.sum(axis=1)
    weighted = (values * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=1)
    return np.divide(weighted, n * total, out=np.full(len(values), np.nan), where=total > 0)


def sensitivity(
    explain: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    direction: Tensor,
    *,
    radius=0.02,
    n_samples=8,
    seed=0,
    bounds=(0.0, 1.0),
) -> np.ndarray:
    """Return (b,) the largest |E(x + noise) - E(x)| / |E(x)| over noise of at most `radius` a pixel (Yeh et al. 2019).

    explain : (x, direction) -> maps (b, h, w). 0 is perfectly stable; nan where a map is 0.
    bounds : what a disturbed input may not leave, those of pixels; None for landmarks.
    """
    generator = torch.Generator().manual_seed(seed)
    before = explain(x, direction).flatten(1)
    length = before.norm(dim=1)
    worst = torch.zeros_like(length)
    for _ in range(n_samples):
        noise = (2 * torch.rand(x.shape, generator=generator) - 1).to(x) * radius
        disturbed = x + noise if bounds is None else (x + noise).clamp(*bounds)
        moved = explain(disturbed, direction).flatten(1)
        worst = torch.maximum(worst, (moved - before).norm(dim=1))
    return torch.where(length > 0, worst / length, torch.nan).cpu().numpy()


def agreement(first: Tensor, second: Tensor) -> np.ndarray:
    """Return (b,) Spearman's rank correlation of two maps of each picture; nan where one is constant."""
    ranks = [rankdata(maps.flatten(1).cpu().numpy(), axis=1) for maps in (first, second)]
    centred = [values - values.mean(axis=1, keepdims=True) for values in ranks]
    product = (centred[0] * centred[1]).sum(axis=1)
    lengths = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    return np.divide(product, lengths, out=np.full(len(product), np.nan), where=lengths > 0)


def agreement_table(maps: dict[str, Tensor]) -> dict[str, dict[str, float | None]]:
    """Return the mean rank correlation of every two methods, absolute maps compared, ready for JSON."""
    table: dict[str, dict[str, float | None]] = {name: {} for name in maps}
    for first in maps:
        for second in maps:
            found = agreement(maps[first].abs(), maps[second].abs())
            known = found[np.isfinite(found)]
            table[first][second] = float(known.mean()) if len(known) else None
    return table


def randomised(network: nn.Module, *, seed=0) -> Iterator[tuple[str, nn.Module]]:
    """Yield the network with one layer more at random each time, from the answer down to the pixels (Adebayo 2018).

    Weights of a layer are shuffled among themselves, so that their spread stays. The yielded copy is one and the
    same and changes with the next step.
    """
    generator = torch.Generator().manual_seed(seed)
    shaken = copy.deepcopy(network)
    layers = [(name, part) for name, part in shaken.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    for name, layer in reversed(layers):
        with torch.no_grad():
            for weight in (layer.weight, layer.bias):
                if weight is not None:
                    flat = weight.flatten()
                    weight.copy_(flat[torch.randperm(len(flat), generator=generator).to(flat.device)].view_as(weight))
        yield name, shaken


def randomisation_check(
    explain: Explain, network: nn.Module, x: Tensor, direction: Tensor, *, n_stages=5, seed=0
) -> list[dict]:
    """Return how alike maps of the network and of ever more random ones are, ready for JSON.

    Items {"layer": the last one made random, "n_random", "agreement": mean Spearman of absolute maps, None where
    all are constant}. A method whose maps stay alike shows the picture, not what was learnt.
    n_stages : at how many of the layers, evenly spaced, the maps are made; the last is wholly random.
    """
    before = explain(network, x, direction).abs()
    n_layers = sum(isinstance(part, nn.Linear | nn.Conv2d) for part in network.modules())
    stages = set(np.unique(np.linspace(1, n_layers, min(n_stages, n_layers)).round().astype(int)).tolist())
    found = []
    for n_random, (name, shaken) in enumerate(randomised(network, seed=seed), start=1):
        if n_random in stages:
            alike = agreement(before, explain(shaken, x, direction).abs())
            known = alike[np.isfinite(alike)]
            mean = float(known.mean()) if len(known) else None
            found.append({"layer": name, "n_random": n_random, "agreement": mean})
    return found


def shares_in_regions(maps: Tensor, masks: np.ndarray) -> np.ndarray:
    """Return (b, r) the share of absolute relevance inside each part; beside it stands `Regions.areas`, its chance.

    maps : (b, h, w); masks : (b, r, h, w) bool. nan where a map is 0.
    """
    relevance = maps.abs().double().cpu().numpy()
    total = relevance.sum(axis=(1, 2))
    inside = np.einsum("bhw,brhw->br", relevance, masks)
    return np.divide(inside, total[:, None], out=np.full(inside.shape, np.nan), where=total[:, None] > 0)
