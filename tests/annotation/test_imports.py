"""Rita brings judgements that were collected elsewhere."""

import json
import random
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from annotation.models import Annotator, Assignment, ImportedFile, Participation, Response
from annotation.services import imports
from annotation.services.imports import JudgementsRefused, import_responses
from tests.annotation.votes import TRIPLET_COLUMNS, add_question, bare_collection, bare_study, write_csv
from triplets.models import Question

pytestmark = pytest.mark.django_db


def bring(study, tmp_path, rows, columns=TRIPLET_COLUMNS, name="j.csv"):
    return import_responses(study, write_csv(tmp_path / name, rows, columns))


def test_sides_are_those_of_the_file_and_candidates_in_canonical_order(tmp_path):
    study = bare_study()
    rows = [
        ("a1", "c1", "b1", "b1", "w", "100", "", "train"),  # b1 is the canonical first and stood on the right
        ("a1", "b1", "c1", "b1", "v", "900", "", "train"),
    ]
    imported = bring(study, tmp_path, rows)
    assert (imported.n_responses, imported.n_new, imported.n_annotators, imported.n_questions) == (2, 2, 2, 1)
    question = Question.objects.get()
    assert (question.first.key, question.second.key, question.split) == ("b1", "c1", "train")
    assert question.is_same_subject is False
    one, other = Response.objects.order_by("id")
    assert (one.choice, one.is_first_left, one.is_fast, one.response_ms) == ("first", False, True, 100)
    assert (other.choice, other.is_first_left, other.is_fast, other.is_right) == ("first", True, False, None)


def test_one_triplet_of_one_subject(tmp_path):
    study = bare_study(keys=("a1", "a2", "a3"))
    bring(study, tmp_path, [("a1", "a2", "a3", "a3", "w", "", "", "")])
    assert Question.objects.get().is_same_subject is True


def test_a_worker_is_one_person_with_one_assignment_a_file(tmp_path):
    study = bare_study()
    rows = [("a1", "b1", "c1", "c1", who, "", "", "") for who in "wvw"]
    rows[2] = ("b1", "a1", "c1", "c1", "w", "", "", "")
    bring(study, tmp_path, rows)
    assignment = Assignment.objects.get(annotator__external_id=f"{study.name}:w")
    assert (assignment.state, assignment.n_positions, assignment.n_answered) == ("imported", 2, 2)
    assert list(assignment.responses.order_by("id").values_list("position", flat=True)) == [0, 1]
    part = Participation.objects.get(annotator=assignment.annotator)
    assert (part.n_responses, part.n_assignments, part.n_gold) == (2, 1, 0)
    bring(study, tmp_path, [("c1", "a1", "b1", "b1", "w", "", "", "")], name="k.csv")
    part.refresh_from_db()
    assert (part.n_responses, part.n_assignments) == (3, 2)
    assert Annotator.objects.count() == 2


def test_the_same_name_in_another_study_is_another_person(tmp_path):
    rows = [("a1", "b1", "c1", "c1", "w", "", "", "")]
    for study in (bare_study(), bare_study()):
        bring(study, tmp_path, rows)
    assert Annotator.objects.count() == 2


def test_asked_again_the_first_answer_counts(tmp_path):
    study = bare_study()
    rows = [
        ("a1", "b1", "c1", "c1", "w", "", "", "train"),
        ("a1", "c1", "b1", "b1", "w", "", "", "train"),
        ("a1", "b1", "c1", "b1", "w", "", "", "test"),  # the same triplet in another split is another question
    ]
    bring(study, tmp_path, rows)
    assert list(Response.objects.order_by("id").values_list("is_repeat", flat=True)) == [False, True, False]
    assert Question.objects.count() == 2
    bring(study, tmp_path, [*rows[:1], ("b1", "a1", "c1", "c1", "w", "", "", "train")], name="k.csv")
    assert list(Response.objects.order_by("id").values_list("is_repeat", flat=True))[3:] == [True, False]


def test_the_same_content_again_changes_nothing(tmp_path):
    study = bare_study()
    rows = [("a1", "b1", "c1", "c1", "w", "", "", "")]
    bring(study, tmp_path, rows)
    again = bring(study, tmp_path, rows, name="copy.csv")
    assert (again.n_new, again.n_responses, again.n_annotators, again.n_questions) == (0, 1, 1, 1)
    assert (Response.objects.count(), Assignment.objects.count(), ImportedFile.objects.count()) == (1, 1, 1)


def test_the_filter_sets_people_aside(tmp_path):
    study = bare_study(gold_threshold=0.75, min_gold=4)
    checks = [("a1", "a1", "b1", "{}", who, "", "check", "") for who in ("alice", "bob", "new")]
    rows = []
    for check in checks:
        for i in range(3 if check[4] == "new" else 4):
            is_right = check[4] == "alice" or i < 2
            rows.append([cell.format("a1" if is_right else "b1") for cell in check])
    imported = bring(study, tmp_path, rows)
    assert imported.n_excluded == 1
    gold = Question.objects.get()
    assert (gold.role, gold.expected_choice, gold.split, gold.sampler) == ("gold", "first", "none", "gold")
    people = {
        part.annotator.external_id.split(":")[1]: (part.n_gold, part.n_gold_right, part.exclusion)
        for part in Participation.objects.all()
    }
    assert people == {"alice": (4, 4, ""), "bob": (4, 2, "gold"), "new": (3, 2, "")}
    # Failing later counts as well: the record is that of all files.
    imported = bring(study, tmp_path, [("b1", "b1", "a1", "a1", "new", "", "check", "")], name="k.csv")
    assert imported.n_excluded == 2


def test_questions_of_the_study_are_found_again(tmp_path):
    study = bare_study()
    question = add_question(study, "a1", "b1", "c1", split="train")
    gold = add_question(study, "a1", "b1", "d1", role="gold", split="none", expected_choice="second")
    columns = (*TRIPLET_COLUMNS, "expected")
    rows = [
        ("a1", "c1", "b1", "b1", "w", "", "", "train", ""),
        ("a1", "d1", "b1", "b1", "w", "", "gold", "", "d1"),
    ]
    bring(study, tmp_path, rows, columns)
    assert list(Response.objects.order_by("id").values_list("question", "is_right")) == [
        (question.pk, None),
        (gold.pk, False),
    ]
    with pytest.raises(JudgementsRefused, match="1 check question contradicts those of the study") as error:
        bring(study, tmp_path, [("a1", "d1", "b1", "b1", "w", "", "gold", "", "b1")], columns)
    assert error.value.problems[0][0] == 2
    assert Response.objects.count() == 2


@pytest.mark.parametrize("splits, expected", [(("test", "test"), "test"), (("train", "test"), "none")])
def test_without_a_split_in_the_file_it_is_that_of_the_stimuli(tmp_path, splits, expected):
    collection = bare_collection(["a1", "b1", "c1"], split=splits[0])
    collection.subjects.filter(name="c").update(split=splits[1])
    study = bare_study(collection=collection)
    told = str(bring(study, tmp_path, [("a1", "b1", "c1", "c1", "w", "", "", "")]))
    assert Question.objects.get().split == expected
    assert ("1 question shows people of different splits" in told) == (expected == "none")


def test_a_split_that_the_file_names_and_one_that_it_leaves_open_are_one_question(tmp_path):
    study = bare_study(collection=bare_collection(["a1", "b1", "c1"], split="train"))
    rows = [
        ("b1", "a1", "c1", "c1", "w", "", "", "test"),
        ("a1", "b1", "c1", "c1", "w", "", "random", ""),
        ("a1", "c1", "b1", "c1", "v", "", "design", "train"),
    ]
    assert bring(study, tmp_path, rows).n_questions == 2
    found = Question.objects.order_by("pk").values_list("reference__key", "split", "sampler")
    assert list(found) == [("b1", "test", "imported"), ("a1", "train", "random")]  # in the order of the file
    assert list(Response.objects.order_by("pk").values_list("question__reference__key", flat=True)) == [
        "b1",
        "a1",
        "a1",
    ]


def test_without_any_split_chance_decides_the_same_way_every_time(tmp_path):
    keys = [f"{letter}1" for letter in "abcdefghijklmnop"]
    rng = random.Random(0)
    rows = []
    for _ in range(600):
        trio = rng.sample(keys, 3)
        rows.append((*trio, trio[1], "w", "", "", ""))
        rows.append((trio[0], trio[2], trio[1], trio[1], "v", "", "", ""))
    splits = []
    for number in range(2):
        # Another order of import gives other database ids; the split must not notice.
        study = bare_study(keys=keys if number else keys[::-1])
        bring(study, tmp_path, rows)
        questions = Question.objects.filter(question_set=study.question_set)
        splits.append(
            {
                (q.reference.key, frozenset([q.first.key, q.second.key])): q.split
                for q in questions.select_related("reference", "first", "second")
            }
        )
    assert splits[0] == splits[1]
    share = [list(splits[0].values()).count(name) / len(splits[0]) for name in ("train", "validation", "test")]
    assert share == pytest.approx([0.8, 0.1, 0.1], abs=0.04)


def test_nothing_is_imported_where_one_row_is_bad(tmp_path):
    study = bare_study()
    rows = [("a1", "b1", "c1", "c1", "w", "", "", ""), ("a1", "b1", "c1", "z9", "w", "", "", "")]
    with pytest.raises(JudgementsRefused):
        bring(study, tmp_path, rows)
    assert not Response.objects.exists() and not Annotator.objects.exists() and not Question.objects.exists()


def test_nothing_is_left_where_the_database_fails_half_way(tmp_path, monkeypatch):
    study = bare_study()
    rows = [("a1", "b1", "c1", "c1", "w", "", "", "")]

    def fail(*args):
        raise DatabaseError("disk full")

    monkeypatch.setattr(imports, "_count_and_screen", fail)
    with pytest.raises(DatabaseError):
        bring(study, tmp_path, rows)
    assert not Response.objects.exists() and not ImportedFile.objects.exists() and not Question.objects.exists()
    monkeypatch.undo()
    assert bring(study, tmp_path, rows).n_new == 1


def test_ratings(tmp_path):
    study = bare_study(kind="rating", attributes=["happy", "old"])
    columns = ("stimulus", "attribute", "rating", "worker", "expected", "tolerance", "split")
    rows = [
        ("a1", "happy", "7", "w", "", "", "test"),
        ("a1", "old", "2", "w", "", "", "test"),
        ("b1", "happy", "4", "w", "6", "1", ""),
        ("b1", "happy", "5", "v", "6", "1", ""),
    ]
    imported = bring(study, tmp_path, rows, columns)
    assert (imported.n_responses, imported.n_questions) == (4, 3)
    found = Response.objects.order_by("id").values_list("question__attribute", "rating", "is_right", "is_first_left")
    assert list(found) == [
        ("happy", 7, None, None), ("old", 2, None, None), ("happy", 4, False, None), ("happy", 5, True, None)
    ]  # fmt: skip
    gold = Question.objects.get(role="gold")
    assert (gold.expected_rating, gold.rating_tolerance) == (6, 1)


def test_the_command_prints_json_or_every_bad_line(tmp_path):
    study = bare_study()
    path = write_csv(tmp_path / "j.csv", [("a1", "b1", "c1", "c1", "w", "", "", "")])
    out = StringIO()
    call_command("import_responses", study.name, str(path), "--json", stdout=out)
    printed = json.loads(out.getvalue().splitlines()[-1])
    assert printed == {
        "study": study.name, "n_responses": 1, "n_new": 1, "n_annotators": 1, "n_excluded": 0, "n_questions": 1,
        "n_across": 0,
    }  # fmt: skip
    bad = write_csv(tmp_path / "bad.csv", [("a1", "b1", "c1", "a1", "w", "", "", "")] * 2)
    errors = StringIO()
    with pytest.raises(CommandError, match="2 of 2 rows"):
        call_command("import_responses", study.name, str(bad), stderr=errors)
    assert errors.getvalue().splitlines()[1].startswith("line 3: chosen is 'a1'")
    with pytest.raises(CommandError, match="no study 'nothing'"):
        call_command("import_responses", "nothing", str(path))
