import json
from dataclasses import replace

import numpy as np
import pytest

from analysis import evaluation, provenance, tables, wording
from analysis import measured as starting
from analysis.embedded import represent
from analysis.representation import NotComparable, Representation
from learning.checkpoints import load_checkpoint
from learning.embedding import embed, full
from learning.splits import split_release
from tests.analysis.conftest import train
from tests.analysis.releases import judged_faces
from triplets import geometry
from triplets.archive import read_release


def known(release, embedding, **more):
    """A representation without a network, x is the embedding too."""
    rows = np.arange(len(release.stimuli))
    embedding = np.asarray(embedding, float)
    return Representation(
        row=rows,
        split=split_release(release),
        mean=embedding,
        x=embedding,
        offset=np.zeros(embedding.shape[1]),
        shape=(embedding.shape[1], 1),
        **more,
    )


def test_satisfied_shares_are_those_of_the_triplets(small_release, small_checkpoint, measured):
    points = full(embed(load_checkpoint(small_checkpoint), small_release), len(small_release.stimuli))
    triplets = small_release.triplets
    for split, levels in measured["satisfied"].items():
        here = triplets.split == split
        for level, share in levels.items():
            chosen = here if level == "all" else here & (triplets.weight == int(level))
            assert share["n"] == chosen.sum()
            expected = geometry.satisfied_fraction(points, triplets.rows[chosen])
            assert share["value"] == pytest.approx(expected)
            assert share["low"] <= share["value"] <= share["high"]
            assert share["unit"] == "subjects"
    assert set(measured["satisfied"]) == {"train", "validation", "test"}
    assert set(measured["satisfied"]["test"]) == {"all", "5", "3", "1"}


def test_every_score_has_its_baselines_and_ceilings(measured):
    assert {"raw", "neutral_difference", "pca_20", "pca_50"} <= set(measured["baselines"])
    for by_split in [measured["satisfied"], *measured["baselines"].values()]:
        for split, levels in by_split.items():
            for level in levels:
                ceiling = measured["ceilings"][split][level]
                assert ceiling["chance"] == 0.5
                assert ceiling["one_person"]["value"] < ceiling["oracle"]["value"]
    assert measured["splits"]["how"] == "subject"
    assert measured["gains"]["test"]["raw"]["value"] == pytest.approx(
        measured["satisfied"]["test"]["all"]["value"] - measured["baselines"]["raw"]["test"]["all"]["value"]
    )


def test_baselines_are_learnt_on_training_stimuli_only(small_release, small_checkpoint):
    made = represent(small_checkpoint, small_release)
    ours = starting.representations(made)["pca_20"]
    moved = made.x.copy()
    moved[~made.is_training] += 100 * np.random.default_rng(0).normal(size=moved[~made.is_training].shape)
    theirs = starting.representations(replace(made, x=moved))["pca_20"]
    assert np.allclose(ours[made.is_training], theirs[made.is_training])


def test_the_neutral_face_lies_at_zero_expression(small_release, small_checkpoint):
    made = represent(small_checkpoint, small_release)
    difference = starting.representations(made)["neutral_difference"]
    assert np.allclose(difference[small_release.stimuli.is_neutral[made.row] == 1], 0)


def test_results_hold_what_the_page_promises(measured, small_release):
    assert measured["probe"]["embedding"]["accuracy"] > measured["probe"]["chance"]
    assert len(measured["probe"]["classes"]) == 7
    assert len(measured["dimensions"]["kl"]) == 8
    assert len(measured["dimensions"]["decoder_norm_neutral"]) == 249
    assert len(measured["traversal"]["faces"]) == 5
    assert measured["traversal"]["values"] == [-5, -2.5, 0, 2.5, 5]
    assert measured["traversal"]["dims"] == measured["dimensions"]["order"][:2][::-1]
    assert measured["traversal"]["has_lines"]
    assert len(measured["reconstruction"]["faces"]) == 7
    assert measured["reconstruction"]["split"] == "test"
    assert 0 < measured["reconstruction"]["rms"] < 0.5
    assert measured["projection"]["n_shown"] == 250
    assert all(address.startswith("data:image/jpeg;base64,") for address in measured["pictures"].values())
    assert set(map(str, (face["row"] for face in measured["reconstruction"]["faces"]))) <= set(measured["pictures"])
    assert measured["sheets"]["place"] == list(range(250)) and len(measured["sheets"]["sheets"]) == 1
    assert [shown["id"] for shown in measured["projection"]["maps"]] == ["pca-2", "pca-3"]
    assert measured["projection"]["maps"][0]["points"] == measured["projection"]["points"]
    assert [colour["name"] for colour in measured["projection"]["colours"]] == [
        "class",
        "subject",
        "split",
        "degree",
        "neutral face",
    ]
    assert measured["provenance"]["release"]["sha256"] == small_release.sha256
    assert measured["provenance"]["is_same_release"]
    assert "--set training.n_steps=120" in measured["provenance"]["commands"][0]
    assert {"pictures", "sheets", "decoder"} & set(tables.numbers(measured)) == set()


def test_the_headline_says_on_whom_and_beside_what(measured):
    sentence = measured["headline"]
    share = measured["satisfied"]["test"]["all"]
    assert sentence.startswith("On people it has never seen, the representation agrees with the majority in ")
    assert f"{wording.percent(share['value'])} % [{wording.percent(share['low'])}, " in sentence
    assert "one more person would reach" in sentence
    assert "oracle" in sentence
    assert "guessing 50 %" in sentence


def test_known_points_give_known_shares(tmp_path):
    release = judged_faces(tmp_path / "release", n_subjects=3, per_stimulus=2)
    place = np.zeros((len(release.stimuli), 2))
    triplets = release.triplets
    collapsed = evaluation.summarise(known(release, place), release, n_bootstrap=100)
    assert all(levels["all"]["value"] == 0.0 for levels in collapsed["satisfied"].values())  # a tie is a miss
    rng = np.random.default_rng(1)
    place = rng.normal(size=place.shape)
    found = evaluation.summarise(known(release, place), release, n_bootstrap=100)
    for split, levels in found["satisfied"].items():
        chosen = (split_release(release).triplet == split) & (triplets.weight > 0)
        right = 0
        for a, p, n in triplets.rows[chosen]:
            right += ((place[a] - place[p]) ** 2).sum() < ((place[a] - place[n]) ** 2).sum()
        assert levels["all"]["value"] == pytest.approx(right / chosen.sum())
    assert found["traversal"]["omitted"].startswith("this network has no decoder")
    assert found["dimensions"]["kl"] is None


def test_turning_and_moving_the_embedding_changes_nothing(tmp_path):
    release = judged_faces(tmp_path / "release", n_subjects=4, per_stimulus=2)
    rng = np.random.default_rng(2)
    place = rng.normal(size=(len(release.stimuli), 3))
    turned = place @ np.linalg.qr(rng.normal(size=(3, 3)))[0] * 7 + 4
    one, other = (evaluation.summarise(known(release, p), release, n_bootstrap=100) for p in (place, turned))
    assert one["satisfied"] == other["satisfied"]


def test_a_release_split_by_triplet_says_so_and_probes_by_person(tmp_path):
    release = judged_faces(tmp_path / "release", n_subjects=6, per_stimulus=4, splits="triplet")
    found = evaluation.evaluate(train(release, tmp_path / "run"), release, n_bootstrap=100)
    assert found["splits"]["how"] == "triplet"
    assert found["headline"].startswith("On judgements it has never seen (of faces it knows)")
    assert "cross-validated" in found["probe"]["how"]


def test_without_classes_neutral_faces_or_pictures_the_rest_remains(tmp_path):
    release = judged_faces(tmp_path / "release", n_subjects=6, per_stimulus=2, no_classes=True, no_neutral=True)
    found = evaluation.evaluate(train(release, tmp_path / "run", uses_neutral="no"), release, n_bootstrap=100)
    assert found["probe"] == {"omitted": "the stimuli carry 0 expression classes: a probe needs two"}
    assert "neutral_difference" not in found["baselines"]
    assert found["pictures"] == {}
    assert found["traversal"]["row"] is None
    assert "--set network.uses_neutral=no" in found["provenance"]["commands"][0]
    json.dumps(found, allow_nan=False)


def test_a_network_that_takes_no_neutral_face_still_meets_that_baseline(small_release, tmp_path):
    found = evaluation.evaluate(train(small_release, tmp_path / "run", model=1), small_release, n_bootstrap=100)
    with_it = evaluation.evaluate(train(small_release, tmp_path / "run2", model=2), small_release, n_bootstrap=100)
    assert found["dimensions"]["decoder_norm_neutral"] is None
    for split in ("train", "test"):
        ours, theirs = (r["baselines"]["neutral_difference"][split]["all"]["value"] for r in (found, with_it))
        assert ours == pytest.approx(theirs, abs=0.005)  # float32 rounding may turn a near tie


def test_another_release_is_allowed_and_said(small_checkpoint, tmp_path):
    release = judged_faces(tmp_path / "release", n_subjects=5, per_stimulus=2, seed=9)
    found = evaluation.evaluate(small_checkpoint, release, n_bootstrap=100)
    assert not found["provenance"]["is_same_release"]
    assert "trained on another release" in wording.meaning_of_splits(found)


def test_a_release_without_landmarks_is_refused_with_the_reason(small_checkpoint, tmp_path):
    release = judged_faces(tmp_path / "release", n_subjects=3, per_stimulus=2, no_landmarks=True)
    with pytest.raises(NotComparable, match="no landmarks"):
        evaluation.evaluate(small_checkpoint, release)


def test_the_same_seed_gives_the_same_results(small_release, small_checkpoint, measured):
    again = evaluation.evaluate(small_checkpoint, read_release(small_release.path), n_bootstrap=200)
    assert json.loads(json.dumps(again)) == measured


def test_pretrained_weights_are_named_by_what_a_reader_can_find():
    network = {"kind": "image", "pretrained": "/var/lib/site/cache/base-age/checkpoint.safetensors"}
    about = {"recipe": "r", "config": {"network": network}, "changes": {"network.pretrained": network["pretrained"]}}
    line = provenance.commands(about, 100, 0, ("pca",))[0]
    assert "--set network.pretrained=WEIGHTS" in line and "/var" not in line
    assert provenance._without_places(about["config"])["network"]["pretrained"] == "base-age/checkpoint.safetensors"
    hub = {"network.pretrained": "hub:timm/vit"}
    assert "network.pretrained=hub:timm/vit" in provenance.commands(about | {"changes": hub}, 100, 0, ("pca",))[0]
    assert provenance._without_places({"network": {"pretrained": "hub:timm/vit"}}) == {
        "network": {"pretrained": "hub:timm/vit"}
    }
