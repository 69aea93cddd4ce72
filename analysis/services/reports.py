"""Reports: the page about one evaluation, made once, published and withdrawn."""

import base64
import hashlib
import secrets
from collections.abc import Callable

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from analysis import bundle, pages, study_pages, titles
from analysis.models import Evaluation, Report, StudyReport
from learning.models import Run


class EvaluationUnfinished(ValueError):
    """the evaluation has no results yet"""


class ReportPublished(ValueError):
    """what is published is never changed"""


def create_report(evaluation: Evaluation, title: str = "", note: str = "") -> Report:
    """Write the self-contained file of a finished evaluation and return its report, unpublished.

    title, note : as asked with the evaluation where empty; without either, release, recipe and seed.

    A further evaluation of the same run on the same release makes the next version, at an address of its own.
    """
    if not evaluation.results:
        raise EvaluationUnfinished(
            f"Evaluation {evaluation.pk} has no results: it is {evaluation.get_status_display().lower()}."
        )
    title, note = titles.checked(title or evaluation.title or default_title(evaluation), note or evaluation.note)
    with transaction.atomic():
        run = Run.objects.select_for_update().get(pk=evaluation.checkpoint.run_id)  # two at once get two numbers
        earlier = Report.objects.filter(evaluation__checkpoint__run=run, evaluation__release=evaluation.release_id)
        version = (earlier.aggregate(newest=Max("version"))["newest"] or 0) + 1
        report = Report(evaluation=evaluation, title=title, note=note, version=version)
        return _write(report)


def _write(report: Report) -> Report:
    """Write the file of a new report beside its row."""
    results = report.evaluation.results
    named = {"title": report.title, "note": report.note}
    page = pages.render_report(results, assets="inline", edition=edition(report), **named)
    content = page.encode()
    report.sha256 = hashlib.sha256(content).hexdigest()
    report.file.save(f"report-{report.address}.html", ContentFile(content), save=True)
    return report


def name_report(report: Report, title: str, note: str = "") -> Report:
    """Give a draft another title and note, in its row and its file. ReportPublished, TitleInvalid."""
    return rename(report, title, note, _write)


def require_drawable(report: Report | StudyReport) -> None:
    """Raise `pages.ResultsOutdated` where the page cannot be written again."""
    if isinstance(report, StudyReport):
        study_pages.require_current(report.results)
    else:
        pages.require_current(report.evaluation.results)


def rename(report: Report | StudyReport, title: str, note: str, write: Callable):
    """Name a draft; `write` writes the files of a row that it gets and saves it. Old files go when all is saved."""
    title, note = titles.checked(title, note)
    if not title:
        raise titles.TitleInvalid("a report has no title: expected a line that says what it is about")
    with transaction.atomic():
        held = type(report).objects.select_for_update().get(pk=report.pk)
        if held.is_published:
            raise ReportPublished(f"{held} is published: withdraw it first, or make a further version.")
        if (held.title, held.note) == (title, note):
            return held
        old = [file for file in (held.file, getattr(held, "archive", None)) if file]
        old = [(file.storage, file.name) for file in old]
        held.title, held.note = title, note
        write(held)
        transaction.on_commit(lambda: [storage.delete(name) for storage, name in old])
    return held


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
            note=report.note,
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
    """Return the results of a report under its title and note. `pages.ResultsOutdated` for an earlier version's."""
    pages.require_current(report.evaluation.results)
    return titles.named(report.evaluation.results, report.title, report.note)


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
    known = [
        report.sha256,
        report.title,
        report.note,
        settings.FIGURE_FONTS,
        settings.STATIC_URL,
        settings.SITE_URL,
        repr(parts),
    ]
    return hashlib.sha256("\0".join(known).encode()).hexdigest()


def _template_digest() -> str:
    folder = pages.TEMPLATES / "analysis"
    templates = [folder / "report.html.jinja", *sorted((folder / "report").iterdir())]
    return " ".join(str(template.stat().st_mtime_ns) for template in templates)
