"""Rita makes studies: by service and by command, with clear words where something cannot be."""

import json
from collections import Counter

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from annotation.errors import NothingToAsk, QuestionsExist, StudyError
from annotation.models import BatchQuestion, Slot, Study
from annotation.services import links, studies
from annotation.services.assignments import claim_assignment
from annotation.services.drawing import passes_until_judged
from tests.annotation.making import add_questions, enter, make_collection, make_study
from triplets.models import Question, Stimulus, Subject

pytestmark = pytest.mark.django_db


@pytest.fixture
def faces():
    """Six subjects of four pictures, two classes each in two degrees: enough for designed questions and gold."""
    collection = make_collection(n_stimuli=24, name="faces")
    subjects = [Subject.objects.create(collection=collection, name=f"p{i}", split="train") for i in range(6)]
    for i, stimulus in enumerate(Stimulus.objects.filter(collection=collection)):
        stimulus.subject = subjects[i // 4]
        stimulus.class_label = ("happy", "happy", "sad", "sad")[i % 4]
        stimulus.degree = (1, 4)[i % 2]
        stimulus.is_neutral = False
        stimulus.attributes = {"bright": 1 + i % 9}
        stimulus.save()
    return collection


def test_questions_gold_practice_batches_and_slots(faces):
    study = studies.create_study("smiles", faces, batch_size=10, n_practice=2)
    assert study.state == "draft"
    created = studies.create_questions(study, seed=4)
    assert created.n_questions == 48
    assert created.n_batches == 5
    assert created.n_gold > 0
    study.refresh_from_db()
    sizes = list(study.batches.values_list("n_questions", flat=True))
    assert sorted(sizes) == [9, 9, 10, 10, 10]
    assert BatchQuestion.objects.filter(question__role="ordinary").count() == BatchQuestion.objects.count() == 48
    assert study.slots.count() == study.n_slots_planned == 25
    assert sorted(study.slots.values_list("order_key", flat=True)) == list(range(25))
    assert set(Counter(study.slots.values_list("batch", flat=True)).values()) == {5}
    assert list(study.slots.order_by("order_key").values_list("batch", flat=True)[:5]) != sorted(
        study.slots.order_by("order_key").values_list("batch", flat=True)[:5]
    )
    with pytest.raises(QuestionsExist, match="has 48 questions already"):
        studies.create_questions(study)


@pytest.mark.parametrize(
    ("settings", "after"),
    [
        ({"min_gold": 8}, 3),  # 3 + 3 + 2: newcomers meet two more
        ({"min_gold": 8, "n_qualification": 4}, 2),
        ({"min_gold": 8, "n_qualification": 8}, 0),
        ({"min_gold": 8, "n_gold_per_batch": 5}, 2),
        ({"min_gold": 8, "max_batches_per_annotator": 2}, None),
        ({"min_gold": 30}, None),
        ({"min_gold": 8, "n_gold_per_batch": 0}, None),
    ],
)
def test_after_how_many_batches_somebody_is_judged(settings, after):
    study = make_study(n_questions=12, n_gold=12, is_open=False, **settings)
    assert study.batches.count() == 4
    assert passes_until_judged(study) == after


@pytest.mark.parametrize(
    ("settings", "n"),
    [({}, 3 + 3), ({"n_gold": 2}, 3 + 2), ({"n_gold_per_batch": 0}, 3), ({"repeat_share": 0.4}, 3 + 3 + 1)],
)
def test_before_they_agree_people_read_how_long_it_is(client, settings, n):
    study = make_study(**{"n_questions": 9, "n_gold": 12} | settings)
    alice = enter(study, is_ready=False)
    asked = client.get(f"/take/{links.participation_token(alice)}/").content.decode()
    assert f"One set has about {n} questions" in asked
    links.record_consent(alice)
    links.record_practice(alice)
    assert claim_assignment(study, alice.annotator).n_positions == n


def test_what_a_small_study_cannot_do_is_said(faces):
    study = studies.create_study("smiles", faces, batch_size=48)
    created = studies.create_questions(study, 3, 3)
    assert str(created) == f"48 questions and {created.n_gold} gold questions in 1 batch."
    assert "nobody can meet 8 gold questions here" in created.note
    other = studies.create_study("bright", faces, "rating", attributes=["kind"])
    note = studies.create_questions(other).note
    assert "gold: 0 of 18 questions were proposed because no stimulus has a known value of 'kind'" in note
    assert "practice: 0 of 4 questions" in note
    assert "without gold questions nobody can be found careless" in note


def test_gold_that_rita_chose_stays_alone(faces):
    study = studies.create_study("smiles", faces)
    add_questions(study, "gold", 3)
    assert studies.create_questions(study).n_gold == 3
    assert Question.objects.filter(role="practice").exists()


def test_the_same_seed_makes_the_same_batches(faces):
    def laid_out(name):
        study = studies.create_study(name, faces, batch_size=10)
        studies.create_questions(study, seed=7)
        members = BatchQuestion.objects.filter(batch__study=study).order_by("batch__number", "position")
        return list(members.values_list("batch__number", "question__reference", "question__first", "question__second"))

    assert laid_out("one") == laid_out("two")


def test_a_rating_study_asks_every_attribute_of_every_picture(faces):
    study = studies.create_study("traits", faces, "rating", ["bright", "kind"], batch_size=12)
    assert "scale" in study.instructions
    assert studies.create_questions(study).n_questions == 48
    gold = Question.objects.filter(question_set=study.question_set, role="gold")
    assert set(gold.values_list("attribute", flat=True)) <= {"bright"}


def test_questions_added_later_get_batches_of_their_own():
    study = make_study(n_questions=6)
    with pytest.raises(NothingToAsk):
        studies.create_batches(study)
    stimuli = list(Stimulus.objects.order_by("pk"))
    Question.objects.create(
        question_set=study.question_set, kind="triplet", reference=stimuli[0], first=stimuli[8], second=stimuli[9]
    )
    created = studies.create_batches(study)
    assert (created.n_questions, created.n_batches) == (1, 1)
    study.refresh_from_db()
    assert study.n_slots_planned == study.slots.count() == 6
    assert list(study.batches.values_list("number", flat=True)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "rating"}, "at least one attribute"),
        ({"kind": "triplet", "attributes": ["happy"]}, "rates nothing"),
        ({"kind": "rating", "attributes": ["happy", "happy"]}, "named once"),
    ],
)
def test_what_cannot_be_asked(settings, words):
    with pytest.raises(StudyError, match=words):
        studies.create_study("wrong", make_collection(), **settings)
    assert not Study.objects.exists()


@pytest.mark.parametrize("settings", [{"gold_threshold": 1.5}, {"responses": 0}, {"batch_size": 0}])
def test_settings_out_of_range(settings):
    with pytest.raises(ValidationError):
        studies.create_study(**({"name": "wrong", "collection": make_collection()} | settings))


def test_a_study_without_questions_does_not_open():
    with pytest.raises(NothingToAsk, match="create them before"):
        studies.open_study(make_study(n_questions=0, is_open=False))


def test_wording_is_data_and_never_a_format():
    study = make_study(kind="rating", n_questions=0, is_open=False, question_text="Is {attribute} {0.__class__}?")
    assert studies.question_wording(study, "happy") == "Is happy {0.__class__}?"
    study.question_text = ""
    assert studies.question_wording(study, "happy") == "How happy does this face look?"


def run(capsys, *command):
    call_command(*command, "--json")
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_commands(faces, capsys):
    made = run(capsys, "create_study", "smiles", "--collection", "faces", "--responses", "3", "--gold-threshold", ".8")
    assert made["study"] == "smiles"
    assert made["entry_url"].startswith("http://127.0.0.1:8000/join/")
    study = Study.objects.get()
    assert (study.responses_per_question, study.gold_threshold, study.kind) == (3, 0.8, "triplet")
    created = run(capsys, "create_questions", "smiles", "--same", "2", "--different", "1", "--seed", "5")
    assert created["n_questions"] == 6 * 2 + 8  # 4 pictures x 2 / 3 for each subject, 24 x 1 / 3 between subjects
    assert created["n_batches"] == 2
    assert created["n_gold"] > 0
    assert Slot.objects.count() == 6
    study.refresh_from_db()
    assert study.state == "open"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["create_study", "s", "--collection", "nowhere"], "no collection 'nowhere'. Known collections: faces"),
        (["create_study", "s", "--collection", "faces", "--kind", "rating"], "at least one attribute"),
        (["create_study", "s", "--collection", "faces", "--gold-threshold", "7"], "gold_threshold 7.0"),
        (
            ["create_study", "Mein Café", "--collection", "faces"],
            "^'Mein Café' cannot name a study: expected letters without accents, digits, - and _ only; "
            "the title may say anything.$",
        ),
        (
            ["create_study", "there", "--collection", "faces"],
            "^There is a study 'there' already: expected another name.$",
        ),
        (["create_questions", "nothing"], "no study 'nothing'"),
        (["create_questions", "there", "--same", "-1"], "negative"),
        (["create_questions", "there", "--same", "0", "--different", "0"], "question"),
    ],
)
def test_commands_refuse_in_one_sentence(faces, command, words):
    studies.create_study("there", faces)
    with pytest.raises(CommandError, match=words) as refusal:
        call_command(*command)
    assert "\n" not in str(refusal.value)


def test_refused_questions_leave_nothing_behind(faces):
    study = studies.create_study("there", faces)
    with pytest.raises(StudyError):
        studies.create_questions(study, 0, 0)
    assert not Question.objects.exists()


def test_practice_and_gold_are_no_members_of_batches():
    study = make_study(n_questions=3, n_gold=2, n_practice=2)
    assert set(BatchQuestion.objects.filter(batch__study=study).values_list("question__role", flat=True)) == {
        "ordinary"
    }
