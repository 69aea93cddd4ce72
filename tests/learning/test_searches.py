"""A search from its ranges to the best run, with a trainer that scores what it is told."""

import json

import pytest
from django.core.management import call_command

from learning import selectors, services
from learning.config import ConfigInvalid
from learning.models import Run, Search
from learning.services.searches import SearchIsOpen, SearchIsOver
from learning.tasks import send, train_run
from tests.learning.made import FAST, FakeTrainer, make_release

pytestmark = pytest.mark.django_db
RANGES = ["learning_rate=1e-4..1e-1", "form=residual|concatenated"]


@pytest.fixture
def release(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_release(tmp_path)


@pytest.fixture
def search(release):
    return services.create_search(release, "topological-vae", RANGES, n_rounds=2, n_trials=3, changes=FAST, seed=5)[0]


def rate(run) -> float:
    return float(run.changes["optimiser.learning_rate"])


class Scoring(FakeTrainer):
    """Knows how good a configuration is: the nearer the rate to 1e-2, the better."""

    def __call__(self, release, config, **asked):
        result = super().__call__(release, config, **asked)
        result.satisfied_validation = 1 / (1 + abs(config.optimiser.learning_rate - 0.01))
        return result


def work(search, trainer=None) -> list[int]:
    """Train whatever waits, as workers do, until nothing does; return the best runs that were told of."""
    best = []
    while (run := Run.objects.filter(search=search, status="queued").order_by("pk").first()) is not None:
        services.execute_run(run.pk, train=trainer or Scoring(1))
        due = services.tend_searches()
        best += due.best
    search.refresh_from_db()
    return best


def test_a_search_makes_its_first_round_at_once(release, rita):
    search, due = services.create_search(
        release, "topological-vae", RANGES, n_trials=4, changes=FAST, coarse={"patience": 2}, seed=5, created_by=rita
    )
    runs = list(search.runs.order_by("pk"))
    assert due.runs == [run.pk for run in runs] and len(runs) == 4
    assert {run.search_round for run in runs} == {1} and {run.created_by for run in runs} == {rita}
    assert len({rate(run) for run in runs}) == 4 and all(1e-4 <= rate(run) <= 1e-1 for run in runs)
    assert runs[0].config["training"]["n_steps"] == 60 and runs[0].config["training"]["patience"] == 2
    assert search.ranges == ["optimiser.learning_rate=0.0001..0.1", "network.form=residual|concatenated"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"ranges": ["magic=1..2"]}, "'magic'"), ({"changes": {"learning_rate": "1"}}, "both set and searched"),
     ({"n_trials": 0}, "at least one of each"), ({"coarse": {"n_steps": "x"}}, "'x'")],
)  # fmt: skip
def test_what_cannot_be_searched_leaves_nothing_behind(release, changes, words):
    asked = {"ranges": RANGES} | changes
    with pytest.raises(ConfigInvalid, match=words):
        services.create_search(release, "topological-vae", asked.pop("ranges"), **asked)
    assert not Search.objects.exists() and not Run.objects.exists()


def test_rounds_follow_one_another_and_narrow_about_the_best(search):
    (best,) = work(search)
    runs = list(search.runs.order_by("pk"))
    assert [run.search_round for run in runs] == [1, 1, 1, 2, 2, 2]
    nearest = min(runs[:3], key=lambda run: abs(rate(run) - 0.01))
    for run in runs[3:]:  # three decades, halved: at most .75 of a decade from the best, or inside the ends
        low = min(max(rate(nearest) / 10**0.75, 1e-4), 10**-2.5)
        assert low * 0.999 <= rate(run) <= low * 10**1.5 * 1.001
    assert (search.status, search.figure, search.message) == ("finished", "satisfied_validation", "")
    assert search.best_id == best == min(runs, key=lambda run: abs(rate(run) - 0.01)).pk
    assert services.tend_searches().runs == [] and search.runs.count() == 6


def test_a_round_waits_for_the_last_of_the_one_before(search):
    first, second, third = search.runs.order_by("pk")
    services.execute_run(first.pk, train=Scoring(1))
    services.execute_run(second.pk, train=Scoring(1))
    assert services.tend_searches().runs == []
    services.execute_run(third.pk, train=Scoring(1))
    assert len(services.tend_searches().runs) == 3
    assert services.tend_searches().runs == []  # a sweep that comes twice


def test_the_same_search_draws_the_same(search, release):
    again = services.create_search(release, "topological-vae", RANGES, n_rounds=2, n_trials=3, changes=FAST, seed=5)[0]
    other = services.create_search(release, "topological-vae", RANGES, n_rounds=2, n_trials=3, changes=FAST, seed=6)[0]
    for one in (search, again, other):
        work(one)
    changes = [list(one.runs.order_by("pk").values_list("changes", flat=True)) for one in (search, again, other)]
    assert changes[0] == changes[1] != changes[2]


def test_a_run_that_fails_has_no_score_and_ends_no_search(search):
    def fail(step):
        raise RuntimeError("the card fell out")

    first = search.runs.order_by("pk").first()
    services.execute_run(first.pk, train=FakeTrainer(1, at_step=fail))
    services.tend_searches()
    work(search)
    assert search.status == "finished" and search.best_id != first.pk and search.runs.count() == 6


def test_a_search_in_which_all_fail_says_so(search):
    def fail(step):
        raise RuntimeError("the card fell out")

    work(search, FakeTrainer(1, at_step=fail))
    assert search.status == "failed" and "the card fell out" in search.message and search.runs.count() == 3
    assert len(services.resume_search(search).runs) == 3
    work(search)
    assert search.status == "finished" and search.message == ""


def test_a_search_is_stopped_and_goes_on(search):
    first = search.runs.order_by("pk").first()
    services.execute_run(first.pk, train=Scoring(1))
    assert services.stop_search(search).status == "stopped"
    assert services.stop_search(search).status == "stopped"
    assert set(search.runs.values_list("status", flat=True)) == {"finished", "stopped"}
    assert services.tend_searches().runs == []
    assert len(services.resume_search(search).runs) == 2
    with pytest.raises(SearchIsOpen, match="cannot be resumed: it is under way"):
        services.resume_search(search)
    work(search)
    assert search.status == "finished" and search.runs.count() == 6
    with pytest.raises(SearchIsOver, match="cannot be stopped: it is Finished"):
        services.stop_search(search)


def test_a_lost_worker_and_a_lost_message_lose_no_search(search):
    """The rows are enough: a run of a killed worker is queued again, a round that was never made is made."""
    first = search.runs.order_by("pk").first()
    Run.objects.filter(pk=first.pk).update(status="running", lease_token="dead", heartbeat_at=None)
    assert first.pk in services.sweep_runs()
    work(search)
    assert search.status == "finished" and search.runs.count() == 6


def test_only_the_best_run_of_a_search_is_evaluated(search, monkeypatch):
    told = []
    monkeypatch.setattr("learning.tasks.current_app.send_task", lambda name, arguments: told.append((name, arguments)))
    best = work(search)
    assert list(selectors.without_evaluation()) == [search.best]
    send(type("Due", (), {"runs": [], "best": best}))
    assert told == [("analysis.tasks.evaluate_run", [search.best_id])]


def test_a_task_trains_tends_and_tells(search, monkeypatch):
    """One Celery task a configuration: the task of a round's last run sends those of the next."""
    sent = []
    monkeypatch.setattr(train_run, "delay", sent.append)
    monkeypatch.setattr("learning.tasks.current_app.send_task", lambda *told: sent.append(told))
    trainer = Scoring(1)
    plain = services.execute_run
    monkeypatch.setattr(services, "execute_run", lambda pk, worker: plain(pk, worker=worker, train=trainer))
    first = list(search.runs.order_by("pk").values_list("pk", flat=True))
    for pk in first:
        train_run.apply(args=[pk])
    assert sent == [pk for pk in search.runs.order_by("pk").values_list("pk", flat=True) if pk not in first]
    for pk in list(sent):
        train_run.apply(args=[pk])
    search.refresh_from_db()
    assert sent[3:] and sent[3] == ("analysis.tasks.evaluate_run", [search.best_id])


def test_the_command_starts_a_search(release, capsys, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(train_run, "delay_on_commit", sent.append)
    sets = [part for key, value in FAST.items() for part in ("--set", f"{key}={value}")]
    call_command("search", "topological-vae", "learning_rate=1e-4..1e-1", "--release", release.name, "--trials", "2",
                 "--rounds", "1", "--json", *sets)  # fmt: skip
    state = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert state["status"] == "open" and [run["run"] for run in state["runs"]] == sent and len(sent) == 2
    assert state["ranges"] == ["optimiser.learning_rate=0.0001..0.1"]
