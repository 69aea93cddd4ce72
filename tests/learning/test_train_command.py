import io
import json

import pytest
from django.core.management import CommandError, call_command

from learning import services
from learning.management.commands import train
from learning.models import Run
from learning.tasks import train_run
from tests.learning.made import FakeTrainer, make_release

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(train, "POLL_SECONDS", 0.01)


@pytest.fixture
def release(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_release(tmp_path)


@pytest.fixture
def sent(monkeypatch):
    keys = []
    monkeypatch.setattr(train_run, "delay_on_commit", keys.append)
    return keys


def run_train(*arguments) -> dict:
    out = io.StringIO()
    call_command("train", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def works(monkeypatch, trainer):
    """A worker that takes the run while the command waits for the next look."""

    def sleep(seconds):
        if (run := Run.objects.filter(status="queued").first()) is not None:
            services.execute_run(run.pk, train=trainer)

    monkeypatch.setattr(train.time, "sleep", sleep)


def test_a_run_is_queued(release, sent):
    state = run_train("topological-vae", "--release", "smiles-v1", "--set", "n_steps=70", "patience=3", "--seed", "2")
    run = Run.objects.get()
    assert (state["run"], state["status"]) == (run.pk, "queued")
    assert sent == [run.pk]
    assert (run.seed, run.changes) == (2, {"n_steps": "70", "patience": "3"})


def test_waiting_prints_the_figures_of_the_end(release, sent, monkeypatch, capsys):
    works(monkeypatch, FakeTrainer())
    state = run_train("topological-vae", "--release", "smiles-v1", "--wait")
    assert state["status"] == "finished"
    assert state["metrics"]["satisfied_test"] == 0.7 and state["checkpoint"]
    assert "step 5 of 5" in capsys.readouterr().err


def test_a_run_that_fails_is_an_error(release, sent, monkeypatch):
    def fail(*arguments, **named):
        raise ValueError("no landmarks")

    works(monkeypatch, fail)
    with pytest.raises(CommandError, match="no landmarks"):
        run_train("topological-vae", "--release", "smiles-v1", "--wait")


def test_without_a_worker_it_says_how_to_start_one(release, sent):
    with pytest.raises(CommandError, match=r"No worker took run .* `make start`"):
        run_train("topological-vae", "--release", "smiles-v1", "--wait", "--patience", "0.1")
    assert Run.objects.get().status == "queued"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["magic", "--release", "smiles-v1"], "no recipe 'magic'"),
        (["topological-vae", "--release", "nothing"], "no release 'nothing'. Releases: smiles-v1"),
        (["topological-vae", "--release", "smiles-v1", "--set", "n_steps"], "'n_steps' is not understood"),
        (["topological-vae", "--release", "smiles-v1", "--set", "n_steps=many"], "'many'"),
        (["topological-vae", "--release", "smiles-v1", "--seed", "-1"], "--seed is -1"),
    ],
)
def test_bad_input_is_one_sentence(release, sent, arguments, words):
    with pytest.raises(CommandError, match=words):
        run_train(*arguments)
    assert not Run.objects.exists() and not sent
