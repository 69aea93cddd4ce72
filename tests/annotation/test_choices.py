"""Studies of choices: which word fits this face? Asked, answered, settled, released."""

import csv

import pytest

from annotation import selectors
from annotation.errors import AnswerInvalid, StudyError
from annotation.forms import StudyForm
from annotation.models import Consensus, Response
from annotation.services import studies
from annotation.services.assignments import claim_assignment
from annotation.services.consensus import is_settled_up_to, settle_questions
from annotation.services.imports import JudgementsRefused, import_responses
from annotation.services.releases import freeze_release
from annotation.services.responses import record_response
from tests.annotation.making import enter, finish, make_annotator, make_collection, make_study, work
from tests.annotation.test_serving_json import at, post
from tests.annotation.votes import bare_study, write_csv
from triplets import archive
from triplets.models import Question, Stimulus
from triplets.services.gold import GoldChoice, add_gold
from triplets.services.questions import create_choice_questions

pytestmark = pytest.mark.django_db


def choose(study, name, label):
    """Let one person give one label to every question of their batches."""
    participation = enter(study, name)
    while (assignment := claim_assignment(study, participation.annotator)) is not None:
        for shown in assignment.presentations.select_related("question"):
            wanted = "happy" if shown.question.role == "gold" else label
            record_response(assignment, shown.position, label=wanted, response_ms=900)


def test_a_batch_over_json(client):
    alice = enter(make_study(kind="choice", n_questions=3))
    batch = client.get(at("assignment", alice)).json()
    question = batch["questions"][0]
    assert set(question) == {"position", "text", "picture", "options"}
    assert question["options"] == ["happy", "sad", "neutral"]
    assert post(alice, {"assignment": batch["assignment"], "position": 0, "label": "sad"}).json()["saved"]
    saved = Response.objects.get()
    assert (saved.label, saved.choice, saved.rating) == ("sad", "", None)
    refused = post(alice, {"assignment": batch["assignment"], "position": 1, "label": "Sad"})
    assert (refused.status_code, "expected one of happy, sad, neutral" in refused.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "value", [{}, {"label": ""}, {"label": "angry"}, {"choice": "left"}, {"rating": 1}, {"label": "sad", "rating": 1}]
)
def test_an_answer_is_one_of_the_options(value):
    assignment = claim_assignment(make_study(kind="choice"), make_annotator())
    with pytest.raises(AnswerInvalid, match="expected one of happy"):
        record_response(assignment, 0, **value)
    assert not Response.objects.exists()


def test_a_label_is_no_answer_to_anything_else():
    for kind in ("triplet", "rating"):
        assignment = claim_assignment(make_study(kind=kind), make_annotator())
        with pytest.raises(AnswerInvalid, match="nothing is labelled"):
            record_response(assignment, 0, label="happy")


def test_gold_is_known_by_its_label_and_bob_goes():
    study = make_study(kind="choice", n_questions=6, min_gold=3, n_gold_per_batch=3)
    assert work(study, "alice").exclusion == ""
    assert work(study, "bob", is_gold_right=False).exclusion == "gold"


def test_the_page_without_script_and_practice(client):
    study = make_study(kind="choice", n_questions=3, n_gold=0, n_practice=1)
    alice = enter(study, is_ready=False)
    client.post(at("consent", alice), {"version": 1})
    assert "the word with this number" in client.get(at("instructions", alice)).content.decode()
    practised = client.post(at("practice", alice), {"position": 0, "label": "sad"}).content.decode()
    assert "Most people would choose happy here." in practised
    page = client.get(at("questions", alice)).content.decode()
    assert page.count('name="label"') == 3
    assert "Which word fits this face best?" in page
    assignment = alice.assignments.get()
    client.post(at("questions", alice), {"assignment": assignment.pk, "position": 0, "label": "neutral"})
    assert Response.objects.get().label == "neutral"


def test_the_majority_settles_and_a_tie_does_not():
    study = make_study(kind="choice", n_questions=2, n_gold=0, responses_per_question=3)
    for name, label in [("alice", "sad"), ("bob", "sad")]:
        choose(study, name, label)
    assert settle_questions(study).n_settled == 0
    choose(study, "carol", "neutral")
    settled = settle_questions(study)
    assert (settled.n_settled, settled.n_changed, settled.n_open, settled.n_ties) == (2, 2, 0, 0)
    opinion = Consensus.objects.first()
    assert (opinion.label, opinion.counts, opinion.n, opinion.weight) == ("sad", {"sad": 2, "neutral": 1}, 3, 1)
    assert opinion.posterior == pytest.approx(2 / 3, abs=1e-5)
    assert settle_questions(study).n_changed == 0
    last = Response.objects.order_by("-id").first().pk
    assert is_settled_up_to(study, last)
    Response.objects.filter(annotator__external_id="bob").update(label="happy")
    assert not is_settled_up_to(study, last)
    settled = settle_questions(study)
    assert (settled.n_settled, settled.n_changed, settled.n_ties) == (0, 2, 2)
    assert not Consensus.objects.filter(is_current=True).exists()


def test_the_votes_of_excluded_people_are_withdrawn():
    study = make_study(kind="choice", n_questions=1, n_gold=0, responses_per_question=1)
    choose(study, "alice", "sad")
    assert settle_questions(study).n_settled == 1
    study.participations.update(exclusion="researcher")
    assert settle_questions(study).n_changed == 1
    assert not Consensus.objects.filter(is_current=True).exists()


def test_a_release_tells_labels_and_shares(tmp_path):
    study = make_study(kind="choice", n_questions=2, n_gold=4, responses_per_question=3)
    for name, label in [("alice", "sad"), ("bob", "sad"), ("carol", "neutral")]:
        choose(study, name, label)
    release = freeze_release(study, tmp_path / "release")
    assert freeze_release(study).pk == release.pk
    found = archive.read_release(tmp_path / "release")
    assert found.manifest["study"]["options"] == ["happy", "sad", "neutral"]
    ratings = found.ratings
    shares = {label: set(ratings.mean[ratings.attribute == label]) for label in ("happy", "sad", "neutral")}
    assert shares == {"happy": {0.0}, "sad": {2 / 3}, "neutral": {1 / 3}}
    assert (len(ratings), set(ratings.n)) == (6, {3})
    rows = list(csv.DictReader((tmp_path / "release" / "responses.csv").open()))
    assert {(row["kind"], row["role"]) for row in rows} == {("choice", "ordinary"), ("choice", "gold")}
    assert {row["choice_label"] for row in rows if row["role"] == "ordinary"} == {"sad", "neutral"}
    assert len(rows) == Response.objects.count()


def test_a_study_is_made_with_gold_from_the_classes():
    collection = make_collection(9)
    for i, stimulus in enumerate(Stimulus.objects.filter(collection=collection).order_by("pk")):
        stimulus.class_label, stimulus.degree = ["Happy", "sad", "disgust"][i % 3], i
        stimulus.save()
    study = studies.create_study("words", collection, "choice", options=["happy", "sad"], n_practice=1)
    made = studies.create_questions(study)
    assert made.n_questions == 9
    gold = study.question_set.questions.filter(role="gold").order_by("pk")
    assert [(g.reference.class_label, g.expected_label) for g in gold[:2]] == [("Happy", "happy"), ("sad", "sad")]
    assert not gold.filter(reference__class_label="disgust").exists()
    assert "one of the options" in made.note
    studies.open_study(study)
    assert create_choice_questions(study.question_set) == 0
    assert selectors.study_progress(study)["agreement"] == []


def test_gold_that_nobody_can_answer_keeps_a_study_closed():
    study = make_study(kind="choice", is_open=False)
    add_gold(study.question_set, choices=[GoldChoice("s009", "surprised")])
    with pytest.raises(StudyError, match="'surprised': expected one of happy, sad, neutral"):
        studies.open_study(study)


def test_what_the_live_page_tells():
    study = make_study(kind="choice", n_questions=4, n_gold=0, responses_per_question=3)
    for name in ("alice", "bob", "carol"):
        choose(study, name, "sad")
    settle_questions(study)
    progress = selectors.study_progress(study)
    assert [(level["weight"], level["n"]) for level in progress["agreement"]] == [(3, 4)]
    assert progress["alpha"][0]["statistic"].endswith("nominal")


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("choice", ["happy"], "2 to 20 options"),
        ("choice", [], "2 to 20 options"),
        ("choice", ["happy", "happy"], "once"),
        ("choice", ["happy", "x" * 81], "too long"),
        ("triplet", ["happy", "sad"], "offers no labels"),
    ],
)
def test_options_that_cannot_be(kind, options, reason):
    with pytest.raises(StudyError, match=reason):
        studies.create_study("words", make_collection(3), kind, options=options)
    form = StudyForm({"kind": kind, "name": "words", "options": ", ".join(options)})
    assert reason in str(form.errors["options"])


LABEL_COLUMNS = ("item", "worker", "label", "kind", "expected")


def test_crowd_labels_pass_the_same_filter_and_consensus(tmp_path):
    study = bare_study(kind="choice", options=["happy", "sad"], min_gold=2, responses_per_question=5)
    gold = [("d1", who, label, "check", "sad") for who, label in (("w1", "sad"), ("w2", "sad"), ("bad", "happy"))]
    rows = [
        ("a1", "w1", "happy", "", ""), ("a1", "w2", "happy", "", ""), ("a1", "bad", "sad", "", ""),
        ("a1", "w1", "sad", "", ""), ("b1", "w1", "sad", "", ""), ("b1", "bad", "happy", "", ""),
        ("c1", "w1", "sad", "", ""), ("c1", "w2", "happy", "", ""), *gold, *gold,
    ]  # fmt: skip
    found = import_responses(study, write_csv(tmp_path / "labels.csv", rows, LABEL_COLUMNS))
    assert (found.n_new, found.n_annotators, found.n_excluded, found.n_questions) == (14, 3, 1, 4)
    gold = Question.objects.get(role="gold")
    assert (gold.expected_label, gold.reference.key, gold.split) == ("sad", "d1", "none")
    assert Response.objects.filter(question__reference__key="a1", is_repeat=True).get().label == "sad"
    settled = settle_questions(study)
    assert (settled.n_settled, settled.n_ties) == (2, 1)  # what "bad" said does not count, and c1 is a tie
    opinions = {row.question.reference.key: (row.label, row.n) for row in Consensus.objects.all()}
    assert opinions == {"a1": ("happy", 2), "b1": ("sad", 1)}
    release = archive.read_release(freeze_release(study, tmp_path / "release").archive.path)
    assert release.responses().column("choice_label").to_pylist().count("sad") == 8
    # The file may say what an item is, and the questions are found again.
    more = write_csv(tmp_path / "more.csv", [("sad", "c1", "w9")], ("label", "stimulus", "worker"))
    assert import_responses(study, more).n_questions == 1
    assert Question.objects.count() == 4
    assert settle_questions(study).n_ties == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("a1", "w1", "angry", "", ""), "label is 'angry': expected one of happy, sad"),
        (("z9", "w1", "sad", "", ""), "there is no stimulus 'z9'"),
        (("a1", "", "sad", "", ""), "worker is empty"),
        (("a1", "w1", "sad", "check", ""), "needs the right label in a column `expected`"),
        (("a1", "w1", "sad", "", "glad"), "expected is 'glad': expected one of happy, sad"),
    ],
)
def test_a_bad_label_is_refused_with_its_line(tmp_path, row, reason):
    study = bare_study(kind="choice", options=["happy", "sad"])
    file = write_csv(tmp_path / "labels.csv", [("a1", "w1", "sad", "", ""), row], LABEL_COLUMNS)
    with pytest.raises(JudgementsRefused) as refusal:
        import_responses(study, file)
    ((line, found),) = refusal.value.problems
    assert (line, reason in found) == (3, True), found
    assert not Response.objects.exists()


def test_check_labels_that_contradict_each_other_are_refused(tmp_path):
    study = bare_study(kind="choice", options=["happy", "sad"])
    rows = [("a1", "w1", "sad", "check", "sad"), ("a1", "w2", "sad", "check", "happy")]
    with pytest.raises(JudgementsRefused, match="something else than on line 2"):
        import_responses(study, write_csv(tmp_path / "labels.csv", rows, LABEL_COLUMNS))
    import_responses(study, write_csv(tmp_path / "one.csv", rows[:1], LABEL_COLUMNS))
    with pytest.raises(JudgementsRefused, match="1 check question contradicts those of the study"):
        import_responses(study, write_csv(tmp_path / "other.csv", rows[1:], LABEL_COLUMNS))


def test_real_crowd_labels(tmp_path, shared_data):
    """5,242 labels that 27 people gave to 584 faces: the figures of `python -m annotation`, through the database."""
    folder = shared_data / "crowd_labels" / "face_sentiment"
    with open(folder / "truth.csv", encoding="utf-8") as file:
        truth = {row["item"]: row["truth"] for row in csv.DictReader(file)}
    study = bare_study(keys=sorted(truth), kind="choice", options=["0", "1", "2", "3"])
    found = import_responses(study, folder / "label.csv")
    assert (found.n_new, found.n_annotators, found.n_questions) == (5242, 27, 584)
    settled = settle_questions(study)
    assert settled.n_settled + settled.n_ties == 584
    right = [
        row.label == truth[row.question.reference.key]
        for row in Consensus.objects.select_related("question__reference")
    ]
    assert sum(right) / len(right) == pytest.approx(0.64, abs=0.02)


def test_rita_opens_the_page_of_the_study(researcher_client):
    study = make_study(kind="choice", n_gold=0, n_questions=2)
    finish(claim_assignment(study, make_annotator()))
    page = researcher_client.get(f"/admin/annotation/study/{study.pk}/change/")
    assert page.status_code == 200
    assert Question.objects.filter(kind="choice").count() == 2
