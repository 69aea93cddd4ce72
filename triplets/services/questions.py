"""Creating questions: designed triplets, chosen triplets, ratings, choices. Gold stands in `triplets.services.gold`.

Only stimuli with a picture are asked. Every function adds rows and changes none.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from triplets import design
from triplets.models import Collection, Question, QuestionSet
from triplets.services.askable import ORDINARY_ROLES, Askable, QuestionsRefused, insert_questions
from triplets.services.gold import (
    GoldChoice,
    GoldRating,
    GoldTriplet,
    Proposal,
    add_gold,
    propose_gold,
    propose_practice,
    read_gold_csv,
)

__all__ = [
    "GoldChoice",
    "GoldRating",
    "GoldTriplet",
    "Proposal",
    "QuestionsRefused",
    "add_gold",
    "create_choice_questions",
    "create_chosen_triplets",
    "create_question_set",
    "create_rating_questions",
    "create_triplet_questions",
    "propose_gold",
    "propose_practice",
    "read_gold_csv",
]


def create_question_set(collection: Collection, name: str) -> QuestionSet:
    """Return a new, empty set of questions. QuestionsRefused where the name is taken."""
    if QuestionSet.objects.filter(name=name).exists():
        raise QuestionsRefused(f"there is already a set of questions called {name!r}: expected another name")
    return QuestionSet.objects.create(collection=collection, name=name)


def create_triplet_questions(
    question_set: QuestionSet, k_same: int = 3, k_different: int = 3, seed: int = 0
) -> Proposal:
    """Ask every stimulus in k_same triplets of one subject and k_different of three.

    The proposal says how many were created and why some stimuli are in fewer. Each split is designed by itself; what
    was asked before is not asked again. A stimulus without a subject counts as a person of its own. The rules are those
    of `triplets.design`.
    """
    askable = Askable(question_set.collection)
    made = design.design_by_split(
        askable.subjects, askable.splits, k_same=k_same, k_different=k_different, seed=seed,
        exclude=askable.rows_asked(question_set),
    )  # fmt: skip
    n = _create_triplets(question_set, askable, made.triplets, made.same_subject, sampler="design")
    if not len(made.short):
        return Proposal(n)
    reason = f"{len(made.short):,} of {len(askable):,} stimuli take part in fewer triplets than wanted because "
    if k_same and not made.same_subject.any():
        return Proposal(n, reason + "a triplet of one person takes three pictures of that person")
    return Proposal(n, reason + "there are too few pictures of their person, or too few people in their split")


def create_chosen_triplets(question_set: QuestionSet, triplets: Iterable, sampler: str | Sequence[str]) -> int:
    """Create triplet questions that were chosen elsewhere; return how many of them are new.

    triplets : (n, 3) primary keys of stimuli [reference, one candidate, the other]. sampler : one
    word, or one for each triplet. QuestionsRefused for a stimulus that cannot be asked here and for a triplet
    that crosses splits or mixes one subject with another.
    """
    askable = Askable(question_set.collection)
    rows = askable.rows_of(np.array(list(triplets), dtype=np.int64).reshape(-1, 3))
    samplers = np.broadcast_to(np.asarray(sampler), len(rows))
    splits, subjects = askable.splits[rows], askable.subjects[rows]
    crossing = np.flatnonzero((splits != splits[:, :1]).any(axis=1))
    if len(crossing):
        raise QuestionsRefused(f"triplet {askable.name(rows[crossing[0]])} crosses splits: expected one split")
    n_equal = (subjects == np.roll(subjects, 1, axis=1)).sum(axis=1)  # of the three pairs: 0, 1 or 3
    mixed = np.flatnonzero(n_equal == 1)
    if len(mixed):
        raise QuestionsRefused(
            f"triplet {askable.name(rows[mixed[0]])} mixes two subjects: expected one subject or three, "
            "or people judge the person and not the expression"
        )
    asked = {tuple(row) for row in askable.rows_asked(question_set).tolist()}
    keys = [(row[0], min(row[1:]), max(row[1:])) for row in rows.tolist()]
    new = [index for index, key in enumerate(keys) if key not in asked and not asked.add(key)]
    return _create_triplets(question_set, askable, rows[new], n_equal[new] == 3, sampler=samplers[new])


def create_rating_questions(question_set: QuestionSet, attributes: Sequence[str]) -> int:
    """Ask for every attribute of every askable stimulus; return the number created. What exists is kept."""
    attributes = [attribute.strip() for attribute in attributes]
    if not attributes or not all(attributes) or len(set(attributes)) < len(attributes):
        raise QuestionsRefused(f"attributes are {attributes!r}: expected one or more different names")
    askable = Askable(question_set.collection)
    asked = set(
        question_set.questions.filter(kind=Question.Kind.RATING, role__in=ORDINARY_ROLES).values_list(
            "reference_id", "attribute"
        )
    )
    questions = (
        Question(
            question_set=question_set, kind=Question.Kind.RATING, reference_id=pk, attribute=attribute, split=split
        )
        for attribute in attributes
        for pk, split in zip(askable.pks.tolist(), askable.splits.tolist(), strict=True)
        if (pk, attribute) not in asked
    )
    return insert_questions(questions)


def create_choice_questions(question_set: QuestionSet) -> int:
    """Ask of every askable stimulus which label fits it; return the number created. What exists is kept."""
    askable = Askable(question_set.collection)
    asked = question_set.questions.filter(kind=Question.Kind.CHOICE, role__in=ORDINARY_ROLES)
    asked = set(asked.values_list("reference_id", flat=True))
    questions = (
        Question(question_set=question_set, kind=Question.Kind.CHOICE, reference_id=pk, split=split)
        for pk, split in zip(askable.pks.tolist(), askable.splits.tolist(), strict=True)
        if pk not in asked
    )
    return insert_questions(questions)


def _create_triplets(question_set, askable: Askable, rows, same_subject, sampler) -> int:
    samplers = np.broadcast_to(np.asarray(sampler), len(rows)).tolist()
    splits = askable.splits[rows[:, 0]].tolist()
    pks = np.column_stack([askable.pks[rows[:, 0]], np.sort(askable.pks[rows[:, 1:]], axis=1)])
    questions = (
        Question(
            question_set=question_set, kind=Question.Kind.TRIPLET, reference_id=reference, first_id=first,
            second_id=second, split=split, is_same_subject=same, sampler=word,
        )
        for (reference, first, second), split, same, word in zip(
            pks.tolist(), splits, np.asarray(same_subject).tolist(), samplers, strict=True
        )
    )  # fmt: skip
    return insert_questions(questions)
