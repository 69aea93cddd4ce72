"""Runs for researchers: started, watched live, stopped, resumed. A run is evidence and is never edited or deleted."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.http import FileResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST, require_safe

from learning import recipes, selectors, services
from learning.forms import RunForm
from learning.models import Checkpoint, Run
from learning.services.runs import RunIsOpen, RunIsOver
from learning.tasks import train_run
from triplets.admin.looking import worded

#: What a network is for -> the figure that the list shows, the first that a run has.
RESULTS = {"accuracy_test": "accuracy", "r2_test": "R²", "satisfied_test": "satisfied"}


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):
    form = RunForm
    add_form_template = "learning/run_add.html"
    list_display = ["name", "state", "progress", "release", "result", "seed", "created_at"]
    list_filter = ["status", "recipe", "release"]
    list_select_related = ["release"]
    search_fields = ["recipe", "release__name"]
    list_per_page = 50
    actions = ["compare"]

    class Media:
        css = {"all": ["learning/run.css"]}
        js = [Script("learning/list.js", defer=True)]

    def has_delete_permission(self, request, obj=None):
        return False

    def get_queryset(self, request):
        return selectors.with_place(super().get_queryset(request))

    # The list ------------------------------------------------------------------------------------

    @admin.display(description="run", ordering="pk")
    def name(self, run):
        return f"{run.pk}: {run.recipe}"

    @admin.display(description="status", ordering="status")
    def state(self, run):
        place = f", place {run.place}" if run.place else ""
        return format_html('<span class="run-badge is-{}">{}{}</span>', run.status, run.get_status_display(), place)

    @admin.display(description="progress")
    def progress(self, run):
        if not run.n_steps:
            return "–"
        return format_html(
            '<progress class="run-mini" max="{}" value="{}"></progress> {} / {}',
            run.n_steps, run.step, run.step, run.n_steps,
        )  # fmt: skip

    @admin.display(description="result, test")
    def result(self, run):
        found = ((words, run.metrics.get(name)) for name, words in RESULTS.items())
        return next((f"{words} {value:.3f}" for words, value in found if isinstance(value, float)), "–")

    @admin.action(description="Compare the selected runs", permissions=["view"])
    def compare(self, request, runs):
        # By name and not by import: `analysis` stands above `learning`, and holds the measured figures.
        chosen = ",".join(str(pk) for pk in runs.order_by("pk").values_list("pk", flat=True))
        return redirect(f"{reverse('admin:analysis_evaluation_compare')}?runs={chosen}")

    # A new run -----------------------------------------------------------------------------------

    def add_view(self, request, form_url="", extra_context=None):
        hidden = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {"title": "Train a network", "save_words": "Train", **hidden})

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        if (source := request.GET.get("from", "")).isdigit() and (run := Run.objects.filter(pk=source).first()):
            initial |= {"release": run.release_id, "recipe": run.recipe, "seed": run.seed, "changes": run.changes}
            initial |= {"starts_from": run.starts_from_id, "n_folds": run.n_folds}
        return initial

    def save_model(self, request, obj, form, change):
        wanted = form.cleaned_data
        run = services.create_run(
            wanted["release"], wanted["recipe"], wanted["changes"], wanted["seed"], created_by=request.user,
            starts_from=wanted["starts_from"], n_folds=wanted["n_folds"],
        )  # fmt: skip
        obj.__dict__.update(run.__dict__)
        train_run.delay_on_commit(run.pk)

    def response_add(self, request, obj, post_url_continue=None):
        self.message_user(request, f"Run {obj.pk} is queued.", messages.SUCCESS)
        return redirect("admin:learning_run_change", obj.pk)

    # One run -------------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/progress.json", view(self.progress_view), name="learning_run_progress"),
            path("<int:pk>/stop/", view(require_POST(self.stop_view)), name="learning_run_stop"),
            path("<int:pk>/resume/", view(require_POST(self.resume_view)), name="learning_run_resume"),
            *super().get_urls(),
        ]

    def access_run(self, request, pk, *, to_change=False) -> Run:
        run = get_object_or_404(
            Run.objects.select_related("release", "created_by", "starts_from", "search", "study_run"), pk=pk
        )
        allowed = self.has_change_permission if to_change else self.has_view_permission
        if not allowed(request, run):
            raise PermissionDenied
        return run

    def change_view(self, request, object_id, form_url="", extra_context=None):
        run = self.access_run(request, object_id if object_id.isdigit() else 0)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Run {run.pk}: {run.recipe}",
            "opts": self.opts,
            "run": run,
            "recipe": recipes.RECIPES.get(run.recipe),
            "config": run.config.items(),
            "checkpoints": run.checkpoints.all(),
            "progress": selectors.run_progress(run),
            "may_change": self.has_change_permission(request, run),
            "media": self.media,
        }
        return TemplateResponse(request, "learning/run.html", context)

    def progress_view(self, request, pk):
        return JsonResponse(selectors.run_progress(self.access_run(request, pk)))

    def stop_view(self, request, pk):
        run = self.access_run(request, pk, to_change=True)
        try:
            run = services.stop_run(run)
            self.message_user(request, f"Run {run.pk}: {run.get_status_display()}.")
        except RunIsOver as error:
            self.message_user(request, str(error), messages.WARNING)
        return redirect("admin:learning_run_change", pk)

    def resume_view(self, request, pk):
        run = self.access_run(request, pk, to_change=True)
        try:
            services.resume_run(run)
            train_run.delay_on_commit(pk)
            self.message_user(request, f"Run {pk} is queued again.", messages.SUCCESS)
        except RunIsOpen as error:
            self.message_user(request, str(error), messages.WARNING)
        return redirect("admin:learning_run_change", pk)


@admin.register(Checkpoint)
class CheckpointAdmin(admin.ModelAdmin):
    list_display = ["__str__", "of_run", "step", "size", "code_version", "created_at"]
    list_select_related = ["run__release"]
    readonly_fields = ["of_run", "step", "download", "sha256", "size", "code_version", "figures", "created_at"]
    figures = worded("metrics", "figures")
    fields = readonly_fields

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False

    def get_urls(self):
        view = self.admin_site.admin_view(require_safe(self.file_view))
        return [path("<int:pk>/file/", view, name="learning_checkpoint_file"), *super().get_urls()]

    def file_view(self, request, pk):
        checkpoint = get_object_or_404(Checkpoint, pk=pk)
        if not self.has_view_permission(request, checkpoint):
            raise PermissionDenied
        name = f"run-{checkpoint.run_id}-step-{checkpoint.step}.safetensors"
        return FileResponse(checkpoint.file.open("rb"), as_attachment=True, filename=name)

    @admin.display(description="file")
    def download(self, checkpoint):
        return format_html('<a href="{}">Download</a>', reverse("admin:learning_checkpoint_file", args=[checkpoint.pk]))

    @admin.display(description="run")
    def of_run(self, checkpoint):
        address = reverse("admin:learning_run_change", args=[checkpoint.run_id])
        return format_html('<a href="{}">{}</a>', address, checkpoint.run)

    @admin.display(description="size")
    def size(self, checkpoint):
        return f"{checkpoint.n_bytes / 2**20:.1f} MiB"
