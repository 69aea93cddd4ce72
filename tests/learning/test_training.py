import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from learning import embedding, resumption
from learning.checkpoints import CheckpointDamaged, load_checkpoint
from learning.config import Config, ConfigInvalid, Optimiser
from learning.optimisation import learning_rate
from learning.topological import TopologicalVaeLearner
from learning.training import TrainingDiverged, train_release
from tests.learning import releases
from triplets import geometry

TINY = {"encoder": "24,16", "decoder": "16,24", "n_latent": "4", "n_steps": "60", "validate_every": "10",
        "batch_size": "48", "triplet_batch_size": "16", "device": "cpu"}  # fmt: skip


def tiny(**changes) -> Config:
    return Config().with_changes(TINY | {name: str(value) for name, value in changes.items()})


@pytest.fixture(scope="module")
def release():
    return releases.tiny_release()


class Killed(Exception):
    pass


def kill_at(step):
    def should_stop():
        should_stop.asked += 1
        if should_stop.asked > step:
            raise Killed
        return False

    should_stop.asked = 0
    return should_stop


def test_it_recovers_what_people_see(tmp_path):
    # What people judge is hidden under who the person is: raw points miss it, the network finds it for new people.
    release = releases.tiny_release(25, n_train=1500)
    result = train_release(release, tiny(n_steps=500, validate_every=50, dropout_keep=1), seed=0, out=tmp_path)
    assert result.status == "finished" and result.steps == 500
    assert result.satisfied_test > 0.9
    assert result.satisfied_test > result.metrics["satisfied_raw_test"] + 0.1
    assert result.metrics["split_by"] == "subject"
    checkpoint = load_checkpoint(result.checkpoint)
    found = embedding.full(embedding.embed(checkpoint, release), len(release.stimuli))
    test = release.triplets.where(release.triplets.split == "test")
    assert geometry.satisfied_fraction(found, test.rows) == pytest.approx(result.satisfied_test)


@pytest.mark.parametrize("changes", [{"ema": 0.9}, {"variance": "learned"}, {"model": 1}, {"model": 2},
                                     {"uses_neutral": "no"}, {"likelihood": "votes", "annealed": "prior"},
                                     {"batch": "separate"},
                                     {"selection": "satisfied", "optimiser": "adamw"}])  # fmt: skip
def test_every_variant_learns_something(release, tmp_path, changes):
    result = train_release(release, tiny(n_steps=100, **changes), seed=0, out=tmp_path)
    curve = result.curve
    assert [point["step"] for point in curve] == list(range(10, 101, 10))
    assert curve[-1]["validation_elbo"] > curve[0]["validation_elbo"]


@pytest.mark.parametrize("n_dims", [2, 3])
def test_flat_points_are_as_good_as_deep_ones(tmp_path, n_dims):
    it = releases.tiny_release(n_train=40)
    flat = dataclasses.replace(it.landmarks, points=it.landmarks.points[..., :n_dims])
    result = train_release(dataclasses.replace(it, landmarks=flat), tiny(n_steps=20), seed=0, out=tmp_path)
    checkpoint = load_checkpoint(result.checkpoint)
    assert embedding.decode(checkpoint, np.zeros(4)).shape == (6, n_dims)
    assert embedding.embed(checkpoint, dataclasses.replace(it, landmarks=flat)).mean.shape == (80, 4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(release, tmp_path):
    results = [train_release(release, tiny(), seed=seed, out=tmp_path / str(n)) for n, seed in enumerate((1, 1, 2))]
    first, again, other = (result.checkpoint.read_bytes() for result in results)
    assert first == again and first != other


def test_the_callers_random_numbers_and_threads_are_left_alone(release, tmp_path):
    torch.manual_seed(5)
    before, n_threads = torch.get_rng_state(), torch.get_num_threads()
    train_release(release, tiny(n_steps=3), seed=1, out=tmp_path)
    assert torch.equal(before, torch.get_rng_state()) and torch.get_num_threads() == n_threads


@pytest.mark.parametrize("step", [1, 25, 41])
@pytest.mark.parametrize("changes", [{}, {"ema": 0.9, "triplet_term": "sampled", "batch": "separate"},
                                     {"ema": 0.95, "variance": "learned", "likelihood": "votes"}])  # fmt: skip
def test_a_killed_training_ends_like_an_undisturbed_one(release, tmp_path, step, changes):
    whole = train_release(release, tiny(**changes), seed=3, out=tmp_path / "whole")
    # Saved at every step, so that it goes on in the middle of a curve's point; the interval is no part of the result.
    with pytest.raises(Killed):
        train_release(release, tiny(**changes, save_every=0), seed=3, out=tmp_path / "cut", should_stop=kill_at(step))
    seen = []
    result = train_release(release, tiny(**changes), seed=3, out=tmp_path / "cut", on_progress=seen.append)
    assert seen[0].step == step
    assert result.metrics == whole.metrics and result.curve == whole.curve
    first, second = (load_checkpoint(r.checkpoint).network.state_dict() for r in (whole, result))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_averaged_weights_by_loops(release, tmp_path, monkeypatch):
    seen, plain = [], TopologicalVaeLearner.loss

    def watched(self, step, generator):
        seen.append({name: p.detach().clone() for name, p in self.network.named_parameters()})
        return plain(self, step, generator)

    monkeypatch.setattr(TopologicalVaeLearner, "loss", watched)
    # Killed within step 14: the checkpoint of step 12 holds the average of the weights after each of 12 steps.
    with pytest.raises(Killed):
        train_release(release, tiny(validate_every=12, ema=0.8), seed=3, out=tmp_path, should_stop=kill_at(13))
    found = load_checkpoint(tmp_path / "checkpoint.safetensors").network.state_dict()
    for name in ("mean.weight", "decoder.0.bias"):
        average = seen[0][name]
        for weights in seen[1:13]:
            average = 0.8 * average + 0.2 * weights[name]
        torch.testing.assert_close(found[name], average, atol=1e-6, rtol=1e-5)


def test_a_learned_variance_approaches_the_error_and_is_saved(release, tmp_path):
    start = {"reconstruction_variance": 1.0, "n_steps": 300, "learning_rate": 0.03, "selection": "last"}
    result = train_release(release, tiny(variance="learned", **start), seed=0, out=tmp_path)
    assert 0 < result.metrics["reconstruction_variance"] < 0.1
    network = load_checkpoint(result.checkpoint).network
    assert float(network.log_reconstruction_variance.exp()) == pytest.approx(result.metrics["reconstruction_variance"])
    assert "reconstruction_variance" not in train_release(release, tiny(n_steps=2), seed=0, out=tmp_path / "f").metrics


def test_killed_before_the_first_save_it_begins_again(release, tmp_path):
    whole = train_release(release, tiny(), seed=3, out=tmp_path / "whole")
    with pytest.raises(Killed):
        train_release(release, tiny(), seed=3, out=tmp_path / "cut", should_stop=kill_at(35))
    assert (tmp_path / "cut" / "checkpoint.safetensors").is_file()
    assert train_release(release, tiny(), seed=3, out=tmp_path / "cut").metrics == whole.metrics


def test_stopped_and_resumed_it_ends_like_an_undisturbed_one(release, tmp_path):
    whole = train_release(release, tiny(), seed=3, out=tmp_path / "whole")
    asked = iter([False] * 33 + [True])
    stopped = train_release(release, tiny(), seed=3, out=tmp_path / "cut", should_stop=lambda: next(asked))
    assert stopped.status == "stopped" and stopped.steps == 33 and stopped.checkpoint.is_file()
    assert stopped.satisfied_test is not None
    assert train_release(release, tiny(), seed=3, out=tmp_path / "cut").metrics == whole.metrics


def test_stopped_at_once_there_is_still_a_checkpoint(release, tmp_path):
    stopped = train_release(release, tiny(), seed=3, out=tmp_path, should_stop=lambda: True)
    assert stopped.status == "stopped" and stopped.steps == 0
    assert load_checkpoint(stopped.checkpoint).step == 0
    assert train_release(release, tiny(), seed=3, out=tmp_path).status == "finished"


def test_a_finished_training_is_not_repeated(release, tmp_path):
    first = train_release(release, tiny(), seed=3, out=tmp_path)
    written = first.checkpoint.stat().st_mtime_ns
    again = train_release(release, tiny(), seed=3, out=tmp_path, should_stop=kill_at(0))
    assert again == first and first.checkpoint.stat().st_mtime_ns == written


def test_a_folder_belongs_to_one_training(release, tmp_path):
    train_release(release, tiny(n_steps=3), seed=3, out=tmp_path)
    said = [r"training.n_steps \(3 there, 4 now\)", r"seed \(3 there, 4 now\)"]
    for other, seed, words in ((tiny(n_steps=4), 3, said[0]), (tiny(n_steps=3), 4, said[1])):
        with pytest.raises(resumption.FolderTaken, match=f"{words}: choose another folder, or delete this one"):
            train_release(release, other, seed=seed, out=tmp_path)
    (tmp_path / resumption.FILE).write_bytes(b"half a fi")
    with pytest.raises(resumption.FolderTaken, match="not a resume state"):
        train_release(release, tiny(n_steps=3), seed=3, out=tmp_path)


def test_a_setting_that_is_newer_than_the_state_counts_as_its_default(tmp_path):
    mark = resumption.mark("a" * 64, tiny(), 3)
    older = {**mark, "config": {**mark["config"], "training": dict(mark["config"]["training"])}}
    del older["config"]["training"]["patience"]
    resumption.save_state(tmp_path, older, {"weight": torch.ones(1)}, {"step": 7})
    assert resumption.load_state(tmp_path, mark)[1] == {"step": 7}
    with pytest.raises(resumption.FolderTaken, match=r"training.patience \(0 there, 5 now\)"):
        resumption.load_state(tmp_path, resumption.mark("a" * 64, tiny(patience=5), 3))
    older["config"]["training"]["magic"] = 1
    resumption.save_state(tmp_path, older, {"weight": torch.ones(1)}, {"step": 7})
    with pytest.raises(resumption.FolderTaken, match="settings that this version does not know"):
        resumption.load_state(tmp_path, mark)


WORKER = """
import sys
from pathlib import Path
from learning.optimisation import learning_rate
from learning.topological import TopologicalVaeLearner
from learning.training import train_release
from tests.learning.releases import tiny_release
from tests.learning.test_training import tiny
out = Path(sys.argv[1])
def show(progress):
    (out / "step").write_text(str(progress.step))
train_release(tiny_release(), tiny(n_steps=4000, validate_every=5, save_every=0.05), seed=3, out=out, on_progress=show)
"""


def test_kill_minus_nine_loses_nothing(release, tmp_path):
    config = tiny(n_steps=4000, validate_every=5, save_every=0.05)
    root = Path(__file__).resolve().parents[2]
    cut = tmp_path / "cut"
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(cut)], cwd=root)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if (cut / "step").exists() and int((cut / "step").read_text() or 0) > 100:
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    mark = resumption.mark(release.sha256, config, 3)
    saved = resumption.load_state(cut, mark)[1]
    assert 0 < saved["step"] < 4000
    # Both go to the same early end, so that the test need not wait for 4,000 steps.
    end = saved["step"] + 60

    def stop_at_end():
        step = {"now": 0}

        def show(progress):
            # Only points of the curve: signs of life in between come by the clock.
            step["now"] = progress.step if progress.is_point else step["now"]

        return show, lambda: step["now"] >= end

    results = []
    for out in (cut, tmp_path / "whole"):
        show, should_stop = stop_at_end()
        results.append(train_release(release, config, seed=3, out=out, on_progress=show, should_stop=should_stop))
    after, whole = results
    first = {point["step"]: point for point in whole.curve}
    assert after.curve and all(first[point["step"]] == point for point in after.curve if point["step"] in first)
    assert after.steps == whole.steps and after.metrics == whole.metrics


def test_progress_is_shown_at_the_start_at_every_validation_and_in_between(release, tmp_path):
    seen = []
    train_release(release, tiny(), seed=0, out=tmp_path, on_progress=seen.append)
    assert seen[0].step == 0 and math.isnan(seen[0].seconds_left)
    points = [progress for progress in seen if progress.is_point]
    assert [progress.step for progress in points] == [10, 20, 30, 40, 50, 60]
    assert {"loss", "reconstruction", "kl", "triplet", "validation_elbo", "satisfied_validation"} <= set(
        points[0].metrics
    )
    assert points[-1].seconds_left == 0 and points[0].seconds_left > 0


def test_a_slow_training_still_gives_signs_of_life(release, tmp_path, monkeypatch):
    monkeypatch.setattr("learning.training._HEARTBEAT_SECONDS", 0.0)
    seen = []
    train_release(release, tiny(n_steps=5, validate_every=1000), seed=0, out=tmp_path, on_progress=seen.append)
    assert {1, 2, 3, 4, 5} <= {progress.step for progress in seen}


def test_a_diverged_training_says_what_to_change_and_keeps_the_best(release, tmp_path, monkeypatch):
    plain = TopologicalVaeLearner.loss

    def overflowing(self, step, generator):
        total, terms = plain(self, step, generator)
        return (total * math.nan, terms | {"loss": terms["loss"] * math.nan}) if step >= 33 else (total, terms)

    monkeypatch.setattr(TopologicalVaeLearner, "loss", overflowing)
    said = r"no longer a finite number at step 40; the best network so far, of step 30.*learning_rate \(now 0.003; try"
    with pytest.raises(TrainingDiverged, match=said):
        train_release(release, tiny(), seed=0, out=tmp_path)
    assert load_checkpoint(tmp_path / "checkpoint.safetensors").step == 30


def test_patience_ends_early(release, tmp_path):
    result = train_release(release, tiny(n_steps=3000, patience=3, learning_rate=0.02), seed=0, out=tmp_path)
    assert result.steps < 3000 and result.steps == result.metrics["best_step"] + 30


def test_the_best_step_is_kept_not_the_last(release, tmp_path):
    result = train_release(release, tiny(n_steps=200), seed=0, out=tmp_path)
    best = max(result.curve, key=lambda point: point["validation_elbo"])
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.step == best["step"] == result.metrics["best_step"]
    assert result.metrics["validation_elbo"] == pytest.approx(best["validation_elbo"])


def test_learning_rates():
    cosine = Optimiser(learning_rate=2.0, warmup=10, schedule="cosine")
    rates = [learning_rate(cosine, step, 110) for step in range(110)]
    assert rates[0] == pytest.approx(0.2) and rates[9] == rates[10] == 2
    assert rates[60] == pytest.approx(1) and rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert learning_rate(Optimiser(learning_rate=2.0, warmup=0, schedule="constant"), 99, 100) == 2


def test_an_absent_device_is_named(release, tmp_path):
    with pytest.raises(ConfigInvalid, match="'cuda:9'"):
        train_release(release, tiny(device="cuda:9"), seed=0, out=tmp_path)


# Checkpoints and what is read from them --------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(release, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    return load_checkpoint(train_release(release, tiny(), seed=3, out=out, recipe_name="tiny").checkpoint)


def test_a_checkpoint_tells_where_it_comes_from(release, checkpoint):
    assert (checkpoint.recipe, checkpoint.seed, checkpoint.release_sha256) == ("tiny", 3, release.sha256)
    assert checkpoint.config == tiny() and checkpoint.code_version and len(checkpoint.curve) == 6
    assert not checkpoint.network.training
    assert checkpoint.preprocessing.alignment == "centroid" and checkpoint.preprocessing.uses_neutral


def test_a_checkpoint_outlives_a_change_of_derived_widths(release, tmp_path, monkeypatch):
    config = tiny(n_steps=2).with_changes({"encoder": "", "decoder": ""})
    path = train_release(release, config, seed=0, out=tmp_path).checkpoint
    before = embedding.embed(load_checkpoint(path), release).mean
    monkeypatch.setattr("learning.networks.topological_vae.ENCODER", (60, 50, 40))
    monkeypatch.setattr("learning.networks.topological_vae.DECODER", (50,))
    np.testing.assert_array_equal(embedding.embed(load_checkpoint(path), release).mean, before)


def test_what_is_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_bytes(b"not a checkpoint at all")
    with pytest.raises(CheckpointDamaged, match="no checkpoint of this program"):
        load_checkpoint(tmp_path / "text.safetensors")


def test_a_cut_checkpoint_is_refused(release, tmp_path):
    path = train_release(release, tiny(n_steps=3), seed=3, out=tmp_path).checkpoint
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointDamaged):
        load_checkpoint(path)


def test_embeddings(release, checkpoint):
    found = embedding.embed(checkpoint, release)
    assert found.mean.shape == found.log_variance.shape == (80, 4)
    again = embedding.full(found, 82)
    np.testing.assert_array_equal(again[found.row], found.mean.astype(float))
    assert np.isnan(again[80:]).all()
    kl = embedding.kl_per_dimension(found)
    variance = np.exp(found.log_variance.astype(float))
    plain = [
        np.mean([0.5 * (found.mean[i, k] ** 2 + variance[i, k] - 1 - found.log_variance[i, k]) for i in range(80)])
        for k in range(4)
    ]
    np.testing.assert_allclose(kl, plain, rtol=1e-5)


def test_decoding_gives_faces(release, checkpoint):
    latent, neutral = embedding.decoder_norms(checkpoint)
    assert latent.shape == (4,) and neutral.shape == (18,) and (latent > 0).all()
    points = embedding.decode(checkpoint, np.zeros((2, 5, 4)))
    assert points.shape == (2, 5, 6, 3)
    # About the average face at rest: wider than high features, one unit of spread.
    assert (points[0, 0] ** 2).sum(axis=1).mean() == pytest.approx(1, abs=0.2)
    other = embedding.decode(checkpoint, np.zeros(4), checkpoint.preprocessing.neutral_mean + 0.5)
    assert np.abs(other - points[0, 0]).max() > 0.1
    with pytest.raises(ValueError, match=r"\(3,\): expected \(..., 4\)"):
        embedding.decode(checkpoint, np.zeros(3))
