"""Collections, questions and releases for researchers. What was recorded is looked at, never edited."""

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.html import format_html

from triplets import selectors
from triplets.admin.errands import begin
from triplets.admin.looking import LookedAt, worded
from triplets.counting import counted
from triplets.forms import FacesForm, GoldFileForm, GoldProposalForm
from triplets.models import Collection, Errand, Question, QuestionSet, Release, ReleaseToken, Stimulus, Subject
from triplets.services.questions import QuestionsRefused, add_gold, propose_gold
from triplets.services.stimuli import delete_collection
from triplets.services.tokens import create_release_token
from triplets.views import picture_url

PICTURES_PER_PAGE = 60


def thumbnail(stimulus: Stimulus | None, css: str = ""):
    if stimulus is None or not stimulus.picture:
        return "–"
    return format_html(
        '<img class="thumb {}" src="{}" alt="{}" loading="lazy" width="72" height="72">',
        css, picture_url(stimulus.pk), stimulus.key,
    )  # fmt: skip


@admin.register(Collection)
class CollectionAdmin(LookedAt):
    list_display = ["name", "title", "n_stimuli", "n_subjects", "landmark_scheme", "licence", "created_at"]
    search_fields = ["name", "title"]
    page_template = "triplets/collection.html"

    def has_add_permission(self, request):
        return admin.ModelAdmin.has_add_permission(self, request)

    def add_view(self, request, form_url="", extra_context=None):
        """Faces from a manifest, a zip of pictures and a file of landmarks, into a new collection or a known one."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        is_sent = request.method == "POST"
        known = Collection.objects.filter(name=request.GET.get("into", "")).first()
        again, failed = request.GET.get("again", ""), Errand.objects.filter(kind=Errand.Kind.STIMULI)
        initial = failed.filter(pk=again).values_list("wanted", flat=True).first() if again.isdecimal() else None
        form = FacesForm(
            *((request.POST, request.FILES) if is_sent else ()),
            initial=initial or (known and {"collection": known.name}),
        )
        if is_sent and form.is_valid():
            errand = begin(request, Errand.Kind.STIMULI, form.uploads, wanted=form.wanted)
            return redirect("admin:triplets_errand_change", errand.pk)
        page = {"title": "Import faces", "opts": self.opts, "form": form, "media": self.media, "known": known}
        context = {**self.admin_site.each_context(request), **page}
        return TemplateResponse(request, "triplets/import_faces.html", context)

    def has_delete_permission(self, request, obj=None):
        is_unused = obj is None or not obj.question_sets.exists()
        return is_unused and admin.ModelAdmin.has_delete_permission(self, request, obj)

    def get_actions(self, request):
        return {}

    def get_deleted_objects(self, objs, request):
        stimuli = ("stimulus with its picture", "stimuli with their pictures")
        gone = [f"{c.name}: {counted(c.n_stimuli, *stimuli)}, {counted(c.n_subjects, 'subject')}" for c in objs]
        return gone, {"stimuli": sum(c.n_stimuli for c in objs)}, set(), []

    def delete_model(self, request, obj):
        delete_collection(obj)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if (row := self.access_row(request, object_id)) is None:
            return super().change_view(request, object_id, form_url, extra_context)
        chosen = {"class_label": request.GET.get("class"), "split": request.GET.get("split")}
        sheet = Paginator(selectors.contact_sheet(row, **chosen), PICTURES_PER_PAGE).get_page(request.GET.get("page"))
        return self.page(
            request, row,
            counts=selectors.counts_by_class_and_split(row),
            pictures=[(stimulus, picture_url(stimulus.pk)) for stimulus in sheet],
            sheet=sheet,
            chosen=chosen,
            n_without_picture=row.stimuli.filter(picture="").count(),
            n_landmarks=row.stimuli.filter(has_landmarks=True).count(),
            may_delete=self.has_delete_permission(request, row),
            may_add=self.has_add_permission(request),
        )  # fmt: skip


@admin.register(Subject)
class SubjectAdmin(LookedAt):
    list_display = ["name", "collection", "split", "known"]
    fields = ["name", "collection", "split", "known"]
    readonly_fields = ["known"]
    known = worded("extra", "what else is known")
    list_filter = ["collection", "split"]
    list_select_related = ["collection"]
    search_fields = ["name"]


@admin.register(Stimulus)
class StimulusAdmin(LookedAt):
    list_display = ["face", "key", "subject", "class_label", "degree", "is_neutral", "has_landmarks", "collection"]
    list_display_links = ["face", "key"]
    list_filter = ["collection", "class_label", "is_neutral", "has_landmarks", "subject__split"]
    list_select_related = ["subject", "collection"]
    list_per_page = 50
    search_fields = ["key", "subject__name"]
    show_full_result_count = False
    fields = ["drawn", "key", "collection", "subject", "class_label", "degree", "is_neutral", "units", "rated",
              "known", "width", "height", "picture_sha256", "content_sha256", "created_at"]  # fmt: skip
    readonly_fields = ["drawn", "units", "rated", "known"]
    units = worded("action_units", "action units")
    rated = worded("attributes", "rated attributes")
    known = worded("extra", "what else is known")

    @admin.display(description="picture")
    def face(self, stimulus):
        return thumbnail(stimulus)

    @admin.display(description="picture and landmarks")
    def drawn(self, stimulus):
        context = {
            "url": picture_url(stimulus.pk) if stimulus.picture else "",
            "stimulus": stimulus,
            "drawing": selectors.landmark_drawing(stimulus),
        }
        return render_to_string("triplets/stimulus_drawing.html", context)


@admin.register(QuestionSet)
class QuestionSetAdmin(LookedAt):
    list_display = ["name", "collection", "created_at"]
    list_select_related = ["collection"]
    search_fields = ["name"]
    page_template = "triplets/question_set.html"

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if (row := self.access_row(request, object_id)) is None:
            return super().change_view(request, object_id, form_url, extra_context)
        may_add = request.user.has_perm("triplets.add_question")
        is_file = "add_file" in request.POST
        asked = request.method == "POST" and may_add
        # Both forms stand on one page: their fields need identities of their own.
        file_form = GoldFileForm(*((request.POST, request.FILES) if asked and is_file else ()), auto_id="file_%s")
        proposal_form = GoldProposalForm(
            *((request.POST,) if asked and not is_file else ()),
            auto_id="propose_%s",
            asks_ratings=row.questions.filter(kind=Question.Kind.RATING).exists(),
        )
        form = file_form if is_file else proposal_form
        if asked and form.is_valid() and self.add(request, row, form.cleaned_data):
            return redirect(request.path)
        known = Paginator(selectors.known_questions(row), 40).get_page(request.GET.get("page"))
        return self.page(
            request, row,
            counts=selectors.counts_by_role_and_split(row),
            questions=[(question, shown_pictures(question)) for question in known],
            known=known,
            file_form=file_form,
            proposal_form=proposal_form,
            may_add=may_add,
        )  # fmt: skip

    def add(self, request, question_set, wanted) -> bool:
        try:
            if "file" in wanted:
                n, reason = add_gold(question_set, *wanted["file"], role=wanted["role"]), ""
            else:
                scale = wanted.get("low", 1), wanted.get("high", 9)
                options = question_set.study.options if hasattr(question_set, "study") else ()
                proposal = propose_gold(
                    question_set, wanted["n"], wanted["seed"], scale=scale, options=options, role=wanted["role"]
                )
                n, reason = proposal.n_created, proposal.reason
        except QuestionsRefused as error:
            self.message_user(request, f"Nothing was added: {error}.", messages.ERROR)
            return False
        level = messages.WARNING if reason else messages.SUCCESS
        role = wanted["role"]
        added = counted(n, f"{role} question was", f"{role} questions were")
        self.message_user(request, f"{added} added. {reason}".strip(), level)
        return True


@admin.register(Question)
class QuestionAdmin(LookedAt):
    list_display = [
        "question",
        "reference_face",
        "first_face",
        "second_face",
        "asked_as",
        "split",
        "is_same_subject",
        "sampler",
    ]
    list_filter = ["question_set", "kind", "role", "split", "is_same_subject", "sampler"]
    list_select_related = ["reference", "first", "second"]
    list_per_page = 50
    show_full_result_count = False

    @admin.display(ordering="pk")
    def question(self, question):
        return f"{question.pk}: {question.attribute}" if question.attribute else question.pk

    @admin.display(description="role", ordering="role")
    def asked_as(self, question):
        return question.role

    @admin.display(description="reference")
    def reference_face(self, question):
        return thumbnail(question.reference)

    @admin.display(description="first")
    def first_face(self, question):
        return thumbnail(question.first, "is-expected" if question.expected_choice == "first" else "")

    @admin.display(description="second")
    def second_face(self, question):
        return thumbnail(question.second, "is-expected" if question.expected_choice == "second" else "")


@admin.register(Release)
class ReleaseAdmin(LookedAt):
    list_display = ["name", "version", "collection", "n_triplets", "n_ratings", "n_responses", "checksum", "created_at"]
    list_filter = ["collection"]
    list_select_related = ["collection"]
    search_fields = ["name", "sha256"]
    page_template = "triplets/release.html"

    @admin.display(description="SHA-256", ordering="sha256")
    def checksum(self, release):
        return format_html('<code title="{}">{}</code>', release.sha256, release.sha256[:12])

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if (row := self.access_row(request, object_id)) is None:
            return super().change_view(request, object_id, form_url, extra_context)
        return self.page(
            request, row,
            files=selectors.release_files(row),
            counts=sorted(row.manifest.get("counts", {}).items()),
            settings=selectors.release_settings(row),
            tokens=row.tokens.all(),
            may_add_token=request.user.has_perm("triplets.add_releasetoken"),
        )  # fmt: skip


@admin.register(ReleaseToken)
class ReleaseTokenAdmin(admin.ModelAdmin):
    list_display = ["label", "release", "expires_at", "n_downloads", "created_at"]
    list_select_related = ["release"]
    fields = ["label", "release", "expires_at"]

    class Media:
        css = {"all": ["triplets/admin.css"]}

    def has_change_permission(self, request, obj=None):
        return False

    def get_form(self, request, obj=None, **kwargs):
        form = super().get_form(request, obj, **kwargs)
        for field in filter(None, [form.base_fields.get("expires_at")]):
            for part, words in zip(field.widget.widgets, ("date", "time"), strict=True):
                part.attrs["aria-label"] = f"Expires at, {words}"
        return form

    def save_model(self, request, obj, form, change):
        row, request.new_token = create_release_token(obj.label, obj.release, obj.expires_at)
        obj.pk, obj.token_sha256 = row.pk, row.token_sha256

    def response_add(self, request, obj, post_url_continue=None):
        context = {**self.admin_site.each_context(request), "title": f"Token: {obj.label}", "opts": self.opts,
                   "row": obj, "token": request.new_token, "media": self.media,
                   "site": request.build_absolute_uri("/")[:-1]}  # fmt: skip
        return TemplateResponse(request, "triplets/token.html", context)


def shown_pictures(question: Question) -> list[dict]:
    """Return what a question shows: the picture's address, its name, and whether it is the expected choice."""
    shown = [(question.reference, False)]
    for name in ("first", "second"):
        if getattr(question, f"{name}_id"):
            shown.append((getattr(question, name), question.expected_choice == name))
    return [
        {"url": picture_url(stimulus.pk) if stimulus.picture else "", "key": stimulus.key, "is_expected": expected}
        for stimulus, expected in shown
    ]
