"""The pages of people who answer: consent, instructions, practice, questions, thanks.

Every page works as a plain form; question.js makes the question page quick. The signed token in the address is the
only right to act: no cookie is looked at after /join/, so there is nothing that a foreign page could forge with, and
the forms need no CSRF token.
"""

from functools import wraps

from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import api
from annotation.errors import (
    AnnotationError,
    AssignmentClosed,
    AssignmentNotYours,
    ConsentMissing,
    LinkInvalid,
    PracticeMissing,
)
from annotation.forms import AboutForm, PositionForm, ResponseForm, require_valid
from annotation.models import Participation
from annotation.serializers import shown_question, unanswered
from annotation.services import links
from annotation.services.assignments import active_assignment, claim_assignment, has_more
from annotation.services.demographics import record_demographics, wants_demographics
from annotation.services.drawing import usual_length
from annotation.services.entrances import completion_url
from annotation.services.practice import check_practice, example_of, expected_answer, practice_of
from annotation.services.responses import record_answer

COOKIE_SECONDS = 180 * 24 * 3600
TITLES = {404: "This link does not work", 403: "No answers are taken now", 400: "That was not understood"}
NOT_UNDERSTOOD = "Your answer did not arrive as it should, and was not saved. Please go on and answer again."


def refusal(request, error: AnnotationError):
    status = api.status_of(error)
    person = getattr(request, "participation", None)
    context = {
        "title": TITLES.get(status, "That did not work"),
        "message": NOT_UNDERSTOOD if status == 400 else str(error),
        "detail": str(error) if status == 400 else "",
        "go_on": request.participation_token if person and status == 400 else "",
        "study": person and person.study,
        "code": person and person.annotator.code,
    }
    return render(request, "annotation/notice.html", context, status=status)


def of_participation(view):
    """Load the person whom the token names; a refusal leads to their next step, or becomes a page that says why."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapped(request, token):
        try:
            request.participation_token = token
            request.participation = links.access_participation(token)
            return view(request, request.participation)
        except (ConsentMissing, PracticeMissing, AssignmentClosed, AssignmentNotYours):
            return go(request, "take")  # too early, or a page that was left open: go to what is next
        except AnnotationError as error:
            return refusal(request, error)

    return wrapped


def page(request, participation, template: str, **context):
    context |= {
        "participation": participation,
        "study": participation.study,
        "code": participation.annotator.code,
        "token": request.participation_token,
    }
    return render(request, f"annotation/{template}.html", context)


def go(request, name: str):
    return redirect(f"annotation:{name}", request.participation_token)


@require_safe
@never_cache
def join(request, token):
    """Let somebody in. On an open link this browser remembers who it was, so that a second visit goes on."""
    try:
        entry = links.access_entry(token)
        cookie = f"participation_{entry.study.pk}"
        participation = known_visitor(request.COOKIES.get(cookie, ""), entry) or links.enter_study(entry)
    except AnnotationError as error:
        return refusal(request, error)
    own_token = links.participation_token(participation)
    response = redirect("annotation:take", own_token)
    if entry.external_id is None:
        response.set_cookie(
            cookie, own_token, max_age=COOKIE_SECONDS, path="/join/", httponly=True, samesite="Lax",
            secure=request.is_secure(),
        )  # fmt: skip
    return response


def known_visitor(token: str, entry: links.Entry):
    if entry.external_id is not None or not token:
        return None
    try:
        participation = links.access_participation(token)
    except LinkInvalid:  # of a former study or key: a stranger then
        return None
    return participation if participation.study_id == entry.study.pk else None


@require_safe
@of_participation
def take(request, participation):
    """The one address that always leads on: to whatever comes next for this person."""
    if is_unqualified(participation):
        return not_qualified(request, participation)
    is_active = active_assignment(participation) is not None
    if not is_active and participation.n_assignments == 0:
        links.require_open(participation.study)
    if not links.has_consented(participation):
        return page(request, participation, "consent", n_questions=usual_length(participation.study))
    if is_active:
        return go(request, "questions")
    if participation.n_assignments:
        return go(request, "thanks")
    return go(request, "about" if wants_demographics(participation) else "instructions")


@require_POST
@of_participation
def consent(request, participation):
    if request.POST.get("version", "") in ("", str(participation.study.consent_version)):
        links.record_consent(participation)
    return go(request, "take")  # which shows the words again if they changed while they were read


@require_http_methods(["GET", "HEAD", "POST"])
@of_participation
def about(request, participation):
    """Ask what the researcher wants to know of the person, once; nothing has to be answered."""
    api.require_consent(participation)
    if not wants_demographics(participation):
        return go(request, "take")
    form = AboutForm(request.POST or None, fields=participation.study.demographics)
    if request.method == "POST":
        record_demographics(participation, require_valid(form).told if form.is_bound else {})
        return go(request, "take")
    return page(request, participation, "about", form=form)


@require_safe
@of_participation
def instructions(request, participation):
    api.require_consent(participation)
    shown = example_of(participation)
    return page(
        request,
        participation,
        "instructions",
        example=shown and shown_question(shown, participation.study),
        expected=shown and expected_answer(shown),
        has_practised=links.has_practised(participation),
        is_slider=participation.study.kind == "rating" and scale_values(participation.study) is None,
        is_active=active_assignment(participation) is not None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@csrf_exempt
def practice(request, token):
    wants_json = "application/json" in (request.content_type, request.headers.get("Accept", "").split(",")[0])
    return (api.practice if wants_json else practice_page)(request, token)


@of_participation
def practice_page(request, participation):
    api.require_consent(participation)
    shown = practice_of(participation)
    if not shown:
        return go(request, "questions")
    position, feedback = read_position(request, len(shown)), None
    if request.method == "POST":
        form = require_valid(PositionForm(request.POST))
        position = form.cleaned_data["position"]
        feedback = check_practice(participation, position, **form.answer)
    return question_page(
        request, participation, shown[position], len(shown), position, mode="practice", feedback=feedback
    )


def read_position(request, n: int) -> int:
    text = request.GET.get("position", "0")
    return min(int(text), n - 1) if text.isdecimal() and len(text) < 6 else 0


def scale_values(study) -> range | None:
    """Up to eleven values are buttons in a row; a longer scale is a slider, None."""
    return range(study.scale_low, study.scale_high + 1) if study.scale_high - study.scale_low <= 10 else None


def question_page(request, participation, shown, n_positions, n_answered, mode, **context):
    study = participation.study
    question = shown_question(shown, study)
    return page(
        request,
        participation,
        "question",
        question=question,
        n_positions=n_positions,
        n_answered=n_answered,
        number=n_answered + 1,
        mode=mode,
        next_position=shown.position + 1,
        values=scale_values(study),
        middle=(study.scale_low + study.scale_high) // 2,
        **context,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@of_participation
def questions(request, participation):
    """Show the next question of the person's assignment, and take the answer of browsers without script."""
    api.require_ready(participation)
    if request.method == "POST":
        form = require_valid(ResponseForm(request.POST))
        record_answer(participation.pk, **form.answer)
        return go(request, "questions")
    if participation.n_assignments and active_assignment(participation) is None:
        return go(request, "thanks")  # a further batch begins only by its button
    return show_assignment(request, participation)


def is_unqualified(participation) -> bool:
    return participation.exclusion == Participation.Exclusion.UNQUALIFIED


def not_qualified(request, participation):
    return page(request, participation, "not_qualified", completion_url=completion_url(participation))


def show_assignment(request, participation):
    if is_unqualified(participation):
        return not_qualified(request, participation)
    assignment = claim_assignment(participation.study, participation.annotator)
    if assignment is None:
        return page(request, participation, "nothing_left")
    shown = unanswered(assignment).first()
    return question_page(
        request, participation, shown, assignment.n_positions, assignment.n_answered, "questions", assignment=assignment
    )


@require_safe
@of_participation
def thanks(request, participation):
    if active_assignment(participation) is not None:
        return go(request, "questions")
    if participation.n_assignments == 0:  # after the qualification the first batch follows at once
        return go(request, "take" if participation.qualified_at is None or participation.is_excluded else "questions")
    goes_on, way_back = has_more(participation), completion_url(participation)
    n_promised = participation.max_assignments if goes_on and not way_back else None
    return page(request, participation, "thanks", has_more=goes_on, completion_url=way_back, n_promised=n_promised)


@require_POST
@of_participation
def another(request, participation):
    api.require_ready(participation)
    if claim_assignment(participation.study, participation.annotator) is None:
        return page(request, participation, "nothing_left")
    return go(request, "questions")
