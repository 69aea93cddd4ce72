import numpy as np
import pytest
from sklearn import metrics

from analysis.classification import auc, auc_estimate, class_figures
from analysis.resampling import Units, units_of

NAMES = ("happy", "neutral", "sad")


def said_of(n=240, seed=0, n_subjects=12):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    score = np.eye(3)[truth] + rng.normal(0, 0.8, (n, 3))
    return truth, score, np.array([f"s{k}" for k in rng.integers(n_subjects, size=n)])


def test_figures_by_hand():
    # Four happy of which three are named, two neutral of which one is; nobody is sad, nobody is called sad.
    found = class_figures([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0], NAMES, n_bootstrap=100)
    happy, neutral, sad = found["classes"]
    assert found["accuracy"]["value"] == pytest.approx(4 / 6)
    assert (happy["recall"]["value"], happy["precision"]["value"], happy["f1"]["value"]) == (3 / 4, 3 / 4, 3 / 4)
    assert (neutral["recall"]["value"], neutral["precision"]["value"]) == (1 / 2, 1 / 2)
    assert (sad["n"], sad["recall"], sad["precision"], sad["f1"]) == (0, None, None, None)
    assert found["weighted_f1"]["value"] == pytest.approx((4 * 3 / 4 + 2 * 1 / 2) / 6)
    assert found["macro_f1"]["value"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found["confusion"] == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found["auc"] is None


def test_figures_are_those_of_scikit_learn():
    truth, score, subject = said_of()
    said = score.argmax(1)
    found = class_figures(truth, said, NAMES, subject, score=score, n_bootstrap=200)
    assert found["accuracy"]["value"] == pytest.approx(metrics.accuracy_score(truth, said))
    for average in ("weighted", "macro"):
        assert found[f"{average}_f1"]["value"] == pytest.approx(metrics.f1_score(truth, said, average=average))
    precision, recall, f1, n = metrics.precision_recall_fscore_support(truth, said)
    for k, one in enumerate(found["classes"]):
        assert (one["precision"]["value"], one["recall"]["value"]) == pytest.approx((precision[k], recall[k]))
        assert (one["f1"]["value"], one["n"]) == pytest.approx((f1[k], n[k]))
        assert one["auc"]["value"] == pytest.approx(metrics.roc_auc_score(truth == k, score[:, k]))
    weighted = np.average([one["auc"]["value"] for one in found["classes"]], weights=n)
    assert found["auc"]["value"] == pytest.approx(weighted)
    assert found["confusion"] == metrics.confusion_matrix(truth, said).tolist()
    for name in ("accuracy", "weighted_f1", "macro_f1", "auc"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert found[name]["unit"] == "subjects" and found[name]["n_units"] == 12


def test_the_order_of_cases_changes_nothing():
    truth, score, subject = said_of(seed=1)
    order = np.random.default_rng(2).permutation(len(truth))
    one = class_figures(truth, score.argmax(1), NAMES, subject, score=score, n_bootstrap=100)
    other = class_figures(
        truth[order], score.argmax(1)[order], NAMES, subject[order], score=score[order], n_bootstrap=100
    )
    assert one["accuracy"] == other["accuracy"] and one["confusion"] == other["confusion"]
    assert one["auc"]["low"] == pytest.approx(other["auc"]["low"])


def test_the_area_of_a_published_example():
    # Hanley & McNeil (1982), "The meaning and use of the area under a ROC curve", table I: 58 normal and 51 abnormal
    # CT images in five categories. Area .893; standard error .032 by their formula, .0307 by structural components.
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    score = np.concatenate([np.repeat(range(5), normal), np.repeat(range(5), abnormal)])
    is_abnormal = np.repeat([False, True], [58, 51])
    area, influence = auc(score, is_abnormal)
    assert area == pytest.approx(0.893, abs=5e-4)
    assert np.sqrt((influence**2).sum()) == pytest.approx(0.0307, abs=1.5e-3)


def test_the_error_of_an_area_is_that_of_a_bootstrap_over_subjects():
    rng = np.random.default_rng(3)
    subject = np.repeat([f"s{k:02d}" for k in range(40)], 10)
    moved = np.repeat(rng.normal(0, 0.7, 40), 10)
    positive = rng.random(400) < 0.4
    score = positive + moved + rng.normal(size=400)
    found = auc_estimate(score, positive, units_of(subject, 400))
    areas = []
    for _ in range(800):
        rows = np.concatenate([np.arange(10) + 10 * k for k in rng.integers(40, size=40)])
        areas.append(metrics.roc_auc_score(positive[rows], score[rows]))
    low, high = np.quantile(areas, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.012)
    single = auc_estimate(score, positive, units_of(None, 400))
    assert single.unit == "pictures" and single.value == found.value


def test_one_kind_of_case_has_no_area():
    assert auc_estimate(np.arange(3.0), np.ones(3, bool), units_of(None, 3)) is None
    perfect = auc_estimate(np.arange(6.0), np.arange(6) > 2, Units(np.arange(6), np.ones(6, int), "pictures"))
    assert perfect.value == 1.0 and 0.4 < perfect.low < 0.8
