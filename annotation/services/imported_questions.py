"""The questions that imported judgements answer: those of the study where they are asked already, else new ones."""

import hashlib
from array import array
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from annotation import judgements
from annotation.distinct import distinct
from annotation.judgements import GOLD, SAMPLERS, Judgements, JudgementsRefused
from annotation.models import Study
from triplets.counting import counted
from triplets.models import Question, Split

ROLES = (Question.Role.ORDINARY, Question.Role.SHARED, Question.Role.GOLD)
FIRST, SECOND = Question.Choice.FIRST, Question.Choice.SECOND
_CHUNK = 5_000
_SPLIT_CODE = {split: judgements.SPLITS.index(split) for split in (*Split.values, "")}


@dataclass(frozen=True)
class StudyStimuli:
    """The collection's stimuli, in the order of their primary keys. split : code, 0 where there is none."""

    pk: np.ndarray
    key: list[str]
    subject: np.ndarray
    split: np.ndarray


def load_stimuli(study: Study) -> StudyStimuli:
    rows = study.collection.stimuli.order_by("pk").values_list("pk", "key", "subject_id", "subject__split")
    rows = list(rows.iterator(_CHUNK))
    return StudyStimuli(
        pk=np.array([row[0] for row in rows], dtype=np.int64),
        key=[row[1] for row in rows],
        subject=np.array([row[2] or 0 for row in rows], dtype=np.int64),
        split=np.array([_SPLIT_CODE[row[3] or ""] for row in rows], dtype=np.int64),
    )


def create_imported_questions(study: Study, stimuli: StudyStimuli, rows: Judgements) -> tuple[np.ndarray, np.ndarray]:
    """Create the questions that are new; return primary keys and, for each row, its place among them."""
    if study.kind == Question.Kind.TRIPLET:
        # Rows of stimuli ascend with their primary keys, so the smaller row is the canonical first.
        first, second = np.minimum(rows.left, rows.right), np.maximum(rows.left, rows.right)
    else:
        # What is asked about a stimulus: one of the attributes, or the one question of a study of choices.
        is_rating = study.kind == Question.Kind.RATING
        second = np.broadcast_to(np.array(0), len(rows))
        first = rows.attribute if is_rating else second
    split = np.where(rows.role == GOLD, np.int8(_SPLIT_CODE["none"]), rows.split)
    given = (rows.reference, first, second, split, rows.role)
    row_of_given, place_of_row = distinct(given)
    asked = _Asked(*(column[row_of_given].astype(np.int64) for column in given))
    del given, first, second, split
    _fill_splits(study, stimuli, asked)
    # Two may be one now: the file gave the split of one, and of the other it is that of its stimuli.
    one, place = distinct(asked)
    where = np.full(len(one), len(rows))
    np.minimum.at(where, place, row_of_given)
    asked = _Asked(*(column[one] for column in asked))
    pks = _known_questions(study, stimuli, rows, asked, where)
    missing = np.flatnonzero(pks == 0)
    missing = missing[np.argsort(where[missing])]  # in the order of the file
    for start in range(0, len(missing), _CHUNK):
        chunk = missing[start : start + _CHUNK]
        keys = np.column_stack([column[chunk] for column in asked]).tolist()
        created = Question.objects.bulk_create(
            _question(study, stimuli, rows, key, row) for key, row in zip(keys, where[chunk].tolist(), strict=True)
        )
        pks[chunk] = [question.pk for question in created]
    return pks, place[place_of_row]


# Details ----------------------------------------------------------------------------------------


class _Asked(NamedTuple):
    """Different questions, a column each; split and role are codes. For a rating `first` is the row of an attribute."""

    reference: np.ndarray
    first: np.ndarray
    second: np.ndarray
    split: np.ndarray
    role: np.ndarray


def _fill_splits(study: Study, stimuli: StudyStimuli, asked: _Asked) -> None:
    """Fill in, in place, the splits that the file does not give."""
    is_triplet = study.kind == Question.Kind.TRIPLET
    shown = [asked.reference, asked.first, asked.second] if is_triplet else [asked.reference]
    own = np.stack([stimuli.split[part] for part in shown])
    is_open = asked.split == 0
    common = np.where((own == own[0]).all(axis=0) & (own[0] > 0), own[0], _SPLIT_CODE["none"])
    asked.split[is_open] = common[is_open]
    if stimuli.split.any():
        return
    for row in np.flatnonzero(is_open).tolist():
        # All attributes of one picture belong together: it is the picture that must be unseen.
        reference, *others = (stimuli.key[part[row]] for part in shown)
        digest = hashlib.sha256("\0".join([str(study.seed), reference, *sorted(others)]).encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        asked.split[row] = _SPLIT_CODE["train" if share < 0.8 else "validation" if share < 0.9 else "test"]


def _known_questions(study: Study, stimuli: StudyStimuli, rows: Judgements, asked: _Asked, where) -> np.ndarray:
    """Return the primary key of each question that the study asks already, 0 where it is new.

    where : the row of the file that each stands on. JudgementsRefused where a check question expects something else.
    """
    pk, known, expected = _questions_of(study, stimuli, rows.attributes)
    pks = np.zeros(len(where), dtype=np.int64)
    if not len(pk):
        return pks
    both = [np.concatenate([old, new]) for old, new in zip(known, asked, strict=True)]
    first, place = distinct(both)
    pk_of = np.zeros(len(first), dtype=np.int64)
    pk_of[place[: len(pk)]] = pk
    pks[:] = pk_of[place[len(pk) :]]
    problems = [
        (int(rows.line[where[i]]), "the study has this check question with another expected answer")
        for i in np.flatnonzero((asked.role == GOLD) & (pks > 0)).tolist()
        if expected[int(pks[i])] != _expected(study, rows, int(where[i]))
    ]
    if problems:
        raise JudgementsRefused(
            f"{counted(len(problems), 'check question contradicts', 'check questions contradict')} those of the study, "
            f"the first on line {problems[0][0]}; "
            "nothing was imported",
            problems,
        )
    return pks


def _questions_of(study: Study, stimuli: StudyStimuli, attributes: tuple[str, ...]):
    """Return primary keys, columns as of `_Asked`, and what check questions expect, of all that the study asks."""
    row_of = {pk: row for row, pk in enumerate(stimuli.pk.tolist())}
    attribute_of = {name: row for row, name in enumerate(attributes)}
    fields = ("pk", "reference_id", "first_id", "second_id", "split", "role", "attribute", "expected_choice")
    fields += ("expected_rating", "rating_tolerance", "expected_label")
    asked = Question.objects.filter(question_set=study.question_set_id, kind=study.kind, role__in=ROLES)
    found, expected = [array("q") for _ in range(6)], {}
    for pk, reference, first, second, split, role, attribute, choice, rating, tolerance, label in asked.values_list(
        *fields
    ).iterator(_CHUNK):
        if study.kind == Question.Kind.CHOICE:
            middle, answer = (0, 0), label
        elif study.kind == Question.Kind.TRIPLET:
            middle, answer = (row_of[first], row_of[second]), choice
        elif attribute in attribute_of:
            middle, answer = (attribute_of[attribute], 0), (rating, tolerance)
        else:
            continue
        values = (pk, row_of[reference], *middle, _SPLIT_CODE[split], ROLES.index(role))
        for column, value in zip(found, values, strict=True):
            column.append(value)
        if role == Question.Role.GOLD:
            expected[pk] = answer
    pk, *known = (np.frombuffer(column, dtype=np.int64) for column in found)
    return pk, _Asked(*known), expected


def _expected(study: Study, rows: Judgements, row: int):
    if study.kind == Question.Kind.CHOICE:
        return study.options[rows.expected_label[row]]
    if study.kind == Question.Kind.RATING:
        return float(rows.expected_rating[row]), float(rows.tolerance[row])
    is_first_left = rows.left[row] < rows.right[row]
    return FIRST.value if bool(rows.expected_left[row]) == bool(is_first_left) else SECOND.value


def _question(study: Study, stimuli: StudyStimuli, rows: Judgements, key: list[int], row: int) -> Question:
    reference, first, second, split, role = key
    question = Question(
        question_set_id=study.question_set_id,
        kind=study.kind,
        role=ROLES[role],
        reference_id=int(stimuli.pk[reference]),
        split=judgements.SPLITS[split],
        sampler=SAMPLERS[rows.sampler[row]],
    )
    if study.kind == Question.Kind.TRIPLET:
        question.first_id, question.second_id = int(stimuli.pk[first]), int(stimuli.pk[second])
        subjects = [int(stimuli.subject[place]) for place in (reference, first, second)]
        question.is_same_subject = len(set(subjects)) == 1 if all(subjects) else None
    elif study.kind == Question.Kind.RATING:
        question.attribute = rows.attributes[first]
    if role == GOLD:
        expected = _expected(study, rows, row)
        if study.kind == Question.Kind.TRIPLET:
            question.expected_choice = expected
        elif study.kind == Question.Kind.CHOICE:
            question.expected_label = expected
        else:
            question.expected_rating, question.rating_tolerance = expected
    return question
