"""The live page of a study in a real Chromium: plots, and what people answer meanwhile is on it by itself."""

import re

import pytest
from playwright.sync_api import expect

from annotation.services import quality
from annotation.services.consensus import settle_questions
from annotation.services.screening import exclude
from tests.annotation.making import make_study, work

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DISSENT = {"triplet": {"choice": "second"}, "rating": {"rating": 8}, "choice": {"label": "sad"}}
SOON = 12_000  # milliseconds
PLOTS = {
    "triplet": ["people", "agreement", "ceilings", "posterior"],
    "rating": ["people", "agreement", "reliability", "means"],
    "choice": ["people", "agreement", "ceilings", "posterior"],
}


@pytest.fixture
def page(chromium, live_server, client, rita, monkeypatch):
    monkeypatch.setattr(quality, "KEPT_SECONDS", -1)
    client.force_login(rita)
    context = chromium.new_context(viewport={"width": 360, "height": 800}, base_url=live_server.url)
    session = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    # The page asks every five seconds; here it need not be waited for so long.
    page.add_init_script("const wait = setTimeout; setTimeout = (f, ms) => wait(f, ms === 5000 ? 250 : ms);")
    page.complaints = []
    page.on("console", lambda m: None if "favicon" in m.location["url"] else page.complaints.append(m.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


@pytest.mark.parametrize("kind", PLOTS)
def test_plots_are_drawn_and_follow_what_people_answer(page, kind):
    study = make_study(n_questions=6, kind=kind, responses_per_question=3, min_gold=2)
    work(study, "alice")
    page.goto(f"/admin/annotation/study/{study.pk}/change/")
    alone = page.locator("[data-plot=people] svg > title").first
    expect(alone).to_have_text(re.compile("^The 1 lowest accuracy of 1 person;"))
    carol = work(study, "carol")
    dissent = carol.annotator.responses.filter(is_right=None).order_by("pk").values_list("pk", flat=True)[:3]
    study.responses.filter(pk__in=list(dissent)).update(**DISSENT[kind])
    page.goto(f"/admin/annotation/study/{study.pk}/change/")
    expect(page.locator("[data-plot=people] svg")).to_be_visible()
    expect(page.locator("[data-plot=agreement] svg")).to_be_visible()
    expect(page.locator("[data-plot=posterior], [data-plot=means]")).to_contain_text("Nothing is settled")
    count = page.locator("[data-count=n_responses]")
    n_before = study.responses.count()
    expect(count).to_have_text(str(n_before))
    expect(page.locator("[data-plot=people] circle")).to_have_count(2)
    expect(page.locator("li.is-done b")).to_have_text("4")
    expect(page.locator("[data-accuracy]")).to_have_text(re.compile(r"^1\.00"))

    bob = work(study, "bob", is_gold_right=False)
    expect(count).to_have_text(str(study.responses.count()), timeout=SOON)
    assert study.responses.count() > n_before
    expect(page.locator("[data-plot=people] circle")).to_have_count(3)
    expect(page.locator("[data-plot=people] .is-out")).not_to_have_count(0)
    expect(page.locator("[data-count=n_excluded]")).to_have_text("1")
    expect(page.locator("[data-accuracy]")).to_have_text(re.compile(r"^\.?0?\.[5-9]"))
    n_void = study.slots.filter(state="void").count()
    expect(page.locator("li.is-void b")).to_have_text(str(n_void))
    assert bob.is_excluded and n_void
    work(study, "dora")
    settle_questions(study)
    for name in PLOTS[kind]:
        expect(page.locator(f"[data-plot={name}] svg")).to_be_visible(timeout=SOON)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []


def test_each_attribute_says_how_many_raters_are_still_needed(page):
    study = make_study(n_questions=6, kind="rating", responses_per_question=3, n_gold=0)
    for name in ("alice", "carol"):
        person = work(study, name)
    for place, response in enumerate(person.annotator.responses.order_by("question_id")):
        type(response).objects.filter(pk=response.pk).update(rating=1 + place)
    page.goto(f"/admin/annotation/study/{study.pk}/change/")
    expect(page.locator("[data-plot=reliability]")).to_contain_text(re.compile("more|enough|not known"))
    exclude(person, "researcher")
    expect(page.locator("[data-count=n_excluded]")).to_have_text("1", timeout=SOON)
