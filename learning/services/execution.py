"""One training, from the claimed row to the stored checkpoint. `torch` is imported here, within functions only."""

import errno
import fcntl
import logging
import math
import secrets
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.db import OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from learning import devices
from learning.config import Config, ConfigInvalid
from learning.models import Checkpoint, Run, RunPoint
from learning.services.archives import checkpoint_path, open_release, sha256_of, with_local_weights
from triplets.archive import ReleaseDamaged
from triplets.heartbeat import Heartbeat, Order
from triplets.services.leases import Lease, LeaseLost

log = logging.getLogger(__name__)
Status = Run.Status
HEARTBEAT_SECONDS = 0.5
_OPEN = (Status.QUEUED, Status.STOPPING)


def execute_run(run_pk: int, *, worker: str = "", train=None) -> str | None:
    """Train a queued run to its end and return how it ended, or None if there was nothing to do or the lease was lost.

    worker : name of the worker, for `release_runs`. train : takes the place of `learning.training.train_release`.

    A second delivery finds the row claimed. Whatever goes wrong in training ends as a failed run with a
    message that says what to do; a database that is away is raised, since nothing can be written then.
    """
    with devices.held(
        settings.VAR_DIR / "devices", _device_of(run_pk), goes_on=lambda: _is_open(run_pk)
    ) as is_held:  # until then the run waits in the queue, as its page says
        run = _claim(run_pk, worker) if is_held else None
        if run is None:
            log.info("Run %s is held by another worker, over, or gone: nothing to do", run_pk)
            return None
        return _execute(run, train)


def _device_of(run_pk: int) -> str | None:
    config = Run.objects.filter(pk=run_pk, status__in=_OPEN).values_list("config", flat=True).first()
    return None if config is None else devices.identity(config.get("training", {}).get("device", "auto"))


def _is_open(run_pk: int) -> bool:
    return Run.objects.filter(pk=run_pk, status__in=_OPEN, lease_token="").exists()


def _execute(run: Run, train) -> str | None:
    lease = Lease(Run, run.pk, run.lease_token)
    try:
        return _train(run, lease, train)
    except LeaseLost:
        log.warning("Run %s was given to another worker; this one writes nothing more", run.pk)
        return None
    except OperationalError:
        raise
    except Exception as error:
        log.exception("Run %s failed", run.pk)
        return _fail(run, lease, error)
    except BaseException:  # the worker is told to end in the middle of a step
        lease.close(status=Status.QUEUED, worker="", enqueued_at=None)
        raise


def work_folder(run: Run) -> Path:
    """Return where a run keeps its state on this machine until it has finished."""
    return settings.VAR_DIR / "runs" / str(run.pk)


def _claim(run_pk: int, worker: str) -> Run | None:
    token, now = secrets.token_hex(16), timezone.now()
    held = {
        "lease_token": token, "worker": worker, "heartbeat_at": now, "n_attempts": F("n_attempts") + 1,
    }  # fmt: skip
    waiting = Run.objects.filter(pk=run_pk, status=Status.QUEUED)
    # A run whose worker was lost after somebody asked to stop: opened once more to keep its best checkpoint.
    stopping = Run.objects.filter(pk=run_pk, status=Status.STOPPING, lease_token="")
    if not (waiting.update(status=Status.RUNNING, message="", **held) or stopping.update(**held)):
        return None
    Run.objects.filter(pk=run_pk, started_at=None).update(started_at=now)
    return Run.objects.select_related("release", "starts_from").get(pk=run_pk)


def _train(run: Run, lease: Lease, train) -> str:
    from learning import resumption

    train, config = train or _training_of(run), with_local_weights(Config.from_dict(run.config))
    recorder = Recorder(run, lease)

    def report(progress):
        recorder.note(progress)
        heart.report(progress)

    with Heartbeat(
        recorder.write, every_seconds=HEARTBEAT_SECONDS, silence_seconds=settings.RUN_LEASE_SECONDS / 4
    ) as heart:
        folder = work_folder(run)
        with _locked(folder, heart):
            how = {
                "seed": run.seed,
                "out": folder,
                "recipe_name": run.recipe,
                "start": checkpoint_path(run.starts_from) if run.starts_from else None,
                "on_progress": report,
                "should_stop": heart.should_stop,
            }
            try:
                result = train(open_release(run.release), config, **how)
            except resumption.FolderTaken as error:
                # Another version of this program left it, and nobody can choose another folder for a run.
                log.warning("Run %s begins afresh: %s", run.pk, error)
                for name in (resumption.FILE, "checkpoint.safetensors"):
                    (folder / name).unlink(missing_ok=True)
                for fold in folder.glob("fold-*"):
                    shutil.rmtree(fold)
                result = train(open_release(run.release), config, **how)
    if heart.order is Order.LOST:
        raise LeaseLost
    recorder.write_points()
    _finish(run, lease, result)
    if result.status == Status.FINISHED:
        shutil.rmtree(folder, ignore_errors=True)  # what is needed further stands in storage
    return result.status


def _training_of(run: Run):
    """Return what trains a run: one network, or as many as it has folds."""
    if run.n_folds is None:
        from learning.training import train_release

        return train_release
    from learning.folds import train_folds

    def train(release, config, *, start, **how):
        return train_folds(release, config, run.n_folds, **how)

    return train


@contextmanager
def _locked(folder: Path, heart: Heartbeat):
    """Hold a run's folder alone on this machine: a stale worker may still be writing its last step into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if heart.should_stop():
                    raise LeaseLost from None
                time.sleep(0.1)
        yield


class Recorder:
    """Writes progress into the row, and each point of the learning curves into a row of its own."""

    def __init__(self, run: Run, lease: Lease):
        self.run, self.lease = run, lease
        self.metrics = dict(run.metrics)
        self.points: dict[int, dict] = {}

    def note(self, progress) -> None:
        """Keep a point until the next heartbeat writes it: heartbeats are throttled, points must not be lost."""
        if progress.is_point:
            self.points[progress.step] = finite(progress.metrics)

    def write(self, progress) -> Order:
        if progress is None:
            return self.lease.renew()
        self.metrics |= finite(progress.metrics)
        fields = {
            "step": progress.step,
            "n_steps": progress.n_steps,
            "seconds_left": progress.seconds_left if math.isfinite(progress.seconds_left) else None,
            "metrics": self.metrics,
        }
        if progress.step > self.run.step:  # further than any worker before: not the place where workers are lost
            fields["n_losses"] = 0
        order = self.lease.renew(**fields)
        if order is not Order.LOST:
            self.write_points()
        return order

    def write_points(self) -> None:
        if not self.points:
            return
        rows = [RunPoint(run=self.run, step=step, metrics=metrics) for step, metrics in self.points.items()]
        try:
            RunPoint.objects.bulk_create(
                rows, update_conflicts=True, unique_fields=["run", "step"], update_fields=["metrics"]
            )
        except OperationalError:
            log.warning("Run %s: its newest points wait for the next heartbeat", self.run.pk, exc_info=True)
        else:
            self.points.clear()


def finite(value):
    """Return nested metrics as JSON takes them: a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    if isinstance(value, str | int | None):
        return value
    return float(value) if math.isfinite(value) else None


def _finish(run: Run, lease: Lease, result) -> None:
    """Store the checkpoint, the exact learning curves in place of the live ones, and the outcome."""
    figures = {name: getattr(result, name) for name in ("satisfied_train", "satisfied_validation", "satisfied_test")}
    metrics = finite({**result.metrics, **{k: v for k, v in figures.items() if v is not None}})
    metrics.pop("status", None)  # the row has its own
    with transaction.atomic():
        is_held = lease.close(
            status=result.status,
            worker="",
            step=result.steps,
            seconds_left=None,
            metrics=metrics,
            finished_at=timezone.now(),
            n_losses=0,
            message="Stopped; the best checkpoint so far is kept." if result.status == Status.STOPPED else "",
        )
        if not is_held:
            raise LeaseLost
        _keep_checkpoint(run, result.checkpoint)
        points = {point["step"]: finite(point) for point in result.curve if "step" in point}
        if points:
            run.points.all().delete()
            RunPoint.objects.bulk_create([RunPoint(run=run, step=s, metrics=m) for s, m in points.items()], 500)


def _keep_checkpoint(run: Run, path) -> Checkpoint | None:
    if path is None or not Path(path).exists():
        return None
    from learning.checkpoints import load_checkpoint

    sha256 = sha256_of(path)
    if (kept := run.checkpoints.filter(sha256=sha256).first()) is not None:
        return kept
    loaded = load_checkpoint(path)
    checkpoint = Checkpoint(
        run=run,
        step=loaded.step,
        sha256=sha256,
        n_bytes=Path(path).stat().st_size,
        code_version=loaded.code_version,
        metrics=finite(loaded.metrics),
    )
    with open(path, "rb") as file:
        checkpoint.file.save(f"run-{run.pk}-step-{loaded.step}.safetensors", File(file), save=False)
    checkpoint.save()
    return checkpoint


def _fail(run: Run, lease: Lease, error: Exception) -> str | None:
    message = explain(error)
    try:
        with transaction.atomic():
            kept = _keep_checkpoint(run, work_folder(run) / "checkpoint.safetensors")
    except Exception as second:  # the first error is the one to tell; a damaged or unstorable file is the second
        log.exception("Run %s: its last checkpoint was not kept", run.pk)
        kept, message = None, f"{message} Its last checkpoint could not be kept: {second}"
    if kept is not None:
        message += f" The best checkpoint, of step {kept.step}, is kept."
    is_held = lease.close(
        status=Status.FAILED, worker="", message=message, seconds_left=None, finished_at=timezone.now()
    )
    return Status.FAILED if is_held else None


def explain(error: Exception) -> str:
    """Return what went wrong and what to do about it, for the researcher who reads the run's page."""
    from learning.checkpoints import CheckpointDamaged
    from learning.landmarks import LandmarksUnusable
    from learning.training import NothingToLearn, TrainingDiverged

    spoken = (NothingToLearn, LandmarksUnusable, TrainingDiverged, ConfigInvalid, ReleaseDamaged, CheckpointDamaged)
    if isinstance(error, spoken):
        told = _sentence(str(error))
        return told[:1].upper() + told[1:]
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"The disk is full ({error.filename or settings.VAR_DIR}). Free some space, then resume: "
            "the run goes on from its last saved state."
        )
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return (
            f"A file grew beyond the limit of this account ({error.filename or settings.VAR_DIR}). Raise the limit "
            "(ulimit -f), then resume: the run goes on from its last saved state."
        )
    if _is_out_of_memory(error):
        return (
            f"Memory ran out ({_sentence(str(error).splitlines()[0] if str(error) else 'no details')}) "
            "Train again with a smaller batch_size, or with device=cpu."
        )
    return (
        f"{type(error).__name__}: {_sentence(str(error) or 'no message')} This was not expected; "
        "the worker's log holds the traceback. Resume to try again."
    )


def _is_out_of_memory(error: Exception) -> bool:
    # The CPU's allocator has no exception of its own.
    words = ("can't allocate memory", "not enough memory")
    is_cpu = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return is_cpu or isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
