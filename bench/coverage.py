"""How often a 95 % interval of a report holds the truth: python -m bench coverage

Studies are simulated again and again, with people who differ. Printed is the share of studies whose interval holds
the truth, for the interval of `triplets.intervals` and, for shares, for plain percentiles of the same bootstrap; at the
end how many lines lie further than .02 from .95.
"""

import json
import os

import numpy as np

from analysis.resampling import Resample, units_of
from annotation.agreement import ceilings_by_level
from triplets.intervals import CORRELATION, DIFFERENCE, ERROR, SHARE, wilson_interval

#: BENCH_STUDIES: simulated studies a line; with 1,000 a coverage is known to about .014.
N_STUDIES, N_BOOTSTRAP = int(os.environ.get("BENCH_STUDIES", 1000)), 400


def main():
    for n_people in (5, 8, 12, 30):
        for truth in (0.6, 0.8, 0.95):
            for is_unequal in (False, True):
                ours, plain = shares(n_people, truth, is_unequal, N_STUDIES)
                show("share", n_people, ours, truth=truth, unequal=is_unequal, plain_percentiles=plain)
    for n_people in (8, 12, 30):
        for name, simulate in {"difference": difference, "mean error": error, "correlation": correlation}.items():
            show(name, n_people, simulate(n_people, N_STUDIES))
    for n_people in (5, 8, 12, 30):
        for is_unequal in (False, True):
            for name, coverage in ceilings(n_people, is_unequal, N_STUDIES).items():
                show(f"ceiling, {name}", n_people, coverage, unequal=is_unequal)
    resampled = list(SHOWN)
    for n in (8, 20, 100):
        for truth in (0.6, 0.8, 0.95):
            show("wilson", n, wilson(n, truth, 20 * N_STUDIES), truth=truth)
    far = sum(abs(coverage - 0.95) > 0.02 for coverage in resampled)
    print(f"{len(resampled)} lines of resampled people: {min(resampled):.3f} to {max(resampled):.3f}; {far} further "
          "than .02 from .95")  # fmt: skip


SHOWN: list[float] = []


def show(statistic: str, n: int, coverage: float, **more) -> None:
    SHOWN.append(coverage)
    more = {name: round(value, 3) if isinstance(value, float) else value for name, value in more.items()}
    print(json.dumps({"statistic": statistic, "units": n, **more, "coverage": round(coverage, 3)}), flush=True)


def sizes(rng, n_people: int, is_unequal: bool) -> np.ndarray:
    """Return (n_people,) int cases a person: about 30 each, or from very few to a hundred."""
    share = rng.gamma(1.5, 1 / 1.5, n_people) if is_unequal else np.ones(n_people)
    return rng.poisson(30 * share) + 1


def covers(estimate, truth: float) -> bool:
    return estimate is not None and estimate.low <= truth <= estimate.high


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def shares(n_people: int, truth: float, is_unequal: bool, n_studies: int, seed: int = 0) -> tuple[float, float]:
    """Return (coverage of ours, of plain percentiles): people's own shares are Beta with correlation .05."""
    rng, ours, plain = np.random.default_rng(seed), 0, 0
    a, b = truth * 19, (1 - truth) * 19
    for study in range(n_studies):
        n = sizes(rng, n_people, is_unequal)
        subject = np.repeat([f"s{k}" for k in range(n_people)], n)
        hits = rng.random(len(subject)) < np.repeat(rng.beta(a, b, n_people), n)
        resample = Resample(units_of(subject, len(hits)), N_BOOTSTRAP, seed=study)
        columns = np.column_stack([hits, np.ones(len(hits))])
        ours += covers(resample.estimate(columns, mean, SHARE), truth)
        low, high = np.quantile(resample.replicates(resample.units.sums(columns), mean)[1:], [0.025, 0.975])
        plain += low <= truth <= high
    return ours / n_studies, plain / n_studies


def difference(n_people: int, n_studies: int, seed: int = 1) -> float:
    """Two representations on the same cases, right in .8 and .7, alike in what they find hard."""
    rng, found = np.random.default_rng(seed), 0
    for study in range(n_studies):
        n = sizes(rng, n_people, True)
        subject = np.repeat([f"s{k}" for k in range(n_people)], n)
        moved = np.repeat(rng.normal(0, 0.08, n_people), n)
        ease = rng.random(len(subject))
        one, other = ease < 0.8, ease < 0.7 + moved
        columns = np.column_stack([one, other, np.ones(len(one))])
        resample = Resample(units_of(subject, len(one)), N_BOOTSTRAP, seed=study)
        found += covers(resample.estimate(columns, lambda s: (s[:, 0] - s[:, 1]) / s[:, 2], DIFFERENCE), 0.1)
    return found / n_studies


def error(n_people: int, n_studies: int, seed: int = 2) -> float:
    """Mean absolute error of predictions whose spread differs between people by a factor of about 1.5."""
    rng, found = np.random.default_rng(seed), 0
    truth = np.sqrt(2 / np.pi) * np.exp(0.4**2 / 2)
    for study in range(n_studies):
        n = sizes(rng, n_people, False)
        subject = np.repeat([f"s{k}" for k in range(n_people)], n)
        off = np.abs(rng.normal(size=len(subject)) * np.repeat(np.exp(0.4 * rng.normal(size=n_people)), n))
        columns = np.column_stack([off, np.ones(len(off))])
        found += covers(
            Resample(units_of(subject, len(off)), N_BOOTSTRAP, seed=study).estimate(columns, mean, ERROR), truth
        )
    return found / n_studies


def correlation(n_people: int, n_studies: int, seed: int = 3) -> float:
    """Pearson's r of .8, people shifted together on both variables."""
    from analysis.attributes import moments, pearson

    rng, found = np.random.default_rng(seed), 0
    for study in range(n_studies):
        n = sizes(rng, n_people, False)
        subject = np.repeat([f"s{k}" for k in range(n_people)], n)
        people = np.repeat(rng.normal(0, np.sqrt(0.2), (n_people, 2)) @ half(), n, axis=0)
        x, y = (people + rng.normal(0, np.sqrt(0.8), (len(subject), 2)) @ half()).T
        resample = Resample(units_of(subject, len(x)), N_BOOTSTRAP, seed=study)
        found += covers(resample.estimate(moments(x, y), pearson, CORRELATION), 0.8)
    return found / n_studies


def half() -> np.ndarray:
    return np.linalg.cholesky([[1, 0.8], [0.8, 1]]).T


#: Name -> (vote difference, None overall; ceiling).
CEILINGS = {
    "one person": (None, "one_person"),
    "oracle": (None, "oracle"),
    "one person at 5 : 0": (5, "one_person"),
    "oracle at 3 : 2": (1, "oracle"),
}


def ceilings(n_people: int, is_unequal: bool, n_studies: int, seed: int = 5) -> dict[str, float]:
    """Five votes a question; how far people agree differs between the subjects of questions by a factor of about 1.3.

    The truth is what very many subjects give, which is within .002 of what happens (the model knows one factor only).
    """
    rng, found = np.random.default_rng(seed), {}
    truth = _ceilings(*votes(rng, 100_000, np.full(100_000, 4)), n_bootstrap=2, seed=0)
    for study in range(n_studies):
        k, subject = votes(rng, n_people, sizes(rng, n_people, is_unequal))
        for name, estimate in _ceilings(k, subject, N_BOOTSTRAP, study).items():
            found[name] = found.get(name, 0) + covers(estimate, truth[name].value)
    return {name: hits / n_studies for name, hits in found.items()}


def votes(rng, n_people: int, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return votes for the majority of five, and the subject of each question."""
    subject = np.repeat(np.arange(n_people), n)
    a = np.exp(0.25 * rng.normal(size=n_people))[subject]
    first = rng.binomial(5, rng.beta(a, a))
    return np.maximum(first, 5 - first), subject


def _ceilings(k, subject, n_bootstrap: int, seed: int) -> dict:
    found = ceilings_by_level(k, np.full(len(k), 5), n_bootstrap, seed, subject)
    by_level = {None: found["overall"], **found["levels"]}
    return {name: by_level[level][kind] for name, (level, kind) in CEILINGS.items() if level in by_level}


def wilson(n: int, truth: float, n_studies: int, seed: int = 4) -> float:
    right = np.random.default_rng(seed).binomial(n, truth, n_studies)
    known = {k: wilson_interval(k, n) for k in range(n + 1)}
    return float(np.mean([known[k][0] <= truth <= known[k][1] for k in right.tolist()]))


if __name__ == "__main__":
    main()
