"""Faces as landmarks for a probe of the topological VAE: relevance of every landmark, and how far to trust it."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from analysis import faithfulness
from analysis.explaining import trust
from analysis.explaining.methods import Batch
from analysis.gradients import gradient, integrated_gradients
from analysis.landmark_probe import LandmarkProbe

INTEGRATED, STEP, PUT_BACK = "integrated-gradients", "gradient-times-movement", "put-back"
#: How far landmarks are disturbed, in distances between the eyes; steps of an integral and of the curves.
_RADIUS, _N_STEPS, _N_CURVE = 0.01, 32, 12


class ProbeNetwork(nn.Module):
    """Encoder and probe as one network, its layers in order from landmarks to scores, so that they can be shaken."""

    def __init__(self, probe: LandmarkProbe):
        super().__init__()
        self.inputs = probe.network.inputs
        self.body, self.mean = probe.network.body, probe.network.mean
        self.probe = nn.Linear(probe.weight.shape[1], len(probe.classes)).to(probe.weight)
        with torch.no_grad():
            self.probe.weight.copy_(probe.weight)
            self.probe.bias.copy_(probe.bias)
        self.eval().requires_grad_(False)

    def score(self, x: Tensor, direction: Tensor, neutral: Tensor | None = None) -> Tensor:
        """Return (b,) direction · scores of aligned faces x (b, D)."""
        return (self.probe(self.mean(self.body(self.inputs(x, neutral)))) * direction).sum(dim=1)


@dataclass(frozen=True)
class Shapes:
    """n faces. x, baseline : (n, D); neutral : (n, D) or None; direction : (n, k); parts : (r, n_points) bool."""

    x: Tensor
    baseline: Tensor
    neutral: Tensor | None
    direction: Tensor
    parts: np.ndarray
    shape: tuple[int, int]

    def where(self, chosen) -> "Shapes":
        at = torch.as_tensor(np.asarray(chosen))
        neutral = None if self.neutral is None else self.neutral[at]
        return Shapes(self.x[at], self.baseline[at], neutral, self.direction[at], self.parts, self.shape)

    @property
    def fixed(self) -> tuple[Tensor, ...]:
        return (self.direction,) if self.neutral is None else (self.direction, self.neutral)

    def per_point(self, attribution: Tensor) -> Tensor:
        """Return (n, n_points, 1) sums over coordinates, as maps of one column."""
        return attribution.view(len(attribution), *self.shape).sum(dim=2)[..., None]

    def as_pictures(self, x: Tensor) -> Tensor:
        """Return (n, n_dims, n_points, 1): landmarks are the pixels, coordinates the channels."""
        return x.view(len(x), *self.shape).transpose(1, 2)[..., None]

    def flat(self, x: Tensor) -> Tensor:
        """Return (n, D) from `as_pictures`."""
        return x[..., 0].transpose(1, 2).reshape(len(x), -1)

    def changes(self, network: ProbeNetwork) -> Tensor:
        """Return (n, r): the score with a part put back to the baseline minus the score."""
        whole, n_dims = network.score(self.x, *self.fixed), self.shape[1]
        found = []
        for part in self.parts:
            mask = torch.as_tensor(np.repeat(part, n_dims))
            found.append(network.score(torch.where(mask, self.baseline, self.x), *self.fixed) - whole)
        return torch.stack(found, dim=1) if found else torch.zeros(len(self.x), 0)


def relevance(key: str, network: ProbeNetwork, shapes: Shapes, n_steps: int = _N_STEPS) -> Tensor:
    """Return (n, n_points, 1) signed relevance of every landmark by one of `NAMES`."""
    if key == INTEGRATED:
        found, _ = integrated_gradients(network.score, shapes.x, shapes.baseline, *shapes.fixed, n_steps=n_steps)
        return shapes.per_point(found)
    if key == STEP:
        return shapes.per_point(gradient(network.score, shapes.x, *shapes.fixed) * (shapes.x - shapes.baseline))
    worth = -shapes.changes(network) / torch.as_tensor(np.maximum(shapes.parts.sum(axis=1), 1))
    return (worth.to(shapes.x) @ torch.as_tensor(shapes.parts).to(shapes.x))[..., None]


def panel(network: ProbeNetwork, keys, shapes: Shapes, seed: int) -> dict:
    """Return the same figures as `trust.panel`, landmarks in place of pixels, the baseline in place of a filling."""
    batch = Batch(shapes.as_pictures(shapes.x), shapes.direction)
    fill = shapes.as_pictures(shapes.baseline)
    rest = shapes.fixed[1:]

    def score(x, direction):
        return network.score(shapes.flat(x), direction, *rest)

    maps = {key: relevance(key, network, shapes) for key in keys}
    found: dict[str, dict] = {}
    for key in keys:

        def on(shaken, x, _direction, key=key):
            return relevance(key, shaken, replace(shapes, x=x))

        # Parts put back count alike whatever the network: all such maps rank alike.
        randomised = (
            []
            if key == PUT_BACK
            else faithfulness.randomisation_check(on, network, shapes.x, shapes.direction, seed=seed)
        )
        disturbed = faithfulness.sensitivity(
            partial(on, network), shapes.x, shapes.direction, radius=_RADIUS, seed=seed, bounds=None
        )
        conservation = None
        if key == INTEGRATED:
            total = maps[key].sum(dim=(1, 2))
            owed = network.score(shapes.x, *shapes.fixed) - network.score(shapes.baseline, *shapes.fixed)
            usable = owed.abs() > 1e-3 * owed.abs().max()
            ratio = (total / owed)[usable].double().numpy()
            conservation = {"of": "the difference to the neutral face", "median": float(np.median(ratio)),
                            "low": float(ratio.min()), "high": float(ratio.max()), "n": len(ratio)}  # fmt: skip
        found[key] = {
            **trust.curve_figures(score, batch, maps[key], fill, _N_CURVE),
            "sensitivity": trust.mean(disturbed),
            "sparseness": trust.mean(faithfulness.sparseness(maps[key])),
            "randomised": randomised,
            "conservation": conservation,
        }
    chance = faithfulness.random_maps(maps[INTEGRATED], seed=seed)
    found[trust.RANDOM] = trust.curve_figures(score, batch, chance, fill, _N_CURVE)
    return {"methods": found, "agreement": faithfulness.agreement_table(maps), "n": len(shapes.x)}
