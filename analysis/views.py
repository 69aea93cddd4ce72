"""What readers see: the front page and the published reports."""

import hashlib
from functools import wraps

from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

from analysis import selectors
from analysis.pages import ResultsOutdated
from analysis.services import reports as services
from analysis.services.reports import report_page
from analysis.services.study_reports import study_page

# Short, because a withdrawn report should soon be gone from caches as well.
MAX_AGE_SECONDS = 60
N_REPORTS = 50


@require_safe
def home(request):
    reports = list(selectors.published_reports()[:N_REPORTS])
    figures = selectors.key_figures(report.pk for report in reports)
    cards = [{"report": report, "figures": figures[report.pk]} for report in reports]
    return _cached(
        request,
        render(request, "analysis/home.html", {"cards": cards, "studies": selectors.published_studies()}),
        is_public=True,
    )


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
            return _marked(page, is_public=found.is_published)

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
    newer = selectors.newer_report(found)
    notice = newer and {
        "text": f"This is version {found.version}, kept as it was.",
        "href": reverse("analysis:report", args=[newer.address]),
        "link": f"Version {newer.version} is newer.",
    }
    page = report_page(found, links, notice=notice, files_at=reverse("analysis:report", args=[address]))
    return _cached(request, HttpResponse(page), is_public=found.is_published)


@require_safe
def report_file(request, address):
    found = selectors.access_report(request, address)
    response = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=f"report-{address}.html", content_type="text/html"
    )
    return _marked(response, is_public=found.is_published)


@require_safe
def report_results(request, address):
    found = selectors.access_report(request, address)
    response = JsonResponse(selectors.numbers(found), json_dumps_params={"ensure_ascii": False})
    return _cached(request, response, is_public=found.is_published)


@require_safe
@of_current_results
def report_zip(request, address):
    found = selectors.access_report(request, address)
    name = f'attachment; filename="report-{address}.zip"'
    response = HttpResponse(
        services.report_zip(found), content_type="application/zip", headers={"Content-Disposition": name}
    )
    return _marked(response, is_public=found.is_published)


@require_safe
@of_current_results
def report_member(request, address, name):
    found = selectors.access_report(request, address)
    try:
        content, kind = services.report_member(found, name)
    except LookupError as error:
        raise Http404 from error
    response = HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    return _marked(response, is_public=found.is_published)


@require_safe
def report_faces(request, address, number):
    found = selectors.access_report(request, address)
    try:
        content = services.contact_sheet(found, number)
    except LookupError as error:
        raise Http404 from error
    return _cached(request, HttpResponse(content, content_type="image/jpeg"), is_public=found.is_published)


@require_safe
def study(request, address):
    found = selectors.access_study_report(request, address)
    links = (
        ("This page as one file", reverse("analysis:study-file", args=[address])),
        ("The numbers (JSON)", reverse("analysis:study-results", args=[address])),
        ("All reports", reverse("analysis:home")),
    )
    newer = selectors.newer_study_report(found)
    notice = newer and {
        "text": f"This is version {found.version}, kept as it was.",
        "href": reverse("analysis:study", args=[newer.address]),
        "link": f"Version {newer.version} is newer.",
    }
    return _cached(request, HttpResponse(study_page(found, links, notice)), is_public=found.is_published)


@require_safe
def study_file(request, address):
    found = selectors.access_study_report(request, address)
    response = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=f"study-{address}.html", content_type="text/html"
    )
    return _marked(response, is_public=found.is_published)


@require_safe
def study_results(request, address):
    found = selectors.access_study_report(request, address)
    response = JsonResponse(found.results, json_dumps_params={"ensure_ascii": False})
    return _cached(request, response, is_public=found.is_published)


def _cached(request, response, *, is_public):
    """Answer "not modified" to a browser that has this very page; drafts are never stored."""
    _marked(response, is_public=is_public)
    if not is_public:
        return response
    etag = quote_etag(hashlib.sha256(response.content).hexdigest()[:32])
    response["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response)


def _marked(response, *, is_public):
    if is_public:
        patch_cache_control(response, public=True, max_age=MAX_AGE_SECONDS)
    else:
        patch_cache_control(response, private=True, no_store=True)
    return response
