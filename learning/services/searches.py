"""Searches as rows. What comes next follows from a search's runs, so that a sweep may be missed, doubled or killed."""

from django.db import transaction
from django.utils import timezone

from learning import recipes, sweeps
from learning.models import Run, Search
from learning.services.runs import create_run, resume_all, stop_all
from learning.services.tending import Due, advance_each

Status = Search.Status


class SearchIsOver(Exception):
    """the search has already ended"""


class SearchIsOpen(Exception):
    """the search has not been stopped"""


def create_search(
    release, recipe: str, ranges, *, n_rounds=2, n_trials=8, changes=None, coarse=None, seed=0, created_by=None
) -> tuple[Search, Due]:
    """Create a search with the runs of its first round, which the caller schedules when this is committed.

    ranges : lines as `learning.sweeps.read_space` reads them. RecipeUnknown, ConfigInvalid before anything is written.
    """
    config = recipes.recipe(recipe).config
    changes, coarse = ({k: str(v) for k, v in (given or {}).items()} for given in (changes, coarse))
    space = sweeps.read_space(ranges, config)
    sweeps.checked(sweeps.Plan(space, n_rounds, n_trials, changes, coarse), config)
    due = Due()
    with transaction.atomic():
        search = Search.objects.create(
            release=release, recipe=recipe, ranges=[part.described() for part in space], n_rounds=n_rounds,
            n_trials=n_trials, changes=changes, coarse=coarse, seed=seed, created_by=created_by,
        )  # fmt: skip
        _advance(search, due)
    return search, due


def plan_of(search: Search) -> sweeps.Plan:
    space = sweeps.read_space(search.ranges, recipes.recipe(search.recipe).config)
    return sweeps.Plan(space, search.n_rounds, search.n_trials, search.changes, search.coarse)


def trials_of(search: Search, plan: sweeps.Plan, runs) -> list[sweeps.Trial]:
    """Return one trial for each run, in order; a run that has not finished has no score."""
    return [
        sweeps.Trial(
            run.search_round,
            {part.key: run.changes[part.key] for part in plan.space},
            sweeps.score_of(run.metrics, search.figure)
            if search.figure and run.status == Run.Status.FINISHED
            else None,
        )
        for run in runs
    ]


def tend_searches() -> Due:
    """Bring every open search one step on; one bad search stops no other."""
    return advance_each(Search, _advance)


def _advance(search: Search, due: Due) -> None:
    plan = plan_of(search)
    runs = list(search.runs.order_by("pk"))
    if search.figure == "":
        finished = (run for run in runs if run.status == Run.Status.FINISHED)
        search.figure = next(filter(None, (sweeps.figure_of(run.metrics) for run in finished)), "")
    trials = trials_of(search, plan, runs)
    found = sweeps.winner(plan, trials)
    search.best = None if found is None else runs[trials.index(found)]
    number = max((run.search_round for run in runs), default=0)
    if not any(not run.is_over for run in runs):
        if number < plan.n_rounds and (search.best or not runs):
            _make_round(search, plan, number + 1, trials, due)
        else:
            _end(search, runs, due)
    search.save()


def _make_round(search: Search, plan: sweeps.Plan, number: int, trials, due: Due) -> None:
    for drawn in sweeps.draw_round(plan, number, trials, seed=search.seed):
        run = create_run(
            search.release, search.recipe, plan.settings(number, drawn), search.seed, search.created_by,
            search=search, search_round=number,
        )  # fmt: skip
        due.runs.append(run.pk)


def _end(search: Search, runs: list[Run], due: Due) -> None:
    search.finished_at = timezone.now()
    if search.best:
        search.status, search.message = Status.FINISHED, ""
        due.best.append(search.best_id)
        return
    search.status = Status.FAILED
    failed = next((run for run in runs if run.message), runs[0])
    search.message = (
        f"None of {len(runs)} runs has a validation figure to compare. Run {failed.pk}: "
        f"{failed.message or 'its release has no validation split and none was set aside.'}"
    )


def stop_search(search: Search) -> Search:
    """Stop a search and the runs of it that wait or train. Asking twice is harmless."""
    stopped = Search.objects.filter(pk=search.pk, status=Status.OPEN)
    is_new = stopped.update(status=Status.STOPPED, finished_at=timezone.now(), message="Stopped.")
    search.refresh_from_db()
    if not is_new and search.status != Status.STOPPED:
        raise SearchIsOver(f"Search {search.pk} cannot be stopped: it is {search.get_status_display()}.")
    stop_all(search.runs)
    return search


def resume_search(search: Search) -> Due:
    """Go on with a stopped or failed search: its runs that were stopped or failed go on from their last state."""
    with transaction.atomic():
        ended = Search.objects.filter(pk=search.pk, status__in=[Status.STOPPED, Status.FAILED])
        if not ended.update(status=Status.OPEN, finished_at=None, message=""):
            search.refresh_from_db()
            raise SearchIsOpen(f"Search {search.pk} cannot be resumed: it is {search.get_status_display()}.")
        search.refresh_from_db()
        due = Due(resume_all(search.runs))
        if not due.runs:
            _advance(search, due)
    return due
