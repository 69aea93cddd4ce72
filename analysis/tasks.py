"""Measuring, on queue `evaluation`: it loads a network. A task that comes twice does nothing."""

from celery import shared_task

from analysis.services import evaluations, growth, study_writing
from learning.tasks import train_run


@shared_task
def evaluate_run(run_pk):
    """Sent by name from `learning.tasks.train_run`, which stands below this room."""
    if (evaluation := evaluations.create_evaluation_of_run(run_pk)) is not None:
        evaluate.delay(evaluation.pk)


@shared_task
def evaluate(evaluation_pk):
    evaluations.evaluate_checkpoint(evaluation_pk)
    tend_study_reports()


@shared_task
def write_study_report(report_pk):
    study_writing.write_study_report(report_pk)


@shared_task
def tend_study_reports():
    for report_pk in study_writing.tend_study_reports():
        write_study_report.delay(report_pk)


@shared_task
def sweep_evaluations():
    waiting, never_evaluated = evaluations.sweep_evaluations()
    for evaluation_pk in waiting:
        evaluate.delay(evaluation_pk)
    for run_pk in never_evaluated:
        evaluate_run.delay(run_pk)


@shared_task
def tend_policies():
    due = growth.tend_policies()
    for run_pk in due.runs:
        train_run.delay(run_pk)
    for evaluation_pk in due.evaluations:
        evaluate.delay(evaluation_pk)
