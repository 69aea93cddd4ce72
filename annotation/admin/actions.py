"""What a researcher can do to a study by a button: each returns the sentence that they read, or raises a refusal.

What may take long is begun and returns nothing: the page of the study shows how far it is.
"""

from annotation.errors import StudyError
from annotation.forms import JudgementsForm, QuestionsForm
from annotation.services import studies
from annotation.services.consensus import SettlingContended, settle_questions
from annotation.services.replacement import resume_replacement
from triplets.admin.errands import begin
from triplets.counting import counted
from triplets.models import Errand
from triplets.services.askable import QuestionsRefused

REFUSALS = (StudyError, QuestionsRefused, SettlingContended)


def create_questions(study, request) -> str:
    form = QuestionsForm(request.POST, kind=study.kind)
    if not form.is_valid():
        field, errors = next(iter(form.errors.items()))
        raise StudyError(f"{field}: {errors[0]}")
    wanted = form.cleaned_data
    made = studies.create_questions(study, wanted.get("same", 0), wanted.get("different", 0), wanted["seed"])
    return f"{made} Note: {made.note}." if made.note else str(made)


def open_study(study, request) -> str:
    studies.open_study(study)
    return "The study is open: people can enter."


def close_study(study, request) -> str:
    studies.close_study(study)
    return "The study is closed. Whoever is in the middle of a batch may finish it."


def resume(study, request) -> str:
    decision = resume_replacement(study, request.user.get_username())
    return f"Replacement goes on. {decision.reason}"


def settle(study, request) -> str:
    settled = settle_questions(study)
    ties = f", {settled.n_ties:,} of them because of a tie" if settled.n_ties else ""
    is_settled = counted(settled.n_settled, "question is", "questions are")
    is_open = counted(settled.n_open, "is", "are")
    return f"{is_settled} settled ({settled.n_changed:,} changed), {is_open} open{ties}."


def freeze(study, request) -> None:
    begin(request, Errand.Kind.RELEASE, question_set=study.question_set)


def import_judgements(study, request) -> None:
    form = JudgementsForm(request.POST, request.FILES)
    if not form.is_valid():
        raise StudyError(" ".join(form.errors["file"]))
    file = form.cleaned_data["file"]
    begin(request, Errand.Kind.RESPONSES, {"file": file}, question_set=study.question_set, wanted={"file": file.name})


ACTIONS = {
    "questions": create_questions,
    "open": open_study,
    "close": close_study,
    "resume": resume,
    "settle": settle,
    "freeze": freeze,
    "import": import_judgements,
}
