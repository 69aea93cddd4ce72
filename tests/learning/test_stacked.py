"""Networks trained as one stack are the networks trained one by one."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from learning.checkpoints import load_checkpoint
from learning.config import Config, ConfigInvalid
from learning.stacked import Member, clip_each, train_stacked
from learning.training import train_release
from tests.learning import releases

# Without dropout, the only random numbers that a stack draws otherwise.
TINY = {"encoder": "24,16", "decoder": "16,24", "n_latent": "4", "n_steps": "40", "validate_every": "10",
        "batch_size": "48", "triplet_batch_size": "16", "device": "cpu", "dropout_keep": "1"}  # fmt: skip


def tiny(**changes) -> Config:
    return Config().with_changes(TINY | {name: str(value) for name, value in changes.items()})


@pytest.fixture(scope="module")
def release():
    return releases.tiny_release()


def assert_alike(stacked, alone):
    assert [point["step"] for point in stacked.curve] == [point["step"] for point in alone.curve]
    for point, other in zip(stacked.curve, alone.curve, strict=True):
        for name, value in point.items():
            assert value == pytest.approx(other[name], rel=2e-3, abs=2e-3), (point["step"], name)
    assert stacked.best_step == alone.metrics["best_step"]
    weights = load_checkpoint(alone.checkpoint).network.state_dict()
    for name, value in stacked.weights.items():
        torch.testing.assert_close(value, weights[name], atol=2e-3, rtol=2e-3)
    for split in ("train", "validation", "test"):
        assert stacked.metrics[f"satisfied_{split}"] == pytest.approx(alone.metrics[f"satisfied_{split}"], abs=0.01)


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9, "variance": "learned", "likelihood": "votes"},
                                     {"triplet_term": "sampled", "batch": "separate", "n_samples": 2, "clip_norm": 0},
                                     {"model": 1, "form": "concatenated"}])  # fmt: skip
def test_seeds_in_a_stack_are_the_trainings_of_these_seeds(release, tmp_path, changes):
    config, seeds = tiny(**changes), (3, 4, 9)
    stacked = train_stacked(release, [Member(config, seed) for seed in seeds])
    for seed, result in zip(seeds, stacked, strict=True):
        assert_alike(result, train_release(release, config, seed=seed, out=tmp_path / str(seed)))


def test_configurations_in_a_stack_are_the_trainings_of_these_configurations(release, tmp_path):
    configs = [tiny(annealed="prior", triplet_weight=10, annealing=0), tiny(annealed="prior", topology_variance=0.01),
               tiny(annealed="prior", reconstruction_variance=0.1, annealing=30)]  # fmt: skip
    stacked = train_stacked(release, [Member(config, 5) for config in configs], out=tmp_path / "stack")
    for number, (config, result) in enumerate(zip(configs, stacked, strict=True), start=1):
        alone = train_release(release, config, seed=5, out=tmp_path / str(number))
        assert_alike(result, alone)
        written = load_checkpoint(tmp_path / "stack" / str(number) / "checkpoint.safetensors")
        assert written.config == config and written.seed == 5 and written.step == alone.metrics["best_step"]
        assert written.metrics == result.metrics
    assert len({result.metrics["validation_elbo"] for result in stacked}) == 3


def test_a_member_that_would_have_ended_early_keeps_what_it_had(release, tmp_path):
    config = tiny(n_steps=300, patience=2, learning_rate=0.03, schedule="constant")
    stacked = train_stacked(release, [Member(config, seed) for seed in (3, 4)])
    for seed, result in zip((3, 4), stacked, strict=True):
        alone = train_release(release, config, seed=seed, out=tmp_path / str(seed))
        assert alone.steps < 300 and result.best_step == alone.metrics["best_step"]
        assert len(result.curve) == len(alone.curve)


def test_drawn_together_members_differ_and_learn_as_much_with_dropout_too(release, tmp_path):
    config, seeds = tiny(n_steps=100, dropout_keep=0.9), range(4)
    members = [Member(config, seed) for seed in seeds]
    stacked = train_stacked(release, members, draws="together")
    found = [result.metrics["satisfied_test"] for result in stacked]
    assert len({result.metrics["validation_elbo"] for result in stacked}) == 4
    alone = [train_release(release, config, seed=seed, out=tmp_path / str(seed)).satisfied_test for seed in seeds]
    assert sum(found) / 4 == pytest.approx(sum(alone) / 4, abs=0.08)
    assert train_stacked(release, members, draws="together")[2].metrics == stacked[2].metrics


def test_each_members_gradient_is_clipped_by_its_own_norm():
    generator = torch.Generator().manual_seed(0)
    weights = [nn.Parameter(torch.randn(3, *shape, generator=generator)) for shape in ((4, 2), (5,))]
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator) * torch.tensor([0.01, 1, 9.0]).view(
            -1, *[1] * (weight.ndim - 1)
        )
    alone = []
    for member in range(3):
        parameters = [nn.Parameter(weight[member].detach().clone()) for weight in weights]
        for parameter, weight in zip(parameters, weights, strict=True):
            parameter.grad = weight.grad[member].clone()
        nn.utils.clip_grad_norm_(parameters, 2.0)
        alone.append(parameters)
    clip_each(weights, 2.0)
    for member in range(3):
        for weight, parameter in zip(weights, alone[member], strict=True):
            torch.testing.assert_close(weight.grad[member], parameter.grad)


def test_what_cannot_be_stacked_is_refused(release):
    with pytest.raises(ConfigInvalid, match="may differ in the seed, reconstruction_variance"):
        train_stacked(release, [Member(tiny(), 0), Member(tiny(learning_rate=0.1), 0)])
    with pytest.raises(ConfigInvalid, match="'sgd': a stack needs adam"):
        train_stacked(release, [Member(tiny(optimiser="sgd"), 0)])


def test_a_member_that_diverges_is_named(release):
    members = [Member(tiny(clip_norm=0, triplet_weight=weight), 0) for weight in (1, 2)]
    broken = dataclasses.replace(members[1].config.objective, triplet_weight=math.nan)
    members[1] = Member(dataclasses.replace(members[1].config, objective=broken), 0)
    with pytest.raises(ConfigInvalid, match=r"member 2 of the stack is no longer finite at step 10: take it out"):
        train_stacked(release, members)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: a CUDA graph of the step is not tried")
def test_a_cuda_graph_does_what_the_step_does(release):
    recorded, plain = (
        train_stacked(release, [Member(tiny(device="cuda", n_steps=60, recording=how), seed) for seed in range(2)])
        for how in ("auto", "no")
    )
    for first, second in zip(recorded, plain, strict=True):
        assert first.metrics["validation_elbo"] == pytest.approx(second.metrics["validation_elbo"], rel=1e-3)
