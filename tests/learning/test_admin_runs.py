"""Rita starts, watches, stops and resumes runs in the admin; Carol and people who answer cannot."""

import json
import os
import subprocess
import sys

import pytest

from learning import services
from learning.forms import read_changes
from learning.models import Checkpoint, Run
from learning.recipes import RECIPES, groups
from learning.tasks import train_run
from tests.learning.made import FakeTrainer, make_release, make_run, stored
from tests.learning.picture_releases import picture_release

pytestmark = pytest.mark.django_db
LIST = "/admin/learning/run/"


@pytest.fixture
def release(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_release(tmp_path)


@pytest.fixture
def run(release):
    return make_run(release)


@pytest.fixture
def sent(monkeypatch):
    """The runs that the broker is told of."""
    keys = []
    monkeypatch.setattr(train_run, "delay_on_commit", keys.append)
    return keys


def asked(release, changes=()):
    return {"release": release.pk, "recipe": "topological-vae", "seed": "3", "changes": "n_steps=70\n"} | dict(changes)


def test_the_form_shows_every_recipe_in_one_line_under_its_heading(researcher_client, release):
    page = researcher_client.get(f"{LIST}add/?release={release.pk}").content.decode()
    assert "topological-vae-posed-published: Model 3 as published" in page
    assert f'<option value="{release.pk}" selected>' in page
    assert page.count("data-source=") == len(RECIPES) and page.count("<optgroup") == len(groups())
    assert "learning/recipes.js" in page


def test_a_run_is_started(researcher_client, release, rita, sent):
    response = researcher_client.post(f"{LIST}add/", asked(release))
    run = Run.objects.get()
    assert response["Location"] == f"{LIST}{run.pk}/change/"
    assert (run.status, run.seed, run.changes, run.created_by) == ("queued", 3, {"n_steps": "70"}, rita)
    assert run.config["training"]["n_steps"] == 70
    assert sent == [run.pk]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"changes": "n_steps"}, "Line 1 is &#x27;n_steps&#x27;: expected key=value"),
        ({"changes": "n_steps=many"}, "&#x27;many&#x27;: expected a whole number"),
        ({"changes": "magic=1"}, "there is no setting &#x27;magic&#x27;"),
        ({"changes": "n_steps=1\nn_steps=2"}, "a second time"),
        ({"recipe": "magic"}, "not one of the available choices"),
        ({"seed": "-1"}, "greater than or equal to 0"),
        ({"seed": str(2**31)}, "less than or equal"),
        ({"release": ""}, "required"),
    ],
)
def test_what_cannot_be_trained_is_told(researcher_client, release, sent, changes, words):
    response = researcher_client.post(f"{LIST}add/", asked(release, changes))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Run.objects.exists() and not sent


def test_settings_are_read_line_by_line():
    assert read_changes("# mine\n\n a.b = 1 \nencoder=240,120") == {"a.b": "1", "encoder": "240,120"}


def test_a_run_is_tried_again_with_changes(researcher_client, run):
    page = researcher_client.get(f"{LIST}add/?from={run.pk}").content.decode()
    assert "training.n_steps=60" in page
    assert researcher_client.get(f"{LIST}add/?from=999999").status_code == 200


def test_a_releases_page_offers_retraining(researcher_client, release):
    page = researcher_client.get(f"/admin/triplets/release/{release.pk}/change/").content.decode()
    assert f'href="/admin/learning/run/add/?release={release.pk}"' in page


@pytest.mark.django_db(transaction=True)
def test_what_is_solved_without_a_step_is_started_and_read_like_any_run(
    researcher_client, sent, settings, tmp_path, monkeypatch
):
    """`picture-attributes-ridge` from the form through what a worker does to the pages."""
    settings.RUN_LEASE_SECONDS = 2  # so that what is solved in silence writes from its second thread as well
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path / "pictures"))
    picture_release(tmp_path / "release")
    wanted = {"recipe": "picture-attributes-ridge", "changes": "size=24\nchannels=1\ncrop=whole\nattributes=height"}
    researcher_client.post(f"{LIST}add/", asked(stored(tmp_path, name="bars-v1"), wanted))
    run = Run.objects.get()
    assert sent == [run.pk] and services.execute_run(run.pk) == "finished"
    run.refresh_from_db()
    assert (run.status, run.message, run.step, run.n_steps) == ("finished", "", 0, 0)
    assert run.metrics["attributes_test"]["height"]["r2"] > 0.8 and run.metrics["ridge"]["height"]["penalty"]
    progress = researcher_client.get(f"{LIST}{run.pk}/progress.json").json()
    assert (progress["label"], progress["is_over"], progress["can_resume"]) == ("Finished", True, False)
    page = researcher_client.get(f"{LIST}{run.pk}/change/").content.decode()
    assert run.checkpoints.get().sha256 in page and "picture-attributes-ridge" in page
    assert "Finished" in researcher_client.get(LIST).content.decode()


def test_the_list_shows_status_and_place(researcher_client, release):
    first, _ = make_run(release), make_run(release)
    services.execute_run(first.pk, train=FakeTrainer())
    make_run(release)
    page = researcher_client.get(LIST).content.decode()
    assert "Queued, place 1" in page and "Queued, place 2" in page and "Finished" in page
    assert "5 / 5" in page and "satisfied 0.700" in page
    Run.objects.filter(pk=first.pk).update(metrics={"accuracy_test": 0.625, "satisfied_test": 0.5})
    assert "accuracy 0.625" in researcher_client.get(LIST).content.decode()


def test_a_runs_page_and_its_progress(researcher_client, run):
    page = researcher_client.get(f"{LIST}{run.pk}/change/").content.decode()
    assert f'data-progress="{LIST}{run.pk}/progress.json"' in page
    assert "training.n_steps=60" in page
    response = researcher_client.get(f"{LIST}{run.pk}/progress.json")
    assert "no-store" in response["Cache-Control"]
    progress = response.json()
    assert (progress["status"], progress["place"], progress["can_stop"]) == ("queued", 1, True)
    services.execute_run(run.pk, train=FakeTrainer(3))
    progress = researcher_client.get(f"{LIST}{run.pk}/progress.json").json()
    assert (progress["status"], progress["step"], progress["place"], progress["is_over"]) == ("finished", 3, None, True)
    assert progress["curves"]["loss"][0] == [1, 1.0]
    assert run.checkpoints.get().sha256 in researcher_client.get(f"{LIST}{run.pk}/change/").content.decode()


def test_the_page_has_no_script_and_no_style_of_its_own(researcher_client, run):
    page = researcher_client.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "<style" not in page and " style=" not in page and " onclick" not in page
    assert page.count("<script") == page.count("<script src") + page.count('type="application/json"')


def test_text_of_a_failure_is_text(researcher_client, run):
    Run.objects.update(status="failed", message="</script><script>alert(1)</script>")
    assert "<script>alert" not in researcher_client.get(f"{LIST}{run.pk}/change/").content.decode()


def test_a_run_is_stopped_and_resumed_by_posting(researcher_client, run, sent):
    for verb in ("stop", "resume"):
        assert researcher_client.get(f"{LIST}{run.pk}/{verb}/").status_code == 405
    for _ in range(2):
        assert researcher_client.post(f"{LIST}{run.pk}/stop/").status_code == 302
        assert Run.objects.get().status == "stopped"
    assert researcher_client.post(f"{LIST}{run.pk}/resume/").status_code == 302
    response = researcher_client.post(f"{LIST}{run.pk}/resume/", follow=True)
    assert "cannot be resumed: it is queued" in response.content.decode()
    assert sent == [run.pk]


def test_a_finished_run_says_that_it_cannot_be_stopped(researcher_client, run):
    services.execute_run(run.pk, train=FakeTrainer())
    response = researcher_client.post(f"{LIST}{run.pk}/stop/", follow=True)
    assert "cannot be stopped: it is finished" in response.content.decode()


def test_what_is_not_there_is_not_found(researcher_client):
    for path in ("999999/change/", "nothing/change/", "999999/progress.json"):
        assert researcher_client.get(LIST + path).status_code == 404
    assert researcher_client.post(f"{LIST}999999/stop/").status_code == 404


def test_a_run_is_evidence(researcher_client, run):
    assert researcher_client.get(f"{LIST}{run.pk}/delete/").status_code == 403
    researcher_client.post(f"{LIST}{run.pk}/change/", {"seed": "9"})
    assert Run.objects.get().seed == 0
    services.execute_run(run.pk, train=FakeTrainer())
    checkpoint = run.checkpoints.get()
    page = researcher_client.get(f"/admin/learning/checkpoint/{checkpoint.pk}/change/")
    assert page.status_code == 200 and checkpoint.sha256 in page.content.decode()
    assert researcher_client.get("/admin/learning/checkpoint/").status_code == 200
    file = researcher_client.get(f"/admin/learning/checkpoint/{checkpoint.pk}/file/")
    assert len(b"".join(file.streaming_content)) == checkpoint.n_bytes
    assert researcher_client.get(f"/admin/learning/checkpoint/{checkpoint.pk}/delete/").status_code == 403


def test_strangers_see_and_do_nothing(client, run, release, django_user_model, sent):
    carol = django_user_model.objects.create_user("carol", password="another pass phrase")
    sam = django_user_model.objects.create_user("sam", password="another pass phrase", is_staff=True)
    services.execute_run(make_run(release).pk, train=FakeTrainer(1))
    checkpoint = Checkpoint.objects.get()
    reading = [LIST, f"{LIST}{run.pk}/change/", f"{LIST}{run.pk}/progress.json", f"{LIST}add/"]
    reading += [f"/admin/learning/checkpoint/{checkpoint.pk}/file/"]
    writing = [f"{LIST}{run.pk}/stop/", f"{LIST}{run.pk}/resume/", f"{LIST}add/"]
    for user, status in ((None, 302), (carol, 302), (sam, 403)):
        if user:
            client.force_login(user)
        assert [client.get(path).status_code for path in reading] == [status] * len(reading)
        assert [client.post(path, asked(release)).status_code for path in writing] == [status] * len(writing)
    assert Run.objects.get(pk=run.pk).status == "queued" and not sent


def test_the_web_process_never_loads_torch():
    code = (
        "import sys, django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns; "
        "import config.urls, learning.admin, analysis.admin, learning.tasks, analysis.tasks; "
        "print([m for m in ('torch', 'sklearn', 'umap') if m in sys.modules])"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "[]", done.stderr


def test_progress_is_one_small_answer(researcher_client, run, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        response = researcher_client.get(f"{LIST}{run.pk}/progress.json")
    assert len(json.dumps(response.json())) < 5000
