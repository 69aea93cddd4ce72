"""The report on a study that was trained here: a row first, written by a worker once all networks are evaluated."""

import dataclasses
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from analysis import pages, study_measures, study_report
from analysis.models import Evaluation, StudyReport
from analysis.services.evaluations import ADVICE, explain
from analysis.services.study_reports import new_study_report, write_files
from learning import selectors
from learning.models import Run, StudyRun
from learning.services.archives import checkpoint_path, open_release
from learning.studies import elsewhere
from learning.studies import study as study_named
from triplets.heartbeat import Heartbeat, Order
from triplets.services import leases
from triplets.services.leases import Lease, LeaseLost

Status = StudyReport.Status
AGAIN = "write the report again"


def tend_study_reports() -> list[int]:
    """Make the reports of studies whose networks are all trained and evaluated; return those to be written now."""
    for found in StudyRun.objects.filter(status=StudyRun.Status.FINISHED, reports=None):
        n_evaluated, n = evaluated(found)
        if n_evaluated == n:
            queue_study_report(found)
    leases.queue_lost_again(StudyReport, settings.RUN_LEASE_SECONDS, ADVICE.format(AGAIN))
    return leases.take_due(StudyReport, timedelta(minutes=10))


def queue_study_report(found: StudyRun, title: str = "", note: str = "") -> StudyReport | None:
    """Make the row of a further report on a study, None where one is being written already. The sweep schedules it."""
    try:
        with transaction.atomic():
            report = new_study_report(found.study, title, note, study_run=found, status=Status.QUEUED)
            report.save()
    except IntegrityError:
        return None
    return report


def evaluated(found: StudyRun) -> tuple[int, int]:
    """Return (how many finished networks have an evaluation that is over, how many there are)."""
    finished = found.runs.filter(status=Run.Status.FINISHED, checkpoints__isnull=False).distinct()
    over = (Evaluation.Status.FINISHED, Evaluation.Status.FAILED)
    return finished.filter(checkpoints__evaluations__status__in=over).count(), finished.count()


def write_study_report(report_pk: int) -> str | None:
    """Write a queued report and return how it ended; None if there was nothing to do."""
    lease = leases.claim(StudyReport, report_pk)
    if lease is None:
        return None
    report = StudyReport.objects.select_related("study_run__release", "study_run__second").get(pk=report_pk)

    def work():
        _write(report, lease)
        written = {name: getattr(report, name) for name in ("results", "sha256", "file", "archive")}
        if not lease.close(status=Status.FINISHED, n_losses=0, finished_at=timezone.now(), **written):
            raise LeaseLost

    return leases.work_under(lease, work, partial(explain, again=AGAIN))


def _write(report: StudyReport, lease: Lease) -> None:
    from analysis.evaluation import plain

    silence = settings.RUN_LEASE_SECONDS / 4
    with Heartbeat(lambda progress: lease.renew(), every_seconds=1.0, silence_seconds=silence) as heart:
        measured = _measured(report.study_run)
        study = _with_second(selectors.study_results(report.study_run), report.study_run, measured)
        pairs = _pairs(report.study_run)
        write_files(report, plain(study_report.study_results(study, measured, pairs)), measured)
    if heart.order is Order.LOST:
        raise LeaseLost


def _measured(found: StudyRun) -> dict[str, dict]:
    """Return {network: results of its newest evaluation on the release it was trained on}, in the study's order.

    What an earlier version of the site measured is left out: its page cannot be drawn any more.
    """
    newest = Evaluation.objects.filter(
        checkpoint__run__study_run=found, release=F("checkpoint__run__release"), status=Evaluation.Status.FINISHED
    )
    by_part = dict(newest.order_by("pk").values_list("checkpoint__run__part", "results"))
    names = [part.name for part in study_named(found.study).parts if part.name in by_part]
    return {name: by_part[name] for name in names if by_part[name].get("format") in pages.READS}


def _pairs(found: StudyRun):
    """Return what the study's networks make of one person's happy and unhappy picture, None where it looks at none."""
    wanted = study_named(found.study).pairs
    if found.second is None or not wanted:
        return None
    runs = found.runs.filter(part__in=wanted, status=Run.Status.FINISHED)
    newest = {run.part: run.checkpoints.order_by("pk").last() for run in runs}
    paths = {name: checkpoint_path(newest[name]) for name in wanted if newest.get(name)}
    return study_measures.pairs(found.study, paths, open_release(found.second), seed=found.seed) if paths else None


def _with_second(study, found: StudyRun, measured: dict[str, dict]):
    """Return the results with what the study measures on its second collection, network by network.

    Evaluations in `measured` gain the part "elsewhere", which says how sure the drops are.
    """
    wanted = [part.name for part in study_named(found.study).parts if part.is_measured_elsewhere]
    if found.second is None or not wanted:
        return study
    from analysis.evaluation import tested_on

    here, there = open_release(found.release), open_release(found.second)
    runs = {run.part: run for run in found.runs.filter(part__in=wanted, status=Run.Status.FINISHED)}

    def with_second(part):
        checkpoint = part.name in runs and runs[part.name].checkpoints.order_by("pk").last()
        if not checkpoint:
            return part
        path = checkpoint_path(checkpoint)
        if part.name in measured:
            asked = measured[part.name]["provenance"]["evaluation"]
            how = {"n_bootstrap": asked["n_bootstrap"], "seed": asked["seed"]}
            measured[part.name] = measured[part.name] | {"elsewhere": tested_on(path, here, there, **how)}
        return dataclasses.replace(part, second=elsewhere(path, here, there, found.seed))

    return dataclasses.replace(study, parts=tuple(map(with_second, study.parts)))
