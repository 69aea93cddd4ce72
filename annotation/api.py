"""The JSON side of answering, for the page's script and for simulated people.

The signed token in the address is the only right to act here and no cookie is looked at, so a foreign page has
nothing to forge with: these views need no CSRF token (and must work where cookies are blocked).
"""

from functools import wraps

from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from annotation.errors import AnnotationError, AnswerInvalid, ConsentMissing, LinkInvalid, PracticeMissing, StudyClosed
from annotation.forms import PositionForm, read_answer, read_json, require_valid
from annotation.models import Participation
from annotation.serializers import shown_assignment, shown_practice
from annotation.services.assignments import claim_assignment
from annotation.services.claiming import claim_at_once
from annotation.services.links import access_participation, has_consented, has_practised, participation_of_token
from annotation.services.practice import check_practice
from annotation.services.responses import record_answer

STATUS = {LinkInvalid: 404, StudyClosed: 403, AnswerInvalid: 400}


def status_of(error: AnnotationError) -> int:
    return STATUS.get(type(error), 409)


def in_json(view):
    """Give the view's dictionary as JSON, and turn a refusal into its sentence."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapped(request, token):
        try:
            return JsonResponse(view(request, token))
        except AnnotationError as error:
            return JsonResponse({"error": str(error), "code": error.code}, status=status_of(error))

    return wrapped


def of_participation(view):
    """Load the person whom the token names; the rest is `in_json`."""

    @in_json
    @wraps(view)
    def wrapped(request, token):
        return view(request, access_participation(token))

    return wrapped


def require_consent(participation: Participation) -> None:
    if not has_consented(participation):
        raise ConsentMissing("Please read and accept the consent first: open your link again.")


def require_ready(participation: Participation) -> None:
    require_consent(participation)
    if not has_practised(participation):
        raise PracticeMissing("Please do the short practice first: open your link again.")


@require_GET
@in_json
def assignment(request, token):
    if (begun := claim_at_once(participation_of_token(token))) is not None:
        return shown_assignment(begun.assignment, begun.participation, begun.shown)
    participation = access_participation(token)
    require_ready(participation)
    return shown_assignment(claim_assignment(participation.study, participation.annotator), participation)


@require_POST
@in_json
def responses(request, token):
    recorded = record_answer(participation_of_token(token), **read_answer(read_json(request)))
    return {
        "saved": True,
        "is_new": recorded.is_new,
        "n_answered": recorded.n_answered,
        "is_complete": recorded.is_complete,
    } | ({"notice": recorded.notice} if recorded.notice else {})


@of_participation
def practice(request, participation):
    require_consent(participation)
    if request.method != "POST":
        return shown_practice(participation)
    form = require_valid(PositionForm(read_json(request)))
    feedback = check_practice(participation, form.cleaned_data["position"], **form.answer)
    return {
        "is_right": feedback.is_right,
        "expected": feedback.expected,
        "sentence": feedback.sentence,
        "is_complete": feedback.is_complete,
    }
