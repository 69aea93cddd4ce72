"""A report read by strangers, researchers and programs, before and after it is published."""

import html
import re

import pytest

from analysis.models import Evaluation, Report
from analysis.services.reports import publish_report, unpublish_report
from tests.analysis.made import make_checkpoint, make_report

pytestmark = pytest.mark.django_db
PATHS = ("/reports/{}/", "/reports/{}/file", "/reports/{}/results.json", "/api/reports/{}/results.json",
         "/reports/{}/files.zip", "/reports/{}/files/satisfied.csv")  # fmt: skip


@pytest.fixture
def report(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_report(make_checkpoint(tmp_path))


def body(response) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.fixture
def carol(client, django_user_model):
    """Somebody with an account and no right."""
    client.force_login(django_user_model.objects.create_user("carol", password="another pass phrase"))
    return client


@pytest.mark.parametrize("path", PATHS)
def test_a_draft_does_not_exist_for_strangers(client, report, path):
    assert client.get(path.format(report.address)).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_a_draft_does_not_exist_for_people_without_right(carol, report, path):
    assert carol.get(path.format(report.address)).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_staff_without_right_see_no_draft(client, report, django_user_model, path):
    client.force_login(django_user_model.objects.create_user("sam", password="x", is_staff=True))
    assert client.get(path.format(report.address)).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_a_researcher_reads_a_draft_which_no_cache_keeps(researcher_client, report, path):
    response = researcher_client.get(path.format(report.address))
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"] and "public" not in response["Cache-Control"]


@pytest.mark.parametrize("path", PATHS)
def test_everybody_reads_what_is_published(client, report, path):
    publish_report(report)
    response = client.get(path.format(report.address))
    assert response.status_code == 200
    assert "public" in response["Cache-Control"] and "max-age=60" in response["Cache-Control"]
    assert "Cookie" not in response.get("Vary", "")
    assert not response.cookies
    assert body(response)


@pytest.mark.parametrize("path", PATHS)
def test_what_is_withdrawn_is_gone(client, report, path):
    publish_report(report)
    unpublish_report(report)
    assert client.get(path.format(report.address)).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_nothing_stands_at_another_address_and_nothing_is_posted(client, report, path):
    assert client.get(path.format("nowhere")).status_code == 404
    publish_report(report)
    assert client.post(path.format(report.address)).status_code == 405
    assert client.head(path.format(report.address)).status_code == 200


def test_the_page_keeps_to_the_sites_policy(client, report):
    publish_report(report)
    response = client.get(f"/reports/{report.address}/")
    page = response.content.decode()
    assert "unsafe" not in response["Content-Security-Policy"]
    for script in re.findall(r"<script\b[^>]*>", page):
        assert "src=" in script or 'type="application/json"' in script
    assert not re.search(r"<style\b|\sstyle=|\son\w+=", page)
    assert f"/reports/{report.address}/file" in page


def test_a_page_that_did_not_change_is_not_sent_again(client, report):
    publish_report(report)
    for path in (PATHS[0], PATHS[2]):
        first = client.get(path.format(report.address))
        again = client.get(path.format(report.address), headers={"If-None-Match": first["ETag"]})
        assert again.status_code == 304


def test_the_page_is_drawn_once(client, report, monkeypatch):
    publish_report(report)
    first = client.get(f"/reports/{report.address}/").content
    monkeypatch.setattr("analysis.pages.render_report", lambda *a, **k: 1 / 0)
    assert client.get(f"/reports/{report.address}/").content == first


def test_the_file_stands_alone_and_is_a_download(client, report):
    publish_report(report)
    response = client.get(f"/reports/{report.address}/file")
    assert f'attachment; filename="report-{report.address}.html"' == response["Content-Disposition"]
    assert not re.search(rb'(src|href)="(https?:)?//', body(response)[:20000])


def test_the_numbers_come_without_pictures(client, report):
    publish_report(report)
    numbers = client.get(f"/api/reports/{report.address}/results.json").json()
    assert "pictures" not in numbers
    assert 0 <= numbers["satisfied"]["test"]["all"]["value"] <= 1


def test_publishing_twice_keeps_the_first_date_and_name(report, rita):
    first = publish_report(report, rita).published_at
    again = publish_report(report)
    assert (again.published_at, again.published_by) == (first, rita)
    assert unpublish_report(unpublish_report(report)).published_at is None


def test_the_front_page_lists_what_is_published_and_nothing_else(client, report):
    page = client.get("/").content.decode()
    assert "No report is published yet" in page and report.title not in page
    publish_report(report)
    response = client.get("/")
    page = response.content.decode()
    assert report.title in page and f"/reports/{report.address}/" in page
    assert report.evaluation.results["headline"] in html.unescape(page)
    for name in ("chance", "raw landmarks", "this representation", "oracle"):
        assert name in page
    assert "public" in response["Cache-Control"]
    assert client.post("/").status_code == 405


def test_the_front_page_reads_no_pictures(client, report, django_assert_max_num_queries):
    publish_report(report)
    with django_assert_max_num_queries(4) as queries:
        client.get("/")
    whole_column = re.compile(r"""(?<!\()"analysis_(evaluation|studyreport)"."results"(,| FROM)""")
    assert not any(whole_column.search(query["sql"]) for query in queries)


def test_programs_list_published_reports(client, report):
    assert client.get("/api/reports/").json()["results"] == []
    publish_report(report)
    (row,) = client.get("/api/reports/").json()["results"]
    assert row["address"] == report.address and row["release"] == "smiles-v1"
    assert row["headline"] == report.evaluation.results["headline"]
    assert client.get(row["results"]).status_code == client.get(row["page"]).status_code == 200
    assert client.post("/api/reports/").status_code == 405


def test_titles_are_text(client, report):
    Report.objects.update(title="<script>alert(1)</script>", is_published=True)
    for path in ("/", f"/reports/{report.address}/"):
        assert "<script>alert" not in client.get(path).content.decode()


# Versions and files ------------------------------------------------------------------------------


def test_a_further_evaluation_makes_the_next_version_and_leaves_the_first_as_it_was(client, report):
    publish_report(report)
    before = body(client.get(f"/reports/{report.address}/file"))
    second = make_report(report.evaluation.checkpoint)
    assert (report.version, second.version) == (1, 2) and second.address != report.address
    page = client.get(f"/reports/{report.address}/").content.decode()
    assert "Version 2 is newer" not in page  # a draft is nobody's business
    publish_report(second)
    page = client.get(f"/reports/{report.address}/").content.decode()
    assert f'<a href="/reports/{second.address}/">Version 2 is newer.</a>' in page
    assert "is newer" not in client.get(f"/reports/{second.address}/").content.decode()
    assert body(client.get(f"/reports/{report.address}/file")) == before
    assert f"http://127.0.0.1:8000/reports/{report.address}/".encode() in before and b"version 1" in before
    unpublish_report(second)
    assert "is newer" not in client.get(f"/reports/{report.address}/").content.decode()


def test_what_an_earlier_version_measured_leads_to_its_file(client, report):
    publish_report(report)
    stored = body(client.get(f"/reports/{report.address}/file"))
    old = {key: report.evaluation.results[key] for key in ("headline", "splits", "satisfied", "baselines", "ceilings")}
    Evaluation.objects.filter(pk=report.evaluation_id).update(results=old | {"format": "semblance-results/1"})
    page = client.get(f"/reports/{report.address}/")
    assert page.status_code == 200
    assert html.escape(old["headline"]) in page.content.decode()
    assert f"/reports/{report.address}/file" in page.content.decode()
    assert body(client.get(f"/reports/{report.address}/file")) == stored
    for name in ("files.zip", "files/satisfied.csv"):
        assert client.get(f"/reports/{report.address}/{name}").status_code == 404
    assert client.get("/").status_code == 200


def test_every_file_that_the_page_lists_is_there(client, report):
    publish_report(report)
    page = client.get(f"/reports/{report.address}/").content.decode()
    addresses = re.findall(rf'href="(/reports/{report.address}/files/[^"]+)"', page)
    assert len(addresses) > 15
    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200 and response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Disposition"].startswith("attachment")
    assert client.get(f"/reports/{report.address}/files/settings.py").status_code == 404
    assert client.get(f"/reports/{report.address}/faces/0.jpg").status_code == 404  # the release holds no pictures


def test_faces_come_from_contact_sheets(client, report, small_release):
    from analysis import sheets

    evaluation = Evaluation.objects.get(pk=report.evaluation_id)
    rows = evaluation.results["projection"]["row"]
    evaluation.results["sheets"] = sheets.contact_sheets(small_release, range(len(rows)))
    evaluation.save()
    publish_report(report)
    assert f"/reports/{report.address}/faces/0.jpg" in client.get(f"/reports/{report.address}/").content.decode()
    response = client.get(f"/reports/{report.address}/faces/0.jpg")
    assert response.content.startswith(b"\xff\xd8") and response["Content-Type"] == "image/jpeg"
    assert client.get(f"/reports/{report.address}/faces/1.jpg").status_code == 404


# In the admin ------------------------------------------------------------------------------------


def test_a_researcher_publishes_and_withdraws(researcher_client, report, rita):
    address = f"/admin/analysis/report/{report.pk}"
    page = researcher_client.get(f"{address}/change/").content.decode()
    assert ">Publish<" in page and f"/reports/{report.address}/" in page
    assert researcher_client.get(f"{address}/publish/").status_code == 405
    for _ in range(2):
        assert researcher_client.post(f"{address}/publish/").status_code == 302
    report.refresh_from_db()
    assert report.is_published and report.published_by == rita
    assert ">Unpublish<" in researcher_client.get(f"{address}/change/").content.decode()
    for _ in range(2):
        assert researcher_client.post(f"{address}/unpublish/").status_code == 302
    report.refresh_from_db()
    assert not report.is_published
    assert researcher_client.post("/admin/analysis/report/999999/publish/").status_code == 404


def test_reports_are_published_by_the_list_too(researcher_client, report):
    for action, expected in (("publish", True), ("unpublish", False)):
        data = {"action": action, "_selected_action": [report.pk]}
        assert researcher_client.post("/admin/analysis/report/", data).status_code == 302
        assert Report.objects.get().is_published is expected


def test_strangers_publish_nothing(client, carol, report, django_user_model):
    for verb in ("publish", "unpublish"):
        response = carol.post(f"/admin/analysis/report/{report.pk}/{verb}/")
        assert response.status_code == 302 and "/login/" in response["Location"]
    client.force_login(django_user_model.objects.create_user("sam", password="x", is_staff=True))
    assert client.post(f"/admin/analysis/report/{report.pk}/publish/").status_code == 403
    assert not Report.objects.get().is_published


def test_evidence_is_neither_deleted_nor_edited(researcher_client, report):
    for path in (f"report/{report.pk}", f"evaluation/{report.evaluation_id}"):
        assert researcher_client.get(f"/admin/analysis/{path}/delete/").status_code == 403
        assert researcher_client.get(f"/admin/analysis/{path}/change/").status_code == 200
    title, results = report.title, Evaluation.objects.get().results
    asked = {"sha256": "0" * 64, "title": "", "version": 9, "evaluation": "", "results": "{}"}
    researcher_client.post(f"/admin/analysis/evaluation/{report.evaluation_id}/change/", asked)
    researcher_client.post(f"/admin/analysis/report/{report.pk}/change/", asked)
    found = Report.objects.get()
    assert (found.sha256, found.version, found.evaluation.results) == (report.sha256, 1, results)
    publish_report(report)
    researcher_client.post(f"/admin/analysis/report/{report.pk}/change/", asked | {"title": "better"})
    assert Report.objects.get().title == title
