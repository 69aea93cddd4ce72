"""What the page of a study, which belongs to `learning`, shows of the reports that this room writes about it."""

from dataclasses import dataclass

from django import template

from analysis.models import StudyReport
from analysis.services.study_writing import evaluated

register = template.Library()


@dataclass(frozen=True)
class Reports:
    """all : reports on a study, newest first, without their results; is_awaited : whether one is still to come."""

    all: list[StudyReport]
    n_evaluated: int
    n_to_evaluate: int
    is_awaited: bool


@register.simple_tag
def study_reports(found) -> Reports:
    known = list(StudyReport.objects.filter(study_run=found).defer("results").order_by("-version"))
    is_under_way = any(report.status in ("queued", "running") for report in known)
    return Reports(known, *evaluated(found), is_under_way or (found.status == "finished" and not known))
