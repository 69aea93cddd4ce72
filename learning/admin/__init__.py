"""The admin's pages of runs, checkpoints, searches and whole studies."""

from learning.admin.runs import CheckpointAdmin, RunAdmin
from learning.admin.searches import SearchAdmin
from learning.admin.study_runs import StudyRunAdmin

__all__ = ["CheckpointAdmin", "RunAdmin", "SearchAdmin", "StudyRunAdmin"]
