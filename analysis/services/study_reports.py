"""Reports on whole studies: written once with a version and an address that stay, then published and withdrawn."""

import hashlib

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max

from analysis import study_pages
from analysis.models import StudyReport


def create_study_report(results: dict, title: str = "") -> StudyReport:
    """Write the self-contained file of a study's results (`study_report.study_results`), unpublished.

    A further report on the same study is the next version, at an address of its own.
    """
    with transaction.atomic():
        newest = StudyReport.objects.filter(study=results["study"]).aggregate(newest=Max("version"))["newest"]
        report = StudyReport(
            study=results["study"],
            title=title or f"Study {results['study']}",
            version=(newest or 0) + 1,
            results=results,
        )
        page = study_pages.render_study(results, title=report.title, edition=edition(report))
        content = page.encode()
        report.sha256 = hashlib.sha256(content).hexdigest()
        report.file.save(f"study-{report.address}.html", ContentFile(content), save=True)
    return report


def edition(report: StudyReport) -> dict:
    return {"version": report.version, "address": f"{settings.SITE_URL}/studies/{report.address}/"}


def study_page(report: StudyReport, links=(), notice: dict | None = None) -> str:
    """Return the page as the site serves it. notice : what is said above it, such as that a newer version exists."""
    return study_pages.render_study(
        report.results,
        assets="static",
        title=report.title,
        static_url=settings.STATIC_URL,
        links=links,
        edition=edition(report),
        notice=notice,
    )
