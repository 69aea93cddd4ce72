"""Reports on whole studies: written once with a version and an address that stay, then published and withdrawn."""

import hashlib
import zipfile

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max
from django.urls import reverse

from analysis import bundle, study_bundle, study_pages, titles
from analysis.models import Report, StudyReport
from analysis.services.reports import publish_report, rename


def create_study_report(
    results: dict, title: str = "", measured: dict[str, dict] | None = None, note: str = ""
) -> StudyReport:
    """Write the page and the zip of a study's results (`study_report.study_results`), unpublished.

    measured : network -> results of its evaluation, whose pages go into the zip.
    A further report on the same study is the next version, at an address of its own.
    """
    with transaction.atomic():
        report = new_study_report(results["study"], title, note)
        write_files(report, results, measured or {})
        report.save()
    return report


def new_study_report(study: str, title: str = "", note: str = "", **fields) -> StudyReport:
    """Return the next version of the report on a study, not yet saved."""
    title, note = titles.checked(title or f"Study {study}", note)
    newest = StudyReport.objects.filter(study=study).aggregate(newest=Max("version"))["newest"] or 0
    return StudyReport(study=study, title=title, note=note, version=newest + 1, **fields)


def write_files(report: StudyReport, results: dict, measured: dict[str, dict]) -> None:
    """Write the page and the zip beside a row, which the caller saves."""
    report.results = results
    files = dict(study_bundle.members(results, measured, title=report.title, note=report.note, edition=edition(report)))
    _save_files(report, files)


def name_study_report(report: StudyReport, title: str, note: str = "") -> StudyReport:
    """Give a draft another title and note, in its row, its page and its zip. As `reports.name_report`."""
    return rename(report, title, note, _write_page_again)


def _write_page_again(report: StudyReport) -> None:
    """Write page, numbers and zip with the row's title; what is told of each network stays as it was."""
    with report.archive.open("rb") as file, zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    networks = {part["name"]: {} for part in report.results["parts"] if f"{part['name']}.html" in files}
    files |= study_bundle.front(report.results, networks, title=report.title, note=report.note, edition=edition(report))
    _save_files(report, files)
    report.save()


def _save_files(report: StudyReport, files: dict[str, bytes]) -> None:
    page = files[study_bundle.PAGE]
    report.sha256 = hashlib.sha256(page).hexdigest()
    report.file.save(f"study-{report.address}.html", ContentFile(page), save=False)
    report.archive.save(f"study-{report.address}.zip", ContentFile(bundle.packed(files.items())), save=False)


def edition(report: StudyReport) -> dict:
    return {"version": report.version, "address": f"{settings.SITE_URL}/studies/{report.address}/"}


def publish_study_report(report: StudyReport, user=None) -> StudyReport:
    """Let strangers read the page and the reports of its networks, so that no link on it leads to nothing."""
    for one in _reports_of_networks(report).values():
        publish_report(one, user)
    return publish_report(report, user)


def study_page(report: StudyReport, links=(), notice: dict | None = None) -> str:
    """Return the page as the site serves it. notice : what is said above it, such as that a newer version exists.

    A draft, which only researchers see, leads to drafts and to the runs; what is published to what is published.
    """
    files_at = reverse("analysis:study", args=[report.address])
    names = file_names(report)
    drafts = {} if report.is_published else _reports_of_networks(report)
    shown = {name: one for name, one in _reports_of_networks(report).items() if one.is_published} | drafts
    pages_of = [part["name"] for part in report.results["parts"] if f"{part['name']}.html" in names]
    reports = {name: f"{files_at}files/{name}.html" for name in pages_of}
    reports |= {name: reverse("analysis:report", args=[one.address]) for name, one in shown.items()}
    runs = (
        {} if report.is_published or report.study_run is None else dict(report.study_run.runs.values_list("part", "pk"))
    )
    return study_pages.render_study(
        report.results,
        assets="static",
        title=report.title,
        static_url=settings.STATIC_URL,
        links=links,
        reports=reports,
        runs={name: reverse("admin:learning_run_change", args=[pk]) for name, pk in runs.items()},
        edition=edition(report),
        notice=notice,
        note=report.note,
        files=tuple((name, f"{files_at}files/{name}") for name in names if "/" not in name),
    )


def file_names(report: StudyReport) -> list[str]:
    """Return the names of the files in the zip, [] where an earlier version of the site wrote none."""
    if not report.archive:
        return []
    with report.archive.open("rb") as file, zipfile.ZipFile(file) as archive:
        return archive.namelist()


def study_member(report: StudyReport, name: str) -> tuple[bytes, str]:
    """Return one file of the zip and its content type. `bundle.FileUnknown` for a name that it does not have."""
    if name not in file_names(report):
        raise bundle.FileUnknown(f"the report has no file {name!r}")
    with report.archive.open("rb") as file, zipfile.ZipFile(file) as archive:
        return archive.read(name), bundle.KINDS[f".{name.rpartition('.')[2]}"]


def _reports_of_networks(report: StudyReport) -> dict[str, Report]:
    """Return {network: its newest report}, {} for a study that was not trained on this site."""
    if report.study_run is None:
        return {}
    run = "evaluation__checkpoint__run"
    found = Report.objects.filter(**{f"{run}__study_run": report.study_run}).select_related(run).order_by("pk")
    return {one.evaluation.checkpoint.run.part: one for one in found.defer("evaluation__results")}
