"""The admin's pages of runs, checkpoints and searches."""

from learning.admin.runs import CheckpointAdmin, RunAdmin
from learning.admin.searches import SearchAdmin

__all__ = ["CheckpointAdmin", "RunAdmin", "SearchAdmin"]
