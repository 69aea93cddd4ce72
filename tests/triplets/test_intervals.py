import math

import numpy as np
import pytest
from scipy import stats

from triplets.intervals import (
    CORRELATION,
    DIFFERENCE,
    ERROR,
    EXPLAINED,
    PLAIN,
    SHARE,
    around,
    binomial_interval,
    effective_number,
    interval,
    wilson_interval,
)  # fmt: skip


def test_intervals_by_hand():
    # Wilson, 15 of 20: centre (0.75 + 1.9207/20)/(1 + 3.8415/20) = 0.7097
    assert wilson_interval(15, 20) == pytest.approx((0.5313, 0.8881), abs=5e-4)
    # Clopper and Pearson, all 4 right: low end is 0.025 ** (1/4)
    assert binomial_interval(4, 4) == pytest.approx((0.025**0.25, 1.0))
    assert binomial_interval(0, 4) == pytest.approx((0.0, 1 - 0.025**0.25))
    assert wilson_interval(0, 0) == binomial_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("true_accuracy", [0.5, 0.75, 0.95])
def test_the_intervals_cover_what_they_promise(true_accuracy):
    n = 20
    probability = np.array([math.comb(n, k) * true_accuracy**k * (1 - true_accuracy) ** (n - k) for k in range(n + 1)])
    for ends_of, at_least in ((binomial_interval, 0.95), (wilson_interval, 0.91)):
        ends = [ends_of(k, n) for k in range(n + 1)]
        covered = sum(p for p, (low, high) in zip(probability, ends, strict=True) if low <= true_accuracy <= high)
        assert covered >= at_least
        assert all(low <= k / n <= high for k, (low, high) in enumerate(ends))


@pytest.mark.parametrize("scale", [SHARE, DIFFERENCE, PLAIN, CORRELATION, ERROR, EXPLAINED])
def test_every_scale_comes_back_and_stays_within_its_ends(scale):
    values = np.array([0.1, 0.5, 0.9])
    back = scale.back(scale.forth(values, 10**9))
    assert np.allclose(back, values, atol=1e-6)
    low, high = interval(0.9, np.linspace(0.5, 0.99, 50), scale, 40, 4, 4.0)
    assert scale.low <= low < 0.9 < high <= scale.high


def test_ends_by_hand():
    """Four people alike: error 1/2 of sqrt(4/3), Student's t for three degrees of freedom 3.182."""
    low, high = around(10.0, 0.5, PLAIN, 40, 4, 4.0)
    assert (10 - low, high - 10) == pytest.approx([3.182 * 0.5 * math.sqrt(4 / 3)] * 2, rel=1e-3)
    # One of them has most cases, 2 in effect: error of sqrt(2/1), two degrees of freedom, 4.303.
    assert effective_number([30, 5, 5, 5]) == pytest.approx(2.077, abs=1e-3)
    low, high = around(10.0, 0.5, PLAIN, 40, 4, 2.0)
    assert high - 10 == pytest.approx(4.303 * 0.5 * math.sqrt(2), rel=1e-3)


def test_the_spread_is_that_of_the_middle_replicates():
    """A few draws without a single miss, far out on the scale, do not widen an interval."""
    usual = stats.norm.ppf(np.linspace(0.001, 0.999, 1000))
    plain = interval(0.0, usual, PLAIN, 50, 50, 50.0)
    assert plain[1] == pytest.approx(stats.t.ppf(0.975, 49) * math.sqrt(50 / 49), rel=0.01)
    usual[-10:] = 1e6
    assert interval(0.0, usual, PLAIN, 50, 50, 50.0) == pytest.approx(plain, rel=0.01)
    assert interval(0.0, [np.nan, *usual], PLAIN, 50, 50, 50.0) == interval(0.0, usual, PLAIN, 50, 50, 50.0)


def test_people_of_unequal_size_count_as_fewer():
    even = interval(0.7, np.linspace(0.6, 0.8, 99), SHARE, 100, 10, 10.0)
    uneven = interval(0.7, np.linspace(0.6, 0.8, 99), SHARE, 100, 10, 3.0)
    assert uneven[0] < even[0] < even[1] < uneven[1]


def test_one_unit_says_nothing_about_others_and_one_that_has_nearly_all_says_little():
    assert interval(0.7, [0.7], SHARE, 100, 1, 1.0) == (0.0, 1.0)
    low, high = interval(0.7, np.linspace(0.6, 0.8, 99), SHARE, 100, 10, 1.001)
    assert 0 < low < 0.5 and 0.8 < high < 1


def test_an_impossible_confidence_is_refused():
    with pytest.raises(ValueError, match="confidence is 95"):
        wilson_interval(1, 4, confidence=95)
