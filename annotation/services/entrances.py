"""How people who come from MTurk and Prolific enter a study, and when what they are paid for is done.

A posting's address is signed; who the person is stands in the parameters that the recruiter adds, and is taken from
nowhere else: no cookie is looked at, since browsers send none into a foreign frame.
"""

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from annotation.errors import LinkInvalid, StudyClosed
from annotation.models import Annotator, Assignment, Participation, Posting, Submission
from annotation.recruiters.prolific import COMPLETION_URL
from annotation.services.assignments import has_more
from annotation.services.links import INCOMPLETE, LONGEST_TOKEN, entry_url, require_open

POSTING_SALT = "annotation.posting"
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"
_PERSON = {"mturk": r"A[A-Z0-9]{1,63}", "prolific": r"[0-9A-Za-z]{12,40}"}
_PASS = {"mturk": r"[A-Z0-9]{1,64}", "prolific": r"[0-9A-Za-z]{12,40}"}
MTURK_ORIGINS = ("https://www.mturk.com", "https://workersandbox.mturk.com", "https://worker.mturk.com")


def posting_url(posting: Posting) -> str:
    """Return the absolute address that a recruiter sends people to."""
    token = signing.dumps(posting.pk, salt=POSTING_SALT)
    name = {"mturk": "annotation:enter_mturk", "prolific": "annotation:enter_prolific"}.get(posting.recruiter)
    if name is None:
        return entry_url(posting.study)
    return settings.SITE_URL + reverse(name, args=[token])


def access_posting(token: str, recruiter: str) -> Posting:
    try:
        if len(token) > LONGEST_TOKEN:
            raise LinkInvalid(INCOMPLETE)
        pk = signing.loads(token, salt=POSTING_SALT)
    except signing.BadSignature as error:
        raise LinkInvalid(INCOMPLETE) from error
    posting = Posting.objects.select_related("study").filter(pk=pk, recruiter=recruiter).first()
    if posting is None:
        raise LinkInvalid("The study of this link does not exist any more. Please return the task.")
    return posting


def enter_posting(posting: Posting, person: str, external_id: str) -> Submission:
    """Let somebody in under the recruiter's identity for them; return their pass, made on first use.

    The same person comes back to the same work under any pass; the same pass under another person is another one.
    """
    if not re.fullmatch(_PERSON[posting.recruiter], person) or not re.fullmatch(_PASS[posting.recruiter], external_id):
        raise LinkInvalid("This address lacks who you are. Please open the task again from the recruiter's own page.")
    known = Submission.objects.select_related("participation__study", "annotator", "posting").filter(
        posting=posting, external_id=external_id, annotator__external_id=person, participation__isnull=False
    )
    if (found := known.first()) is not None:
        return found
    require_open(posting.study)
    if posting.state in (Posting.State.CLOSED, Posting.State.FAILED):
        raise StudyClosed("This task is closed and takes no new people. Please return it.")
    with transaction.atomic():
        annotator, _ = Annotator.objects.get_or_create(recruiter=posting.recruiter, external_id=person)
        participation, _ = Participation.objects.get_or_create(study=posting.study, annotator=annotator)
        participation = Participation.objects.select_for_update(of=("self",), no_key=True).get(pk=participation.pk)
        if participation.is_excluded:
            raise StudyClosed("There is nothing more for you to do in this study. Please return the task; thank you.")
        submission, _ = Submission.objects.update_or_create(
            posting=posting, external_id=external_id, annotator=annotator, defaults={"participation": participation}
        )
        _promise(participation)
    return known.get(pk=submission.pk)


def _promise(participation: Participation) -> None:
    """Let a person do as many batches as their passes pay for, and no more: nobody works for nothing."""
    passes = Submission.objects.filter(participation=participation).exclude(state=Submission.State.RETURNED)
    most = passes.aggregate(n=Sum("posting__batches_per_place"))["n"]
    Participation.objects.filter(pk=participation.pk).update(max_assignments=most)


def check_finished(submission: Submission) -> bool:
    """Return whether the work of this pass is done, and write it down when it is first found so.

    Each batch counts for one pass: who opened two and did one batch has finished the one that asked first. Who was
    excluded for their answers has finished too, and so has who did what there was where nothing is left to do, since
    it is we who let them do no more; who hands in before that has not.
    """
    if submission.finished_at is not None:
        return True
    with transaction.atomic():
        participation = Participation.objects.select_for_update(of=("self",), no_key=True).get(
            pk=submission.participation_id
        )
        others = Submission.objects.filter(participation=participation, finished_at__isnull=False)
        others = others.exclude(pk=submission.pk).exclude(state=Submission.State.RETURNED)
        n_done = participation.n_assignments - others.aggregate(n=Coalesce(Sum("n_batches"), 0))["n"]
        is_working = Assignment.objects.filter(participation=participation, state=Assignment.State.ACTIVE).exists()
        is_at_it = submission.state == Submission.State.ACTIVE
        is_all_there_was = n_done > 0 and is_at_it and not has_more(participation)
        is_let_go = not is_working and (participation.is_excluded or is_all_there_was)
        if n_done < submission.posting.batches_per_place and not is_let_go:
            return False
        submission.finished_at = timezone.now()
        submission.n_batches = max(0, min(n_done, submission.posting.batches_per_place))
        submission.save(update_fields=["finished_at", "n_batches"])
    return True


def completion_url(participation: Participation) -> str:
    """Return where a person from Prolific goes with their completion code, empty for everybody else and too early."""
    if participation.annotator.recruiter != Posting.Recruiter.PROLIFIC:
        return ""
    mine = Submission.objects.filter(participation=participation).select_related("posting", "participation__study")
    submission = mine.order_by("-pk").first()
    if submission is None or not check_finished(submission):
        return ""
    return COMPLETION_URL + submission.posting.completion_code


def mturk_origins() -> list[str]:
    """Return the places that may show our page in a frame and take its form: MTurk's own, and the endpoint if local."""
    endpoint = urlsplit(getattr(settings, "MTURK_ENDPOINT_URL", ""))
    is_local = endpoint.hostname in ("127.0.0.1", "localhost", "::1")
    return [*MTURK_ORIGINS, *([f"{endpoint.scheme}://{endpoint.netloc}"] if is_local else [])]


def submit_address(turk_submit_to: str) -> str:
    """Return where the finished assignment is handed in. The parameter is anybody's: only known places are believed."""
    if turk_submit_to.rstrip("/") not in mturk_origins():
        raise LinkInvalid("This page was not opened from Mechanical Turk. Please open the task from there.")
    return turk_submit_to.rstrip("/") + "/mturk/externalSubmit"
