"""What Alice may tell about herself, what Rita may ask, and that none of it leaves the house."""

import json

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation.errors import StudyError
from annotation.forms import DemographicsField, StudyForm
from annotation.models import Annotator, Participation, Study
from annotation.services import links, studies
from annotation.services.assignments import claim_assignment
from annotation.services.demographics import check_demographics, count_demographics, record_demographics
from annotation.services.releases import freeze_release, pseudonym
from tests.annotation.making import enter, finish, make_collection, make_study, work
from tests.annotation.test_serving_json import at
from triplets import archive

pytestmark = pytest.mark.django_db
ASKED = [{"name": "Age", "options": ["18-29", "30 or more"]}, {"name": "Sight", "options": ["good", "poor"]}]


def newcomer(client, study, name="alice"):
    alice = enter(study, name, is_ready=False)
    client.post(at("consent", alice), {"version": 1})
    return alice


def test_alice_is_asked_once_after_consent(client):
    alice = newcomer(client, make_study(demographics=ASKED))
    page = client.get(at("take", alice), follow=True)
    assert page.redirect_chain[-1][0] == at("about", alice)
    shown = page.content.decode()
    assert 'label for="id_about_0">Age' in shown
    assert shown.count("I would rather not say") == 2
    page = client.post(at("about", alice), {"about_0": "18-29", "about_1": ""}, follow=True)
    assert page.redirect_chain[-1][0] == at("instructions", alice)
    alice.refresh_from_db()
    assert alice.demographics == {"Age": "18-29"}
    client.post(at("about", alice), {"about_0": "30 or more"})
    alice.refresh_from_db()
    assert alice.demographics == {"Age": "18-29"}
    assert client.get(at("about", alice))["Location"] == at("take", alice)


def test_nothing_has_to_be_told(client):
    alice = newcomer(client, make_study(demographics=ASKED))
    page = client.post(at("about", alice), follow=True)
    assert page.redirect_chain[-1][0] == at("instructions", alice)
    alice.refresh_from_db()
    assert (alice.demographics, alice.demographics_at is not None) == ({}, True)


def test_what_is_not_offered_is_not_kept(client):
    alice = newcomer(client, make_study(demographics=ASKED))
    page = client.post(at("about", alice), {"about_0": "17"})
    assert page.status_code == 400
    record_demographics(alice, {"Age": "17", "Name": "Alice", "Sight": "good"})
    assert alice.demographics == {"Sight": "good"}


def test_who_has_not_agreed_is_asked_nothing(client):
    alice = enter(make_study(demographics=ASKED), is_ready=False)
    assert client.post(at("about", alice), {"about_0": "18-29"})["Location"] == at("take", alice)
    alice.refresh_from_db()
    assert alice.demographics == {}


def test_without_fields_nobody_notices(client):
    alice = newcomer(client, make_study())
    assert client.get(at("take", alice))["Location"] == at("instructions", alice)
    assert client.get(at("about", alice))["Location"] == at("take", alice)


def test_releases_say_nothing_of_it(tmp_path):
    study = make_study(demographics=[{"name": "Marmalade", "options": ["orange", "Zitrone"]}], responses_per_question=1)
    record_demographics(enter(study), {"Marmalade": "Zitrone"})
    work(study, "alice")
    freeze_release(study, tmp_path / "release")
    for file in (tmp_path / "release").rglob("*"):
        assert file.is_dir() or not any(word in file.read_bytes() for word in (b"Marmalade", b"Zitrone"))


def test_who_agreed_to_it_is_released_under_a_pseudonym(tmp_path, client, researcher_client):
    study = make_study(demographics=ASKED, responses_per_question=4)
    early = newcomer(client, study, "early")
    assert "is published" not in client.get(at("consent", early), follow=True).content.decode()
    record_demographics(early, {"Age": "18-29", "Sight": "poor"})
    was = Study.objects.get(pk=study.pk)
    study.releases_demographics = True
    studies.change_settings(study, was)
    assert (study.consent_version, study.demographics_consent_version) == (2, 2)
    told = {
        "alice": {"Age": "18-29"},
        "bob": {"Age": "18-29"},
        "carol": {"Age": "30 or more", "Sight": "good"},
        "dan": {},
    }
    for name, answers in told.items():
        person = enter(study, name, is_ready=False)
        shown = client.get(at("take", person), follow=True).content.decode()
        assert "Age, Sight" in shown
        assert "about yourself is published with your answers" in shown
        client.post(at("consent", person), {"version": 2})
        record_demographics(person, answers)
    for name in ("early", "alice", "bob", "carol", "dan"):
        Participation.objects.filter(annotator__external_id=name).update(practised_at=timezone.now())
        annotator = Annotator.objects.get(external_id=name)
        finish(claim_assignment(study, annotator))
    freeze_release(study, tmp_path / "release")
    found = archive.read_release(tmp_path / "release")
    rows = dict(
        zip(
            found.annotators.key.tolist(),
            zip(*found.annotators.about.values(), found.annotators.n_alike.tolist(), strict=True),
            strict=True,
        )
    )
    names = {name: pseudonym(study, Annotator.objects.get(external_id=name)) for name in ("early", *told)}
    assert {name: rows[key] for name, key in names.items()} == {
        "early": ("", "", 0), "alice": ("18-29", "", 2), "bob": ("18-29", "", 2), "carol": ("30 or more", "good", 1),
        "dan": ("", "", 0),
    }  # fmt: skip
    assert set(found.responses().column("annotator").to_pylist()) == set(rows)
    assert found.manifest["settings"]["demographics"] == {
        "fields": ["Age", "Sight"], "n_annotators": 5, "n_told": 3, "small_group": 5, "n_in_small_groups": 3,
        "smallest_group": 1,
    }  # fmt: skip
    assert found.manifest["columns"]["annotators"]["about_Age"] == "what they told about 'Age', empty where nothing"
    described = json.loads((tmp_path / "release" / "croissant.json").read_text())
    (record_set,) = [each for each in described["recordSet"] if each["@id"] == "annotators"]
    assert [field["name"] for field in record_set["field"]] == ["annotator", "n_alike", "about_Age", "about_Sight"]
    table = (tmp_path / "release" / "annotators.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == [f'"{key}"' for key in sorted(rows)]
    page = researcher_client.get(f"/admin/annotation/study/{study.pk}/change/").content.decode()
    assert "Releases say what 3 people told who agreed to it; 3 of them share their answers with fewer than 5" in page
    # Switched off again nothing of it is released, and whoever comes agrees to other words.
    was = Study.objects.get(pk=study.pk)
    study.releases_demographics = False
    studies.change_settings(study, was)
    freeze_release(study, tmp_path / "without")
    assert archive.read_release(tmp_path / "without").annotators is None
    assert not (tmp_path / "without" / "annotators.csv").exists()
    assert study.consent_version == 3


def test_rita_sees_counts(researcher_client):
    study = make_study(demographics=ASKED)
    for name, told in [("alice", {"Age": "18-29"}), ("bob", {"Age": "18-29", "Sight": "poor"}), ("carol", {})]:
        record_demographics(enter(study, name), told)
    enter(study, "zoe")
    assert count_demographics(study)[0] == {"name": "Age", "counts": {"18-29": 2, "30 or more": 0}, "n_silent": 1}
    page = researcher_client.get(f"/admin/annotation/study/{study.pk}/change/").content.decode()
    assert "18-29 2, 30 or more 0, not told 1" in page
    page = researcher_client.get(f"/admin/annotation/study/{study.pk}/settings/").content.decode()
    assert "Age: 18-29, 30 or more\nSight: good, poor" in page


def test_lines_become_fields():
    field = DemographicsField(required=False)
    assert field.clean("Age: 18-29, 30 or more\n\n Sight : good,poor ") == ASKED
    assert field.prepare_value(ASKED) == "Age: 18-29, 30 or more\nSight: good, poor"
    assert field.clean("") == []
    form = StudyForm({"name": "x", "demographics": "Age"})
    assert "Age" in str(form.errors["demographics"])


@pytest.mark.parametrize(
    "fields",
    [
        "Age", [1], [{"name": "Age"}], [{"name": "", "options": ["a", "b"]}], [{"name": "Age", "options": ["a"]}],
        [{"name": "Age", "options": ["a", "a"]}], [{"name": "Age", "options": "ab"}], ASKED + ASKED, ASKED * 6,
        [{"name": "Age", "options": ["a", 2]}], [{"name": "A" * 81, "options": ["a", "b"]}],
    ],
)  # fmt: skip
def test_fields_that_cannot_be(fields):
    with pytest.raises(StudyError):
        check_demographics(fields)
    with pytest.raises(StudyError):
        studies.create_study("x", make_collection(2), demographics=fields)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300), sent=st.dictionaries(st.sampled_from(["about_0", "about_1", "x"]), st.text()))
def test_no_text_breaks_the_forms(client, text, sent):
    StudyForm({"name": "x", "demographics": text}).is_valid()
    study = make_study(demographics=ASKED, n_questions=0, n_gold=0, is_open=False, collection=make_collection(0))
    study.state = "open"
    study.save()
    alice = enter(study, is_ready=False)
    links.record_consent(alice)
    assert client.post(at("about", alice), sent).status_code in (302, 400)
