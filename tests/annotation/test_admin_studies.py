"""Rita makes, watches and steers a study in the admin; nobody else does."""

import gzip

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils.html import escape

from annotation.models import Participation, Slot, Study
from annotation.services import studies
from tests.annotation.making import enter, make_collection, make_study, work
from triplets.models import Errand, Question, Release
from triplets.services.errands import do_errand

pytestmark = pytest.mark.django_db


def page(study):
    return reverse("admin:annotation_study_change", args=[study.pk])


def do(client, study, action, data=None):
    return client.post(reverse("admin:annotation_study_do", args=[study.pk, action]), data or {}, follow=True)


def said(response):
    return " ".join(str(message) for message in response.context["messages"])


def told_by_work(client, study, action, data=None):
    """Press a button, let a worker do what it begins, and return what the study's page then tells of it."""
    shown = do(client, study, action, data)
    newest = Errand.objects.first()
    assert f'data-errand="{reverse("admin:triplets_errand_progress", args=[newest.pk])}"' in shown.content.decode()
    do_errand(newest.pk)
    newest.refresh_from_db()
    assert escape(newest.message) in client.get(page(study)).content.decode()
    return newest.message


def filled(client, **changes):
    """The add form as a browser would send it back."""
    form = client.get(reverse("admin:annotation_study_add")).context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: value for name, value in (values | changes).items() if value is not None}


def test_a_study_from_nothing_to_a_release(researcher_client):
    client, collection = researcher_client, make_collection(24)
    made = client.post(
        reverse("admin:annotation_study_add"),
        filled(client, name="smiles", title="Smiles", collection=collection.pk, kind="triplet", batch_size=8,
               responses_per_question=1, includes_pictures="on"),
        follow=True,
    )  # fmt: skip
    study = Study.objects.get()
    assert study.consent_texts.get().text == study.consent_text
    assert made.redirect_chain[-1][0] == page(study)
    assert (study.batch_size, study.state, study.question_set.name) == (8, "draft", "smiles")
    assert study.instructions.startswith("You will see one face at the top")
    assert "Create questions" in made.content.decode()
    assert "cannot be" not in said(do(client, study, "questions", {"same": 3, "different": 0, "seed": 1}))
    assert study.question_set.questions.filter(role="ordinary").count() == 24
    assert "already" in said(do(client, study, "questions", {"same": 3, "different": 0, "seed": 1}))
    assert "people can enter" in said(do(client, study, "open"))
    study.refresh_from_db()
    work(study)
    shown = client.get(page(study)).content.decode()
    assert "/join/" in shown
    assert "Close" in shown
    assert "24 questions are settled" in said(do(client, study, "settle"))
    assert "SHA-256" in told_by_work(client, study, "freeze")
    release = reverse("admin:triplets_release_change", args=[Release.objects.get().pk])
    assert f'href="{release}">Open smiles-v1</a>' in client.get(page(study)).content.decode()
    assert Release.objects.get().n_triplets == 24
    assert "closed" in said(do(client, study, "close"))
    study.refresh_from_db()
    assert study.state == "closed"
    listed = client.get(reverse("admin:annotation_study_changelist")).content.decode()
    assert "smiles" in listed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "rating"}, "at least one attribute"),
        ({"attributes": "happy"}, "rates nothing"),
        ({"name": "taken"}, "already"),
        ({"name": "Müllers Lächeln"}, "Only letters without accents, digits, - and _"),
        ({"scale_low": 9, "scale_high": 1}, "expected upwards"),
        ({"gold_threshold": 2}, "less than or equal"),
        ({"collection": ""}, "required"),
    ],
)
def test_what_cannot_be_made_is_said_at_its_field(researcher_client, changes, words):
    taken = make_study(name="taken", n_questions=0, is_open=False)
    response = researcher_client.post(
        reverse("admin:annotation_study_add"),
        filled(researcher_client, **({"name": "new", "collection": taken.collection_id, "kind": "triplet"} | changes)),
    )
    assert response.status_code == 200
    assert words in response.content.decode()
    assert Study.objects.count() == 1


def test_a_rating_study_reads_its_attributes(researcher_client):
    collection = make_collection()
    researcher_client.post(
        reverse("admin:annotation_study_add"),
        filled(
            researcher_client,
            name="traits",
            collection=collection.pk,
            kind="rating",
            attributes="happy, kind\nwise; brave",
        ),
    )
    study = Study.objects.get()
    assert study.attributes == ["happy", "kind", "wise", "brave"]
    assert "scale below the face" in study.instructions
    told = said(do(researcher_client, study, "questions", {"seed": 0}))
    assert "48 questions" in told
    assert "without gold questions nobody can be found careless" in told
    assert "There are no gold questions, so nobody can be found careless" in researcher_client.get(page(study)).text


def test_settings_change_and_new_words_of_consent_are_a_new_version(researcher_client):
    study = make_study()
    address = reverse("admin:annotation_study_settings", args=[study.pk])
    form = researcher_client.get(address).context["adminform"].form
    assert "batch_size" not in form.fields  # the batches are made
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    values = {name: value for name, value in values.items() if value is not None}
    researcher_client.post(address, values | {"title": "Other title"})
    study.refresh_from_db()
    assert (study.title, study.consent_version) == ("Other title", 1)
    researcher_client.post(address, values | {"consent_text": "Other words."})
    study.refresh_from_db()
    assert (study.consent_text, study.consent_version, study.state) == ("Other words.", 2, "open")
    kept = list(study.consent_texts.values_list("version", "text"))
    assert kept == [(2, "Other words."), (1, values["consent_text"])]  # what people agreed to stays readable
    enter(study, "alice")
    shown = researcher_client.get(page(study)).content.decode()
    assert "Version 2, since" in shown
    assert values["consent_text"].splitlines()[0] in shown
    assert "UTC: 1 person</h3>" in shown
    assert study.slots.count() == 4


def test_an_invitation_is_a_link_of_ones_own(researcher_client, client):
    study = make_study()
    shown = researcher_client.post(reverse("admin:annotation_study_invite", args=[study.pk]))
    invited = shown.context["invited"]
    assert f'value="{invited}"' in shown.content.decode()
    client.get(invited.removeprefix("http://127.0.0.1:8000"))
    assert Participation.objects.get().annotator.external_id.startswith("invited-")


def test_judgements_by_upload(researcher_client):
    study = make_study(n_questions=0, is_open=False)
    csv = "reference,first,second,chosen,worker\ns000,s001,s002,first,w1\ns000,s001,s002,s002,w2\n"

    def imported(content, name="real.csv"):
        return told_by_work(researcher_client, study, "import", {"file": SimpleUploadedFile(name, content)})

    wrong = imported(csv.encode())
    assert "line 2" in wrong
    assert "real.csv" in wrong
    assert "/tmp" not in wrong
    right = csv.replace(",first,w1", ",s001,w1")
    assert "2 responses of 2 annotators" in imported(right.encode())
    assert "imported before" in imported(right.encode())
    assert "imported before" in imported(gzip.compress(right.encode()), "again.csv.gz")
    assert "required" in said(do(researcher_client, study, "import"))
    assert "x.csv" in imported(b"\xff\x00", "x.csv")
    assert Errand.objects.filter(status="finished").count() == 3


def test_refusals_are_sentences(researcher_client):
    study = make_study(n_questions=0, is_open=False)
    assert "no questions yet" in said(do(researcher_client, study, "open"))
    assert "same" in said(do(researcher_client, study, "questions", {"same": "x", "different": 1, "seed": 0}))
    assert "nothing to release" in told_by_work(researcher_client, study, "freeze")
    assert not Release.objects.exists()
    assert do(researcher_client, study, "explode").status_code == 404
    assert researcher_client.get(reverse("admin:annotation_study_change", args=[999])).status_code == 404


def test_setting_data_aside_reopens_slots(researcher_client):
    study = make_study(n_questions=3, responses_per_question=1)
    bob = work(study, "bob")
    listed = reverse("admin:annotation_participation_changelist")
    assert bob.annotator.code in researcher_client.get(listed).content.decode()
    researcher_client.post(listed, {"action": "set_aside", "_selected_action": [bob.pk]})
    bob.refresh_from_db()
    assert bob.exclusion == "researcher"
    assert set(Slot.objects.values_list("state", flat=True)) == {"void", "free"}


def test_one_person_is_set_aside_and_taken_back_for_a_reason(researcher_client, rita):
    study = make_study(n_questions=3, responses_per_question=1)
    bob = work(study, "bob")
    own = reverse("admin:annotation_participation_change", args=[bob.pk])
    confirm = reverse("admin:annotation_participation_standing", args=[bob.pk])
    assert confirm in researcher_client.get(own).text
    asked = researcher_client.get(confirm).text
    assert "Set it aside" in asked and 'name="is_out" value="True"' in asked
    assert "This field is required" in researcher_client.post(confirm, {"is_out": "True", "reason": " "}).text
    bob.refresh_from_db()
    assert bob.exclusion == ""  # looking, or saying no reason, decides nothing

    out = researcher_client.post(
        confirm, {"is_out": "True", "reason": "Answered with <b>closed eyes</b>."}, follow=True
    )
    bob.refresh_from_db()
    assert bob.exclusion == "researcher"
    assert sorted(Slot.objects.values_list("state", flat=True)) == ["free", "void"]  # somebody else gets the place
    assert "The data of 1 person is not used any more" in said(out)
    assert f"{rita}: Data set aside: Answered with &lt;b&gt;closed eyes&lt;/b&gt;." in out.text
    late = researcher_client.post(confirm, {"is_out": "True", "reason": "A second window."}, follow=True)
    assert "decided in the meantime" in said(late)

    assert "Let it count again" in researcher_client.get(confirm).text
    back = researcher_client.post(confirm, {"is_out": "False", "reason": "It was a mistake."}, follow=True)
    bob.refresh_from_db()
    assert bob.exclusion == "" and bob.readmitted_at is not None
    assert "Data counts again: It was a mistake." in back.text and "second window" not in back.text


def test_who_may_only_look_decides_about_nobody(client, django_user_model):
    bob = work(make_study(n_questions=3), "bob")
    reader = django_user_model.objects.create_user("reader", password="r", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_participation"))
    client.force_login(reader)
    confirm = reverse("admin:annotation_participation_standing", args=[bob.pk])
    assert confirm not in client.get(reverse("admin:annotation_participation_change", args=[bob.pk])).text
    assert client.get(confirm).status_code == 403
    assert client.post(confirm, {"is_out": "True", "reason": "x"}).status_code == 403
    bob.refresh_from_db()
    assert not bob.is_excluded


def test_counts_are_called_by_what_they_count(researcher_client):
    person = enter(make_study(name="smiles"))
    listed = researcher_client.get(reverse("admin:annotation_participation_changelist")).text
    shown = researcher_client.get(reverse("admin:annotation_participation_change", args=[person.pk])).text
    assert f"{person.annotator.code} in smiles" in shown
    for html in (listed, shown):
        assert "responses" in html.lower()
        assert "n responses" not in html.lower()


@pytest.mark.parametrize("table", ["annotator", "assignment", "participation", "consensus", "replacementdecision"])
def test_what_happened_is_looked_at_only(researcher_client, table):
    study = make_study(n_questions=3, responses_per_question=1, min_gold=3)
    work(study, "alice", is_gold_right=False)
    work(study, "bob")
    do(researcher_client, study, "settle")
    listed = researcher_client.get(reverse(f"admin:annotation_{table}_changelist"))
    assert listed.status_code == 200
    assert "alice" not in listed.content.decode()  # the recruiter's identity of a person is nobody's business here
    assert researcher_client.get(reverse(f"admin:annotation_{table}_add")).status_code == 403


def test_strangers_and_readers_change_nothing(client, django_user_model):
    study = make_study()
    addresses = [
        reverse("admin:annotation_study_do", args=[study.pk, "close"]),
        reverse("admin:annotation_study_invite", args=[study.pk]),
        reverse("admin:annotation_study_settings", args=[study.pk]),
    ]
    for address in (*addresses, page(study)):
        assert client.post(address).status_code == 302
        assert "login" in client.post(address)["Location"]
    reader = django_user_model.objects.create_user("reader", password="a long pass phrase", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_study"))
    client.force_login(reader)
    assert client.get(page(study)).status_code == 200
    assert "Next steps" not in client.get(page(study)).content.decode()
    for address in addresses:
        assert client.post(address).status_code == 403
    study.refresh_from_db()
    assert study.state == "open"


def test_buttons_are_posts(researcher_client):
    study = make_study()
    assert researcher_client.get(reverse("admin:annotation_study_do", args=[study.pk, "close"])).status_code == 405
    assert researcher_client.get(reverse("admin:annotation_study_invite", args=[study.pk])).status_code == 405


def test_the_page_of_a_study_in_every_state(researcher_client):
    for kind in ("triplet", "rating"):
        study = make_study(kind=kind, n_questions=3, responses_per_question=1, is_open=False)
        assert researcher_client.get(page(study)).status_code == 200
        studies.open_study(study)
        enter(study, "carol")
        work(study, "alice")
        do(researcher_client, study, "settle")
        html = researcher_client.get(page(study)).content.decode()
        assert "style=" not in html.split("<main")[-1]
        assert "3</span> <small>of 3" in html
    assert Question.objects.exists()
