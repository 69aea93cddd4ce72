"""Whole studies for researchers: started, watched, stopped, resumed. A study is evidence, never edited or deleted."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from learning import selectors, services
from learning.forms import StudyRunForm
from learning.models import StudyRun
from learning.services.study_runs import StudyRunIsOpen, StudyRunIsOver
from learning.tasks import train_run


@admin.register(StudyRun)
class StudyRunAdmin(admin.ModelAdmin):
    form = StudyRunForm
    add_form_template = "learning/study_add.html"
    list_display = ["name", "state", "progress", "release", "seed", "created_at"]
    list_filter = ["status", "study"]
    list_select_related = ["release"]
    search_fields = ["study", "release__name"]

    class Media:
        css = {"all": ["learning/run.css"]}
        js = [Script("learning/list.js", defer=True)]

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.display(description="study", ordering="pk")
    def name(self, found):
        return f"{found.pk}: {found.study}"

    @admin.display(description="status", ordering="status")
    def state(self, found):
        kind = "running" if found.status == StudyRun.Status.OPEN else found.status
        return format_html('<span class="run-badge is-{}">{}</span>', kind, found.get_status_display())

    @admin.display(description="networks")
    def progress(self, found):
        n_over, n_parts = selectors.study_progress(found)
        return f"{n_over} of {n_parts} have ended"

    # A new study ---------------------------------------------------------------------------------

    def add_view(self, request, form_url="", extra_context=None):
        hidden = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(
            request, form_url, {"title": "Run a published study", "save_words": "Run the study", **hidden}
        )

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        if (source := request.GET.get("from", "")).isdigit() and (found := StudyRun.objects.filter(pk=source).first()):
            initial |= {name: getattr(found, name) for name in ("study", "changes", "seed")}
            initial |= {"release": found.release_id, "second": found.second_id}
        return initial

    def save_model(self, request, obj, form, change):
        made, due = services.create_study_run(created_by=request.user, **form.wanted())
        obj.__dict__.update(made.__dict__)
        for run_pk in due.runs:
            train_run.delay_on_commit(run_pk)

    def response_add(self, request, obj, post_url_continue=None):
        self.message_user(request, f"Study {obj.pk} has begun.", messages.SUCCESS)
        return redirect("admin:learning_studyrun_change", obj.pk)

    # One study -----------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/stop/", view(require_POST(self.stop_view)), name="learning_studyrun_stop"),
            path("<int:pk>/resume/", view(require_POST(self.resume_view)), name="learning_studyrun_resume"),
            *super().get_urls(),
        ]

    def access_study_run(self, request, pk, *, to_change=False) -> StudyRun:
        found = get_object_or_404(StudyRun.objects.select_related("release", "second", "created_by"), pk=pk)
        allowed = self.has_change_permission if to_change else self.has_view_permission
        if not allowed(request, found):
            raise PermissionDenied
        return found

    def change_view(self, request, object_id, form_url="", extra_context=None):
        found = self.access_study_run(request, object_id if object_id.isdigit() else 0)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Study {found.pk}: {found}",
            "opts": self.opts,
            "study": found,
            "may_change": self.has_change_permission(request, found),
            "media": self.media,
            **selectors.study_run_page(found),
        }
        return TemplateResponse(request, "learning/study.html", context)

    def stop_view(self, request, pk):
        found = self.access_study_run(request, pk, to_change=True)
        try:
            services.stop_study_run(found)
            self.message_user(request, f"Study {pk} is stopped; networks that train end at their next heartbeat.")
        except StudyRunIsOver as error:
            self.message_user(request, str(error), messages.WARNING)
        return redirect("admin:learning_studyrun_change", pk)

    def resume_view(self, request, pk):
        found = self.access_study_run(request, pk, to_change=True)
        try:
            for run_pk in services.resume_study_run(found).runs:
                train_run.delay_on_commit(run_pk)
            self.message_user(request, f"Study {pk} goes on.", messages.SUCCESS)
        except StudyRunIsOpen as error:
            self.message_user(request, str(error), messages.WARNING)
        return redirect("admin:learning_studyrun_change", pk)
