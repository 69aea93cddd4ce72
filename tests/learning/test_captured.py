"""A recorded step is the step: everything but the call of CUDA itself, on a recorder that keeps to its rules."""

import pytest
import torch

from learning import captured
from learning.checkpoints import load_checkpoint
from learning.config import Config, ConfigInvalid
from learning.stacked import Member, train_stacked
from learning.topological import TopologicalVaeLearner
from learning.training import train_release
from tests.learning import releases
from tests.learning.recording import OperationRecorder

TINY = {"encoder": "24,16", "decoder": "16,24", "n_latent": "4", "n_steps": "40", "validate_every": "10",
        "batch_size": "48", "triplet_batch_size": "16", "device": "cpu"}  # fmt: skip
#: Every term, batch and average that a step may have; dropout is drawn by the default generator.
VARIANTS = [
    {},
    {"ema": 0.9, "triplet_term": "sampled", "batch": "separate", "n_samples": 2, "clip_norm": 0, "annealed": "prior"},
    {"variance": "learned", "likelihood": "votes", "schedule": "constant", "optimiser": "adamw", "weight_decay": 0.01},
    {"model": 1, "form": "concatenated", "mirror": "no", "jitter": 0, "annealing": 15},
]


def tiny(**changes) -> Config:
    return Config().with_changes(TINY | {name: str(value) for name, value in changes.items()})


@pytest.fixture(scope="module")
def release():
    return releases.tiny_release()


@pytest.fixture
def recorders(monkeypatch):
    """Let CPUs record, and return the recorders that were made."""
    made = []

    def recorder_for(device, generators=()):
        made.append(OperationRecorder(generators))
        return made[-1]

    monkeypatch.setattr(captured, "recorder_for", recorder_for)
    return made


@pytest.mark.parametrize("changes", VARIANTS)
def test_a_recorded_training_is_the_training(release, tmp_path, recorders, changes):
    recorded = train_release(release, tiny(**changes), seed=3, out=tmp_path / "recorded")
    (recorder,) = recorders
    assert (recorder.n_beside, recorder.n_recorded, recorder.n_replayed) == (3, 1, 37)
    plain = train_release(release, tiny(**changes, recording="no"), seed=3, out=tmp_path / "plain")
    assert len(recorders) == 1
    assert [point["step"] for point in recorded.curve] == [10, 20, 30, 40]
    for point, other in zip(recorded.curve, plain.curve, strict=True):
        assert point == pytest.approx(other, rel=1e-3, abs=1e-4)
    weights, expected = (load_checkpoint(r.checkpoint).network.state_dict() for r in (recorded, plain))
    for name, value in weights.items():
        torch.testing.assert_close(value, expected[name], atol=1e-4, rtol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: a CUDA graph of the step is not tried")
@pytest.mark.parametrize("changes", VARIANTS)
def test_a_training_in_a_cuda_graph_is_the_training(release, tmp_path, changes):
    recorded, plain = (
        train_release(release, tiny(**changes, device="cuda", recording=how), seed=3, out=tmp_path / how)
        for how in ("auto", "no")
    )
    for point, other in zip(recorded.curve, plain.curve, strict=True):
        assert point == pytest.approx(other, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("changes", VARIANTS)
def test_all_that_a_step_touches_lies_on_the_device_and_is_not_looked_at(release, changes):
    # "meta" has shapes and no values, and like a GPU refuses what lies elsewhere.
    device = torch.device("meta")
    learner = TopologicalVaeLearner(release, tiny(**changes), seed=0, device=device)
    loss, terms = learner.loss_at(torch.zeros((), device=device), None)
    loss.backward()
    assert {value.device.type for value in (loss, *terms.values())} == {"meta"}
    assert all(parameter.grad.device.type == "meta" for parameter in learner.network.parameters())


@pytest.mark.parametrize("step", [2, 17])
def test_killed_between_replays_it_ends_like_an_undisturbed_one(release, tmp_path, recorders, step):
    class Killed(Exception):
        pass

    def kill():
        kill.asked += 1
        if kill.asked > step:
            raise Killed
        return False

    kill.asked, changes = 0, VARIANTS[1]
    whole = train_release(release, tiny(**changes), seed=3, out=tmp_path / "whole")
    with pytest.raises(Killed):
        train_release(release, tiny(**changes, save_every=0), seed=3, out=tmp_path / "cut", should_stop=kill)
    result = train_release(release, tiny(**changes), seed=3, out=tmp_path / "cut")
    assert len(recorders) == 3 and result.curve == whole.curve and result.metrics == whole.metrics


def test_a_recorded_training_goes_on_plainly(release, tmp_path, recorders):
    told = iter([False] * 17 + [True])
    stopped = train_release(release, tiny(), seed=3, out=tmp_path / "cut", should_stop=lambda: next(told))
    assert stopped.status == "stopped" and stopped.steps == 17
    result = train_release(release, tiny(recording="no"), seed=3, out=tmp_path / "cut")
    whole = train_release(release, tiny(recording="no"), seed=3, out=tmp_path / "whole")
    assert len(recorders) == 1 and result.curve[-1] == pytest.approx(whole.curve[-1], rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("draws", ["own", "together"])
def test_a_recorded_stack_is_the_stack(release, recorders, draws):
    def members(**changes):
        return [Member(tiny(annealed="prior", annealing=share, **changes), 5) for share in (0, 0.5)]

    recorded = train_stacked(release, members(), draws=draws)
    assert recorders[0].n_replayed == 37
    plain = train_stacked(release, members(recording="no"), draws=draws)
    assert len(recorders) == 1
    for first, second in zip(recorded, plain, strict=True):
        assert [point["step"] for point in first.curve] == [10, 20, 30, 40]
        for point, other in zip(first.curve, second.curve, strict=True):
            assert point == pytest.approx(other, rel=1e-3, abs=1e-4)
    assert recorded[0].curve != recorded[1].curve


def looking_at(value, monkeypatch):
    """Let a step look at a value, which no graph can."""
    plain = TopologicalVaeLearner.loss_at

    def loss_at(self, beta, generator):
        loss, terms = plain(self, beta, generator)
        return loss, terms | {"seen": torch.tensor(value(loss.detach()))}

    monkeypatch.setattr(TopologicalVaeLearner, "loss_at", loss_at)


def test_a_step_that_cannot_be_recorded_is_done_as_it_is_and_said(release, tmp_path, recorders, monkeypatch):
    looking_at(float, monkeypatch)
    found = train_release(release, tiny(), seed=3, out=tmp_path / "auto")
    assert recorders[0].n_recorded == 1 and not recorders[0].n_replayed
    assert found.metrics["not_recorded"].startswith("operation not permitted when stream is capturing")
    plain = train_release(release, tiny(recording="no"), seed=3, out=tmp_path / "no")
    assert "not_recorded" not in plain.metrics
    for point, other in zip(found.curve, plain.curve, strict=True):
        assert point == pytest.approx(other, rel=1e-3, abs=1e-4)


def test_a_device_that_is_broken_by_recording_says_how_to_do_without(release, tmp_path, recorders, monkeypatch):
    def seen(loss):
        if recorders[0].n_recorded:
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")
        return 0.0

    looking_at(seen, monkeypatch)
    with pytest.raises(
        ConfigInvalid, match=r"\(Offset .*\), nor .*\(Offset .*: train again with training.recording=no"
    ):
        train_release(release, tiny(), seed=3, out=tmp_path)


def test_memory_that_runs_out_while_recording_is_said_as_such(recorders):
    recorder, step = captured.recorder_for(torch.device("cpu")), iter([None] * 3)

    def move():
        if next(step, "full") == "full":
            raise torch.OutOfMemoryError("CUDA out of memory")

    advance = captured.Replayed(move, recorder)
    for _ in range(3):
        advance()
    with pytest.raises(torch.OutOfMemoryError):
        advance()


@pytest.mark.parametrize("changes", [{"optimiser": "sgd"}, {"recording": "no"}])
def test_what_is_not_recorded(release, tmp_path, recorders, changes):
    train_release(release, tiny(**changes, n_steps=5), seed=3, out=tmp_path)
    assert not recorders
