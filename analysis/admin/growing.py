"""Retraining policies and the growth curves that come of them."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from analysis import growth_curve, selectors
from analysis.forms import PolicyForm
from analysis.models import RetrainingPolicy
from analysis.services.policies import set_policy


@admin.register(RetrainingPolicy)
class RetrainingPolicyAdmin(admin.ModelAdmin):
    form = PolicyForm
    add_form_template = "analysis/policy_add.html"
    change_form_template = "analysis/policy_change.html"
    list_display = ["study", "recipe", "every", "publishes", "is_active", "n_points", "newest"]
    list_filter = ["is_active", "recipe"]
    list_select_related = ["study"]
    fields = ["study", "recipe", "seed", "changes", "every", "warm_start", "publishes", "is_active"]

    class Media:
        css = {"all": ["learning/run.css", "learning/lines.css"]}

    def has_delete_permission(self, request, obj=None):
        return False

    def get_readonly_fields(self, request, obj=None):
        return ["study"] if obj else []

    @admin.display(description="points")
    def n_points(self, policy):
        return policy.study.growth_points.count()

    @admin.display(description="newest point")
    def newest(self, policy):
        point = policy.study.growth_points.order_by("pk").last()
        if point is None:
            return "–"
        return format_html('<span class="run-badge is-{}">{}</span>', point.status, point.get_status_display())

    def save_model(self, request, obj, form, change):
        wanted = form.cleaned_data
        policy = set_policy(
            obj.study, wanted["recipe"], wanted["every"], changes=wanted["changes"], seed=wanted["seed"],
            publishes=wanted["publishes"], warm_start=wanted["warm_start"], is_active=wanted["is_active"],
            set_by=request.user,
        )  # fmt: skip
        obj.__dict__.update(policy.__dict__)

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        if obj is not None:
            points = selectors.growth(obj.study)
            names, rows = growth_curve.table(points)
            context |= {"names": names, "rows": rows, "parts": growth_curve.parts(points)}
            context |= {"recipes": {point["recipe"] for point in points if point["recipe"]}}
        context |= {"show_save_and_add_another": False}
        return super().render_change_form(request, context, add, change, form_url, obj)

    # The curve as files --------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        name = "analysis_retrainingpolicy_growth"
        return [
            path("<int:pk>/growth.json", view(require_safe(self.json_view)), name=f"{name}_json"),
            path("<int:pk>/growth.csv", view(require_safe(self.csv_view)), name=f"{name}_csv"),
            *super().get_urls(),
        ]

    def access_policy(self, request, pk) -> RetrainingPolicy:
        policy = get_object_or_404(RetrainingPolicy.objects.select_related("study"), pk=pk)
        if not self.has_view_permission(request, policy):
            raise PermissionDenied
        return policy

    def json_view(self, request, pk):
        policy = self.access_policy(request, pk)
        return JsonResponse({"study": policy.study.name, "points": selectors.growth(policy.study)})

    def csv_view(self, request, pk):
        policy = self.access_policy(request, pk)
        content = growth_curve.as_csv(selectors.growth(policy.study))
        name = f'attachment; filename="growth-{policy.study.name}.csv"'
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})
