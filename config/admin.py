"""The admin site of researchers. Staff have no right on users, groups or permissions (CVE-2026-23526)."""

from django.apps import apps
from django.contrib import admin
from django.urls import NoReverseMatch, reverse

RESEARCHERS = "Researchers"
HOUSE = ("triplets", "annotation", "learning", "analysis")
FLOW = (
    ("triplets.Collection", "collections", "import faces"),
    ("annotation.Study", "studies", "ask people"),
    ("annotation.Consensus", "settled questions", "what most good annotators said"),
    ("triplets.Release", "releases", "frozen, checksummed"),
    ("learning.Run", "runs", "training"),
    ("analysis.Report", "reports", "read and publish"),
)

#: A word on every table, below its name in lists: what its rows are, and where they come from.
NOTES = {
    "triplets.Collection": "Pictures of faces with landmarks, of one source and licence. Add imports some.",
    "triplets.Errand": "Imports and freezing that a worker does or did. A collection's or study's page begins them.",
    "triplets.Question": "What people can be asked, and what is expected of gold and practice questions.",
    "triplets.QuestionSet": "The questions of a study; gold and practice questions are added here.",
    "triplets.Release": "Settled judgements, frozen with checksums. A study's page freezes one.",
    "triplets.ReleaseToken": "Keys by which scripts and people without a login download releases.",
    "triplets.Stimulus": "Single pictures with what is known of them.",
    "triplets.Subject": "The people in the pictures, each wholly in training, validation or test.",
    "annotation.Study": "What is asked, of whom, how often and at what quality; how far it is, and its ways in.",
    "annotation.Annotator": "People who answer, under the code that they see themselves.",
    "annotation.Participation": "One person in one study: consent, accuracy on gold, whether the data counts.",
    "annotation.Assignment": "One person's pass through one batch of questions.",
    "annotation.Consensus": "What most good annotators said about a question, with votes and certainty.",
    "annotation.ReplacementDecision": "When places were opened again because somebody's data does not count, and why.",
    "annotation.Posting": "A study offered at a recruiter, Prolific for example: places, pay, state.",
    "annotation.Submission": "What one person handed in at a recruiter, to be approved and paid.",
    "annotation.OutboxEntry": "Everything asked of a recruiter: published, approved, paid; sent once each.",
    "annotation.Budget": "What may be spent on a study. Nothing is published or paid beyond it.",
    "learning.Run": "One training of a network on a release: watch, stop, resume, compare.",
    "learning.Search": "Runs with settings drawn at random, around the best in each further round.",
    "learning.StudyRun": "Published studies, all their networks trained here.",
    "learning.Checkpoint": "Saved weights of networks, to be downloaded or trained further.",
    "analysis.Evaluation": "How well a network agrees with people, measured. Follows every run by itself.",
    "analysis.Report": "Pages about evaluated networks: drafts until you publish them.",
    "analysis.StudyReport": "Pages about whole published studies. Written when the last network is evaluated.",
    "analysis.RetrainingPolicy": "Studies that retrain by themselves, and how their figures grow.",
}


#: Whoever may filter a list by a secret can read the secret letter by letter (CVE-2023-47117).
SECRETS = {"password", "token_sha256", "pseudonym_key", "lease_token"}


class HouseAdmin:
    """What every table of the admin has: guarded lookups, its own name and a word on it above the list.

    Django checks lookups over relations; a table's own fields may all be filtered by, secrets included.
    """

    def lookup_allowed(self, lookup, value, request=None):
        return SECRETS.isdisjoint(lookup.split("__")) and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request, extra_context=None):
        name = str(self.opts.verbose_name_plural)
        words = {"title": name[:1].upper() + name[1:], "subtitle": NOTES.get(self.opts.label)}
        return super().changelist_view(request, words | (extra_context or {}))

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        """Show rows under the name of their table: most pages are for reading, whatever Django calls them."""
        if obj is not None and str(context.get("title", "")).startswith(("Change ", "View ")):
            name = str(self.opts.verbose_name)
            context["title"] = name[:1].upper() + name[1:]
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)


class SemblanceAdminSite(admin.AdminSite):
    site_header = "Semblance"
    site_title = "Semblance"
    index_title = "Studies, runs and reports"

    def register(self, model_or_iterable, admin_class=None, **options):
        admin_class = admin_class or admin.ModelAdmin
        guarded = type(admin_class.__name__, (HouseAdmin, admin_class), {"__module__": admin_class.__module__})
        super().register(model_or_iterable, guarded, **options)

    def get_app_list(self, request, app_label=None):
        """Return the rooms in the order in which the data pass them, each table with a word on it."""
        rooms = super().get_app_list(request, app_label)
        for room in rooms:
            for table in room["models"]:
                table["note"] = NOTES.get(table["model"]._meta.label, "")
        place = {name: k for k, name in enumerate(HOUSE)}
        return sorted(rooms, key=lambda room: place.get(room["app_label"], len(place)))

    def index(self, request, extra_context=None):
        return super().index(request, {"flow": flow_steps(), **(extra_context or {})})


def flow_steps() -> list[dict]:
    """Return one step for each table of the flow that has a page: its address, its count and a word on it."""
    steps = []
    for label, name, note in FLOW:
        model = apps.get_model(label)
        try:
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        except NoReverseMatch:
            continue
        rows = model.objects.filter(is_current=True) if label == "annotation.Consensus" else model.objects
        steps.append({"url": url, "name": name, "note": note, "count": rows.count()})
    return steps


def grant_researchers(sender, using="default", **kwargs):
    """Give the group of researchers every right on our own tables, and none on users and permissions."""
    from django.contrib.auth.models import Group, Permission

    group, _ = Group.objects.using(using).get_or_create(name=RESEARCHERS)
    group.permissions.set(Permission.objects.using(using).filter(content_type__app_label__in=HOUSE))
