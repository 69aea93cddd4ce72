"""Several processes train one network as one process would: torch's own launcher, two processes of the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from learning import distribution
from learning.__main__ import main
from learning.checkpoints import load_checkpoint
from learning.distribution import ALONE, ProcessesUnusable, Share
from tests.learning import releases, shared_training
from tests.learning.test_main import SMALL
from triplets import archive

ROOT = Path(__file__).resolve().parents[2]
SAME = ("shared", "separate", "pictures", "ordinal-embedding", "annotator-embedding")


def launch(*arguments, n=2) -> subprocess.CompletedProcess:
    """Start n processes with torch's launcher on this machine, on a port that is free."""
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), *arguments],
        cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=400,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return the figures of one process, those of each of two, and the folders of both."""
    folder = tmp_path_factory.mktemp("shared")
    shared_training.prepare(folder)
    done = launch("-m", "tests.learning.shared_training", str(folder), str(folder / "two"))
    assert done.returncode == 0, done.stderr[-3000:]
    one = shared_training.figures(folder, folder / "one", ALONE)
    two = [json.loads((folder / f"figures-{rank}.json").read_text()) for rank in (0, 1)]
    return one, two, folder


@pytest.fixture
def small_release(tmp_path):
    it = releases.tiny_release(n_train=40)
    archive.write_release(
        tmp_path / "tiny", study={"name": "tiny"}, collection={"name": "tiny", "landmark_scheme": ""}, settings={},
        stimuli=it.stimuli, landmarks=it.landmarks, triplets=it.triplets, ratings=it.ratings, responses=[],
    )  # fmt: skip
    return tmp_path / "tiny"


def numbers(value) -> dict:
    """Return every number in nested figures by its path."""
    if isinstance(value, dict):
        return {f"{key}.{path}": n for key, part in value.items() for path, n in numbers(part).items()}
    if isinstance(value, list):
        return {f"{key}.{path}": n for key, part in enumerate(value) for path, n in numbers(part).items()}
    return {"": value} if isinstance(value, int | float) else {}


@pytest.mark.parametrize("name", SAME)
def test_two_processes_end_like_one(trained, name):
    one, (two, _), folder = trained
    for part in ("metrics", "curve"):
        expected, found = numbers(json.loads(json.dumps(one[name][part]))), numbers(two[name][part])
        assert expected and expected.keys() == found.keys()
        np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=2e-3, atol=2e-4)
    first, second = (load_checkpoint(folder / n / name / "checkpoint.safetensors") for n in ("one", "two"))
    assert first.step == second.step
    for key, weight in first.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[key], weight, rtol=2e-3, atol=2e-4)


def test_with_dropout_they_end_as_well(trained):
    one, (two, _), _ = trained
    expected, found = (figures["dropout"]["metrics"] for figures in (one, two))
    assert found["validation_elbo"] == pytest.approx(expected["validation_elbo"], rel=0.1)
    assert found["satisfied_test"] == pytest.approx(expected["satisfied_test"], abs=0.08)


def test_all_processes_hear_what_the_first_decides(trained):
    _, (first, second), folder = trained
    assert first == second
    assert 3 <= first["stopped"]["steps"] <= 7  # asked the fourth time: after 1 + 2 + 4 steps, or 3 slow ones
    expected, found = numbers(first["shared"]), numbers(first["resumed"])
    assert all(found[path] == pytest.approx(expected[path], rel=1e-3, abs=1e-4) for path in found)
    assert "no longer a finite number" in first["diverged"]
    assert sorted(p.name for p in (folder / "two" / "shared").iterdir()) == [
        "checkpoint.safetensors",
        "resume.safetensors",
    ]


def test_the_command_line_trains_by_torchs_launcher(small_release, tmp_path):
    command = ["-m", "learning", str(small_release), "--out", str(tmp_path / "two"), *SMALL]
    command += ["--set", "dropout_keep=1", "--json"]
    done = launch(*command)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1  # one process speaks
    two = json.loads(lines[0])
    assert main([*command[2:4], str(tmp_path / "one"), *command[5:]]) == 0
    one = load_checkpoint(tmp_path / "one" / "checkpoint.safetensors").metrics
    assert two["metrics"]["validation_elbo"] == pytest.approx(one["validation_elbo"], rel=1e-3)
    assert two["steps"] == 20


def test_what_cannot_be_shared_is_said(monkeypatch, small_release, tmp_path, capsys):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = "'cuda:1' with 2 processes: expected auto, cpu or cuda"
    with pytest.raises(ProcessesUnusable, match=said), distribution.joined("cuda:1"):
        pass
    for several in (["--recipe", "vit-vs-resnet"], ["--search"], ["--seeds", "2"], ["--folds", "2"]):
        assert main([str(small_release), "--out", str(tmp_path / "none"), *several]) == 1
        said = capsys.readouterr().err
        assert "torchrun shares the training of one network" in said
        assert f"such as {'vit-vs-resnet/' if several[0] == '--recipe' else 'topological-vae'}" in said
    assert not (tmp_path / "none").exists()


def test_rows_are_divided_without_remainder():
    for n in (2, 7, 8, 100):
        for size in (2, 3, 5):
            rows = [Share(rank, size).rows(n) for rank in range(size)]
            assert [i for part in rows for i in range(n)[part]] == list(range(n))
            lengths = [part.stop - part.start for part in rows]
            assert max(lengths) - min(lengths) <= 1
    assert ALONE.mapped(lambda x: x + 1, torch.ones(3)).tolist() == [2, 2, 2]


@pytest.mark.parametrize(("seconds", "n_asked"), [(1e-4, 40), (0.02, 120), (1.0, 2_000)])
def test_the_first_process_is_asked_twice_a_second_not_at_every_step(monkeypatch, seconds, n_asked):
    class Told(Share):
        def told(self, function):
            asked.append(clock[0])
            return function()

    clock, asked, wanted_at = [0.0], [], 2_000 * seconds
    monkeypatch.setattr(distribution.time, "monotonic", lambda: clock[0])
    is_over = distribution.Stopping(Told(0, 2), lambda: clock[0] >= wanted_at)
    while not is_over():
        clock[0] += seconds
    assert clock[0] - wanted_at < 1.5 + seconds and len(asked) <= n_asked + 1
    assert not distribution.Stopping(ALONE, None)() and distribution.Stopping(ALONE, lambda: True)()


def test_each_process_takes_the_gpu_of_its_number(monkeypatch):
    """As far as it can be seen without a GPU: which backend, which device, and that the group is left at the end."""
    called = []
    for name, value in (("RANK", "3"), ("LOCAL_RANK", "1"), ("WORLD_SIZE", "4")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: called.append(device))
    group = distribution.dist
    monkeypatch.setattr(group, "init_process_group", lambda backend, timeout: called.append(backend))
    monkeypatch.setattr(group, "barrier", lambda: called.append("together"))
    monkeypatch.setattr(group, "destroy_process_group", lambda: called.append("left"))
    monkeypatch.setattr(group, "get_rank", lambda: 3)
    monkeypatch.setattr(group, "get_world_size", lambda: 4)
    with distribution.joined("auto") as (share, device):
        assert (share.rank, share.size, device) == (3, 4, "cuda:1")
    assert called == ["cuda:1", "nccl", "together", "left"]
    with distribution.joined("cpu") as (_, device):
        assert device == "cpu"
    assert called[4:] == ["gloo", "together", "left"]
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ProcessesUnusable, match=r"process 2 .*at most 2"), distribution.joined("cuda"):
        pass
