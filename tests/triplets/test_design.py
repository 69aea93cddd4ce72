import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triplets.design import design_by_split, design_triplets


def degrees(triplets, n):
    return np.bincount(triplets.ravel(), minlength=n)


def n_different(values):
    return np.array([len(set(row)) for row in values.tolist()])


@pytest.fixture(scope="module")
def posed():
    """Twenty people with 25 pictures each, in mixed order."""
    subjects = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 25))
    return subjects, design_triplets(subjects, seed=4)


def test_every_stimulus_takes_part_equally_often(posed):
    subjects, design = posed
    n = len(subjects)
    assert len(design.triplets) == 2 * n
    assert np.all(degrees(design.triplets[design.same_subject], n) == 3)
    assert np.all(degrees(design.triplets[~design.same_subject], n) == 3)
    assert design.short.shape == (0, 3)


def test_one_subject_or_three_and_never_a_mixed_triplet(posed):
    subjects, design = posed
    people = n_different(subjects[design.triplets])
    assert np.all(people == np.where(design.same_subject, 1, 3))
    assert np.all(n_different(design.triplets) == 3)


def test_no_three_pictures_meet_twice_and_candidates_are_in_canonical_order(posed):
    _, design = posed
    assert len(np.unique(np.sort(design.triplets, axis=1), axis=0)) == len(design.triplets)
    assert np.all(design.triplets[:, 1] < design.triplets[:, 2])


def test_the_reference_role_is_shared_exactly(posed):
    subjects, design = posed
    for half in (design.same_subject, ~design.same_subject):
        assert np.all(np.bincount(design.triplets[half][:, 0], minlength=len(subjects)) == 1)


def test_the_seed_decides_and_nothing_else(posed):
    subjects, design = posed
    again = design_triplets(subjects, seed=4)
    assert np.array_equal(again.triplets, design.triplets)
    assert not np.array_equal(design_triplets(subjects, seed=5).triplets, design.triplets)


def test_the_threes_are_random_and_keep_no_trace_of_the_starting_pattern():
    """Who meets whom: across designs every pair of ten subjects shares about equally many triplets."""
    subjects = np.repeat(np.arange(10), 6)
    meetings = np.zeros((10, 10))
    for seed in range(60):
        design = design_triplets(subjects, k_same=0, seed=seed)
        people = subjects[design.triplets]
        for i, j in ((0, 1), (0, 2), (1, 2)):
            np.add.at(meetings, (people[:, i], people[:, j]), 1)
    meetings = (meetings + meetings.T)[np.triu_indices(10, 1)]
    # 60 triplets x 3 pairs x 60 designs over 45 pairs: 240 expected, standard deviation about 15.
    assert meetings.sum() == 60 * 3 * 60
    assert meetings.min() > 180
    assert meetings.max() < 300


def test_within_one_design_people_meet_ever_new_people():
    """500 random threes of 20 people make 405 of the 1,140 possible ones on average, the starting pattern 20."""
    subjects = np.repeat(np.arange(20), 25)
    people = [subjects[design_triplets(subjects, k_same=0, seed=seed).triplets] for seed in range(5)]
    n_threes = [len(np.unique(np.sort(threes, axis=1), axis=0)) for threes in people]
    assert np.mean(n_threes) > 395


def test_within_a_subject_every_pair_meets_about_equally_often():
    meetings = np.zeros((8, 8))
    for seed in range(150):
        for i, j in ((0, 1), (0, 2), (1, 2)):
            triplets = design_triplets(np.zeros(8), k_different=0, seed=seed).triplets
            np.add.at(meetings, (triplets[:, i], triplets[:, j]), 1)
    meetings = (meetings + meetings.T)[np.triu_indices(8, 1)]
    assert meetings.min() / meetings.mean() > 0.8
    assert meetings.max() / meetings.mean() < 1.2


def test_four_pictures_of_one_person_by_hand():
    """Degree 3 on four stimuli: each of the four possible threes exactly once."""
    design = design_triplets(["ann"] * 4)
    assert sorted(map(tuple, np.sort(design.triplets, axis=1).tolist())) == [(0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]
    assert design.short.tolist() == [[0, 0, 3], [1, 0, 3], [2, 0, 3], [3, 0, 3]]


def test_three_pictures_of_one_person_meet_again_with_another_reference():
    design = design_triplets(["ann"] * 3, k_different=0)
    assert sorted(design.triplets.tolist()) == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
    assert design.short.shape == (0, 3)


def test_more_triplets_than_there_are_questions_is_reported():
    design = design_triplets(["ann"] * 3, k_same=5, k_different=0)
    assert len(design.triplets) == 3
    assert design.short.tolist() == [[0, 2, 0], [1, 2, 0], [2, 2, 0]]


def test_people_with_fewer_than_three_pictures_have_no_triplets_of_their_own():
    design = design_triplets(["ann", "ann", "bob", "bob", "bob", "cem"], k_same=3, k_different=1)
    assert design.short[design.short[:, 1] > 0][:, :2].tolist() == [[0, 3], [1, 3], [5, 3]]
    # one slot is left for cem, so one triplet of ann, bob and cem; the three others miss it
    assert (~design.same_subject).sum() == 1
    assert design.short[:, 2].sum() == 3


def test_a_remainder_is_reported_and_no_larger_than_it_must_be():
    design = design_triplets(np.arange(10), k_same=0, k_different=2)  # 20 slots: six triplets and two left
    assert len(design.triplets) == 6
    assert design.short[:, 2].tolist() == [1, 1]


def test_one_person_who_is_half_of_the_collection_does_not_stop_the_others():
    subjects = np.array([0] * 20 + [1] * 5 + [2] * 5)
    design = design_triplets(subjects, k_same=0)
    assert np.all(degrees(design.triplets, 30)[20:] == 3)
    assert design.short[:, 0].max() < 20
    assert design.short[:, 2].max() - design.short[:, 2].min() <= 2  # spread, not all on one picture


def test_excluded_questions_are_not_made_again():
    subjects = np.repeat(np.arange(5), 6)
    asked = design_triplets(subjects, seed=0).triplets
    asked_sideways = asked[:, [0, 2, 1]]
    design = design_triplets(subjects, seed=0, exclude=asked_sideways)
    assert not set(map(tuple, asked.tolist())) & set(map(tuple, design.triplets.tolist()))
    assert len(design.triplets) == len(asked)


def test_when_all_is_excluded_nothing_is_left_and_said_so():
    asked = design_triplets(["ann"] * 3, k_different=0).triplets
    design = design_triplets(["ann"] * 3, k_different=0, exclude=asked)
    assert design.triplets.shape == (0, 3)
    assert design.short.tolist() == [[0, 3, 0], [1, 3, 0], [2, 3, 0]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40), st.integers(0, 4), st.integers(0, 4), st.integers(0, 3))
def test_laws_hold_for_any_collection(subjects, k_same, k_different, seed):
    subjects = np.array(subjects, dtype=int)
    n = len(subjects)
    design = design_triplets(subjects, k_same=k_same, k_different=k_different, seed=seed)
    missing = np.zeros((n, 2), dtype=int)
    missing[design.short[:, 0]] = design.short[:, 1:]
    for column, (degree, half) in enumerate([(k_same, design.same_subject), (k_different, ~design.same_subject)]):
        assert np.array_equal(degrees(design.triplets[half], n) + missing[:, column], np.full(n, degree))
    assert len(np.unique(design.triplets, axis=0)) == len(design.triplets)
    if len(design.triplets):
        assert np.all(n_different(subjects[design.triplets]) == np.where(design.same_subject, 1, 3))


def test_splits_never_meet():
    subjects = np.repeat(np.arange(12), 5)
    splits = np.repeat(["train"] * 6 + ["validation"] * 3 + ["test"] * 3, 5)
    design = design_by_split(subjects, splits, seed=3)
    assert np.all(n_different(splits[design.triplets]) == 1)
    assert np.all(degrees(design.triplets, 60) == 6)
    again = design_by_split(subjects, splits, seed=3, exclude=design.triplets)
    assert not set(map(tuple, design.triplets.tolist())) & set(map(tuple, again.triplets.tolist()))


def test_short_stimuli_of_a_split_keep_their_own_row_numbers():
    design = design_by_split(["a"] * 4 + ["b"] * 2, ["train"] * 4 + ["test"] * 2, k_different=0)
    assert design.short.tolist() == [[4, 3, 0], [5, 3, 0]]
    assert design_by_split([], []).triplets.shape == (0, 3)


def test_a_hundred_thousand_stimuli_take_part_equally():
    design = design_triplets(np.repeat(np.arange(4000), 25))
    assert len(design.triplets) == 200_000
    assert np.all(degrees(design.triplets, 100_000) == 6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: design_triplets([["a"]]), ValueError, "one for each stimulus"),
        (lambda: design_triplets(["a"], k_same=-1), ValueError, "k_same is -1"),
        (lambda: design_triplets(["a"], exclude=[[0, 1, 2]]), IndexError, "stimulus row 1: expected 0 to 0"),
        (lambda: design_triplets(["a"], exclude=[[0, 1]]), ValueError, r"shape \(1, 2\)"),
        (lambda: design_by_split(["a", "b"], ["train"]), ValueError, "splits have shape"),
    ],
)
def test_wrong_input_is_refused_with_a_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
