"""Gold and practice questions: given by the researcher, or proposed from what is known of the stimuli."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from triplets import artificial, spreadsheets
from triplets.counting import counted
from triplets.models import Collection, Question, QuestionSet
from triplets.services.askable import Askable, QuestionsRefused, insert_questions

#: Roles whose questions have a known answer and stay out of what is learned.
KNOWN_ROLES = (Question.Role.GOLD, Question.Role.PRACTICE)
#: What a CSV of gold questions may have for columns, the fuller ones first.
GOLD_COLUMNS = (
    ("reference", "first", "second", "chosen"),
    ("stimulus", "attribute", "rating", "tolerance"),
    ("stimulus", "label"),
)


@dataclass(frozen=True)
class GoldTriplet:
    """A triplet whose expected choice is known; every field is a stimulus key. The reference may be a candidate."""

    reference: str
    first: str
    second: str
    chosen: str


@dataclass(frozen=True)
class GoldRating:
    """A rating whose value is known: right within `tolerance` of `expected`, both on the study's scale."""

    stimulus: str
    attribute: str
    expected: float
    tolerance: float


@dataclass(frozen=True)
class GoldChoice:
    """A stimulus whose label is known: one of the study's options."""

    stimulus: str
    label: str


@dataclass(frozen=True)
class Proposal:
    """How many questions were created, and why not as many as wanted ("" where all were)."""

    n_created: int
    reason: str = ""


def add_gold(
    question_set: QuestionSet,
    triplets: Iterable[GoldTriplet] = (),
    ratings: Iterable[GoldRating] = (),
    choices: Iterable[GoldChoice] = (),
    role: str = Question.Role.GOLD,
) -> int:
    """Add questions whose answer the researcher knows, as gold or practice; return the number of new ones.

    All or nothing. QuestionsRefused names the first one with an unknown stimulus, a choice that is no
    candidate, equal candidates, or another answer than the same question already has.
    """
    triplets, ratings, choices = list(triplets), list(ratings), list(choices)
    keys = {key for gold in triplets for key in (gold.reference, gold.first, gold.second)}
    known = _pks_of_keys(question_set.collection, keys | {gold.stimulus for gold in (*ratings, *choices)})
    questions = [_gold_triplet(question_set, gold, known, role) for gold in triplets]
    questions += [_gold_rating(question_set, gold, known, role) for gold in ratings]
    questions += [_gold_choice(question_set, gold, known, role) for gold in choices]
    existing = {_identity(question): question for question in question_set.questions.filter(role=role)}
    new = []
    for question in questions:
        twin = existing.setdefault(_identity(question), question)
        if twin is question:
            new.append(question)
        elif _expected(twin) != _expected(question):
            raise QuestionsRefused(f"{role} question {question} is already there with another answer")
    return insert_questions(new)


def read_gold_csv(content: bytes) -> tuple[list[GoldTriplet], list[GoldRating], list[GoldChoice]]:
    """Return the gold questions of a CSV, in whatever form `triplets.spreadsheets` reads.

    Columns reference,first,second,chosen or stimulus,attribute,rating,tolerance or stimulus,label.

    QuestionsRefused lists every row that is not understood, with its line.
    """
    try:
        form = spreadsheets.recognise(content)
        reader = spreadsheets.open_rows(io.StringIO(content.decode(form.encoding), newline=""), form)
        header = [
            spreadsheets.spelt(name, {name for names in GOLD_COLUMNS for name in names}) for name in next(reader, ())
        ]
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise QuestionsRefused(f"the file {spreadsheets.not_utf8(error)}") from error
    except spreadsheets.NoTable as error:
        raise QuestionsRefused(f"the file {error}") from error
    except csv.Error as error:
        raise QuestionsRefused(f"the file is no CSV: {error}") from error
    wanted = next((names for names in GOLD_COLUMNS if set(names) <= set(header)), None)
    if not wanted:
        raise QuestionsRefused(
            f"the columns are {', '.join(header) or 'none'}: expected {' or '.join(map(', '.join, GOLD_COLUMNS))}"
        )
    triplets, ratings, choices, wrong = [], [], [], []
    for line, fields in rows:
        row = dict(zip(header, fields, strict=False))
        cells = [row.get(name, "").strip() for name in wanted]
        try:
            if not all(cells):
                raise ValueError("a cell is empty")
            if wanted[0] == "reference":
                triplets.append(GoldTriplet(*cells))
            elif wanted[1] == "label":
                choices.append(GoldChoice(*cells))
            else:
                ratings.append(
                    GoldRating(
                        cells[0], cells[1], *(float(spreadsheets.plain_number(cell, form)) for cell in cells[2:])
                    )
                )
        except ValueError as error:
            wrong.append(f"line {line}: {error}")
    if wrong:
        raise QuestionsRefused("; ".join(wrong))
    return triplets, ratings, choices


def propose_gold(
    question_set: QuestionSet,
    n: int,
    seed: int = 0,
    *,
    attributes: Sequence[str] = (),
    scale: tuple[float, float] = (1, 9),
    options: Sequence[str] = (),
    role: str = Question.Role.GOLD,
) -> Proposal:
    """Create up to n gold questions from what is known of the stimuli, and say why where there are fewer.

    Where labels can be chosen (options): stimuli whose class is one of them, the strongest of each in turns.
    In a set of triplets: clear expressions, from class and degree. In a set of ratings, or where attributes are
    given: ratings of stimuli whose known value lies at an end of the study's scale (low, high). No triplet that is
    asked already is proposed.
    """
    if n <= 0:
        return Proposal(0)
    askable = Askable(question_set.collection)
    if options:
        return _propose_choices(question_set, askable, n, seed, options, role)
    if not attributes:
        rated = question_set.questions.filter(kind=Question.Kind.RATING)
        attributes = sorted(rated.values_list("attribute", flat=True).distinct())
    if attributes:
        return _propose_ratings(question_set, askable, n, seed, list(attributes), scale, role)
    return _propose_triplets(question_set, askable, n, seed, role)


def propose_practice(question_set: QuestionSet, n: int, seed: int = 1, **choices) -> Proposal:
    """Create up to n practice questions as `propose_gold` does; none of them is also a gold question."""
    return propose_gold(question_set, n, seed, role=Question.Role.PRACTICE, **choices)


# Details ----------------------------------------------------------------------------------------


def _propose_triplets(question_set, askable: Askable, n: int, seed: int, role: str) -> Proposal:
    labels = askable.labels()
    neutral = labels["is_neutral"] == 1
    as_a_class = labels | {
        "class_labels": np.where(neutral, "neutral", labels["class_labels"]),
        "is_neutral": np.zeros(len(askable), dtype=np.int8),
    }
    classes = as_a_class["class_labels"]
    if len(np.unique(classes[classes != ""])) < 2:
        return Proposal(0, "no gold was proposed because the stimuli carry fewer than two expression classes")
    taken = {tuple(row) for row in askable.rows_asked(question_set, roles=Question.Role.values).tolist()}
    n_known = question_set.questions.filter(role__in=KNOWN_ROLES).count()
    new = {}
    # A neutral face among expressions is plain only beside one that is not; where that is all there is, it serves.
    for known in (labels, as_a_class):
        wanted = artificial.gold_candidates(subjects=askable.subjects, n=2 * n + n_known + 50, seed=seed, **known)
        for reference, positive, negative in wanted.tolist():
            key = (reference, min(positive, negative), max(positive, negative))
            if key not in taken and len(new) < n:
                new.setdefault(key, (reference, positive, negative))
    questions = (
        Question(
            question_set=question_set, kind=Question.Kind.TRIPLET, role=role, sampler="gold",
            reference_id=int(askable.pks[reference]),
            first_id=int(askable.pks[min(positive, negative)]), second_id=int(askable.pks[max(positive, negative)]),
            expected_choice=Question.Choice.FIRST if positive < negative else Question.Choice.SECOND,
            is_same_subject=bool(askable.subjects[reference] == askable.subjects[positive]),
        )
        for reference, positive, negative in new.values()
    )  # fmt: skip
    return _proposal(insert_questions(questions), n, "the labels give no more clear and distinct triplets")


def _propose_ratings(question_set, askable: Askable, n, seed, attributes, scale, role) -> Proposal:
    """Take the ends of the scale in turns, of every attribute, so that neither end can be guessed.

    The tolerance is a quarter of the scale, and the middle of the scale is never within it: whoever
    always answers in the middle is wrong on every gold question.
    """
    low, high = scale
    tolerance = (high - low) / 4
    asked = question_set.questions.filter(kind=Question.Kind.RATING, role__in=KNOWN_ROLES)
    taken = set(asked.values_list("reference_id", "attribute"))
    queues, reasons = [], []
    for attribute in attributes:
        values = askable.known_ratings(attribute)
        if np.isnan(values).all():
            reasons.append(f"no stimulus has a known value of {attribute!r}")
            continue
        if np.nanmin(values) < low or np.nanmax(values) > high:
            reasons.append(
                f"known values of {attribute!r} run from {np.nanmin(values):g} to {np.nanmax(values):g}, "
                f"outside the scale {low:g} to {high:g}"
            )
            continue
        distance = values - (low + high) / 2
        order = np.random.default_rng(seed).permutation(len(values))  # equal values in a random order
        for end in (-1, 1):
            rows = order[np.argsort(-end * distance[order], kind="stable")]
            rows = [row for row in rows if end * distance[row] > tolerance]
            queues.append([(row, attribute, values[row]) for row in rows if (askable.pks[row], attribute) not in taken])
    in_turns = [gold for turn in zip_longest(*queues) for gold in turn if gold is not None][:n]
    questions = [
        Question(
            question_set=question_set, kind=Question.Kind.RATING, role=role, reference_id=int(askable.pks[row]),
            attribute=attribute, expected_rating=float(value), rating_tolerance=tolerance, sampler="gold",
        )
        for row, attribute, value in in_turns
    ]  # fmt: skip
    reason = "; ".join(reasons) or "no more stimuli have a known value near an end of the scale"
    return _proposal(insert_questions(questions), n, reason)


def _propose_choices(question_set, askable: Askable, n: int, seed: int, options: Sequence[str], role: str) -> Proposal:
    labels = askable.labels()
    asked = question_set.questions.filter(kind=Question.Kind.CHOICE, role__in=KNOWN_ROLES)
    taken = set(asked.values_list("reference_id", flat=True))
    classes = np.char.lower(np.where(labels["is_neutral"] == 1, "neutral", labels["class_labels"]).astype(str))
    degrees = np.nan_to_num(labels["degrees"], nan=-np.inf)
    order = np.random.default_rng(seed).permutation(len(askable))  # equal degrees in a random order
    order = order[np.argsort(-degrees[order], kind="stable")]
    queues = [
        [(row, option) for row in order[classes[order] == option.lower()] if int(askable.pks[row]) not in taken]
        for option in options
    ]
    in_turns = [gold for turn in zip_longest(*queues) for gold in turn if gold is not None][:n]
    questions = [
        Question(
            question_set=question_set, kind=Question.Kind.CHOICE, role=role, sampler="gold",
            reference_id=int(askable.pks[row]), expected_label=option,
        )
        for row, option in in_turns
    ]  # fmt: skip
    return _proposal(insert_questions(questions), n, "no more stimuli carry a class that is one of the options")


def _proposal(n_created: int, n_wanted: int, reason: str) -> Proposal:
    if n_created >= n_wanted:
        return Proposal(n_created)
    return Proposal(
        n_created, f"{n_created} of {counted(n_wanted, 'question was', 'questions were')} proposed because {reason}"
    )


def _pks_of_keys(collection: Collection, keys: set[str]) -> dict[str, int]:
    known, names = {}, sorted(keys)
    for start in range(0, len(names), 500):
        found = collection.stimuli.filter(key__in=names[start : start + 500]).exclude(picture="")
        known.update(found.values_list("key", "pk"))
    return known


def _pk(key: str, known: dict[str, int]) -> int:
    if key not in known:
        raise QuestionsRefused(f"there is no stimulus {key!r} with a picture in this collection")
    return known[key]


def _gold_triplet(question_set, gold: GoldTriplet, known, role) -> Question:
    reference, first, second, chosen = (_pk(k, known) for k in (gold.reference, gold.first, gold.second, gold.chosen))
    if first == second or chosen not in (first, second):
        raise QuestionsRefused(
            f"{role} question {gold.reference!r}: chosen is {gold.chosen!r}, "
            f"expected one of two different candidates, {gold.first!r} or {gold.second!r}"
        )
    return Question(
        question_set=question_set, kind=Question.Kind.TRIPLET, role=role, reference_id=reference,
        first_id=min(first, second), second_id=max(first, second),
        expected_choice=Question.Choice.FIRST if chosen == min(first, second) else Question.Choice.SECOND,
        sampler="gold",
    )  # fmt: skip


def _gold_rating(question_set, gold: GoldRating, known, role) -> Question:
    if not (np.isfinite(gold.expected) and gold.tolerance >= 0 and gold.attribute):
        raise QuestionsRefused(f"{gold} is not understood: expected an attribute, a number and a tolerance from 0")
    return Question(
        question_set=question_set, kind=Question.Kind.RATING, role=role, reference_id=_pk(gold.stimulus, known),
        attribute=gold.attribute, expected_rating=gold.expected, rating_tolerance=gold.tolerance, sampler="gold",
    )  # fmt: skip


def _identity(question: Question) -> tuple:
    return question.reference_id, question.first_id, question.second_id, question.attribute


def _gold_choice(question_set, gold: GoldChoice, known, role) -> Question:
    return Question(
        question_set=question_set, kind=Question.Kind.CHOICE, role=role, sampler="gold",
        reference_id=_pk(gold.stimulus, known), expected_label=gold.label,
    )  # fmt: skip


def _expected(question: Question) -> tuple:
    return question.expected_choice, question.expected_rating, question.expected_label
