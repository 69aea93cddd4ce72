"""A whole study as rows: which networks wait for which, what a worker's losses and a researcher's orders do to it."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from learning import selectors, services
from learning.config import Config, ConfigInvalid
from learning.models import Checkpoint, Run, StudyRun
from learning.services.archives import STORED, with_local_weights
from learning.services.study_runs import StudyRunIsOpen, StudyRunIsOver
from learning.studies import STUDIES, StudyUnknown
from learning.tasks import train_run
from tests.learning.made import make_release

pytestmark = pytest.mark.django_db
LIST = "/admin/learning/studyrun/"


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


def end(run, status="finished", message="") -> None:
    """End a run as a worker would, without training it."""
    Run.objects.filter(pk=run.pk).update(
        status=status, message=message, finished_at=timezone.now(), metrics={"mae_test": 1.0, "mae_of_mean_test": 2.0}
    )
    if status == "finished":
        Checkpoint.objects.create(run=run, step=1, sha256=f"{run.pk:064x}", file="checkpoints/x")


def lrp(release, **changes):
    return services.create_study_run(release, "lrp-attributes", changes={"epochs": 1} | changes)[0]


def test_networks_wait_for_the_base_whose_weights_they_begin_with(release):
    study, due = services.create_study_run(release, "lrp-attributes", changes={"epochs": 1}, seed=3)
    assert set(study.runs.values_list("part", flat=True)) == {"base-age", "base-gender"} and len(due.runs) == 2
    base = study.runs.get(part="base-age")
    end(base)
    due = services.tend()
    made = Run.objects.filter(pk__in=due.runs)
    assert {run.part for run in made} == {
        part.name for part in STUDIES["lrp-attributes"].parts if part.base == "base-age"
    }
    assert all(run.changes["network.pretrained"] == f"{STORED}{base.pk:064x}" and run.seed == 3 for run in made)
    assert services.tend().runs == []  # the same again makes nothing
    for run in study.runs.exclude(status="finished"):
        end(run)
    services.tend()
    for run in study.runs.exclude(status="finished"):
        end(run)
    services.tend()
    study.refresh_from_db()
    assert study.status == "finished" and study.runs.count() == 18 and study.finished_at
    shown = selectors.study_run_page(study)
    assert (shown["n_over"], shown["n_parts"], len(shown["parts"])) == (18, 18, 18)
    results = selectors.study_results(study)
    assert [part.name for part in results.parts] == [part.name for part in STUDIES["lrp-attributes"].parts]
    assert results.release_sha256 == release.sha256 and results.seed == 3


def test_a_base_that_cannot_be_trained_leaves_its_networks_to_begin_afresh(release):
    study = lrp(release)
    end(study.runs.get(part="base-age"), "failed", "The release has no attribute 'age'.")
    services.tend()
    run = study.runs.get(part="age-full-happiness")
    assert "network.pretrained" not in run.changes
    results = selectors.study_results(study)
    assert results.part("base-age").status == "left out"
    end(run)
    said = selectors.study_results(study).part("age-full-happiness").message
    assert said == "begun without the weights of base-age: The release has no attribute 'age'."


def test_a_study_is_stopped_and_goes_on(release):
    study = lrp(release)
    services.stop_study_run(study)
    assert study.status == "stopped" and set(study.runs.values_list("status", flat=True)) == {"stopped"}
    with pytest.raises(StudyRunIsOpen):
        services.resume_study_run(lrp(release))
    due = services.resume_study_run(study)
    assert len(due.runs) == 2 and set(study.runs.values_list("status", flat=True)) == {"queued"}
    end(study.runs.first())
    study.refresh_from_db()
    StudyRun.objects.filter(pk=study.pk).update(status="finished")
    with pytest.raises(StudyRunIsOver, match="it is finished"):
        services.stop_study_run(study)


def test_a_stopped_base_holds_its_study(release):
    study = lrp(release)
    end(study.runs.get(part="base-gender"), "failed", "no")
    base = study.runs.get(part="base-age")
    end(base, "stopped")
    services.tend()
    for run in study.runs.filter(status="queued"):
        end(run)
    services.tend()
    study.refresh_from_db()
    assert study.status == "stopped" and f"Run {base.pk}" in study.message


def test_a_study_without_one_network_fails_with_the_reason(release):
    study, _ = services.create_study_run(release, "vgg16-attributes")
    end(study.runs.get(), "failed", "The release holds no pictures.")
    services.tend()
    study.refresh_from_db()
    assert study.status == "failed" and "The release holds no pictures." in study.message


def test_what_is_trained_on_a_second_collection_needs_one(release):
    study, _ = services.create_study_run(release, "fer2013-networks")
    assert not study.runs.filter(part="cifar-10").exists()
    assert "--second" in selectors.study_results(study).part("cifar-10").message
    assert "needs a second collection" in [part["label"] for part in selectors.study_run_page(study)["parts"]]
    study, _ = services.create_study_run(release, "fer2013-networks", second=release)
    assert study.runs.get(part="cifar-10").release == release


def test_what_cannot_be_is_refused_before_anything_is_written(release):
    with pytest.raises(StudyUnknown, match="expected one of lrp-attributes"):
        services.create_study_run(release, "nobody")
    with pytest.raises(ConfigInvalid, match="no setting"):
        services.create_study_run(release, "vgg16-attributes", changes={"colour": "red"})
    with pytest.raises(ConfigInvalid, match="no use for a second"):
        services.create_study_run(release, "vgg16-attributes", second=release)
    assert not StudyRun.objects.exists() and not Run.objects.exists()


def test_weights_named_by_their_checksum_are_fetched_to_this_machine(release, tmp_path):
    from learning.recipes import recipe
    from tests.analysis.made import make_checkpoint

    checkpoint = make_checkpoint(tmp_path / "other", name="other-v1")
    plain = recipe("lrp-attributes/age-full-happiness").config
    config = plain.with_changes({"network.pretrained": f"{STORED}{checkpoint.sha256}"})
    path = with_local_weights(config).network.pretrained
    assert path.endswith(f"{checkpoint.sha256}.safetensors")
    assert with_local_weights(plain) == plain and isinstance(plain, Config)
    with pytest.raises(LookupError, match="no checkpoint with that checksum"):
        with_local_weights(plain.with_changes({"network.pretrained": f"{STORED}{'0' * 64}"}))


def test_a_researcher_starts_watches_stops_and_resumes_a_study(researcher_client, release, rita, sent):
    asked = {"study": "lrp-attributes", "release": release.pk, "second": "", "seed": "2", "changes": "epochs=1"}
    response = researcher_client.post(f"{LIST}add/", asked)
    study = StudyRun.objects.get()
    assert response["Location"] == f"{LIST}{study.pk}/change/"
    assert (study.created_by, study.seed, study.changes) == (rita, 2, {"epochs": "1"})
    assert sent == list(study.runs.order_by("pk").values_list("pk", flat=True)) and len(sent) == 2
    page = researcher_client.get(f"{LIST}{study.pk}/change/").content.decode()
    assert "0 of 18 networks have ended" in page and "waits for base-age" in page and "age-full-happiness" in page
    assert 'data-open="yes"' in page and "Queued, place 1" in page and "Queued, place 2" in page
    moving = study.runs.order_by("pk").first()
    study.runs.filter(pk=moving.pk).update(status="running", lease_token="held")
    researcher_client.post(f"{LIST}{study.pk}/stop/")
    assert StudyRun.objects.get().status == "stopped"
    page = researcher_client.get(f"{LIST}{study.pk}/change/").content.decode()
    assert "Resume" in page and 'data-open="yes"' in page and "asked to stop" in page
    study.runs.filter(pk=moving.pk).update(status="stopped", lease_token="")
    assert 'data-open=""' in researcher_client.get(f"{LIST}{study.pk}/change/").content.decode()
    researcher_client.post(f"{LIST}{study.pk}/resume/")
    assert StudyRun.objects.get().status == "open" and len(sent) == 4
    assert "0 of 18 have ended" in researcher_client.get(LIST).content.decode()
    run = study.runs.first()
    assert f"study {study.pk}" in researcher_client.get(f"/admin/learning/run/{run.pk}/change/").content.decode()
    again = researcher_client.get(f"{LIST}add/?from={study.pk}").content.decode()
    assert "epochs=1" in again


def test_watching_a_study_asks_the_database_little_however_many_networks_it_has(researcher_client, release):
    """The page is asked for more than once a second while somebody watches."""
    study, _ = services.create_study_run(release, "vit-vs-resnet")
    assert study.runs.count() == 15
    for address in (f"{LIST}{study.pk}/change/", LIST):
        with CaptureQueriesContext(connection) as asked:
            assert researcher_client.get(address).status_code == 200
        assert len(asked) < 18


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"changes": "colour=red"}, "no setting"), ({"changes": "oops"}, "expected key=value"),
     ({"study": "nobody"}, "nobody is not one of the available"), ({"second": "1"}, "no use for a second")],
)  # fmt: skip
def test_a_form_that_cannot_be_run_says_why(researcher_client, release, sent, changes, said):
    changes = {key: str(release.pk) if key == "second" else value for key, value in changes.items()}
    asked = {"study": "vgg16-attributes", "release": release.pk, "second": "", "seed": "0", "changes": ""} | changes
    page = researcher_client.post(f"{LIST}add/", asked).content.decode()
    assert said in page and not StudyRun.objects.exists() and not sent


def test_a_study_is_started_by_a_command(release, sent):
    call_command("run_study", "lrp-attributes", release=release.name, changes=["epochs=1"], json=True,
                 stdout=(out := io.StringIO()))  # fmt: skip
    said = json.loads(out.getvalue())
    assert (said["study"], said["status"], len(said["networks"])) == ("lrp-attributes", "open", 18)
    assert sent == list(Run.objects.order_by("pk").values_list("pk", flat=True))
    for asked, reason in (
        ({"release": "nobody"}, "There is no release 'nobody'"),
        ({"release": release.name, "second": release.name}, "no use for a second"),
        ({"release": release.name, "changes": ["epochs"]}, "expected key=value"),
        ({"release": release.name, "seed": -1}, "expected a whole number"),
    ):
        with pytest.raises(CommandError, match=reason):
            call_command("run_study", "vgg16-attributes", **asked)
    with pytest.raises(CommandError, match="there is no study 'smiles'"):
        call_command("run_study", "smiles", release=release.name)
