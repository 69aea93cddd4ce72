"""Folds chosen in the admin: a run of several networks, its figures, and where folds make no sense."""

import pytest
import torch

from learning import selectors, services
from learning.config import ConfigInvalid
from learning.folds import run_folds
from learning.models import Run
from learning.recipes import recipe
from learning.services.archives import open_release
from learning.tasks import train_run
from tests.learning.made import store_release
from tests.learning.picture_releases import picture_release
from tests.learning.test_folds import QUICK

pytestmark = pytest.mark.django_db
LIST = "/admin/learning/run/"


@pytest.fixture
def release(settings, tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    picture_release(tmp_path / "bars", n_subjects=6)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield store_release(tmp_path / "bars", name="bars-v1")
    torch.set_num_threads(before)


def test_a_run_of_folds_says_what_the_command_says(release, tmp_path, researcher_client):
    run = services.create_run(release, "picture-classes", QUICK, 4, n_folds=3)
    assert services.execute_run(run.pk) == "finished"
    run.refresh_from_db()
    config = recipe("picture-classes").config.with_changes(QUICK)
    found = run_folds(open_release(release), config, 3, seed=4, out=tmp_path / "folds", recipe_name="picture-classes")
    assert {key: run.metrics[key] for key in ("accuracy", "interval", "n", "classes")} == {
        key: found[key] for key in ("accuracy", "interval", "n", "classes")
    }
    assert run.metrics["folds"].startswith(f"accuracy {found['accuracy']:.3f} [") and run.step == run.n_steps > 0
    # There is no network of the run's own to be evaluated.
    assert not run.checkpoints.exists() and not selectors.is_to_be_evaluated(run.pk)
    page = researcher_client.get(f"{LIST}{run.pk}/change/").content.decode()
    assert "3: everybody held out once" in page and "networks of folds measure the recipe" in page


def test_folds_stop_and_go_on(release):
    run = services.create_run(release, "picture-classes", QUICK, n_folds=2)
    trained = []

    def stop_after_the_first(release, config, *, start, on_progress, should_stop, **how):
        from learning.folds import train_folds

        def tell(progress):
            trained.append(progress.metrics["fold"])
            on_progress(progress)

        how |= {"on_progress": tell, "should_stop": lambda: should_stop() or 2 in trained}
        return train_folds(release, config, run.n_folds, **how)

    assert services.execute_run(run.pk, train=stop_after_the_first) == "stopped"
    services.resume_run(run)
    trained.clear()
    assert services.execute_run(run.pk) == "finished"
    run.refresh_from_db()
    undisturbed = services.create_run(release, "picture-classes", QUICK, n_folds=2)
    services.execute_run(undisturbed.pk)
    undisturbed.refresh_from_db()
    assert run.metrics["accuracy"] == undisturbed.metrics["accuracy"] and run.metrics["n"] == 36


def test_the_form_offers_folds_where_they_make_sense(researcher_client, release, monkeypatch):
    sent = []
    monkeypatch.setattr(train_run, "delay_on_commit", sent.append)
    asked = {"release": release.pk, "recipe": "picture-classes", "seed": "0", "changes": "", "n_folds": "5"}
    researcher_client.post(f"{LIST}add/", asked)
    run = Run.objects.get()
    assert run.n_folds == 5 and sent == [run.pk]
    assert 'value="5"' in researcher_client.get(f"{LIST}add/?from={run.pk}").content.decode()
    for changes, said in (
        ({"recipe": "topological-vae"}, "Folds are for networks of pictures"),
        ({"recipe": "picture-triplets"}, "Folds are for networks of pictures"),
        ({"changes": "training.overfit=50"}, "training.overfit has no place there"),
        ({"n_folds": "1"}, "greater than or equal to 2"),
    ):
        assert said in researcher_client.post(f"{LIST}add/", asked | changes).content.decode()
    assert Run.objects.count() == 1
    with pytest.raises(ConfigInvalid):
        services.create_run(release, "topological-vae", n_folds=3)


def test_more_folds_than_people_fail_with_a_sentence(release):
    run = services.create_run(release, "picture-classes", QUICK, n_folds=50)
    assert services.execute_run(run.pk) == "failed"
    run.refresh_from_db()
    assert "expected 2 to 6, the number of people" in run.message
