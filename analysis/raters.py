"""People who rated, as a measure: how far they agree, what one more of them would reach, and which of them are matched.

A network is held against the mean of many ratings. One person held against the mean of the others says what that is
worth; a network above it stands in for a person. Groups of raters are compared by single ratings, so that a group of
few people is not found worse for the noise of its means alone.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.attributes import moments, pearson
from analysis.resampling import Resample, units_of
from annotation import agreement
from triplets.annotators import SMALL
from triplets.archive import Release
from triplets.intervals import CONFIDENCE, CORRELATION, DIFFERENCE

#: A group is compared that has so many raters (fewer could be recognised) and ratings.
MIN_RATERS, MIN_RATINGS = SMALL, 20
#: Columns of `moments`.
N_MOMENTS = 7


@dataclass(frozen=True)
class PersonRatings:
    """n counted first ratings. row : (n,) rows of the stimuli; attribute : (n,) places in names; value : (n,) float.

    rater : (n,) rows of raters, -1 where the release names nobody; others : (n,) mean of all other ratings of the same
    picture and attribute, nan where there is none.
    """

    names: tuple[str, ...]
    raters: tuple[str, ...]
    row: np.ndarray
    attribute: np.ndarray
    value: np.ndarray
    rater: np.ndarray
    others: np.ndarray

    def __len__(self) -> int:
        return len(self.value)

    def where(self, mask) -> "PersonRatings":
        columns = (self.row, self.attribute, self.value, self.rater, self.others)
        return PersonRatings(self.names, self.raters, *(column[mask] for column in columns))

    def of(self, name: str) -> "PersonRatings":
        return self.where(self.attribute == self.names.index(name)) if name in self.names else self.where(slice(0))


def single_ratings(release: Release, names) -> PersonRatings:
    """Return the single ratings of some attributes in a release; none where it holds no responses."""
    names = tuple(names)
    try:
        table = release.responses()
    except FileNotFoundError:
        empty = np.zeros(0, np.int64)
        return PersonRatings(names, (), empty, empty, np.zeros(0), empty, np.zeros(0))
    asked = pc.and_(pc.equal(table["kind"], "rating"), pc.is_in(table["role"], pa.array(["ordinary", "shared"])))
    once = pc.and_(pc.fill_null(table["is_counted"], False), pc.invert(pc.fill_null(table["is_repeat"], False)))
    here = pc.is_in(table["attribute"], pa.array(list(names), pa.string()))
    table = table.filter(pc.and_(pc.and_(asked, once), here))
    row = pc.index_in(table["reference"], pa.array([str(key) for key in release.stimuli.key])).to_numpy()
    attribute = pc.index_in(table["attribute"], pa.array(list(names), pa.string())).to_numpy()
    raters = pc.unique(table["annotator"]).drop_null()
    rater = pc.fill_null(pc.index_in(table["annotator"], raters), -1).to_numpy()
    value = table["rating"].to_numpy().astype(float)
    _, question = np.unique(row.astype(np.int64) * max(1, len(names)) + attribute, return_inverse=True)
    n, total = np.bincount(question)[question] if len(question) else np.zeros(0), np.bincount(question, weights=value)
    others = np.where(n > 1, (total[question] - value) / np.maximum(n - 1, 1), np.nan)
    return PersonRatings(names, tuple(raters.to_pylist()), row, attribute, value, rater, others)


# How far people agree ---------------------------------------------------------------------------------


def split_half(ratings: PersonRatings, *, seed: int = 0) -> float | None:
    """Return the split-half reliability of the mean ratings of one attribute, 0 to 1; None where nothing tells.

    Halves of the raters of each picture are correlated and stepped up to all of them by Spearman-Brown
    (`annotation.agreement.split_half_reliability`).
    """
    try:
        value = agreement.split_half_reliability(ratings.row, ratings.value, seed=seed)
    except ValueError:  # fewer than three pictures were rated twice: nothing to correlate
        return None
    return float(np.clip(value, 0, 1)) if np.isfinite(value) else None


def people(ratings: PersonRatings, at, truth, predicted, subject, **how) -> dict | None:
    """Return how far people agree on one attribute and what one more of them would reach; None without single ratings.

    ratings : of this attribute, all pictures      at : (m,) rows of the stimuli that the network is measured on
    truth, predicted : (m,) mean rating and what the network says, nan unknown      subject : (m,) str
    n, n_a_picture : ratings, and their mean number a picture      icc, icc_mean : ICC(1,1) of one, ICC(1,k) of a mean
    one_person : correlation of a single rating with the mean of all others of the same picture, on the pictures `at`
    lead : by how much the network's correlation with the mean lies above that, pictures and people drawn together
    """
    if not len(ratings):
        return None
    known = np.isfinite(truth) & np.isfinite(predicted)
    at, truth, predicted, subject = at[known], truth[known], predicted[known], np.asarray(subject)[known]
    found = {"n": len(ratings), "n_a_picture": len(ratings) / len(np.unique(ratings.row))}
    found |= {name: _icc(ratings, kind) for name, kind in (("icc", "ICC(1,1)"), ("icc_mean", "ICC(1,k)"))}
    place = np.full(max(ratings.row.max(), at.max(initial=0)) + 1, -1)
    place[at] = np.arange(len(at))
    seen = (place[ratings.row] >= 0) & np.isfinite(ratings.others)
    if seen.sum() < 3 or len(at) < 3:
        return found | {"one_person": None, "lead": None}
    ours, theirs = moments(truth, predicted), moments(ratings.others[seen], ratings.value[seen])
    columns = np.zeros((len(ours) + len(theirs), 2 * N_MOMENTS))
    columns[: len(ours), :N_MOMENTS], columns[len(ours) :, N_MOMENTS:] = ours, theirs
    who = np.concatenate([subject, subject[place[ratings.row[seen]]]])
    if not (subject != "").all():  # single pictures are drawn, each with all of its ratings
        who = np.concatenate([at, ratings.row[seen]]).astype(str)
    resample = Resample(units_of(who, len(columns)), how.get("n_bootstrap", 1000), how.get("seed", 0))
    size = np.arange(len(columns)) >= len(ours)
    one = resample.estimate(columns[:, N_MOMENTS:], pearson, CORRELATION, size=size)
    lead = resample.estimate(
        columns, lambda s: pearson(s[:, :N_MOMENTS]) - pearson(s[:, N_MOMENTS:]), DIFFERENCE, size=~size
    )
    return found | {"one_person": one and one.to_dict(), "lead": lead and lead.to_dict()}


def _icc(ratings: PersonRatings, kind: str) -> float | None:
    try:
        value = agreement.icc(ratings.row, ratings.rater, ratings.value, kind)
    except ValueError:  # nobody rated a picture that somebody else rated too
        return None
    return value if np.isfinite(value) else None


# By group of raters ---------------------------------------------------------------------------------


def by_group(ratings: PersonRatings, release: Release, at, predicted, *, n_bootstrap=1000, seed=0) -> dict:
    """Return how well a network predicts single ratings by group of the people who gave them, ready for JSON.

    at : (m,) rows of the stimuli that the network is measured on; predicted : (m, k) what it says of `ratings.names`
    {"omitted": why} where nobody told anything; else {"n_raters", "n_comparisons", "left_out", "rows": [{"field",
    "group", "n_raters", "n_ratings", "network", "person", "difference", "person_difference"}]}: network and person
    are correlations with single ratings of the group, the mean over attributes, of what the network says and of the
    mean of all other people; the differences are from everybody else who told. Intervals draw raters; those of
    differences hold with 1 - .05/m, so that all m comparisons hold together with 95 %.
    """
    told = release.annotators
    if told is None or not told.about:
        return {"omitted": "the release tells nothing about the people who rated"}
    place = np.full(len(release.stimuli), -1)
    place[at] = np.arange(len(at))
    ratings = ratings.where((ratings.rater >= 0) & (place[ratings.row] >= 0) & np.isfinite(ratings.others))
    said = np.asarray(predicted, float)[place[ratings.row], ratings.attribute]
    ratings, said = ratings.where(np.isfinite(said)), said[np.isfinite(said)]
    table = _sums(ratings, said)
    n_ratings = table[:, :, 0].sum(1).astype(int) if len(table) else np.zeros(0, int)
    row_of = {str(key): row for row, key in enumerate(told.key.tolist())}
    rows = np.array([row_of.get(name, -1) for name in ratings.raters], int)
    fields = {
        name: np.where(rows >= 0, np.asarray(values).astype(str)[rows], "") for name, values in told.about.items()
    }
    cases, left_out = [], []
    for field, group in fields.items() if len(rows) else ():
        group = np.where(n_ratings > 0, group, "")
        names = sorted(set(group.tolist()) - {""})
        large = [n for n in names if (group == n).sum() >= MIN_RATERS and n_ratings[group == n].sum() >= MIN_RATINGS]
        left_out += [f"{field} {name}" for name in names if name not in large]
        if len(large) > 1:
            cases += [(field, name, group == name, np.isin(group, large) & (group != name)) for name in large]
    if not cases:
        return {"omitted": f"no two groups of {MIN_RATERS} people who rated these pictures can be compared"}
    n = len({min(inside.tobytes(), outside.tobytes()) for _, _, inside, outside in cases})
    level = 1 - (1 - CONFIDENCE) / n
    return {
        "n_raters": int((n_ratings > 0).sum()),
        "n_comparisons": n,
        "left_out": left_out,
        "rows": [
            {"field": field, "group": name, "n_raters": int(inside.sum()), "n_ratings": int(n_ratings[inside].sum())}
            | _compared(table, inside, outside, level, n_bootstrap, seed)
            for field, name, inside, outside in cases
        ],
    }


def _sums(ratings: PersonRatings, said: np.ndarray) -> np.ndarray:
    """Return (n_raters, k, 14): sums of `moments` of the network, then of the other people, with single ratings."""
    n, k = len(ratings.raters), len(ratings.names)
    cell = ratings.rater * k + ratings.attribute
    # One origin an attribute, or sums of different raters would not add up to moments.
    n_of = np.maximum(np.bincount(ratings.attribute, minlength=k), 1)
    origin = (np.bincount(ratings.attribute, weights=ratings.value, minlength=k) / n_of)[ratings.attribute]
    t = ratings.value - origin
    columns = []
    for other in (said, ratings.others):
        p = other - origin
        columns += [np.ones(len(t)), t, p, t * t, p * p, t * p, np.abs(t - p)]
    sums = [np.bincount(cell, weights=column, minlength=n * k) for column in columns]
    return np.stack(sums, axis=1).reshape(n, k, 2 * N_MOMENTS) if n else np.zeros((0, k, 2 * N_MOMENTS))


def _compared(table, inside, outside, level, n_bootstrap, seed) -> dict:
    n, k, _ = table.shape

    def mean_correlation(sums, kind: int):
        """Return the mean over attributes of the correlations that (r, k * 14) sums hold; kind 0 network, 1 people."""
        parts = sums.reshape(-1, k, 2 * N_MOMENTS)[:, :, kind * N_MOMENTS : (kind + 1) * N_MOMENTS]
        values = pearson(parts)
        known = np.isfinite(values)
        return np.where(known.any(1), np.where(known, values, 0).sum(1) / np.maximum(known.sum(1), 1), np.nan)

    sides = [(table * side[:, None, None]).reshape(n, -1) for side in (inside, outside)]
    width = sides[0].shape[1]
    here = Resample(units_of(None, int(inside.sum()), name="annotators"), n_bootstrap, seed)
    both = inside | outside
    apart = Resample(units_of(None, int(both.sum()), name="annotators"), n_bootstrap, seed, level)
    smaller = min((inside, outside), key=lambda side: side.sum())[both]
    found = {}
    for kind, (name, difference) in enumerate((("network", "difference"), ("person", "person_difference"))):
        one = here.estimate(sides[0][inside], lambda s, kind=kind: mean_correlation(s, kind), CORRELATION)
        two = apart.estimate(
            np.concatenate(sides, axis=1)[both],
            lambda s, kind=kind: mean_correlation(s[:, :width], kind) - mean_correlation(s[:, width:], kind),
            DIFFERENCE,
            size=smaller,
        )
        found |= {name: one and one.to_dict(), difference: two and two.to_dict()}
    return found
