"""A step whose kernels torch.compile merges is the step; no compiler is asked here, only what torch.compile sees."""

import contextlib

import pytest
import torch

from bench import kernels
from learning import optimisation, stacked, training
from learning.config import ConfigInvalid
from learning.descent import Descent
from learning.distribution import Share
from learning.recipes import recipe
from learning.stacked import Member, train_stacked
from learning.topological import TopologicalVaeLearner
from learning.training import train_release
from tests.learning import releases
from tests.learning.test_captured import VARIANTS, tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def release():
    return releases.tiny_release(n_train=60)


def learner_of(release, config):
    return TopologicalVaeLearner(release, config, seed=0, device=CPU)


@pytest.fixture
def no_compiler(monkeypatch, request):
    """Let torch.compile do what it does before it writes kernels: trace the whole step, forward and backward."""
    calls, backend = [], getattr(request, "param", "aot_eager")

    def compile(function, **how):
        calls.append(how)
        return compiled(function, backend=backend, **how)

    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", compile)
    return calls


def test_a_compiled_training_is_the_training(release, tmp_path, no_compiler):
    """With everything that a step may draw, dropout too, drawn outside of what is compiled."""
    changes = VARIANTS[1] | {"n_steps": 20}
    merged, plain = (
        train_release(release, tiny(**changes, recording=how), seed=3, out=tmp_path / how) for how in ("compiled", "no")
    )
    assert no_compiler == [{"fullgraph": True, "dynamic": False}]
    assert "not_recorded" not in merged.metrics and len(merged.curve) == 2
    for point, other in zip(merged.curve, plain.curve, strict=True):
        assert point == pytest.approx(other, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("no_compiler", ["eager"], indirect=True)  # the whole of it takes twice as long
def test_a_compiled_stack_is_the_stack(release, no_compiler):
    merged, plain = (
        train_stacked(release, [Member(tiny(n_steps=20, recording=how), seed) for seed in (3, 4)], draws="together")
        for how in ("compiled", "no")
    )
    assert len(no_compiler) == 1
    for one, other in zip(merged, plain, strict=True):
        assert len(one.curve) == len(other.curve) == 2 and "not_recorded" not in one.metrics
        for point, expected in zip(one.curve, other.curve, strict=True):
            assert point == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_where_nothing_can_be_compiled_the_step_is_done_as_it_is_and_said(release, tmp_path, monkeypatch):
    def refuse(function, **how):
        def refused(*arguments):
            raise RuntimeError("Cannot find a working triton installation.\nMore on many lines")

        return refused

    monkeypatch.setattr(torch, "compile", refuse)
    found = train_release(release, tiny(n_steps=10, recording="compiled"), seed=3, out=tmp_path / "compiled")
    said = "it could not be compiled: Cannot find a working triton installation."
    assert found.metrics["not_recorded"] == said
    plain = train_release(release, tiny(n_steps=10), seed=3, out=tmp_path / "plain")
    assert found.curve[0] == pytest.approx(plain.curve[0], rel=1e-6)
    (stacked,) = train_stacked(release, [Member(tiny(n_steps=10, recording="compiled"), 3)])
    assert stacked.metrics["not_recorded"] == said


def test_memory_that_runs_out_while_compiling_is_said_as_such(release, monkeypatch):
    def full(function, **how):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch, "compile", full)
    learner = learner_of(release, tiny())
    with pytest.raises(torch.OutOfMemoryError):
        learner.merge()


def test_what_is_not_compiled_is_refused(release, tmp_path):
    config = tiny(recording="compiled")
    learner = learner_of(release, config)
    with pytest.raises(ConfigInvalid, match="'compiled' with 2 processes: expected auto or no"):
        Descent(learner, config, seed=0, device=CPU, share=Share(0, 2))
    ordinal = recipe("ordinal-embedding").config.with_changes({"recording": "compiled", "device": "cpu"})
    with pytest.raises(ConfigInvalid, match="'compiled' for ordinal-embedding: expected auto or no"):
        train_release(release, ordinal, seed=0, out=tmp_path)


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_matrices_are_multiplied_on_a_gpu_as_said_and_afterwards_as_before(precision):
    before = torch.get_float32_matmul_precision()
    for device, expected in (("cuda", "high" if precision == "tf32" else "highest"), ("cpu", before)):
        with optimisation.matmul_precision(torch.device(device), precision):
            assert torch.get_float32_matmul_precision() == expected
        assert torch.get_float32_matmul_precision() == before


def test_trainings_multiply_as_they_are_told(release, tmp_path, monkeypatch):
    told = []
    for module in (stacked, training):
        monkeypatch.setattr(module, "matmul_precision", lambda *how: told.append(how) or contextlib.nullcontext())
    config = tiny(n_steps=2, validate_every=2, matmul="tf32")
    train_release(release, config, seed=3, out=tmp_path)
    train_stacked(release, [Member(config, 3)])
    assert told == 2 * [(CPU, "tf32")]


def test_dropout_drawn_beforehand_is_that_of_the_layers(release):
    """Layer by layer on a CPU: the numbers of nn.Dropout, so that figures do not depend on who draws."""
    learner = learner_of(release, tiny(n_samples=2))
    learner.network.train()
    torch.manual_seed(5)
    drawn = learner.draw(torch.Generator().manual_seed(1))
    told = learner.loss_of(drawn, 0.5)[0].item()
    torch.manual_seed(5)
    by_layers = learner.loss_of({name: values for name, values in drawn.items() if name != "kept"}, 0.5)[0]
    assert told == by_layers.item()
    keep = learner.config.network.dropout_keep
    assert float(drawn["kept"].mean()) == pytest.approx(keep, abs=0.02) and set(drawn["kept"].tolist()) == {0.0, 1.0}


def test_many_at_once_are_hardly_more_kernels_than_one(release):
    config = tiny(**VARIANTS[1])
    one, two, five = (kernels.of_one(release, config), *(kernels.of_stack(release, config, n) for n in (2, 5)))
    assert two.counts == five.counts and one.n_products == five.n_products > 10
    assert one.counts.total() < five.counts.total() < 1.3 * one.counts.total()
    assert one.counts["bernoulli_"] == len(learner_of(release, config).network.hidden_widths[0]) * 2  # here one a layer
    assert one.counts["_fused_adam_"] == 1 and five.counts["bernoulli_"] == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: a compiled step in a CUDA graph is not tried")
def test_a_compiled_step_in_a_cuda_graph_is_the_training(release, tmp_path):
    merged, plain = (
        train_release(release, tiny(**VARIANTS[1], device="cuda", recording=how), seed=3, out=tmp_path / how)
        for how in ("compiled", "no")
    )
    assert "not_recorded" not in merged.metrics
    for point, other in zip(merged.curve, plain.curve, strict=True):
        assert point == pytest.approx(other, rel=1e-3, abs=1e-3)
