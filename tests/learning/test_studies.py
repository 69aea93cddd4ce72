"""Whole studies on generated pictures of the right form, narrow and small."""

import json
import re

import numpy as np
import pytest
import torch

from learning import studies
from learning.__main__ import main
from learning.checkpoints import load_checkpoint
from learning.predictions import predict
from learning.recipes import RECIPES
from learning.study_results import PartResult, StudyResults, StudyUnreadable, read_study
from tests.learning.picture_releases import picture_release

FEW = ["epochs=1", "device=cpu", "batch_size=32", "save_every=1000"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a release whose attributes are those that the LRP study rated; age and sex describe the people."""
    target = tmp_path_factory.mktemp("release") / "bars"
    picture_release(target, rated=("attractive", "happiness", "confident", "smart"))
    return target


def run(folder, out, study, *changes, second=None):
    also = ["--second", str(second)] if second else []
    assert main([str(folder), "--recipe", study, "--out", str(out), *also, "--set", *changes, *FEW]) == 0
    return json.loads((out / "study.json").read_text())


def studies_read(out, table):
    found = read_study(out)
    return [found.part(name) for name in found.tables[table]]


def test_sixteen_networks_start_from_two_bases(folder, tmp_path, capsys):
    found = run(folder, tmp_path, "lrp-attributes", "size=44", "width=0.05")
    parts = {part["name"]: part for part in found["parts"]}
    assert len(parts) == 18 and {part["status"] for part in parts.values()} == {"finished"}
    networks = found["tables"]["Mean absolute error (table 1)"]
    assert len(networks) == 16 and all(parts[name]["metrics"]["mae_test"] > 0 for name in networks)
    base = load_checkpoint(tmp_path / parts["base-gender"]["checkpoint"]).network.body.state_dict()
    dense = load_checkpoint(tmp_path / parts["gender-dense-happiness"]["checkpoint"]).network.body.state_dict()
    full = load_checkpoint(tmp_path / parts["gender-full-happiness"]["checkpoint"]).network.body.state_dict()
    assert torch.equal(dense["convolved.0.weight"], base["convolved.0.weight"])
    assert not torch.equal(dense["dense.1.weight"], base["dense.1.weight"])
    assert not torch.equal(full["convolved.0.weight"], base["convolved.0.weight"])
    preprocessing = load_checkpoint(tmp_path / parts["age-full-intelligence"]["checkpoint"]).preprocessing
    assert preprocessing.outputs == ("smart",) and (preprocessing.offset, preprocessing.scale) == (1, 8)
    # Run again, nothing is trained again.
    seconds = [part["seconds"] for part in found["parts"]]
    assert [
        part["seconds"] for part in run(folder, tmp_path, "lrp-attributes", "size=44", "width=0.05")["parts"]
    ] == seconds
    assert "age-dense-happiness: test error" in capsys.readouterr().out


def test_feed_forward_and_convolutional(folder, tmp_path, capsys):
    found = run(folder, tmp_path, "fer2013-networks", "size=16", "hidden=16")
    parts = {part["name"]: part for part in found["parts"]}
    assert set(parts) == {"feed-forward", "cnn", "feed-forward-sound", "cnn-sound", "overfit-50", "cifar-10"}
    assert parts["cifar-10"]["status"] == "left out" and "--second RELEASE" in parts["cifar-10"]["message"]
    table = parts["cnn"]["metrics"]["classes_test"]
    assert np.sum(table["confusion"]) == 12 and set(table) >= {"recall", "precision", "f1_by_class"}
    said = capsys.readouterr().out
    collapsed = [name for name, part in parts.items() if "warning" in part["metrics"]]
    assert said.count("WARNING: The network has collapsed") == len(collapsed)
    assert "learnt by heart: " in parts["overfit-50"]["metrics"]["overfit"].replace("NOT ", "")


def test_the_vit_the_resnet_and_every_ablation(folder, tmp_path):
    found = run(folder, tmp_path, "vit-vs-resnet", "size=32", "width=0.05")
    names = [part["name"] for part in found["parts"]]
    assert len(names) == 15 and {part["status"] for part in found["parts"]} == {"finished"}
    assert {name for table in found["tables"].values() for name in table} == set(names)
    assert len(found["tables"]["Optimisers and rates (table 9)"]) == 9
    assert [part.labels["epochs"] for part in studies_read(tmp_path, "Epochs (table 8)")] == ["2", "3", "4", "5"]
    rates = {RECIPES[f"vit-vs-resnet/{name}"].config.optimiser.learning_rate for name in names}
    assert rates == {1e-2, 1e-3, 1e-5, 2e-5, 3e-5}


def test_vgg16_on_all_attributes(folder, tmp_path, capsys):
    metrics = run(folder, tmp_path, "vgg16-attributes", "size=32", "width=0.05")["parts"][0]["metrics"]
    assert "vgg16-attributes: test error" in capsys.readouterr().out
    assert set(metrics["attributes_test"]) == {"age", "attractive", "happiness", "confident", "smart"}
    assert {"r2", "pearson", "mae", "r2_ceiling"} <= set(metrics["attributes_test"]["smart"])


def test_what_cannot_be_trained_is_left_out_with_the_reason(tmp_path, capsys):
    folder = tmp_path / "release"
    picture_release(folder, rated=("happy",))
    found = run(folder, tmp_path / "out", "lrp-attributes", "size=44", "width=0.05")
    parts = {part["name"]: part for part in found["parts"]}
    assert parts["age-full-happiness"]["status"] == "finished"
    assert parts["age-full-confidence"]["status"] == "left out"
    assert "no attribute 'confident or confidence'" in parts["age-full-confidence"]["message"]
    assert "age-full-confidence: left out" in capsys.readouterr().out


def test_a_study_stops_and_goes_on(folder, tmp_path):
    from triplets.archive import read_release

    changes = {"size": "16", "hidden": "16", "epochs": "2", "device": "cpu"}
    study, release = studies.STUDIES["fer2013-networks"], read_release(folder)
    asked = iter([False] * 10)
    stopped = studies.run_study(
        release, study, changes=changes, out=tmp_path, should_stop=lambda: next(asked, True)
    ).parts
    assert stopped[-1].status == "stopped" and len(stopped) < len(study.parts)
    whole = studies.run_study(release, study, changes=changes, out=tmp_path).parts
    assert [part.status for part in whole] == ["finished"] * 5 + ["left out"]
    undisturbed = studies.run_study(release, study, changes=changes, out=tmp_path / "undisturbed").parts
    assert [part.metrics for part in whole] == [part.metrics for part in undisturbed]


def test_a_study_on_a_release_without_pictures_says_so(tmp_path, capsys):
    from tests.learning import releases
    from triplets import archive

    it = releases.tiny_release(n_train=8)
    archive.write_release(
        tmp_path / "release", study={"name": "tiny"}, collection={"name": "tiny", "landmark_scheme": ""}, settings={},
        stimuli=it.stimuli, landmarks=it.landmarks, triplets=it.triplets, ratings=it.ratings, responses=[],
    )  # fmt: skip
    assert main([str(tmp_path / "release"), "--recipe", "vit-vs-resnet", "--out", str(tmp_path / "out")]) == 1
    assert "holds no pictures" in capsys.readouterr().err


# The second collection ----------------------------------------------------------------------------


def test_networks_are_measured_on_a_second_collection_class_by_class_and_group_by_group(folder, tmp_path, capsys):
    second = tmp_path / "second"
    there = picture_release(second, seed=5, n_subjects=6, with_split=False, collection="other bars")
    out = tmp_path / "out"
    run(folder, out, "vit-vs-resnet", "size=32", "width=0.05", second=second)
    found = read_study(out)
    assert found.second_sha256 == there.sha256
    assert [part.name for part in found.parts if part.second] == ["vit", "resnet50", "vit-adam-3e-5"]
    vit = found.part("vit")
    inside, outside = vit.second["test"], vit.second["second"]
    assert inside["accuracy"] == pytest.approx(vit.metrics["accuracy_test"]) and inside["n"] == 12
    assert inside["classes"]["confusion"] == vit.metrics["classes_test"]["confusion"]
    assert outside["n"] == 36 and outside["n_unknown"] == 0
    # By hand: what the network says about every picture of the second collection.
    said = predict(load_checkpoint(found.checkpoint(vit)), there)
    is_right = np.array(said.names)[said.value.argmax(axis=1)] == there.stimuli.class_label
    assert outside["accuracy"] == pytest.approx(is_right.mean())
    for sex in ("female", "male"):
        here = there.stimuli.extra["sex"] == sex
        assert outside["groups"]["sex"][sex]["accuracy"] == pytest.approx(is_right[here].mean())
    sad = there.stimuli.class_label == "sad"
    assert outside["classes"]["recall"][2] == pytest.approx(is_right[sad].mean())
    assert "second collection: accuracy" in capsys.readouterr().out


def test_the_check_on_cifar_10_is_trained_on_the_second_collection(folder, tmp_path):
    second = tmp_path / "second"
    there = picture_release(second, seed=5, n_subjects=6)
    run(folder, tmp_path / "out", "fer2013-networks", "size=16", "hidden=16", second=second)
    part = read_study(tmp_path / "out").part("cifar-10")
    assert part.status == "finished"
    assert load_checkpoint(tmp_path / "out" / part.checkpoint).release_sha256 == there.sha256


def test_a_second_collection_nobody_needs_is_refused(folder, tmp_path, capsys):
    for name in ("vgg16-attributes", "picture-classes"):
        assert main([str(folder), "--recipe", name, "--out", str(tmp_path), "--second", str(folder)]) == 1
        assert "second" in capsys.readouterr().err


# What is left behind ------------------------------------------------------------------------------


def test_a_study_is_read_back_with_settings_labels_and_curves(folder, tmp_path):
    run(folder, tmp_path, "lrp-attributes", "size=44", "width=0.05")
    found = read_study(tmp_path)
    part = found.part("gender-dense-happiness")
    assert part.labels == {"base": "gender", "trained": "dense", "attribute": "happiness"}
    assert part.starts_from == "base-gender" and part.changes["size"] == "44"
    assert part.changes["network.pretrained"].endswith("base-gender/checkpoint.safetensors")
    assert part.curve[-1]["step"] == part.metrics["n_steps_done"] and "validation_mae" in part.curve[-1]
    assert load_checkpoint(found.checkpoint(part)).recipe == "lrp-attributes/gender-dense-happiness"
    assert found.part("nobody") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "cannot be read"), ("{", "is not JSON"), ('{"format": 7}', "has format 7"), ("[]", "format []")],
)
def test_what_is_no_study_is_said(tmp_path, text, said):
    if text is not None:
        (tmp_path / "study.json").write_text(text)
    with pytest.raises(StudyUnreadable, match=re.escape(said)):
        read_study(tmp_path)


def test_a_network_that_was_left_out_has_no_checkpoint(tmp_path):
    found = StudyResults(tmp_path, "s", "", "", "", 0, {}, {}, (PartResult("a", "r", "left out", "no data"),))
    with pytest.raises(ValueError, match="no data"):
        found.checkpoint(found.parts[0])
