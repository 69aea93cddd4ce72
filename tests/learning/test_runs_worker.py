"""The queue for real: a Celery worker on the broker without a server, killed in the middle of a training."""

import json
import time
from itertools import pairwise

import pytest

from tests.working_site import Site

PREPARE = """
import pathlib, sys
import django
django.setup()
from tests.learning.made import make_release
folder = pathlib.Path(sys.argv[1])
folder.mkdir()
make_release(folder)
"""


PREPARE_PICTURES = """
import pathlib, sys
import django
django.setup()
from tests.learning.made import stored
from tests.learning.picture_releases import picture_release
folder = pathlib.Path(sys.argv[1])
picture_release(folder / "release")
stored(folder, name="bars-v1", collection="bars")
"""


class TrainingSite(Site):
    def train(self, *changes, recipe="topological-vae", release="smiles-v1") -> int:
        sets = [part for change in changes for part in ("--set", change)]
        out = self.python("manage.py", "train", recipe, "--release", release, "--json", *sets)
        state = json.loads(out.splitlines()[-1])
        assert state["status"] == "queued"
        return state["run"]

    def read(self, run) -> dict:
        (state,) = self.rows("SELECT * FROM learning_run WHERE id = ?", run)
        for table, columns in (("runpoint", "step, metrics"), ("checkpoint", "step, sha256")):
            rows = self.rows(f"SELECT {columns} FROM learning_{table} WHERE run_id = ? ORDER BY step", run)
            state[table] = [tuple(row.values()) for row in rows]
        return state

    def wait(self, run, until, seconds=60) -> dict:
        deadline = time.monotonic() + seconds
        while not until(state := self.read(run)):
            assert time.monotonic() < deadline, (state, self.logs())
            time.sleep(0.2)
        return state


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = TrainingSite(tmp_path_factory.mktemp("site"))
    site.python("manage.py", "migrate", "-v0")
    site.python("-c", PREPARE, str(site.folder / "made"))
    yield site
    for worker in site.workers:
        if worker.poll() is None:
            site.kill(worker)


def test_what_is_solved_without_a_step_is_evaluated_by_the_worker_too(site):
    """`picture-attributes-ridge`: no progress is told while it is solved, so that the second thread says it lives."""
    site.environment |= {"EXPLAIN_TERAFLOPS": "0", "PROJECTIONS": "pca"}
    site.python("-c", PREPARE_PICTURES, str(site.folder / "pictures"))
    settings = ("size=24", "channels=1", "crop=whole", "attributes=height")
    run = site.train(*settings, recipe="picture-attributes-ridge", release="bars-v1")
    worker = site.start_worker()
    assert site.wait(run, is_over)["status"] == "finished"
    deadline = time.monotonic() + 120
    while not (found := site.rows("SELECT status, message, results FROM analysis_evaluation WHERE finished_at > ''")):
        assert time.monotonic() < deadline, site.logs()
        time.sleep(0.2)
    worker.terminate()
    worker.wait(timeout=60)
    (evaluation,) = found
    assert (evaluation["status"], evaluation["message"]) == ("finished", ""), evaluation["message"]
    answers = json.loads(evaluation["results"])["answers"]
    assert list(answers["by_split"]["test"]["attributes"]) == ["height"]
    assert "database is locked" not in site.logs()


def test_two_workers_share_the_trials_of_a_search(site):
    settings = ("n_steps=600", "validate_every=100", "encoder=16", "decoder=16", "n_latent=4")
    sets = [part for change in settings for part in ("--set", change)]
    out = site.python(
        "manage.py", "search", "topological-vae", "learning_rate=1e-3..1e-1", "--release", "smiles-v1",
        "--rounds", "2", "--trials", "4", "--json", *sets,
    )  # fmt: skip
    search = json.loads(out.splitlines()[-1])["search"]
    workers = [site.start_worker(schedules=schedules) for schedules in (True, False)]
    deadline, seen = time.monotonic() + 120, set()
    while (found := site.rows("SELECT * FROM learning_search WHERE id = ?", search)[0])["status"] == "open":
        seen |= {run["worker"] for run in site.rows("SELECT worker FROM learning_run WHERE search_id = ?", search)}
        assert time.monotonic() < deadline, site.logs()
        time.sleep(0.1)
    assert found["status"] == "finished" and found["best_id"]
    assert len(seen - {""}) == 2, seen
    runs = site.rows("SELECT * FROM learning_run WHERE search_id = ? ORDER BY started_at", search)
    assert [run["search_round"] for run in runs] == [1] * 4 + [2] * 4
    assert {(run["status"], run["n_attempts"]) for run in runs} == {("finished", 1)}
    assert any(one["finished_at"] > other["started_at"] for one, other in pairwise(runs))  # side by side
    assert max(run["finished_at"] for run in runs[:4]) <= runs[4]["started_at"]  # a round waits for the one before
    for worker in workers:
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
