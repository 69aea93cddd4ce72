"""Those who answer, their work and what it settled to: looked at, never edited. Setting data aside is the exception."""

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html

from annotation.forms import StandingForm
from annotation.models import Annotator, Assignment, Consensus, Participation, ReplacementDecision
from annotation.services.replacement import set_aside
from annotation.services.screening import readmit
from triplets.counting import counted
from triplets.intervals import wilson_interval


def badge(css: str, words: str):
    return format_html('<span class="study-badge is-{}">{}</span>', css, words)


class LookedAt(admin.ModelAdmin):
    """Rows that the flow makes: looked at, neither made, changed nor deleted here."""

    list_per_page = 50
    show_full_result_count = False

    class Media:
        css = {"all": ["triplets/admin.css", "annotation/study.css"]}

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Participation)
class ParticipationAdmin(LookedAt):
    list_display = ["annotator", "study", "standing", "gold", "interval", "n_responses", "n_assignments", "created_at"]
    list_filter = ["study", "exclusion", "annotator__recruiter"]
    list_select_related = ["annotator", "study"]
    search_fields = ["annotator__code"]
    actions = ["set_aside", "readmit"]
    change_form_template = "annotation/participation.html"

    @admin.display(description="standing", ordering="exclusion")
    def standing(self, person):
        return badge("void", person.get_exclusion_display()) if person.is_excluded else badge("done", "counts")

    @admin.display(description="gold right")
    def gold(self, person):
        return f"{person.n_gold_right} / {person.n_gold}"

    @admin.display(description="accuracy (95 % interval)")
    def interval(self, person):
        if not person.n_gold:
            return "–"
        low, high = wilson_interval(person.n_gold_right, person.n_gold)
        return f"{person.accuracy:.2f} ({low:.2f} to {high:.2f})"

    def has_set_aside_permission(self, request):
        return request.user.has_perm("annotation.change_participation")

    @admin.action(description="Set aside the data of the selected people", permissions=["set_aside"])
    def set_aside(self, request, people):
        self.tell(request, set_aside(people.select_related("study")), is_out=True)

    @admin.action(description="Readmit the selected people: their data counts again", permissions=["set_aside"])
    def readmit(self, request, people):
        back = [person for person in people.select_related("study", "annotator") if readmit(person)]
        self.tell(request, back, is_out=False)

    def tell(self, request, people, *, is_out: bool, reason: str = "") -> None:
        """Write into each person's history what was decided, and tell it to the researcher."""
        for person in people:
            decided = "Data set aside" if is_out else "Data counts again"
            self.log_change(request, person, f"{decided}: {reason}" if reason else f"{decided}.")
        whose = counted(len(people), "person", "people")
        then = "is not used any more. What they were promised stays theirs" if is_out else (
            "counts again, whatever their gold record says"
        )  # fmt: skip
        self.message_user(request, f"The data of {whose} {then}.")

    # One person ----------------------------------------------------------------------------------

    def get_urls(self):
        view = self.admin_site.admin_view(self.standing_view)
        return [path("<int:pk>/standing/", view, name="annotation_participation_standing"), *super().get_urls()]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        of_person = LogEntry.objects.filter(
            object_id=object_id, content_type=ContentType.objects.get_for_model(self.model)
        )
        context = {"may_decide": self.has_set_aside_permission(request), "decisions": of_person.select_related("user")}
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def standing_view(self, request, pk):
        """Ask why a person's data is set aside, or counts again, and do it: the page is the confirmation."""
        if not self.has_set_aside_permission(request):
            raise PermissionDenied
        person = get_object_or_404(Participation.objects.select_related("study", "annotator"), pk=pk)
        form = StandingForm(request.POST or None, initial={"is_out": not person.is_excluded})
        if request.method == "POST" and form.is_valid():
            is_out = form.cleaned_data["is_out"]
            with transaction.atomic():  # no decision without its reason
                if set_aside([person]) if is_out else readmit(person):
                    self.tell(request, [person], is_out=is_out, reason=form.cleaned_data["reason"])
                else:
                    said = "Nothing was changed: this was decided in the meantime."
                    self.message_user(request, said, messages.WARNING)
            return redirect("admin:annotation_participation_change", pk)
        title = "Let this person's data count again" if person.is_excluded else "Set this person's data aside"
        page = {"title": title, "opts": self.opts, "media": self.media, "person": person, "form": form}
        context = {**self.admin_site.each_context(request), **page}
        return TemplateResponse(request, "annotation/standing.html", context)


@admin.register(Annotator)
class AnnotatorAdmin(LookedAt):
    list_display = ["code", "recruiter", "created_at"]
    list_filter = ["recruiter"]
    search_fields = ["code"]
    fields = ["code", "recruiter", "created_at"]  # the recruiter's identity stays out of sight


@admin.register(Assignment)
class AssignmentAdmin(LookedAt):
    list_display = ["id", "annotator", "study", "batch_number", "state_badge", "answered", "created_at", "leased_until"]
    list_filter = ["study", "state"]
    list_select_related = ["annotator", "study", "batch"]
    search_fields = ["annotator__code"]

    @admin.display(description="batch", ordering="batch__number")
    def batch_number(self, assignment):
        return "–" if assignment.batch is None else assignment.batch.number

    @admin.display(description="state", ordering="state")
    def state_badge(self, assignment):
        return badge(assignment.state, assignment.get_state_display())

    @admin.display(description="answered")
    def answered(self, assignment):
        return f"{assignment.n_answered} / {assignment.n_positions}"


@admin.register(Consensus)
class ConsensusAdmin(LookedAt):
    list_display = ["question", "study", "verdict", "votes", "weight", "posterior", "mean", "spread", "settled_at"]
    list_filter = ["is_current", "study", "weight", "verdict"]
    list_select_related = ["question", "study"]

    @admin.display(description="first : second")
    def votes(self, settled):
        return "–" if settled.mean is not None else f"{settled.n_first} : {settled.n_second}"


@admin.register(ReplacementDecision)
class ReplacementDecisionAdmin(LookedAt):
    list_display = ["decided_at", "study", "reason", "target", "good", "in_flight", "needed", "n_created"]
    list_filter = ["study"]
    list_select_related = ["study"]
