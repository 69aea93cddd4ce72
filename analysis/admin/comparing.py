"""The page that puts runs side by side."""

from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse

from analysis import comparison, selectors
from analysis.forms import RunsForm
from learning.models import Run

N_OFFERED = 60


def compare_runs(request, context: dict) -> TemplateResponse:
    if not request.user.has_perm("learning.view_run"):
        raise PermissionDenied
    form, runs = RunsForm(request.GET), []
    if "runs" in request.GET and form.is_valid():
        runs = selectors.compared_runs(form.cleaned_data["runs"])
    context |= {
        "title": "Compare runs",
        **comparison.page(runs),
        "chosen": {run.pk for run in runs},
        "errors": form.errors.get("runs") if "runs" in request.GET else None,
        "offered": Run.objects.select_related("release").defer("release__manifest", "config")[:N_OFFERED],
        "max_runs": comparison.MAX_RUNS,
    }
    return TemplateResponse(request, "analysis/compare.html", context)
