"""Controls on small networks that are really trained."""

from dataclasses import replace

import numpy as np
import pytest

from analysis import controls, label_control
from analysis.embedded import represent
from analysis.measured import start
from analysis.ordinal_baseline import with_ordinal
from learning.datasets import NothingToLearn
from learning.splits import split_release
from tests.analysis.rich import perceived
from tests.learning import judged
from tests.learning.picture_releases import picture_release


def test_a_coin_changes_half_of_the_verdicts_where_it_is_thrown(small_release):
    triplets = small_release.triplets
    where = triplets.split == "train"
    changed = controls.shuffled(triplets, seed=3, where=where)
    is_changed = changed.positive != triplets.positive
    assert not is_changed[~where].any()
    assert 0.4 < is_changed[where].mean() < 0.6
    assert np.array_equal(changed.negative[is_changed], triplets.positive[is_changed])
    assert np.array_equal(changed.anchor, triplets.anchor)


def test_permuted_verdicts_are_satisfied_by_half(rich_release):
    found = controls.permuted(start(perceived(rich_release), rich_release, n_bootstrap=100))
    assert found["value"] == pytest.approx(0.5, abs=0.07)
    flat = perceived(rich_release)
    flat = replace(flat, mean=np.zeros_like(flat.mean))
    assert controls.permuted(start(flat, rich_release, n_bootstrap=100))["value"] == 0.0  # ties are misses


def test_labels_change_their_pictures_where_they_may(tmp_path):
    release = picture_release(tmp_path / "bars", n_subjects=10, with_split=False, n_triplets=20)
    where = np.arange(len(release.stimuli)) % 3 > 0
    changed = label_control.shuffled(release, where, seed=1)
    before, after = release.stimuli, changed.stimuli
    assert (after.class_label != before.class_label)[where].mean() > 0.4
    assert np.array_equal(after.class_label[~where], before.class_label[~where])
    for name in ("subject", "picture", "key", "is_neutral"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    # What was said of a stimulus stays together: its class and its ratings go to the same picture.
    rated = [
        sorted(zip(of.stimuli.class_label[of.ratings.stimulus].tolist(), of.ratings.mean.tolist(), strict=True))
        for of in (release, changed)
    ]
    assert len(rated[0]) > 0 and rated[0] == rated[1]
    assert not np.array_equal(changed.ratings.stimulus, release.ratings.stimulus)


def test_a_network_trained_on_noise_is_worse_and_both_divisions_are_measured(small_release, small_checkpoint):
    of = start(represent(small_checkpoint, small_release), small_release, n_bootstrap=100)
    found = controls.controls(of)
    ours = of.hits("test")["embedding"].mean()
    assert found["shuffled"]["n"] == len(of.triplets["test"]) and found["shuffled"]["split"] == "test"
    assert found["shuffled"]["share"]["value"] < ours
    assert found["divided"]["how"] == "triplet" and found["divided"]["n"] > 50


def test_a_release_is_divided_the_other_way(small_release):
    by_triplet, how = controls.divided_otherwise(small_release, split_release(small_release))
    assert how == "triplet" and split_release(by_triplet).split_by == "triplet"
    shares = [np.mean(by_triplet.triplets.split == name) for name in ("train", "validation", "test")]
    assert shares == pytest.approx([0.7, 0.15, 0.15], abs=0.01)
    by_person, how = controls.divided_otherwise(by_triplet, split_release(by_triplet))
    assert how == "subject" and split_release(by_person).split_by == "subject"
    unknown = replace(by_triplet, stimuli=replace(by_triplet.stimuli, subject=np.full(len(by_triplet.stimuli), "")))
    with pytest.raises(NothingToLearn, match="does not know who"):
        controls.divided_otherwise(unknown, split_release(unknown))


def test_networks_without_judgements_have_no_such_control(rich_release):
    of = start(perceived(rich_release), rich_release, n_bootstrap=100)
    assert "does not say which network" in controls.retrained(of)["omitted"]


def test_an_embedding_of_the_judgements_alone_stands_beside_where_it_knows_the_faces(tmp_path, rich_release):
    release, points, _ = judged.crowd(tmp_path / "release", weights=[[1, 1]], n_each=700, n_test=200, noise=0.3)
    made = replace(perceived_points(release, points), split=split_release(release))
    found = with_ordinal(made, release)
    of = start(found, release, n_bootstrap=100)
    hits = of.hits("test")
    assert hits["ordinal"].mean() > 0.8 and hits["embedding"].mean() >= hits["ordinal"].mean() - 0.02
    strangers = with_ordinal(perceived(rich_release), rich_release)
    assert strangers.ordinal is None and "shows a face that no training triplet shows" in strangers.ordinal_note


def perceived_points(release, points):
    from analysis.representation import Representation

    return Representation(
        row=np.arange(len(points)), split=split_release(release), mean=points, x=np.zeros((len(points), 0)),
        offset=np.zeros(0), shape=(0, 0),
    )  # fmt: skip
