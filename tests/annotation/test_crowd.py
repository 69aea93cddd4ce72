import numpy as np
import pytest
from scipy.special import expit

from annotation import accuracy, crowd, voting
from annotation.crowd import KINDS, AnnotatorModel


def person(**habits):
    return AnnotatorModel(**({"kind": "careful", "noise": 0.2, "lapse_rate": 0.0} | habits))


def test_choices_follow_the_logistic_curve():
    rng = np.random.default_rng(0)
    for advantage in (-0.4, -0.1, 0.0, 0.2):
        chosen = crowd.choose_triplets(person(), np.full(20_000, 1.0), np.full(20_000, 1.0 + advantage), rng)
        assert chosen.mean() == pytest.approx(expit(advantage / 0.2), abs=0.012)


def test_swapping_the_candidates_swaps_the_answer():
    a, b = np.random.default_rng(1).random((2, 5000))
    first = crowd.choose_triplets(person(), a, b, np.random.default_rng(2)).mean()
    second = crowd.choose_triplets(person(), b, a, np.random.default_rng(2)).mean()
    assert first == pytest.approx(1 - second, abs=0.02)


def test_only_lapses_know_a_side():
    rng = np.random.default_rng(3)
    left = rng.random(20_000) < 0.5
    biased = crowd.choose_triplets(person(lapse_rate=1.0, side_bias=0.8), np.ones(20_000), np.ones(20_000), rng, left)
    assert np.mean(biased == left) == pytest.approx(0.9, abs=0.01)
    looking = crowd.choose_triplets(person(side_bias=0.8), np.ones(20_000), np.ones(20_000), rng, left)
    assert np.mean(looking == left) == pytest.approx(0.5, abs=0.015)
    always_right = person(lapse_rate=1.0, side_bias=-1.0)
    assert crowd.choose_triplet(always_right, 0.0, 1.0, rng, first_on_left=True) == "second"
    assert crowd.choose_triplet(always_right, 0.0, 1.0, rng, first_on_left=False) == "first"


def test_one_question_or_many():
    rng = np.random.default_rng(4)
    assert crowd.choose_triplet(person(noise=1e-6), 0.2, 0.9, rng) == "first"
    assert crowd.choose_triplet(person(noise=1e-6, is_reversed=True), 0.2, 0.9, rng) == "second"
    assert crowd.choose_triplets(person(noise=1e-6), [0.2, 0.9], [0.9, 0.2], rng).tolist() == [True, False]


def test_ratings_stay_on_the_scale_and_near_the_truth():
    rng = np.random.default_rng(5)
    truth = rng.uniform(1, 9, size=4000)
    rated = crowd.rate_all(person(), truth, 1, 9, rng)
    assert rated.min() >= 1
    assert rated.max() <= 9
    assert np.corrcoef(rated, truth)[0, 1] > 0.9
    assert np.corrcoef(crowd.rate_all(person(is_reversed=True), truth, 1, 9, rng), truth)[0, 1] < -0.9
    assert abs(np.corrcoef(crowd.rate_all(KINDS["spammer"], truth, 1, 9, rng), truth)[0, 1]) < 0.05
    assert crowd.rate(person(noise=1e-6), 6.2, 1, 9, rng) == 6
    assert crowd.rate(person(noise=1e-6, rating_shift=0.5), 6.2, 1, 9, rng) == 8


def test_a_toss_up_takes_those_who_look_longer():
    rng = np.random.default_rng(6)
    plain, hard = (np.median(crowd.response_ms(person(), np.full(5000, d), rng)) for d in (0.0, 1.0))
    assert plain == pytest.approx(1800, rel=0.05)
    assert hard == pytest.approx(3600, rel=0.05)
    spam = [np.median(crowd.response_ms(KINDS["spammer"], np.full(5000, d), rng)) for d in (0.0, 1.0)]
    assert spam[0] == pytest.approx(spam[1], rel=0.05)
    assert isinstance(crowd.response_ms(person(), 0.5, rng), int)
    assert crowd.triplet_difficulty(0.4, 0.4) == 1
    assert crowd.triplet_difficulty(0.1, 1.1) < 0.05


def test_a_crowd_has_the_shares_that_were_asked_for():
    people = crowd.sample_crowd(41, {"careful": 0.8, "noisy": 0.15, "spammer": 0.05}, seed=1)
    kinds = [model.kind for model in people]
    assert [kinds.count(kind) for kind in ("careful", "noisy", "spammer")] == [33, 6, 2]  # of 32.8, 6.15 and 2.05
    assert len({model.noise for model in people}) == 41
    assert all(model.lapse_rate == 1 for model in people if model.kind == "spammer")
    assert crowd.sample_crowd(30, {"careful": 1.0}, seed=1) == crowd.sample_crowd(30, {"careful": 1.0}, seed=1)
    assert crowd.sample_crowd(0, {"careful": 1.0}, seed=1) == []
    sides = {np.sign(model.side_bias) for model in crowd.sample_crowd(30, {"side-biased": 1.0}, seed=1)}
    assert sides == {-1.0, 1.0}


def test_gold_separates_the_kinds_as_the_filter_promises():
    """Ten of a hundred are spammers, eight plain gold questions each: most spammers out, careful people in."""
    rng = np.random.default_rng(7)
    people = crowd.sample_crowd(2000, {"careful": 0.9, "spammer": 0.1}, seed=2)
    n_right = [int(crowd.choose_triplets(who, np.zeros(8), np.ones(8), rng).sum()) for who in people]
    out = np.array([accuracy.is_excluded(n, 8) for n in n_right])
    spammer = np.array([who.kind == "spammer" for who in people])
    assert out[spammer].mean() == pytest.approx(1 - accuracy.pass_probability(0.5, 8), abs=0.07)
    assert out[~spammer].mean() < 0.01


def test_the_consensus_of_a_mixed_crowd_is_the_nearer_candidate():
    rng = np.random.default_rng(8)
    people = crowd.sample_crowd(30, {"careful": 0.7, "noisy": 0.2, "spammer": 0.1}, seed=3)
    d_first, d_second = rng.random((2, 600))
    annotator = np.concatenate([rng.choice(30, size=5, replace=False) for _ in range(600)])
    question = np.repeat(np.arange(600), 5)
    chose_first = np.zeros(3000, dtype=bool)
    for index, who in enumerate(people):
        mine = annotator == index
        chose_first[mine] = crowd.choose_triplets(who, d_first[question[mine]], d_second[question[mine]], rng)
    found = voting.triplet_posterior(question, annotator, chose_first)
    clear = np.abs(d_first - d_second) > 0.3
    assert np.mean(((found.probability_first > 0.5) == (d_first < d_second))[clear]) > 0.97
    spammers = [index for index, who in enumerate(people) if who.kind == "spammer"]
    assert found.skill[spammers].max() < np.median(found.skill)


def test_a_mix_is_read():
    assert crowd.parse_mix("careful=.8, noisy=.15,spammer=.05") == {"careful": 0.8, "noisy": 0.15, "spammer": 0.05}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("careful", "expected kind=share"),
        ("", "expected kind=share"),
        ("lazy=1", "called 'lazy': expected one of careful, noisy"),
        ("careful=most", "share 'most' of 'careful'"),
        ("careful=.5,careful=.5", "comes twice"),
        ("careful=.5", "add up to 0.5"),
        ("careful=1.5,noisy=-.5", "share 1.5 of 'careful'"),
        ("careful=nan", "share nan"),
    ],
)
def test_a_wrong_mix_is_refused_with_a_reason(text, message):
    with pytest.raises(ValueError, match=message):
        crowd.parse_mix(text)


@pytest.mark.parametrize(
    ("habits", "message"),
    [
        ({"noise": 0}, "noise is 0"),
        ({"lapse_rate": 2}, "lapse_rate is 2"),
        ({"side_bias": -3}, "side_bias is -3"),
        ({"median_ms": 0}, "median_ms is 0"),
    ],
)
def test_impossible_people_are_refused(habits, message):
    with pytest.raises(ValueError, match=message):
        person(**habits)


def test_labels_are_chosen_as_triplets_where_there_are_two():
    rng, n = np.random.default_rng(0), 40_000
    person = AnnotatorModel("careful", noise=0.3, lapse_rate=0.1)
    gaps = np.array([0.0, 0.2, 0.6])
    share = [(crowd.choose_labels(person, np.tile([gap, 0.0], (n, 1)), rng) == 0).mean() for gap in gaps]
    triplets = [crowd.choose_triplets(person, np.zeros(n), np.full(n, gap), rng).mean() for gap in gaps]
    assert np.allclose(share, triplets, atol=0.012)


def test_the_best_label_is_chosen_more_often_the_better_it_fits_and_a_lapse_is_anything():
    rng, n = np.random.default_rng(1), 20_000
    fits = np.tile([1.0, 0.0, 0.2, 0.0], (n, 1))
    for kind, least, most in (("careful", 0.95, 1.0), ("noisy", 0.6, 0.95), ("spammer", 0.23, 0.27)):
        found = np.bincount(crowd.choose_labels(crowd.KINDS[kind], fits, rng), minlength=4) / n
        assert least <= found[0] <= most, kind
    backwards = crowd.choose_labels(crowd.KINDS["reversed"], fits, rng)
    assert (backwards == 0).mean() < 0.05
    lefty = AnnotatorModel("lefty", noise=1, lapse_rate=1, side_bias=1)
    assert set(crowd.choose_labels(lefty, fits, rng)) == {0}
    assert crowd.label_difficulty([0.5, 0.5, 0]) == 1 > crowd.label_difficulty([1, 0.5, 0]) > 0
    assert crowd.choose_label(crowd.KINDS["careful"], [0.0, 3.0], rng) == 1


@pytest.mark.parametrize("fits", [[[1.0]], [1.0, 2.0], [[np.nan, 1.0]]])
def test_labels_that_cannot_be_compared_are_refused(fits):
    with pytest.raises(ValueError, match="at least 2 labels"):
        crowd.choose_labels(crowd.KINDS["careful"], fits, np.random.default_rng(0))
