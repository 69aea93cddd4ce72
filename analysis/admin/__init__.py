"""The admin of evidence: what was measured, what is published, how a study grows."""

from analysis.admin import evidence, growing, studies

__all__ = ["evidence", "growing", "studies"]
