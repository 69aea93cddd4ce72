"""How right an annotator is on gold questions, how sure that is, and the rule that drops their data.

Accuracy decides about data and invitations, never about pay.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from triplets.intervals import check_counts, wilson_interval

#: Differences of this size are rounding, not accuracy: 0.7 · 10 must not demand 8 right of 10.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class GoldRecord:
    """What one annotator did with the gold questions they have seen so far."""

    n_right: int
    n_seen: int

    def __post_init__(self):
        check_counts(self.n_right, self.n_seen)

    @property
    def accuracy(self) -> float | None:
        """Share of gold questions answered right; None before the first one."""
        return self.n_right / self.n_seen if self.n_seen else None

    def interval(self, confidence=0.95) -> tuple[float, float]:
        """Return the Wilson interval of the accuracy."""
        return wilson_interval(self.n_right, self.n_seen, confidence)

    def is_excluded(self, threshold=0.75, min_gold=4) -> bool:
        """Return whether this annotator's data is dropped; see the function of the same name."""
        return is_excluded(self.n_right, self.n_seen, threshold, min_gold)


def is_excluded(n_right, n_seen, threshold=0.75, min_gold=4) -> bool:
    """Return whether data is dropped: accuracy strictly below the threshold, once min_gold gold questions were seen.

    Before that nobody is dropped: two of three is what a careful person has after one slip.

    >>> is_excluded(2, 3), is_excluded(2, 4), is_excluded(3, 4)
    (False, True, False)
    """
    check_counts(n_right, n_seen)
    _check_probability("threshold", threshold)
    return bool(n_seen >= max(min_gold, 1) and n_right < threshold * n_seen - _ROUNDING)


def pass_probability(true_accuracy, n_gold, threshold=0.75) -> float:
    """Return the probability that an annotator of a given true accuracy keeps the threshold after n_gold questions.

    The operating curve of the filter: a coin-flipper passes four gold
    questions at 0.75 with probability 5/16, eight with 37/256.

    >>> pass_probability(0.5, 4)
    0.3125
    """
    _check_probability("true_accuracy", true_accuracy)
    _check_probability("threshold", threshold)
    if n_gold < 0:
        raise ValueError(f"n_gold is {n_gold}: expected 0 or more questions")
    least_passing = int(np.ceil(threshold * n_gold - _ROUNDING))
    # bdtrc(k, n, p) is P(X > k); scipy.stats would say the same after a second of importing.
    return float(special.bdtrc(least_passing - 1, n_gold, true_accuracy)) if least_passing > 0 else 1.0


def exclusion_probability(true_accuracy, n_gold, threshold=0.75, min_gold=4) -> float:
    """Return the probability that somebody is excluded at any of their first n_gold gold questions.

    The rule looks again after each of them, from min_gold on: this is more than a single look at the end would find,
    among the careful too. With min_gold 4 and 8 questions .94 of those who guess, .15 of those who are right on .9
    and .04 on .95; with min_gold 8, one look, .86, .04 and .006.
    """
    _check_probability("true_accuracy", true_accuracy)
    here, out = np.ones(1), 0.0  # here[k]: not excluded so far, k right
    for n_seen in range(1, n_gold + 1):
        here = np.append(here * (1 - true_accuracy), 0.0) + np.append(0.0, here * true_accuracy)
        bad = [is_excluded(k, n_seen, threshold, min_gold) for k in range(n_seen + 1)]
        out += here[bad].sum()
        here = np.where(bad, 0.0, here)
    return float(out)


def _check_probability(name, value):
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}: expected a share between 0 and 1")
