import numpy as np
import pytest
from scipy import stats

from analysis import resampling
from analysis.resampling import CORRELATION, DIFFERENCE, ERROR, EXPLAINED, PLAIN, SHARE, Resample, units_of


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def with_counts(values):
    return np.column_stack([values, np.ones(len(values))])


def test_one_subject_or_unknown_subjects_leave_cases_to_resample():
    assert not resampling.has_groups(None)
    assert not resampling.has_groups(np.array(["a", "a"]))
    assert not resampling.has_groups(np.array(["a", "b", ""]))
    assert resampling.has_groups(np.array(["a", "b"]))
    assert units_of(["a", "b", "a"], 3).name == "subjects"
    assert units_of(["a", "", "a"], 3, name="pictures").name == "pictures"


def test_the_error_of_a_mean_of_independent_cases_is_the_textbook_one():
    values = np.random.default_rng(0).normal(2.0, 3.0, 60)
    found = Resample(units_of(None, 60), 8000, seed=1).estimate(with_counts(values), mean, PLAIN)
    half = stats.t.ppf(0.975, 59) * values.std(ddof=1) / np.sqrt(60)
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=0.02, abs=0.02)
    assert (found.n, found.unit, found.n_units) == (60, "pictures", 60)


def test_patterns_give_the_same_bootstrap_as_single_cases():
    hits = np.random.default_rng(1).random(400) < 0.7
    one, other = (
        Resample(units_of(None, 400, patterns=p), 6000, seed=2).estimate(with_counts(hits), mean, SHARE)
        for p in (None, hits[:, None])
    )
    assert one.value == other.value and one.n_units == other.n_units == 400
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.003)


def test_draws_in_parts_are_the_draws_at_once(monkeypatch):
    units = units_of(None, 50)
    whole = np.concatenate(list(Resample(units, 30).draws()))
    monkeypatch.setattr(resampling, "_AT_ONCE", 200)
    parts = list(Resample(units, 30).draws())
    assert [len(p) for p in parts] == [4] * 7 + [2]
    assert np.array_equal(np.concatenate(parts), whole)
    assert (whole.sum(1) == 50).all()


@pytest.mark.parametrize("scale", [SHARE, DIFFERENCE, PLAIN, CORRELATION, ERROR, EXPLAINED])
def test_every_scale_comes_back_and_stays_within_its_ends(scale):
    values = np.array([0.1, 0.5, 0.9])
    back = scale.back(scale.forth(values, 10**9))
    assert np.allclose(back, values, atol=1e-6)
    low, high = resampling.interval(0.9, np.linspace(0.5, 0.99, 50), scale, 40, 4, 4.0)
    assert scale.low <= low < 0.9 < high <= scale.high


def test_a_statistic_that_does_not_exist_is_none_and_one_person_says_nothing_about_others():
    nobody = Resample(units_of(["a", "b"], 2), 100)
    assert nobody.estimate(np.zeros((2, 2)), mean, SHARE) is None
    alone = Resample(units_of(["a", "b"], 2), 100)
    size = np.array([True, False])
    found = alone.estimate(np.array([[1.0, 1.0], [0.0, 0.0]]), mean, SHARE, size=size)
    assert (found.n_units, found.low, found.high) == (1, 0.0, 1.0)


def test_people_of_unequal_size_count_as_fewer():
    even = resampling.interval(0.7, np.linspace(0.6, 0.8, 99), SHARE, 100, 10, 10.0)
    uneven = resampling.interval(0.7, np.linspace(0.6, 0.8, 99), SHARE, 100, 10, 3.0)
    assert uneven[0] < even[0] < even[1] < uneven[1]
