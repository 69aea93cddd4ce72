"""Evaluations as rows, with a measure whose behaviour the test decides, and once with the real one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analysis import tasks
from analysis.models import Evaluation, Report
from analysis.services import evaluations
from analysis.services.reports import EvaluationUnfinished, create_report
from learning.models import Run
from learning.services.archives import checkpoint_path, open_release
from tests.analysis.made import make_checkpoint, make_report
from tests.learning.made import make_release
from triplets.services import leases

pytestmark = pytest.mark.django_db


@pytest.fixture
def checkpoint(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_checkpoint(tmp_path)


@pytest.fixture
def sent(monkeypatch):
    """What would be sent to the broker."""
    messages = []
    monkeypatch.setattr(tasks.evaluate, "delay", lambda pk: messages.append(("evaluate", pk)))
    monkeypatch.setattr(tasks.evaluate_run, "delay", lambda pk: messages.append(("evaluate_run", pk)))
    return messages


def test_numbers_and_an_unpublished_report_appear_together(checkpoint):
    report = make_report(checkpoint)
    evaluation = Evaluation.objects.get()
    assert evaluation.status == "finished" and evaluation.finished_at and not evaluation.lease_token
    assert set(evaluation.results["satisfied"]) >= {"train", "test"}
    assert not report.is_published
    assert report.title == "smiles-v1: topological-vae, seed 0"
    assert b"<!doctype html>" in report.file.open().read()[:50].lower()


def test_a_finished_run_is_evaluated_once(checkpoint, sent):
    tasks.evaluate_run(checkpoint.run_id)
    tasks.evaluate_run(checkpoint.run_id)
    assert sent == [("evaluate", Evaluation.objects.get().pk)]


def test_a_run_that_has_not_finished_is_not_evaluated(checkpoint, sent):
    Run.objects.update(status="stopped")
    tasks.evaluate_run(checkpoint.run_id)
    tasks.evaluate_run(10**6)
    assert sent == []


def test_an_open_evaluation_is_not_made_twice_but_a_new_opinion_is_a_new_row(checkpoint):
    first = evaluations.create_evaluation(checkpoint)
    assert evaluations.create_evaluation(checkpoint) == first
    Evaluation.objects.update(status="failed")
    assert evaluations.create_evaluation(checkpoint) != first


def test_a_second_delivery_does_nothing(checkpoint):
    report = make_report(checkpoint)
    assert evaluations.evaluate_checkpoint(report.evaluation_id, measure=lambda *a, **k: 1 / 0) is None
    assert Report.objects.count() == 1


def test_a_failure_is_told_and_leaves_no_report(checkpoint):
    evaluation = evaluations.create_evaluation(checkpoint)

    def fail(path, release, progress, **more):
        raise ZeroDivisionError("by zero")

    assert evaluations.evaluate_checkpoint(evaluation.pk, measure=fail) == "failed"
    evaluation.refresh_from_db()
    assert "ZeroDivisionError: by zero." in evaluation.message and "again" in evaluation.message
    assert not Report.objects.exists()
    with pytest.raises(EvaluationUnfinished, match="failed"):
        create_report(evaluation)


def test_a_report_that_cannot_be_drawn_fails_its_evaluation(checkpoint):
    evaluation = evaluations.create_evaluation(checkpoint)
    assert evaluations.evaluate_checkpoint(evaluation.pk, measure=lambda *a, **k: {"satisfied": {}}) == "failed"
    evaluation.refresh_from_db()
    assert evaluation.results == {}


def test_a_lost_lease_writes_nothing(checkpoint):
    evaluation = evaluations.create_evaluation(checkpoint)

    def slow(path, release, progress, **more):
        Evaluation.objects.update(lease_token="other")
        return {"anything": 1}

    assert evaluations.evaluate_checkpoint(evaluation.pk, measure=slow) is None
    evaluation.refresh_from_db()
    assert (evaluation.status, evaluation.lease_token, evaluation.results) == ("running", "other", {})


def test_a_lost_workers_evaluation_is_sent_again_and_not_for_ever(checkpoint, sent):
    evaluation = evaluations.create_evaluation(checkpoint)
    for loss in range(1, leases.MAX_LOSSES + 1):
        Evaluation.objects.update(
            status="running", lease_token="dead", heartbeat_at=timezone.now() - timedelta(hours=1)
        )
        tasks.sweep_evaluations()
        tasks.sweep_evaluations()
        assert len(sent) == min(loss, leases.MAX_LOSSES - 1)
    evaluation.refresh_from_db()
    assert evaluation.status == "failed" and "memory" in evaluation.message


def test_a_run_whose_evaluation_was_never_sent_is_found(checkpoint, sent):
    tasks.sweep_evaluations()
    assert sent == []  # its message is on the way
    Run.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    tasks.sweep_evaluations()
    assert sent == [("evaluate_run", checkpoint.run_id)]
    evaluations.create_evaluation_of_run(checkpoint.run_id)
    sent.clear()
    tasks.sweep_evaluations()
    assert sent == []


def test_on_another_release_the_one_it_was_trained_on_is_measured_beside(checkpoint, tmp_path):
    other = make_release(tmp_path / "other", name="others-v1", seed=4)
    asked = []

    def measure(path, release, *, home=None, **more):
        asked.append((release.sha256, home and home.sha256))
        raise ValueError("enough")

    for release in (other, checkpoint.run.release):
        evaluations.evaluate_checkpoint(evaluations.create_evaluation(checkpoint, release).pk, measure=measure)
    own = checkpoint.run.release.sha256
    assert asked == [(other.sha256, own), (own, None)]


def test_a_real_evaluation_on_another_release_says_what_is_lost(checkpoint, tmp_path):
    from analysis.evaluation import evaluate

    here, there = (
        open_release(r) for r in (checkpoint.run.release, make_release(tmp_path / "other", name="others-v1", seed=4))
    )
    results = evaluate(checkpoint_path(checkpoint), there, home=here, n_bootstrap=100)
    every = results["elsewhere"]["rows"][0]
    assert results["elsewhere"]["sha256"] == [here.sha256, there.sha256]
    assert every["here"]["n"] == 60 and every["drop"]["low"] < every["drop"]["value"] < every["drop"]["high"]


def test_a_worker_explains_as_much_as_the_setting_allows(checkpoint, settings, monkeypatch):
    import analysis.evaluation

    settings.EXPLAIN_TERAFLOPS = 2.5
    asked = []

    def evaluate(path, release, *, progress, teraflops, **more):
        asked.append(teraflops)
        raise ValueError("enough")

    monkeypatch.setattr(analysis.evaluation, "evaluate", evaluate)
    assert evaluations.evaluate_checkpoint(evaluations.create_evaluation(checkpoint).pk) == "failed"
    assert asked == [2.5]


def test_controls_are_asked_for_in_the_form_and_trained_by_the_worker(researcher_client, checkpoint, sent, monkeypatch):
    monkeypatch.setattr(tasks.evaluate, "delay_on_commit", lambda pk: sent.append(("evaluate", pk)))
    asked = {"checkpoint": checkpoint.pk, "release": checkpoint.run.release_id, "with_controls": "on"}
    researcher_client.post("/admin/analysis/evaluation/add/", asked)
    evaluation = Evaluation.objects.get()
    assert evaluation.with_controls and sent == [("evaluate", evaluation.pk)]
    told = {}

    def measure(path, release, **how):
        told.update(how)
        raise ValueError("enough")

    evaluations.evaluate_checkpoint(evaluation.pk, measure=measure)
    assert told["with_controls"] is True
    # Evaluated again, they are trained again; without the box they are not.
    data = {"action": "evaluate_again", "_selected_action": [evaluation.pk]}
    researcher_client.post("/admin/analysis/evaluation/", data)
    assert Evaluation.objects.latest("pk").with_controls
    plain = evaluations.create_evaluation(make_checkpoint_of(checkpoint))
    told.clear()
    evaluations.evaluate_checkpoint(plain.pk, measure=measure)
    assert "with_controls" not in told


def make_checkpoint_of(checkpoint):
    """Return another checkpoint of the same run, as one that was stored later."""
    from learning.models import Checkpoint

    return Checkpoint.objects.create(run=checkpoint.run, step=9, sha256=checkpoint.sha256[::-1], file=checkpoint.file)
