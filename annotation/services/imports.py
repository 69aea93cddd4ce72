"""Bring judgements collected elsewhere into a study: all or nothing, never twice, through the same gold filter."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from annotation import judgements
from annotation.judgements import GOLD, UNKNOWN_MS, Judgements, JudgementsRefused
from annotation.models import Annotator, Assignment, ImportedFile, Participation, Response, Study
from annotation.services.imported_questions import create_imported_questions, load_stimuli
from annotation.services.screening import screen
from triplets.counting import counted
from triplets.models import Question, Split
from triplets.services.askable import ORDINARY_ROLES

__all__ = ["Imported", "JudgementsRefused", "import_responses"]

RECRUITER = "import"
FIRST, SECOND = Question.Choice.FIRST, Question.Choice.SECOND
_CHUNK = 5_000


@dataclass(frozen=True)
class Imported:
    """What a file held; n_new is 0 where the same content was imported before.

    n_annotators, n_questions : different ones in the file; n_excluded : imported annotators of the study whose data
    the gold filter set aside, from this file or an earlier one; n_across : questions of the study that show people of
    different splits, or were given to none: networks neither learn from them nor are tested on them.
    """

    n_responses: int
    n_new: int
    n_annotators: int
    n_excluded: int
    n_questions: int
    n_across: int = 0

    def __str__(self) -> str:
        sentence = (
            f"{counted(self.n_new, 'response')} of {counted(self.n_annotators, 'annotator')} to "
            f"{counted(self.n_questions, 'question')}; "
            f"{counted(self.n_excluded, 'annotator is', 'annotators are')} excluded by the filter."
        )
        if self.n_across:
            sentence += (
                f" {counted(self.n_across, 'question shows', 'questions show')} people of different splits: networks "
                "neither learn from that nor are tested on it. A column `split` (train, validation, test) would say "
                "where each belongs."
            )
        return sentence


def import_responses(
    study: Study,
    csv_path,
    progress: Callable[[str, int, int], None] | None = None,
    on_stored: Callable[[Imported], None] | None = None,
) -> Imported:
    """Import a CSV of judgements, format `annotation.judgements`, and apply the study's gold filter.

    The same triplet in different splits, or once as a check, is several questions. Asked the same question again,
    a person's first answer counts and the later ones are kept as repeats. A question without a split in the file takes
    that of its stimuli; where the collection has none, one by chance (.8 train, .1 validation, .1 test).
    progress : called with what is being done, how much of it is done, and of how much (0: unknown).
    on_stored : called with the result within the transaction; what it raises takes the import back.
    JudgementsRefused lists every bad row; then nothing was imported.
    """
    sha256 = judgements.content_sha256(csv_path)
    known = ImportedFile.objects.filter(study=study, sha256=sha256).first()
    if known is not None:
        return _described(study, known, n_new=0)
    stimuli = load_stimuli(study)
    rows = judgements.read_judgements(
        csv_path,
        study.kind,
        {key: row for row, key in enumerate(stimuli.key)},
        attributes=tuple(study.attributes),
        options=tuple(study.options),
        scale=(study.scale_low, study.scale_high),
        max_worker_length=120 - len(_external_id(study, "")),
        progress=progress and (lambda n: progress("checking", n, 0)),
    )
    if progress:
        progress("importing", 0, len(rows))
    with transaction.atomic():
        study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        known = ImportedFile.objects.filter(study=study, sha256=sha256).first()
        if known is not None:  # somebody else imported it while we read
            return _described(study, known, n_new=0)
        questions, question = create_imported_questions(study, stimuli, rows)
        annotators, participations, is_old = _create_annotators(study, rows)
        is_repeat = _repeats(study, rows, questions, question, annotators, is_old)
        assignments, positions = _create_assignments(study, rows, annotators, participations)
        responses = _responses(
            study, rows, questions, question, annotators, assignments, positions, is_repeat, timezone.now()
        )
        n_done, chunk = 0, []
        for response in responses:
            chunk.append(response)
            if len(chunk) == _CHUNK or n_done + len(chunk) == len(rows):
                Response.objects.bulk_create(chunk)
                n_done += len(chunk)
                chunk.clear()
                if progress:
                    progress("importing", n_done, len(rows))
        _count_and_screen(study, annotators)
        file = ImportedFile.objects.create(
            study=study, sha256=sha256, name=Path(csv_path).name[:200], n_responses=len(rows),
            n_annotators=len(rows.workers), n_questions=len(questions),
        )  # fmt: skip
        imported = _described(study, file, n_new=len(rows))
        if on_stored:
            on_stored(imported)
    return imported


# Details ----------------------------------------------------------------------------------------


def _described(study: Study, file: ImportedFile, n_new: int) -> Imported:
    n_excluded = (
        Participation.objects.filter(study=study, annotator__recruiter=RECRUITER)
        .exclude(exclusion=Participation.Exclusion.NO)
        .count()
    )
    asked = Question.objects.filter(question_set=study.question_set_id, split=Split.NONE, role__in=ORDINARY_ROLES)
    n_across = asked.count()
    return Imported(file.n_responses, n_new, file.n_annotators, n_excluded, file.n_questions, n_across)


def _external_id(study: Study, worker: str) -> str:
    """A worker's name means one person within one study: two files with a `w01` may speak of two people."""
    return f"{study.name}:{worker}"


def _create_annotators(study: Study, rows: Judgements) -> tuple[np.ndarray, list[Participation], bool]:
    """Return primary keys of annotators, their participations, and whether any of them was here before."""
    names = [_external_id(study, worker) for worker in rows.workers]
    known = Annotator.objects.filter(recruiter=RECRUITER, external_id__startswith=_external_id(study, ""))
    found = {annotator.external_id: annotator for annotator in known.iterator(_CHUNK)}
    missing = [Annotator(recruiter=RECRUITER, external_id=name) for name in names if name not in found]
    is_old = len(missing) < len(names)
    for start in range(0, len(missing), _CHUNK):
        created = Annotator.objects.bulk_create(missing[start : start + _CHUNK])
        found |= {annotator.external_id: annotator for annotator in created}
    annotators = [found[name] for name in names]
    here = {part.annotator_id: part for part in Participation.objects.filter(study=study).iterator(_CHUNK)}
    missing = [Participation(study=study, annotator=person) for person in annotators if person.pk not in here]
    for start in range(0, len(missing), _CHUNK):
        created = Participation.objects.bulk_create(missing[start : start + _CHUNK])
        here |= {part.annotator_id: part for part in created}
    pks = np.array([person.pk for person in annotators], dtype=np.int64)
    return pks, [here[pk] for pk in pks.tolist()], is_old


def _repeats(study: Study, rows: Judgements, questions, question, annotators, is_old: bool) -> np.ndarray:
    """Return (n,) bool: the annotator answered this question before, in this file or an earlier one."""
    asked = rows.worker * np.int64(len(questions)) + question
    is_repeat = np.ones(len(rows), dtype=bool)
    is_repeat[np.unique(asked, return_index=True)[1]] = False
    if is_old:
        worker_of = {pk: row for row, pk in enumerate(annotators.tolist())}
        place_of = {pk: row for row, pk in enumerate(questions.tolist())}
        before = array("q")
        earlier = Response.objects.filter(study=study, annotator__recruiter=RECRUITER)
        for annotator, known in earlier.values_list("annotator_id", "question_id").iterator(_CHUNK):
            if annotator in worker_of and known in place_of:
                before.append(worker_of[annotator] * len(questions) + place_of[known])
        is_repeat |= np.isin(asked, np.frombuffer(before, dtype=np.int64))
    return is_repeat


def _create_assignments(study: Study, rows: Judgements, annotators, participations) -> tuple[np.ndarray, np.ndarray]:
    """One assignment for each worker of the file; positions count a worker's rows in the order of the file."""
    n_rows = np.bincount(rows.worker, minlength=len(annotators))
    assignments = [
        Assignment(
            study=study, annotator_id=pk, participation=participation, state=Assignment.State.IMPORTED,
            n_positions=n, n_answered=n,
        )
        for pk, participation, n in zip(annotators.tolist(), participations, n_rows.tolist(), strict=True)
    ]  # fmt: skip
    created = []
    for start in range(0, len(assignments), _CHUNK):
        created += Assignment.objects.bulk_create(assignments[start : start + _CHUNK])
    by_worker = np.argsort(rows.worker, kind="stable")
    begins = np.concatenate([[0], np.cumsum(n_rows)[:-1]])
    positions = np.empty(len(rows), dtype=np.int32)
    positions[by_worker] = np.arange(len(rows)) - begins[rows.worker[by_worker]]
    return np.array([assignment.pk for assignment in created], dtype=np.int64), positions


def _responses(
    study, rows: Judgements, questions, question, annotators, assignments, positions, is_repeat, now
) -> Iterator[Response]:
    is_triplet, is_choice = study.kind == Question.Kind.TRIPLET, study.kind == Question.Kind.CHOICE
    is_first_left = rows.left < rows.right
    chose_first = rows.chose_left == is_first_left
    if is_triplet:
        is_right = rows.chose_left == (rows.expected_left == 1)
    elif is_choice:
        is_right = rows.label == rows.expected_label
    else:
        is_right = np.abs(rows.rating - rows.expected_rating) <= rows.tolerance
    has_time = rows.response_ms != UNKNOWN_MS
    is_fast = has_time & (rows.response_ms < study.floor_ms)
    for row in range(len(rows)):
        worker = rows.worker[row]
        response = Response(
            study=study,
            assignment_id=int(assignments[worker]),
            position=int(positions[row]),
            question_id=int(questions[question[row]]),
            annotator_id=int(annotators[worker]),
            is_repeat=bool(is_repeat[row]),
            is_right=bool(is_right[row]) if rows.role[row] == GOLD else None,
            is_fast=bool(is_fast[row]),
            response_ms=int(rows.response_ms[row]) if has_time[row] else None,
            answered_at=now,
        )
        if is_triplet:
            response.choice = FIRST if chose_first[row] else SECOND
            response.is_first_left = bool(is_first_left[row])
        elif is_choice:
            response.label = study.options[rows.label[row]]
        else:
            response.rating = float(rows.rating[row])
        yield response


def _count_and_screen(study: Study, annotators: np.ndarray) -> None:
    """Bring each person's counters up to date from what they answered, and let the filter look at them."""
    counts = {
        row["annotator_id"]: row
        for row in Response.objects.filter(study=study, annotator__recruiter=RECRUITER)
        .values("annotator_id")
        .annotate(
            n=Count("id"),
            n_gold=Count("id", filter=Q(is_right__isnull=False)),
            n_right=Count("id", filter=Q(is_right=True)),
        )
        .order_by()
    }
    present = set(annotators.tolist())
    participations = Participation.objects.filter(study=study, annotator__recruiter=RECRUITER).select_related("study")
    participations = [part for part in participations.iterator(_CHUNK) if part.annotator_id in present]
    for part in participations:
        count = counts[part.annotator_id]
        part.n_responses, part.n_gold, part.n_gold_right = count["n"], count["n_gold"], count["n_right"]
        part.n_assignments += 1
    fields = ["n_responses", "n_gold", "n_gold_right", "n_assignments"]
    Participation.objects.bulk_update(participations, fields, batch_size=500)
    for part in participations:
        screen(part)
