"""Whole studies as rows: one run a network. What comes next follows from the runs, so that a sweep may be missed."""

from django.db import transaction
from django.utils import timezone

from learning import studies
from learning.models import Run, StudyRun
from learning.services.archives import STORED
from learning.services.runs import create_run, resume_all, stop_all
from learning.services.tending import Due, advance_each
from learning.studies import Part

Status = StudyRun.Status


class StudyRunIsOver(Exception):
    """the study has already ended"""


class StudyRunIsOpen(Exception):
    """the study is under way, or ended with success"""


def create_study_run(release, name: str, *, second=None, changes=None, seed=0, created_by=None) -> tuple[StudyRun, Due]:
    """Create a study with the runs of all networks that wait for no other, which the caller schedules.

    second : the release of the second collection. StudyUnknown, ConfigInvalid before anything is written.
    """
    changes = {key: str(value) for key, value in (changes or {}).items()}
    studies.checked(studies.study(name), changes, has_second=second is not None)
    due = Due()
    with transaction.atomic():
        made = StudyRun.objects.create(
            study=name, release=release, second=second, changes=changes, seed=seed, created_by=created_by
        )
        _advance(made, due)
    return made, due


def tend_study_runs() -> Due:
    """Bring every open study one step on; one bad study stops no other."""
    return advance_each(StudyRun, _advance)


def _advance(found: StudyRun, due: Due) -> None:
    runs = {run.part: run for run in found.runs.all()}
    parts = parts_of(found)
    for part in parts:
        base = runs.get(part.base)
        if part.name in runs or (part.starts_from and not (base and _is_settled(base))):
            continue
        runs[part.name] = run = _create(found, part, base)
        due.runs.append(run.pk)
    if any(not run.is_over for run in runs.values()):
        return
    if len(runs) < len(parts):
        stopped = next(run for run in runs.values() if run.status == Run.Status.STOPPED)
        _end(found, Status.STOPPED, f"Run {stopped.pk}, whose weights others begin with, was stopped. Resume to go on.")
    elif any(run.status == Run.Status.FINISHED for run in runs.values()):
        _end(found, Status.FINISHED, "")
    else:
        first = next(iter(runs.values()))
        _end(found, Status.FAILED, f"None of {len(runs)} networks could be trained. Run {first.pk}: {first.message}")


def parts_of(found: StudyRun) -> list[Part]:
    """Return the networks that are trained: those of a second collection only where there is one."""
    return [part for part in studies.study(found.study).parts if found.second_id or not part.is_second]


def _is_settled(base: Run) -> bool:
    return base.status in (Run.Status.FINISHED, Run.Status.FAILED)


def _create(found: StudyRun, part: Part, base: Run | None) -> Run:
    changes = dict(found.changes)
    checkpoint = base and base.checkpoints.order_by("pk").last()
    if base and base.status == Run.Status.FINISHED and checkpoint and "network.pretrained" not in changes:
        changes["network.pretrained"] = f"{STORED}{checkpoint.sha256}"
    release = found.second if part.is_second else found.release
    return create_run(
        release, part.recipe, changes, found.seed, found.created_by, study_run=found, part=part.name
    )  # fmt: skip


def _end(found: StudyRun, status: str, message: str) -> None:
    found.status, found.message, found.finished_at = status, message, timezone.now()
    found.save(update_fields=["status", "message", "finished_at"])


def stop_study_run(found: StudyRun) -> StudyRun:
    """Stop a study and its runs that wait or train. Asking twice is harmless."""
    is_new = StudyRun.objects.filter(pk=found.pk, status=Status.OPEN).update(
        status=Status.STOPPED, finished_at=timezone.now(), message="Stopped."
    )
    found.refresh_from_db()
    if not is_new and found.status != Status.STOPPED:
        raise StudyRunIsOver(f"Study {found.pk} cannot be stopped: it is {found.get_status_display().lower()}.")
    stop_all(found.runs)
    return found


def resume_study_run(found: StudyRun) -> Due:
    """Go on with a stopped or failed study: its stopped and failed runs go on from their last state."""
    with transaction.atomic():
        ended = StudyRun.objects.filter(pk=found.pk, status__in=[Status.STOPPED, Status.FAILED])
        if not ended.update(status=Status.OPEN, finished_at=None, message=""):
            found.refresh_from_db()
            raise StudyRunIsOpen(f"Study {found.pk} cannot be resumed: it is {found.get_status_display().lower()}.")
        found.refresh_from_db()
        due = Due(resume_all(found.runs))
        _advance(found, due)
    return due
