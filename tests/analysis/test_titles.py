"""What a researcher calls a report, from the form, the command and the draft to the page and its files."""

import html
import io
import json
import zipfile

import pytest
from django.core.management import CommandError, call_command

from analysis import titles
from analysis.models import Evaluation, Report, StudyReport
from analysis.services import evaluations, reports
from tests.analysis.made import make_checkpoint, make_report, measured
from tests.analysis.studies import made_up

TITLE, NOTE = "笑顔 <script>alert(1)</script> & frowns", "Second try; the “first” had no neutral faces."
pytestmark = pytest.mark.django_db


@pytest.fixture
def files(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return settings.MEDIA_ROOT / "reports"


def shown(client, address):
    return html.unescape(client.get(address).content.decode())


@pytest.mark.parametrize(
    ("title", "note", "says"),
    [
        ("x" * 201, "", "the title has 201 characters"),
        ("x", "y" * 601, "the note has 601 characters"),
        ("safe\u202efdp", "", r"the title holds the character U\+202E"),
        ("x", "a\x00b", r"the note holds the character U\+0000"),
    ],
)
def test_what_cannot_stand_on_a_page_is_refused(title, note, says):
    with pytest.raises(titles.TitleInvalid, match=says):
        titles.checked(title, note)


def test_a_report_is_named_with_its_evaluation_and_the_name_is_on_everything(
    client, researcher_client, files, tmp_path
):
    checkpoint = make_checkpoint(tmp_path)
    asked = {"checkpoint": checkpoint.pk, "release": checkpoint.run.release_id, "title": TITLE, "note": f" {NOTE} "}
    refused = researcher_client.post("/admin/analysis/evaluation/add/", asked | {"title": "a\u202eb"})
    assert "U+202E" in refused.content.decode() and not Evaluation.objects.exists()
    assert researcher_client.post("/admin/analysis/evaluation/add/", asked).status_code == 302
    results = measured(checkpoint)
    assert evaluations.evaluate_checkpoint(Evaluation.objects.get().pk, measure=lambda *a, **k: results) == "finished"
    report = reports.publish_report(Report.objects.get())
    client.logout()
    assert (report.title, report.note) == (TITLE, NOTE)
    page = f"/reports/{report.address}/"
    for address in (page, "/"):
        assert "<script>alert" not in client.get(address).content.decode()
        assert TITLE in shown(client, address) and NOTE in shown(client, address)
    (listed,) = client.get("/api/reports/").json()["results"]
    assert (listed["title"], listed["note"]) == (TITLE, NOTE)
    assert client.get(f"{page}results.json").json()["title"] == TITLE
    with zipfile.ZipFile(io.BytesIO(client.get(f"{page}files.zip").content)) as packed:
        assert json.loads(packed.read("results.json"))["note"] == NOTE
        assert b"<script>alert" not in packed.read("report.html") + packed.read("model-card.md")


def test_a_draft_is_named_anew_and_what_is_published_stays(
    researcher_client, files, tmp_path, django_capture_on_commit_callbacks
):
    report = make_report(make_checkpoint(tmp_path))
    address, old = f"/admin/analysis/report/{report.pk}/change/", report.file.name
    assert 'name="title"' in researcher_client.get(address).content.decode()
    empty = researcher_client.post(address, {"title": " ", "note": ""}).content.decode()
    assert "This field is required" in empty
    with django_capture_on_commit_callbacks(execute=True):
        assert researcher_client.post(address, {"title": TITLE, "note": NOTE}).status_code == 302
    named = Report.objects.get()
    assert (named.title, named.note) == (TITLE, NOTE) and named.sha256 != report.sha256
    assert [file.name for file in files.iterdir()] == [named.file.name.rpartition("/")[2]] and named.file.name != old
    assert TITLE in html.unescape(named.file.read().decode())
    assert TITLE in shown(researcher_client, f"/reports/{named.address}/")
    reports.publish_report(named)
    assert 'name="title"' not in researcher_client.get(address).content.decode()
    researcher_client.post(address, {"title": "Other", "note": ""})
    assert Report.objects.get().title == TITLE
    with pytest.raises(reports.ReportPublished, match="withdraw it first"):
        reports.name_report(named, "Other")


def test_a_studys_report_is_named_by_the_command_and_as_a_draft(researcher_client, files, tmp_path):
    made_up("lrp-attributes", tmp_path / "study")
    folder = str(tmp_path / "study")
    with pytest.raises(CommandError, match="the note has 700 characters"):
        call_command("report_study", folder, note="y" * 700)
    call_command("report_study", folder, "--title", TITLE, "--note", NOTE, stdout=io.StringIO())
    report = StudyReport.objects.get()
    assert (report.title, report.note) == (TITLE, NOTE)
    assert TITLE in shown(researcher_client, f"/studies/{report.address}/")
    assert researcher_client.get(f"/studies/{report.address}/results.json").json()["note"] == NOTE
    address = f"/admin/analysis/studyreport/{report.pk}/change/"
    assert researcher_client.post(address, {"title": "Renamed", "note": ""}).status_code == 302
    named = StudyReport.objects.get()
    with zipfile.ZipFile(named.archive) as packed:
        assert json.loads(packed.read("study.json"))["title"] == "Renamed"
        assert b">Renamed</h1>" in packed.read("study.html") and len(packed.namelist()) > 5
        assert packed.read("study.html") == named.file.read()
