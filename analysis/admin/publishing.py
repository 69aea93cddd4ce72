"""What the admin shows of all reports: rows that are read, named while they are drafts, published and withdrawn."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from analysis.forms import DraftForm
from analysis.services.reports import name_report, publish_report, unpublish_report


class Evidence(admin.ModelAdmin):
    """Rows that are made by the flow and are read here: nothing that was measured is edited, no row deleted."""

    class Media:
        css = {"all": ["learning/run.css"]}

    def has_delete_permission(self, request, obj=None):
        return False

    def get_readonly_fields(self, request, obj=None):
        return self.readonly_fields if obj else ()


class PublishedAdmin(Evidence):
    """Pages with a permanent address: publish and withdraw, one by one or many at once.

    page_at : name of the address      heavy : the column of results, which no list reads
    """

    page_at, heavy = "", ""
    form = DraftForm
    actions = ["publish", "unpublish"]
    change_form_template = "analysis/report_change.html"
    publish_one, name_one = staticmethod(publish_report), staticmethod(name_report)

    def get_queryset(self, request):
        return super().get_queryset(request).defer(self.heavy)

    def has_add_permission(self, request):
        return False

    @admin.display(description="state", ordering="is_published")
    def state(self, report):
        word = "published" if report.is_published else "draft"
        return format_html('<span class="run-badge is-{0}">{0}</span>', word)

    @admin.display(description="page")
    def open_page(self, report):
        return format_html('<a href="{0}">{0}</a>', reverse(self.page_at, args=[report.address]))

    def is_publishable(self, report) -> bool:
        return True

    def is_nameable(self, report) -> bool:
        """Return whether title and note can still be set: what is published stays as it is."""
        return not report.is_published

    def get_readonly_fields(self, request, obj=None):
        found = super().get_readonly_fields(request, obj)
        is_open = obj is not None and self.is_nameable(obj) and self.has_change_permission(request, obj)
        return [name for name in found if name not in ("title", "note")] if is_open else found

    def save_model(self, request, obj, form, change):
        if form.changed_data:
            self.name_one(obj, form.cleaned_data["title"], form.cleaned_data["note"])

    @admin.action(description="Publish the selected reports", permissions=["change"])
    def publish(self, request, reports):
        ready = [report for report in reports if self.is_publishable(report)]
        for report in ready:
            self.publish_one(report, request.user)
        if ready:
            self.message_user(request, "Published: anybody with the address can read.", messages.SUCCESS)
        if left := len(reports) - len(ready):
            self.message_user(request, f"{left} not yet written: nothing to publish.", messages.WARNING)

    @admin.action(description="Unpublish the selected reports", permissions=["change"])
    def unpublish(self, request, reports):
        for report in reports:
            unpublish_report(report)
        self.message_user(request, "Withdrawn: strangers find nothing at the address.", messages.SUCCESS)

    def get_urls(self):
        view, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        return [
            path("<int:pk>/publish/", view(require_POST(self.publish_view)), name=f"{name}_publish"),
            path("<int:pk>/unpublish/", view(require_POST(self.unpublish_view)), name=f"{name}_unpublish"),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        report = self.get_object(request, object_id)
        is_open = report is not None and self.is_nameable(report) and self.has_change_permission(request, report)
        context = {"can_name": is_open, "page_at": self.page_at}
        context |= {"publish_at": f"admin:{self.opts.app_label}_{self.opts.model_name}"}
        return super().change_view(request, object_id, form_url, (extra_context or {}) | context)

    def access_report(self, request, pk):
        report = get_object_or_404(self.model.objects.defer(self.heavy), pk=pk)
        if not self.has_change_permission(request, report):
            raise PermissionDenied
        return report

    def publish_view(self, request, pk):
        report = self.access_report(request, pk)
        if not self.is_publishable(report):
            self.message_user(request, f"{report} is not written yet: nothing to publish.", messages.WARNING)
        else:
            self.publish_one(report, request.user)
            self.message_user(request, f"{report} is published.", messages.SUCCESS)
        return self._back(pk)

    def unpublish_view(self, request, pk):
        report = unpublish_report(self.access_report(request, pk))
        self.message_user(request, f"{report} is withdrawn.", messages.SUCCESS)
        return self._back(pk)

    def _back(self, pk):
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", pk)
