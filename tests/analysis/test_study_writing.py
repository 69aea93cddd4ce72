"""From a recipe over trained networks to the report on a whole study: on the site, and by the commands on its page."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from django.core.files.base import ContentFile

from analysis import study_pages, study_report, tasks
from analysis.__main__ import main as analyse
from analysis.models import Evaluation, Report, StudyReport
from analysis.services import evaluations, study_writing
from analysis.services.reports import unpublish_report
from learning import selectors, services
from learning.__main__ import main as learn
from learning.checkpoints import load_checkpoint
from learning.models import Checkpoint, Run
from learning.predictions import predict
from learning.services.archives import open_release
from learning.studies import STUDIES
from tests.analysis.picture_checkpoints import picture_checkpoint
from tests.analysis.test_redo import COMMANDS, commands_of, without_clocks
from tests.learning.made import store_release
from tests.learning.picture_releases import picture_release

SMALL = {"size": "16", "hidden": "16", "epochs": "2", "device": "cpu", "batch_size": "32", "save_every": "1000"}
RATED = ("attractive", "happiness", "confident", "smart")


@pytest.fixture(scope="module", autouse=True)
def one_thread(tmp_path_factory):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
        yield
    torch.set_num_threads(before)


@pytest.fixture
def releases(settings, tmp_path):
    """Two collections on the site, the second of other people."""
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    settings.EXPLAIN_TERAFLOPS = 0.001
    picture_release(tmp_path / "bars")
    picture_release(tmp_path / "others", seed=5, n_subjects=6, with_split=False, collection="others")
    return (
        store_release(tmp_path / "bars", name="bars-v1", collection="bars"),
        store_release(tmp_path / "others", name="others-v1", collection="others"),
    )


def work(monkeypatch) -> None:
    """Train, evaluate and write whatever waits, as workers do, until nothing does."""
    written = []
    monkeypatch.setattr(tasks.write_study_report, "delay", written.append)
    while (run := Run.objects.filter(status="queued").order_by("pk").first()) is not None:
        services.execute_run(run.pk)
        services.tend()
        evaluation = evaluations.create_evaluation_of_run(run.pk)
        if evaluation is not None:
            tasks.evaluate(evaluation.pk)
    for pk in written:
        tasks.write_study_report(pk)


@pytest.mark.django_db
def test_a_study_is_trained_measured_and_reported_and_published_with_its_networks(releases, client, rita, monkeypatch):
    study, _ = services.create_study_run(releases[0], "fer2013-networks", second=releases[1], changes=SMALL)
    work(monkeypatch)
    study.refresh_from_db()
    report = StudyReport.objects.get()
    assert (study.status, report.status, report.study_run, report.message) == ("finished", "finished", study, "")
    assert Evaluation.objects.filter(status="finished").count() == 6
    # True figures: what the network of that run says about the test pictures, counted by hand.
    run = study.runs.get(part="cnn-sound")
    part = next(part for part in report.results["parts"] if part["name"] == "cnn-sound")
    figure = part["figures"]["accuracy"]
    counts = np.array(run.metrics["classes_test"]["confusion"])
    assert counts.sum() == 12 and figure["value"] == pytest.approx(np.trace(counts) / 12)
    assert figure["low"] < figure["value"] < figure["high"]
    assert report.results["second_sha256"] == releases[1].sha256
    assert {row["figure"] for row in _csv(report, "networks.csv") if row["network"] == "cnn"} == {"accuracy", "F1"}
    # The page: same pictures side by side, each network's own report, and the run, for researchers.
    client.force_login(rita)
    page = client.get(f"/studies/{report.address}/").content.decode()
    own = Report.objects.get(evaluation__checkpoint__run=run)
    assert f'href="/reports/{own.address}/"' in page and f"/admin/learning/run/{run.pk}/change/" in page
    assert "What they look at" in page and page.count("data:image/jpeg") > 10
    assert f"/studies/{report.address}/" in client.get(f"/reports/{own.address}/").content.decode()
    response = client.get(f"/admin/learning/studyrun/{study.pk}/change/").content.decode()
    assert f"/studies/{report.address}/" in response and "draft" in response
    assert client.post(f"/admin/analysis/studyreport/{report.pk}/publish/").status_code == 302
    client.logout()
    # Strangers find the study, its networks and its files, and nothing of the admin.
    page = client.get(f"/studies/{report.address}/").content.decode()
    assert "/admin/" not in page and client.get(f"/reports/{own.address}/").status_code == 200
    home = client.get("/").content.decode()
    assert f"/studies/{report.address}/" in home and f"/reports/{own.address}/" not in home and "/compare/" in home
    content = b"".join(client.get(f"/studies/{report.address}/files.zip").streaming_content)
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert {"study.html", "study.json", "networks.csv", "classes.csv", "data-sheet.md", "cnn.html",
            "cnn/results.json", "cnn/model-card.md", "figure-table-0-accuracy.svg"} <= set(names)  # fmt: skip
    assert client.get(f"/studies/{report.address}/files/cnn/model-card.md").content.startswith(b"# ")
    assert client.get(f"/studies/{report.address}/files/nobody").status_code == 404
    unpublish_report(own)
    assert f"/reports/{own.address}/" not in client.get(f"/studies/{report.address}/").content.decode()


@pytest.mark.django_db
def test_a_report_waits_for_evaluations_and_a_lost_worker_costs_nothing(releases, rita, client, monkeypatch, settings):
    sent = []
    monkeypatch.setattr(tasks.write_study_report, "delay", sent.append)
    study, _ = services.create_study_run(releases[0], "vgg16-attributes", changes={"epochs": "1"})
    Run.objects.update(status="finished")
    checkpoint = Checkpoint.objects.create(run=study.runs.get(), step=1, sha256="0" * 64, file="x")
    services.tend()
    tasks.tend_study_reports()
    assert not sent and study_writing.evaluated(study) == (0, 1)
    evaluation = evaluations.create_evaluation(checkpoint)
    tasks.tend_study_reports()
    assert not sent
    Evaluation.objects.filter(pk=evaluation.pk).update(status="failed")
    tasks.tend_study_reports()
    report = StudyReport.objects.get()
    assert sent == [report.pk] and study_writing.queue_study_report(study) is None
    # The worker dies: the row is taken from it, three times, and then says what to do.
    for n_lost in (1, 2, 3):
        assert study_writing.leases.claim(StudyReport, report.pk)
        assert study_writing.write_study_report(report.pk) is None  # somebody else holds it
        StudyReport.objects.update(heartbeat_at="2020-01-01T00:00:00Z")
        tasks.tend_study_reports()
        report.refresh_from_db()
        assert (report.n_losses, report.status) == (n_lost, "failed" if n_lost == 3 else "queued")
    assert "write the report again" in report.message
    client.force_login(rita)
    assert client.get(f"/studies/{report.address}/").status_code == 404
    client.post(f"/admin/analysis/studyreport/{report.pk}/publish/")
    assert not StudyReport.objects.filter(is_published=True).exists()
    StudyReport.objects.update(title="Seen by all", note="Once more.")
    client.post(f"/admin/analysis/studyreport/{report.pk}/again/")
    assert StudyReport.objects.filter(status="queued", version=2, title="Seen by all", note="Once more.").exists()


@pytest.mark.django_db
def test_drops_on_the_second_collection_have_intervals(releases, monkeypatch):
    whole = STUDIES["fer2013-networks"]
    part = replace(whole.parts[0], is_measured_elsewhere=True)
    small = replace(whole, parts=(part,), tables={"As published": (part.name,)}, looked_at=(part.name,))
    monkeypatch.setitem(STUDIES, whole.name, small)
    services.create_study_run(releases[0], whole.name, second=releases[1], changes=SMALL)
    work(monkeypatch)
    report = StudyReport.objects.get()
    (network,) = report.results["parts"]
    accuracy = network["second"]["overall"]["accuracy"]
    drop = accuracy["estimates"]["drop"]
    assert drop["value"] == pytest.approx(accuracy["drop"]) and drop["low"] < drop["value"] < drop["high"]
    assert "here" in network["second"]["said"][0] and "points" in network["second"]["said"][0]
    with report.archive.open("rb") as file, zipfile.ZipFile(file) as archive:
        assert "drop_low" in archive.read("second.csv").decode().splitlines()[0]
        assert '<section id="elsewhere"' in archive.read(f"{part.name}.html").decode()  # the network's own page too


@pytest.mark.django_db
def test_networks_of_happiness_are_shown_pairs_of_the_second_collection(releases, tmp_path):
    study, _ = services.create_study_run(releases[0], "lrp-attributes", second=releases[1], changes={"epochs": "1"})
    assert study_writing._pairs(study) is None  # nothing is trained yet
    for seed, name in enumerate(("age-full-happiness", "gender-full-happiness")):
        path = picture_checkpoint(
            tmp_path / f"{name}.safetensors", open_release(releases[0]), "attributes", ("happy",), seed=seed
        )
        # As if the base networks had been trained: what begins with their weights becomes a run then.
        run, content = study.runs.get(part="base-age"), path.read_bytes()
        run.pk, run.part, run.recipe, run.status = None, name, f"lrp-attributes/{name}", "finished"
        run.save(force_insert=True)
        made = Checkpoint(run=run, step=4, sha256=hashlib.sha256(content).hexdigest())
        made.file.save(path.name, ContentFile(content))
    results = selectors.study_results(study)
    found, drawn = study_writing._pairs(study)
    assert found["networks"] == ["age-full-happiness", "gender-full-happiness"] and found["n"] == 6
    page = study_pages.render_study(study_report.study_results(results, {}, (found, drawn)), title="Study")
    assert "One person, happy and unhappy" in page and page.count("data:image/jpeg") > 8


def _csv(report, name) -> list[dict]:
    import csv

    with report.archive.open("rb") as file, zipfile.ZipFile(file) as archive:
        return list(csv.DictReader(io.StringIO(archive.read(name).decode())))


def test_the_commands_on_a_studys_page_give_the_same_figures(tmp_path, monkeypatch, capsys):
    release = picture_release(tmp_path / "bars", rated=RATED)
    monkeypatch.chdir(tmp_path)
    changed = ["--set", "size=32", "width=0.05", "epochs=1", "device=cpu", "batch_size=32"]
    assert learn([str(release.path), "--recipe", "vgg16-attributes", "--out", "first", *changed]) == 0
    how = ["--bootstrap", "120", "--seed", "2", "--projections", "pca", "--explain", "0.001"]
    assert analyse(["--study", "first", "--release", str(release.path), "--out", "before", *how]) == 0
    page = (tmp_path / "before" / "study.html").read_text()
    assert release.sha256 in page
    for line in commands_of(page):
        arguments = [str(release.path) if word == "RELEASE" else word for word in line[3:]]
        assert COMMANDS[line[2]](arguments) == 0, capsys.readouterr().err
    before, again = (json.loads((tmp_path / name / "study.json").read_text()) for name in ("before", "report"))
    assert without_clocks(again) == without_clocks(before)
    names = {path.relative_to(tmp_path / "before") for path in (tmp_path / "before").rglob("*")}
    assert names == {path.relative_to(tmp_path / "report") for path in (tmp_path / "report").rglob("*")}
    # A true figure, by hand: the mean absolute error over the test pictures, as this very network answers.
    said = predict(load_checkpoint(tmp_path / "first" / "vgg16-attributes" / "checkpoint.safetensors"), release)
    is_test = release.stimuli.split[said.row] == "test"
    rows = next(part for part in before["parts"])["attributes"]
    for row in rows:
        k = said.names.index(row["name"])
        truth = _rated(release, row["name"])[said.row][is_test]
        assert row["mae"] == pytest.approx(np.abs(said.value[is_test, k] - truth).mean(), rel=1e-4)
    assert [row["name"] for row in rows] == list(said.names)


def _rated(release, name) -> np.ndarray:
    if name in release.stimuli.attributes:
        return np.asarray(release.stimuli.attributes[name], float)
    mine = release.ratings.attribute == name
    found = np.full(len(release.stimuli), np.nan)
    found[release.ratings.stimulus[mine]] = release.ratings.mean[mine]
    return found
