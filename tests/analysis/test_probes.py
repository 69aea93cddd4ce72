import numpy as np
import pytest

from analysis import probes


def people(n_subjects=12, per_class=6, classes=("happy", "neutral", "sad")):
    subject = np.repeat([f"s{k:02d}" for k in range(n_subjects)], per_class * len(classes))
    label = np.tile(np.repeat(classes, per_class), n_subjects)
    split = np.where(subject < "s07", "train", np.where(subject < "s09", "validation", "test"))
    return label, subject, split


def test_classes_that_a_plane_separates_are_read_without_a_mistake():
    label, subject, split = people()
    rng = np.random.default_rng(0)
    corner = {"happy": (0, 9), "neutral": (9, 0), "sad": (-9, -9)}
    features = np.array([corner[name] for name in label]) + rng.normal(size=(len(label), 2))
    found = probes.probe(features, label, subject, probes.plan(label, subject, split), n_bootstrap=200)
    assert found["accuracy"] == found["value"] == found["weighted_f1"] == 1.0
    assert np.array_equal(found["confusion"], np.diag([18, 18, 18]))
    assert found["n"] == 54
    assert found["unit"] == "subjects"
    assert found["low"] < 1.0


def test_noise_is_read_at_chance_and_the_interval_holds_it():
    label, subject, split = people(n_subjects=20, per_class=20)
    features = np.random.default_rng(1).normal(size=(len(label), 5))
    plan = probes.plan(label, subject, split)
    found = probes.probe(features, label, subject, plan, n_bootstrap=300)
    assert found["low"] < 1 / 3 < found["high"]
    assert probes.majority_share(label, plan) == pytest.approx(1 / 3)
    assert sum(map(sum, found["confusion"])) == found["n"]


def test_training_knows_nothing_of_the_test_subjects():
    label, subject, split = people()
    rng = np.random.default_rng(2)
    features = rng.normal(size=(len(label), 4))
    poisoned = features.copy()
    poisoned[split == "test"] = poisoned[split == "test"] * 1e6 + 1e7  # would move a mean taken over everybody
    plan = probes.plan(label, subject, split)
    train, validation, test = plan.folds[0]
    ours, same = (
        probes.fitted(of[train], label[train], 1.0, 0)[0].predict(of[validation]) for of in (features, poisoned)
    )
    assert np.array_equal(ours, same)
    assert not set(subject[train]) & set(subject[test])


def test_without_splits_whole_subjects_are_held_out_in_turn():
    label, subject, _ = people()
    plan = probes.plan(label, subject, np.full(len(label), ""))
    assert len(plan.folds) == probes.N_FOLDS
    assert sorted(np.concatenate([test for _, _, test in plan.folds])) == list(range(len(label)))
    for train, _, test in plan.folds:
        assert not set(subject[train]) & set(subject[test])
    found = probes.probe(np.eye(3)[np.unique(label, return_inverse=True)[1]], label, subject, plan, n_bootstrap=100)
    assert found["accuracy"] == 1.0
    assert found["c"] is None
    assert "cross-validated" in plan.how


@pytest.mark.parametrize(
    ("label", "subject", "split", "because"),
    [
        (["", ""], ["a", "b"], ["train", "test"], "carry 0 expression classes"),
        (["happy", "happy"], ["a", "b"], ["train", "test"], "carry 1 expression class:"),
        (["happy", "sad"], ["", ""], ["", ""], "no two known subjects"),
        (["happy", "sad"], ["a", "b"], ["", ""], "two pictures each"),
        (
            ["x", "x", "y", "y", "z"],
            ["a", "a", "a", "a", "b"],
            ["train"] * 4 + ["test"],
            "no test stimulus has a class",
        ),
    ],
)
def test_a_probe_that_would_mean_nothing_is_refused_with_the_reason(label, subject, split, because):
    with pytest.raises(probes.NothingToProbe, match=because):
        probes.plan(label, subject, split)


def test_c_is_chosen_on_the_validation_subjects():
    label, subject, split = people()
    rng = np.random.default_rng(4)
    features = rng.normal(size=(len(label), 30)) + 2.0 * (label == "happy")[:, None] * np.eye(30)[0]
    plan = probes.plan(label, subject, split)
    found = probes.probe(features, label, subject, plan, n_bootstrap=100)
    train, validation, _ = plan.folds[0]
    by_hand = [
        np.mean(
            probes.fitted(features[train], label[train], c, 0)[0].predict(features[validation]) == label[validation]
        )
        for c in probes.C_GRID
    ]
    assert found["c"] == probes.C_GRID[int(np.argmax(by_hand))]


def test_validation_people_are_read_with_a_c_that_was_not_chosen_on_them():
    rng = np.random.default_rng(2)
    subject = np.repeat([f"s{k}" for k in range(12)], 10)
    split = np.repeat(["train", "validation", "test"], [60, 30, 30])
    label = np.where(rng.random(120) < 0.5, "happy", "sad")
    features = (label == "happy")[:, None] * [1.0, 0.0] + 0.8 * rng.normal(size=(120, 2))
    plan = probes.plan(label, subject, split)
    found = probes.probe(features, label, subject, plan, n_bootstrap=100)["validation"]
    train, validation, _ = plan.folds[0]
    said = probes.fitted(features[train], label[train], 1.0, 0)[0].predict(features[validation])
    assert found["accuracy"]["value"] == pytest.approx((said == label[validation]).mean())
    assert found["accuracy"]["low"] < found["accuracy"]["value"] < found["accuracy"]["high"]
    whole = probes.plan(label, subject, np.full(120, ""))
    assert probes.probe(features, label, subject, whole, n_bootstrap=100)["validation"] is None
