"""Published reports side by side."""

from django.shortcuts import render
from django.views.decorators.http import require_safe

from analysis import comparison, selectors
from analysis.forms import ReportsForm
from analysis.views.serving import cached

N_OFFERED = 60


@require_safe
def compare(request):
    form, runs = ReportsForm(request.GET), []
    if "reports" in request.GET and form.is_valid():
        runs = selectors.compared_reports(form.cleaned_data["reports"])
    shown = comparison.page(runs) | {
        "chosen": {run.href for run in runs},
        "errors": form.errors.get("reports") if "reports" in request.GET else None,
        "offered": selectors.published_reports()[:N_OFFERED],
        "max_runs": comparison.MAX_RUNS,
    }
    return cached(request, render(request, "analysis/compare_reports.html", shown), is_public=True)
