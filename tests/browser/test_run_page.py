"""The live page of a run in a real Chromium: what the row says is on the page within two seconds."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from learning.models import Run, RunPoint
from tests.learning.made import make_release, make_run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def run(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_run(make_release(tmp_path))


@pytest.fixture
def page(chromium, live_server, client, rita):
    client.force_login(rita)
    context = chromium.new_context(viewport={"width": 360, "height": 800}, base_url=live_server.url)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.clock.install()  # the page's timers go by a clock that a test can stop and move
    page.complaints = []
    # A browser asks every site for this file by itself.
    page.on("console", lambda m: None if "favicon" in m.location["url"] else page.complaints.append(m.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


def test_progress_is_on_the_page_within_two_seconds(page, run):
    page.goto(f"/admin/learning/run/{run.pk}/change/")
    expect(page.locator("#run-badge")).to_have_text("Queued")
    expect(page.locator("#run-place")).to_have_text("place 1 in the queue")
    now = timezone.now()
    with page.expect_response("**/progress.json") as answered:
        page.clock.pause_at(now + timedelta(minutes=1))
    answered.value.finished()
    RunPoint.objects.bulk_create(RunPoint(run=run, step=step, metrics={"loss": 9 / step}) for step in range(1, 30))
    Run.objects.update(
        status="running", lease_token="held", heartbeat_at=now, started_at=now, step=29, n_steps=60, seconds_left=75,
        metrics={"loss": 0.31},
    )  # fmt: skip
    page.clock.run_for(2000)
    expect(page.locator("#run-badge")).to_have_text("Running", timeout=20_000)
    expect(page.locator("#run-step")).to_have_text("29")
    expect(page.locator("#run-time")).to_have_text(re.compile("about 1 min 15 s left"))
    expect(page.locator("#run-metrics")).to_contain_text("0.3100")
    expect(page.locator("#run-curves polyline")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    Run.objects.update(metrics={"satisfied_test": 0.8, "satisfied_train": 0.9, "best_step": 20})
    RunPoint.objects.bulk_create(RunPoint(run=run, step=30 + k, metrics={"same": 3, "loss": 0.1}) for k in range(2))
    page.clock.run_for(2000)
    expect(page.locator("#run-splits tbody tr")).to_have_text(["satisfied triplets0.8000–0.9000"], timeout=20_000)
    expect(page.locator("#run-metrics")).to_have_text("step that is kept20")
    expect(page.locator("#run-curves figure")).to_have_count(1)  # what never changes is no curve

    page.clock.resume()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#run-badge")).to_have_text("asked to stop")
    assert Run.objects.get().status == "stopping"
    Run.objects.update(status="stopped", lease_token="", finished_at=timezone.now(), message="Stopped.")
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    assert page.complaints == []


def test_what_falls_by_orders_of_magnitude_is_compared_on_a_logarithmic_axis(page, run):
    second = make_run(run.release)
    for one, start in ((run, 5000), (second, 900)):
        points = [{"loss": start / step**2, "kl": 30 - step} for step in range(1, 21)]
        RunPoint.objects.bulk_create(RunPoint(run=one, step=k, metrics=m) for k, m in enumerate(points, start=1))
    page.goto(f"/admin/analysis/evaluation/compare-runs/?runs={run.pk},{second.pk}")
    loss, kl = page.locator("[data-lines]").nth(0), page.locator("[data-lines]").nth(1)
    assert loss.get_attribute("data-title") == "loss against the step"
    marks = loss.locator(".lines-grid + .lines-end")
    expect(marks).to_have_text(["10", "100", "1,000"])
    expect(loss).to_contain_text("step; upwards logarithmic")
    heights = [
        float(y) for y in loss.locator(".lines-grid").evaluate_all("all => all.map(one => one.getAttribute('y1'))")
    ]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2]) and heights[0] > heights[1]
    expect(kl).not_to_contain_text("logarithmic")
    assert page.complaints == []


def test_the_list_of_runs_keeps_up_and_leaves_alone_what_is_ticked(page, run):
    second = make_run(run.release)
    page.goto("/admin/learning/run/")
    expect(page.locator(".field-state")).to_have_text(["Queued, place 2", "Queued, place 1"])
    page.locator(f"input[value='{second.pk}']").check()
    Run.objects.filter(pk=run.pk).update(
        status="running", lease_token="held", heartbeat_at=timezone.now(), step=30, n_steps=60
    )
    expect(page.locator(".field-state")).to_have_text(["Queued, place 1", "Running"], timeout=20_000)
    expect(page.locator(".field-progress")).to_have_text(["–", re.compile("30 / 60")])
    expect(page.locator(f"input[value='{second.pk}']")).to_be_checked()
    Run.objects.update(status="finished", lease_token="", metrics={"satisfied_test": 0.8125})
    expect(page.locator(".field-state")).to_have_text(["Finished", "Finished"], timeout=20_000)
    expect(page.locator(".field-result").first).to_have_text("satisfied 0.812")
    assert page.complaints == []


def test_a_site_that_is_away_is_told_and_found_again(page, run):
    page.goto(f"/admin/learning/run/{run.pk}/change/")
    page.context.set_offline(True)
    expect(page.locator("#run-lost")).to_be_visible(timeout=20_000)
    page.context.set_offline(False)
    expect(page.locator("#run-lost")).to_be_hidden(timeout=20_000)
