"""Rita searches in the admin: the form, the page of a search under way, stopping and going on."""

import re

import pytest

from learning import services
from learning.models import Run, Search
from learning.tasks import train_run
from tests.learning.made import FAST, make_release
from tests.learning.test_searches import RANGES, Scoring, work

pytestmark = pytest.mark.django_db
LIST = "/admin/learning/search/"


@pytest.fixture
def release(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_release(tmp_path)


@pytest.fixture
def search(release):
    return services.create_search(release, "topological-vae", RANGES, n_rounds=2, n_trials=3, changes=FAST, seed=5)[0]


@pytest.fixture
def sent(monkeypatch):
    keys = []
    monkeypatch.setattr(train_run, "delay_on_commit", keys.append)
    return keys


def asked(release, **changes):
    return {
        "release": release.pk, "recipe": "topological-vae", "ranges": "\n".join(RANGES), "n_rounds": "2",
        "n_trials": "3", "changes": "n_steps=70", "coarse": "n_steps=7", "seed": "3",
    } | changes  # fmt: skip


def test_a_search_is_started(researcher_client, release, rita, sent):
    response = researcher_client.post(f"{LIST}add/", asked(release, coarse="patience=3"))
    search = Search.objects.get()
    assert response["Location"] == f"{LIST}{search.pk}/change/"
    assert (search.created_by, search.coarse, search.seed) == (rita, {"patience": "3"}, 3)
    assert sent == list(search.runs.order_by("pk").values_list("pk", flat=True)) and len(sent) == 3


def test_without_ranges_it_is_the_published_search(researcher_client, release, sent):
    researcher_client.post(
        f"{LIST}add/", asked(release, recipe="fer2013-networks/cnn", ranges="", changes="", coarse="")
    )
    search = Search.objects.get()
    assert search.ranges[0] == "optimiser.learning_rate=1e-05..0.1"
    assert search.coarse == {"training.epochs": "2"} and search.changes == {"training.epochs": "10"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ranges": ""}, "no search of topological-vae was published"),
        ({"ranges": "learning_rate=0..1"}, "has no logarithm"),
        ({"ranges": "n_steps=7..70"}, "both set and searched"),
        ({"coarse": "n_steps"}, "expected key=value"),
        ({"changes": "magic=1"}, "no setting &#x27;magic&#x27;"),
        ({"n_trials": "0"}, "greater than or equal to 1"),
        ({"n_trials": "300"}, "at most 500"),
    ],
)
def test_what_cannot_be_searched_is_told(researcher_client, release, sent, changes, words):
    response = researcher_client.post(f"{LIST}add/", asked(release, **changes))
    assert response.status_code == 200 and words in response.content.decode()
    assert not Search.objects.exists() and not sent


def test_the_page_shows_runs_plots_and_the_best(researcher_client, search):
    page = researcher_client.get(f"{LIST}{search.pk}/change/").content.decode()
    assert "0 of 6 runs have ended, round 1 of 2" in page and "search-panels" not in page
    assert 'data-open="yes"' in page and "Queued, place 1" in page and "Queued, place 3" in page
    work(search)
    page = researcher_client.get(f"{LIST}{search.pk}/change/").content.decode()
    assert "6 of 6 runs have ended, round 2 of 2" in page and 'data-open=""' in page
    assert page.count("<circle cx") >= 12 and page.count("is-best") >= 3  # 6 runs, two settings
    assert "<dt>satisfied triplets, validation</dt>" in page and "<figcaption>learning rate" in page
    assert f"?from={search.best_id}" in page and "Train again with the best settings" in page
    for run in Run.objects.all():
        assert f"/admin/learning/run/{run.pk}/change/" in page
        assert run.changes["optimiser.learning_rate"] in page
    assert "search 1" in researcher_client.get(f"/admin/learning/run/{search.best_id}/change/").content.decode()
    assert " style=" not in page and "<style" not in page and page.count("<script") == page.count("<script src")
    positions = [float(x) for x in re.findall(r'<circle cx="([0-9.]+)"', page)]
    assert min(positions) >= 0 and max(positions) <= 320


def test_a_search_is_stopped_resumed_and_tried_again(researcher_client, search, sent):
    for verb in ("stop", "resume"):
        assert researcher_client.get(f"{LIST}{search.pk}/{verb}/").status_code == 405
    researcher_client.post(f"{LIST}{search.pk}/stop/")
    assert Search.objects.get().status == "stopped"
    researcher_client.post(f"{LIST}{search.pk}/resume/")
    assert Search.objects.get().status == "open" and len(sent) == 3
    told = researcher_client.post(f"{LIST}{search.pk}/resume/", follow=True).content.decode()
    assert "cannot be resumed: it is under way" in told
    form = researcher_client.get(f"{LIST}add/?from={search.pk}").content.decode()
    assert "network.form=residual|concatenated" in form and "training.n_steps=60" in form
    assert "3 of 6 finished" not in researcher_client.get(LIST).content.decode()
    work(search, Scoring(1))
    assert "6 of 6 finished" in researcher_client.get(LIST).content.decode()


def test_the_page_of_a_stopped_search_waits_for_the_runs_that_are_asked_to_stop(researcher_client, search):
    first = search.runs.order_by("pk").first()
    Run.objects.filter(pk=first.pk).update(status="running", lease_token="held")
    researcher_client.post(f"{LIST}{search.pk}/stop/")
    assert 'data-open="yes"' in researcher_client.get(f"{LIST}{search.pk}/change/").content.decode()
    Run.objects.filter(pk=first.pk).update(status="stopped", lease_token="")
    assert 'data-open=""' in researcher_client.get(f"{LIST}{search.pk}/change/").content.decode()


def test_a_failure_is_shown_as_text(researcher_client, search):
    Run.objects.update(status="failed", message="</script><script>alert(1)</script>")
    Search.objects.update(status="failed", message="<b>no</b>")
    page = researcher_client.get(f"{LIST}{search.pk}/change/").content.decode()
    assert "<script>alert" not in page and "<b>no</b>" not in page


def test_a_search_is_evidence(researcher_client, search):
    assert researcher_client.get(f"{LIST}{search.pk}/delete/").status_code == 403
    researcher_client.post(f"{LIST}{search.pk}/change/", {"seed": "9"})
    assert Search.objects.get().seed == 5
    assert researcher_client.get(f"{LIST}nothing/change/").status_code == 404
