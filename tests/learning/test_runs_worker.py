"""The queue for real: a Celery worker on the broker without a server, killed in the middle of a training."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREPARE = """
import pathlib, sys
import django
django.setup()
from tests.learning.made import make_release
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
make_release(folder)
"""


class Site:
    """A folder with its own database, broker and files, driven by processes as `manage.py start` does."""

    def __init__(self, folder: Path):
        self.folder = folder
        kept = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "BROKER_URL")}
        self.environment = kept | {
            "VAR_DIR": str(folder / "var"), "RUN_LEASE_SECONDS": "2", "DJANGO_SETTINGS_MODULE": "config.settings",
            "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.workers = []

    def python(self, *arguments) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_worker(self) -> subprocess.Popen:
        with open(self.folder / f"worker{len(self.workers)}.log", "w") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", "-B", "-Q", "gpu,evaluation,default",
                 "--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "INFO"],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def kill(self, worker) -> None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def train(self, *changes) -> int:
        sets = [part for change in changes for part in ("--set", change)]
        out = self.python("manage.py", "train", "topological-vae", "--release", "smiles-v1", "--json", *sets)
        state = json.loads(out.splitlines()[-1])
        assert state["status"] == "queued"
        return state["run"]

    def read(self, run) -> dict:
        """Read the rows from beside, without the cost of starting Django."""
        with closing(sqlite3.connect(self.folder / "var" / "semblance.sqlite3", timeout=20)) as database:
            database.row_factory = sqlite3.Row
            state = dict(database.execute("SELECT * FROM learning_run WHERE id = ?", [run]).fetchone())
            for table, columns in (("runpoint", "step, metrics"), ("checkpoint", "step, sha256")):
                rows = database.execute(f"SELECT {columns} FROM learning_{table} WHERE run_id = ? ORDER BY step", [run])
                state[table] = [tuple(row) for row in rows]
        return state

    def wait(self, run, until, seconds=60) -> dict:
        deadline = time.monotonic() + seconds
        while not until(state := self.read(run)):
            assert time.monotonic() < deadline, (state, self.logs())
            time.sleep(0.2)
        return state

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    site.python("manage.py", "migrate", "-v0")
    site.python("-c", PREPARE, str(site.folder / "made"))
    yield site
    for worker in site.workers:
        if worker.poll() is None:
            site.kill(worker)


def is_over(state):
    return state["status"] in ("finished", "failed", "stopped")


def test_a_killed_workers_run_goes_on_and_ends_like_an_undisturbed_one(site):
    settings = ("n_steps=1500", "validate_every=100", "save_every=0.2", "encoder=16", "decoder=16", "n_latent=4")
    disturbed = site.train(*settings)  # queued while no worker runs
    first = site.start_worker()
    site.wait(disturbed, lambda state: state["step"] > 200)
    site.kill(first)
    killed_at = site.read(disturbed)
    assert killed_at["status"] == "running"
    undisturbed = site.train(*settings)

    second = site.start_worker()
    ended = site.wait(disturbed, is_over)
    twin = site.wait(undisturbed, is_over)
    assert (ended["status"], ended["n_attempts"]) == ("finished", 2), ended["message"]
    assert (twin["status"], twin["n_attempts"]) == ("finished", 1)
    assert killed_at["step"] < ended["step"] == 1500
    assert ended["metrics"] == twin["metrics"]
    assert ended["runpoint"] == twin["runpoint"]
    assert ended["checkpoint"] == twin["checkpoint"]  # to the byte

    # A worker that is asked to end gives its run back and does not wait for the training to end.
    long = site.train("n_steps=1000000", "save_every=0.2", "encoder=16", "decoder=16", "n_latent=4")
    site.wait(long, lambda state: state["step"] > 0)
    second.terminate()
    second.wait(timeout=20)
    given_back = site.read(long)
    assert given_back["status"] == "queued"
    site.start_worker()
    site.wait(long, lambda state: state["n_attempts"] == 2 and state["step"] > given_back["step"])
