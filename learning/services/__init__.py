"""The verbs of runs. Whoever calls `create_run` or `resume_run` also schedules `learning.tasks.train_run`."""

from learning.services.execution import execute_run
from learning.services.runs import create_run, release_runs, resume_run, stop_run, sweep_runs
from learning.services.searches import create_search, resume_search, stop_search, tend_searches

__all__ = [
    "create_run", "create_search", "execute_run", "release_runs", "resume_run", "resume_search", "stop_run",
    "stop_search", "sweep_runs", "tend_searches",
]  # fmt: skip
