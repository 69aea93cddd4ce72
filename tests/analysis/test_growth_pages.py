"""Rita sets a policy, reads the curve and compares runs; nobody else does."""

import json

import pytest

from analysis import comparison, selectors
from analysis.models import RetrainingPolicy
from analysis.services.policies import set_policy
from learning.models import Run, RunPoint
from learning.recipes import RECIPES, groups
from tests.analysis.growing import grow, make_study, settle
from tests.annotation.votes import bare_study
from tests.learning.made import FAST, make_release, make_run

pytestmark = pytest.mark.django_db
LIST, COMPARE = "/admin/analysis/retrainingpolicy/", "/admin/analysis/evaluation/compare-runs/"


@pytest.fixture(autouse=True)
def place(settings, tmp_path, monkeypatch):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    monkeypatch.setattr("analysis.pages.render_report", lambda *a, **k: "<!doctype html>")


@pytest.fixture
def study():
    study = make_study(every=3)
    grow(study, 3)
    grow(study, 4)
    return study


@pytest.fixture
def runs(tmp_path):
    release = make_release(tmp_path)
    first, second = make_run(release), make_run(release, n_latent="6")
    for run in (first, second):
        RunPoint.objects.bulk_create(RunPoint(run=run, step=s, metrics={"loss": run.pk / s}) for s in (1, 2, 3))
    Run.objects.filter(pk=first.pk).update(status="finished", metrics={"satisfied_test": 0.75, "loss": 0.1})
    return first, second


def asked(of, **changes):
    return {"study": of.pk, "recipe": "topological-vae", "seed": "1", "changes": "n_steps=70", "every": "25",
            "is_active": "on"} | changes  # fmt: skip


def test_its_recipe_is_searched_for_as_at_the_form_of_a_run(researcher_client):
    policy = set_policy(bare_study(name="new"), "topological-vae-large", 100)
    for address in (f"{LIST}add/", f"{LIST}{policy.pk}/change/"):
        html = researcher_client.get(address).text
        assert "learning/recipes.js" in html and 'name="recipe" data-recipes' in html
        assert html.count("data-summary=") == len(RECIPES) and html.count("<optgroup label=") >= len(groups())
    assert 'value="topological-vae-large" selected' in html


def test_a_policy_is_set_and_changed(researcher_client, rita):
    study = bare_study(name="new")
    assert researcher_client.get(f"{LIST}add/").status_code == 200
    assert researcher_client.post(f"{LIST}add/", asked(study)).status_code == 302
    policy = RetrainingPolicy.objects.get()
    assert (policy.every, policy.changes, policy.publishes, policy.set_by) == (25, {"n_steps": "70"}, False, rita)
    page = researcher_client.get(f"{LIST}{policy.pk}/change/").content.decode()
    assert "No point yet: the first one comes after 25 settled questions" in page and "n_steps=70" in page
    changed = asked(make_study(name="other"), every="30", publishes="on")
    assert researcher_client.post(f"{LIST}{policy.pk}/change/", changed).status_code == 302
    policy.refresh_from_db()
    assert (policy.every, policy.publishes, policy.study) == (30, True, study)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"every": "0"}, "greater than or equal to 1"),
        ({"changes": "magic=1"}, "there is no setting &#x27;magic&#x27;"),
        ({"recipe": "magic"}, "not one of the available choices"),
        ({"study": ""}, "required"),
    ],
)
def test_what_could_not_be_followed_is_told(researcher_client, changes, words):
    page = researcher_client.post(f"{LIST}add/", asked(bare_study(), **changes))
    assert page.status_code == 200 and words in page.content.decode()
    assert not RetrainingPolicy.objects.exists()


def test_the_page_shows_the_curve_and_its_points(researcher_client, study):
    page = researcher_client.get(f"{LIST}{study.policy.pk}/change/").content.decode()
    assert 'data-lines="growth-series"' in page and "smiles-v2" in page
    assert page.count("80.0 <small>[70.0, 90.0]</small>") == 2
    assert "satisfied triplets, beside baselines and ceilings</option>" in page and "probe, accuracy</option>" in page
    assert "can be told from 3 points on" in page
    assert "<style" not in page and " style=" not in page and " onclick" not in page
    assert researcher_client.get(LIST).content.decode().count("run-badge is-finished") == 1


def test_a_failure_shows_its_reason_as_text(researcher_client, study):
    study.growth_points.update(message="</td><script>alert(1)</script>", status="failed")
    page = researcher_client.get(f"{LIST}{study.policy.pk}/change/").content.decode()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page


def test_the_curve_as_files(researcher_client, study):
    found = researcher_client.get(f"{LIST}{study.policy.pk}/growth.json").json()
    assert found["study"] == "smiles" and [p["n_responses"] for p in found["points"]] == [6, 14]
    assert found["points"][0]["figures"]["satisfied"]["value"] == 0.8 and found["points"][1]["report"]
    answer = researcher_client.get(f"{LIST}{study.policy.pk}/growth.csv")
    assert answer["Content-Type"].startswith("text/csv") and "growth-smiles.csv" in answer["Content-Disposition"]
    assert len(answer.content.decode().splitlines()) == 3
    for path in ("growth.json", "growth.csv"):
        assert researcher_client.post(f"{LIST}{study.policy.pk}/{path}").status_code == 405
        assert researcher_client.get(f"{LIST}999999/{path}").status_code == 404


def test_the_list_of_runs_leads_to_their_comparison(researcher_client, runs):
    chosen = {"action": "compare", "_selected_action": [run.pk for run in runs]}
    answer = researcher_client.post("/admin/learning/run/", chosen)
    assert answer["Location"] == f"{COMPARE}?runs={runs[0].pk},{runs[1].pk}"
    page = researcher_client.get(answer["Location"]).content.decode()
    assert '<th scope="row">latent dimensions<br><small>network.n_latent</small></th><td>4</td><td>6</td>' in page
    assert "<td>0.7500</td><td>–</td>" in page
    assert '<th scope="row">satisfied triplets, test</th>' in page and "<h3>loss</h3>" in page
    assert page.count("data-lines=") == 1 and "<style" not in page and " style=" not in page
    assert researcher_client.post(COMPARE).status_code == 405


def test_evaluated_figures_stand_beside_each_other(researcher_client, study):
    first, second = Run.objects.order_by("pk")
    found = comparison.figures(selectors.compared_runs([second.pk, first.pk]))
    assert found[0]["name"] == "satisfied, evaluated" and [c["value"] for c in found[0]["cells"]] == [0.8, 0.8]
    page = researcher_client.get(f"{COMPARE}?runs={first.pk}&runs={second.pk}").content.decode()
    assert "smiles-v1" in page and "80.0 <small>[70.0, 90.0]" in page


def test_alike_runs_differ_in_nothing(researcher_client, tmp_path):
    release = make_release(tmp_path)
    pks = f"{make_run(release).pk},{make_run(release).pk}"
    page = researcher_client.get(f"{COMPARE}?runs={pks}").content.decode()
    assert "every setting are alike" in page and "has drawn a curve yet" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [("", "There is no run yet"), ("?runs=x", "by their numbers"), ("?runs=1,2,3,4,5,6,7,8,9", "at most 8"),
     ("?runs=999999", "There is no run yet"), ("?runs=", "required")],
)  # fmt: skip
def test_what_cannot_be_compared_is_told(researcher_client, query, words):
    answer = researcher_client.get(COMPARE + query)
    assert answer.status_code == 200 and words in answer.content.decode()


def test_strangers_see_and_do_nothing(client, study, django_user_model):
    carol = django_user_model.objects.create_user("carol", password="another pass phrase")
    sam = django_user_model.objects.create_user("sam", password="another pass phrase", is_staff=True)
    one = f"{LIST}{study.policy.pk}/"
    reading = [LIST, f"{one}change/", f"{one}growth.json", f"{one}growth.csv", f"{LIST}add/", COMPARE]
    for user, status in ((None, 302), (carol, 302), (sam, 403)):
        if user:
            client.force_login(user)
        assert [client.get(path).status_code for path in reading] == [status] * len(reading)
        assert [client.post(path, asked(study)).status_code for path in (f"{one}change/", f"{LIST}add/")] == [
            status
        ] * 2
    study.policy.refresh_from_db()
    assert study.policy.every == 3 and study.policy.changes == FAST


def test_who_may_not_see_runs_compares_none(client, django_user_model, runs):
    from django.contrib.auth.models import Permission

    sam = django_user_model.objects.create_user("sam", password="another pass phrase", is_staff=True)
    sam.user_permissions.add(Permission.objects.get(codename="view_evaluation"))
    client.force_login(sam)
    assert client.get(f"{COMPARE}?runs={runs[0].pk}").status_code == 403


def test_lists_ask_little(researcher_client, study, django_assert_max_num_queries):
    settle(study, 1)
    with django_assert_max_num_queries(15):
        researcher_client.get(f"{LIST}{study.policy.pk}/change/")
    assert json.dumps(selectors.growth(study))
