"""Studies: made by a form, watched and steered on one page."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_POST

from annotation import selectors
from annotation.admin.actions import ACTIONS, REFUSALS
from annotation.admin.people import badge
from annotation.forms import JudgementsForm, QuestionsForm, StudyForm
from annotation.models import Slot, Study
from annotation.services import links, quality, studies
from annotation.services.demographics import count_demographics, released_demographics
from annotation.services.drawing import passes_until_judged
from annotation.services.replacement import slot_cap
from triplets.admin.errands import shown_errand
from triplets.selectors import recent_errands

#: What the questions were made for: fixed when the study is made, or when its questions are.
FIXED = ["name", "collection", "kind", "attributes", "options", "seed"]
ONE_BUTTON = {"show_save_and_add_another": False, "show_save_and_continue": False}
FIXED_WITH_QUESTIONS = ["batch_size", "responses_per_question", "scale_low", "scale_high", "groups_attributes"]


@admin.register(Study)
class StudyAdmin(admin.ModelAdmin):
    form = StudyForm
    list_display = ["label", "collection", "kind", "state_badge", "progress", "n_people", "created_at"]
    list_filter = ["state", "kind", "collection"]
    list_select_related = ["collection"]
    search_fields = ["name", "title"]
    fieldsets = [
        (None, {"fields": ["name", "title", "collection", "kind", "attributes", "options"]}),
        ("How much", {"fields": ["responses_per_question", "batch_size", "max_batches_per_annotator", "max_slots"]}),
        (
            "Quality",
            {
                "fields": [
                    "n_gold_per_batch",
                    "gold_threshold",
                    "min_gold",
                    "n_qualification",
                    "n_practice",
                    "repeat_share",
                    "shared_share",
                    "floor_ms",
                ]
            },
        ),
        (
            "What people read",
            {
                "fields": [
                    "question_text",
                    "consent_text",
                    "demographics",
                    "releases_demographics",
                    "instructions",
                    "debriefing",
                    "completion_code",
                ],
                "classes": ["collapse"],
            },
        ),
        (
            "Rating scale",
            {
                "fields": ["scale_low", "scale_high", "scale_low_label", "scale_high_label", "groups_attributes"],
                "classes": ["collapse"],
            },
        ),
        ("Details", {"fields": ["lease_minutes", "includes_pictures", "seed"], "classes": ["collapse"]}),
    ]

    class Media:
        css = {"all": ["triplets/admin.css", "annotation/study.css"]}
        js = ["annotation/study.js", "annotation/quality.js", "triplets/errand.js"]

    def has_delete_permission(self, request, obj=None):
        return False

    def get_actions(self, request):
        return {}

    # The list ------------------------------------------------------------------------------------

    @admin.display(description="study", ordering="name")
    def label(self, study):
        return format_html("<strong>{}</strong> <small>{}</small>", study.name, study.title)

    @admin.display(description="state", ordering="state")
    def state_badge(self, study):
        return badge(study.state, study.get_state_display())

    @admin.display(description="answered")
    def progress(self, study):
        n_done = study.slots.filter(state=Slot.State.DONE).count()
        n_wanted = study.slots.exclude(state=Slot.State.VOID).count()
        if not n_wanted:
            return "–"
        return format_html('<progress class="study-mini" max="{}" value="{}"></progress> {} / {}',
                           n_wanted, n_done, n_done, n_wanted)  # fmt: skip

    @admin.display(description="people")
    def n_people(self, study):
        return study.participations.filter(n_responses__gt=0).count()

    # Made and changed by a form --------------------------------------------------------------------

    def get_readonly_fields(self, request, obj=None):
        if obj is None:
            return []
        return FIXED + (FIXED_WITH_QUESTIONS if obj.batches.exists() else [])

    def save_model(self, request, obj, form, change):
        if change:
            studies.change_settings(obj, was=Study.objects.get(pk=obj.pk))
        else:
            wanted = dict(form.cleaned_data)
            wanted["responses"] = wanted.pop("responses_per_question")
            obj.__dict__.update(studies.create_study(**wanted).__dict__)

    def response_add(self, request, obj, post_url_continue=None):
        self.message_user(request, f"Study {obj.name} is made. Next: create its questions.", messages.SUCCESS)
        return redirect("admin:annotation_study_change", obj.pk)

    def response_change(self, request, obj):
        self.message_user(request, "The settings are saved.", messages.SUCCESS)
        return redirect("admin:annotation_study_change", obj.pk)

    # One study -------------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/settings/", view(self.settings_view), name="annotation_study_settings"),
            path("<int:pk>/quality/", view(require_GET(self.quality_view)), name="annotation_study_quality"),
            path("<int:pk>/invite/", view(require_POST(self.invite_view)), name="annotation_study_invite"),
            path("<int:pk>/do/<slug:action>/", view(require_POST(self.action_view)), name="annotation_study_do"),
            *super().get_urls(),
        ]

    def access_study(self, request, pk, *, to_change=False) -> Study:
        study = get_object_or_404(Study.objects.select_related("collection", "question_set"), pk=pk)
        allowed = self.has_change_permission if to_change else self.has_view_permission
        if not allowed(request, study):
            raise PermissionDenied
        return study

    def change_view(self, request, object_id, form_url="", extra_context=None):
        return self.page(request, self.access_study(request, object_id if object_id.isdigit() else 0))

    def page(self, request, study, **context):
        progress = selectors.study_counts(study)
        context |= {
            **self.admin_site.each_context(request),
            "title": f"Study {study.name}",
            "opts": self.opts,
            "media": self.media,
            "study": study,
            "progress": progress,
            "bars": stacked_bar(progress["slots"]),
            "entry_url": links.entry_url(study),
            "may_change": self.has_change_permission(request, study),
            "has_questions": study.batches.exists(),
            "questions_form": QuestionsForm(kind=study.kind),
            "judgements_form": JudgementsForm(),
            "quality": quality.study_quality(study),
            "judged_after": passes_until_judged(study),
            "cap": slot_cap(study),
            "demographics": count_demographics(study),
            "consents": selectors.consent_versions(study),
            "released": released_demographics(study) if study.releases_demographics else None,
            "errands": [(errand, shown_errand(errand)) for errand in recent_errands(study.question_set)],
            "releases": study.question_set.releases.all(),
        }
        return TemplateResponse(request, "annotation/study.html", context)

    def quality_view(self, request, pk):
        """What the page draws; 204 while nothing is newer than the version that the page has."""
        found = quality.study_quality(self.access_study(request, pk))
        if request.GET.get("seen") == found["version"]:
            return HttpResponse(status=204)
        return JsonResponse(found, headers={"Cache-Control": "no-store"})

    def settings_view(self, request, pk):
        self.access_study(request, pk, to_change=True)
        return self.changeform_view(request, str(pk), extra_context=ONE_BUTTON | {"title": "Settings"})

    def add_view(self, request, form_url="", extra_context=None):
        return super().add_view(request, form_url, ONE_BUTTON)

    def invite_view(self, request, pk):
        study = self.access_study(request, pk, to_change=True)
        return self.page(request, study, invited=links.invite_person(study))

    def action_view(self, request, pk, action):
        study = self.access_study(request, pk, to_change=True)
        if action not in ACTIONS:
            raise Http404
        try:
            if sentence := ACTIONS[action](study, request):
                self.message_user(request, sentence, messages.SUCCESS)
        except REFUSALS as error:
            self.message_user(request, str(error), messages.ERROR)
        return redirect("admin:annotation_study_change", study.pk)


def stacked_bar(slots: dict) -> list[dict]:
    """Where each state's part of a bar of width 100 begins and how wide it is."""
    total = sum(slots.values()) or 1
    bars, start = [], 0.0
    for state in (Slot.State.DONE, Slot.State.TAKEN, Slot.State.FREE, Slot.State.VOID):
        width = 100 * slots[state] / total
        bars.append({"state": state.value, "n": slots[state], "x": round(start, 3), "width": round(width, 3)})
        start += width
    return bars
