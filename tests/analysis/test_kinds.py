from dataclasses import replace

import numpy as np

from analysis import kinds
from learning.splits import SUBJECT, TRIPLET, Split
from tests.learning import releases


def release_of(rows, subject, split, sampler="design"):
    triplets = releases.triplets(rows, split)
    triplets = replace(triplets, sampler=np.broadcast_to(sampler, len(triplets)).copy())
    return releases.release(releases.stimuli(len(subject), subject=subject), None, triplets)


def test_whose_faces_a_triplet_shows():
    release = release_of([(0, 1, 2), (0, 3, 5), (0, 1, 3), (3, 0, 1), (0, 6, 1)], [*"aaabbc", ""], "test")
    found = kinds.people_kinds(release.triplets, release.stimuli.subject)
    assert found["same"].tolist() == [True, False, False, False, False]
    assert found["different"].tolist() == [False, True, False, False, False]
    assert found["mixed"].tolist() == [False, False, True, True, False]


def test_unknown_people_are_as_the_release_says():
    release = release_of([(0, 1, 2), (1, 2, 0)], ["", "", ""], "test")
    triplets = replace(release.triplets, is_same_subject=np.array([1, 0], np.int8))
    assert kinds.people_kinds(triplets, release.stimuli.subject)["same"].tolist() == [True, False]


def test_what_training_saw_of_a_triplet():
    # Faces 0-2 of person a are trained on, 3 is another of a, 4-6 of b, 7 of nobody known.
    subject = ["a"] * 4 + ["b"] * 3 + [""]
    rows = [(0, 1, 2), (0, 2, 1), (3, 4, 5), (4, 5, 6), (0, 4, 5), (5, 6, 7)]
    split = ["train", "test", "test", "test", "test", "test"]
    release = release_of(rows, subject, split)
    sides = Split(np.full(8, ""), release.triplets.split, TRIPLET, False)
    found = kinds.novelty_kinds(release.triplets.where(slice(1, None)), sides, release)
    told = {name: np.flatnonzero(where).tolist() for name, where in found.items()}
    assert told == {"known_faces": [0], "new_faces": [1, 4], "new_people": [2], "partly_known": [3]}


def test_chosen_questions_are_told_from_random_ones():
    release = release_of([(0, 1, 2)] * 3, ["a", "b", "c"], "test", ["design", "random", "informative"])
    found = kinds.sampler_kinds(release.triplets)
    assert found["random"].tolist() == [True, True, False] and found["chosen"].tolist() == [False, False, True]


def test_every_kind_has_its_share_its_lead_and_its_ceilings():
    rng = np.random.default_rng(0)
    subject = np.repeat([f"s{k}" for k in range(8)], 10)
    rows = [rng.choice(10, 3, replace=False) + 10 * rng.integers(8) for _ in range(120)]
    rows += [rng.choice(8, 3, replace=False) * 10 + rng.integers(10, size=3) for _ in range(120)]
    release = release_of(rows, subject, "test", ["design"] * 200 + ["informative"] * 40)
    n_positive = rng.choice([5, 4, 3], 240)
    triplets = replace(release.triplets, n_positive=n_positive, n_votes=np.full(240, 5), weight=2 * n_positive - 5)
    hits = {"embedding": rng.random(240) < 0.8, "raw": rng.random(240) < 0.6, "pca_20": np.zeros(240, bool)}
    split = Split(np.full(80, "test"), triplets.split, SUBJECT, False)
    found = kinds.by_kind(hits, triplets, split, replace(release, triplets=triplets), n_bootstrap=100)
    rows = {row["key"]: row for row in found["rows"]}
    assert list(rows) == ["all", "same", "different", "new_people", "random", "chosen"]
    same = np.arange(240) < 120
    assert rows["same"]["shares"]["embedding"]["value"] == hits["embedding"][same].mean()
    assert rows["same"]["n"] == 120 and rows["chosen"]["n"] == 40
    assert rows["all"]["best_baseline"] == "raw"
    assert np.isclose(rows["all"]["gain"]["value"], hits["embedding"].mean() - hits["raw"].mean())
    assert 0.5 < rows["all"]["one_person"]["value"] < rows["all"]["oracle"]["value"]


def test_undecided_questions_lower_the_ceilings_of_their_own_kind():
    subject = np.repeat(["a", "b", "c"], 10)
    rows = [(0, 1, 2)] * 40 + [(0, 10, 20)] * 40
    release = release_of(rows, subject, "test")
    two = {"n_positive": np.full(80, 2), "n_votes": np.full(80, 2), "weight": np.full(80, 2)}
    triplets = replace(release.triplets, **two)
    ties = replace(triplets, n_positive=np.full(80, 1), weight=np.zeros(80, int)).where(slice(40))
    split, hits = Split(np.full(30, "test"), triplets.split, SUBJECT, False), {"embedding": np.ones(80, bool)}
    with_ties, without = (
        {row["key"]: row["one_person"]["value"]
         for row in kinds.by_kind(hits, triplets, split, release, ties=some, n_bootstrap=50)["rows"]}
        for some in (ties, None)
    )  # fmt: skip
    assert with_ties["same"] < without["same"] - 0.1 and with_ties["different"] == without["different"]


def test_one_kind_of_people_or_questions_is_no_row_of_its_own():
    release = release_of([(0, 1, 2)] * 12, ["a", "b", "c"], "test")
    split = Split(np.full(3, "test"), release.triplets.split, SUBJECT, False)
    found = kinds.by_kind({"embedding": np.ones(12, bool)}, release.triplets, split, release, n_bootstrap=100)
    assert [row["key"] for row in found["rows"]] == ["all", "new_people"]
    assert found["rows"][0]["gain"] is None
