"""Reports on whole studies: written by the queue or by manage.py report_study, read here, published by a person."""

from django.contrib import admin, messages
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from analysis import tasks
from analysis.admin.publishing import PublishedAdmin
from analysis.models import StudyReport
from analysis.services.study_reports import name_study_report, publish_study_report
from analysis.services.study_writing import queue_study_report


@admin.register(StudyReport)
class StudyReportAdmin(PublishedAdmin):
    list_display = ["title", "study", "version", "state", "open_page", "published_at", "published_by"]
    list_filter = ["is_published", "study", "study_run"]
    search_fields = ["title", "study", "address"]
    fields = readonly_fields = [
        "title", "note", "study", "version", "state", "message", "open_page", "download", "trained", "sha256",
        "published_at", "published_by", "created_at",
    ]  # fmt: skip
    page_at, heavy = "analysis:study", "results"
    publish_one, name_one = staticmethod(publish_study_report), staticmethod(name_study_report)

    def is_nameable(self, report) -> bool:
        return super().is_nameable(report) and self.is_publishable(report) and bool(report.archive)

    def is_publishable(self, report) -> bool:
        return report.status == StudyReport.Status.FINISHED

    @admin.display(description="state", ordering="is_published")
    def state(self, report):
        if self.is_publishable(report):
            return super().state(report)
        return format_html('<span class="run-badge is-{}">{}</span>', report.status, report.get_status_display())

    @admin.display(description="page")
    def open_page(self, report):
        return super().open_page(report) if self.is_publishable(report) else "–"

    @admin.display(description="everything, as one zip")
    def download(self, report):
        if not report.archive:
            return "–"
        return format_html('<a href="{}">Download</a>', reverse("analysis:study-zip", args=[report.address]))

    @admin.display(description="trained as")
    def trained(self, report):
        if report.study_run is None:
            return "in a folder, by python -m learning"
        address = reverse("admin:learning_studyrun_change", args=[report.study_run_id])
        return format_html('<a href="{}">study {}: {}</a>', address, report.study_run_id, report.study_run)

    def get_urls(self):
        view = self.admin_site.admin_view(require_POST(self.again_view))
        return [path("<int:pk>/again/", view, name="analysis_studyreport_again"), *super().get_urls()]

    def again_view(self, request, pk):
        """Write a further version, such as after a network was evaluated again, or after a failure."""
        report = self.access_report(request, pk)
        if report.study_run is None:
            said = "It was written from a folder: give manage.py report_study that folder again."
            self.message_user(request, said, messages.WARNING)
            return self._back(pk)
        if (made := queue_study_report(report.study_run, report.title, report.note)) is None:
            self.message_user(request, "A report on this study is being written already.", messages.WARNING)
            return self._back(pk)
        tasks.write_study_report.delay_on_commit(made.pk)
        self.message_user(request, f"Version {made.version} is being written.", messages.SUCCESS)
        return redirect("admin:analysis_studyreport_change", made.pk)
