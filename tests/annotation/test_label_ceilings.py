"""Ceilings of labels: as of triplets where there are two, and found again where the truth is known."""

import numpy as np
import pytest

from annotation import agreement
from annotation.label_ceilings import label_ceilings


def sample(a, n_questions, n_votes, n_labels, seed=0):
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet(np.full(n_labels, a), size=n_questions)
    return rng.multinomial(n_votes, chance), chance


def test_with_two_labels_they_are_those_of_triplets():
    counts, _ = sample(0.6, 3000, 5, 2)
    labels = label_ceilings(counts, 2, n_bootstrap=20)
    triplets = agreement.ceilings_by_level(counts[:, 0], counts.sum(axis=1), n_bootstrap=20)
    assert labels["a"].value == pytest.approx(triplets["a"].value, rel=0.03)
    assert list(labels["levels"]) == list(triplets["levels"]) == [5, 3, 1]
    for level, row in labels["levels"].items():
        assert row["n"] == triplets["levels"][level]["n"]
        for name in ("one_person", "oracle"):
            assert row[name].value == pytest.approx(triplets["levels"][level][name].value, abs=0.02)


def test_what_one_more_person_and_an_oracle_reach_is_found_again():
    counts, chance = sample(0.3, 20_000, 5, 4)
    found = label_ceilings(counts, 4)
    assert found["a"].value == pytest.approx(0.3, rel=0.05)
    ordered = np.sort(counts, axis=1)
    settled = ordered[:, -1] > ordered[:, -2]
    verdict = counts.argmax(axis=1)[settled]
    one_more = chance[settled, verdict].mean()
    is_right = (chance[settled].argmax(axis=1) == verdict).mean()
    assert found["overall"]["one_person"].value == pytest.approx(one_more, abs=0.01)
    assert found["overall"]["oracle"].value == pytest.approx(is_right, abs=0.01)
    assert found["overall"]["n"] == settled.sum()
    assert found["overall"]["one_person"].low < one_more < found["overall"]["one_person"].high


def test_neither_order_nor_names_of_labels_mean_anything():
    counts, _ = sample(0.5, 200, 4, 3)
    rng = np.random.default_rng(1)
    mixed = rng.permuted(counts, axis=1)
    assert label_ceilings(mixed, 3)["overall"] == label_ceilings(counts, 3)["overall"]


@pytest.mark.parametrize("counts", [np.zeros((0, 3)), [[1, 2]], [[1, -1, 3]], [1, 2, 3]])
def test_votes_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="expected votes for 3 labels"):
        label_ceilings(counts, 3)
