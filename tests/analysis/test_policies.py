"""Settled -> release -> run -> evaluation -> a point: once each, whatever is killed in between."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from analysis import tasks
from analysis.models import Evaluation, GrowthPoint, Report, RetrainingPolicy
from analysis.services import evaluations, growth
from analysis.services.policies import set_policy, switch_off
from learning import services as learning
from learning.config import ConfigInvalid
from learning.models import Run
from learning.recipes import RecipeUnknown
from tests.analysis import growing
from tests.analysis.growing import counts, grow, make_study, run_due, settle
from triplets.models import Release

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet_reports(settings, tmp_path, monkeypatch):
    """Reports are drawn from whole results, which these tests do not measure: their text is not the point here."""
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    monkeypatch.setattr("analysis.pages.render_report", lambda *a, **k: "<!doctype html>")


@pytest.fixture
def study():
    return make_study(every=3)


def test_nothing_begins_before_enough_is_settled(study):
    settle(study, 2)
    assert run_due() == growth.Due() and counts(study) == (0, 0, 0)
    settle(study, 1)
    run_due()
    assert counts(study) == (1, 1, 1)


def test_a_point_has_its_release_run_evaluation_and_figures(study):
    point = grow(study, 4)
    assert (point.status, point.n_settled, point.n_responses, point.message) == ("finished", 4, 8, "")
    assert point.release == Release.objects.get() == point.run.release == point.evaluation.release
    assert point.run.recipe == "topological-vae" and point.run.changes == study.policy.changes
    assert point.figures["satisfied"] == {"value": 0.8, "low": 0.7, "high": 0.9, "n": 40}
    assert set(point.figures["baselines"]) == {"raw"} and set(point.figures["ceilings"]) == {"one_person"}
    assert not Report.objects.get().is_published
    assert run_due() == growth.Due() and counts(study) == (1, 1, 1)


def test_the_next_point_counts_from_the_last(study):
    grow(study, 4)
    grow(study, 2)
    assert counts(study) == (1, 1, 1)
    point = grow(study, 1)
    assert counts(study) == (2, 2, 2) and point.n_settled == 7 and point.n_responses == 14


def test_a_warm_policy_begins_where_the_last_training_by_its_recipe_ended(study):
    first = grow(study, 3)
    set_policy(study, "topological-vae", 3, changes=growing.FAST, warm_start=True)
    second = grow(study, 3)
    assert first.run.starts_from is None
    assert second.run.starts_from == first.run.checkpoints.get() and second.status == "finished"
    set_policy(study, "topological-vae-model-2", 3, changes=growing.FAST, warm_start=True)
    assert grow(study, 3).run.starts_from is None  # the first by that recipe


def test_however_much_is_settled_one_run_is_open(study):
    settle(study, 3)
    growth.tend_policies()
    settle(study, 9)
    for _ in range(3):
        assert growth.tend_policies() == growth.Due()
    assert counts(study) == (1, 1, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        GrowthPoint.objects.create(study=study, n_settled=12)


def test_reports_are_published_only_if_that_was_allowed(rita):
    study = make_study(publishes=True, set_by=rita)
    grow(study, 3)
    report = Report.objects.get()
    assert report.is_published and report.published_by == rita
    switch_off(study.policy)
    settle(study, 3)
    assert run_due() == growth.Due()


@pytest.mark.parametrize("where", ["learning.create_run", "create_evaluation_of_run", "publish_report", "_start"])
def test_a_sweep_killed_at_a_step_does_nothing_twice(rita, monkeypatch, where):
    study = make_study(publishes=True, set_by=rita)
    settle(study, 3)
    names = where.split(".")
    owner = growth.learning if len(names) == 2 else growth
    true = getattr(owner, names[-1])

    def killed(*args, **kwargs):
        raise SystemExit

    monkeypatch.setattr(owner, names[-1], killed)
    n_killed = 0
    for _ in range(4):
        try:
            run_due()
        except SystemExit:
            n_killed += 1
    assert n_killed
    monkeypatch.setattr(owner, names[-1], true)
    for _ in range(3):
        run_due()
    assert counts(study) == (1, 1, 1) and Evaluation.objects.count() == 1
    assert study.growth_points.get().status == "finished" and Report.objects.get().is_published


def test_a_sweep_killed_right_after_freezing_finds_its_release(study, monkeypatch):
    settle(study, 3)
    true = growth.freeze_release

    def killed(study):
        true(study)
        raise SystemExit

    monkeypatch.setattr(growth, "freeze_release", killed)
    with pytest.raises(SystemExit):
        growth.tend_policies()
    settle(study, 1)  # a second freezing would give a second release
    monkeypatch.setattr(growth, "freeze_release", true)
    assert grow(study, 0).status == "finished"
    assert counts(study) == (1, 1, 1) and study.growth_points.get().n_responses == 6


def test_two_sweeps_freeze_once_and_a_killed_one_is_given_up(study, monkeypatch):
    settle(study, 3)
    begun = GrowthPoint.objects.create(study=study, n_settled=3, freezing_since=timezone.now())
    assert growth.tend_policies() == growth.Due() and counts(study) == (1, 0, 0)
    begun.freezing_since -= growth.FREEZING_PATIENCE + timedelta(seconds=1)
    begun.save()
    assert len(growth.tend_policies().runs) == 1


def test_a_run_that_failed_says_why_and_goes_on_when_resumed(study):
    point = grow(study, 3, train=growing.failing_trainer)
    assert point.status == "failed" and "Memory ran out" in point.message and "Run " in point.message
    assert run_due() == growth.Due() and counts(study) == (1, 1, 1)  # it is not tried for ever
    learning.resume_run(point.run)
    run_due()
    point.refresh_from_db()
    assert point.status == "open" and point.message == ""
    learning.execute_run(point.run_id, train=growing.plain_trainer)
    assert grow(study, 0).status == "finished"
    assert counts(study) == (1, 1, 1)


def test_after_a_failure_the_next_point_comes_in_its_time(study):
    grow(study, 3, train=growing.failing_trainer)
    assert grow(study, 2).status == "failed"
    assert grow(study, 1).status == "finished" and counts(study) == (2, 2, 2)


def test_an_evaluation_that_failed_says_why_and_may_be_repeated(study, monkeypatch):
    settle(study, 3)
    run_due()
    (pk,) = growth.tend_policies().evaluations

    def fail(*args, **kwargs):
        raise ZeroDivisionError("by zero")

    evaluations.evaluate_checkpoint(pk, measure=fail)
    run_due()
    point = study.growth_points.get()
    assert point.status == "failed" and "by zero" in point.message
    again = evaluations.create_evaluation(point.evaluation.checkpoint)
    evaluations.evaluate_checkpoint(again.pk, measure=lambda *a, **k: growing.RESULTS)
    run_due()
    point.refresh_from_db()
    assert point.status == "finished" and point.evaluation == again


def test_a_full_disk_is_told_and_tried_again(study, monkeypatch):
    settle(study, 3)
    true = growth.freeze_release

    def full(study):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(growth, "freeze_release", full)
    growth.tend_policies()
    point = study.growth_points.get()
    assert point.status == "open" and "No space left" in point.message
    monkeypatch.setattr(growth, "freeze_release", true)
    assert grow(study, 0).status == "finished"


def test_one_bad_study_stops_no_other(study, monkeypatch):
    other = make_study(name="frowns")
    settle(study, 3), settle(other, 3)
    true = growth.freeze_release
    monkeypatch.setattr(growth, "freeze_release", lambda s: 1 / 0 if s.name == "smiles" else true(s))
    assert len(growth.tend_policies().runs) == 1
    assert "ZeroDivisionError" in study.growth_points.get().message


def test_a_recipe_that_is_gone_ends_the_point(study):
    RetrainingPolicy.objects.update(recipe="forgotten")
    settle(study, 3)
    growth.tend_policies()
    point = study.growth_points.get()
    assert point.status == "failed" and "forgotten" in point.message and not Run.objects.exists()


def test_switched_off_what_trains_is_finished_and_not_published(study):
    set_policy(study, "topological-vae", 3, changes=study.policy.changes, publishes=True)
    settle(study, 3)
    run_due()
    switch_off(RetrainingPolicy.objects.get())
    assert grow(study, 5).status == "finished" and counts(study) == (1, 1, 1)
    assert not Report.objects.get().is_published


def test_the_task_schedules_what_is_due(study, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.train_run, "delay", lambda pk: sent.append(("train", pk)))
    monkeypatch.setattr(tasks.evaluate, "delay", lambda pk: sent.append(("evaluate", pk)))
    settle(study, 3)
    tasks.tend_policies()
    tasks.tend_policies()
    run = Run.objects.get()
    assert sent == [("train", run.pk)]
    learning.execute_run(run.pk, train=growing.plain_trainer)
    tasks.tend_policies()
    tasks.tend_policies()
    assert sent[1:] == [("evaluate", Evaluation.objects.get().pk)]


def test_the_scheduler_tends_policies():
    from config.celery import app

    assert "analysis.tasks.tend_policies" in {entry["task"] for entry in app.conf.beat_schedule.values()}


def test_what_could_not_be_followed_is_refused(study):
    for error, arguments in ((RecipeUnknown, ("magic", 3)), (ValueError, ("topological-vae", 0))):
        with pytest.raises(error):
            set_policy(study, *arguments)
    with pytest.raises(ConfigInvalid):
        set_policy(study, "topological-vae", 3, changes={"magic": "1"})
    with pytest.raises(IntegrityError), transaction.atomic():
        RetrainingPolicy.objects.update(every=0)


def command(*arguments) -> dict:
    out = io.StringIO()
    call_command("set_policy", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_the_command_sets_and_switches_off(study):
    state = command("smiles", "--recipe", "topological-vae", "--every", "50", "--publish", "--set", "n_steps=70")
    assert (state["every"], state["publishes"], state["is_active"]) == (50, True, True)
    assert state["changes"] == {"n_steps": "70"}
    state = command("smiles", "--every", "60")
    assert (state["every"], state["publishes"], state["changes"]) == (60, False, {"n_steps": "70"})
    assert command("smiles", "--off")["is_active"] is False
    assert RetrainingPolicy.objects.get().is_active is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "no study 'nothing'. Studies: smiles"),
        (("smiles", "--recipe", "magic"), "magic"),
        (("smiles", "--every", "0"), "at least 1"),
        (("smiles", "--set", "n_steps"), "expected key=value"),
        (("smiles", "--seed", "-1"), "from 0"),
    ],
)
def test_bad_input_is_one_sentence(study, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("set_policy", *arguments)
