"""Evaluations as rows: made once for a checkpoint, measured by a worker, found again when a worker was lost."""

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from analysis import titles
from analysis.models import Evaluation
from analysis.services.reports import create_report
from analysis.study_measures import projections_of
from learning import selectors
from learning.models import Checkpoint, Run
from learning.services.archives import checkpoint_path, open_release
from triplets.heartbeat import Heartbeat, Order
from triplets.services import leases
from triplets.services.leases import Lease, LeaseLost

Status = Evaluation.Status
ADVICE = "Usually the machine ran out of memory: look at the worker's log, free memory, then {}."
OPEN = (Status.QUEUED, Status.RUNNING)


def create_evaluation(
    checkpoint: Checkpoint, release=None, *, with_controls: bool = False, title: str = "", note: str = ""
) -> Evaluation:
    """Create a queued evaluation, on the checkpoint's own release unless another is given.

    title, note : of its report, empty: as `reports.create_report` names it.
    with_controls : train the recipe twice more (`analysis.controls`). One that is still open is returned instead of
    a second one. The caller schedules it: `analysis.tasks.evaluate.delay_on_commit(evaluation.pk)`.
    """
    release = release or checkpoint.run.release
    title, note = titles.checked(title, note)
    with transaction.atomic():
        Checkpoint.objects.select_for_update().get(pk=checkpoint.pk)  # two requests at once make one evaluation
        found = Evaluation.objects.filter(checkpoint=checkpoint, release=release, status__in=OPEN).first()
        return found or Evaluation.objects.create(
            checkpoint=checkpoint,
            release=release,
            with_controls=with_controls,
            title=title,
            note=note,
            enqueued_at=timezone.now(),
        )


def create_evaluation_of_run(run_pk: int) -> Evaluation | None:
    """Create the evaluation of a finished run's last checkpoint; None if there is one or nothing to evaluate."""
    with transaction.atomic():
        run = Run.objects.select_for_update().filter(pk=run_pk, status=Run.Status.FINISHED).first()
        checkpoint = run and run.checkpoints.order_by("pk").last()
        if checkpoint is None or checkpoint.evaluations.exists():
            return None
        return create_evaluation(checkpoint)


def evaluate_checkpoint(evaluation_pk: int, *, measure=None) -> str | None:
    """Measure a queued evaluation, write its report, and return how it ended; None if there was nothing to do.

    measure : takes the place of `analysis.evaluation.evaluate`. The numbers and the unpublished report
    appear together or not at all.
    """
    lease = leases.claim(Evaluation, evaluation_pk)
    if lease is None:
        return None
    evaluation = Evaluation.objects.select_related("checkpoint__run__study_run", "release").get(pk=evaluation_pk)

    def work():
        results = _measure(evaluation, lease, measure)
        with transaction.atomic():
            evaluation.results, finished_at = results, timezone.now()
            if not lease.close(status=Status.FINISHED, results=results, finished_at=finished_at, n_losses=0):
                raise LeaseLost
            create_report(evaluation)

    return leases.work_under(lease, work, partial(explain, again="evaluate the checkpoint again"))


def sweep_evaluations() -> tuple[list[int], list[int]]:
    """Return the keys of evaluations to send again, and of finished runs that were never evaluated."""
    advice = ADVICE.format("evaluate the checkpoint again")
    leases.queue_lost_again(Evaluation, settings.RUN_LEASE_SECONDS, advice)
    # A long training may stand before them in the queue; telling the broker twice is harmless.
    patience = timedelta(minutes=10 if _is_busy() else 1)
    pks = leases.take_due(Evaluation, patience)
    never = selectors.without_evaluation().filter(finished_at__lt=timezone.now() - patience)
    return pks, list(never.order_by("pk").values_list("pk", flat=True))


def _is_busy() -> bool:
    return Run.objects.filter(status=Run.Status.RUNNING).exists()


def _measure(evaluation: Evaluation, lease: Lease, measure) -> dict:
    if measure is None:
        from analysis.evaluation import evaluate

        measure = partial(evaluate, teraflops=settings.EXPLAIN_TERAFLOPS)

    def write(progress) -> Order:
        return lease.renew()

    with Heartbeat(write, every_seconds=1.0, silence_seconds=settings.RUN_LEASE_SECONDS / 4) as heart:

        def tell(words, share):
            heart.report(words)
            if heart.should_stop():
                raise LeaseLost

        run = evaluation.checkpoint.run
        path, trained_on = checkpoint_path(evaluation.checkpoint), run.release
        # On another release, the report says what is lost against the one that the network was trained on.
        home = {} if trained_on == evaluation.release else {"home": open_release(trained_on)}
        release = open_release(evaluation.release)
        how = home | ({"with_controls": True} if evaluation.with_controls else {})
        study = run.study_run.study if run.study_run else ""
        projections = projections_of(study, run.part, tuple(settings.PROJECTIONS))
        results = measure(path, release, projections=projections, progress=tell, **how)
    if heart.order is Order.LOST:
        raise LeaseLost
    return results


def explain(error: Exception, *, again: str) -> str:
    """Return what went wrong and what to do: correct the cause, then `again`."""
    text = str(error).strip() or "no message"
    text = text if text.endswith(".") else f"{text}."
    text = text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"
    return f"{text} Correct the cause, then {again}."
