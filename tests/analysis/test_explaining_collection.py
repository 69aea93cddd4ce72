"""Whole collections: killed and taken up again, networks side by side, and plans that are not mixed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.__main__ import main
from analysis.explaining import asked as asking
from analysis.explaining import collection, methods, side_by_side
from analysis.explaining.faces import Faces
from analysis.explaining.memory import AtOnce
from bench.kernels import Kernels
from learning.checkpoints import load_checkpoint
from tests.analysis.picture_checkpoints import picture_checkpoint
from tests.analysis.releases import judged_faces
from tests.analysis.test_pages import Page

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprised")
QUICK = ("gradcam", "occlusion")


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return judged_faces(tmp_path_factory.mktemp("faces") / "release", n_subjects=4, pictures="plain")


@pytest.fixture(scope="module")
def checkpoints(release, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    made = []
    for seed, name in enumerate(("age-full", "age-dense")):
        (folder / name).mkdir()
        path = folder / name / "checkpoint.safetensors"
        made.append(picture_checkpoint(path, release, "class", CLASSES, seed=seed))
    return made


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_killed_pass_goes_on_and_ends_the_same(release, checkpoints, tmp_path):
    whole = tmp_path / "whole"
    arguments = ["explain", str(checkpoints[0]), str(release.path), "--methods", ",".join(QUICK), "--batch", "1",
                 "--only", "happy,sad"]  # fmt: skip
    killed = tmp_path / "killed"
    command = [sys.executable, "-m", "analysis", *arguments, "--out", str(killed)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    parts = killed / "age-full" / "parts"
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline and len(list(parts.glob("[0-9]*.npz"))) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = len(list(parts.glob("[0-9]*.npz")))
    assert 3 <= left < 32 and not (killed / "explanations.html").exists()  # killed on the way, not after the end
    before = {path.name: path.stat().st_mtime_ns for path in parts.glob("[0-9]*.npz")}
    # A part that a disk has cut short is made again.
    damaged = sorted(parts.glob("[0-9]*.npz"))[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert main([*arguments, "--out", str(killed)]) == 0
    assert main([*arguments, "--out", str(whole)]) == 0
    again = {path.name: path.stat().st_mtime_ns for path in parts.glob("[0-9]*.npz")}
    assert len(again) == 32
    assert {name for name in before if before[name] != again[name]} == {damaged.name}  # nothing else was made twice
    assert {name: content for name, content in files(killed).items() if ".part" not in name} == files(whole)


@pytest.fixture(scope="module")
def explained(release, checkpoints, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    names = ("gradcam", "lrp-alpha-2-beta-1", "occlusion")
    arguments = [*map(str, checkpoints), str(release.path), "--out", str(out), "--methods", ",".join(names)]
    assert main(["explain", *arguments, "--batch", "64"]) == 0
    return out


def test_networks_stand_side_by_side_on_the_same_pictures(explained):
    html = (explained / "explanations.html").read_text()
    page = Page(html)
    assert not page.handlers and not [a for a in page.addresses if not a.startswith(("data:", "#"))]
    for words in ("age-full", "age-dense", "loss, validation", "Do they look at the same?", "Grad-CAM", "Occlusion"):
        assert words in html
    assert html.count('class="drawn"') == 2  # loss and validation loss, a line a network


def test_every_picture_has_its_row_and_every_group_its_average(explained, release):
    with open(explained / "age-full" / "explanations.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["key"] for row in rows] == list(map(str, release.stimuli.key))
    shares = np.array([[float(row[f"lrp-alpha-2-beta-1: {part}"]) for part in ("mouth", "nose")] for row in rows])
    assert (shares > 0).all() and (shares.sum(axis=1) < 1).all()
    with np.load(explained / "age-full" / "averages.npz") as arrays:
        assert {"happy/picture", "happy/gradcam", "sad/lrp-alpha-2-beta-1"} <= set(arrays.files)
        assert arrays["happy/picture"].shape == (32, 32, 3)


def test_another_plan_is_refused_and_nothing_is_overwritten(explained, release, checkpoints, capsys):
    before = files(explained)
    same = ["explain", str(checkpoints[0]), str(release.path), "--out", str(explained)]
    assert main([*same, "--methods", "gradcam", "--batch", "64"]) == 1
    error = capsys.readouterr().err
    assert "another left_out and methods" in error or "another methods" in error
    assert files(explained) == before


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["--methods", "lime"], "--methods names 'lime'"),
        (["--only", "puzzled"], "--only names 'puzzled'"),
        (["--batch", "0"], "batch is 0"),
    ],
)
def test_bad_input_is_one_sentence(release, checkpoints, tmp_path, capsys, changes, says):
    arguments = ["explain", str(checkpoints[0]), str(release.path), "--out", str(tmp_path / "out"), *changes]
    assert main(arguments) == 1
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_network_of_landmarks_is_sent_to_its_report(small_checkpoint, small_release, tmp_path, capsys):
    assert main(["explain", str(small_checkpoint), str(small_release.path), "--out", str(tmp_path / "out")]) == 1
    assert "expected one of pictures" in capsys.readouterr().err


def test_the_same_network_twice_looks_at_the_same(release, checkpoints, tmp_path):
    made = {
        name: collection.explain_collection(checkpoints[0], release, tmp_path / name, wanted=("gradcam",), batch=50)
        for name in ("one", "other")
    }
    found, drawn = side_by_side.compared(made)
    assert np.array(found["alike"][0]["table"]) == pytest.approx(np.ones((2, 2)))
    assert json.dumps(found["examples"][0]["rows"][0]["maps"]) and set(found["groups"]) == set(CLASSES)
    assert found["networks"][0]["right"]["n"] == 100 and len(drawn) > 20


def made(checkpoint, release, out, **how):
    """Return the arrays of all parts of a pass that explains by Grad-CAM and occlusion."""
    found = collection.explain_collection(checkpoint, release, out, wanted=QUICK, only=("happy",), **how)
    return [arrays for _, arrays in found.parts()]


def test_where_memory_runs_out_fewer_pictures_are_explained_at_once(release, checkpoints, tmp_path, monkeypatch):
    whole, seen = made(checkpoints[0], release, tmp_path / "whole", batch=16), []
    plain = methods.gradcam

    def scarce(network, x, direction, **how):
        seen.append(len(x))
        if len(x) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return plain(network, x, direction, **how)

    monkeypatch.setattr(methods, "gradcam", scarce)
    pieces = made(checkpoints[0], release, tmp_path / "pieces", batch=16)
    assert seen[:6] == [16, 8, 4, 4, 4, 4]  # and from then on four
    for one, other in zip(whole, pieces, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            if name != "parts":
                np.testing.assert_allclose(other[name], one[name], rtol=2e-2, atol=2e-3)


def test_a_picture_that_is_too_much_alone_is_said(release, checkpoints, tmp_path, monkeypatch, capsys):
    def full(*args, **how):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB\nMore on many lines")

    monkeypatch.setattr(methods, "gradcam", full)
    arguments = [str(checkpoints[0]), str(release.path), "--out", str(tmp_path / "out"), "--methods", "gradcam"]
    assert main(["explain", *arguments]) == 1
    assert "runs out with a single picture: choose --device cpu" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["gradcam", "lrp-alpha-2-beta-1", "integrated-gradients", "occlusion"])
def test_no_picture_is_told_to_the_device_alone(release, checkpoints, method):
    """As many operations for twelve pictures as for four: nothing is copied, waited for or computed one by one."""
    faces = Faces(load_checkpoint(checkpoints[0]), release, "cpu")
    asked, _ = asking.ask(load_checkpoint(checkpoints[0]), release, faces.pictures, faces.outputs, is_whole=True)
    usable, _ = methods.usable(faces.network, has_neutral=True, has_regions=True, n_steps=1, wanted=(method,))
    counts = []
    for n in (4, 12):
        part = asked.where(np.flatnonzero(asked.group != "neutral")[:n])
        with Kernels() as found:
            arrays = collection._explained(faces, usable, part, AtOnce(64))
        assert len(arrays[f"map-{method}"]) == n and "change" in arrays
        counts.append(found.counts)
    assert counts[0] == counts[1] and counts[0].total() > 10


def test_maps_of_different_sizes_are_compared_where_they_show_the_same_cut():
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.random((3, 16, 16)))
    large = small.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    first, second = side_by_side._of_one_size(small, large)
    assert torch.equal(first, small) and torch.allclose(second, small)
