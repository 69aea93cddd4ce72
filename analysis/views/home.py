"""The front page."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from analysis import selectors
from analysis.views.serving import cached

N_REPORTS = 50


@require_safe
def home(request):
    reports = list(selectors.on_the_front_page(selectors.published_reports())[:N_REPORTS])
    figures = selectors.key_figures(report.pk for report in reports)
    shown = {
        "cards": [{"report": report, "figures": figures[report.pk]} for report in reports],
        "studies": selectors.published_studies(),
        "can_compare": selectors.published_reports().count() > 1,
    }
    return cached(request, render(request, "analysis/home.html", shown), is_public=True)
