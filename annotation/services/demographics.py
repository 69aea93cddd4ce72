"""What people may tell about themselves: fields that the researcher defines, each answer theirs to leave out.

Answers stay with the participation. They are in no release unless the study says so, which is off when a study is
made: then a sentence is added to the consent, and what those told who agreed to it is released under their pseudonyms.
"""

from collections import Counter

from django.utils import timezone

from annotation.errors import StudyError
from annotation.models import Participation, Study
from triplets.annotators import SMALL

MOST_FIELDS, MOST_OPTIONS, LONGEST = 10, 60, 80


def check_demographics(fields: list) -> None:
    """StudyError, naming the field, unless `fields` is a list of {"name": text, "options": two or more texts}."""
    if not isinstance(fields, list) or len(fields) > MOST_FIELDS:
        raise StudyError(f"Demographics are {fields!r}: expected a list of at most {MOST_FIELDS} fields.")
    for field in fields:
        if not isinstance(field, dict) or set(field) != {"name", "options"}:
            raise StudyError(f"A demographic field is {field!r}: expected a name and options.")
        name, options = field["name"], field["options"]
        texts = [name, *options] if isinstance(options, list) else [name]
        if any(not isinstance(text, str) or not text.strip() or len(text) > LONGEST for text in texts):
            raise StudyError(f"The field {name!r} is not understood: expected texts of 1 to {LONGEST} characters.")
        if not isinstance(options, list) or not 2 <= len(set(options)) == len(options) <= MOST_OPTIONS:
            raise StudyError(f"The field {name!r} offers {options!r}: expected 2 to {MOST_OPTIONS} different options.")
    names = [field["name"] for field in fields]
    if len(set(names)) < len(names):
        raise StudyError(f"Each demographic field is named once: got {', '.join(names)}.")


def wants_demographics(participation: Participation) -> bool:
    """Whether the person was not asked yet."""
    return bool(participation.study.demographics) and participation.demographics_at is None


def record_demographics(participation: Participation, told: dict[str, str]) -> None:
    """Keep what the person told; what is empty, or not offered by the study, is left out."""
    offered = {field["name"]: field["options"] for field in participation.study.demographics}
    kept = {name: value for name, value in told.items() if value in offered.get(name, ())}
    Participation.objects.filter(pk=participation.pk).update(demographics=kept, demographics_at=timezone.now())
    participation.refresh_from_db(fields=["demographics", "demographics_at"])


def may_be_released(study: Study, consent_version: int | None) -> bool:
    """Whether what a person told may be published, who agreed to this version of the consent."""
    first = study.demographics_consent_version
    return study.releases_demographics and None not in (first, consent_version) and consent_version >= first


def count_demographics(study: Study) -> list[dict]:
    """Return, for each field, how many people told what: [{name, counts: {option: n}, n_silent}]."""
    told = list(
        Participation.objects.filter(study=study, demographics_at__isnull=False).values_list("demographics", flat=True)
    )
    return [
        {
            "name": field["name"],
            "counts": {option: sum(one.get(field["name"]) == option for one in told) for option in field["options"]},
            "n_silent": sum(field["name"] not in one for one in told),
        }
        for field in study.demographics
    ]


def released_demographics(study: Study) -> dict:
    """Return how many people's answers releases say, and how many of these are shared by fewer than SMALL people."""
    mine = Participation.objects.filter(study=study, n_responses__gt=0, demographics_at__isnull=False)
    told = Counter(
        tuple(sorted(one.items()))
        for one, version in mine.values_list("demographics", "consent_version")
        if one and may_be_released(study, version)
    )
    return {"n": told.total(), "n_small": sum(n for n in told.values() if n < SMALL), "small": SMALL}
