"""A collection with labels can be trained on before anybody has answered."""

import json

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Response
from annotation.services.artificial import answer_from_labels
from annotation.services.consensus import settle_questions
from annotation.services.releases import freeze_release
from annotation.services.studies import create_study
from triplets import synthetic
from triplets.archive import read_release
from triplets.models import Collection, Stimulus, Subject

pytestmark = pytest.mark.django_db
SPLITS = ["train", "train", "train", "train", "validation", "validation", "validation", "test", "test", "test"]


@pytest.fixture
def study():
    """Ten people x 25 expressions, labels only: neither pictures nor landmarks."""
    collection = Collection.objects.create(name="labelled")
    for stimulus in synthetic.make_collection(len(SPLITS), seed=1):
        split = SPLITS[int(stimulus.subject[1:]) - 1]
        subject, _ = Subject.objects.get_or_create(collection=collection, name=stimulus.subject, split=split)
        Stimulus.objects.create(
            collection=collection, subject=subject, key=stimulus.key, class_label=stimulus.class_label,
            degree=stimulus.degree, is_neutral=stimulus.is_neutral,
        )  # fmt: skip
    return create_study("posed", collection)


def test_labels_answer_and_the_release_says_that_they_did(study, tmp_path):
    done = answer_from_labels(study, {"train": 400, "validation": 100, "test": 100})
    assert (done.n_new, done.n_annotators, done.n_excluded) == (600, 1, 0)
    assert settle_questions(study).n_settled == 600
    freeze_release(study, tmp_path / "release")
    release = read_release(tmp_path / "release")
    triplets, stimuli = release.triplets, release.stimuli
    assert {split: int((triplets.split == split).sum()) for split in ("train", "validation", "test")} == {
        "train": 400, "validation": 100, "test": 100,
    }  # fmt: skip
    assert set(triplets.sampler) == {"artificial"}
    assert set(triplets.weight) == {1}
    assert (stimuli.split[triplets.anchor] == triplets.split).all()  # no triplet crosses a split
    for anchor, positive, negative in triplets.rows:
        same = stimuli.class_label[positive] == stimuli.class_label[anchor]
        assert same or stimuli.is_neutral[positive] == 1
        if same and stimuli.class_label[negative] == stimuli.class_label[anchor]:
            steps = abs(stimuli.degree[[positive, negative]] - stimuli.degree[anchor])
            assert steps[0] < steps[1]
    members = {int(row) for row in triplets.rows.ravel()}
    assert members == set(range(250))  # every stimulus is in at least one


def test_twice_is_once(study):
    wanted = {"train": 200}
    assert answer_from_labels(study, wanted).n_new == 200
    assert answer_from_labels(study, wanted).n_new == 0
    assert Response.objects.count() == 200


def test_without_numbers_a_small_collection_gives_what_its_labels_allow(capsys):
    collection = Collection.objects.create(name="small")
    subjects = [Subject.objects.create(collection=collection, name=name) for name in "xyz"]
    for subject in subjects:
        for label in ("neutral", "happy", "sad"):
            Stimulus.objects.create(collection=collection, subject=subject, key=f"{subject.name} {label}",
                                    class_label=label, is_neutral=label == "neutral")  # fmt: skip
    create_study("tiny", collection)
    call_command("answer_from_labels", "tiny")
    # One person: neutral nearer than the other expression, 2 each. Three: 2 x 6 with neutral, 2 x 6 with the class.
    assert "30 artificial triplets recorded" in capsys.readouterr().out
    with pytest.raises(CommandError, match="allow only 30 different triplets"):
        call_command("answer_from_labels", "tiny", "--train", "31")
    Stimulus.objects.filter(class_label="sad").update(class_label="happy")
    with pytest.raises(CommandError, match=r"decide no triplet: .* there is only 'happy'; expected two, or degrees"):
        call_command("answer_from_labels", "tiny")


def test_the_command_speaks_json_and_refuses_in_one_sentence(study, capsys):
    call_command("answer_from_labels", "posed", "--train", "200", "--validation", "0", "--test", "0", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["n_new"] == 200
    with pytest.raises(CommandError, match="Split 'train' does not allow 3 artificial triplets"):
        call_command("answer_from_labels", "posed", "--train", "3", "--validation", "0", "--test", "0")
    create_study("rated", study.collection, "rating", attributes=["happy"])
    with pytest.raises(CommandError, match="labels answer triplets only"):
        call_command("answer_from_labels", "rated")
