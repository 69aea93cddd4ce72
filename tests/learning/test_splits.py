from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from learning.splits import split_release, trained_on
from tests.learning import releases


def split(stimuli, rows, sides, **options):
    return split_release(releases.release(stimuli, None, releases.triplets(rows, sides)), **options)


def test_triplets_that_agree_with_their_stimuli_are_split_by_subject():
    stimuli = releases.stimuli(9, subject=list("aaabbbccc"), split=["train"] * 3 + ["validation"] * 3 + ["test"] * 3)
    found = split(stimuli, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [8, 7, 6]], ["train", "validation", "test", "none"])
    assert found.split_by == "subject" and not found.is_carved
    assert found.triplet.tolist() == ["train", "validation", "test", ""]
    assert found.stimulus.tolist() == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3


def test_judgements_with_a_split_of_their_own_train_on_every_face():
    # The stimuli were split by subject on import, the judgements by response: the latter decide.
    stimuli = releases.stimuli(4, subject=list("abcd"), split=["train", "train", "validation", "test"])
    found = split(stimuli, [[0, 1, 2], [1, 2, 3], [3, 1, 0]], ["train", "test", "train"])
    assert found.split_by == "triplet"
    assert found.stimulus.tolist() == ["train"] * 4


def test_stimuli_without_a_split_are_shared_when_their_judgements_are():
    found = split(releases.stimuli(3), [[0, 1, 2], [1, 0, 2], [2, 1, 0]], ["train", "train", "test"])
    assert found.split_by == "triplet" and found.stimulus.tolist() == ["train"] * 3


def test_one_subject_on_two_sides_is_no_split_by_subject():
    stimuli = releases.stimuli(6, subject=["a"] * 6)
    assert split(stimuli, [[0, 1, 2], [3, 4, 5]], ["train", "test"]).split_by == "triplet"
    stimuli = releases.stimuli(6, subject=list("aaabbb"))
    found = split(stimuli, [[0, 1, 2], [3, 4, 5]], ["train", "test"])
    assert found.split_by == "subject" and found.stimulus.tolist() == ["train"] * 3 + ["test"] * 3


def test_a_stimulus_without_a_split_follows_its_subject():
    stimuli = releases.stimuli(5, subject=list("abbbc"), split=["train", "test", "test", "", ""])
    assert split(stimuli, [[1, 2, 3]], ["test"]).stimulus.tolist() == ["train", "test", "test", "test", "train"]


def test_without_validation_a_seeded_tenth_of_training_is_set_aside():
    rows = np.random.default_rng(0).permuted(np.tile(np.arange(30), (100, 1)), axis=1)[:, :3]
    first = split(releases.stimuli(30), rows, "train", seed=4)
    again, other = (split(releases.stimuli(30), rows, "train", seed=seed) for seed in (4, 5))
    assert first.is_carved and (first.triplet == "validation").sum() == 10 and (first.triplet == "train").sum() == 90
    assert (first.triplet == again.triplet).all() and (first.triplet != other.triplet).any()
    assert (split(releases.stimuli(30), rows, "train", validation_share=0.3).triplet == "validation").sum() == 30


def test_triplets_without_any_split_are_all_for_training():
    found = split(releases.stimuli(4), [[0, 1, 2], [1, 2, 3], [3, 0, 1]], "none")
    assert sorted(found.triplet.tolist()) == ["train", "train", "validation"]


def test_no_triplets_at_all():
    found = split(releases.stimuli(2, split=["train", "test"]), [], "train")
    assert found.split_by == "subject" and not found.is_carved and found.stimulus.tolist() == ["train", "test"]


def test_a_single_training_triplet_is_not_taken_away():
    found = split(releases.stimuli(3), [[0, 1, 2]], "train")
    assert found.triplet.tolist() == ["train"] and not found.is_carved


def test_people_of_the_training_are_known_again_within_one_collection():
    def release(keys, people, name):
        stimuli = replace(releases.stimuli(len(keys), subject=people), key=np.array(keys))
        return SimpleNamespace(stimuli=stimuli, manifest={"collection": {"name": name}})

    first = release(["a1", "a2", "b1", "c1"], ["a", "a", "b", ""], "faces")
    training = np.array([True, True, False, True])
    again = release(["a3", "b2", "c1", "c2"], ["a", "b", "", ""], "faces")
    assert trained_on(first, training, again).tolist() == [True, False, True, False]
    elsewhere = release(["a3", "c1"], ["a", ""], "other faces")
    assert not trained_on(first, training, elsewhere).any()
