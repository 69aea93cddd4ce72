"""A run from the queue to its checkpoint, with a trainer whose behaviour the test decides."""

import errno
import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery.signals import worker_shutting_down
from django.db import OperationalError
from django.utils import timezone

from learning import selectors, services, tasks
from learning.config import ConfigInvalid
from learning.models import Run
from learning.recipes import RecipeUnknown
from learning.services import execution
from learning.services.archives import checkpoint_path, open_release
from learning.services.runs import MAX_LOSSES, RunIsOpen, RunIsOver
from tests.learning.made import FakeTrainer, make_release, make_run
from triplets.archive import ReleaseDamaged
from triplets.services import leases

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def beats_always(monkeypatch):
    monkeypatch.setattr(execution, "HEARTBEAT_SECONDS", 0)


@pytest.fixture
def var(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return settings.VAR_DIR


@pytest.fixture
def release(var, tmp_path):
    return make_release(tmp_path)


@pytest.fixture
def run(release):
    return make_run(release)


def silence(run, seconds=3600):
    """Let a worker have been silent for so long."""
    Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))


def test_a_run_is_queued_with_the_whole_configuration(release, rita):
    run = services.create_run(release, "topological-vae", {"n_steps": 70}, seed=3, created_by=rita)
    assert (run.status, run.seed, run.created_by) == ("queued", 3, rita)
    assert run.changes == {"n_steps": "70"}
    assert run.config["training"]["n_steps"] == 70
    assert run.config["optimiser"]["learning_rate"] > 0


def test_what_no_recipe_and_no_setting_is_makes_no_run(release):
    with pytest.raises(RecipeUnknown, match="'magic'"):
        services.create_run(release, "magic")
    with pytest.raises(ConfigInvalid, match="'many'"):
        services.create_run(release, "topological-vae", {"n_steps": "many"})
    assert not Run.objects.exists()


def test_a_run_trains_to_its_checkpoint(run, release, var):
    trainer = FakeTrainer(curve=[{"step": 2, "loss": 0.5}, {"step": 4, "loss": 0.25}])
    assert services.execute_run(run.pk, worker="w1", train=trainer) == "finished"
    run.refresh_from_db()
    assert (run.status, run.step, run.n_steps, run.n_attempts) == ("finished", 5, 5, 1)
    assert (run.lease_token, run.worker, run.seconds_left) == ("", "", None)
    assert run.metrics["satisfied_test"] == 0.7
    assert run.started_at <= run.finished_at
    assert [(p.step, p.metrics["loss"]) for p in run.points.all()] == [(2, 0.5), (4, 0.25)]
    checkpoint = run.checkpoints.get()
    assert (checkpoint.step, checkpoint.code_version) == (5, "test")
    path = checkpoint_path(checkpoint)
    assert path.read_bytes() == checkpoint.file.open("rb").read()
    assert not execution.work_folder(run).exists()
    call = trainer.calls[0]
    assert call.release.sha256 == release.sha256 and call.config.to_dict() == run.config


def test_progress_is_in_the_row_while_it_trains(run):
    seen = []

    def look(step):
        seen.append(Run.objects.values_list("step", "status", "seconds_left", "metrics__loss").get(pk=run.pk))

    services.execute_run(run.pk, train=FakeTrainer(2, at_step=look))
    assert seen == [(1, "running", 1.0, 1.0), (2, "running", 1.0, 0.5)]


def test_figures_that_are_no_numbers_become_null(run):
    """NaN is no JSON: PostgreSQL would refuse the row in the middle of a training."""
    services.execute_run(run.pk, train=FakeTrainer(2))
    assert [p.metrics["odd"] for p in run.points.all()] == [None, None]


def test_points_between_two_heartbeats_are_kept(run):
    Run.objects.update(status="running")
    recorder = execution.Recorder(run, leases.Lease(Run, run.pk, ""))
    for step in range(1, 5):
        progress = SimpleNamespace(step=step, n_steps=4, metrics={"loss": 1.0}, seconds_left=0.0, is_point=True)
        recorder.note(progress)
    recorder.write(progress)
    assert [point.step for point in run.points.all()] == [1, 2, 3, 4]


def test_a_second_delivery_does_nothing(run):
    trainer = FakeTrainer()
    services.execute_run(run.pk, train=trainer)
    assert services.execute_run(run.pk, train=trainer) is None
    assert len(trainer.calls) == 1
    assert Run.objects.get(pk=run.pk).n_attempts == 1


def test_a_delivery_while_another_worker_trains_does_nothing(run):
    second = FakeTrainer()
    first = FakeTrainer(2, at_step=lambda step: services.execute_run(run.pk, train=second))
    assert services.execute_run(run.pk, train=first) == "finished"
    assert second.calls == []


def test_a_run_that_is_gone_is_no_error(run):
    pk = run.pk
    run.delete()
    assert services.execute_run(pk, train=FakeTrainer()) is None


# Stopping and going on ---------------------------------------------------------------------------


def test_a_waiting_run_stops_at_once(run):
    assert services.stop_run(run).status == "stopped"
    assert services.execute_run(run.pk, train=FakeTrainer()) is None


def test_a_training_run_stops_at_its_next_heartbeat_and_keeps_its_best_checkpoint(run):
    trainer = FakeTrainer(50, at_step=lambda step: services.stop_run(Run.objects.get(pk=run.pk)) if step == 3 else None)
    assert services.execute_run(run.pk, train=trainer) == "stopped"
    run.refresh_from_db()
    assert (run.status, run.step) == ("stopped", 3)
    assert run.checkpoints.get().step == 3
    assert execution.work_folder(run).exists()  # from where it can go on


def test_stopping_twice_is_harmless_and_a_finished_run_says_so(run):
    services.stop_run(run)
    assert services.stop_run(run).status == "stopped"
    Run.objects.update(status="running")
    assert services.stop_run(run).status == "stopping"
    assert services.stop_run(run).status == "stopping"
    Run.objects.update(status="finished")
    with pytest.raises(RunIsOver, match="finished"):
        services.stop_run(run)


def test_a_stopped_run_is_resumed_and_finishes(run):
    stop = FakeTrainer(50, at_step=lambda step: services.stop_run(Run.objects.get(pk=run.pk)))
    services.execute_run(run.pk, train=stop)
    assert services.resume_run(run).status == "queued"
    with pytest.raises(RunIsOpen, match="queued"):
        services.resume_run(run)
    assert services.execute_run(run.pk, train=FakeTrainer(5)) == "finished"
    assert run.checkpoints.count() == 2
    with pytest.raises(RunIsOpen, match="finished"):
        services.resume_run(run)


def test_the_same_checkpoint_is_stored_once(run):
    stop = FakeTrainer(1, at_step=lambda step: services.stop_run(Run.objects.get(pk=run.pk)))
    services.execute_run(run.pk, train=stop)
    services.resume_run(run)
    services.execute_run(run.pk, train=FakeTrainer(1))
    assert run.checkpoints.count() == 1


# Lost workers ------------------------------------------------------------------------------------


def test_a_lost_workers_run_is_queued_again(run):
    Run.objects.update(status="running", lease_token="dead", worker="w1")
    silence(run)
    assert services.sweep_runs() == [run.pk]
    run.refresh_from_db()
    assert (run.status, run.lease_token, run.n_losses) == ("queued", "", 1)
    assert services.execute_run(run.pk, train=FakeTrainer()) == "finished"
    assert Run.objects.get().n_losses == 0


def test_a_worker_that_beats_keeps_its_run(run):
    Run.objects.update(status="running", lease_token="alive", heartbeat_at=timezone.now())
    assert services.sweep_runs() == []
    assert Run.objects.get().lease_token == "alive"


def test_a_waiting_run_is_sent_again_when_the_broker_may_have_lost_it(run, release):
    assert services.sweep_runs() == []  # sent a moment ago
    assert services.sweep_runs(is_start=True) == [run.pk]  # a new worker: whatever its predecessor held is lost
    Run.objects.update(enqueued_at=timezone.now() - timedelta(seconds=60))
    assert services.sweep_runs() == [run.pk]
    assert services.sweep_runs() == []
    other = make_run(release)
    Run.objects.filter(pk=other.pk).update(status="running", lease_token="x", heartbeat_at=timezone.now())
    Run.objects.filter(pk=run.pk).update(enqueued_at=timezone.now() - timedelta(seconds=60))
    assert services.sweep_runs() == []  # it waits its turn


def test_a_worker_that_comes_back_writes_nothing(run):
    """Its run was given to another while it slept; it finds its lease gone at the next heartbeat."""

    def sleep_and_lose(step):
        if step == 2:
            silence(run)
            services.sweep_runs()
            Run.objects.update(status="running", lease_token="other", heartbeat_at=timezone.now(), step=40)

    trainer = FakeTrainer(50, at_step=sleep_and_lose)
    assert services.execute_run(run.pk, train=trainer) is None
    run.refresh_from_db()
    assert (run.status, run.lease_token, run.step) == ("running", "other", 40)
    assert not run.checkpoints.exists()


def test_a_lease_lost_after_the_last_heartbeat_leaves_no_outcome(run, monkeypatch):
    monkeypatch.setattr(execution, "HEARTBEAT_SECONDS", 3600)
    trainer = FakeTrainer(1, at_step=lambda step: Run.objects.update(lease_token="other"))
    assert services.execute_run(run.pk, train=trainer) is None
    assert Run.objects.get().status == "running"
    assert not run.checkpoints.exists()


def test_a_lost_run_that_should_stop_keeps_its_best_checkpoint(run):
    Run.objects.update(status="stopping", lease_token="dead")
    silence(run)
    assert services.sweep_runs() == [run.pk]
    assert services.execute_run(run.pk, train=FakeTrainer(50)) == "stopped"
    assert run.checkpoints.exists()


def test_a_run_that_takes_every_worker_down_ends(run):
    for _ in range(MAX_LOSSES):
        Run.objects.update(status="running", lease_token="dead", worker="w1", step=7)
        silence(run)
        services.sweep_runs()
    run.refresh_from_db()
    assert run.status == "failed"
    assert "memory" in run.message and "step 7" in run.message
    assert services.resume_run(run).n_losses == 0


def test_a_worker_that_ends_in_order_gives_its_runs_back(run):
    Run.objects.update(status="running", lease_token="held", worker="w1")
    assert services.release_runs("another") == 0
    assert services.release_runs("w1") == 1
    assert services.sweep_runs() == [run.pk]
    assert Run.objects.get().n_losses == 0


def test_a_worker_that_ends_takes_no_further_run(run, monkeypatch):
    """Celery's loop without a pool looks for a message once more after it was told to end (`worker.loops.synloop`)."""
    monkeypatch.setattr(tasks, "is_ending", threading.Event())
    asked = []
    monkeypatch.setattr(services, "execute_run", lambda pk, worker: asked.append(pk))
    tasks.train_run.apply(args=[run.pk])
    assert asked == [run.pk]
    monkeypatch.setattr(tasks, "_release", lambda worker: None)
    worker_shutting_down.send(sender="w1", sig="SIGTERM", how="Warm", exitcode=0)
    refused = tasks.train_run.apply(args=[run.pk])
    assert asked == [run.pk]
    assert refused.state == "REJECTED" and refused.result.requeue  # the message goes back to the broker


def test_a_worker_told_to_end_at_once_gives_its_run_back(run):
    def end(step):
        raise SystemExit

    with pytest.raises(SystemExit):
        services.execute_run(run.pk, train=FakeTrainer(5, at_step=end))
    assert Run.objects.get().status == "queued"


def test_two_workers_never_write_into_one_folder(run, monkeypatch):
    import fcntl

    folder = execution.work_folder(run)
    folder.mkdir(parents=True)
    with open(folder / "lock", "w") as stale:
        fcntl.flock(stale, fcntl.LOCK_EX)
        release = threading.Timer(0.3, lambda: fcntl.flock(stale, fcntl.LOCK_UN))
        release.start()
        assert services.execute_run(run.pk, train=FakeTrainer()) == "finished"
        release.join()


# Failing -----------------------------------------------------------------------------------------


def failing(error, at=3):
    def fail(step):
        if step == at:
            raise error

    return FakeTrainer(5, at_step=fail)


def diverged():
    from learning.training import TrainingDiverged

    return TrainingDiverged("the loss is nan at step 3: lower optimiser.learning_rate")


class OutOfMemoryError(RuntimeError):
    """Called as torch calls its own."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (diverged, ["nan at step 3", "learning_rate"]),
        (lambda: OSError(errno.ENOSPC, "No space left on device", "/data"), ["disk is full", "/data", "resume"]),
        (lambda: OutOfMemoryError("CUDA out of memory. Tried 2 GiB"), ["Memory ran out", "batch_size", "Tried 2 GiB"]),
        (lambda: ZeroDivisionError("by zero"), ["ZeroDivisionError", "by zero", "log"]),
    ],
)
def test_a_failure_says_what_to_do_and_keeps_the_last_checkpoint(run, error, words):
    assert services.execute_run(run.pk, train=failing(error())) == "failed"
    run.refresh_from_db()
    assert run.status == "failed" and run.is_over and run.finished_at
    for word in [*words, "step 3, is kept"]:
        assert word in run.message
    assert run.checkpoints.get().step == 3


def test_a_failure_before_any_checkpoint_has_none(run):
    def fail(*args, **kwargs):
        raise ValueError("no reason")

    services.execute_run(run.pk, train=fail)
    assert "no reason" in Run.objects.get().message
    assert not run.checkpoints.exists()


def test_a_damaged_archive_fails_with_its_reason(run, release):
    release.archive.storage.delete(release.archive.name)
    release.archive.storage.save(release.archive.name, __import__("io").BytesIO(b"not a zip"))
    services.execute_run(run.pk, train=FakeTrainer())
    run.refresh_from_db()
    assert run.status == "failed" and "no release" in run.message


def test_a_database_that_is_away_for_a_moment_does_not_end_training(run, monkeypatch):
    real, calls = leases.Lease.rows, []

    def rows(self):
        calls.append(1)
        if len(calls) in (2, 3):
            raise OperationalError("database is locked")
        return real(self)

    monkeypatch.setattr(leases.Lease, "rows", rows)
    monkeypatch.setattr(leases.connection, "close", lambda: None)  # the test's own transaction lives in it
    assert services.execute_run(run.pk, train=FakeTrainer()) == "finished"


def test_a_database_that_stays_away_costs_the_lease(run, monkeypatch, settings):
    settings.RUN_LEASE_SECONDS = 0
    lease = leases.Lease(Run, run.pk, "token")
    monkeypatch.setattr(leases.Lease, "rows", lambda self: (_ for _ in ()).throw(OperationalError("gone")))
    monkeypatch.setattr(leases.connection, "close", lambda: None)
    assert lease.renew() is leases.Order.LOST


# What it begins with ------------------------------------------------------------------------------


def test_a_run_begins_with_the_checkpoint_that_was_asked_for(run, release):
    services.execute_run(run.pk, train=FakeTrainer(1))
    kept, trainer = run.checkpoints.get(), FakeTrainer(1)
    warm = services.create_run(release, "topological-vae", {}, starts_from=kept)
    services.execute_run(warm.pk, train=trainer)
    assert trainer.calls[0].start.read_bytes() == kept.file.open("rb").read()
    assert make_run(release).starts_from is None


def test_a_state_of_another_version_is_begun_afresh(run, caplog):
    """Nobody can choose another folder for a run: what an older version left there is put aside, and said."""
    from learning import resumption

    folder = execution.work_folder(run)
    folder.mkdir(parents=True)
    (folder / resumption.FILE).write_bytes(b"semblance-resume/1")
    (folder / "checkpoint.safetensors").write_bytes(b"old")
    assert services.execute_run(run.pk) == "finished"
    assert "begins afresh" in caplog.text and "not a resume state of this version" in caplog.text


# Files -------------------------------------------------------------------------------------------


def test_a_damaged_local_copy_is_fetched_again(release, var):
    open_release(release)
    copy = var / "cache" / f"{release.sha256}.zip"
    copy.write_bytes(b"scratched")
    assert open_release(release).sha256 == release.sha256
    assert [p.name for p in copy.parent.iterdir()] == [copy.name]


def test_another_release_under_this_name_is_refused(release):
    release.sha256 = "0" * 64
    with pytest.raises(ReleaseDamaged, match="not 0000"):
        open_release(release)


def test_a_changed_checkpoint_is_refused(run):
    services.execute_run(run.pk, train=FakeTrainer(1))
    checkpoint = run.checkpoints.get()
    with open(checkpoint.file.path, "ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="SHA-256"):
        checkpoint_path(checkpoint)


# Reading -----------------------------------------------------------------------------------------


def test_places_in_the_queue(release):
    first, second, third = (make_run(release) for _ in range(3))
    services.stop_run(second)
    assert selectors.queue_places() == {first.pk: 1, third.pk: 2}
    services.resume_run(second)
    places = {run.pk: run.place for run in selectors.with_place(Run.objects.all())}
    assert places == selectors.queue_places() == {first.pk: 1, third.pk: 2, second.pk: 3}


def test_progress_says_what_the_page_shows(run):
    services.execute_run(run.pk, train=FakeTrainer(curve=[{"step": s, "loss": s / 2} for s in range(1000)]))
    progress = selectors.run_progress(Run.objects.get())
    assert progress["is_over"] and not progress["can_stop"] and not progress["can_resume"]
    loss = progress["curves"]["loss"]
    assert loss[0] == [0, 0.0] and loss[-1] == [999, 499.5] and len(loss) <= 301
