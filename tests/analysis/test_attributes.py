import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from analysis import attributes


def rated(n=300, seed=0, n_raters=10, noise=1.0):
    """Return (mean ratings, error variances, predictions that know the truth up to .5, subjects, truth)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 1.5, n)
    ratings = truth[:, None] + noise * rng.normal(size=(n, n_raters))
    predicted = truth + 0.5 * rng.normal(size=n)
    subject = np.array([f"s{k}" for k in rng.integers(20, size=n)])
    return ratings.mean(1), np.full(n, noise**2 / n_raters), predicted, subject, truth


def test_figures_are_those_of_scipy_and_scikit_learn():
    mean, error, predicted, subject, _ = rated()
    found = attributes.attribute_figures(mean, predicted, subject, baseline=5.0, error_variance=error, n_bootstrap=200)
    assert found["mae"]["value"] == pytest.approx(metrics.mean_absolute_error(mean, predicted))
    assert found["r2"]["value"] == pytest.approx(metrics.r2_score(mean, predicted))
    assert found["pearson"]["value"] == pytest.approx(stats.pearsonr(mean, predicted)[0])
    assert found["mae_of_mean"] == pytest.approx(np.abs(mean - 5).mean())
    for name in ("mae", "r2", "pearson"):
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
        assert found[name]["unit"] == "subjects"


def test_the_interval_of_a_correlation_is_fishers():
    mean, _, predicted, _, _ = rated(n=400, seed=1)
    found = attributes.attribute_figures(mean, predicted, None, baseline=5.0, n_bootstrap=4000)
    r = stats.pearsonr(mean, predicted)
    low, high = r.confidence_interval(0.95)
    assert (found["pearson"]["low"], found["pearson"]["high"]) == pytest.approx((low, high), abs=0.01)


def test_moving_the_scale_changes_only_the_error_in_units():
    mean, _, predicted, subject, _ = rated(seed=2)
    one = attributes.attribute_figures(mean, predicted, subject, baseline=5.0, n_bootstrap=100)
    other = attributes.attribute_figures(
        1e4 + 10 * mean, 1e4 + 10 * predicted, subject, baseline=1e4 + 50, n_bootstrap=100
    )
    assert other["mae"]["value"] == pytest.approx(10 * one["mae"]["value"])
    assert other["r2"]["low"] == pytest.approx(one["r2"]["low"], abs=1e-6)


def test_the_bounds_are_what_an_oracle_reaches():
    mean, error, _, subject, truth = rated(n=20_000, seed=3, n_raters=5, noise=2.0)
    oracle = attributes.attribute_figures(mean, truth, subject, baseline=5.0, error_variance=error, n_bootstrap=100)
    bounds = oracle["bounds"]
    for name in ("r2", "pearson", "mae"):
        assert bounds[name] == pytest.approx(oracle[name]["value"], abs=0.02)
    by_halves = attributes.attribute_figures(
        mean, truth, subject, baseline=5.0, reliability=bounds["reliability"], n_bootstrap=100
    )
    assert by_halves["bounds"]["mae"] == pytest.approx(bounds["mae"], abs=0.02)


def test_what_does_not_vary_has_no_correlation_and_too_few_cases_nothing():
    flat = attributes.attribute_figures(np.ones(10), np.arange(10.0), None, baseline=1.0, n_bootstrap=100)
    assert flat["pearson"] is None and flat["r2"] is None and flat["mae"]["value"] == 3.7
    few = attributes.attribute_figures([1.0, np.nan, 2.0], [1.0, 1.0, 1.0], None, baseline=1.0)
    assert (few["n"], few["mae"], few["bounds"]) == (2, None, None)


def test_cross_correlations_by_definition():
    rng = np.random.default_rng(5)
    truth, predicted = rng.normal(size=(2, 50, 3))
    truth[7, 0] = np.nan
    predicted[:, 2] = 1.0
    found = attributes.cross_correlations(truth, predicted)
    known = np.isfinite(truth[:, 0])
    assert found["across"][1][0] == pytest.approx(np.corrcoef(predicted[known, 1], truth[known, 0])[0, 1])
    assert found["people"][1][2] == pytest.approx(np.corrcoef(truth[:, 1], truth[:, 2])[0, 1])
    assert found["network"][0][2] is None and found["across"][2][1] is None


def test_means_over_attributes_are_plain_means_with_intervals_over_people():
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(60, 3))
    said = truth * [0.9, 0.5, 0.0] + 0.4 * rng.normal(size=(60, 3)) * [1, 1, 0]  # the third never varies
    truth[rng.random((60, 3)) < 0.2] = np.nan
    people = np.repeat([f"p{k}" for k in range(12)], 5)
    found = attributes.mean_figures(truth, said, people, n_bootstrap=300)
    each = [
        attributes.attribute_figures(truth[:, k], said[:, k], people, baseline=0.0, n_bootstrap=300) for k in range(3)
    ]
    assert each[2]["pearson"] is None
    for name in ("mae", "pearson", "r2"):
        known = [one[name]["value"] for one in each if one[name]]
        assert found[name]["value"] == pytest.approx(np.mean(known))
        assert found[name]["low"] < found[name]["value"] < found[name]["high"] and found[name]["n_units"] == 12
    # One attribute alone: the same interval as its own.
    alone = attributes.mean_figures(truth[:, :1], said[:, :1], people, n_bootstrap=300)
    assert alone["mae"]["value"] == pytest.approx(each[0]["mae"]["value"])
    assert alone["mae"]["low"] == pytest.approx(each[0]["mae"]["low"], abs=0.03)
    assert attributes.mean_figures(truth[:2], said[:2], people[:2]) == {"mae": None, "pearson": None, "r2": None}
