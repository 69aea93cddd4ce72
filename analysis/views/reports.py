"""The report on one network: its page, its files, its faces."""

from functools import wraps

from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from analysis import selectors
from analysis.pages import ResultsOutdated
from analysis.services import reports as services
from analysis.services.reports import report_page
from analysis.views.serving import cached, download, marked, newer_notice


def of_current_results(view):
    """Where an earlier version of the site measured, lead to the file that it wrote: that stays as it was."""

    @wraps(view)
    def wrapped(request, address, *arguments, **named):
        try:
            return view(request, address, *arguments, **named)
        except ResultsOutdated:
            found = selectors.access_report(request, address)
            status = 200 if request.resolver_match.url_name == "report" else 404
            page = render(request, "analysis/outdated.html", {"report": found}, status=status)
            return marked(page, is_public=found.is_published)

    return wrapped


@require_safe
@of_current_results
def report(request, address):
    found = selectors.access_report(request, address)
    links = (
        ("This page as one file", reverse("analysis:report-file", args=[address])),
        ("Everything (zip)", reverse("analysis:report-zip", args=[address])),
        ("The numbers (JSON)", reverse("analysis:report-results", args=[address])),
        ("All reports", reverse("analysis:home")),
    )
    if (whole := selectors.study_of(found)) is not None:
        links += ((f"Part of: {whole}", reverse("analysis:study", args=[whole.address])),)
    notice = newer_notice(found, selectors.newer_report(found), "analysis:report")
    page = report_page(found, links, notice=notice, files_at=reverse("analysis:report", args=[address]))
    return cached(request, HttpResponse(page), is_public=found.is_published)


@require_safe
def report_file(request, address):
    found = selectors.access_report(request, address)
    response = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=f"report-{address}.html", content_type="text/html"
    )
    return marked(response, is_public=found.is_published)


@require_safe
def report_results(request, address):
    found = selectors.access_report(request, address)
    response = JsonResponse(selectors.numbers(found), json_dumps_params={"ensure_ascii": False})
    return cached(request, response, is_public=found.is_published)


@require_safe
@of_current_results
def report_zip(request, address):
    found = selectors.access_report(request, address)
    content = services.report_zip(found)
    return download(content, f"report-{address}.zip", "application/zip", is_public=found.is_published)


@require_safe
@of_current_results
def report_member(request, address, name):
    found = selectors.access_report(request, address)
    try:
        content, kind = services.report_member(found, name)
    except LookupError as error:
        raise Http404 from error
    return download(content, name, kind, is_public=found.is_published)


@require_safe
def report_faces(request, address, number):
    found = selectors.access_report(request, address)
    try:
        content = services.contact_sheet(found, number)
    except LookupError as error:
        raise Http404 from error
    return cached(request, HttpResponse(content, content_type="image/jpeg"), is_public=found.is_published)
