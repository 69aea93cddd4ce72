"""The probe of the topological VAE as one differentiable function of the landmarks, and what explains it.

Score of a class: its row of a linear classifier on the standardised latent mean. Neutral faces are inputs of the
network but not what is explained: they stay as they are.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor

from analysis import tangent
from analysis.gradients import gradient, integrated_gradients
from analysis.probes import MAX_ITER
from learning.networks.topological_vae import TopologicalVae

METHODS = ("gradient", "integrated gradients")


@dataclass(frozen=True)
class LandmarkProbe:
    """classes : (k,); weight : (k, d) and bias : (k,) on the latent mean as the network gives it."""

    network: TopologicalVae
    classes: tuple[str, ...]
    weight: Tensor
    bias: Tensor

    def scores(self, x: Tensor, neutral: Tensor | None = None) -> Tensor:
        """Return (b, k) from aligned faces x (b, D) and their neutral faces."""
        return self.network.encode(x, neutral)[0] @ self.weight.T + self.bias

    def score(self, x: Tensor, direction: Tensor, neutral: Tensor | None = None) -> Tensor:
        """Return (b,), as the functions of `analysis.gradients` call it."""
        return (self.scores(x, neutral) * direction).sum(dim=1)


def fit_probe(network: TopologicalVae, x: Tensor, neutral: Tensor | None, labels, *, c=1.0, seed=0) -> LandmarkProbe:
    """Return a linear support vector machine, one class against the rest, on the latent means of x (n, D).

    labels : (n,) str, at least two different ones; pass training faces only.
    """
    labels = np.asarray(labels).astype(str)
    if len(set(labels.tolist())) < 2:
        raise ValueError(f"all {len(labels)} faces are called {labels[:1].tolist()}: a probe needs two classes")
    with torch.no_grad():
        mean = network.encode(x, neutral)[0].double().numpy()
    machine = make_pipeline(StandardScaler(), LinearSVC(C=c, dual="auto", max_iter=MAX_ITER, random_state=seed))
    machine.fit(mean, labels)
    scaler, linear = machine[0], machine[1]
    weight = linear.coef_ / scaler.scale_
    bias = linear.intercept_ - weight @ scaler.mean_
    if len(weight) == 1:  # two classes share one row, which speaks for the second
        weight, bias = np.concatenate([-weight, weight]), np.concatenate([-bias, bias])
    as_tensor = {name: torch.as_tensor(values).to(x) for name, values in (("weight", weight), ("bias", bias))}
    return LandmarkProbe(network, tuple(str(name) for name in linear.classes_), **as_tensor)


def explain_faces(
    probe: LandmarkProbe, x: Tensor, neutral: Tensor | None, labels, *, method="gradient", n_steps=32
) -> Tensor:
    """Return (b, D) signed attributions of the score of each face's class in `labels` (b,) str.

    "integrated gradients" start at the subject's own neutral face, at the mean face where the network has none.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: expected one of {', '.join(METHODS)}")
    place = {name: position for position, name in enumerate(probe.classes)}
    direction = torch.eye(len(place)).to(x)[[place[str(name)] for name in labels]]
    fixed = (direction,) if neutral is None else (direction, neutral)
    if method == "gradient":
        return gradient(probe.score, x, *fixed)
    baseline = torch.zeros_like(x) if neutral is None else neutral
    return integrated_gradients(probe.score, x, baseline, *fixed, n_steps=n_steps)[0]


def tangent_report(
    network: TopologicalVae, x: Tensor, neutral: Tensor | None, labels, *, is_training, people=None, seed=0
) -> dict:
    """Return, for each method, tangent alignment of the probe's explanations on the faces that did not train it.

    x : (n, D), labels : (n,) str, is_training : (n,) bool, people : (n,) str or None, who is resampled for intervals.
    Beside each value chance and control (a probe that learnt shuffled labels on the same embedding), the lead over the
    control, and the manifold's reconstruction error. JSON-able.
    """
    labels, is_training = np.asarray(labels).astype(str), np.asarray(is_training, dtype=bool)
    kept = np.isin(labels, np.unique(labels[is_training]))
    training, shown = np.flatnonzero(is_training), np.flatnonzero(~is_training & kept)
    if not len(shown):
        raise ValueError("no face is left that did not train the probe: expected some with is_training False")
    shown_neutral = None if neutral is None else neutral[shown]
    z = network.encode(x[shown], shown_neutral)[0]
    basis, rank = tangent.tangent_basis(tangent.decoder_jacobian(network, z, shown_neutral))
    found: dict = {"reconstruction_error": tangent.reconstruction_error(network, x[shown], shown_neutral)}
    of = None if people is None else np.asarray(people)[shown]
    for method in METHODS:

        def explain(learnt, method=method):
            training_neutral = None if neutral is None else neutral[training]
            probe = fit_probe(network, x[training], training_neutral, learnt[training], seed=seed)
            return explain_faces(probe, x[shown], shown_neutral, labels[shown], method=method)

        within = np.where(is_training, "training", "shown")
        found[method] = tangent.against_control(explain, labels, basis, rank, within=within, people=of, seed=seed)
    return found
