"""Signed links: into a study, and to one person's own pages. Whoever holds a link acts for that person.

The same study and the same person have the same link at all times, and it does not run out: people come back.
"""

import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from annotation.errors import LinkInvalid, StudyClosed
from annotation.models import Annotator, Participation, Study
from triplets.models import Question

ENTRY_SALT = "annotation.entry"
PARTICIPATION_SALT = "annotation.participation"
LONGEST_TOKEN = 600
INCOMPLETE = "This link is not complete. Please open the whole link that you were sent, or ask for a new one."

LEADS_NOWHERE = "This link does not lead anywhere any more. Please ask the people who invited you."


@dataclass(frozen=True)
class Entry:
    """What a link into a study says: an open link has no `external_id`."""

    study: Study
    recruiter: str
    external_id: str | None


def entry_url(study: Study, external_id: str | None = None, recruiter: str = "link") -> str:
    """Return the absolute address that lets people in.

    Without `external_id` every visitor becomes a new annotator; with it the link belongs to one person, who finds
    their own work again from any device.
    """
    claims = {"s": study.pk} if external_id is None else {"s": study.pk, "r": recruiter, "e": str(external_id)}
    token = signing.Signer(salt=ENTRY_SALT).sign_object(claims)
    return settings.SITE_URL + reverse("annotation:join", args=[token])


def invite_person(study: Study) -> str:
    """Return a link for one new person, under an identity that nobody has used."""
    return entry_url(study, external_id=f"invited-{secrets.token_hex(8)}")


def _claims(token: str, salt: str):
    if len(token) > LONGEST_TOKEN:
        raise LinkInvalid(INCOMPLETE)
    try:
        return signing.Signer(salt=salt).unsign_object(token)
    except signing.BadSignature as error:
        raise LinkInvalid(INCOMPLETE) from error


def access_entry(token: str) -> Entry:
    claims = _claims(token, ENTRY_SALT)
    study = Study.objects.filter(pk=claims["s"]).first()
    if study is None:
        raise LinkInvalid("The study of this link does not exist any more. Please ask the people who invited you.")
    return Entry(study, claims.get("r", "link"), claims.get("e"))


def enter_study(entry: Entry) -> Participation:
    """Return the participation of the link's person, made on first use. Only an open study lets new people in."""
    external_id = entry.external_id or secrets.token_hex(16)
    known = Participation.objects.filter(
        study=entry.study, annotator__recruiter=entry.recruiter, annotator__external_id=external_id
    ).first()
    if known is not None:
        return known
    require_open(entry.study)
    with transaction.atomic():
        annotator, _ = Annotator.objects.get_or_create(recruiter=entry.recruiter, external_id=external_id)
        participation, _ = Participation.objects.get_or_create(study=entry.study, annotator=annotator)
    return participation


def require_open(study: Study) -> None:
    if study.state == Study.State.DRAFT:
        raise StudyClosed("This study has not opened yet. Please come back later with the same link.")
    if study.state == Study.State.CLOSED:
        raise StudyClosed("This study is closed and takes no new answers. Thank you for your interest.")


def participation_token(participation: Participation) -> str:
    return signing.Signer(salt=PARTICIPATION_SALT).sign_object(participation.pk)


def participation_of_token(token: str) -> int:
    """Return the primary key of the participation whose pages this token opens, as it was signed."""
    return _claims(token, PARTICIPATION_SALT)


def access_participation(token: str) -> Participation:
    """Return the participation whose pages this token opens."""
    pk = participation_of_token(token)
    participation = Participation.objects.select_related("study", "annotator").filter(pk=pk).first()
    if participation is None:
        raise LinkInvalid(LEADS_NOWHERE)
    return participation


def has_consented(participation: Participation) -> bool:
    """Whether the person agreed to the words that stand there now."""
    return (
        participation.consented_at is not None and participation.consent_version == participation.study.consent_version
    )


def record_consent(participation: Participation) -> None:
    Participation.objects.filter(pk=participation.pk).update(
        consent_version=participation.study.consent_version, consented_at=timezone.now()
    )
    participation.refresh_from_db(fields=["consent_version", "consented_at"])


def has_practised(participation: Participation) -> bool:
    """Whether the person has practised, or there is nothing to practise."""
    if participation.practised_at is not None:
        return True
    study = participation.study
    practice = Question.objects.filter(question_set=study.question_set_id, role=Question.Role.PRACTICE)
    return study.n_practice == 0 or not practice.exists()


def record_practice(participation: Participation) -> None:
    if participation.practised_at is None:
        Participation.objects.filter(pk=participation.pk, practised_at=None).update(practised_at=timezone.now())
        participation.refresh_from_db(fields=["practised_at"])
