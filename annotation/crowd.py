"""Simulated annotators, for the demo, rehearsals and tests: people with noise, lapses, habits and a pace.

A triplet is judged by the difference of two distances. A person chooses the first candidate with
probability sigmoid((d_second - d_first) / noise): the logistic choice of Bradley and Terry (1952),
which is what adding Gumbel noise to both and taking the nearer one gives. A label is chosen in the same way, by
how well each fits (Luce 1959). In a lapse they did not look and press a side, perhaps one they like.
Distances are in units of the caller's embedding; scale it so that a clear difference is about 1.
"""

from dataclasses import dataclass, replace

import numpy as np

FIRST, SECOND = "first", "second"


@dataclass(frozen=True)
class AnnotatorModel:
    """One simulated person.

    noise : distance difference at which they choose with odds e to 1; also their
    error in ratings, as a share of half the scale. lapse_rate : share of
    answers given without looking. side_bias : -1 always right, 0 none, +1
    always left, in a lapse. is_reversed : took the question for its opposite.
    rating_shift : habitual offset, as a share of half the scale.
    median_ms : median response time of an easy question.
    """

    kind: str
    noise: float
    lapse_rate: float
    side_bias: float = 0.0
    is_reversed: bool = False
    rating_shift: float = 0.0
    median_ms: float = 1800.0

    def __post_init__(self):
        if not self.noise > 0:
            raise ValueError(f"noise is {self.noise!r}: expected a distance above 0")
        if not 0 <= self.lapse_rate <= 1:
            raise ValueError(f"lapse_rate is {self.lapse_rate!r}: expected a share between 0 and 1")
        if not -1 <= self.side_bias <= 1:
            raise ValueError(f"side_bias is {self.side_bias!r}: expected -1 (right) to 1 (left)")
        if not self.median_ms > 0:
            raise ValueError(f"median_ms is {self.median_ms!r}: expected milliseconds above 0")


#: What a mix may name. Individuals vary around these.
KINDS = {
    "careful": AnnotatorModel("careful", noise=0.12, lapse_rate=0.02, median_ms=2200),
    "noisy": AnnotatorModel("noisy", noise=0.40, lapse_rate=0.08, median_ms=1500),
    "spammer": AnnotatorModel("spammer", noise=1.0, lapse_rate=1.0, median_ms=450),
    "side-biased": AnnotatorModel("side-biased", noise=0.25, lapse_rate=0.6, side_bias=0.9, median_ms=800),
    "reversed": AnnotatorModel("reversed", noise=0.15, lapse_rate=0.03, is_reversed=True, median_ms=2200),
}


def parse_mix(text) -> dict[str, float]:
    """Return the shares of a mix such as "careful=.8,noisy=.15,spammer=.05".

    Raises ValueError naming what is wrong: an unknown kind, a share that is no
    number, a kind named twice, shares that do not add up to 1.
    """
    mix = {}
    for part in str(text).split(","):
        kind, equals, share = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise ValueError(f"{part.strip()!r} in mix {text!r}: expected kind=share, such as careful=0.8")
        if kind in mix:
            raise ValueError(f"{kind!r} comes twice in mix {text!r}: expected each kind once")
        try:
            mix[kind] = float(share)
        except ValueError:
            raise ValueError(f"share {share!r} of {kind!r} in mix {text!r}: expected a number such as 0.8") from None
    _check_mix(mix)
    return mix


def sample_crowd(n, mix, seed) -> list[AnnotatorModel]:
    """Return n people in random order, of each kind its share of n (largest remainders), no two quite alike."""
    _check_mix(mix)
    if n < 0 or n != int(n):
        raise ValueError(f"n is {n!r}: expected a whole number of annotators")
    rng = np.random.default_rng(seed)
    kinds, shares = list(mix), np.array([mix[kind] for kind in mix]) * n
    counts = np.floor(shares + 1e-9).astype(int)
    for index in np.argsort(-(shares - counts), kind="stable")[: n - counts.sum()]:
        counts[index] += 1
    people = [_individual(KINDS[kind], rng) for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]
    return [people[index] for index in rng.permutation(n)]


def choose_triplet(model, d_first, d_second, rng, first_on_left=True) -> str:
    """Return "first" or "second": which candidate this person says is nearer to the reference."""
    is_first = choose_triplets(model, [d_first], [d_second], rng, [first_on_left])[0]
    return FIRST if is_first else SECOND


def choose_triplets(model, d_first, d_second, rng, first_on_left=True) -> np.ndarray:
    """Return (n,) bool, True where the first was chosen; d_first, d_second : (n,) distances to the reference."""
    d_first, d_second = np.broadcast_arrays(np.asarray(d_first, float), np.asarray(d_second, float))
    if not (np.isfinite(d_first).all() and np.isfinite(d_second).all()):
        raise ValueError("distances must be finite numbers")
    advantage = (d_first - d_second) if model.is_reversed else (d_second - d_first)
    looked = advantage + model.noise * rng.logistic(size=advantage.shape) > 0
    pressed_left = rng.random(advantage.shape) < (1 + model.side_bias) / 2
    lapsed = rng.random(advantage.shape) < model.lapse_rate
    return np.where(lapsed, pressed_left == np.broadcast_to(first_on_left, advantage.shape), looked)


def choose_label(model, fits, rng) -> int:
    """Return which label this person chooses, a row of `fits`.

    fits : (n_labels,) how well each label fits what is seen; a clear difference is about 1. With two labels this is
    `choose_triplet` with distances -fits. In a lapse anything is pressed; who likes a side likes that end of the list.
    """
    return int(choose_labels(model, [fits], rng)[0])


def choose_labels(model, fits, rng) -> np.ndarray:
    """Return (n,) int, the label chosen for each of n pictures; fits : (n, n_labels)."""
    fits = np.asarray(fits, dtype=float)
    if fits.ndim != 2 or fits.shape[1] < 2 or not np.isfinite(fits).all():
        raise ValueError(f"fits have shape {fits.shape}: expected finite numbers for n pictures and at least 2 labels")
    n, n_labels = fits.shape
    felt = (-fits if model.is_reversed else fits) + model.noise * rng.gumbel(size=fits.shape)
    is_first = rng.random(n) < (1 + model.side_bias) / 2
    end = np.where(is_first, 0, n_labels - 1)
    likes_an_end = rng.random(n) < abs(model.side_bias)
    anything = np.where(likes_an_end, end, rng.integers(n_labels, size=n))
    lapsed = rng.random(n) < model.lapse_rate
    return np.where(lapsed, anything, felt.argmax(axis=1))


def label_difficulty(fits, scale=0.3) -> float:
    """Return 1 where the two best labels fit equally well, falling to 0 as they differ by more than `scale`."""
    second, best = np.sort(np.asarray(fits, dtype=float))[-2:]
    return float(triplet_difficulty(best, second, scale))


def rate(model, true_value, low, high, rng) -> int:
    """Return the whole number from low to high that this person gives to a picture of a known true value."""
    return int(rate_all(model, [true_value], low, high, rng)[0])


def rate_all(model, true_value, low, high, rng) -> np.ndarray:
    """Return (n,) int ratings of pictures whose true values, on the same scale, are given."""
    if not low < high:
        raise ValueError(f"scale from {low} to {high}: expected low < high")
    true_value, half = np.asarray(true_value, dtype=float), (high - low) / 2
    felt = low + high - true_value if model.is_reversed else true_value
    felt = felt + half * (model.rating_shift + model.noise * rng.standard_normal(true_value.shape))
    lapsed = rng.random(true_value.shape) < model.lapse_rate
    anything = rng.integers(int(low), int(high) + 1, size=true_value.shape)
    return np.where(lapsed, anything, np.clip(np.rint(felt), low, high)).astype(int)


def response_ms(model, difficulty, rng):
    """Return milliseconds from pictures painted to choice, log-normal about the person's median.

    difficulty : 0 for plain to 1 for a toss-up, which takes those who look twice as long; see
    `triplet_difficulty`. A scalar gives an int, an array (n,) ints. Nobody is faster than 120 ms.
    """
    difficulty = np.clip(np.asarray(difficulty, dtype=float), 0, 1)
    looking = 1 - model.lapse_rate
    median = model.median_ms * 2 ** (difficulty * looking)
    spread = 0.45 + 0.15 * model.lapse_rate
    times = np.maximum(120, np.rint(median * np.exp(spread * rng.standard_normal(difficulty.shape)))).astype(int)
    return int(times) if times.ndim == 0 else times


def triplet_difficulty(d_first, d_second, scale=0.3):
    """Return 1 for two candidates equally near, falling to 0 as their distances differ by more than `scale`."""
    return np.exp(-np.abs(np.subtract(d_first, d_second)) / scale)


def _individual(kind, rng) -> AnnotatorModel:
    side = rng.choice([-1.0, 1.0]) if kind.side_bias else 1.0
    # A lapse rate of 1 stays 1: a spammer who sometimes looks would be a noisy person.
    lapse = kind.lapse_rate if kind.lapse_rate == 1 else min(0.95, kind.lapse_rate * rng.lognormal(0, 0.3))
    return replace(
        kind,
        noise=float(kind.noise * rng.lognormal(0, 0.25)),
        lapse_rate=float(lapse),
        side_bias=float(side * kind.side_bias),
        rating_shift=float(rng.normal(0, 0.12)),
        median_ms=float(kind.median_ms * rng.lognormal(0, 0.25)),
    )


def _check_mix(mix):
    unknown = [kind for kind in mix if kind not in KINDS]
    if unknown:
        raise ValueError(f"no kind of annotator is called {unknown[0]!r}: expected one of {', '.join(KINDS)}")
    wrong = [kind for kind, share in mix.items() if not 0 <= share <= 1]
    if wrong:
        raise ValueError(f"share {mix[wrong[0]]!r} of {wrong[0]!r}: expected a number between 0 and 1")
    total = sum(mix.values())
    if abs(total - 1) > 1e-6:
        raise ValueError(f"the shares of the mix add up to {total:g}: expected 1")
