"""A study's life: made, filled with questions, opened, closed."""

import math
import random
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.db.models import F

from annotation.errors import NothingToAsk, QuestionsExist, StudyError
from annotation.models import Batch, BatchQuestion, ConsentText, Slot, Study
from annotation.models.study import DEFAULT_INSTRUCTIONS
from annotation.ordering import fill_batches, group_by_key
from annotation.services.demographics import check_demographics
from annotation.services.drawing import n_shared_wanted, passes_until_judged
from annotation.services.links import entry_url
from triplets.counting import counted
from triplets.models import Collection, Question
from triplets.services import questions as question_services

__all__ = [
    "QuestionsCreated",
    "change_settings",
    "close_study",
    "create_batches",
    "create_questions",
    "create_study",
    "entry_url",
    "open_study",
    "question_wording",
]
CHOICE_INSTRUCTIONS = (
    "You will see one face at a time and some words below it. Choose the word that fits the face best. "
    "There is often no right answer: follow your first impression."
)
MOST_OPTIONS = 20
PASSES_WITH_SHARED = 10  # where a person may do any number, so many passes carry shared questions
LONGEST_OPTION = 80  # characters, as wide as the column of the responses
RATING_INSTRUCTIONS = (
    "You will see one face at a time and a question about it. Choose a number on the scale below the face. "
    "There is often no right answer: follow your first impression."
)


@dataclass(frozen=True)
class QuestionsCreated:
    n_questions: int
    n_gold: int
    n_batches: int
    n_shared: int = 0  # of n_questions: those that everybody is asked
    note: str = ""  # what is less than wanted, and what follows from it

    def __str__(self) -> str:
        gold, batches = counted(self.n_gold, "gold question"), counted(self.n_batches, "batch", "batches")
        return f"{counted(self.n_questions, 'question')} and {gold} in {batches}."


def create_study(
    name: str,
    collection: Collection,
    kind: str = Question.Kind.TRIPLET,
    attributes=(),
    responses: int = 5,
    gold_threshold: float = 0.75,
    is_open: bool = False,
    **settings,
) -> Study:
    """Create a study with its empty set of questions; `settings` are further fields of Study.

    Raises StudyError or ValidationError, with each field's sentence, when a name or a setting cannot be.
    """
    attributes = [str(attribute).strip() for attribute in attributes]
    options = settings["options"] = [str(option).strip() for option in settings.get("options", ())]
    settings.setdefault("instructions", usual_instructions(kind))
    study = Study(
        name=name,
        collection=collection,
        kind=kind,
        attributes=attributes,
        responses_per_question=responses,
        gold_threshold=gold_threshold,
        state=Study.State.OPEN if is_open else Study.State.DRAFT,
        **settings,
    )
    check_name(name)
    check_attributes(kind, attributes)
    check_options(kind, options)
    check_demographics(study.demographics)
    if study.releases_demographics:
        study.demographics_consent_version = study.consent_version
    study.full_clean(exclude=["question_set"])
    with transaction.atomic():
        study.question_set = question_services.create_question_set(collection, name)
        study.save()
        _keep_consent(study)
    return study


def usual_instructions(kind: str) -> str:
    usual = {Question.Kind.RATING: RATING_INSTRUCTIONS, Question.Kind.CHOICE: CHOICE_INSTRUCTIONS}
    return usual.get(kind, DEFAULT_INSTRUCTIONS)


def check_name(name: str) -> None:
    try:
        validate_slug(name)
    except ValidationError as error:
        raise StudyError(
            f"{name!r} cannot name a study: expected letters without accents, digits, - and _ only; "
            "the title may say anything."
        ) from error
    if Study.objects.filter(name=name).exists():
        raise StudyError(f"There is a study {name!r} already: expected another name.")


def check_attributes(kind: str, attributes: list) -> None:
    if kind == Question.Kind.RATING and not attributes:
        raise StudyError("A rating study needs at least one attribute to rate, such as 'happy'.")
    if kind != Question.Kind.RATING and attributes:
        raise StudyError(f"A {kind} study rates nothing: expected no attributes, got {', '.join(attributes)}.")
    if len(set(attributes)) < len(attributes) or not all(attributes):
        raise StudyError(f"Each attribute is named once and not empty: got {attributes}.")


def check_options(kind: str, options: list) -> None:
    if kind != Question.Kind.CHOICE:
        if options:
            raise StudyError(f"A {kind} study offers no labels: expected no options, got {', '.join(options)}.")
        return
    if not 2 <= len(options) <= MOST_OPTIONS:
        raise StudyError(f"A study of choices needs 2 to {MOST_OPTIONS} options, such as 'happy': got {len(options)}.")
    if len(set(options)) < len(options) or not all(options):
        raise StudyError(f"Each option is named once and not empty: got {options}.")
    if longest := [option for option in options if len(option) > LONGEST_OPTION]:
        raise StudyError(f"The option {longest[0]!r} is too long: expected at most {LONGEST_OPTION} characters.")


def create_questions(study: Study, k_same: int = 3, k_different: int = 3, seed: int = 0) -> QuestionsCreated:
    """Design the questions, propose gold and practice from the labels, and put all into batches with slots.

    Every stimulus takes part in `k_same` triplets of one subject and `k_different` of three; a rating study asks
    every attribute of every picture, a study of choices asks once about every picture. Raises QuestionsExist and
    NothingToAsk.
    """
    with transaction.atomic():
        study = Study.objects.select_for_update(no_key=True).select_related("question_set").get(pk=study.pk)
        n_there = study.question_set.questions.filter(role=Question.Role.ORDINARY).count()
        if n_there:
            raise QuestionsExist(
                f"Study {study.name!r} has {counted(n_there, 'question')} already; they are created once."
            )
        designed = question_services.Proposal(0)
        if study.kind == Question.Kind.TRIPLET:
            designed = question_services.create_triplet_questions(study.question_set, k_same, k_different, seed)
        elif study.kind == Question.Kind.CHOICE:
            question_services.create_choice_questions(study.question_set)
        else:
            question_services.create_rating_questions(study.question_set, study.attributes)
        notes = [designed.reason, *_propose(study, seed)]
        created = create_batches(study, seed)
        notes.append(_unjudged(study, created.n_gold))
        return replace(created, note="; ".join(filter(None, notes)))


def _unjudged(study: Study, n_gold: int) -> str:
    """Say that the filter will find nobody, where that is so although it was asked for."""
    if not study.n_gold_per_batch and not study.n_qualification:
        return ""
    if not n_gold:
        return "without gold questions nobody can be found careless: add some before the study is opened"
    if passes_until_judged(study) is None:
        return (
            f"nobody can meet {counted(study.min_gold, 'gold question')} here, so nobody's data will be set aside: "
            "in the settings, ask more gold in a batch or judge after fewer"
        )
    return ""


def _propose(study: Study, seed: int) -> list[str]:
    """Gold enough for a person's first ten passes, and practice with one more for the example; why if fewer.

    What the researcher chose stays alone: a role that has questions already is not proposed for.
    """
    n_gold = 10 * study.n_gold_per_batch + study.min_gold if study.n_gold_per_batch else 0
    n_gold += study.n_qualification
    n_practice = study.n_practice + 1 if study.n_practice else 0
    proposers = {
        Question.Role.GOLD: (question_services.propose_gold, n_gold, seed),
        Question.Role.PRACTICE: (question_services.propose_practice, n_practice, seed + 1),
    }
    reasons = []
    for role, (propose, n, its_seed) in proposers.items():
        if not study.question_set.questions.filter(role=role).exists():
            proposal = propose(
                study.question_set, n, its_seed,
                attributes=study.attributes, scale=(study.scale_low, study.scale_high), options=study.options,
            )  # fmt: skip
            reasons.append(f"{role}: {proposal.reason}" if proposal.reason else "")
    return reasons


def create_batches(study: Study, seed: int = 0) -> QuestionsCreated:
    """Put every ordinary question that is in no batch yet into one, and create the slots.

    The questions are shuffled and divided as evenly as can be into batches of at most `batch_size`, or filled up
    picture by picture where a study groups the attributes of each; each batch gets `responses_per_question` slots,
    whose order of serving is shuffled over the whole study. Questions that everybody shall be asked are set apart
    once. May be called again after further questions were added.
    """
    rng = random.Random(seed)
    with transaction.atomic():
        study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        in_set = Question.objects.filter(question_set=study.question_set_id)
        fresh = in_set.filter(role=Question.Role.ORDINARY, memberships=None).order_by("pk")
        questions = list(fresh.values_list("pk", "reference_id"))
        if not questions:
            raise NothingToAsk(f"Study {study.name!r} has no question that is not in a batch already.")
        rng.shuffle(questions)
        shared, questions = _set_shared_apart(study, questions)
        n_there = Batch.objects.filter(study=study).count()
        parts = _parts(study, questions)
        batches = Batch.objects.bulk_create(
            (Batch(study=study, number=n_there + i, n_questions=len(part)) for i, part in enumerate(parts)),
            batch_size=1000,
        )
        BatchQuestion.objects.bulk_create(
            (
                BatchQuestion(batch=batch, question_id=question, position=position)
                for batch, part in zip(batches, parts, strict=True)
                for position, question in enumerate(part)
            ),
            batch_size=1000,
        )
        _create_slots(study, batches, rng)
        n_gold = in_set.filter(role=Question.Role.GOLD).count()
    return QuestionsCreated(len(questions) + len(shared), n_gold, len(batches), len(shared))


def _set_shared_apart(study: Study, questions: list[tuple[int, int]]) -> tuple[list, list]:
    """Make some questions those that everybody is asked, once, as many as a person can meet; return them, the others.

    Never more than half: those are asked of everybody at the price of the others.
    """
    in_set = Question.objects.filter(question_set=study.question_set_id)
    if not study.shared_share or in_set.filter(role=Question.Role.SHARED).exists():
        return [], questions
    n_passes = study.max_batches_per_annotator or PASSES_WITH_SHARED
    n_shared = n_shared_wanted(study.shared_share, min(study.batch_size, len(questions))) * n_passes
    n_shared = min(n_shared, len(questions) // 2)
    shared, others = questions[:n_shared], questions[n_shared:]
    for start in range(0, n_shared, 500):
        chunk = [pk for pk, _ in shared[start : start + 500]]
        in_set.filter(pk__in=chunk).update(role=Question.Role.SHARED)
    return shared, others


def _parts(study: Study, questions: list[tuple[int, int]]) -> list[list[int]]:
    pks, references = [pk for pk, _ in questions], [reference for _, reference in questions]
    if study.groups_attributes:
        return fill_batches(group_by_key(pks, references), study.batch_size)
    n_batches = math.ceil(len(pks) / study.batch_size)
    return [pks[i::n_batches] for i in range(n_batches)]


def _create_slots(study: Study, batches: list[Batch], rng: random.Random) -> None:
    n_slots = len(batches) * study.responses_per_question
    keys = list(range(n_slots))
    rng.shuffle(keys)
    slots = (
        Slot(study=study, batch=batch, replica=replica, order_key=keys.pop())
        for batch in batches
        for replica in range(study.responses_per_question)
    )
    Slot.objects.bulk_create(slots, batch_size=1000)
    Study.objects.filter(pk=study.pk).update(n_slots_planned=F("n_slots_planned") + n_slots)


def open_study(study: Study) -> None:
    if not study.batches.exists():
        raise NothingToAsk(f"Study {study.name!r} has no questions yet: create them before you open it.")
    _check_known_answers(study)
    _set_state(study, Study.State.OPEN)


def _check_known_answers(study: Study) -> None:
    """Refuse gold that nobody could answer rightly, and a qualification with less gold than it asks."""
    known = study.question_set.questions.filter(role__in=[Question.Role.GOLD, Question.Role.PRACTICE])
    if study.kind == Question.Kind.CHOICE:
        unheard = known.exclude(expected_label__in=study.options).values_list("expected_label", flat=True).first()
        if unheard is not None:
            raise StudyError(f"A gold question expects {unheard!r}: expected one of {', '.join(study.options)}.")
    n_gold = known.filter(role=Question.Role.GOLD).count()
    if n_gold < study.n_qualification:
        raise StudyError(
            f"The qualification asks {counted(study.n_qualification, 'gold question')} and there "
            f"{'is' if n_gold == 1 else 'are'} {n_gold}: "
            "add gold questions, or ask fewer."
        )


def close_study(study: Study) -> None:
    """Let nobody begin any more. Whoever is in the middle may finish: work that was begun is not lost."""
    _set_state(study, Study.State.CLOSED)


def _set_state(study: Study, state: str) -> None:
    Study.objects.filter(pk=study.pk).update(state=state)
    study.state = state


def change_settings(study: Study, was: Study) -> None:
    """Save changed settings; other words of consent are a new version, which everybody is asked to accept anew.

    So is what happens to what people tell about themselves: what was told under other words is not released.
    """
    if (study.consent_text, study.releases_demographics) != (was.consent_text, was.releases_demographics):
        study.consent_version = was.consent_version + 1
    if study.releases_demographics and not was.releases_demographics:
        study.demographics_consent_version = study.consent_version
    with transaction.atomic():
        _keep_consent(was)
        study.save()
        _keep_consent(study)


def _keep_consent(study: Study) -> None:
    """Keep the words that stand there now: what somebody agreed to must be readable years later."""
    words = {"text": study.consent_text, "releases_demographics": study.releases_demographics}
    ConsentText.objects.get_or_create(study_id=study.pk, version=study.consent_version, defaults=words)


def question_wording(study: Study, attribute: str = "") -> str:
    """The sentence above the pictures. The researcher's text is data: only {attribute} is put in."""
    if study.question_text:
        return study.question_text.replace("{attribute}", attribute)
    if study.kind == Question.Kind.RATING:
        return f"How {attribute} does this face look?"
    if study.kind == Question.Kind.CHOICE:
        return "Which word fits this face best?"
    return "Which of the two looks more like the face at the top?"
