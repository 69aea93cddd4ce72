"""The thesis' configurations, read again by hand from its text: tables 6.5 to 6.22."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch

from learning.descent import Descent
from learning.distribution import ALONE
from learning.recipes import RECIPES, recipe
from learning.studies import STUDIES, run_study
from learning.topological import TopologicalVaeLearner
from learning.training import train_release
from learning.vae_recipes import PUBLISHED
from tests.learning import releases
from tests.learning.test_topological import slow_loss


def test_there_are_as_many_as_in_the_tables():
    counts = Counter((row.collection, row.table, row.config.network.model) for row in PUBLISHED.values())
    assert counts == {
        ("posed", "6.6", 1): 12, ("posed", "6.8", 2): 9, ("posed", "6.10", 3): 11, ("posed", "6.12", 3): 11,
        ("spontaneous", "6.15", 1): 9, ("spontaneous", "6.17", 2): 7, ("spontaneous", "6.19", 3): 6,
        ("spontaneous", "6.21", 3): 8,
    }  # fmt: skip
    assert len(PUBLISHED) == 73 and set(PUBLISHED) <= set(RECIPES)


def test_what_the_thesis_never_changes():
    for row in PUBLISHED.values():
        network, objective, training = row.config.network, row.config.objective, row.config.training
        assert (network.form, network.dropout_keep) == ("concatenated", 0.9)
        assert (objective.n_samples, objective.n_triplet_samples, objective.triplet_term) == (3, 10, "sampled")
        assert (objective.likelihood, objective.vote_weights, objective.reference_dims) == ("weighted", "difference", 0)
        assert training.batch_size == {"posed": 200, "spontaneous": 250}[row.collection]
        assert (training.triplet_batch_size, training.n_steps, training.validate_every) == (10, 100_000, 2500)
        assert (training.selection, training.batch, training.patience, training.ema) == ("elbo", "separate", 0, 0)
        assert (training.mirror, training.jitter) == ("no", 0)
        assert row.config.optimiser == dataclasses.replace(
            row.config.optimiser, optimiser="adam", learning_rate=1e-4, schedule="constant", warmup=0, clip_norm=0,
            weight_decay=0,
        )  # fmt: skip
        assert (objective.topology_variance > 0) == (network.model == 3)


#: name, encoder, decoder, latent, reconstruction variance, topology variance, annealed, iterations, published results
BY_HAND = [
    ("posed-6.6-row-6", (240, 120, 60), (60, 120, 240), 30, 1e-4, 0, "kl", 100_000, [30, 0.536, 0.572]),
    ("posed-6.6-row-8", (120, 60), (60, 120), 30, 1e-3, 0, "kl", 50_000, [25, 0.544, 0.557]),
    ("posed-6.6-row-10", (240, 120, 60), (60, 120, 240), 30, 1e-3, 0, "kl", 0, [17, 0.512, 0.556]),
    ("posed-6.8-row-3", (240, 120, 60), (300, 400, 300), 30, 1e-4, 0, "kl", 100_000, [30, 0.664, 0.595]),
    ("posed-6.8-row-4", (240, 120, 60), (300, 400, 300), 30, 5e-4, 0, "kl", 0, [16, 0.616, 0.593]),
    ("posed-6.10-row-1", (240, 120, 60), (300, 400, 300), 30, 1e-3, 0.01, "kl", 0, [30, 0.62, 0.742]),
    ("posed-6.10-row-7", (480, 240, 120, 60), (300, 400, 300), 30, 1e-3, 0.04, "kl", 100_000, [30, 0.724, 0.761]),
    ("posed-6.10-row-8", (480, 240, 120, 60), (300, 500, 300), 30, 1e-3, 0.04, "kl", 100_000, [30, 0.676, 0.751]),
    ("posed-6.10-row-9", (600, 400, 200, 100), (300, 400, 300), 50, 1e-3, 0.04, "kl", 100_000, [39, 0.708, 0.76]),
    ("posed-6.12-row-4", (600, 400, 200, 100), (300, 400, 300), 50, 1e-3, 0.04, "prior", 50_000, [22, 0.704, 0.729]),
    ("posed-6.12-row-5", (400, 200, 100), (300, 400, 300), 50, 1e-3, 0.04, "prior", 50_000, [26, 0.7, 0.725]),
    ("posed-6.12-row-11", (240, 120, 60), (300, 400, 300), 30, 1e-4, 0.04, "prior", 100_000, [30, 0.648, 0.674]),
    ("spontaneous-6.15-row-8", (300, 200, 100), (100, 200, 300), 50, 1e-4, 0, "kl", 50_000,
     [50, 0.588, 0.75, 0.663, 0.59, 0.507]),
    ("spontaneous-6.17-row-2", (240, 120, 60), (300, 400, 300), 30, 1e-2, 0, "kl", 0,
     [5, 0.576, 0.691, 0.637, 0.598, 0.505]),
    ("spontaneous-6.19-row-6", (240, 120, 60), (300, 400, 300), 30, 1e-3, 1e-4, "kl", 100_000,
     [30, 0.614, 0.753, 0.848, 0.736, 0.543]),
    ("spontaneous-6.21-row-3", (240, 120, 60), (300, 400, 300), 30, 1e-3, 1e-4, "prior", 50_000,
     [30, 0.627, 0.764, 0.839, 0.726, 0.544]),
    ("spontaneous-6.21-row-7", (600, 400, 200, 100), (300, 400, 300), 50, 1e-3, 5e-4, "prior", 50_000,
     [21, 0.618, 0.755, 0.756, 0.687, 0.516]),
]  # fmt: skip


@pytest.mark.parametrize("row", BY_HAND, ids=lambda row: row[0])
def test_rows_read_by_hand(row):
    name, *expected = row
    found = PUBLISHED[f"topological-vae/{name}"]
    network, objective = found.config.network, found.config.objective
    layers = [network.encoder, network.decoder, network.n_latent]
    terms = [objective.reconstruction_variance, objective.topology_variance, objective.annealed, objective.annealing]
    assert [*layers, *terms, list(found.results.values())] == expected


def test_two_rows_of_table_6_12_are_one_configuration_with_two_results():
    first, again = (PUBLISHED[f"topological-vae/posed-6.12-row-{number}"] for number in (6, 9))
    assert first.config == again.config and first.results != again.results


def test_a_recipe_says_its_table_its_row_and_what_was_published():
    said = recipe("topological-vae/posed-6.12-row-4").source
    assert "table 6.12, configuration 4" in said and "(table 6.13)" in said
    assert "active dimensions 22, accuracy 0.704, satisfied 0.729" in said
    assert "[498, 600, 400, 200, 100, 50]" in recipe("topological-vae/posed-6.12-row-4").summary
    best = recipe("topological-vae-posed-published")
    assert best.config == recipe("topological-vae/posed-6.10-row-7").config and "satisfied 0.798" in best.source


#: One of each table, every form of layers, variance and annealing among them.
OF_EACH_TABLE = ["posed-6.6-row-8", "posed-6.8-row-6", "posed-6.10-row-7", "posed-6.12-row-5", "spontaneous-6.15-row-7",
                 "spontaneous-6.17-row-3", "spontaneous-6.19-row-4", "spontaneous-6.21-row-3"]  # fmt: skip
FEW = {"batch_size": "5", "triplet_batch_size": "2"}


def learner_of(name: str, **changes) -> TopologicalVaeLearner:
    release = releases.tiny_release(n_train=40)
    release.triplets.weight[:] = np.arange(len(release.triplets)) % 3 * 2 + 1
    config = PUBLISHED[f"topological-vae/{name}"].config.with_changes(FEW | changes)
    torch.manual_seed(0)
    return TopologicalVaeLearner(release, config, seed=0, device=torch.device("cpu"))


@pytest.mark.parametrize("name", OF_EACH_TABLE)
@pytest.mark.parametrize("step", [0, 30_000, 99_999])
def test_a_step_of_each_table_has_the_loss_of_the_definition(name, step):
    it = learner_of(name, dropout_keep="1")
    total, _ = it.loss(step, torch.Generator().manual_seed(7))
    assert float(total.detach()) == pytest.approx(slow_loss(it, step, 7), rel=2e-4)


def test_the_published_steps_are_those_of_adam_by_hand():
    """A rate of 1e-4 from the first step to the last: no warm-up, no schedule, no decay of weights, no clipping."""
    moved, twin = (learner_of("posed-6.10-row-7") for _ in range(2))
    descent = Descent(moved, moved.config, seed=5, device=moved.device, share=ALONE)
    weights = [weight.detach().clone().requires_grad_() for weight in twin.network.parameters()]
    names = [name for name, _ in twin.network.named_parameters()]
    first, second = ([torch.zeros_like(weight) for weight in weights] for _ in range(2))
    torch.manual_seed(1)
    for _ in range(4):
        descent.advance(100_000, [])
    generator = torch.Generator().manual_seed(5)
    torch.manual_seed(1)
    for step in range(4):
        twin.network.load_state_dict(dict(zip(names, weights, strict=True)))
        found = twin.loss(step, generator)[0]
        gradients = torch.autograd.grad(found, list(twin.network.parameters()))
        for place, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            first[place] = 0.9 * first[place] + 0.1 * gradient
            second[place] = 0.999 * second[place] + 0.001 * gradient**2
            mean, spread = first[place] / (1 - 0.9 ** (step + 1)), second[place] / (1 - 0.999 ** (step + 1))
            weights[place] = weight.detach() - 1e-4 * mean / (spread.sqrt() + 1e-8)
    for name, weight, expected in zip(names, moved.network.parameters(), weights, strict=True):
        torch.testing.assert_close(weight.detach(), expected.detach(), atol=3e-6, rtol=0, msg=name)


@pytest.mark.parametrize("name", ["posed-6.6-row-1", "posed-6.10-row-9"])
def test_they_train_by_name(name, tmp_path):
    config = recipe(f"topological-vae/{name}").config.with_changes({"n_steps": 4, "validate_every": 2})
    result = train_release(releases.tiny_release(n_train=40), config, seed=0, out=tmp_path)
    assert result.status == "finished" and result.satisfied_test is not None


def test_a_table_trains_as_a_whole_study(tmp_path):
    study = STUDIES["topological-vae/spontaneous"]
    assert len(study.parts) == 30 and len(STUDIES["topological-vae/posed"].parts) == 43
    assert [len(names) for names in study.tables.values()] == [9, 7, 6, 8]
    quick = {"n_steps": "1", "validate_every": "1", "batch_size": "4", "triplet_batch_size": "2"}
    some = dataclasses.replace(study, parts=study.parts[::10])
    results = run_study(releases.tiny_release(n_train=40), some, changes=quick, out=tmp_path)
    assert [result.status for result in results.parts] == ["finished"] * 3
