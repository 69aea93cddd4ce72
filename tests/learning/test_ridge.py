"""Ridge regression in closed form against refitting, and the networks whose last layer it is."""

import dataclasses

import numpy as np
import pytest
import torch

from analysis.explaining import explanations
from learning import folds
from learning.checkpoints import load_checkpoint
from learning.config import ConfigInvalid
from learning.datasets import NothingToLearn
from learning.predictions import predict
from learning.recipes import recipe
from learning.ridge import SHARES, fit_ridge
from learning.training import train_release
from tests.learning.picture_releases import picture_release

QUICK = {"size": "24", "channels": "1", "crop": "whole", "attributes": "height", "device": "cpu"}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The fit -------------------------------------------------------------------------------------------


def problem(n=30, p=8, k=3, seed=0, spread=0.5):
    """Return features, targets, weights and people of some one, some two and some three pictures each."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3.0, rng.uniform(0.5, 4.0, p), (n, p))
    target = 2.0 + features @ rng.normal(size=(p, k)) + spread * rng.normal(size=(n, k))
    weight = rng.uniform(0.2, 3.0, (n, k))
    weight[rng.random((n, k)) < 0.1] = 0.0
    weight[:, 1:2] = weight[:, :1]  # two attributes of the same precision, as one decomposition serves them
    return features, target, weight, np.sort(rng.integers(0, n // 2, n))


def refitted(x, y, w, penalty):
    """The definition: minimise sum w (y - b - x s)^2 + penalty |s|^2, by its normal equations with the intercept."""
    wide = np.column_stack([np.ones(len(x)), x])
    penalised = np.diag([0.0, *[penalty] * x.shape[1]])
    return np.linalg.solve(wide.T @ (w[:, None] * wide) + penalised, wide.T @ (w * y))


@pytest.mark.parametrize(("n", "p"), [(30, 8), (24, 40)])
def test_people_left_out_in_closed_form_are_those_of_refitting(n, p):
    features, target, weight, person = problem(n, p)
    found = fit_ridge(features, target, weight, person)
    x = (features - features.mean(axis=0)) / features.std(axis=0)
    for k in range(target.shape[1]):
        known = weight[:, k] > 0
        xk, y, w, who = x[known], target[known, k], weight[known, k], person[known]
        centred = np.sqrt(w)[:, None] * (xk - np.average(xk, axis=0, weights=w))
        squares = np.linalg.svd(centred, compute_uv=False) ** 2
        unit = squares[squares > 1e-10 * squares.max()].mean()
        errors = []
        for share in SHARES:
            error = 0.0
            for one in np.unique(who):
                kept = who != one
                b, *slope = refitted(xk[kept], y[kept], w[kept], unit * share)
                error += (w[~kept] * (y[~kept] - b - xk[~kept] @ slope) ** 2).sum()
            errors.append(error)
        assert found.share[k] == SHARES[np.argmin(errors)]
        varied = (w * (y - np.average(y, weights=w)) ** 2).sum()
        assert found.r2[k] == pytest.approx(1 - min(errors) / varied, rel=1e-6)
        b, *slope = refitted(xk, y, w, unit * found.share[k])
        said = found.intercept[k] + features @ found.coefficient[:, k]
        np.testing.assert_allclose(said, b + x @ slope, rtol=1e-6, atol=1e-8)


def test_what_was_put_in_is_found_and_noise_is_not():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(200, 300))
    slope = np.zeros(300)
    slope[:5] = 1.0
    target = np.column_stack([features @ slope, rng.normal(size=200)])
    found = fit_ridge(features, target, np.ones((200, 2)), np.arange(200))
    new = rng.normal(size=(500, 300))
    said = found.intercept + new @ found.coefficient
    assert np.corrcoef(said[:, 0], new @ slope)[0, 1] > 0.65
    assert abs(said[:, 1]).max() < 0.5 and found.r2[1] < 0.05 < found.r2[0]
    assert found.share[1] > found.share[0]


def test_pictures_of_one_person_do_not_vouch_for_each_other():
    # What features tell is who somebody is, and nothing about anybody else.
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 5)
    features = np.eye(40)[person] + 0.01 * rng.normal(size=(200, 40))
    target = rng.normal(size=40)[person][:, None]
    together = fit_ridge(features, target, np.ones((200, 1)), person)
    alone = fit_ridge(features, target, np.ones((200, 1)), np.arange(200))
    assert together.r2[0] < 0.1 and alone.r2[0] > 0.9


def test_a_feature_that_never_varies_counts_for_nothing():
    features, target, weight, person = problem()
    wider = np.column_stack([features, np.full(len(features), 7.0)])
    found = fit_ridge(wider, target, weight, person)
    assert (found.coefficient[-1] == 0).all()
    np.testing.assert_allclose(found.coefficient[:-1], fit_ridge(features, target, weight, person).coefficient)


def test_input_that_cannot_be_fitted_is_refused():
    features, target, weight, person = problem()
    with pytest.raises(ValueError, match="known of 1 person"):
        fit_ridge(features, target, weight, np.zeros_like(person))
    broken = features.copy()
    broken[4, 2] = np.nan
    with pytest.raises(ValueError, match="feature 2 of picture 4 is nan"):
        fit_ridge(broken, target, weight, person)


# The networks --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return picture_release(tmp_path_factory.mktemp("release") / "bars", n_subjects=12)


def configured(**changes):
    return recipe("picture-attributes-ridge").config.with_changes(QUICK | {k: str(v) for k, v in changes.items()})


@pytest.fixture(scope="module")
def trained(release, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
        return train_release(release, configured(), seed=0, out=tmp_path_factory.mktemp("run"))


def test_an_attribute_of_new_people_is_found_without_a_step(release, trained):
    metrics = trained.metrics
    assert trained.status == "finished" and trained.steps == 0 and len(trained.curve) == 1
    assert metrics["attributes_test"]["height"]["r2"] > 0.8
    chosen = metrics["ridge"]["height"]
    assert chosen["penalty"] in SHARES and 0.8 < chosen["r2_left_out"] < 1
    checkpoint = load_checkpoint(trained.checkpoint)
    assert not hasattr(checkpoint.network.body.dense, "weight") and checkpoint.network.n_features == 512 + 256
    found = predict(checkpoint, release)
    held = release.stimuli.split[found.row] == "test"
    truth = release.ratings.mean[found.row]
    wrong = np.square(found.value[held, 0] - truth[held]).sum() / np.square(truth[held] - truth[held].mean()).sum()
    assert 1 - wrong == pytest.approx(metrics["attributes_test"]["height"]["r2"], abs=1e-5)


def test_a_training_that_was_stopped_or_killed_ends_the_same(release, trained, tmp_path):
    train_release(release, configured(), seed=0, out=tmp_path, should_stop=lambda: True)
    (tmp_path / "checkpoint.safetensors").unlink()
    again = train_release(release, configured(), seed=0, out=tmp_path)
    assert again.metrics == trained.metrics
    weights = [load_checkpoint(path).network.head.weight for path in (again.checkpoint, trained.checkpoint)]
    assert torch.equal(*weights)


def test_held_out_people_of_a_training_say_nothing(release, trained, tmp_path):
    moved = dataclasses.replace(release.ratings, mean=release.ratings.mean.copy())
    held = np.isin(release.stimuli.split[release.ratings.stimulus], ["validation", "test"])
    moved.mean[held] = 9 - moved.mean[held]
    other = train_release(dataclasses.replace(release, ratings=moved), configured(), seed=0, out=tmp_path)
    assert other.metrics["ridge"] == trained.metrics["ridge"]
    assert other.metrics["attributes_test"]["height"]["r2"] < 0


def test_everybody_is_held_out_once(release, tmp_path):
    found = folds.run_folds(release, configured(), 3, out=tmp_path)
    assert found["r2"] > 0.8 and found["n"] == 72


def test_differences_to_the_neutral_picture_are_solved_for_too(release, tmp_path):
    is_neutral = (release.stimuli.class_label == "neutral").astype(np.int8)
    moved = dataclasses.replace(release, stimuli=dataclasses.replace(release.stimuli, is_neutral=is_neutral))
    found = train_release(moved, configured(neutral="difference"), seed=0, out=tmp_path)
    assert found.metrics["attributes_test"]["height"]["r2"] > 0.6
    explained, _ = explanations(load_checkpoint(found.checkpoint), moved, teraflops=1e-6)
    assert [one["key"] for one in explained["methods"]] == ["integrated-gradients"]


def test_a_later_training_is_solved_for_afresh(release, trained, tmp_path):
    later = train_release(release, configured(), seed=0, out=tmp_path, start=trained.checkpoint)
    assert "closed form" in later.metrics["warm_start"]


def test_a_report_says_which_explanations_have_no_rule(release, trained):
    found, _ = explanations(load_checkpoint(trained.checkpoint), release, teraflops=1e-6)
    assert "LRP has no rules for histograms" in found["omitted"] and "fixed stem of gradients" in found["omitted"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "class"}, "objective.target=class: expected attributes"),
        ({"architecture": "cnn"}, "'ridge' for cnn with random weights"),
        ({"rotation": 8}, "network.rotation is 8.0 with network.trained=ridge"),
        ({"epochs": 5}, "training.epochs is 5.0"),
        ({"hidden": "64"}, r"network.hidden is \(64,\)"),
        ({"regression": "absolute"}, "objective.regression is 'absolute'"),
    ],
)
def test_settings_that_a_closed_form_would_ignore_are_refused(release, tmp_path, changes, words):
    with pytest.raises(ConfigInvalid, match=words):
        train_release(release, configured(**changes), seed=0, out=tmp_path)


def test_one_person_is_too_few(release, tmp_path):
    subject = np.where(release.stimuli.split == "train", "s0", release.stimuli.subject)
    single = dataclasses.replace(release, stimuli=dataclasses.replace(release.stimuli, subject=subject))
    with pytest.raises(NothingToLearn, match="known of 1 person"):
        train_release(single, configured(), seed=0, out=tmp_path)


def test_pretrained_features_are_left_as_they_are(release, tmp_path):
    base = recipe("picture-attributes").config.with_changes(QUICK | {"epochs": "4", "batch_size": "16"})
    made = train_release(release, base, seed=0, out=tmp_path / "base")
    changes = {"architecture": "cnn", "batch_norm": "yes", "pretrained": made.checkpoint}
    found = train_release(release, configured(**changes), seed=0, out=tmp_path / "ridge")
    bodies = [load_checkpoint(one.checkpoint).network.body.state_dict() for one in (made, found)]
    assert all(torch.equal(bodies[0][name], bodies[1][name]) for name in bodies[0])
    assert found.metrics["attributes_train"]["height"]["r2"] > made.metrics["attributes_train"]["height"]["r2"]
