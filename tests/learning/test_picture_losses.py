"""A step of every kind of picture network against its definition, in plain loops over the release's own columns."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from learning.images import ImageLearner
from tests.learning.picture_releases import CLASSES, picture_release
from tests.learning.test_images import quick


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path / "pictures"))


def slow_picture_loss(learner: ImageLearner, release, output, items) -> float:
    """The loss of a batch out of the release's own columns, a picture or a triplet and a number at a time."""
    objective, rows = learner.config.objective, learner.pictures.row
    train = learner.task.items["train"]
    if objective.target == "class":
        label = [CLASSES.index(name) for name in release.stimuli.class_label]
        said = {c: release.ratings.mean[release.ratings.attribute == name] for c, name in enumerate(CLASSES)}
        share = {i: [float(label[i] == c) for c in range(3)] for i in rows}
        if objective.labels == "votes":
            share = {i: [float(said[c][i]) for c in range(3)] for i in rows}
        counts = [sum(share[rows[i]][c] for i in train) for c in range(3)]
        balance = [len(train) / (3 * n) if objective.class_weights == "balanced" else 1.0 for n in counts]
        total = norm = 0.0
        for place, item in enumerate(items):
            z = sum(math.exp(v) for v in output[place])
            for c in range(3):
                of_class = share[rows[item]][c]
                target = (1 - objective.label_smoothing) * of_class + objective.label_smoothing / 3
                total -= balance[c] * target * math.log(math.exp(output[place][c]) / z)
                norm += balance[c] * of_class
        return total / norm
    if objective.target == "attributes":
        ratings = release.ratings
        total, n = 0.0, 0
        for k, name in enumerate(("height", "happy")):
            here = ratings.attribute == name
            mean, variance = ratings.mean[here].astype(float), ratings.spread[here].astype(float) ** 2
            pooled = variance.mean()  # equal numbers of raters; four degrees of freedom of everybody's
            weight = 20 / ((19 * variance + 4 * pooled) / 23)
            weight = weight / weight.mean() if objective.rating_weights == "variance" else np.ones(len(mean))
            known = mean[rows[train]]
            low, size = (1.0, 8.0) if objective.scaling == "unit" else (known.mean(), known.std())
            for place, item in enumerate(items):
                error = output[place][k] - (mean[rows[item]] - low) / size
                total += weight[rows[item]] * (abs(error) if objective.regression == "absolute" else error**2)
                n += 1
        return total / n
    triplets = release.triplets
    weight = triplets.weight.astype(float)
    if objective.vote_weights == "normalised":
        weight = weight / weight[triplets.split == "train"].mean()
    total = 0.0
    for place, item in enumerate(items):
        r, p, n = output[3 * place : 3 * place + 3]
        u = math.dist(r, p) - math.dist(r, n)
        if objective.likelihood == "votes":
            k, of = triplets.n_positive[item], triplets.n_votes[item]
            total += (of * math.log1p(math.exp(u)) - (of - k) * u) / triplets.n_votes[triplets.split == "train"].mean()
        else:
            total += weight[item] * math.log1p(math.exp(u))
    return total / len(items)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"class_weights": "balanced", "label_smoothing": 0.1},
        {"class_weights": "balanced", "labels": "votes"},
        {"target": "attributes"},
        {"target": "attributes", "rating_weights": "equal", "scaling": "unit", "regression": "absolute"},
        {"target": "triplets"},
        {"target": "triplets", "vote_weights": "difference"},
        {"target": "triplets", "likelihood": "votes"},
    ],
)
def test_a_step_of_pictures_has_the_loss_of_the_definition(tmp_path, changes):
    is_rated = changes.get("target") == "attributes"
    made = picture_release(tmp_path / "bars", counts=(9, 14, 6), votes=not is_rated, n_triplets=40,
                           rated=("height", "happy") if is_rated else ())  # fmt: skip
    votes = {"n_positive": np.arange(40) % 3 + 3, "n_votes": np.full(40, 5), "weight": 2 * (np.arange(40) % 3) + 1}
    made = dataclasses.replace(made, triplets=dataclasses.replace(made.triplets, **votes))
    changes |= {"attributes": "height,happy"} if is_rated else {}
    learner = ImageLearner(made, quick(batch_size=7, triplet_batch_size=5, **changes), seed=0,
                           device=torch.device("cpu"))  # fmt: skip
    for step in (0, 2):
        found, _ = learner.loss(step, torch.Generator().manual_seed(0))
        items = learner._batch(step)
        output = learner.network(learner._floats(learner.task.positions(items))).detach().double().tolist()
        assert float(found.detach()) == pytest.approx(
            slow_picture_loss(learner, made, output, items.tolist()), rel=1e-4
        )
