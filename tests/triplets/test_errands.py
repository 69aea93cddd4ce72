"""Work that a researcher begins and a worker does: how far it is, what came of it, and what a lost worker leaves."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from annotation.models import ImportedFile, Response
from annotation.services import errands as annotation_errands
from annotation.services.releases import freeze_release
from tests.annotation.making import make_study, work
from tests.triplets.pictures import encoded, gradient
from triplets import tasks
from triplets.models import Collection, Errand, Release, Stimulus
from triplets.selectors import release_splits
from triplets.services import errands

pytestmark = pytest.mark.django_db
CSV = "reference,first,second,chosen,worker\ns000,s001,s002,s001,w1\ns000,s001,s002,s002,w2\n"


@pytest.fixture(autouse=True)
def files_folder(settings, tmp_path):
    settings.VAR_DIR, settings.MEDIA_ROOT = tmp_path, tmp_path / "files"


@pytest.fixture
def sent(monkeypatch):
    found = []

    def send(arguments, queue):
        assert queue == "default"
        found.append(*arguments)

    monkeypatch.setattr(tasks.do_errand, "apply_async", send)
    monkeypatch.setattr(tasks.do_errand, "apply_async_on_commit", send)
    return found


def judgements(study, csv=CSV, name="real.csv"):
    upload = ContentFile(csv.encode(), name)
    return errands.create_errand("responses", {"file": upload}, question_set=study.question_set, wanted={"file": name})


def kept():
    return default_storage.listdir("errands")[1] if default_storage.exists("errands") else []


def test_judgements_are_imported_and_the_upload_is_gone():
    errand = judgements(make_study(n_questions=0, is_open=False))
    assert len(kept()) == 1
    assert errands.do_errand(errand.pk) == "finished"
    errand.refresh_from_db()
    assert (errand.status, errand.is_over, errand.files, kept()) == ("finished", True, {}, [])
    assert errand.message == "2 responses of 2 annotators to 1 question; 0 annotators are excluded by the filter."
    assert ImportedFile.objects.get().name == "real.csv"
    assert errands.do_errand(errand.pk) is None  # a task that comes twice


def test_a_refusal_names_every_line_and_the_file_as_it_was_called():
    errand = judgements(make_study(n_questions=0, is_open=False), CSV + "s000,s001,s002,first,w3\n" * 300)
    assert errands.do_errand(errand.pk) == "failed"
    errand.refresh_from_db()
    lines = errand.message.splitlines()
    assert lines[0].startswith("nothing was imported from real.csv") or "real.csv" in lines[0]
    assert lines[1].startswith("line 4: ")
    assert lines[-1] == "and 200 more"
    assert "/" not in lines[0]
    assert not Response.objects.exists()
    assert kept() == []


def test_a_release_is_frozen_once_however_often_it_is_asked_for():
    study = make_study(n_questions=3, responses_per_question=1)
    work(study)
    first = errands.create_errand("release", question_set=study.question_set)
    assert errands.create_errand("release", question_set=study.question_set) == first
    assert errands.do_errand(first.pk) == "finished"
    first.refresh_from_db()
    assert first.release == Release.objects.get()
    assert first.message.startswith(f"{study.name}-v1: 3 triplets, 0 ratings, ")
    assert first.message.endswith("Of the triplets 3 for training, 0 for validation, 0 for testing.")
    study.question_set.questions.filter(role="ordinary").update(split="none")
    assert release_splits(freeze_release(study)) == (
        "Of the triplets 0 for training, 0 for validation, 0 for testing, 3 for none of these, because they show "
        "people of different splits."
    )
    study.question_set.questions.filter(role="ordinary").update(split="train")
    again = errands.create_errand("release", question_set=study.question_set)
    assert again != first
    errands.do_errand(again.pk)
    again.refresh_from_db()
    assert again.release == first.release


def test_what_cannot_be_released_says_why():
    study = make_study(n_questions=3)
    errand = errands.create_errand("release", question_set=study.question_set)
    assert errands.do_errand(errand.pk) == "failed"
    errand.refresh_from_db()
    assert "has no responses: there is nothing to release" in errand.message


def test_whatever_breaks_ends_as_a_message(monkeypatch):
    monkeypatch.setattr(annotation_errands, "freeze_release", lambda *args, **kwargs: 1 / 0)
    errand = errands.create_errand("release", question_set=make_study().question_set)
    assert errands.do_errand(errand.pk) == "failed"
    errand.refresh_from_db()
    assert errand.message == "ZeroDivisionError: division by zero"


def test_a_worker_that_is_told_to_end_leaves_the_errand_for_the_next(monkeypatch, sent):
    def interrupted(*args, **kwargs):
        raise SystemExit

    errand = judgements(make_study(n_questions=0, is_open=False))
    with monkeypatch.context() as patch:
        patch.setattr(annotation_errands, "import_responses", interrupted)
        with pytest.raises(SystemExit):
            errands.do_errand(errand.pk)
    errand.refresh_from_db()
    assert (errand.status, len(kept())) == ("queued", 1)
    tasks.sweep_errands()
    assert sent == [errand.pk]
    assert errands.do_errand(errand.pk) == "finished"
    assert Response.objects.count() == 2


def test_a_lost_workers_errand_is_sent_again_and_not_for_ever(sent):
    errand = judgements(make_study(n_questions=0, is_open=False))
    for loss in range(1, 4):
        Errand.objects.update(status="running", lease_token="dead", heartbeat_at=timezone.now() - timedelta(hours=1))
        tasks.sweep_errands()
        tasks.sweep_errands()
        assert len(sent) == min(loss, 2)
    errand.refresh_from_db()
    assert errand.status == "failed"
    assert "3 workers in a row were lost" in errand.message
    tasks.sweep_errands()
    errand.refresh_from_db()
    assert (errand.files, kept()) == ({}, [])


@pytest.mark.parametrize("kind", ["responses", "stimuli"])
def test_who_has_lost_the_errand_takes_everything_back(kind, monkeypatch):
    """Another worker took it while this one was silent: the outcome is written within the work's own transaction."""
    study = make_study(n_questions=0, is_open=False)
    errand = judgements(study) if kind == "responses" else faces()
    n = Stimulus.objects.count()
    real = errands.leases.Lease.close
    monkeypatch.setattr(
        errands.leases.Lease, "close",
        lambda lease, **fields: Errand.objects.update(lease_token="another") and real(lease, **fields),
    )  # fmt: skip
    assert errands.do_errand(errand.pk) is None
    errand.refresh_from_db()
    assert errand.status == "running"
    assert not Response.objects.exists()
    assert Stimulus.objects.count() == n
    assert len(errand.files) == len(kept()) >= 1  # for the other one


def test_a_loss_that_the_heartbeat_notices_ends_the_work(monkeypatch):
    errand = judgements(make_study(n_questions=0, is_open=False))

    def slow(study, file, progress, on_stored):
        Errand.objects.update(lease_token="another")
        for n in range(1000):
            progress("checking", n, 1000)
            heart._ended.wait(0.01)

    heart = None
    real = errands.Heartbeat.__enter__

    def enter(self):
        nonlocal heart
        heart = self
        self._write = lambda told: errands.Order.LOST
        return real(self)

    monkeypatch.setattr(errands.Heartbeat, "__enter__", enter)
    monkeypatch.setattr(annotation_errands, "import_responses", slow)
    assert errands.do_errand(errand.pk) is None
    assert Errand.objects.get().lease_token == "another"


# Faces --------------------------------------------------------------------------------------------


def zipped(*names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(name, encoded(gradient(seed), "PNG"))
    return out.getvalue()


def faces(csv="file,subject\nsub/a.png,1\nb.png,2\n", names=("sub/a.png", "b.png"), **wanted):
    uploads = {"manifest": ContentFile(csv.encode(), "m"), "pictures": ContentFile(zipped(*names), "z")}
    return errands.create_errand("stimuli", uploads, wanted={"collection": "faces"} | wanted)


def test_faces_are_unpacked_written_anew_and_imported():
    errand = faces(title="Faces", licence="CC BY 4.0")
    assert errands.do_errand(errand.pk) == "finished"
    errand.refresh_from_db()
    collection = Collection.objects.get()
    assert errand.collection == collection
    assert (collection.title, collection.licence, collection.n_stimuli) == ("Faces", "CC BY 4.0", 2)
    assert errand.message == "2 stimuli of 2 subjects, 0 with landmarks; 2 of them are new."
    assert Stimulus.objects.get(key="b.png").picture.read().startswith(b"\xff\xd8")
    assert kept() == []


@pytest.mark.parametrize(
    ("named", "packed"),
    [("a.png", "a.png"), ("in/a.png", "in/a.png"), ("a.png", "faces/a.png"), ("in/a.png", "faces/in/a.png"),
     ("in/a.png", "a.png"), ("very/deep/in/a.png", "in/a.png")],
)  # fmt: skip
def test_a_folder_may_be_packed_or_not(named, packed):
    errand = faces(f"file,subject\n{named},1\n", names=(packed, "__MACOSX/._a.png"))
    assert errands.do_errand(errand.pk) == "finished", Errand.objects.get().message
    assert Stimulus.objects.get().key == named


def test_a_folder_that_holds_other_names_says_which():
    errands.do_errand(faces("file,subject\na,1\n", names=("faces/a.png", "__MACOSX/._a.png")).pk)
    assert "file 'a' there is no such file in the zip, but there is 'a.png'" in Errand.objects.get().message


def test_what_excel_and_a_mac_made_is_imported():
    errand = faces("\ufeffFile;Subject;Degree\r\nM\u00fcller.png;1;0,5\r\n", names=("faces/Mu\u0308ller.png",))
    assert errands.do_errand(errand.pk) == "finished", Errand.objects.get().message
    assert Stimulus.objects.get().degree == 0.5


@pytest.mark.parametrize("named", ["../a.png", "/etc/passwd", "in/../../a.png", "\\a.png", ""])
def test_names_that_lead_elsewhere_are_not_helped(named):
    assert errands.do_errand(faces(f"file,subject\n{named},1\n", names=("a.png",)).pk) == "failed"
    assert not Stimulus.objects.exists()


def test_a_hundred_problems_are_told_and_how_many_more():
    rows = "".join(f"c{n}.png,1\n" for n in range(150))
    errands.do_errand(faces(f"file,subject\n{rows}").pk)
    told = Errand.objects.get().message.splitlines()
    assert told[0] == "nothing was imported because 150 problems were found in the manifest:"
    assert (len(told), told[-1]) == (102, "and 50 more")


@pytest.mark.parametrize(
    ("errand", "reason"),
    [
        (lambda: faces(names=("../a.png",)), "which leads outside"),
        (lambda: faces("file,subject\nc.png,1\n"), "there is no such file in the zip"),
        (lambda: faces("who\n1\n"), "the manifest"),
    ],
)
def test_what_is_wrong_with_an_upload_is_said_in_its_own_words(errand, reason, settings):
    errand = errand()
    assert errands.do_errand(errand.pk) == "failed"
    errand.refresh_from_db()
    assert reason in errand.message
    assert str(settings.VAR_DIR) not in errand.message
    assert not Collection.objects.exists()
    assert not list(settings.VAR_DIR.glob("errand-*"))


def test_a_zip_that_grows_is_stopped(settings):
    settings.IMPORT_MAX_UNPACKED_BYTES = 100
    errand = faces()
    assert errands.do_errand(errand.pk) == "failed"
    assert "more than 100 bytes" in Errand.objects.get().message


# At the admin -------------------------------------------------------------------------------------


def test_rita_imports_faces_by_a_form(researcher_client, sent, rita):
    address = reverse("admin:triplets_collection_add")
    assert "Import faces" in researcher_client.get(address).content.decode()
    filled = {
        "collection": "faces", "licence": "CC0", "manifest": SimpleUploadedFile("m.csv", b"file\na.png\n"),
        "pictures": SimpleUploadedFile("z.zip", zipped("a.png")),
    }  # fmt: skip
    page = researcher_client.post(address, filled, follow=True)
    errand = Errand.objects.get()
    assert (sent, errand.created_by) == ([errand.pk], rita)
    assert page.redirect_chain[-1][0] == reverse("admin:triplets_errand_change", args=[errand.pk])
    progress = reverse("admin:triplets_errand_progress", args=[errand.pk])
    assert f'data-errand="{progress}"' in page.content.decode()
    assert researcher_client.get(progress).json()["status"] == "queued"
    errands.do_errand(errand.pk)
    told = researcher_client.get(progress).json()
    collection = reverse("admin:triplets_collection_change", args=[Collection.objects.get().pk])
    assert (told["is_over"], told["link"]["url"]) == (True, collection)
    assert "1 of them is new" in told["message"]
    shown = researcher_client.get(reverse("admin:triplets_errand_change", args=[errand.pk])).content.decode()
    assert "1 of them is new" in shown
    assert "data-errand" not in shown  # it is over
    more = researcher_client.get(address, {"into": "faces"}).content.decode()
    assert 'value="faces"' in more


def test_a_failed_import_leads_back_to_its_form(researcher_client, rita):
    errand = faces("file\nc.png\n", title="Faces", licence="CC0")
    errands.do_errand(errand.pk)
    shown = researcher_client.get(reverse("admin:triplets_errand_change", args=[errand.pk])).content.decode()
    again = reverse("admin:triplets_collection_add") + f"?again={errand.pk}"
    assert f'href="{again}">Correct the files and import again</a>' in shown
    form = researcher_client.get(again).content.decode()
    for value in ("faces", "Faces", "CC0"):
        assert f'value="{value}"' in form
    for nothing in ("x", "9" * 30):
        assert researcher_client.get(again.replace(f"={errand.pk}", f"={nothing}")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"collection": "Müllers Gesichter"}, "Only letters without accents, digits, - and _"),
        ({"manifest": ""}, "required"),
        ({"licence": "other"}, "already: expected the same"),
        ({"scheme": "martian"}, "valid choice"),
    ],
)
def test_what_cannot_be_imported_is_said_at_its_field(researcher_client, sent, changes, words):
    Collection.objects.create(name="faces", licence="CC0")
    filled = {"collection": "faces", "manifest": SimpleUploadedFile("m.csv", b"file\na.png\n")} | changes
    page = researcher_client.post(reverse("admin:triplets_collection_add"), filled)
    assert words in page.content.decode()
    assert (sent, Errand.objects.count()) == ([], 0)


def test_an_upload_that_is_too_large_is_refused(researcher_client, settings, sent):
    settings.UPLOAD_MAX_BYTES = 2000
    settings.BODY_MAX_BYTES = 1000
    filled = {"collection": "faces", "manifest": SimpleUploadedFile("m.csv", b"x" * 3000)}
    assert researcher_client.post(reverse("admin:triplets_collection_add"), filled).status_code == 413


def test_carol_sees_and_begins_nothing(client, django_user_model):
    errand = faces()
    carol = django_user_model.objects.create_user("carol", is_staff=True)
    client.force_login(carol)
    for name, arguments in (("errand_progress", [errand.pk]), ("errand_change", [errand.pk]), ("collection_add", [])):
        assert client.get(reverse(f"admin:triplets_{name}", args=arguments)).status_code in (302, 403, 404)
    assert client.post(reverse("admin:triplets_collection_add"), {"collection": "x"}).status_code == 403


def test_a_message_is_text(researcher_client):
    errand = faces()
    Errand.objects.update(status="failed", message="<img src=x onerror=alert(1)>", wanted={"<b>": "<i>"})
    page = researcher_client.get(reverse("admin:triplets_errand_change", args=[errand.pk])).content.decode()
    assert "<img src=x" not in page
    assert "<b>:" not in page
    told = researcher_client.get(reverse("admin:triplets_errand_progress", args=[errand.pk]))
    assert json.loads(told.content)["message"].startswith("<img")
    assert told["Content-Type"] == "application/json"
