"""Reports: the page about one evaluation, made once, published and withdrawn."""

import base64
import hashlib
import secrets

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analysis import bundle, pages
from analysis.models import Evaluation, Report, StudyReport
from learning.models import Run


class EvaluationUnfinished(ValueError):
    """the evaluation has no results yet"""


def create_report(evaluation: Evaluation, title: str = "") -> Report:
    """Write the self-contained file of a finished evaluation and return its report, unpublished.

    A further evaluation of the same run on the same release makes the next version, at an address of its own.
    """
    if not evaluation.results:
        raise EvaluationUnfinished(
            f"Evaluation {evaluation.pk} has no results: it is {evaluation.get_status_display().lower()}."
        )
    title = title or default_title(evaluation)
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=evaluation.checkpoint.run_id)  # two at once get two numbers
        earlier = Report.objects.filter(evaluation__checkpoint__run=run, evaluation__release=evaluation.release_id)
        version = (earlier.aggregate(newest=Max("version"))["newest"] or 0) + 1
        report = Report(evaluation=evaluation, title=title, version=version)
        return _write(report)


def _write(report: Report) -> Report:
    """Write the file of a new report beside its row."""
    results = report.evaluation.results
    page = pages.render_report(results, assets="inline", title=report.title, edition=edition(report))
    content = page.encode()
    report.sha256 = hashlib.sha256(content).hexdigest()
    report.file.save(f"report-{report.address}.html", ContentFile(content), save=True)
    return report


def edition(report: Report) -> dict:
    return {"version": report.version, "address": f"{settings.SITE_URL}/reports/{report.address}/"}


def default_title(evaluation: Evaluation) -> str:
    run = evaluation.checkpoint.run
    return f"{evaluation.release.name}: {run.recipe}, seed {run.seed}"


def publish_report(report: Report | StudyReport, user=None):
    """Let strangers read the page. Publishing twice keeps the first date and name."""
    type(report).objects.filter(pk=report.pk, is_published=False).update(
        is_published=True, published_at=timezone.now(), published_by=user
    )
    report.refresh_from_db()
    return report


def unpublish_report(report: Report | StudyReport):
    """Withdraw the page: strangers find nothing at its address, which stays reserved for it."""
    type(report).objects.filter(pk=report.pk).update(is_published=False, published_at=None, published_by=None)
    report.refresh_from_db()
    return report


def report_page(report: Report, links=(), *, notice: dict | None = None, files_at: str = "") -> bytes:
    """Return the page as the site serves it, drawn once and then kept beside the other local copies.

    notice : what is said above it, as `pages.render_report`      files_at : where its files and faces lie
    """

    def draw() -> bytes:
        results = _current(report)
        return pages.render_report(
            results,
            assets="static",
            title=report.title,
            static_url=settings.STATIC_URL,
            links=links,
            notice=notice,
            sheets_at=f"{files_at}faces/" if files_at else "",
            files=tuple((name, f"{files_at}files/{name}") for name in bundle.names(results)) if files_at else (),
            edition=edition(report),
        ).encode()

    return _kept(_key(report, links, notice, files_at, _template_digest()), ".html", draw)


def report_zip(report: Report) -> bytes:
    """Return everything of a report as one zip."""
    with report.file.open("rb") as file:
        page = {"report.html": file.read()}
    return _kept(_key(report, "zip"), ".zip", lambda: bundle.zipped(_current(report), page))


def report_member(report: Report, name: str) -> tuple[bytes, str]:
    """Return one file of a report and its content type. `bundle.FileUnknown` for a name that it does not have."""
    results, kind = _current(report), bundle.KINDS.get(f".{name.rpartition('.')[2]}", "")
    return _kept(_key(report, "file", name), ".file", lambda: bundle.content(results, name)), kind


def contact_sheet(report: Report, number: int) -> bytes:
    """Return one contact sheet of faces as JPEG. LookupError for a number that there is not."""
    sheets = (report.evaluation.results.get("sheets") or {}).get("sheets") or []
    return base64.b64decode(sheets[number].partition(",")[2])


def _current(report: Report) -> dict:
    """Return the results of a report. `pages.ResultsOutdated` where an earlier version of the site made them."""
    pages.require_current(report.evaluation.results)
    return report.evaluation.results


def _kept(key: str, suffix: str, make) -> bytes:
    """Return bytes kept under a key in the local cache, made where they are missing."""
    path = settings.VAR_DIR / "cache" / "pages" / f"{key}{suffix}"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    content = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{secrets.token_hex(4)}")
    partial.write_bytes(content)
    partial.replace(path)
    return content


def _key(report: Report, *parts) -> str:
    """Everything that what is kept depends on."""
    known = [report.sha256, report.title, settings.STATIC_URL, settings.SITE_URL, repr(parts)]
    return hashlib.sha256("\0".join(known).encode()).hexdigest()


def _template_digest() -> str:
    folder = pages.TEMPLATES / "analysis"
    templates = [folder / "report.html.jinja", *sorted((folder / "report").iterdir())]
    return " ".join(str(template.stat().st_mtime_ns) for template in templates)
