"""Reports on whole studies: read here, published by a person."""

from django.contrib import admin, messages
from django.urls import reverse
from django.utils.html import format_html

from analysis.admin.evidence import Evidence
from analysis.models import StudyReport
from analysis.services.reports import publish_report, unpublish_report


@admin.register(StudyReport)
class StudyReportAdmin(Evidence):
    list_display = ["title", "study", "version", "state", "open_page", "published_at", "published_by"]
    list_filter = ["is_published", "study"]
    search_fields = ["title", "study", "address"]
    fields = readonly_fields = [
        "title", "study", "version", "state", "open_page", "sha256", "published_at", "published_by", "created_at",
    ]  # fmt: skip
    actions = ["publish", "unpublish"]

    class Media:
        css = {"all": ["learning/run.css"]}

    def get_queryset(self, request):
        return super().get_queryset(request).defer("results")

    def has_add_permission(self, request):
        return False  # manage.py report_study makes them

    @admin.display(description="state", ordering="is_published")
    def state(self, report):
        word = "published" if report.is_published else "draft"
        return format_html('<span class="run-badge is-{0}">{0}</span>', word)

    @admin.display(description="page")
    def open_page(self, report):
        return format_html('<a href="{0}">{0}</a>', reverse("analysis:study", args=[report.address]))

    @admin.action(description="Publish the selected reports", permissions=["change"])
    def publish(self, request, reports):
        for report in reports:
            publish_report(report, request.user)
        self.message_user(request, "Published: anybody with the address can read.", messages.SUCCESS)

    @admin.action(description="Unpublish the selected reports", permissions=["change"])
    def unpublish(self, request, reports):
        for report in reports:
            unpublish_report(report)
        self.message_user(request, "Withdrawn: strangers find nothing at the address.", messages.SUCCESS)
