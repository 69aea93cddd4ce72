"""The report on a whole study: its page and its files."""

from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from analysis import selectors, tables, titles
from analysis.services import study_reports as services
from analysis.views.serving import cached, download, marked, newer_notice


@require_safe
def study(request, address):
    found = selectors.access_study_report(request, address)
    links = [("This page as one file", reverse("analysis:study-file", args=[address]))]
    if found.archive:
        links.append(("Everything (zip)", reverse("analysis:study-zip", args=[address])))
    links += [("The numbers (JSON)", reverse("analysis:study-results", args=[address]))]
    links += [("All reports", reverse("analysis:home"))]
    notice = newer_notice(found, selectors.newer_study_report(found), "analysis:study")
    return cached(request, HttpResponse(services.study_page(found, links, notice)), is_public=found.is_published)


@require_safe
def study_file(request, address):
    found = selectors.access_study_report(request, address)
    response = FileResponse(
        found.file.open("rb"), as_attachment=True, filename=f"study-{address}.html", content_type="text/html"
    )
    return marked(response, is_public=found.is_published)


@require_safe
def study_zip(request, address):
    found = selectors.access_study_report(request, address)
    if not found.archive:  # written by an earlier version of the site
        raise Http404
    response = FileResponse(found.archive.open("rb"), as_attachment=True, filename=f"study-{address}.zip")
    return marked(response, is_public=found.is_published)


@require_safe
def study_member(request, address, name):
    found = selectors.access_study_report(request, address)
    try:
        content, kind = services.study_member(found, name)
    except LookupError as error:
        raise Http404 from error
    return download(content, name.rpartition("/")[2], kind, is_public=found.is_published)


@require_safe
def study_results(request, address):
    found = selectors.access_study_report(request, address)
    numbers = titles.named(tables.numbers(found.results), found.title, found.note)
    response = JsonResponse(numbers, json_dumps_params={"ensure_ascii": False})
    return cached(request, response, is_public=found.is_published)
