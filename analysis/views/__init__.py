"""What readers see: the front page, published reports and studies, and reports side by side."""

from analysis.views.comparing import compare
from analysis.views.home import home
from analysis.views.reports import report, report_faces, report_file, report_member, report_results, report_zip
from analysis.views.studies import study, study_file, study_member, study_results, study_zip

__all__ = [
    "compare", "home", "report", "report_faces", "report_file", "report_member", "report_results", "report_zip",
    "study", "study_file", "study_member", "study_results", "study_zip",
]  # fmt: skip
