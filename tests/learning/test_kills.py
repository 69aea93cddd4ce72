"""kill -9 at any moment, disks that fill up, memory that runs out: a run says what to do and loses nothing."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from learning import services
from learning.checkpoints import load_checkpoint
from learning.models import Run
from learning.services.archives import checkpoint_path
from learning.topological import TopologicalVaeLearner
from learning.training import train_release
from tests.learning.made import make_release, make_run
from tests.learning.releases import tiny_release
from tests.learning.test_training import tiny

ROOT = Path(__file__).resolve().parents[2]


def train_and_be_killed(release, config, out: Path, after_seconds: float) -> bool:
    """Train in a process of its own and kill it after a while; return whether it had ended before."""
    child = os.fork()
    if child == 0:
        try:
            train_release(release, config, seed=3, out=out)
        finally:
            os._exit(0)
    time.sleep(after_seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status)


@pytest.mark.skipif(sys.platform != "linux", reason="forks a process that has loaded torch")
@pytest.mark.parametrize("changes", [{}, {"ema": 0.9, "patience": 4, "triplet_term": "sampled"}])
def test_killed_at_random_moments_it_ends_to_the_byte_like_an_undisturbed_one(tmp_path, changes):
    release, config = tiny_release(), tiny(n_steps=120, save_every=0.02, **changes)
    started = time.monotonic()
    whole = train_release(release, config, seed=3, out=tmp_path / "whole")
    seconds = time.monotonic() - started
    moments = random.Random(f"{time.time()}")  # other moments each time: any must do
    n_killed = 0
    for _ in range(8):
        if train_and_be_killed(release, config, tmp_path / "cut", moments.uniform(0.02, 0.6) * seconds):
            break
        n_killed += 1
        for path in (tmp_path / "cut").glob("*.safetensors"):
            assert path.stat().st_size > 0  # never half a file under its own name
    assert n_killed >= 1
    cut = train_release(release, config, seed=3, out=tmp_path / "cut")
    assert cut.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert cut.metrics == whole.metrics and cut.curve == whole.curve


# A disk that fills up ----------------------------------------------------------------------------

ON_A_SMALL_DISK = """
import json, sys
from pathlib import Path
import django
django.setup()
from django.core.management import call_command
from learning import services, training
from learning.models import Run
from learning.services.archives import checkpoint_path
from tests.learning.made import make_release, make_run
call_command("migrate", verbosity=0)
folder = Path(sys.argv[1])
release = make_release(folder)
twin, run = make_run(release), make_run(release)
services.execute_run(twin.pk)
ballast = folder / "var" / "runs" / "ballast"

def fill():
    try:
        with open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
    except OSError:
        pass

def train(*given, on_progress, **named):
    def tell(progress):
        on_progress(progress)
        if progress.is_point and progress.step == 20:
            fill()
    return training.train_release(*given, on_progress=tell, **named)

services.execute_run(run.pk, train=train)
ballast.unlink(missing_ok=True)
failed = Run.objects.get(pk=run.pk)
told = {"status": failed.status, "message": failed.message}
told["kept"] = list(failed.checkpoints.values_list("step", flat=True))
services.resume_run(failed)
services.execute_run(run.pk)
after, twin = Run.objects.get(pk=run.pk), Run.objects.get(pk=twin.pk)
told |= {"after": after.status, "same": after.metrics == twin.metrics, "message_after": after.message,
         "same_file": after.checkpoints.first().sha256 == twin.checkpoints.first().sha256}
print(json.dumps(told))
"""


def on_small_disk(folder: Path) -> dict:
    (folder / "var" / "runs").mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"} | {
        "VAR_DIR": str(folder / "var"), "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    command = [sys.executable, "-c", ON_A_SMALL_DISK, str(folder)]
    mount = f"mount -t tmpfs -o size=300k tmpfs {folder / 'var' / 'runs'}"
    command = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def can_mount() -> bool:
    tried = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return bool(shutil.which("unshare")) and subprocess.run(tried, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs user namespaces, to mount a disk of 300 kB")
def test_a_full_disk_is_said_the_best_checkpoint_kept_and_the_run_goes_on_when_there_is_room(tmp_path):
    told = on_small_disk(tmp_path)
    assert told["status"] == "failed"
    assert "disk is full" in told["message"] and "Free some space, then resume" in told["message"]
    assert told["kept"] and told["kept"][0] <= 20
    assert told["after"] == "finished" and told["same"] and told["same_file"] and told["message_after"] == ""


# Memory and numbers ------------------------------------------------------------------------------


@pytest.fixture
def run(settings, tmp_path, db):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_run(make_release(tmp_path))


def breaking(monkeypatch, error, at=33):
    """Let a training's step end in what a device raises."""
    plain = TopologicalVaeLearner.loss

    def loss(self, step, generator):
        total, terms = plain(self, step, generator)
        if step < at:
            return total, terms
        if error is None:
            return total * float("nan"), terms | {"loss": terms["loss"] * float("nan")}
        raise error

    monkeypatch.setattr(TopologicalVaeLearner, "loss", loss)


CPU_ALLOCATOR = "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried 8 bytes."


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
         ["Memory ran out", "Tried to allocate 2.00 GiB", "smaller batch_size, or with device=cpu"]),
        (RuntimeError(CPU_ALLOCATOR), ["Memory ran out", "smaller batch_size"]),
        (None, ["no longer a finite number at step 34", "lower optimiser.learning_rate (now 0.003; try 0.001)"]),
    ],
)  # fmt: skip
def test_memory_that_runs_out_and_numbers_that_overflow_say_what_to_do(run, monkeypatch, error, words):
    with monkeypatch.context() as patched:
        breaking(patched, error)
        assert services.execute_run(run.pk) == "failed"
    run.refresh_from_db()
    for word in [*words, "The best checkpoint, of step 20, is kept."]:
        assert word in run.message
    kept = run.checkpoints.get()
    assert load_checkpoint(checkpoint_path(kept)).step == kept.step == 20
    services.resume_run(run)
    assert services.execute_run(run.pk) == "finished"
    twin = make_run(run.release)
    services.execute_run(twin.pk)
    metrics = [Run.objects.get(pk=one.pk).metrics for one in (run, twin)]
    assert metrics[0] == metrics[1]
