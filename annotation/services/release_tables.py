"""What a release of a study holds, as frozen arrays and batches, in an order that no database id decides.

Stimuli stand in the order of their keys and questions in that of their stimuli; candidates of a question are
sorted by key, as `first` and `second`. Responses stand in the order in which they came.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from annotation.models import Annotator, Consensus, Participation, Response, Study
from annotation.services.demographics import may_be_released
from triplets.annotators import Annotators
from triplets.models import LandmarkSet, Question, Stimulus
from triplets.records import RESPONSE_SCHEMA, Landmarks, Ratings, Stimuli, Triplets

_CHUNK = 20_000
_LEARNED = (Question.Role.ORDINARY, Question.Role.SHARED)
#: Rules as they are written into the manifest, for readers who have nothing but the release.
CONSENSUS_RULES = {
    "counted": "first answers of annotators who passed the filter on gold questions",
    "filter": "excluded below gold_threshold, once min_gold gold questions were answered",
    "triplets": "majority; weight is the difference of votes; a tie is not settled",
    "posterior": "one-coin Dawid-Skene with gold answers as prior, the share of votes where people gave few",
    "choices": "the label that most chose; each option's share stands among the ratings; a tie is not settled",
    "ratings": "mean, standard deviation (n - 1), n, and a mean weighted by each annotator's consistency",
}
SPLIT_RULE = "by subject where subjects are split; judgements from elsewhere keep the split they came with"


def pseudonym(study: Study, annotator: Annotator) -> str:
    """Return the annotator's name in releases of this study: 12 hex digits, other ones in every study."""
    return _pseudonym(study, annotator.recruiter, annotator.external_id)


def _pseudonym(study: Study, recruiter: str, external_id: str) -> str:
    identity = f"{recruiter}:{external_id}".encode()
    return hmac.new(study.pseudonym_key.encode(), identity, hashlib.sha256).hexdigest()[:12]


class _Asked(NamedTuple):
    """A question within the release. reference, first, second : rows of stimuli, -1 for none; number : from 1.

    is_swapped : the database calls the other candidate `first`, as its order is that of the rows' ids.
    """

    number: int
    kind: str
    reference: int
    first: int
    second: int
    attribute: str
    split: str
    role: str
    sampler: str
    is_swapped: bool


class ReleaseTables:
    """Reads one study, up to one response, for `triplets.archive.write_release`."""

    def __init__(self, study: Study, last_response: int):
        self._study = study
        self._responses = Response.objects.filter(study=study, id__lte=last_response)
        self.n_responses = self._responses.count()
        self._stimuli_rows = sorted(
            study.collection.stimuli.select_related("subject").iterator(_CHUNK), key=lambda stimulus: stimulus.key
        )
        self._row_of = {stimulus.pk: row for row, stimulus in enumerate(self._stimuli_rows)}
        self._keys = [stimulus.key for stimulus in self._stimuli_rows]
        self.stimuli = _stimuli(self._stimuli_rows, study.includes_pictures)
        self._questions = self._number_questions()

    def study(self) -> dict:
        study = self._study
        described = {
            "name": study.name,
            "title": study.title,
            "kind": study.kind,
            "question_text": study.question_text,
            "instructions": study.instructions,
        }
        if study.kind == Question.Kind.RATING:
            described["attributes"] = list(study.attributes)
            described["scale"] = {
                "low": study.scale_low,
                "high": study.scale_high,
                "low_label": study.scale_low_label,
                "high_label": study.scale_high_label,
            }
        if study.kind == Question.Kind.CHOICE:
            described["options"] = list(study.options)
        return described

    def collection(self) -> dict:
        collection = self._study.collection
        names = ("name", "title", "licence", "source", "landmark_scheme")
        return {name: getattr(collection, name) for name in names}

    def settings(self) -> dict:
        study = self._study
        names = ("responses_per_question", "gold_threshold", "min_gold", "batch_size", "n_gold_per_batch", "floor_ms")
        answering = self._responses.order_by().values("annotator_id").distinct()
        excluded = Participation.objects.filter(study=study, annotator_id__in=answering).exclude(exclusion="")
        return {name: getattr(study, name) for name in names} | {
            "seed": study.seed,
            "includes_pictures": study.includes_pictures,
            "n_annotators": answering.count(),
            "n_excluded": excluded.count(),
            "consensus": CONSENSUS_RULES,
            "split": SPLIT_RULE,
        }

    def landmarks(self) -> Landmarks | None:
        """Return the landmarks of all stimuli that have them. ValueError where their shapes differ."""
        collection = self._study.collection
        sets = LandmarkSet.objects.filter(stimulus__collection=collection).order_by("pk")
        rows, points = [], []
        for stimulus, n_points, n_dims, content in sets.values_list(
            "stimulus_id", "n_points", "n_dims", "points"
        ).iterator(1000):
            rows.append(self._row_of[stimulus])
            points.append(np.frombuffer(content, dtype="<f4").reshape(n_points, n_dims))
            if points[-1].shape != points[0].shape:
                raise ValueError(
                    f"stimulus {self._keys[rows[-1]]!r} has landmarks of shape {points[-1].shape}, "
                    f"{self._keys[rows[0]]!r} of {points[0].shape}: expected one shape in a collection"
                )
        if not rows:
            return None
        order = np.argsort(rows)
        return Landmarks(np.array(rows)[order], np.stack(points)[order], collection.landmark_scheme)

    def triplets(self) -> Triplets:
        """Return the questions that have a verdict now, in the order of their numbers."""
        found = Consensus.objects.filter(study=self._study, is_current=True, question__kind=Question.Kind.TRIPLET)
        found = found.filter(question__role__in=_LEARNED).exclude(verdict="")
        columns = ("question_id", "verdict", "n", "n_first", "n_second", "posterior", "question__is_same_subject")
        rows = sorted((self._questions[row[0]], *row[1:]) for row in found.values_list(*columns).iterator(_CHUNK))
        is_first = [(row[1] == Question.Choice.FIRST) != row[0].is_swapped for row in rows]
        asked = [row[0] for row in rows]
        return Triplets(
            anchor=_ints(question.reference for question in asked),
            positive=_ints(q.first if first else q.second for q, first in zip(asked, is_first, strict=True)),
            negative=_ints(q.second if first else q.first for q, first in zip(asked, is_first, strict=True)),
            n_positive=_ints(max(row[3], row[4]) for row in rows),
            n_votes=_ints(row[2] for row in rows),
            weight=_ints(abs(row[3] - row[4]) for row in rows),
            posterior=_floats(row[5] for row in rows),
            split=_texts(question.split for question in asked),
            is_same_subject=np.array([-1 if row[6] is None else int(row[6]) for row in rows], dtype=np.int8),
            sampler=_texts(question.sampler for question in asked),
            question=_ints(question.number for question in asked),
        )

    def ratings(self) -> Ratings:
        """Return the settled ratings; of a study of choices, how many people chose each option."""
        if self._study.kind == Question.Kind.CHOICE:
            return self._shares()
        found = Consensus.objects.filter(study=self._study, is_current=True, question__kind=Question.Kind.RATING)
        columns = ("question_id", "mean", "spread", "n", "weighted_mean")
        found = found.filter(question__role__in=_LEARNED).values_list(*columns)
        rows = sorted((self._questions[row[0]], *row[1:]) for row in found.iterator(_CHUNK))
        return Ratings(
            stimulus=_ints(row[0].reference for row in rows),
            attribute=_texts(row[0].attribute for row in rows),
            mean=_floats(row[1] for row in rows),
            spread=_floats(row[2] for row in rows),
            n=_ints(row[3] for row in rows),
            weighted_mean=_floats(row[4] for row in rows),
            split=_texts(row[0].split for row in rows),
        )

    def _shares(self) -> Ratings:
        found = Consensus.objects.filter(study=self._study, is_current=True, question__role__in=_LEARNED)
        found = found.values_list("question_id", "n", "counts").iterator(_CHUNK)
        settled = sorted((self._questions[pk], n, counts) for pk, n, counts in found)
        rows = [(asked, option, n, counts.get(option, 0) / n) for asked, n, counts in settled
                for option in self._study.options]  # fmt: skip
        return Ratings(
            stimulus=_ints(row[0].reference for row in rows),
            attribute=_texts(row[1] for row in rows),
            mean=_floats(row[3] for row in rows),
            spread=_floats(None if n < 2 else (share * (1 - share) * n / (n - 1)) ** 0.5 for _, _, n, share in rows),
            n=_ints(row[2] for row in rows),
            weighted_mean=_floats(None for _ in rows),
            split=_texts(row[0].split for row in rows),
        )

    def responses(self, progress: Callable[[int, int], None] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield every response, columns as `RESPONSE_SCHEMA`; memory does not grow with their number."""
        names = {
            pk: (_pseudonym(self._study, recruiter, external_id), exclusion == "")
            for pk, recruiter, external_id, exclusion in Participation.objects.filter(study=self._study)
            .values_list("annotator_id", "annotator__recruiter", "annotator__external_id", "exclusion")
            .iterator(_CHUNK)
        }
        fields = ("question_id", "annotator_id", "choice", "rating", "label", "is_first_left", "position")
        fields += ("is_repeat", "is_right", "is_fast", "response_ms", "latency_ms")
        columns = [[] for _ in RESPONSE_SCHEMA]
        found = self._responses.order_by("id").values_list(*fields).iterator(_CHUNK)
        for n_done, row in enumerate(found, start=1):
            for column, value in zip(columns, self._response(row, names), strict=True):
                column.append(value)
            if len(columns[0]) == _CHUNK or n_done == self.n_responses:
                yield pa.record_batch(columns, schema=RESPONSE_SCHEMA)
                columns = [[] for _ in RESPONSE_SCHEMA]
                if progress:
                    progress(n_done, self.n_responses)

    def annotators(self) -> Annotators | None:
        """Return who answered, and what those told who agreed that it is published; None where nobody was asked to."""
        study = self._study
        if not (study.releases_demographics and study.demographics):
            return None
        answering = self._responses.order_by().values("annotator_id").distinct()
        rows = Participation.objects.filter(study=study, annotator_id__in=answering).values_list(
            "annotator__recruiter", "annotator__external_id", "consent_version", "demographics"
        )
        people = sorted(
            (_pseudonym(study, recruiter, who), told if may_be_released(study, version) else {})
            for recruiter, who, version, told in rows.iterator(_CHUNK)
        )
        names = [field["name"] for field in study.demographics]
        return Annotators(
            key=_texts(name for name, _ in people),
            about={name: _texts(told.get(name, "") for _, told in people) for name in names},
        )

    def pictures(self) -> Iterator[tuple[str, bytes]]:
        """Yield each picture once, under its name within the release."""
        written = set()
        for stimulus, name in zip(self._stimuli_rows, self.stimuli.picture.tolist(), strict=True):
            if name and name not in written:
                written.add(name)
                with stimulus.picture.open("rb") as file:
                    yield name, file.read()

    def _response(self, row: tuple, names: dict) -> tuple:
        pk, annotator, choice, rating, label, is_first_left, position, is_repeat, is_right, is_fast, ms, latency = row
        asked = self._questions[pk]
        name, is_counted = names[annotator]
        first = second = chosen = None
        if asked.kind == Question.Kind.TRIPLET:
            first, second = self._keys[asked.first], self._keys[asked.second]
            chosen = first if (choice == Question.Choice.FIRST) != asked.is_swapped else second
            is_first_left = None if is_first_left is None else is_first_left != asked.is_swapped
        return (
            asked.number, asked.kind, asked.role, self._keys[asked.reference], first, second, chosen, asked.attribute,
            rating, label or None, name, is_counted, is_first_left, position, is_repeat, is_right, is_fast, ms, latency,
            asked.sampler, asked.split,
        )  # fmt: skip

    def _number_questions(self) -> dict[int, _Asked]:
        """Number the questions that somebody answered, from 1, in the order of their stimuli."""
        answered = self._responses.order_by().values("question_id").distinct()
        columns = ("pk", "kind", "reference_id", "first_id", "second_id", "attribute", "split", "role", "sampler")
        asked = []
        for pk, kind, reference, first, second, *words in (
            Question.objects.filter(pk__in=answered).values_list(*columns).iterator(_CHUNK)
        ):
            candidates = (-1, -1) if first is None else (self._row_of[first], self._row_of[second])
            is_swapped = candidates[0] > candidates[1]
            asked.append((kind, self._row_of[reference], *sorted(candidates), *words, is_swapped, pk))
        asked.sort()
        return {row[-1]: _Asked(number, *row[:-1]) for number, row in enumerate(asked, start=1)}


def _stimuli(rows: list[Stimulus], includes_pictures: bool) -> Stimuli:
    extra = [(row.subject.extra if row.subject_id else {}) | row.extra for row in rows]
    return Stimuli(
        key=_texts(row.key for row in rows),
        subject=_texts(row.subject.name if row.subject_id else "" for row in rows),
        class_label=_texts(row.class_label for row in rows),
        degree=_floats(row.degree for row in rows),
        is_neutral=np.array([-1 if row.is_neutral is None else int(row.is_neutral) for row in rows], dtype=np.int8),
        split=_texts(row.split for row in rows),
        picture=_texts(
            f"images/{row.picture_sha256[:16]}.jpg" if includes_pictures and row.picture else "" for row in rows
        ),
        action_units=_columns([row.action_units for row in rows], _floats),
        attributes=_columns([row.attributes for row in rows], _floats),
        extra=_columns(extra, lambda values: _texts("" if value is None else value for value in values)),
    )


def _columns(rows: list[dict], convert) -> dict[str, np.ndarray]:
    names = sorted({name for row in rows for name in row})
    return {name: convert(row.get(name) for row in rows) for name in names}


def _ints(values) -> np.ndarray:
    return np.array(list(values), dtype=np.int64)


def _floats(values) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _texts(values) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=np.str_)
