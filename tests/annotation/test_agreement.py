import csv
import gzip

import numpy as np
import pytest

from annotation import agreement

# Krippendorff's worked example: four observers, twelve units, gaps.
KRIPPENDORFF = [
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
]
# Shrout & Fleiss (1979), table 2: six targets, four judges.
SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def long_format(lines):
    cells = [(u, a, int(x)) for a, line in enumerate(lines) for u, x in enumerate(line.split()) if x != "."]
    return tuple(np.array(column) for column in zip(*cells, strict=True))


def crossed(matrix):
    unit, annotator = np.indices(matrix.shape)
    return unit.ravel(), annotator.ravel(), matrix.ravel()


def alpha_by_coincidences(unit, value, level):
    """The definition: a coincidence matrix and a metric, as plain loops."""
    values = sorted(set(value.tolist()))
    coincidence = np.zeros((len(values), len(values)))
    for u in set(unit.tolist()):
        here = value[unit == u].tolist()
        for i, x in enumerate(here):
            for j, y in enumerate(here):
                if i != j:
                    coincidence[values.index(x), values.index(y)] += 1 / (len(here) - 1)
    n = coincidence.sum(axis=0)

    def metric(c, k):
        if level == "nominal":
            return float(c != k)
        if level == "interval":
            return (values[c] - values[k]) ** 2
        low, high = min(c, k), max(c, k)
        return (n[low : high + 1].sum() - (n[c] + n[k]) / 2) ** 2

    pairs = [(c, k) for c in range(len(values)) for k in range(len(values))]
    observed = sum(coincidence[c, k] * metric(c, k) for c, k in pairs)
    expected = sum(n[c] * n[k] * metric(c, k) for c, k in pairs) / (n.sum() - 1)
    return 1 - observed / expected


class TestKrippendorff:
    @pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
    def test_the_published_example(self, level, alpha):
        assert agreement.krippendorff_alpha(*long_format(KRIPPENDORFF), level).value == pytest.approx(alpha, abs=5e-4)

    @pytest.mark.parametrize("level", agreement.LEVELS)
    def test_agrees_with_the_coincidence_matrix(self, level):
        rng = np.random.default_rng(0)
        unit, annotator = rng.integers(15, size=90), np.arange(90)
        value = np.array([1, 2, 3, 5, 9])[np.clip(unit % 5 + rng.integers(-1, 2, size=90), 0, 4)]
        found = agreement.krippendorff_alpha(unit, annotator, value, level).value
        assert found == pytest.approx(alpha_by_coincidences(unit, value, level))

    def test_labels_may_be_words_and_perfect_is_one(self):
        unit, value = np.repeat([0, 1, 2], 3), np.repeat(["happy", "sad", "happy"], 3)
        assert agreement.krippendorff_alpha(unit, np.tile([0, 1, 2], 3), value).value == 1.0

    def test_chance_is_nothing_and_opposition_less(self):
        rng = np.random.default_rng(1)
        unit = np.repeat(np.arange(3000), 3)
        found = agreement.krippendorff_alpha(unit, unit, rng.integers(4, size=9000)).value
        assert found == pytest.approx(0, abs=0.03)
        assert agreement.krippendorff_alpha([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]).value < 0

    def test_units_judged_once_and_scales_without_variation_say_nothing(self):
        example = long_format(KRIPPENDORFF)
        alone = tuple(np.append(column, extra) for column, extra in zip(example, (99, 0, 5), strict=True))
        assert agreement.krippendorff_alpha(*alone).value == agreement.krippendorff_alpha(*example).value
        assert np.isnan(agreement.krippendorff_alpha([0, 0], [0, 1], [3, 3]).value)
        assert np.isnan(agreement.krippendorff_alpha([], [], []).value)

    def test_ordinal_forgets_the_spacing_and_interval_the_unit(self):
        unit, annotator, value = long_format(KRIPPENDORFF)
        by_order = [agreement.krippendorff_alpha(unit, annotator, v, "ordinal").value for v in (value, np.exp(value))]
        assert by_order[0] == pytest.approx(by_order[1])
        by_size = [agreement.krippendorff_alpha(unit, annotator, v, "interval").value for v in (value, 3 * value - 70)]
        assert by_size[0] == pytest.approx(by_size[1])

    def test_the_interval_covers_and_narrows(self):
        rng = np.random.default_rng(2)
        widths = []
        for n_units in (40, 640):
            truth = rng.integers(3, size=n_units)
            unit = np.repeat(np.arange(n_units), 4)
            value = np.where(rng.random(4 * n_units) < 0.75, truth[unit], rng.integers(3, size=4 * n_units))
            found = agreement.krippendorff_alpha(unit, unit, value, n_bootstrap=300)
            assert found.low < found.value < found.high
            widths.append(found.high - found.low)
        # two people share an uncorrupted answer with 0.75², and chance does the rest: alpha is 0.5625
        assert found.low < 0.5625 < found.high
        assert widths[1] == pytest.approx(widths[0] / 4, rel=0.35)


class TestReliability:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            *[("ICC(1,1)", 0.17), ("ICC(2,1)", 0.29), ("ICC(3,1)", 0.71)],
            *[("ICC(1,k)", 0.44), ("ICC(2,k)", 0.62), ("ICC(3,k)", 0.91)],
        ],
    )
    def test_shrout_and_fleiss(self, kind, value):
        assert agreement.icc(*crossed(SHROUT_FLEISS), kind) == pytest.approx(value, abs=0.006)

    def test_one_way_icc_takes_unequal_groups_and_the_others_refuse_them(self):
        unit, annotator, value = crossed(SHROUT_FLEISS)
        assert 0 < agreement.icc(unit[1:], annotator[1:], value[1:], "ICC(1,k)") < 1
        with pytest.raises(ValueError, match="23 ratings of 6 units by 4 people"):
            agreement.icc(unit[1:], annotator[1:], value[1:], "ICC(2,1)")
        with pytest.raises(ValueError, match=r"kind is 'ICC2'"):
            agreement.icc(unit, annotator, value, "ICC2")

    def test_split_half_finds_the_reliability_that_was_put_in(self):
        rng = np.random.default_rng(3)
        unit = np.repeat(np.arange(400), 10)
        value = rng.normal(size=400)[unit] + 2 * rng.normal(size=4000)
        # variance 1 of the truth, 4/10 of the mean's noise; with 400 units that is known to some .03
        found = agreement.split_half_reliability(unit, value)
        assert found == pytest.approx(1 / 1.4, abs=0.06)
        assert found == pytest.approx(agreement.icc(unit, np.arange(4000), value, "ICC(1,k)"), abs=0.01)
        order = rng.permutation(4000)
        assert agreement.split_half_reliability(unit[order], value[order]) == pytest.approx(found, abs=0.01)

    def test_raters_needed_undoes_spearman_brown(self):
        for n, needed in ((5, 12), (30, 77)):
            single = 0.9 / (needed - 0.9 * (needed - 1))  # reliability of one, if `needed` reach .9
            of_n = n * single / (1 + (n - 1) * single)
            assert agreement.raters_needed(of_n, n) == needed
        assert agreement.raters_needed(0.95, 10) < 10
        assert agreement.raters_needed(0.0, 10) == float("inf")
        assert agreement.raters_needed(1.0, 10) == 1

    def test_self_agreement_by_hand(self):
        question = ["q", "q", "q", "q", "r", "r", "s"]
        annotator = ["ann", "ann", "bob", "ann", "bob", "bob", "ann"]
        choice = ["first", "first", "second", "second", "first", "first", "first"]
        # ann on q: three pairs, one alike; bob on r: one pair, alike
        assert agreement.self_agreement(question, annotator, choice) == (2 / 4, 4)
        assert np.isnan(agreement.self_agreement(["q"], ["ann"], ["first"])[0])
        assert agreement.self_agreement([], [], [])[1] == 0


class TestCeilings:
    def test_the_thesis_table_follows_from_a_flat_distribution(self):
        k = np.array([5, 4, 3])
        assert agreement.one_person_ceiling(k, 5, 1) == pytest.approx([0.857, 0.714, 0.571], abs=1e-3)
        assert agreement.oracle_ceiling(k, 5, 1) == pytest.approx([0.984, 0.890, 0.656], abs=1e-3)

    def test_the_thesis_votes_are_flat(self):
        votes = np.repeat([5, 4, 3], [3806, 3817, 3568])
        assert agreement.fit_beta(votes, 5) == pytest.approx(1, abs=0.06)
        ceilings = agreement.ceilings_by_level(votes, np.full(len(votes), 5), n_bootstrap=200)
        assert list(ceilings["levels"]) == [5, 3, 1]
        assert [level["n"] for level in ceilings["levels"].values()] == [3806, 3817, 3568]
        assert ceilings["levels"][5]["one_person"].value == pytest.approx(0.856, abs=0.008)
        assert ceilings["levels"][1]["oracle"].value == pytest.approx(0.656, abs=0.01)
        overall = ceilings["overall"]["one_person"]
        assert overall.low < overall.value < overall.high
        assert 0.9 < ceilings["a"].low < ceilings["a"].value < ceilings["a"].high < 1.05

    def test_a_tie_says_nothing_and_which_side_won_does_not_matter(self):
        assert agreement.one_person_ceiling(2, 4, 0.7) == pytest.approx(0.5)
        assert agreement.oracle_ceiling(2, 4, 0.7) == pytest.approx(0.5)
        assert agreement.one_person_ceiling(1, 5, 0.7) == agreement.one_person_ceiling(4, 5, 0.7)
        assert agreement.fit_beta([1, 4, 0], 5) == pytest.approx(agreement.fit_beta([4, 1, 5], 5))

    @pytest.mark.parametrize("a", [0.3, 1.0, 4.0])
    def test_a_is_found_again_and_the_ceilings_are_what_happens(self, a):
        rng = np.random.default_rng(4)
        p = rng.beta(a, a, size=40_000)
        n = rng.choice([3, 5, 7], size=40_000)
        first = rng.binomial(n, p)
        assert agreement.fit_beta(first, n) == pytest.approx(a, rel=0.06)
        majority_is_first = 2 * first > n
        one_more = rng.random(40_000) < p
        ceilings = agreement.ceilings_by_level(np.maximum(first, n - first), n, n_bootstrap=50)
        one_person, oracle = ceilings["overall"]["one_person"], ceilings["overall"]["oracle"]
        assert one_person.value == pytest.approx(np.mean(one_more == majority_is_first), abs=0.01)
        assert oracle.value == pytest.approx(np.mean((p > 0.5) == majority_is_first), abs=0.01)
        close = np.abs(2 * first - n) == 1
        assert ceilings["levels"][1]["n"] == close.sum()
        expected = np.mean((one_more == majority_is_first)[close])
        assert ceilings["levels"][1]["one_person"].value == pytest.approx(expected, abs=0.015)

    def test_ties_are_in_no_level_but_tell_how_far_people_agree(self):
        ceilings = agreement.ceilings_by_level([2] * 60 + [1] * 40, np.full(100, 2), n_bootstrap=20)
        assert list(ceilings["levels"]) == [2]
        assert ceilings["levels"][2]["n"] == ceilings["overall"]["n"] == 60
        without = agreement.ceilings_by_level([2] * 60, np.full(60, 2), n_bootstrap=20)
        assert ceilings["overall"]["one_person"].value < without["overall"]["one_person"].value - 0.1

    def test_groups_that_hang_together_widen_the_interval(self):
        rng = np.random.default_rng(5)
        groups = np.repeat(np.arange(20), 50)
        k = np.where(rng.random(20) < 0.5, 5, 3)[groups]
        alone, together = (
            agreement.ceilings_by_level(k, np.full(1000, 5), groups=given)["overall"]["one_person"]
            for given in (None, groups)
        )
        assert alone.value == together.value
        assert together.high - together.low > 3 * (alone.high - alone.low)

    def test_the_interval_of_a_ceiling_holds_it_with_few_people_who_differ_in_size(self):
        """In .95 of studies of five people (python -m bench coverage); plain percentiles of the same draws in .78."""
        rng = np.random.default_rng(6)

        def overall(n_people, n_bootstrap):
            n = rng.poisson(20 * rng.gamma(1.5, 1 / 1.5, n_people)) + 1
            groups = np.repeat(np.arange(n_people), n)
            a = np.exp(0.25 * rng.normal(size=n_people))[groups]
            k = rng.binomial(5, rng.beta(a, a))
            found = agreement.ceilings_by_level(k, np.full(len(k), 5), n_bootstrap=n_bootstrap, groups=groups)
            return found["overall"]["one_person"]

        truth = overall(10_000, 2).value
        found = [overall(5, 100) for _ in range(100)]
        assert 0.87 <= np.mean([one.low <= truth <= one.high for one in found]) < 1

    def test_wrong_votes_are_refused_with_a_reason(self):
        with pytest.raises(ValueError, match="6 of 5 votes"):
            agreement.fit_beta([5, 6], 5)
        with pytest.raises(ValueError, match="at least one question"):
            agreement.ceilings_by_level([], [])
        with pytest.raises(ValueError, match="groups have shape"):
            agreement.ceilings_by_level([5, 4], [5, 5], groups=[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: agreement.krippendorff_alpha([1], [1], [1], "ratio"), "level is 'ratio'"),
        (lambda: agreement.krippendorff_alpha([1, 2], [1], [1]), "one length for all three"),
        (lambda: agreement.krippendorff_alpha([1, 1], [1, 2], [1, np.nan], "interval"), "finite"),
        (lambda: agreement.icc([1, 2], [1, 1], [3, 4]), "some rated more than once"),
        (lambda: agreement.split_half_reliability([1, 2], [3, 4]), "0 units were rated more than once"),
        (lambda: agreement.raters_needed(0.5, 10, target=1.0), "target 1.0"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.shared_data
def test_real_ratings_are_as_reliable_as_published(shared_data):
    with gzip.open(shared_data / "omi" / "ratings.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["attribute"] in ("happy", "dominant", "memorable")]
    needed = {}
    for attribute in ("happy", "dominant", "memorable"):
        here = [row for row in rows if row["attribute"] == attribute and row["rating_type"] == "normal"]
        unit = np.array([row["stimulus"] for row in here])
        value = np.array([float(row["rating"]) for row in here])
        reliability = agreement.split_half_reliability(unit, value, n_splits=20)
        needed[attribute] = agreement.raters_needed(reliability, len(unit) / len(np.unique(unit)))
    assert needed["happy"] == pytest.approx(5, abs=1)
    assert needed["dominant"] == pytest.approx(21, abs=3)
    assert needed["memorable"] == pytest.approx(84, abs=12)


@pytest.mark.shared_data
def test_real_people_asked_twice(shared_data):
    with open(shared_data / "cfd36" / "responses.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "random"]
    question = [" ".join([row["reference"], *sorted([row["first"], row["second"]])]) for row in rows]
    worker, chosen = [row["worker"] for row in rows], [row["chosen"] for row in rows]
    share, n_pairs = agreement.self_agreement(question, worker, chosen)
    assert n_pairs == pytest.approx(421, abs=30)
    assert share == pytest.approx(0.69, abs=0.02)
