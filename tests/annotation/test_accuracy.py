import math

import numpy as np
import pytest

from annotation import accuracy
from annotation.accuracy import GoldRecord


@pytest.mark.parametrize(
    ("n_right", "n_seen", "excluded"),
    [(0, 3, False), (2, 4, True), (3, 4, False), (5, 8, True), (6, 8, False), (14, 20, True), (15, 20, False)],
)
def test_the_filter_drops_below_the_threshold_once_enough_gold_was_seen(n_right, n_seen, excluded):
    assert accuracy.is_excluded(n_right, n_seen) is excluded
    assert GoldRecord(n_right, n_seen).is_excluded() is excluded


def test_exactly_the_threshold_stays_whatever_the_rounding():
    for n_seen in range(1, 200):
        for threshold in (0.1, 0.3, 0.7, 0.75, 0.9):
            n_right = threshold * n_seen
            if math.isclose(n_right, round(n_right)):
                assert not accuracy.is_excluded(round(n_right), n_seen, threshold, min_gold=0)


def test_nobody_is_dropped_before_the_first_gold_question():
    assert not accuracy.is_excluded(0, 0, min_gold=0)
    assert GoldRecord(0, 0).accuracy is None
    assert GoldRecord(3, 4).accuracy == 0.75


@pytest.mark.parametrize(
    ("n_gold", "coin_passes", "good_fails"),
    [(4, 0.31, 0.05), (8, 0.145, 0.038), (20, 0.02, 0.01)],
)
def test_how_weak_a_filter_of_few_questions_is(n_gold, coin_passes, good_fails):
    assert accuracy.pass_probability(0.5, n_gold) == pytest.approx(coin_passes, abs=0.005)
    assert 1 - accuracy.pass_probability(0.9, n_gold) == pytest.approx(good_fails, abs=0.005)


def test_the_operating_curve_agrees_with_the_rule_it_describes():
    for n_gold in (4, 7, 10, 13):
        for threshold in (0.5, 0.7, 0.75):
            twin = sum(
                math.comb(n_gold, k) * 0.8**k * 0.2 ** (n_gold - k)
                for k in range(n_gold + 1)
                if not accuracy.is_excluded(k, n_gold, threshold, min_gold=0)
            )
            assert accuracy.pass_probability(0.8, n_gold, threshold) == pytest.approx(twin)
    assert accuracy.pass_probability(0.5, 0) == accuracy.pass_probability(0.0, 10, threshold=0.0) == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GoldRecord(5, 4), "5 right of 4 seen"),
        (lambda: accuracy.is_excluded(-1, 4), "-1 right of 4"),
        (lambda: accuracy.is_excluded(1, 4, threshold=75), "threshold is 75"),
        (lambda: accuracy.pass_probability(0.5, -1), "n_gold is -1"),
    ],
)
def test_wrong_counts_are_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_looking_again_after_every_gold_question_excludes_more():
    """By hand: of 16 ways to answer four questions by chance 11 have fewer than three right."""
    assert accuracy.exclusion_probability(0.5, 4) == pytest.approx(11 / 16)
    assert accuracy.exclusion_probability(0.5, 8, min_gold=8) == pytest.approx(1 - 37 / 256)
    assert accuracy.exclusion_probability(0.5, 8) > 1 - 37 / 256
    assert accuracy.exclusion_probability(1.0, 50) == 0
    rng = np.random.default_rng(0)
    right = np.cumsum(rng.random((20_000, 8)) < 0.9, axis=1)
    out = [any(accuracy.is_excluded(int(k), n + 1) for n, k in enumerate(row)) for row in right]
    assert accuracy.exclusion_probability(0.9, 8) == pytest.approx(np.mean(out), abs=0.01)
