"""Training, on queue `gpu`. The rows are the truth: a lost task is sent again, one that comes twice does nothing."""

import threading

from celery import current_app, shared_task
from celery.exceptions import Reject
from celery.signals import worker_ready, worker_shutting_down
from django.db import connection

from learning import selectors, services

#: Set once this worker was asked to end.
is_ending = threading.Event()


@shared_task(bind=True)
def train_run(self, run_pk):
    # Celery hands over one more message after a worker was asked to end, which would then end hours later.
    if is_ending.is_set():
        raise Reject("this worker ends", requeue=True)
    ended = services.execute_run(run_pk, worker=self.request.hostname or "")
    if ended == "finished" and selectors.is_to_be_evaluated(run_pk):
        evaluate(run_pk)
    if ended is not None:
        send(services.tend())


@shared_task
def sweep_runs():
    for run_pk in services.sweep_runs():
        train_run.delay(run_pk)
    send(services.tend())


def send(due) -> None:
    """Tell the broker what searches and studies need next: runs to be trained, and the best of ended searches."""
    for run_pk in due.runs:
        train_run.delay(run_pk)
    for run_pk in due.best:
        evaluate(run_pk)


def evaluate(run_pk) -> None:
    # By name and not by import: `analysis` stands above `learning`. Should this message be lost,
    # `analysis.tasks.sweep_evaluations` finds the finished run without an evaluation.
    current_app.send_task("analysis.tasks.evaluate_run", [run_pk])


@worker_ready.connect
def sweep_at_start(**signal):
    """A broker without a server forgets the task of a killed worker; its successor asks the rows."""
    for run_pk in services.sweep_runs(is_start=True):
        train_run.delay(run_pk)


@worker_shutting_down.connect
def release_at_end(sender=None, **signal):
    """A worker that is asked to end does not wait for hours of training: the next one goes on from the saved state.

    The signal may come in the middle of a query of the training itself, so this one has a thread and
    thereby a connection of its own.
    """
    is_ending.set()
    threading.Thread(target=_release, args=(sender,), name="release runs").start()


def _release(worker):
    try:
        services.release_runs(worker)
    finally:
        connection.close()
