import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss

from analysis import calibration


def votes(n=4000, seed=0, stretch=1.0, n_votes=5):
    """Return (logits the model gives, votes for the positive, votes): true log odds are the model's / stretch."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1.2, n)
    return stretch * true, rng.binomial(n_votes, expit(true)), np.full(n, n_votes)


def test_figures_by_hand():
    # Four forecasts, one vote each: twice .6 sure and once right, twice .9 sure and both right.
    logit = np.log([0.6 / 0.4, 0.6 / 0.4, 9.0, 9.0])
    found = calibration.figures(calibration.of_votes(logit, [1, 0, 1, 1], np.ones(4)), n_bootstrap=100)
    assert found["brier"]["value"] == pytest.approx((0.16 + 0.36 + 0.01 + 0.01) / 4)
    assert [(b["n"], b["share"]["value"]) for b in found["bins"]] == [(2, 0.5), (2, 1.0)]
    assert found["ece"]["value"] == pytest.approx((2 * abs(0.5 - 0.6) + 2 * abs(1.0 - 0.9)) / 4)
    assert (found["confidence"], found["right"], found["n"]) == (pytest.approx(0.75), 0.75, 4)


def test_the_brier_score_is_that_of_scikit_learn_and_of_the_definition():
    logit, k, n = votes(200)
    single = np.repeat([True, False], [k.sum(), (n - k).sum()])
    p = np.concatenate([np.repeat(expit(logit), k), np.repeat(expit(logit), n - k)])
    found = calibration.figures(calibration.of_votes(logit, k, n), n_bootstrap=100)
    assert found["brier"]["value"] == pytest.approx(brier_score_loss(single, p))
    probability = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3]])
    by_class = calibration.figures(calibration.of_classes(probability, np.array([0, 2])), n_bootstrap=100)
    expected = (0.3**2 + 0.2**2 + 0.1**2 + 0.2**2 + 0.5**2 + 0.7**2) / 2
    assert by_class["brier"]["value"] == pytest.approx(expected)


def test_swapping_the_two_faces_changes_nothing():
    logit, k, n = votes(300)
    one, other = calibration.of_votes(logit, k, n), calibration.of_votes(-logit, n - k, n)
    for name in ("confidence", "n_hits", "brier"):
        assert np.allclose(getattr(one, name), getattr(other, name))


def test_a_calibrated_model_errs_by_chance_only_and_a_sure_one_more():
    good = calibration.figures(calibration.of_votes(*votes()), n_bootstrap=100)
    assert good["ece"]["value"] < 2.5 * good["ece_by_chance"] < 0.03
    assert good["brier"]["value"] == pytest.approx(calibration.vote_noise(*votes()[1:]), abs=0.006)
    sure = calibration.figures(calibration.of_votes(*votes(stretch=4.0)), n_bootstrap=100)
    assert sure["ece"]["low"] > 0.1 and sure["confidence"] > sure["right"]
    for one in good["bins"]:
        assert one["share"]["low"] - 0.02 < one["confidence"] < one["share"]["high"] + 0.02


def test_what_a_calibrated_model_shows_by_chance():
    rng, shown = np.random.default_rng(1), []
    p = rng.uniform(0.5, 0.95, 400)
    for _ in range(60):
        hits = (rng.random(400) < p).astype(float)
        made = calibration.Forecasts(p, hits, np.ones(400), (hits - p) ** 2)
        found = calibration.figures(made, n_bootstrap=2)
        shown.append(found["ece"]["value"])
    assert found["ece_by_chance"] == pytest.approx(np.mean(shown), rel=0.1)


@pytest.mark.parametrize("stretch", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_was_stretched(stretch):
    assert calibration.temperature_of_votes(*votes(stretch=stretch)) == pytest.approx(stretch, rel=0.07)
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 1.5, (4000, 3))
    true = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    truth = (rng.random(4000)[:, None] > true.cumsum(1)).sum(1)
    said = calibration.tempered(true, 1 / stretch)
    temperature = calibration.temperature_of_classes(said, truth)
    assert temperature == pytest.approx(stretch, rel=0.1)
    assert np.allclose(calibration.tempered(said, stretch), true)


def test_bins_hold_equally_many_and_equal_confidences_share_one():
    confidence = np.repeat([0.5, 0.6, 0.7], [50, 30, 20])
    bins = calibration._bins(confidence, np.ones(100))
    assert [set(bins[confidence == c]) for c in (0.5, 0.6, 0.7)] == [{0}, {1}, {2}]
    spread = calibration._bins(np.random.default_rng(3).random(1000), np.ones(1000))
    assert np.bincount(spread).tolist() == [100] * 10


def test_links_are_those_of_the_losses():
    import torch

    from learning import ordinal_losses

    near, far = np.array([0.5, 2.0]), np.array([1.5, 1.0])
    squared = [torch.tensor(d**2) for d in (near, far)]
    for link, cost in {
        "squared": ordinal_losses.bradley_terry(*squared),
        "student": ordinal_losses.t_ste(*squared, degrees=3.0),
        "distance": torch.nn.functional.softplus(torch.tensor(near - far)),
    }.items():
        logit = calibration.choice_logit(near, far, link, degrees=3.0)
        assert np.allclose(np.logaddexp(0, -logit), cost.numpy())
    with pytest.raises(ValueError, match="link is 'cosine'"):
        calibration.choice_logit(near, far, "cosine")


def test_what_nobody_can_undercut():
    assert calibration.vote_noise([1, 1], [1, 1]) is None
    assert calibration.vote_noise([5, 4, 1], [5, 5, 1]) == pytest.approx(0.1)


def test_ties_that_are_missing_among_settled_questions_do_not_make_people_look_agreed():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.3, 0.95, 40_000)
    true = float((p * (1 - p)).mean())
    for n, known in ((3, True), (5, True), (2, False), (4, False)):
        k = rng.binomial(n, p)
        settled = 2 * k != n
        found = calibration.vote_noise(np.maximum(k, n - k)[settled], np.full(settled.sum(), n))
        assert found == pytest.approx(true, abs=0.005) if known else found is None
    # Mostly single votes: nothing can be told from the few others.
    assert calibration.vote_noise([1] * 10 + [3, 2], [1] * 10 + [3, 3]) is None
