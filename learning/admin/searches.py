"""Searches for researchers: started, watched, stopped, resumed. A search is evidence and is never edited or deleted."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.widgets import Script
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from learning import recipes, selectors, services, terms
from learning.forms import SearchForm
from learning.models import Search
from learning.services.searches import SearchIsOpen, SearchIsOver
from learning.tasks import train_run


@admin.register(Search)
class SearchAdmin(admin.ModelAdmin):
    form = SearchForm
    add_form_template = "learning/search_add.html"
    list_display = ["name", "state", "progress", "release", "best_score", "created_at"]
    list_filter = ["status", "recipe"]
    list_select_related = ["release", "best"]
    search_fields = ["recipe", "release__name"]
    fields = ["release", "recipe", "ranges", "n_rounds", "n_trials", "changes", "coarse", "seed"]

    class Media:
        css = {"all": ["learning/run.css"]}
        js = [Script("learning/list.js", defer=True)]

    def has_delete_permission(self, request, obj=None):
        return False

    @admin.display(description="search", ordering="pk")
    def name(self, search):
        return f"{search.pk}: {search.recipe}"

    @admin.display(description="status", ordering="status")
    def state(self, search):
        kind = "running" if search.status == Search.Status.OPEN else search.status
        return format_html('<span class="run-badge is-{}">{}</span>', kind, search.get_status_display())

    @admin.display(description="runs")
    def progress(self, search):
        return f"{search.runs.filter(status='finished').count()} of {search.n_rounds * search.n_trials} finished"

    @admin.display(description="best")
    def best_score(self, search):
        if search.best is None:
            return "–"
        name = search.figure.removeprefix("-")
        return f"{search.best.metrics.get(name, 0):.3f} {terms.metric(name)}"

    # A new search --------------------------------------------------------------------------------

    def add_view(self, request, form_url="", extra_context=None):
        hidden = {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().add_view(request, form_url, {"title": "Search settings", "save_words": "Search", **hidden})

    def get_changeform_initial_data(self, request):
        initial = super().get_changeform_initial_data(request)
        if (source := request.GET.get("from", "")).isdigit() and (found := Search.objects.filter(pk=source).first()):
            names = ("recipe", "changes", "coarse", "n_rounds", "n_trials", "seed")
            initial |= {"release": found.release_id, "ranges": "\n".join(found.ranges)}
            initial |= {name: getattr(found, name) for name in names}
        return initial

    def save_model(self, request, obj, form, change):
        search, due = services.create_search(created_by=request.user, **form.wanted())
        obj.__dict__.update(search.__dict__)
        for run_pk in due.runs:
            train_run.delay_on_commit(run_pk)

    def response_add(self, request, obj, post_url_continue=None):
        self.message_user(request, f"Search {obj.pk} has begun.", messages.SUCCESS)
        return redirect("admin:learning_search_change", obj.pk)

    # One search ----------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/stop/", view(require_POST(self.stop_view)), name="learning_search_stop"),
            path("<int:pk>/resume/", view(require_POST(self.resume_view)), name="learning_search_resume"),
            *super().get_urls(),
        ]

    def access_search(self, request, pk, *, to_change=False) -> Search:
        search = get_object_or_404(Search.objects.select_related("release", "created_by"), pk=pk)
        allowed = self.has_change_permission if to_change else self.has_view_permission
        if not allowed(request, search):
            raise PermissionDenied
        return search

    def change_view(self, request, object_id, form_url="", extra_context=None):
        search = self.access_search(request, object_id if object_id.isdigit() else 0)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Search {search.pk}: {search.recipe}",
            "opts": self.opts,
            "search": search,
            "recipe": recipes.RECIPES.get(search.recipe),
            "may_change": self.has_change_permission(request, search),
            "media": self.media,
            **selectors.search_page(search),
        }
        return TemplateResponse(request, "learning/search.html", context)

    def stop_view(self, request, pk):
        search = self.access_search(request, pk, to_change=True)
        try:
            services.stop_search(search)
            self.message_user(request, f"Search {pk} is stopped; runs that train end at their next heartbeat.")
        except SearchIsOver as error:
            self.message_user(request, str(error), messages.WARNING)
        return redirect("admin:learning_search_change", pk)

    def resume_view(self, request, pk):
        search = self.access_search(request, pk, to_change=True)
        try:
            for run_pk in services.resume_search(search).runs:
                train_run.delay_on_commit(run_pk)
            self.message_user(request, f"Search {pk} goes on.", messages.SUCCESS)
        except SearchIsOpen as error:
            self.message_user(request, str(error), messages.WARNING)
        return redirect("admin:learning_search_change", pk)
