from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from analysis import ceilings
from triplets.records import RESPONSE_SCHEMA, Triplets


def judged(n_positive, n_votes=5, split="test"):
    n = len(n_positive)
    column = np.arange(n)
    return Triplets(
        anchor=column, positive=column, negative=column, n_positive=np.array(n_positive),
        n_votes=np.full(n, n_votes), weight=2 * np.array(n_positive) - n_votes, posterior=np.full(n, np.nan),
        split=np.full(n, split), is_same_subject=np.full(n, -1), sampler=np.full(n, ""), question=column,
    )  # fmt: skip


def test_the_ceilings_of_the_published_vote_table():
    # papers/topological_vae_notes.md: 5:3:1 = 3806:3817:3568 about .856/.714/.571 and .984/.890/.656, there with a = 1
    triplets = judged([5] * 3806 + [4] * 3817 + [3] * 3568)
    found, note = ceilings.by_split(triplets, np.full(len(triplets), ""), n_bootstrap=200)
    of = found["test"]
    assert list(of) == ["all", "5", "3", "1"]
    assert [of[key]["one_person"]["value"] for key in ("5", "3", "1")] == pytest.approx(
        [0.856, 0.714, 0.571], abs=0.008
    )
    assert [of[key]["oracle"]["value"] for key in ("5", "3", "1")] == pytest.approx([0.984, 0.890, 0.656], abs=0.008)
    assert all(level["chance"] == 0.5 for level in of.values())
    for level in of.values():
        for kind in ("one_person", "oracle"):
            assert level[kind]["low"] <= level[kind]["value"] <= level[kind]["high"]
    assert note == ""


def test_one_vote_a_question_knows_no_ceiling_and_says_so():
    triplets = judged([1] * 10, n_votes=1)
    found, note = ceilings.by_split(triplets, np.full(10, "a"))
    assert found["test"]["all"] == {"chance": 0.5, "one_person": None, "oracle": None}
    assert "judged once" in note


def test_every_split_has_its_own():
    agreed, split = judged([5] * 50 + [4]), judged([3] * 50 + [4], split="train")
    both = Triplets(**{name: np.concatenate([getattr(agreed, name), getattr(split, name)]) for name in vars(agreed)})
    found, _ = ceilings.by_split(replace(both, anchor=np.zeros(102, int)), np.array(["a"]), n_bootstrap=100)
    assert found["test"]["all"]["one_person"]["value"] > 0.9
    assert found["train"]["all"]["one_person"]["value"] < 0.6


def test_ties_count_though_they_settle_nothing():
    """Two votes a question, any p as frequent: one more person agrees with a pair of equal votes in 3 of 4 cases."""
    rng = np.random.default_rng(0)
    first = rng.binomial(2, rng.random(30_000))
    settled, n_tied = judged([2] * int(np.sum(first != 1)), n_votes=2), int(np.sum(first == 1))
    nobody = np.full(len(settled), "")
    ties = judged([1] * n_tied, n_votes=2)
    with_ties, _ = ceilings.by_split(settled, nobody, ties=ties, n_bootstrap=50)
    without, _ = ceilings.by_split(settled, nobody, n_bootstrap=50)
    assert with_ties["test"]["all"]["one_person"]["value"] == pytest.approx(0.75, abs=0.01)
    assert without["test"]["all"]["one_person"]["value"] > 0.95  # what a table of settled triplets alone would claim


def answered(question, chosen, split="train", **changes):
    row = {"question": question, "kind": "triplet", "role": "ordinary", "reference": "a", "first": "b", "second": "c"}
    row |= {"chosen": chosen, "is_counted": True, "is_repeat": False, "split": split} | changes
    return {name: row.get(name) for name in RESPONSE_SCHEMA.names}


def test_undecided_questions_are_found_among_the_responses_that_count():
    rows = [
        *(answered(1, choice, "test") for choice in "bc"),  # a tie
        *(answered(2, choice, "test") for choice in "bbc"),  # decided
        *(answered(3, choice) for choice in "bcc"), answered(3, "b", is_counted=False),  # decided by those who count
        *(answered(4, choice) for choice in "bc"), answered(4, "c", is_repeat=True),  # a tie: a repeat is no vote
        *(answered(5, choice, role="gold") for choice in "bc"),
        *(answered(6, choice) for choice in "bbcc"),  # a tie
    ]  # fmt: skip
    release = SimpleNamespace(
        responses=lambda: pa.Table.from_pylist(rows, RESPONSE_SCHEMA),
        stimuli=SimpleNamespace(key=np.array(["c", "a", "b"])),
        triplets=judged([2], 3, split="train"),
    )
    found = ceilings.tied_questions(release, np.array(["train"]))
    assert found.split.tolist() == ["test", "train", "train"]
    assert found.n_votes.tolist() == [2, 2, 4]
    assert found.rows.tolist() == [[1, 2, 0]] * 3 and found.weight.tolist() == [0] * 3
    carved = ceilings.tied_questions(release, np.array(["validation"]))
    assert carved.split.tolist() == ["test", "validation", "validation"]
