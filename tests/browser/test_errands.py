"""Rita presses a button in a real Chromium and reads, on the same page, how far it is and what came of it."""

import pytest
from playwright.sync_api import expect

from tests.annotation.making import make_study, work
from triplets.models import Errand
from triplets.services.errands import do_errand

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_release_is_watched_and_found_without_loading_the_page_again(researcher_page):
    page, study = researcher_page, make_study(n_questions=3, responses_per_question=1)
    work(study)
    page.goto(f"/admin/annotation/study/{study.pk}/change/")
    page.click("text=Freeze a release")
    told = page.locator("#work article")
    expect(told.locator(".badge")).to_have_text("waits for a worker")
    page.evaluate("window.isTheSamePage = true")
    Errand.objects.update(status="running", doing="writing responses", n_done=2000, n_all=50_000)
    expect(told.locator("[data-part=doing]")).to_have_text("writing responses: 2,000 of 50,000")
    assert told.locator("progress").evaluate("bar => bar.value / bar.max") == 0.04
    expect(told.locator("[data-part=link]")).to_be_hidden()
    Errand.objects.update(status="queued")
    assert do_errand(Errand.objects.get().pk) == "finished"
    expect(told.locator(".badge")).to_have_text("done")
    expect(told.locator("progress")).to_be_hidden()
    expect(told.locator("[data-part=message]")).to_contain_text(f"{study.name}-v1: 3 triplets")
    assert page.evaluate("window.isTheSamePage && document.documentElement.scrollWidth") == 360
    told.locator("[data-part=link]").click()
    expect(page.locator("h1").last).to_have_text(f"{study.name}-v1")


def test_what_fails_says_so_in_words(researcher_page):
    page, study = researcher_page, make_study(n_questions=3)
    page.goto(f"/admin/annotation/study/{study.pk}/change/")
    page.set_input_files("#id_file", {"name": "real.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"})
    page.locator("section[aria-label='Judgements from elsewhere'] button").click()
    expect(page.locator("#work article")).to_contain_text("real.csv")
    do_errand(Errand.objects.get().pk)
    expect(page.locator("#work .badge")).to_have_text("failed")
    expect(page.locator("#work [data-part=message]")).to_contain_text("real.csv")
