"""Sentences that count: of one thing they speak in the singular."""

from annotation.services.imports import Imported
from annotation.services.studies import QuestionsCreated
from triplets.counting import counted
from triplets.services.stimuli import ImportResult


def test_one_thing_and_any_other_number_of_things():
    said = [counted(n, "batch", "batches") for n in (0, 1, 2, 1234)]
    assert said == ["0 batches", "1 batch", "2 batches", "1,234 batches"]
    assert [counted(n, "face") for n in (1, 2)] == ["1 face", "2 faces"]


def test_what_was_created_and_imported():
    assert str(QuestionsCreated(1, 1, 1)) == "1 question and 1 gold question in 1 batch."
    assert str(QuestionsCreated(1200, 40, 60)) == "1,200 questions and 40 gold questions in 60 batches."
    assert str(ImportResult(1, 1, 1, 1)) == "1 stimulus of 1 subject, 1 with landmarks; 1 of them is new."
    assert str(ImportResult(3, 2, 2, 0)) == "3 stimuli of 2 subjects, 0 with landmarks; 2 of them are new."
    one = str(Imported(n_responses=1, n_new=1, n_annotators=1, n_excluded=1, n_questions=1, n_across=1))
    assert one.startswith(
        "1 response of 1 annotator to 1 question; 1 annotator is excluded by the filter. 1 question shows "
    )
