"""Reports: the page about one evaluation, made once, published and withdrawn."""

import hashlib
import secrets

from django.conf import settings
from django.core.files.base import ContentFile
from django.utils import timezone

from analysis import pages
from analysis.models import Evaluation, Report


class EvaluationUnfinished(ValueError):
    """the evaluation has no results yet"""


def create_report(evaluation: Evaluation, title: str = "") -> Report:
    """Write the self-contained file of a finished evaluation and return its report, unpublished."""
    if not evaluation.results:
        raise EvaluationUnfinished(
            f"Evaluation {evaluation.pk} has no results: it is {evaluation.get_status_display().lower()}."
        )
    title = title or default_title(evaluation)
    content = pages.render_report(evaluation.results, assets="inline", title=title).encode()
    report = Report(evaluation=evaluation, title=title, sha256=hashlib.sha256(content).hexdigest())
    report.file.save(f"report-{report.address}.html", ContentFile(content), save=True)
    return report


def default_title(evaluation: Evaluation) -> str:
    run = evaluation.checkpoint.run
    return f"{evaluation.release.name}: {run.recipe}, seed {run.seed}"


def publish_report(report: Report, user=None) -> Report:
    """Let strangers read the page. Publishing twice keeps the first date and name."""
    Report.objects.filter(pk=report.pk, is_published=False).update(
        is_published=True, published_at=timezone.now(), published_by=user
    )
    report.refresh_from_db()
    return report


def unpublish_report(report: Report) -> Report:
    """Withdraw the page: strangers find nothing at its address, which stays reserved for it."""
    Report.objects.filter(pk=report.pk).update(is_published=False, published_at=None, published_by=None)
    report.refresh_from_db()
    return report


def report_page(report: Report, links=()) -> bytes:
    """Return the page as the site serves it, drawn once and then kept beside the other local copies."""
    path = settings.VAR_DIR / "cache" / "pages" / f"{_page_key(report, links)}.html"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    page = pages.render_report(
        report.evaluation.results, assets="static", title=report.title, static_url=settings.STATIC_URL, links=links
    ).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{secrets.token_hex(4)}")
    partial.write_bytes(page)
    partial.replace(path)
    return page


def _page_key(report: Report, links) -> str:
    """Everything that the page depends on, the templates of this version included."""
    parts = [report.sha256, report.title, settings.STATIC_URL, repr(links), _template_digest()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _template_digest() -> str:
    folder = pages.TEMPLATES / "analysis"
    templates = [folder / "report.html.jinja", *sorted((folder / "report").iterdir())]
    return " ".join(str(template.stat().st_mtime_ns) for template in templates)
