"""The questions that imported judgements answer: those of the study where they are asked already, else new ones."""

import hashlib
from dataclasses import dataclass

import numpy as np

from annotation import judgements
from annotation.judgements import GOLD, SAMPLERS, Judgements, JudgementsRefused
from annotation.models import Study
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
    is_triplet = study.kind == Question.Kind.TRIPLET
    if is_triplet:
        # Rows of stimuli ascend with their primary keys, so the smaller row is the canonical first.
        first, second = np.minimum(rows.left, rows.right), np.maximum(rows.left, rows.right)
    else:
        # What is asked about a stimulus: one of the attributes, or the one question of a study of choices.
        is_rating = study.kind == Question.Kind.RATING
        first = rows.attribute if is_rating else np.zeros(len(rows), dtype=np.int64)
        second = np.zeros(len(rows), dtype=np.int64)
    split = np.where(rows.role == GOLD, _SPLIT_CODE["none"], rows.split)
    _fill_splits(study, stimuli, rows, first, second, split)
    identity = np.column_stack([rows.reference, first, second, split, rows.role])
    unique, where, place = np.unique(identity, axis=0, return_index=True, return_inverse=True)
    place = place.reshape(-1)
    known = _known_questions(study, stimuli, rows.attributes)
    pks = np.array([known.get(tuple(row), (0,))[0] for row in unique.tolist()], dtype=np.int64)
    _check_known_gold(study, rows, unique, where, known)
    missing = np.flatnonzero(pks == 0)
    missing = missing[np.argsort(where[missing])]  # in the order of the file
    for start in range(0, len(missing), _CHUNK):
        chunk = missing[start : start + _CHUNK]
        created = Question.objects.bulk_create(
            _question(study, stimuli, rows, unique[i].tolist(), int(where[i])) for i in chunk.tolist()
        )
        pks[chunk] = [question.pk for question in created]
    return pks, place


# Details ----------------------------------------------------------------------------------------


def _fill_splits(study: Study, stimuli: StudyStimuli, rows: Judgements, first, second, split) -> None:
    """Fill in, in place, the splits that the file does not give."""
    shown = [rows.reference]
    if study.kind == Question.Kind.TRIPLET:
        shown += [first, second]
    own = np.stack([stimuli.split[part] for part in shown])
    is_open = split == 0
    common = np.where((own == own[0]).all(axis=0) & (own[0] > 0), own[0], _SPLIT_CODE["none"])
    split[is_open] = common[is_open]
    if stimuli.split.any():
        return
    for row in np.flatnonzero(is_open).tolist():
        names = [stimuli.key[rows.reference[row]]]
        if study.kind == Question.Kind.TRIPLET:
            names += sorted([stimuli.key[first[row]], stimuli.key[second[row]]])
        else:
            # All attributes of one picture belong together: it is the picture that must be unseen.
            names = names[:1]
        digest = hashlib.sha256("\0".join([str(study.seed), *names]).encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        split[row] = _SPLIT_CODE["train" if share < 0.8 else "validation" if share < 0.9 else "test"]


def _known_questions(study: Study, stimuli: StudyStimuli, attributes: tuple[str, ...]) -> dict[tuple, tuple]:
    """Return (reference, first, second, split, role) -> (primary key, expected) for what is asked already."""
    row_of = {pk: row for row, pk in enumerate(stimuli.pk.tolist())}
    attribute_of = {name: row for row, name in enumerate(attributes)}
    fields = ("pk", "reference_id", "first_id", "second_id", "split", "role", "attribute", "expected_choice")
    fields += ("expected_rating", "rating_tolerance", "expected_label")
    asked = Question.objects.filter(question_set=study.question_set_id, kind=study.kind, role__in=ROLES)
    known = {}
    for pk, reference, first, second, split, role, attribute, choice, rating, tolerance, label in asked.values_list(
        *fields
    ).iterator(_CHUNK):
        if study.kind == Question.Kind.CHOICE:
            middle, expected = (0, 0), label
        elif study.kind == Question.Kind.TRIPLET:
            middle, expected = (row_of[first], row_of[second]), choice
        elif attribute in attribute_of:
            middle, expected = (attribute_of[attribute], 0), (rating, tolerance)
        else:
            continue
        known[(row_of[reference], *middle, _SPLIT_CODE[split], ROLES.index(role))] = (pk, expected)
    return known


def _check_known_gold(study: Study, rows: Judgements, unique, where, known: dict) -> None:
    problems = []
    for key, row in zip(unique.tolist(), where.tolist(), strict=True):
        if key[4] == GOLD and tuple(key) in known:
            expected = known[tuple(key)][1]
            if expected != _expected(study, rows, row):
                problems.append((int(rows.line[row]), "the study has this check question with another expected answer"))
    if problems:
        raise JudgementsRefused(
            f"{len(problems):,} check questions contradict those of the study, the first on line {problems[0][0]}; "
            "nothing was imported",
            problems,
        )


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
