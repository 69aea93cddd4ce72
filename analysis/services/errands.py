"""What takes too long for a request of a researcher: letting a network choose the next questions."""

from analysis.services.growth import choose_next_questions
from annotation.models import Study
from learning.models import Checkpoint
from triplets.counting import counted
from triplets.models import Errand
from triplets.services.errands import does


@does(Errand.Kind.QUESTIONS, queue="evaluation")  # it loads a network
def choose_questions(errand, files, tell, finish):
    wanted = errand.wanted
    study = Study.objects.get(question_set=errand.question_set_id)
    checkpoint = Checkpoint.objects.select_related("run__release").get(pk=wanted["checkpoint"])
    tell("asking the network where it is unsure")

    def on_stored(n_created: int) -> None:
        if n_created:
            new = counted(n_created, "new question is", "new questions are")
            finish(f"{new} ready to be asked, most of them where {checkpoint} is unsure.")
        elif study.question_set.questions.count() != wanted["n_before"]:
            finish("Nothing was added: the study got other questions since this was asked for. Ask again for more.")
        else:
            finish("Nothing was added: all that could be asked was asked before.")

    choose_next_questions(study, checkpoint, wanted["n"], wanted["seed"], wanted["n_before"], on_stored)
