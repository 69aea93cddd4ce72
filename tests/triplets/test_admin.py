"""The admin pages of collections, questions and releases: what Rita sees and does, and what Carol does not."""

import io
import re

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from tests.triplets.pictures import make_folder
from triplets.models import Collection, Question, QuestionSet, Release, ReleaseToken, Stimulus, Subject
from triplets.services.questions import create_question_set, create_rating_questions
from triplets.services.stimuli import import_stimuli
from triplets.services.tokens import valid_token

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files_folder(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def collection(tmp_path):
    import_stimuli("faces", make_folder(tmp_path / "in"), title="<b>Faces</b>", licence="CC0")
    return Collection.objects.get()


@pytest.fixture
def question_set(collection):
    return create_question_set(collection, "smiles")


@pytest.fixture
def release(question_set):
    manifest = {
        "counts": {"triplets": 3},
        "settings": {"gold_threshold": 0.75, "consensus": {"triplets": "majority"}},
        "files": {
            "triplets.csv": {"sha256": "1" * 64, "n_bytes": 2048},
            "images/a.jpg": {"sha256": "2" * 64, "n_bytes": 1},
        },
    }
    release = Release(
        collection=question_set.collection, question_set=question_set, name="smiles-v1", version=1, sha256="f" * 64,
        manifest=manifest,
    )  # fmt: skip
    release.archive.save("smiles-v1.zip", ContentFile(b"zip"))
    return release


def change_url(row):
    return reverse(f"admin:triplets_{row._meta.model_name}_change", args=[row.pk])


def page(client, url):
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


class TestWhoMayLook:
    ADDRESSES = ("collection", "subject", "stimulus", "questionset", "question", "release", "releasetoken")

    @pytest.mark.parametrize("model", ADDRESSES)
    def test_strangers_are_sent_to_the_login_and_staff_without_rights_away(
        self, client, django_user_model, model, release
    ):
        list_url = reverse(f"admin:triplets_{model}_changelist")
        assert client.get(list_url).status_code == 302
        client.force_login(django_user_model.objects.create_user("carol", is_staff=True))
        assert client.get(list_url).status_code == 403

    def test_pages_of_single_rows_ask_for_the_same_right(self, client, django_user_model, release):
        client.force_login(django_user_model.objects.create_user("carol", is_staff=True))
        for row in (release, release.question_set, release.collection, Stimulus.objects.first()):
            assert client.get(change_url(row)).status_code == 403
        assert client.post(change_url(release.question_set), {"n": 5, "role": "gold", "seed": 0}).status_code == 403
        assert not Question.objects.exists()

    @pytest.mark.parametrize("model", ADDRESSES)
    def test_researchers_see_every_table(self, researcher_client, model, release, question_set):
        create_rating_questions(question_set, ["happy"])
        assert page(researcher_client, reverse(f"admin:triplets_{model}_changelist"))

    def test_what_was_recorded_is_neither_made_changed_nor_deleted(self, researcher_client, release):
        for row in (release, release.question_set, Stimulus.objects.first(), Subject.objects.first()):
            name = f"admin:triplets_{row._meta.model_name}"
            assert researcher_client.get(reverse(f"{name}_add")).status_code == 403
            assert researcher_client.get(reverse(f"{name}_delete", args=[row.pk])).status_code == 403
        stimulus = Stimulus.objects.first()
        assert researcher_client.post(change_url(stimulus), {"class_label": "x"}).status_code == 403
        stimulus.refresh_from_db()
        assert stimulus.class_label != "x"

    def test_no_page_needs_inline_script_or_style(self, researcher_client, release):
        for row in (release, release.question_set, release.collection, Stimulus.objects.first()):
            html = page(researcher_client, change_url(row))
            assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))|<style| style=| on\w+=", html), row


class TestCollection:
    def test_it_shows_faces_counts_and_licence_and_escapes_what_was_imported(self, researcher_client, collection):
        html = page(researcher_client, change_url(collection))
        assert "&lt;b&gt;Faces&lt;/b&gt;" in html
        assert "<b>Faces</b>" not in html
        assert "CC0" in html
        assert html.count('<img src="/pictures/') == 18
        assert re.search(r'<th scope="row">happy</th>(<td class="num">\d+</td>)+', html)
        assert ">18</td>" in html

    def test_the_sheet_can_be_narrowed(self, researcher_client, collection):
        html = page(researcher_client, change_url(collection) + "?class=happy")
        assert html.count('<img src="/pictures/') == 6
        n_test = Stimulus.objects.filter(subject__split="test", class_label="sad").count()
        html = page(researcher_client, change_url(collection) + "?class=sad&split=test")
        assert html.count('<img src="/pictures/') == n_test
        assert "No picture of this kind" in page(researcher_client, change_url(collection) + "?class=%3Cscript%3E")
        assert page(researcher_client, change_url(collection) + "?page=none")

    def test_an_unused_one_can_be_deleted_with_its_pictures(
        self, researcher_client, collection, settings, django_capture_on_commit_callbacks
    ):
        url = reverse("admin:triplets_collection_delete", args=[collection.pk])
        assert "18 stimuli with their pictures" in page(researcher_client, url)
        with django_capture_on_commit_callbacks(execute=True):
            assert researcher_client.post(url, {"post": "yes"}).status_code == 302
        assert not Collection.objects.exists()
        assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]

    def test_one_that_was_asked_about_stays(self, researcher_client, question_set):
        url = reverse("admin:triplets_collection_delete", args=[question_set.collection_id])
        assert researcher_client.post(url, {"post": "yes"}).status_code == 403
        assert Stimulus.objects.count() == 18


class TestGold:
    def csv(self, text):
        file = io.BytesIO(text.encode())
        file.name = "gold.csv"
        return {"file": file, "role": "gold", "add_file": ""}

    def test_a_csv_of_gold(self, researcher_client, question_set):
        rows = "reference,first,second,chosen\n000_sad.png,001_sad.png,002_happy.png,001_sad.png\n"
        response = researcher_client.post(change_url(question_set), self.csv(rows), follow=True)
        assert "1 gold question was added" in response.content.decode()
        assert "is-expected" in response.content.decode()
        assert Question.objects.get().expected_choice == "first"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("reference,first\n1,2\n", "the columns are reference, first: expected reference, first, second, chosen"),
            ("reference,first,second,chosen\na,b,c,b\n", "there is no stimulus &#x27;a&#x27; with a picture"),
            ("reference,first,second,chosen\n000_sad.png,,,\n", "line 2: a cell is empty"),
        ],
    )
    def test_a_csv_that_is_none(self, researcher_client, question_set, text, message):
        response = researcher_client.post(change_url(question_set), self.csv(text))
        assert response.status_code == 200
        assert message in response.content.decode()
        assert not Question.objects.exists()

    def test_a_proposal(self, researcher_client, question_set):
        wanted = {"n": 5, "role": "practice", "seed": 1, "propose": ""}
        response = researcher_client.post(change_url(question_set), wanted, follow=True)
        assert "5 practice questions were added" in response.content.decode()
        assert Question.objects.filter(role="practice").count() == 5

    def test_a_proposal_for_ratings_knows_the_scale(self, researcher_client, question_set):
        create_rating_questions(question_set, ["happy"])
        Stimulus.objects.filter(key="000_happy.png").update(attributes={"happy": 95})
        assert 'name="low"' in page(researcher_client, change_url(question_set))
        wanted = {"n": 1, "role": "gold", "seed": 1, "low": 0, "high": 100, "propose": ""}
        researcher_client.post(change_url(question_set), wanted)
        assert Question.objects.get(role="gold").expected_rating == 95
        response = researcher_client.post(change_url(question_set), wanted | {"low": 9})
        assert response.status_code == 302
        response = researcher_client.post(change_url(question_set), wanted | {"low": 100})
        assert "expected upwards" in response.content.decode()

    def test_nonsense_is_answered_not_crashed(self, researcher_client, question_set):
        for wanted in ({"n": "x", "role": "king", "seed": -1}, {"add_file": ""}, {"file": "text", "add_file": ""}):
            assert researcher_client.post(change_url(question_set), wanted).status_code == 200
        assert not Question.objects.exists()


class TestRelease:
    def test_it_shows_counts_checksum_files_and_ways_to_download(self, researcher_client, release):
        html = page(researcher_client, change_url(release))
        assert "f" * 64 in html
        assert "/api/releases/smiles-v1/archive/" in html
        assert "/api/releases/smiles-v1/files/triplets.csv" in html
        assert "images/ (1 picture)" in html
        assert f"/admin/learning/run/add/?release={release.pk}" in html
        assert "<dt>gold threshold</dt><dd>0.75</dd>" in html and "<dt>consensus, triplets</dt>" in html

    def test_a_token_is_shown_once(self, researcher_client, release):
        add = reverse("admin:triplets_releasetoken_add")
        assert f'value="{release.pk}" selected' in page(researcher_client, f"{add}?release={release.pk}")
        response = researcher_client.post(
            add, {"label": "a paper", "release": release.pk, "expires_at_0": "2099-01-01", "expires_at_1": "12:00"}
        )
        token = re.search(r'<code class="token">(\S+)</code>', response.content.decode())[1]
        assert "no-store" in response["Cache-Control"]
        row = ReleaseToken.objects.get()
        assert valid_token(token) == row
        assert (row.release, row.label) == (release, "a paper")
        for url in (change_url(release), change_url(row), reverse("admin:triplets_releasetoken_changelist")):
            html = page(researcher_client, url)
            assert "a paper" in html
            assert token not in html
            assert row.token_sha256 not in html

    def test_a_revoked_token_opens_nothing(self, researcher_client, client, release):
        add = reverse("admin:triplets_releasetoken_add")
        response = researcher_client.post(add, {"label": "a paper", "release": release.pk})
        token = re.search(r'<code class="token">(\S+)</code>', response.content.decode())[1]
        row = ReleaseToken.objects.get()
        researcher_client.post(reverse("admin:triplets_releasetoken_delete", args=[row.pk]), {"post": "yes"})
        client.logout()
        assert client.get("/api/releases/", HTTP_AUTHORIZATION=f"Token {token}").status_code == 401


def test_landmarks_are_drawn_over_the_picture(researcher_client, tmp_path):
    import numpy as np

    from tests.triplets.pictures import write_landmarks

    manifest = make_folder(tmp_path / "in", n_subjects=1)
    points = {"000_sad.png": np.full((83, 3), 7.0), "000_happy.png": np.full((83, 3), 8.0)}
    import_stimuli("drawn", manifest, landmarks=write_landmarks(tmp_path / "l.npz", points))
    html = page(researcher_client, change_url(Stimulus.objects.get(key="000_sad.png")))
    assert '<polyline points="7,7 7,7' in html
    assert 'viewBox="0 0 24 24"' in html
    assert "polyline" not in page(researcher_client, change_url(Stimulus.objects.get(key="000_neutral.png")))
    assert QuestionSet.objects.count() == 0
