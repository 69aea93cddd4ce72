"""Runs as rows: made, stopped, queued again. The row is the truth; the broker only wakes a worker."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from learning import folds, recipes
from learning.models import Run

log = logging.getLogger(__name__)
Status = Run.Status

# A run that takes its worker down (killed for memory, a crash in native code) must not do so for ever.
MAX_LOSSES = 3
# While another run trains, waiting is normal and the broker's message is probably still there.
PATIENCE_WHILE_TRAINING = timedelta(minutes=10)


class RunIsOver(Exception):
    """the run has already ended"""


class RunIsOpen(Exception):
    """the run has not ended, or ended with success"""


def create_run(
    release,
    recipe: str,
    changes: dict | None = None,
    seed: int = 0,
    created_by=None,
    *,
    starts_from=None,
    n_folds=None,
    **belongs_to,
) -> Run:
    """Create a queued run. The caller schedules it: `train_run.delay_on_commit(run.pk)`.

    changes : {"dotted.key": value} against the recipe's configuration, validated here. starts_from : the checkpoint
    whose weights it begins with, where they fit. n_folds : hold everybody out once, in so many networks.
    belongs_to : `search` and `search_round`, or `study_run` and `part`.
    """
    changes = {key: str(value) for key, value in (changes or {}).items()}
    config = recipes.recipe(recipe).config.with_changes(changes)
    if n_folds is not None:
        folds.require_possible(config, has_start=starts_from is not None)
    now = timezone.now()
    return Run.objects.create(
        release=release,
        recipe=recipe,
        changes=changes,
        config=config.to_dict(),
        seed=seed,
        starts_from=starts_from,
        n_folds=n_folds,
        created_by=created_by,
        **belongs_to,
        queued_at=now,
        enqueued_at=now,
    )


def stop_run(run: Run) -> Run:
    """Ask a run to stop: at once where it waits, at its next heartbeat where it trains. Asking twice is harmless."""
    waiting = Run.objects.filter(pk=run.pk, status=Status.QUEUED)
    if not waiting.update(status=Status.STOPPED, finished_at=timezone.now(), message="Stopped."):
        Run.objects.filter(pk=run.pk, status=Status.RUNNING).update(status=Status.STOPPING)
    run.refresh_from_db()
    if run.status not in (Status.STOPPING, Status.STOPPED):
        raise RunIsOver(f"Run {run.pk} cannot be stopped: it is {run.get_status_display().lower()}.")
    return run


def resume_run(run: Run) -> Run:
    """Queue a stopped or failed run again; it goes on from its last state. The caller schedules it."""
    now = timezone.now()
    ended = Run.objects.filter(pk=run.pk, status__in=[Status.STOPPED, Status.FAILED])
    changed = ended.update(
        status=Status.QUEUED, message="", n_losses=0, finished_at=None, queued_at=now, enqueued_at=now
    )
    run.refresh_from_db()
    if not changed:
        status = run.get_status_display().lower()
        raise RunIsOpen(f"Run {run.pk} cannot be resumed: it is {status}; expected a stopped or failed run.")
    return run


def stop_all(runs) -> None:
    """Stop the runs of a search or a study that wait or train; those that end meanwhile have ended."""
    for run in runs.filter(status__in=[Status.QUEUED, Status.RUNNING]):
        try:
            stop_run(run)
        except RunIsOver:
            log.info("Run %s ended while it was stopped", run.pk)


def resume_all(runs) -> list[int]:
    """Queue the stopped and failed runs of a search or a study again, and return the keys that the caller schedules."""
    resumed = []
    for run in runs.filter(status__in=[Status.STOPPED, Status.FAILED]):
        try:
            resumed.append(resume_run(run).pk)
        except RunIsOpen:
            log.info("Run %s was resumed by somebody else", run.pk)
    return resumed


def release_runs(worker: str) -> int:
    """Put the runs of a worker that shuts down back into the queue; their trainers find the lease gone and end."""
    held = Run.objects.filter(worker=worker, status=Status.RUNNING)
    return held.update(status=Status.QUEUED, lease_token="", worker="", enqueued_at=None)


def sweep_runs(*, is_start: bool = False) -> list[int]:
    """Take runs from lost workers, and return the keys of all runs that the broker must be told of again.

    is_start : a worker has just started, so messages may have died with its predecessor: everything
        that waits is returned. Telling the broker twice is harmless, `execute_run` claims the row.
    """
    now = timezone.now()
    _take_from_lost_workers(now)
    waiting = Run.objects.filter(Q(status=Status.QUEUED) | Q(status=Status.STOPPING, lease_token=""))
    if not is_start:
        is_training = Run.objects.filter(status=Status.RUNNING).exists()
        patience = PATIENCE_WHILE_TRAINING if is_training else timedelta(seconds=settings.RUN_LEASE_SECONDS)
        waiting = waiting.filter(Q(enqueued_at=None) | Q(enqueued_at__lt=now - patience))
    pks = list(waiting.order_by("queued_at", "pk").values_list("pk", flat=True))
    Run.objects.filter(pk__in=pks).update(enqueued_at=now)
    return pks


def _take_from_lost_workers(now) -> None:
    silent_since = now - timedelta(seconds=settings.RUN_LEASE_SECONDS)
    lost = Run.objects.filter(
        Q(heartbeat_at__lt=silent_since) | Q(heartbeat_at=None), status__in=[Status.RUNNING, Status.STOPPING]
    ).exclude(lease_token="")
    for run in lost:
        # Both conditions again in the update: the worker may have come back since the row was read.
        row = Run.objects.filter(pk=run.pk, lease_token=run.lease_token, heartbeat_at=run.heartbeat_at)
        freed = {"lease_token": "", "worker": "", "n_losses": F("n_losses") + 1}
        if run.n_losses + 1 >= MAX_LOSSES:
            row.update(**freed, status=Status.FAILED, finished_at=now, message=_lost_for_good(run))
        elif run.status == Status.STOPPING:
            row.update(**freed, enqueued_at=None)  # a worker opens it once more, to keep the best checkpoint
        else:
            row.update(**freed, status=Status.QUEUED, enqueued_at=None)
        log.warning("Run %s: worker %r was silent since %s", run.pk, run.worker, run.heartbeat_at)


def _lost_for_good(run: Run) -> str:
    return (
        f"{MAX_LOSSES} workers in a row were lost at step {run.step} without a step forward, the last one "
        f"{run.worker or 'unnamed'}. Usually the machine ran out of memory: look at the worker's log, free memory "
        "or choose a smaller batch, then resume."
    )
