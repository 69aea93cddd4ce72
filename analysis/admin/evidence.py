"""Evaluations and reports for researchers: measured by the queue, published by a person."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from analysis import tasks
from analysis.admin.comparing import compare_runs
from analysis.admin.publishing import Evidence, PublishedAdmin
from analysis.forms import TitledForm
from analysis.models import Evaluation, Report
from analysis.services.evaluations import create_evaluation
from annotation.models import Study
from triplets.admin.errands import begin
from triplets.models import Errand

N_QUESTIONS = 100


@admin.register(Evaluation)
class EvaluationAdmin(Evidence):
    list_display = ["number", "checkpoint", "release", "state", "satisfied", "created_at", "page"]
    list_filter = ["status", "release", "checkpoint"]
    list_select_related = ["checkpoint", "release"]
    form = TitledForm
    fields = ["checkpoint", "release", "title", "note", "with_controls"]
    readonly_fields = [
        "checkpoint",
        "release",
        "title",
        "note",
        "with_controls",
        "state",
        "message",
        "satisfied",
        "page",
        "created_at",
        "finished_at",
    ]
    actions = ["evaluate_again", "ask_where_unsure"]

    def get_urls(self):
        view = self.admin_site.admin_view(require_safe(self.compare_view))
        return [path("compare-runs/", view, name="analysis_evaluation_compare"), *super().get_urls()]

    def compare_view(self, request):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return compare_runs(request, self.admin_site.each_context(request))

    def get_fields(self, request, obj=None):
        return self.readonly_fields if obj else self.fields

    def get_queryset(self, request):
        return super().get_queryset(request).defer("results").prefetch_related("reports")

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        """A measurement is begun here and never edited."""
        only = {"show_save": add, "show_save_and_continue": False, "show_save_and_add_another": False}
        context |= only | {"save_words": "Measure"} | ({"title": "Measure a checkpoint"} if add else {})
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request, obj, form, change):
        if not change:
            made = create_evaluation(**form.cleaned_data)
            obj.__dict__.update(made.__dict__)
            tasks.evaluate.delay_on_commit(made.pk)

    @admin.display(description="number", ordering="pk")
    def number(self, evaluation):
        return evaluation.pk

    @admin.display(description="status", ordering="status")
    def state(self, evaluation):
        return format_html('<span class="run-badge is-{0}">{0}</span>', evaluation.status)

    @admin.display(description="satisfied, test")
    def satisfied(self, evaluation):
        row = (
            Evaluation.objects.filter(pk=evaluation.pk).values_list("results__satisfied__test__all", flat=True).first()
        )
        return format_html("{} [{}, {}]", *(f"{row[key]:.3f}" for key in ("value", "low", "high"))) if row else "–"

    @admin.display(description="report")
    def page(self, evaluation):
        report = next(iter(evaluation.reports.all()), None)
        if report is None:
            return "–"
        return format_html('<a href="{}">{}</a>', reverse("admin:analysis_report_change", args=[report.pk]), report)

    @admin.action(description="Evaluate these checkpoints again", permissions=["add"])
    def evaluate_again(self, request, evaluations):
        for evaluation in evaluations.select_related("checkpoint__run", "release"):
            how = {name: getattr(evaluation, name) for name in ("with_controls", "title", "note")}
            made = create_evaluation(evaluation.checkpoint, evaluation.release, **how)
            tasks.evaluate.delay_on_commit(made.pk)
        self.message_user(request, "Queued.", messages.SUCCESS)

    @admin.action(
        description=f"Ask {N_QUESTIONS} more questions where this checkpoint is unsure", permissions=["change"]
    )
    def ask_where_unsure(self, request, evaluations):
        for evaluation in evaluations.select_related("release"):
            study = Study.objects.filter(question_set=evaluation.release.question_set_id).first()
            if study is None:
                self.message_user(request, f"{evaluation.release} belongs to no study.", messages.WARNING)
                continue
            n_before = study.question_set.questions.count()
            wanted = {"checkpoint": evaluation.checkpoint_id, "n": N_QUESTIONS, "seed": n_before, "n_before": n_before}
            begin(request, Errand.Kind.QUESTIONS, question_set=study.question_set, wanted=wanted)
            page = reverse("admin:annotation_study_change", args=[study.pk])
            said = format_html(
                '<a href="{}">{}</a> gets its next questions: its page shows how far it is.', page, study
            )
            self.message_user(request, said, messages.SUCCESS)


@admin.register(Report)
class ReportAdmin(PublishedAdmin):
    list_display = ["title", "version", "state", "open_page", "evaluation", "published_at", "published_by"]
    list_display_links = ["title"]
    list_filter = ["is_published", "evaluation__release"]
    list_select_related = ["evaluation__checkpoint", "published_by"]
    search_fields = ["title", "address"]
    fields = readonly_fields = [
        "title", "note", "version", "state", "open_page", "download", "evaluation", "sha256", "published_at",
        "published_by", "created_at",
    ]  # fmt: skip
    page_at, heavy = "analysis:report", "evaluation__results"

    @admin.display(description="as one file")
    def download(self, report):
        return format_html('<a href="{}">Download</a>', reverse("analysis:report-file", args=[report.address]))
