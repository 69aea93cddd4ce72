"""What a browser is told about a question. A gold question has exactly the fields of any other."""

from annotation.models import Assignment, Participation, Presentation, Response, Study
from annotation.services.practice import practice_of
from annotation.services.studies import question_wording
from triplets.models import Question
from triplets.views import picture_url


def shown_question(shown: Presentation, study: Study) -> dict:
    question = shown.question
    if question.kind == Question.Kind.TRIPLET:
        sides = (question.first_id, question.second_id)
        left, right = sides if shown.is_first_left else sides[::-1]
        return {
            "position": shown.position,
            "text": question_wording(study),
            "reference": picture_url(question.reference_id),
            "left": picture_url(left),
            "right": picture_url(right),
        }
    if question.kind == Question.Kind.CHOICE:
        return {
            "position": shown.position,
            "text": question_wording(study),
            "picture": picture_url(question.reference_id),
            "options": study.options,
        }
    return {
        "position": shown.position,
        "text": question_wording(study, question.attribute),
        "picture": picture_url(question.reference_id),
        "attribute": question.attribute,
        "low": study.scale_low,
        "high": study.scale_high,
    }


def shown_practice(participation: Participation) -> dict:
    study = participation.study
    questions = [shown_question(shown, study) for shown in practice_of(participation)]
    return {
        "kind": study.kind,
        "n_positions": len(questions),
        "n_answered": 0,
        "code": participation.annotator.code,
        "questions": questions,
        "done": participation.practised_at is not None or not questions,
    }


def unanswered(assignment: Assignment):
    """The presentations that wait for an answer, in order."""
    answered = Response.objects.filter(assignment=assignment).values("position")
    return assignment.presentations.exclude(position__in=answered).select_related("question").order_by("position")


def shown_assignment(assignment: Assignment | None, participation: Participation, shown=None) -> dict:
    """The open questions of an assignment; `done` and no questions where nothing is left for this person.

    shown : the presentations to answer, where the caller has them.
    """
    study = participation.study
    if shown is None:
        shown = [] if assignment is None else unanswered(assignment)
    questions = [shown_question(each, study) for each in shown]
    n_positions = 0 if assignment is None else assignment.n_positions
    return {
        "assignment": assignment and assignment.pk,
        "kind": study.kind,
        "n_positions": n_positions,
        "n_answered": n_positions - len(questions),
        "code": participation.annotator.code,
        "questions": questions,
        "done": assignment is None,
    }
