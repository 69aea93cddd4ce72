"""Networks of pictures, trained on drawn ones: what they are asked, how they end, what they say when they fail."""

import contextlib
import dataclasses
import hashlib
import math

import numpy as np
import pytest
import torch

from learning import embedding, telling
from learning.checkpoints import load_checkpoint
from learning.config import Config, ConfigInvalid
from learning.datasets import NothingToLearn
from learning.descent import Descent
from learning.image_config import ImageObjective
from learning.images import ImageLearner, chosen_precision
from learning.networks.mlp import Mlp
from learning.networks.pictures import PictureNetwork
from learning.networks.pretrained import PretrainedUnusable
from learning.optimisation import build_optimiser, gradient_scaler, learning_rate, n_falls
from learning.predictions import predict
from learning.splits import split_stimuli
from learning.targets import attribute_targets, class_targets
from learning.training import train_release
from learning.transfer import measured_elsewhere
from tests.learning.picture_releases import CLASSES, picture_release, replaced
from triplets import geometry

QUICK = Config.from_dict(
    {
        "network": {"kind": "image", "architecture": "mlp", "hidden": [24], "size": 24, "channels": 1,
                    "dropout_keep": 1},
        "optimiser": {"learning_rate": 3e-3, "warmup": 5},
        "training": {"n_steps": 60, "validate_every": 20, "batch_size": 16, "triplet_batch_size": 16, "jitter": 0,
                     "mirror": "no", "selection": "loss", "device": "cpu"},
    }
)  # fmt: skip
TINY_CNN = {"architecture": "cnn", "hidden": "16", "n_steps": "30", "validate_every": "10", "dropout_keep": "0.8"}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return picture_release(tmp_path_factory.mktemp("release") / "bars", n_triplets=160, votes=True)


def quick(**changes) -> Config:
    return QUICK.with_changes({name: str(value) for name, value in changes.items()})


def trained(release, out, **changes):
    return train_release(release, quick(**changes), seed=0, out=out)


# What is asked ------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"labels": "votes", "class_weights": "balanced"}, TINY_CNN,
                                     {"channels": 3, "batch_norm": "yes", "rotation": 5, "shift": 0.02, "jitter": 0.02},
                                     {"crop": "face", "selection": "f1", "ema": 0.8}])  # fmt: skip
def test_classes_of_new_people_are_found(release, tmp_path, changes):
    result = trained(release, tmp_path, **changes)
    metrics = result.metrics
    assert metrics["split_by"] == "subject" and metrics["majority_test"] <= 0.4
    assert metrics["accuracy_test"] > 0.9 and metrics["f1_test"] > 0.85 and "warning" not in metrics
    assert metrics["classes_test"]["names"] == list(CLASSES)
    assert np.trace(metrics["classes_test"]["confusion"]) == round(
        metrics["accuracy_test"] * metrics["n_pictures_test"]
    )


def test_attributes_are_found_and_stand_beside_their_ceiling(release, tmp_path):
    result = trained(release, tmp_path, target="attributes", attributes="tallness|height", n_steps=150)
    found = result.metrics["attributes_test"]["height"]
    assert 0.8 < found["r2"] < found["r2_ceiling"] + 0.02 and found["r2_ceiling"] > 0.97
    assert found["mae"] < 0.4 * found["mae_of_mean"] and found["pearson"] > 0.9
    preprocessing = load_checkpoint(result.checkpoint).preprocessing
    assert preprocessing.outputs == ("height",) and 3 < preprocessing.offset[0] < 7


def test_several_attributes_at_once_on_the_unit_scale(release, tmp_path):
    changes = {"target": "attributes", "attributes": "height,age,sex", "scaling": "unit", "regression": "absolute"}
    result = trained(release, tmp_path, **changes, architecture="cnn", hidden="16")
    assert set(result.metrics["attributes_test"]) == {"height", "age", "sex"}
    assert math.isfinite(result.metrics["mae_test"])


def test_a_metric_space_is_learnt_from_triplets(release, tmp_path):
    result = trained(release, tmp_path, target="triplets", n_embedding=3, selection="satisfied", n_steps=120)
    assert result.satisfied_test > 0.9 and result.satisfied_test > result.metrics["satisfied_raw_test"]
    checkpoint = load_checkpoint(result.checkpoint)
    found = embedding.embed(checkpoint, release)
    assert found.mean.shape == (60, 3) and found.log_variance is None
    test = release.triplets.where(release.triplets.split == "test")
    share = geometry.satisfied_fraction(embedding.full(found, 60), test.rows)
    assert share == pytest.approx(result.satisfied_test)


def test_features_are_what_the_last_layer_reads(release, tmp_path):
    checkpoint = load_checkpoint(trained(release, tmp_path, n_steps=20).checkpoint)
    found = embedding.embed(checkpoint, release)
    assert found.mean.shape == (60, 24)
    learner = ImageLearner(release, quick(), seed=0, device=torch.device("cpu"))
    learner.network.load_state_dict(checkpoint.network.state_dict())
    learner.network.eval()
    output = checkpoint.network.head(torch.from_numpy(found.mean))
    torch.testing.assert_close(output, learner._outputs(torch.arange(60)))


def test_judged_pictures_count_whatever_is_learnt(release, tmp_path):
    metrics = trained(release, tmp_path, n_steps=20).metrics
    assert metrics["n_triplets_test"] == 40 and 0 <= metrics["satisfied_test"] <= 1


def test_predictions_are_in_the_words_and_units_of_the_release(release, tmp_path):
    result = trained(release, tmp_path / "classes")
    found = predict(load_checkpoint(result.checkpoint), release)
    assert found.names == CLASSES and found.row.tolist() == list(range(60))
    np.testing.assert_allclose(found.value.sum(axis=1), 1, rtol=1e-5)
    said = np.array(found.names)[found.value.argmax(axis=1)]
    test = release.stimuli.split == "test"
    assert (said == release.stimuli.class_label)[test].mean() == pytest.approx(result.metrics["accuracy_test"])
    result = trained(release, tmp_path / "heights", target="attributes", attributes="height")
    found = predict(load_checkpoint(result.checkpoint), release)
    rated = release.ratings.mean[release.ratings.attribute == "height"]
    error = np.abs(found.value[:, 0] - rated)[test].mean()
    assert error == pytest.approx(result.metrics["mae_test"], rel=1e-4)
    result = trained(release, tmp_path / "space", target="triplets", selection="satisfied", n_steps=2, validate_every=1)
    with pytest.raises(ValueError, match="names nothing"):
        predict(load_checkpoint(result.checkpoint), release)


# Targets ------------------------------------------------------------------------------------------


def test_votes_become_shares(release):
    found = class_targets(release, np.arange(60), ImageObjective(labels="votes"))
    assert found.names == CLASSES
    np.testing.assert_allclose(found.share[:3], [[0.8, 0.2, 0], [0, 0.8, 0.2], [0.2, 0, 0.8]], atol=1e-6)
    assert found.label[:3].tolist() == [0, 1, 2]


def test_ratings_of_a_scale_are_votes_above_its_low_end(release):
    shown = dataclasses.replace(release.ratings, mean=1 + 8 * release.ratings.mean)
    manifest = {**release.manifest, "study": {"scale": {"low": 1, "high": 9}}}
    nine = dataclasses.replace(release, ratings=shown, manifest=manifest)
    found = class_targets(nine, np.arange(60), ImageObjective(labels="votes"))
    np.testing.assert_allclose(found.share[0], [0.8, 0.2, 0], atol=1e-6)


def test_further_columns_are_classes_too(release):
    found = class_targets(release, np.arange(60), ImageObjective(label="gender|sex"))
    assert found.names == ("female", "male") and found.label[:7].tolist() == [1] * 6 + [0]


def test_a_precise_rating_counts_more(release):
    objective = ImageObjective(target="attributes", attributes="height")
    ratings = dataclasses.replace(release.ratings, spread=np.where(np.arange(len(release.ratings)) % 2, 1.0, 3.0))
    weight = attribute_targets(dataclasses.replace(release, ratings=ratings), np.arange(60), objective).weight[:, 0]
    assert weight.mean() == pytest.approx(1) and weight[1] > 3 * weight[0]
    # 19 of its own degrees of freedom and 4 of everybody's, whose variance is 5.
    own = (19 * np.array([9.0, 1.0]) + 4 * 5) / 23
    assert weight[1] / weight[0] == pytest.approx(own[0] / own[1])
    equal = attribute_targets(release, np.arange(60), dataclasses.replace(objective, rating_weights="equal")).weight
    assert (equal == 1).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": "mood"}, "no column 'mood': expected one of class_label, sex"),
        ({"target": "attributes", "attributes": "charm|grace"}, "no attribute 'charm or grace'"),
    ],
)
def test_what_a_release_lacks_is_named(release, tmp_path, changes, said):
    with pytest.raises(NothingToLearn, match=said.replace("|", r"\|")):
        trained(release, tmp_path, **changes)


# Splits -------------------------------------------------------------------------------------------


def test_people_are_divided_where_nobody_said_how(tmp_path):
    release = picture_release(tmp_path / "bars", n_subjects=20, n_shown=3, with_split=False)
    split = split_stimuli(release, np.arange(60), seed=1)
    by_person = {person: set(split.stimulus[release.stimuli.subject == person]) for person in release.stimuli.subject}
    assert all(len(sides) == 1 for sides in by_person.values()) and split.split_by == "subject"
    assert {side: int((split.stimulus == side).sum()) for side in ("train", "validation", "test")} == {
        "train": 42, "validation": 9, "test": 9,
    }  # fmt: skip
    assert (split_stimuli(release, np.arange(60), seed=1).stimulus == split.stimulus).all()
    assert (split_stimuli(release, np.arange(60), seed=2).stimulus != split.stimulus).any()
    halves = split_stimuli(release, np.arange(60), seed=1, division="45/5/50").stimulus
    assert [int((halves == side).sum()) for side in ("train", "validation", "test")] == [27, 3, 30]
    with pytest.raises(ConfigInvalid, match="'1/2': expected one of 70/15/15, 45/5/50, 70/20/10"):
        quick(division="1/2")


def test_who_is_tested_is_the_same_for_whoever_judges_a_network_later(tmp_path):
    """Recipes that divide people otherwise say so in the checkpoint, which second collections and reports go by."""
    release = picture_release(tmp_path / "bars", n_subjects=20, n_shown=3, with_split=False)
    result = trained(release, tmp_path / "run", n_steps=40, division="45/5/50")
    metrics, checkpoint = result.metrics, load_checkpoint(result.checkpoint)
    assert [metrics[f"n_pictures_{side}"] for side in ("train", "validation", "test")] == [27, 3, 30]
    inside = measured_elsewhere(checkpoint, release, release, seed=0)["test"]
    assert inside["n"] == 30 and inside["accuracy"] == pytest.approx(metrics["accuracy_test"])


def test_a_studys_own_split_is_kept_and_named(release):
    shuffled = replaced(release.stimuli, split=np.array(["train", "test"] * 30))
    split = split_stimuli(dataclasses.replace(release, stimuli=shuffled), np.arange(60))
    assert split.split_by == "picture" and split.is_carved
    assert (split.stimulus[1::2] == "test").all() and set(split.stimulus[::2]) == {"train", "validation"}
    own = split_stimuli(release, np.arange(60))
    assert own.split_by == "subject" and not own.is_carved and (own.stimulus == release.stimuli.split).all()


# How it ends ---------------------------------------------------------------------------------------


class Killed(Exception):
    pass


@pytest.mark.parametrize("changes", [{**TINY_CNN, "rotation": 5, "batch_norm": "yes", "mirror": "yes"},
                                     {"optimiser": "sgd", "momentum": 0.9, "nesterov": "yes", "schedule": "cut",
                                      "decay": 0.2, "epochs": 6, "validate_every": 0, "dropout_keep": 0.5},
                                     {"optimiser": "rmsprop", "target": "triplets", "ema": 0.9}])  # fmt: skip
def test_a_killed_training_ends_with_the_figures_of_an_undisturbed_one(release, tmp_path, changes):
    config = quick(**changes, save_every=0)
    whole = train_release(release, config, seed=3, out=tmp_path / "whole")
    asked = 0

    def kill():
        nonlocal asked
        asked += 1
        if asked == 8:
            raise Killed
        return False

    with pytest.raises(Killed):
        train_release(release, config, seed=3, out=tmp_path / "killed", should_stop=kill)
    again = train_release(release, config, seed=3, out=tmp_path / "killed")
    assert again.metrics == whole.metrics and again.curve == whole.curve
    assert again.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


def test_epochs_show_every_picture_once(release):
    learner = ImageLearner(release, quick(epochs=2, batch_size=10), seed=0, device=torch.device("cpu"))
    assert learner.steps_per_epoch == 4 and learner.n_steps == 8
    first = [learner._batch(step) for step in range(4)]
    assert sorted(set(torch.cat(first).tolist())) == learner.task.items["train"].tolist()
    assert len(torch.cat(first)) == 40  # 36 pictures; the last batch is filled from the beginning
    assert not torch.equal(torch.cat(first), torch.cat([learner._batch(step) for step in range(4, 8)]))


def collapsed(learner) -> ImageLearner:
    """Let a network answer the same whatever it sees."""
    with torch.no_grad():
        learner.network.head.weight.zero_()
        learner.network.head.bias.copy_(torch.arange(float(learner.network.n_outputs)))
    learner.network.eval()
    return learner


def test_a_collapse_is_said(release, tmp_path, capsys):
    learner = collapsed(ImageLearner(release, quick(), seed=0, device=torch.device("cpu")))
    assert learner.validate()["validation_largest_share"] == 1
    assert "calls 100% of the pictures 'sad', which 33% are" in learner.evaluate()["warning"]
    telling.print_figures(learner.evaluate())
    assert "WARNING: The network has collapsed to one class" in capsys.readouterr().out
    flat = quick(target="attributes", attributes="height,age")
    learner = collapsed(ImageLearner(release, flat, seed=0, device=torch.device("cpu")))
    assert "every picture nearly the same height, age" in learner.evaluate()["warning"]


def test_a_sound_network_learns_some_pictures_by_heart(release, tmp_path):
    result = trained(release, tmp_path / "sound", overfit=12, n_steps=80, dropout_keep=0.5, mirror="yes", jitter=0.5)
    assert result.metrics["is_overfit_learnt"] and "12 of 12" in result.metrics["overfit"]
    assert result.metrics["n_pictures_train"] == result.metrics["n_pictures_validation"] == 12
    faulty = trained(release, tmp_path / "faulty", overfit=12, learning_rate=1e-9)
    assert not faulty.metrics["is_overfit_learnt"] and "NOT learnt" in faulty.metrics["overfit"]
    few = trained(release, tmp_path / "few", overfit=6, n_steps=200, target="attributes", attributes="height")
    assert few.metrics["is_overfit_learnt"] and "R²" in few.metrics["overfit"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"selection": "elbo"}, "'elbo' for image: expected one of loss, f1, satisfied, last"),
        ({"selection": "satisfied"}, "'satisfied' for objective.target=class: expected one of loss, f1, last"),
        ({"target": "attributes", "schedule": "cut"}, "follows the F1"),
        ({"architecture": "vgg17"}, "'vgg17': expected mlp, cnn"),
        ({"architecture": "resnet18", "width": 0.5}, "width is 0.5 for resnet18"),
        ({"architecture": "levi-hassner"}, "size is 24 for levi-hassner"),
        ({"optimiser": "sgd", "nesterov": "yes"}, "nesterov is 'yes' with momentum 0"),
    ],
)
def test_impossible_settings_are_refused_in_words(release, tmp_path, changes, said):
    with pytest.raises(ConfigInvalid, match=said):
        trained(release, tmp_path, **changes)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_learns_as_well_and_goes_on_after_a_stop(release, tmp_path, precision):
    plain = trained(release, tmp_path / "plain")
    mixed = trained(release, tmp_path / "mixed", precision=precision)
    assert mixed.metrics["accuracy_test"] == pytest.approx(plain.metrics["accuracy_test"], abs=0.1)
    assert mixed.curve[0]["loss"] != plain.curve[0]["loss"]
    weights = load_checkpoint(mixed.checkpoint).network.state_dict().values()
    assert all(weight.dtype in (torch.float32, torch.int64) for weight in weights)
    asked, config = iter([False] * 33 + [True]), quick(precision=precision)
    train_release(release, config, seed=0, out=tmp_path / "cut", should_stop=lambda: next(asked))
    assert train_release(release, config, seed=0, out=tmp_path / "cut").metrics == mixed.metrics


@pytest.mark.parametrize(("is_able", "expected"), [(True, "bfloat16"), (False, "float16")])
def test_precision_goes_by_the_gpu_that_trains(monkeypatch, is_able, expected):
    asked = []

    @contextlib.contextmanager
    def current(device):
        asked.append(str(device))
        yield

    monkeypatch.setattr(torch.cuda, "device", current)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: is_able or including_emulation)
    assert chosen_precision("auto", torch.device("cuda:1")) == expected and asked == ["cuda:1"]
    assert chosen_precision("auto", torch.device("cpu")) == "float32"
    assert chosen_precision("float32", torch.device("cuda:1")) == "float32"


def test_gradients_are_scaled_in_float16_only():
    # A gradient of 1e-8 is zero in float16; scaled, it moves the weight.
    for precision, expected in (("float16", 1e-8), ("bfloat16", 0.0)):
        scaler, weight = gradient_scaler(torch.device("cpu"), precision), torch.nn.Parameter(torch.ones(1))
        scaler.scale((weight.half() * 1e-4).float().sum() * 1e-4).backward()
        if scaler.is_enabled():
            scaler.unscale_(torch.optim.SGD([weight], lr=1.0))
        assert float(weight.grad) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("changes", [{"epochs": 2}, {"overfit": 50}, {"selection": "f1"}, {"validate_every": 0},
                                     {"schedule": "cut"}])  # fmt: skip
def test_settings_of_pictures_are_refused_by_networks_of_landmarks(release, tmp_path, changes):
    config = Config().with_changes({name: str(value) for name, value in changes.items()})
    with pytest.raises(ConfigInvalid):
        train_release(release, config, seed=0, out=tmp_path)


# Rates ----------------------------------------------------------------------------------------------


def test_the_rate_is_cut_by_a_fifth_when_f1_falls_by_a_tenth():
    optimiser = dataclasses.replace(QUICK.optimiser, schedule="cut", decay=0.2, warmup=0, learning_rate=1.0)
    curve = [{"validation_f1": value} for value in (0.9, 0.82, 0.73, 0.9, 0.5)]
    assert [n_falls(curve[:n]) for n in range(6)] == [0, 0, 0, 1, 1, 2]
    assert learning_rate(optimiser, 7, 10, n_falls(curve)) == pytest.approx(0.64)
    inverse = dataclasses.replace(optimiser, schedule="inverse", decay=0.5)
    assert [learning_rate(inverse, step, 10) for step in (0, 2, 4)] == pytest.approx([1, 1 / 2, 1 / 3])


def test_a_training_whose_f1_falls_goes_on_at_a_lower_rate(release, tmp_path, monkeypatch):
    told, rates = iter([0.9, 0.88, 0.6, 0.3, 0.5]), []
    plain, move = ImageLearner.validate, Descent._move
    monkeypatch.setattr(ImageLearner, "validate", lambda self: plain(self) | {"validation_f1": next(told, 0.5)})

    def watched(self):
        rates.append(self.optimiser.param_groups[0]["lr"])
        move(self)

    monkeypatch.setattr(Descent, "_move", watched)
    cut = {"schedule": "cut", "decay": 0.2, "warmup": 0, "learning_rate": 1e-3}
    trained(release, tmp_path, **cut, n_steps=10, validate_every=2, batch_size=4)
    assert rates == pytest.approx([1e-3] * 6 + [0.8e-3] * 2 + [0.64e-3] * 2)


def test_nesterov_is_that_of_torch_by_hand():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    chosen = dataclasses.replace(QUICK.optimiser, optimiser="sgd", momentum=0.9, nesterov="yes", learning_rate=0.1)
    optimiser = build_optimiser(chosen, [weight])
    for expected in (1 - 0.1 * (1 + 0.9), 0.81 - 0.1 * (1 + 0.9 * 1.9)):
        optimiser.zero_grad()
        weight.sum().backward()
        optimiser.step()
        assert weight.item() == pytest.approx(expected)


# Networks -------------------------------------------------------------------------------------------


def test_inverted_dropout_by_hand():
    network = Mlp(4, (1000,), dropout_keep=0.25)
    x = torch.rand(1, 1, 2, 2)
    network.eval()
    plain = network(x)
    linear = network.layers[1]
    torch.testing.assert_close(plain, (x.reshape(1, 4) @ linear.weight.T + linear.bias).clamp_min(0))
    network.train()
    torch.manual_seed(0)
    dropped = network(x)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], 4 * plain[kept])
    assert 0.2 < kept.float().mean() / (plain != 0).float().mean() < 0.3


def test_pictures_are_normalised_inside(release, tmp_path):
    learner = ImageLearner(release, quick(channels=3), seed=0, device=torch.device("cpu"))
    seen = learner.network.normalise(learner._floats(learner.train_items))
    torch.testing.assert_close(seen.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_standardised_pictures_have_neither_light_nor_contrast(release):
    learner = ImageLearner(release, quick(standardise="picture"), seed=0, device=torch.device("cpu"))
    x = learner._floats(learner.train_items)
    seen = learner.network.normalise(x)
    torch.testing.assert_close(seen.mean(dim=(1, 2, 3)), torch.zeros(len(x)), atol=1e-5, rtol=0)
    torch.testing.assert_close(learner.network.normalise(0.5 * x + 0.3), seen, atol=5e-3, rtol=0)


BACKBONES = [
    ("vgg16", 0.05, 32),
    ("resnet50", 0.1, 32),
    ("vit-b-16", 0.05, 32),
    ("levi-hassner", 0.05, 44),
    ("cnn", 1, 16),
]


@pytest.mark.parametrize(("architecture", "width", "size"), [*BACKBONES[:3], ("mobilenetv3_small_050", 1, 32)])
def test_any_backbone_learns_triplets_by_a_metric_head(release, tmp_path, architecture, width, size):
    how = {"architecture": architecture, "width": width, "size": size, "channels": 3, "batch_norm": "no"}
    result = trained(release, tmp_path, **how, target="triplets", n_embedding=3, selection="last", n_steps=3,
                     validate_every=3, triplet_batch_size=8)  # fmt: skip
    checkpoint = load_checkpoint(result.checkpoint)
    points = embedding.embed(checkpoint, release).mean
    assert points.shape == (60, 3) and result.metrics["n_triplets_test"] == 40
    test = release.triplets.where(release.triplets.split == "test")
    assert geometry.satisfied_fraction(points, test.rows) == pytest.approx(result.satisfied_test)
    torch.manual_seed(0)  # as the training began
    fresh = dict(
        ImageLearner(release, checkpoint.config, seed=0, device=torch.device("cpu")).network.body.named_parameters()
    )
    moved = dict(checkpoint.network.body.named_parameters())
    assert sum(not torch.allclose(moved[name], fresh[name], atol=1e-6) for name in fresh) > len(fresh) / 2


@pytest.mark.parametrize(("architecture", "width", "size"), BACKBONES)
def test_dense_only_leaves_convolutions_as_they_were(release, tmp_path, architecture, width, size):
    changes = {"architecture": architecture, "width": width, "size": size, "n_steps": 2, "validate_every": 1}
    base = trained(release, tmp_path / "base", **changes)
    start = load_checkpoint(base.checkpoint).network
    result = trained(
        release, tmp_path / "dense", **changes, trained="dense", pretrained=base.checkpoint, weight_decay=0.1
    )
    network = load_checkpoint(result.checkpoint).network
    assert isinstance(network, PictureNetwork) and "pretrained_sha256" in result.metrics
    dense = {id(v) for part in network.body.dense_layers() for v in part.state_dict(keep_vars=True).values()}
    before = start.body.state_dict()
    for name, value in network.body.state_dict(keep_vars=True).items():
        assert id(value) in dense or torch.equal(value, before[name]), name
    assert not torch.equal(network.head.weight, start.head.weight)


def test_full_training_changes_everything(release, tmp_path):
    changes = {"architecture": "cnn", "size": 16, "n_steps": 2, "validate_every": 1}
    base = trained(release, tmp_path / "base", **changes)
    result = trained(release, tmp_path / "full", **changes, pretrained=base.checkpoint)
    before, after = (load_checkpoint(path).network.body.state_dict() for path in (base.checkpoint, result.checkpoint))
    assert all(not torch.equal(before[name], after[name]) for name in before)


def test_published_weights_fill_a_backbone(release, tmp_path, monkeypatch):
    from safetensors.torch import save_file

    from learning.torchvision_ops import timm

    torch.manual_seed(5)
    published = timm().create_model("resnet18", num_classes=10)
    (tmp_path / "weights").mkdir()
    save_file(published.state_dict(), tmp_path / "weights" / "model.safetensors")
    monkeypatch.setenv("PRETRAINED_DIR", str(tmp_path))
    changes = {"architecture": "resnet18", "size": 32, "channels": 3, "pretrained": "weights"}
    learner = ImageLearner(release, quick(**changes), seed=0, device=torch.device("cpu"))
    assert torch.equal(learner.network.body.net.layer1[0].conv1.weight, published.layer1[0].conv1.weight)
    torch.testing.assert_close(learner.network.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))
    grey = ImageLearner(release, quick(**changes | {"channels": 1}), seed=0, device=torch.device("cpu"))
    torch.testing.assert_close(grey.network.body.net.conv1.weight, published.conv1.weight.sum(1, keepdim=True))


def test_weights_named_by_the_hub_are_read_where_its_library_keeps_them(release, tmp_path, monkeypatch):
    """Without a network: huggingface_hub's own folder layout, a commit for `main` and a snapshot of it."""
    from huggingface_hub import constants
    from safetensors.torch import save_file

    from learning.torchvision_ops import timm

    commit, kept = "0123456789abcdef0123456789abcdef01234567", tmp_path / "models--timm--resnet18.a1_in1k"
    torch.manual_seed(6)
    published = timm().create_model("resnet18", num_classes=1000)
    for folder in ("refs", "blobs", f"snapshots/{commit}"):
        (kept / folder).mkdir(parents=True)
    (kept / "refs" / "main").write_text(commit)
    save_file(published.state_dict(), kept / "blobs" / "abc")
    (kept / "snapshots" / commit / "model.safetensors").symlink_to("../../blobs/abc")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    config = {"architecture": "resnet18", "size": 32, "channels": 3, "pretrained": "hub:timm/resnet18.a1_in1k"}
    learner = ImageLearner(release, quick(**config), seed=0, device=torch.device("cpu"))
    assert torch.equal(learner.network.body.net.layer4[1].conv2.weight, published.layer4[1].conv2.weight)
    assert learner.pretrained_sha256 == hashlib.sha256((kept / "blobs" / "abc").read_bytes()).hexdigest()


def test_other_weights_are_refused_in_words(release, tmp_path, monkeypatch):
    from huggingface_hub import constants
    from safetensors.torch import save_file

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    save_file({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "part.safetensors")
    (tmp_path / "x.pth").write_bytes(b"\x80\x04")
    own = trained(release, tmp_path / "mlp", n_steps=1, validate_every=1).checkpoint
    for weights, said in (
        (tmp_path / "part.safetensors", "holds no weights for"),
        (tmp_path / "x.pth", "expected a .safetensors file"),
        ("hub:nobody/nothing", "the hub gives no model.safetensors of 'nobody/nothing'"),
        ("nowhere", "there are no weights at nowhere"),
        (own, "holds a network 'mlp': expected 'resnet18'"),
    ):
        with pytest.raises(PretrainedUnusable, match=said):
            trained(release, tmp_path / "run", architecture="resnet18", size=32, channels=3, pretrained=weights)
