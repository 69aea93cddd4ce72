"""Reports on studies, on the site: drafts for researchers, pages for everybody once published, versions kept."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from analysis.models import StudyReport
from analysis.services.reports import publish_report, unpublish_report
from tests.analysis.studies import made_up

pytestmark = pytest.mark.django_db
PATHS = ("/studies/{}/", "/studies/{}/file", "/studies/{}/results.json")


@pytest.fixture
def report(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return made(tmp_path)


def made(tmp_path) -> StudyReport:
    made_up("lrp-attributes", tmp_path / "study")
    call_command("report_study", str(tmp_path / "study"), "--json", stdout=(out := io.StringIO()))
    return StudyReport.objects.get(pk=json.loads(out.getvalue())["report"])


@pytest.mark.parametrize("path", PATHS)
def test_a_draft_is_for_researchers_and_what_is_published_for_everybody(client, report, rita, path):
    address = path.format(report.address)
    assert client.get(address).status_code == 404
    client.force_login(rita)
    response = client.get(address)
    assert response.status_code == 200 and "no-store" in response["Cache-Control"]
    client.logout()
    publish_report(report, rita)
    response = client.get(address)
    assert response.status_code == 200 and "public" in response["Cache-Control"]
    assert client.post(address).status_code == 405
    unpublish_report(report)
    assert client.get(address).status_code == 404


def test_the_page_keeps_to_the_sites_policy_and_the_front_page_lists_it(client, report):
    publish_report(report)
    page = client.get(f"/studies/{report.address}/").content.decode()
    assert "<style" not in page and " style=" not in page and "Mean absolute error (table 1)" in page
    assert f"/studies/{report.address}/" in client.get("/").content.decode()


def test_a_second_report_is_the_next_version_and_the_first_says_so(client, report, tmp_path):
    publish_report(report)
    before = report.file.read()
    second = made(tmp_path)
    assert (report.version, second.version) == (1, 2)
    assert "is newer" not in client.get(f"/studies/{report.address}/").content.decode()
    publish_report(second)
    assert "Version 2 is newer." in client.get(f"/studies/{report.address}/").content.decode()
    assert "is newer" not in client.get(f"/studies/{second.address}/").content.decode()
    report.refresh_from_db()
    assert report.file.read() == before


def test_a_researcher_publishes_from_the_list(researcher_client, report):
    for action, expected in (("publish", True), ("unpublish", False)):
        data = {"action": action, "_selected_action": [report.pk]}
        assert researcher_client.post("/admin/analysis/studyreport/", data).status_code == 302
        assert StudyReport.objects.get().is_published is expected
    assert researcher_client.get(f"/admin/analysis/studyreport/{report.pk}/delete/").status_code == 403


def test_a_folder_without_a_study_is_one_sentence(tmp_path):
    with pytest.raises(CommandError, match=r"study.json cannot be read"):
        call_command("report_study", str(tmp_path))
