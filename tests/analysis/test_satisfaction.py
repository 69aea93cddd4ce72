import numpy as np
import pytest
from scipy import stats

from analysis.satisfaction import ALL, gain, level_keys, share, shares_by_level


def plain_bootstrap(hits, weight, subject, n_bootstrap, seed):
    """Resample whole subjects (or single triplets) one by one, the definition as loops: spread of the logits."""
    rng = np.random.default_rng(seed)
    units = sorted(set(subject)) if subject is not None else range(len(hits))
    members = [[i for i in range(len(hits)) if (subject[i] if subject is not None else i) == unit] for unit in units]
    logits = {key: [] for key in level_keys(weight)}
    n_of = {key: sum(key == ALL or w == int(key) for w in weight) for key in logits}
    for _ in range(n_bootstrap):
        drawn = [i for k in rng.integers(len(units), size=len(units)) for i in members[k]]
        for key in logits:
            chosen = [hits[i] for i in drawn if key == ALL or weight[i] == int(key)]
            if chosen:
                p, n = sum(chosen) / len(chosen), n_of[key]
                logits[key].append(np.log((p * n + 0.5) / (n - p * n + 0.5)))
    return {key: np.std(values) for key, values in logits.items()}


def ends(value, n, error, n_units, effective):
    """The interval by its definition: logit ± t x error, widened by m/(m - 1)."""
    half = stats.t.ppf(0.975, max(1, (n_units + effective) / 2 - 1)) * error * np.sqrt(n_units / (n_units - 1))
    middle = np.log((value * n + 0.5) / (n - value * n + 0.5))
    return [1 / (1 + np.exp(-(middle + side * half))) for side in (-1, 1)]


def test_shares_by_hand():
    # Five judgements: two of weight 5 both right, three of weight 1 of which one is right.
    shares = shares_by_level({"ours": [True, True, True, False, False]}, [5, 5, 1, 1, 1])["ours"]
    assert {key: (e.value, e.n) for key, e in shares.items()} == {
        "all": (3 / 5, 5), "5": (1.0, 2), "1": (1 / 3, 3)
    }  # fmt: skip
    assert shares["all"].unit == "triplets"


def test_every_level_that_occurs_is_there_and_the_most_agreed_comes_first():
    assert level_keys([1, 5, 1, 3, 7]) == ["all", "7", "5", "3", "1"]
    assert shares_by_level({"ours": []}, []) == {"ours": {}}


@pytest.mark.parametrize("by_subject", [True, False])
def test_intervals_are_those_of_a_plain_bootstrap(by_subject):
    rng = np.random.default_rng(3)
    n = 240
    subject = np.array([f"s{k}" for k in rng.integers(12, size=n)]) if by_subject else None
    weight = rng.choice([5, 3, 1], size=n)
    hits = rng.random(n) < 0.5 + weight / 15 + (0 if subject is None else 0.1 * (subject == "s1"))
    ours = shares_by_level({"ours": hits}, weight, subject, n_bootstrap=4000, seed=1)["ours"]
    slow = plain_bootstrap(hits.tolist(), weight.tolist(), subject, 4000, seed=2)
    for key, error in slow.items():
        chosen = np.ones(n, bool) if key == ALL else weight == int(key)
        value, m = hits[chosen].mean(), int(chosen.sum())
        each = np.unique(subject[chosen], return_counts=True)[1] if by_subject else np.ones(m)
        low, high = ends(value, m, error, len(each), m**2 / (each**2).sum())
        assert ours[key].low == pytest.approx(low, abs=0.012)
        assert ours[key].high == pytest.approx(high, abs=0.012)


def test_intervals_cover_the_truth_when_subjects_differ():
    rng = np.random.default_rng(0)
    covered, too_narrow, n_trials = 0, 0, 400
    for trial in range(n_trials):
        chance = np.clip(rng.normal(0.7, 0.1, size=12), 0, 1)  # twelve people, some faces easier than others
        hits = (rng.random((12, 30)) < chance[:, None]).ravel()
        subject = np.repeat([f"s{k}" for k in range(12)], 30)
        weight = np.ones(360, int)
        ours = shares_by_level({"ours": hits}, weight, subject, n_bootstrap=400, seed=trial)["ours"][ALL]
        naive = shares_by_level({"ours": hits}, weight, None, n_bootstrap=400, seed=trial)["ours"][ALL]
        covered += ours.low <= 0.7 <= ours.high
        too_narrow += naive.low <= 0.7 <= naive.high
    assert 0.92 <= covered / n_trials <= 0.98
    assert too_narrow / n_trials < 0.85  # why triplets of the same person must not be resampled one by one


def test_a_perfect_share_is_not_certain():
    subject = np.repeat(["a", "b", "c", "d"], 25)
    perfect = share(np.ones(100, bool), subject, n_bootstrap=100)
    assert perfect.high == 1.0
    assert perfect.low == pytest.approx(4 / (4 + 1.96**2), abs=1e-3)
    none = share(np.zeros(100, bool), subject, n_bootstrap=100)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - perfect.low), abs=1e-12)
    assert share([], subject) is None


def test_gains_are_paired():
    rng = np.random.default_rng(5)
    hard = rng.random(600) < 0.6  # both are right on the same triplets, ours on thirty more
    ours = hard.copy()
    ours[np.flatnonzero(~hard)[:30]] = True
    lead = gain(ours, hard, None, n_bootstrap=2000, seed=0)
    assert lead.value == pytest.approx(0.05)
    assert lead.low == pytest.approx(0.05 - 1.96 * np.sqrt(0.05 * 0.95 / 600), abs=0.003)
    unpaired = np.sqrt(2 * 0.6 * 0.4 / 600) * 1.96
    assert lead.high - lead.low < unpaired


def test_swapping_the_two_turns_the_gain_around():
    rng = np.random.default_rng(6)
    one, other = rng.random((2, 300)) < np.array([[0.8], [0.6]])
    subject = np.repeat([f"s{k}" for k in range(10)], 30)
    forth, back = (gain(*pair, subject, n_bootstrap=500, seed=1) for pair in ((one, other), (other, one)))
    assert forth.value == -back.value
    assert forth.low == pytest.approx(-back.high)
