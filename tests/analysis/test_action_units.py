import numpy as np
import pytest
from sklearn import metrics
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from analysis import action_units
from analysis.probes import NothingToProbe


def faces(n_subjects=12, n_each=15, seed=0, noise=0.2):
    rng = np.random.default_rng(seed)
    n = n_subjects * n_each
    subject = np.repeat([f"s{k:02d}" for k in range(n_subjects)], n_each)
    split = np.where(subject < "s07", "train", np.where(subject < "s09", "validation", "test"))
    shown = rng.random((n, 3)) < [0.5, 0.3, 0.2]
    features = shown @ rng.normal(size=(3, 6)) + noise * rng.normal(size=(n, 6))
    units = {f"AU{k}": shown[:, k].astype(float) for k in range(3)}
    units["AU2"][rng.random(n) < 0.2] = np.nan
    return features, units, subject, split


def test_what_is_shown_is_read_and_every_figure_has_an_interval():
    features, units, subject, split = faces(noise=0.6)
    plan = action_units.plan(units, subject, split)
    found = action_units.probe(features, subject, plan, n_bootstrap=200)
    chance = action_units.chance(plan)
    assert plan.names == ("AU0", "AU1", "AU2")
    for name in ("accuracy", "weighted_f1", "auc"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert found[name]["value"] > chance[name]
        assert found[name]["unit"] == "subjects" and found[name]["n_units"] == 3
    assert found["c"] in action_units.probes.C_GRID and found["is_converged"]


def test_figures_are_those_of_scikit_learn():
    features, units, subject, split = faces(noise=1.0)
    plan = action_units.plan(units, subject, split)
    found = action_units.probe(features, subject, plan, n_bootstrap=100)
    test = plan.folds[0][2]
    score, _ = action_units._scores(features, plan.present, plan.folds[0][0], test, found["c"], 0)
    weight, f1, auc = [], [], []
    for u, unit in enumerate(found["units"]):
        known = plan.present[test, u] >= 0
        truth, said = plan.present[test, u][known], score[known, u] > 0
        assert unit["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(truth, said))
        assert unit["f1"]["value"] == pytest.approx(metrics.f1_score(truth, said))
        assert unit["auc"]["value"] == pytest.approx(metrics.roc_auc_score(truth, score[known, u]))
        assert (unit["n"], unit["n_present"]) == (known.sum(), truth.sum())
        weight.append(truth.sum()), f1.append(unit["f1"]["value"]), auc.append(unit["auc"]["value"])
    assert found["weighted_f1"]["value"] == pytest.approx(np.average(f1, weights=weight))
    assert found["auc"]["value"] == pytest.approx(np.average(auc, weights=weight))


def test_noise_is_read_at_chance():
    _, units, subject, split = faces(n_subjects=30)
    features = np.random.default_rng(3).normal(size=(len(subject), 6))
    found = action_units.probe(features, subject, action_units.plan(units, subject, split), n_bootstrap=200)
    assert found["auc"]["low"] < 0.5 < found["auc"]["high"]


def test_presence_of_codes_shares_and_intensities():
    assert action_units.presence([0, 1, np.nan, 1]).tolist() == [0, 1, -1, 1]
    assert action_units.presence([0.2, 0.5, 0.9]).tolist() == [0, 1, 1]
    assert action_units.presence([0, 1, 2, 5, np.nan]).tolist() == [0, 0, 1, 1, -1]
    assert action_units.presence([np.nan]).tolist() == [-1]


def test_rare_units_are_left_out_and_nothing_to_probe_says_why():
    _, units, subject, split = faces()
    rare = np.zeros(len(subject))
    rare[:2] = 1
    assert action_units.plan(units | {"AU9": rare}, subject, split).left_out == ("AU9",)
    with pytest.raises(NothingToProbe, match="knows no action units"):
        action_units.plan({}, subject, split)
    with pytest.raises(NothingToProbe, match="no action unit is present 5 times"):
        action_units.plan({"AU9": rare}, subject, split)
    with pytest.raises(NothingToProbe, match="no two known subjects"):
        action_units.plan(units, np.full(len(subject), ""), np.full(len(subject), ""))


def test_without_splits_whole_subjects_are_held_out_in_turn():
    features, units, subject, _ = faces()
    plan = action_units.plan(units, subject, np.full(len(subject), ""))
    assert len(plan.folds) == 5 and "cross-validated" in plan.how
    found = action_units.probe(features, subject, plan, n_bootstrap=100)
    assert found["c"] is None and found["auc"]["value"] > 0.9


def test_validation_people_are_read_with_c_one_and_rare_units_weigh_the_same():
    features, units, subject, split = faces(noise=1.0)
    plan = action_units.plan(units, subject, split)
    found = action_units.probe(features, subject, plan, n_bootstrap=100)["validation"]
    train, validation, _ = plan.folds[0]
    weight, f1 = [], []
    for u in range(3):
        taught, known = train[plan.present[train, u] >= 0], validation[plan.present[validation, u] >= 0]
        svm = LinearSVC(
            C=1.0, dual="auto", max_iter=action_units.probes.MAX_ITER, random_state=0, class_weight="balanced"
        )
        machine = make_pipeline(StandardScaler(), svm).fit(features[taught], plan.present[taught, u])
        truth = plan.present[known, u]
        weight.append(truth.sum()), f1.append(metrics.f1_score(truth, machine.predict(features[known])))
    assert found["weighted_f1"]["value"] == pytest.approx(np.average(f1, weights=weight))
    assert found["n"] == len(validation)
