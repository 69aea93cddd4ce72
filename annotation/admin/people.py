"""Those who answer, their work and what it settled to: looked at, never edited. Setting data aside is the exception."""

from django.contrib import admin
from django.utils.html import format_html

from annotation.models import Annotator, Assignment, Consensus, Participation, ReplacementDecision
from annotation.services.replacement import replace_slots
from annotation.services.screening import exclude, readmit
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
        people = list(people.select_related("study"))
        n = sum(exclude(person, Participation.Exclusion.RESEARCHER) for person in people)
        for study in {person.study for person in people}:
            replace_slots(study)
        people = counted(n, "person", "people")
        self.message_user(request, f"The data of {people} is not used any more. What they were promised stays theirs.")

    @admin.action(description="Readmit the selected people: their data counts again", permissions=["set_aside"])
    def readmit(self, request, people):
        n = sum(readmit(person) for person in people.select_related("study", "annotator"))
        people = counted(n, "person", "people")
        self.message_user(request, f"The data of {people} counts again, whatever their gold record says.")


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
