"""What pages and commands read about runs."""

from pathlib import Path

from django.db.models import Case, Count, OuterRef, Prefetch, Q, Subquery, When
from django.utils import timezone

from learning import search_plot, studies, terms
from learning.models import Checkpoint, Run, Search, StudyRun
from learning.services import searches, study_runs
from learning.study_results import FINISHED, LEFT_OUT, STOPPED, PartResult, StudyResults
from learning.sweeps import Trial

Status = Run.Status
N_CURVE_POINTS = 300
#: What is seen moving although its search or study was stopped.
_MOVING = (Status.RUNNING, Status.STOPPING)


def with_place(runs):
    """Annotate runs with `place`, their place among those that wait, 1 first; None where they do not wait."""
    before = Q(queued_at__lt=OuterRef("queued_at")) | Q(queued_at=OuterRef("queued_at"), pk__lte=OuterRef("pk"))
    waiting = Run.objects.filter(before, status=Status.QUEUED).order_by().values("status")
    place = Subquery(waiting.annotate(n=Count("pk")).values("n"))
    return runs.annotate(place=Case(When(status=Status.QUEUED, then=place)))


def queue_places() -> dict[int, int]:
    """Return {run key: place} of the runs that wait, 1 first."""
    waiting = Run.objects.filter(status=Status.QUEUED).order_by("queued_at", "pk").values_list("pk", flat=True)
    return {pk: place for place, pk in enumerate(waiting, start=1)}


def without_evaluation():
    """Return the finished runs that are to be evaluated and were not: of a search's only the best."""
    wanted = Run.objects.filter(Q(search=None) | Q(best_of__status=Search.Status.FINISHED), status=Status.FINISHED)
    return wanted.filter(checkpoints__isnull=False).exclude(checkpoints__evaluations__isnull=False).distinct()


def is_to_be_evaluated(run_pk: int) -> bool:
    return without_evaluation().filter(pk=run_pk).exists()


def run_state(run: Run) -> dict:
    """Return a run in a few words and numbers, JSON-able: what `manage.py train --json` prints."""
    return {
        "run": run.pk,
        "status": run.status,
        "recipe": run.recipe,
        "release": run.release.name,
        "seed": run.seed,
        "message": run.message,
        "step": run.step,
        "n_steps": run.n_steps,
        "metrics": run.metrics,
        "checkpoint": max((checkpoint.pk for checkpoint in run.checkpoints.all()), default=None),
    }


def search_state(search: Search) -> dict:
    """Return a search with its runs in order, JSON-able: what `manage.py search --json` prints and the page shows."""
    plan = searches.plan_of(search)
    runs = list(with_place(search.runs.order_by("pk")))
    return {
        "search": search.pk,
        "status": search.status,
        "recipe": search.recipe,
        "release": search.release.name,
        "ranges": search.ranges,
        "figure": search.figure,
        "best": search.best_id,
        "message": search.message,
        "runs": [
            {
                "run": run.pk,
                "round": trial.number,
                "status": run.status,
                "label": run.get_status_display(),
                "place": run.place,
                "drawn": trial.drawn,
                "score": trial.score,
                "step": run.step,
                "n_steps": run.n_steps,
                "message": run.message,
            }
            for run, trial in zip(runs, searches.trials_of(search, plan, runs), strict=True)
        ],
    }


def search_page(search: Search) -> dict:
    """Return what the page of a search shows: counts, the best run, plots ready for SVG, and the runs."""
    plan, state = searches.plan_of(search), search_state(search)
    runs = state["runs"]
    trials = [Trial(run["round"], run["drawn"], run["score"]) for run in runs]
    best = next((run for run in runs if run["run"] == search.best_id), None)
    panels = search_plot.panels(plan, trials, [run["run"] for run in runs], search.best_id)
    return {
        "figure": _figure_words(search.figure),
        "runs": runs,
        "is_live": search.status == Search.Status.OPEN or any(run["status"] in _MOVING for run in runs),
        "settings": {part.key: terms.setting(part.key) for part in plan.space},
        "n_over": sum(run["status"] in ("finished", "failed", "stopped") for run in runs),
        "n_planned": search.n_rounds * search.n_trials,
        "round": max((run["round"] for run in runs), default=1),
        "rounds": sorted({run["round"] for run in runs}),
        "best": best and best | {"drawn": {terms.setting(key): value for key, value in best["drawn"].items()}},
        "panels": [panel | {"words": terms.setting(panel["key"])} for panel in panels],
    }


def _figure_words(figure: str) -> str:
    """Return what decides in a search, in words; of what is better the less, the negative decides."""
    return ("minus " if figure.startswith("-") else "") + terms.metric(figure.removeprefix("-")) if figure else ""


def study_progress(found: StudyRun) -> tuple[int, int]:
    """Return how many networks of a study have ended, and how many there are."""
    over = found.runs.filter(status__in=[Status.STOPPED, Status.FINISHED, Status.FAILED])
    return over.count(), len(study_runs.parts_of(found))


def study_run_page(found: StudyRun) -> dict:
    """Return what the page of a study shows: its networks in the publication's order, and how far they have come."""
    study = studies.study(found.study)
    kept = found.runs.select_related("release").prefetch_related(
        Prefetch("checkpoints", Checkpoint.objects.only("run"))
    )
    runs = {run.part: run for run in with_place(kept)}
    trained = {part.name for part in study_runs.parts_of(found)}
    over = [run for run in runs.values() if run.is_over]
    under_way = sum(run.step / run.n_steps for run in runs.values() if not run.is_over and run.n_steps)
    return {
        "summary": f"{study.summary}. From {study.source}.",
        "n_parts": len(trained),
        "n_over": len(over),
        "share": round(len(over) + under_way, 3),
        "is_live": found.status == StudyRun.Status.OPEN or any(run.status in _MOVING for run in runs.values()),
        "parts": [_part(part, runs, is_trained=part.name in trained) for part in study.parts],
    }


def _part(part: studies.Part, runs: dict[str, Run], *, is_trained: bool) -> dict:
    described = ", ".join(f"{label.replace('_', ' ')} {value}" for label, value in part.labels.items())
    known = {"name": part.name, "described": described, "message": "", "headline": ""}
    if (run := runs.get(part.name)) is None:
        return known | {"run": None, "label": f"waits for {part.base}" if is_trained else "needs a second collection"}
    headline = studies.headline(run.metrics) if run.status == Status.FINISHED else ""
    return known | run_state(run) | {"headline": headline, "label": run.get_status_display(), "place": run.place}


def study_results(found: StudyRun) -> StudyResults:
    """Return what a study has come to, as `python -m learning` leaves it in a folder; its checkpoints are rows here."""
    study = studies.study(found.study)
    runs = {run.part: run for run in found.runs.all()}
    return StudyResults(
        Path(), found.study, study.summary, found.release.sha256, found.second.sha256 if found.second else "",
        found.seed, found.changes, study.tables, tuple(_part_result(part, runs, found) for part in study.parts),
    )  # fmt: skip


def _part_result(part: studies.Part, runs: dict[str, Run], found: StudyRun) -> PartResult:
    known = {"name": part.name, "recipe": part.recipe, "labels": part.labels, "starts_from": part.base}
    if (run := runs.get(part.name)) is None:
        return PartResult(status=LEFT_OUT, message=studies.NO_SECOND, changes=found.changes, **known)
    base = runs.get(part.base)
    message = "" if run.status == Status.FINISHED else run.message
    if base is not None and base.status != Status.FINISHED:
        message = message or studies.begun_without(part, base.message or base.status)
    curve = [{"step": step, **metrics} for step, metrics in run.points.order_by("step").values_list("step", "metrics")]
    ended = {Status.FINISHED: FINISHED, Status.FAILED: LEFT_OUT}.get(run.status, STOPPED)
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else 0.0
    return PartResult(
        status=ended, message=message, changes=run.changes, seconds=seconds,
        metrics=run.metrics if ended == FINISHED else {}, curve=curve, **known,
    )  # fmt: skip


def run_progress(run: Run) -> dict:
    """Return what the live page shows: the state, times, the place in the queue and the learning curves."""
    seconds = None
    if run.started_at:
        until = run.finished_at if run.is_over else None
        seconds = ((until or timezone.now()) - run.started_at).total_seconds()
    return run_state(run) | {
        "label": run.get_status_display(),
        "is_over": run.is_over,
        "place": queue_places().get(run.pk),
        "seconds": seconds,
        "seconds_left": run.seconds_left,
        "can_stop": run.status in (Status.QUEUED, Status.RUNNING),
        "can_resume": run.status in (Status.STOPPED, Status.FAILED),
        "n_attempts": run.n_attempts,
        "curves": learning_curves(run),
    }


def learning_curves(run: Run) -> dict[str, list[list[float]]]:
    """Return {metric: [[step, value], ...]} in order, thinned to some hundred points a curve, the last one kept."""
    curves: dict[str, list[list[float]]] = {}
    for step, metrics in run.points.order_by("step").values_list("step", "metrics"):
        for name, value in metrics.items():
            if name != "step" and isinstance(value, int | float):
                curves.setdefault(name, []).append([step, value])
    return {name: _thinned(points) for name, points in curves.items() if len(points) > 1}


def _thinned(points: list) -> list:
    every = -(-len(points) // N_CURVE_POINTS)
    return points[::every] + ([points[-1]] if (len(points) - 1) % every else [])
