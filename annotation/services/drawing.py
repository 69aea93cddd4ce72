"""What one pass asks: the questions of its batch, gold, questions shared by all, and some of them once more."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Max

from annotation.models import BatchQuestion, Participation, Presentation, Response, Study
from annotation.ordering import group_by_key, order_pass
from triplets.models import Question

N_EXTRA_GOLD = 2  # a newcomer's first passes carry so many more, until `min_gold` were seen
N_REMEMBERED = 500  # repeats are drawn from the person's latest so many answers
chance = random.SystemRandom()  # sides and gold places must not be guessable from an earlier page


@dataclass(frozen=True)
class Supply:
    """What a pass of one person is drawn from; questions are primary keys. Only what the study wants is there."""

    members: list[int]  # of the batch
    gold: dict[int, int]  # all gold of the study, and how often this person met each
    shared: list[int]  # that this person has not met, in the order in which everybody meets them
    earlier: list[int]  # ordinary questions that this person answered and was not asked again since
    references_of: Callable[[list[int]], list[int]]  # the stimulus that each question is about


def draw_pass(participation: Participation, batch_id: int) -> list[tuple[int, bool]]:
    """Return the questions of a pass through a batch in the order of asking, and whether each is a repeat."""
    study = participation.study
    members = list(BatchQuestion.objects.filter(batch=batch_id).values_list("question_id", flat=True))
    supply = Supply(
        members=members,
        gold=_times_met(participation) if study.n_gold_per_batch else {},
        shared=_fresh_shared(participation, len(members)) if study.shared_share else [],
        earlier=_answered_earlier(participation) if study.repeat_share else [],
        references_of=_references_of,
    )
    return compose_pass(study, participation.n_gold, supply)


def compose_pass(study: Study, n_gold_seen: int, supply: Supply) -> list[tuple[int, bool]]:
    """Draw a pass of a person who has seen so many gold questions; as `draw_pass`, without the database."""
    members = supply.members
    n_gold = n_gold_wanted(n_gold_seen, study.n_gold_per_batch, study.min_gold)
    n_shared = n_shared_wanted(study.shared_share, len(members))
    n_again = round(study.repeat_share * len(members))
    questions = members + _least_met(supply.gold, n_gold) + supply.shared[:n_shared]
    earlier = chance.sample(supply.earlier, min(n_again, len(supply.earlier)))
    return order_pass(_groups(study, questions, supply.references_of), chance, n_again, earlier, frozenset(members))


def draw_qualification(participation: Participation) -> list[tuple[int, bool]]:
    """Return the gold questions that a newcomer answers before anything else."""
    study = participation.study
    questions = _least_met(_times_met(participation), study.n_qualification)
    return order_pass(_groups(study, questions, _references_of), chance)


def is_first_left() -> bool:
    """Draw the side of a presentation."""
    return bool(chance.getrandbits(1))


def n_gold_wanted(n_seen: int, n_per_batch: int, min_gold: int) -> int:
    """Gold questions of the next pass: a newcomer meets up to two more, until the filter may judge them.

    >>> [n_gold_wanted(n_seen, 1, 4) for n_seen in (0, 3, 4)]
    [3, 1, 1]
    """
    if n_per_batch == 0:
        return 0
    return n_per_batch + max(0, min(N_EXTRA_GOLD, min_gold - n_seen - n_per_batch))


def usual_length(study: Study) -> int:
    """Return about how many questions a newcomer's first pass asks, the known ones among them; 0 without any."""
    n_members = study.batches.aggregate(n=Max("n_questions"))["n"] or 0
    n_gold = n_gold_wanted(0, study.n_gold_per_batch, study.min_gold) if n_members else 0
    if n_gold:
        n_gold = min(n_gold, study.question_set.questions.filter(role=Question.Role.GOLD).count())
    n_shared = n_shared_wanted(study.shared_share, n_members) if n_members else 0
    return n_members + n_gold + n_shared + round(study.repeat_share * n_members)


def passes_until_judged(study: Study) -> int | None:
    """After how many passes a person has met the gold questions that the filter asks for; None where nobody can."""
    n_gold = study.question_set.questions.filter(role=Question.Role.GOLD).count()
    n_passes = study.batches.count()
    if study.max_batches_per_annotator:
        n_passes = min(n_passes, study.max_batches_per_annotator)
    n_seen = min(study.n_qualification, n_gold)
    for n_done in range(n_passes + 1):
        if n_gold and n_seen >= study.min_gold:
            return n_done
        n_more = min(n_gold_wanted(n_seen, study.n_gold_per_batch, study.min_gold), n_gold)
        if not n_more:
            return None
        n_seen += n_more
    return None


def n_shared_wanted(share: float, n_questions: int) -> int:
    """Shared questions of a pass, at least one where there shall be any.

    >>> [n_shared_wanted(share, 19) for share in (0, 0.01, 0.1)]
    [0, 1, 2]
    """
    return max(1, round(share * n_questions)) if share else 0


def _least_met(n_times: dict[int, int], n_wanted: int) -> list[int]:
    """Draw those questions first that the person has met least often: unseen until the pool is exhausted."""
    pool = list(n_times)
    chance.shuffle(pool)  # then a stable sort: chance decides among equals
    return sorted(pool, key=n_times.__getitem__)[:n_wanted]


def _groups(study: Study, questions: list[int], references_of) -> list[list[int]]:
    """Return what is asked in a row: all of one picture where the study wants that, else each question by itself."""
    if not study.groups_attributes:
        return [[question] for question in questions]
    return group_by_key(questions, references_of(questions))


# What the supply is read from -----------------------------------------------------------------------


def _times_met(participation: Participation) -> dict[int, int]:
    n_times = dict.fromkeys(_of_role(participation, Question.Role.GOLD).values_list("pk", flat=True), 0)
    for question in _met(participation, Question.Role.GOLD).values_list("question_id", flat=True):
        if question in n_times:
            n_times[question] += 1
    return n_times


def _fresh_shared(participation: Participation, n_questions: int) -> list[int]:
    n_wanted = n_shared_wanted(participation.study.shared_share, n_questions)
    met = _met(participation, Question.Role.SHARED).values("question_id")
    fresh = _of_role(participation, Question.Role.SHARED).exclude(pk__in=met).order_by("pk")
    return list(fresh.values_list("pk", flat=True)[:n_wanted])


def _answered_earlier(participation: Participation) -> list[int]:
    mine = Response.objects.filter(study=participation.study_id, annotator=participation.annotator_id)
    asked_again = set(mine.filter(is_repeat=True).values_list("question_id", flat=True))
    answered = mine.filter(is_repeat=False, question__role=Question.Role.ORDINARY).order_by("-pk")
    return [q for q in answered.values_list("question_id", flat=True)[:N_REMEMBERED] if q not in asked_again]


def _references_of(questions: list[int]) -> list[int]:
    reference_of = dict(Question.objects.filter(pk__in=questions).values_list("pk", "reference_id"))
    return [reference_of[question] for question in questions]


def _of_role(participation: Participation, role: str):
    return Question.objects.filter(question_set=participation.study.question_set_id, role=role)


def _met(participation: Participation, role: str):
    return Presentation.objects.filter(
        assignment__study=participation.study_id,
        assignment__annotator=participation.annotator_id,
        question__role=role,
    )
