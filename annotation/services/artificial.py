"""Triplets that labels answer, as judgements of one "annotator" called `labels`: no person was asked.

They go the way of all judgements (filter, consensus, release), so that a network can be trained and tested before
anybody has answered, as the posed study of the thesis was.
"""

import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from annotation.errors import StudyError
from annotation.models import Study
from annotation.services.imports import Imported, import_responses
from triplets import artificial
from triplets.models import Question, Split, Stimulus

WORKER = "labels"
SHARES = {Split.TRAIN: 8000, Split.VALIDATION: 1000, Split.TEST: 1000}


def answer_from_labels(
    study: Study, n: Mapping[str, int] | None = None, seed: int = 0, at_most: Mapping[str, int] | None = None
) -> Imported:
    """Create artificial triplets (`triplets.artificial`) and record what the labels say about them.

    n : number for each split, by subject: no triplet crosses a split. at_most : likewise, but where a split has no
        stimuli or its labels allow fewer, so many; without either, the thesis' numbers are the most. A collection
        without splits is asked as `train`. Pictures are not needed. The same call twice changes nothing.
    StudyError where the study rates, or where the labels of a split do not allow so many.
    """
    if study.kind != Question.Kind.TRIPLET:
        raise StudyError(f"Study {study.name!r} is a {study.kind} study: labels answer triplets only.")
    at_most = SHARES if n is None and at_most is None else at_most or {}
    rows = list(
        Stimulus.objects.filter(collection=study.collection)
        .order_by("key")
        .values_list("key", "class_label", "degree", "is_neutral", "subject__name", "subject__split")
    )
    _check_labels(study, rows)
    wanted = {str(split): number for split, number in (at_most | (n or {})).items() if number}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "artificial.csv"
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["reference", "first", "second", "chosen", "worker", "kind", "split"])
            for split, number in wanted.items():
                members = [row for row in rows if (row[5] or Split.TRAIN) == split]
                or_fewer = split not in (n or {})
                if or_fewer and not members:
                    continue
                for anchor, positive, negative in _triplets(split, members, number, seed, or_fewer):
                    writer.writerow([anchor, *sorted((positive, negative)), positive, WORKER, "artificial", split])
        return import_responses(study, path)


def _check_labels(study: Study, rows: list) -> None:
    """Refuse labels that order no pair of candidates at all: that is no matter of numbers or splits."""
    classes = sorted({row[1] for row in rows if row[1] and not row[3]})
    if len(classes) < 2 and all(row[2] is None for row in rows):
        there = f"only {classes[0]!r}" if classes else "none"
        raise StudyError(
            f"The labels of collection {study.collection.name!r} decide no triplet: of expressions that are not "
            f"neutral there is {there}; expected two, or degrees. Simulated people answer by "
            f"`manage.py rehearse {study.name}`."
        )


def _triplets(split: str, members: list, n: int, seed: int, or_fewer: bool) -> list[tuple[str, str, str]]:
    """Return keys; half of the triplets show one subject and half three where there are subjects."""
    if not members:
        raise StudyError(f"No stimulus of the collection is in split {split!r}: expected some, or --{split} 0.")
    keys, labels, degrees, neutral, subjects, _ = zip(*members, strict=True)
    try:
        chosen = artificial.artificial_triplets(
            np.array(labels),
            np.array([np.nan if degree is None else degree for degree in degrees]),
            np.array([bool(mark) for mark in neutral]),
            n=n,
            seed=seed,
            subjects=None if None in subjects else np.array(subjects),
            or_fewer=or_fewer,
        )
    except ValueError as error:
        raise StudyError(f"Split {split!r} does not allow {n:,} artificial triplets: {error}.") from error
    return [tuple(keys[row] for row in triplet) for triplet in chosen]
