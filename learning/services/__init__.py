"""The verbs of runs. Whoever calls `create_run` or `resume_run` also schedules `learning.tasks.train_run`."""

from learning.services.execution import execute_run
from learning.services.runs import create_run, release_runs, resume_run, stop_run, sweep_runs
from learning.services.searches import Due, create_search, resume_search, stop_search, tend_searches
from learning.services.study_runs import create_study_run, resume_study_run, stop_study_run, tend_study_runs

__all__ = [
    "Due", "create_run", "create_search", "create_study_run", "execute_run", "release_runs", "resume_run",
    "resume_search", "resume_study_run", "stop_run", "stop_search", "stop_study_run", "sweep_runs", "tend",
]  # fmt: skip


def tend() -> Due:
    """Bring searches and studies one step on, and return what the caller schedules."""
    searches, studies = tend_searches(), tend_study_runs()
    return Due(searches.runs + studies.runs, searches.best + studies.best)
