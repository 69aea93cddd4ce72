import numpy as np
import pytest
from scipy import stats

from analysis import resampling
from analysis.resampling import Resample, units_of
from triplets.intervals import PLAIN, SHARE


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


def test_a_statistic_that_does_not_exist_is_none_and_one_person_says_nothing_about_others():
    nobody = Resample(units_of(["a", "b"], 2), 100)
    assert nobody.estimate(np.zeros((2, 2)), mean, SHARE) is None
    alone = Resample(units_of(["a", "b"], 2), 100)
    size = np.array([True, False])
    found = alone.estimate(np.array([[1.0, 1.0], [0.0, 0.0]]), mean, SHARE, size=size)
    assert (found.n_units, found.low, found.high) == (1, 0.0, 1.0)
