"""The next questions: chosen by a checkpoint, asked in batches, never twice."""

import io
import json

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.html import escape

from analysis import tasks
from analysis.services.evaluations import create_evaluation
from analysis.services.growth import NothingToChoose, choose_next_questions
from annotation.models import Batch, Slot
from annotation.services.studies import create_study
from learning.models import Checkpoint
from learning.services.archives import open_release
from tests.analysis.made import make_checkpoint
from triplets.models import Collection, Errand, Question, Release, Stimulus, Subject
from triplets.services.errands import create_errand, do_errand
from triplets.tasks import do_errand as do_errand_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def checkpoint(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_checkpoint(tmp_path)


@pytest.fixture
def study(checkpoint):
    """A study of the faces that the checkpoint was trained on, with pictures, and no question yet."""
    release = checkpoint.run.release
    stimuli = open_release(release).stimuli
    subjects = {}
    for key, subject, split in zip(stimuli.key, stimuli.subject, stimuli.split, strict=True):
        if subject not in subjects:
            subjects[subject] = Subject.objects.create(collection=release.collection, name=subject, split=split)
        Stimulus.objects.create(
            collection=release.collection, subject=subjects[subject], key=key, picture=f"pictures/{key}.jpg",
            content_sha256=key,
        )  # fmt: skip
    study = create_study("next", release.collection, batch_size=10, responses=5)
    Release.objects.filter(pk=release.pk).update(question_set=study.question_set)
    return study


def triplets(study) -> set:
    return set(study.question_set.questions.values_list("reference_id", "first_id", "second_id"))


def test_questions_come_with_batches_and_slots(study, checkpoint):
    assert choose_next_questions(study, checkpoint, n=40, seed=1) == 40
    questions = study.question_set.questions
    assert questions.count() == len(triplets(study)) == 40
    assert Batch.objects.filter(study=study).count() == 4
    assert Slot.objects.filter(study=study).count() == 20
    study.refresh_from_db()
    assert study.n_slots_planned == 20


def test_only_training_questions_are_chosen_and_some_of_them_stay_random(study, checkpoint):
    choose_next_questions(study, checkpoint, n=50, seed=1)
    rows = list(study.question_set.questions.values_list("split", "sampler"))
    train = [sampler for split, sampler in rows if split == "train"]
    assert len(train) == 30 and len(rows) == 50  # 9 of 15 people
    assert train.count("random") == 6 and train.count("informative") == 24
    assert {sampler for split, sampler in rows if split != "train"} == {"random"}


def test_nothing_is_asked_twice(study, checkpoint):
    choose_next_questions(study, checkpoint, n=40, seed=1)
    first = triplets(study)
    assert choose_next_questions(study, checkpoint, n=40, seed=1) == 40
    assert len(triplets(study)) == 80 and first < triplets(study)


def test_the_same_seed_chooses_the_same(study, checkpoint):
    choose_next_questions(study, checkpoint, n=20, seed=5)
    first = triplets(study)
    Slot.objects.all().delete()
    Batch.objects.all().delete()
    Question.objects.all().delete()
    choose_next_questions(study, checkpoint, n=20, seed=5)
    assert triplets(study) == first


def test_whoever_presses_twice_asks_once_and_is_told(study, checkpoint):
    wanted = {"checkpoint": checkpoint.pk, "n": 20, "seed": 0, "n_before": 0}
    first, second = (create_errand("questions", question_set=study.question_set, wanted=wanted) for _ in range(2))
    for errand in (first, second):
        assert do_errand(errand.pk) == "finished"
        assert do_errand(errand.pk) is None  # a task that comes twice
        errand.refresh_from_db()
    assert study.question_set.questions.count() == 20
    where = f"most of them where checkpoint {checkpoint.pk} of run {checkpoint.run_id} is unsure."
    assert first.message == f"20 new questions are ready to be asked, {where}"
    assert second.message.startswith("Nothing was added: the study got other questions since")


def test_what_could_not_be_chosen_stands_on_the_page_of_the_study(researcher_client, study, checkpoint):
    Stimulus.objects.update(picture="")
    wanted = {"checkpoint": checkpoint.pk, "n": 20, "seed": 0, "n_before": 0}
    errand = create_errand("questions", question_set=study.question_set, wanted=wanted)
    assert do_errand(errand.pk) == "failed"
    shown = researcher_client.get(reverse("admin:annotation_study_change", args=[study.pk])).text
    errand.refresh_from_db()
    assert "Choosing questions for next" in shown and escape(errand.message) in shown
    assert "picture" in errand.message


def test_faces_without_a_picture_are_not_asked(study, checkpoint):
    # Spread over all people: where chance takes most of a small split, fewer questions are left than were asked for.
    bare = set(list(Stimulus.objects.order_by("pk").values_list("pk", flat=True))[::4][:20])
    Stimulus.objects.filter(pk__in=bare).update(picture="")
    assert choose_next_questions(study, checkpoint, n=30) == 30
    assert not bare & set(np.ravel(list(triplets(study))).tolist())


def test_what_cannot_be_chosen_is_told(study, checkpoint):
    with pytest.raises(NothingToChoose, match="expected at least 1"):
        choose_next_questions(study, checkpoint, n=0)
    other = create_study("other", Collection.objects.create(name="elsewhere"))
    with pytest.raises(NothingToChoose, match=r"faces.*elsewhere"):
        choose_next_questions(other, checkpoint)
    study.kind = "rating"
    with pytest.raises(NothingToChoose, match="ratings"):
        choose_next_questions(study, checkpoint)


def test_the_command_chooses(study, checkpoint):
    out = io.StringIO()
    call_command("choose_questions", "next", "--checkpoint", str(checkpoint.pk), "--n", "15", "--json", stdout=out)
    assert json.loads(out.getvalue())["n_questions"] == 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing", "--checkpoint", "1"), "no study 'nothing'. Studies: next"),
        (("next", "--checkpoint", "999999"), "no checkpoint 999999"),
    ],
)
def test_bad_input_is_one_sentence(study, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("choose_questions", *arguments)


def test_a_researcher_asks_for_more_in_the_admin(researcher_client, study, checkpoint, monkeypatch):
    sent = []
    monkeypatch.setattr(
        do_errand_task, "apply_async_on_commit", lambda *arguments, **how: sent.append((*arguments, how))
    )
    monkeypatch.setattr(tasks.evaluate, "delay_on_commit", lambda *arguments: sent.append(arguments))
    evaluation = create_evaluation(Checkpoint.objects.select_related("run__release").get(pk=checkpoint.pk))
    chosen = {"_selected_action": [evaluation.pk]}
    address = "/admin/analysis/evaluation/"
    told = researcher_client.post(address, chosen | {"action": "ask_where_unsure"}, follow=True).text
    own = reverse("admin:annotation_study_change", args=[study.pk])
    assert f'<a href="{own}">next</a> gets its next questions' in told
    errand = Errand.objects.get()
    assert errand.wanted == {"checkpoint": checkpoint.pk, "n": 100, "seed": 0, "n_before": 0}
    assert sent == [([errand.pk], {"queue": "evaluation"})]  # not in the way of short work: it loads a network
    assert "Choosing questions for next" in researcher_client.get(own).text
    assert do_errand(errand.pk) == "finished"
    assert "100 new questions are ready to be asked" in researcher_client.get(own).text
    assert researcher_client.post(address, chosen | {"action": "evaluate_again"}).status_code == 302
    assert sent[1:] == [(evaluation.pk,)]
    added = {"checkpoint": checkpoint.pk, "release": checkpoint.run.release_id}
    assert researcher_client.post(f"{address}add/", added).status_code == 302
    assert sent[2:] == [(evaluation.pk,)]  # still open: not made twice
