"""Wherever people go in a real Chromium, back, twice, late or without JavaScript, they come to something sensible."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.models import Assignment, Response
from annotation.services import links, studies
from annotation.services.assignments import expire_leases
from tests.annotation.making import enter, make_collection, make_study
from tests.browser.people import KEY, KINDS, PHONE, address, all_saved, answer_all, ready
from triplets.services.questions import create_rating_questions

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_tab_that_finishes_leads_the_first_one_on(visit, kind):
    alice = enter(make_study(kind=kind, n_questions=3, n_gold=0))
    first = visit(address(alice))
    ready(first, 0)
    second = first.context.new_page()
    second.goto(first.url)
    answer_all(second, kind, range(3))
    second.wait_for_url("**/thanks")
    first.wait_for_url("**/thanks")
    assert Response.objects.count() == 3


def test_a_second_browser_that_finishes_changes_no_answer(visit):
    """Two devices know nothing of each other: the first answer to each question stands."""
    alice = enter(make_study(n_questions=3, n_gold=0))
    first, second = visit(address(alice)), visit(address(alice), **PHONE)
    ready(first, 0)
    answer_all(second, "triplet", range(3))
    second.wait_for_url("**/thanks")
    for position in range(3):
        ready(first, position)
        first.keyboard.press("j")
    first.wait_for_url("**/thanks")
    assert {(r.choice == "first") == r.is_first_left for r in Response.objects.all()} == {True}


@pytest.mark.parametrize("kind", KINDS)
def test_work_that_somebody_else_has_taken_over_says_so(visit, kind):
    alice = enter(make_study(kind=kind, n_questions=3, n_gold=0, responses_per_question=1))
    page = visit(address(alice))
    ready(page, 0)
    Assignment.objects.update(state="expired")
    alice.study.slots.update(state="done")
    page.keyboard.press(KEY[kind])
    page.wait_for_selector("#trouble:not([hidden])")
    assert "other people have taken your place" in page.locator("#trouble").inner_text()
    all_saved(page)
    assert Response.objects.count() == 1  # what she answered is kept all the same
    page.click("#trouble a")
    page.wait_for_selector("text=What to do")


@pytest.mark.parametrize("kind", KINDS)
def test_a_lease_that_expires_while_offline_loses_nothing(visit, kind):
    alice = enter(make_study(kind=kind, n_questions=4, batch_size=4, n_gold=0))
    page = visit(address(alice))
    ready(page, 0)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    answer_all(page, kind, range(3))
    page.wait_for_selector("#state[data-state=waiting]")
    Assignment.objects.update(leased_until=timezone.now() - timedelta(hours=1))
    assert expire_leases() == 1
    page.context.set_offline(False)
    all_saved(page)
    answer_all(page, kind, [3])
    page.wait_for_url("**/thanks")
    assert Response.objects.count() == 4
    assert Assignment.objects.get().state == "completed"


@pytest.mark.parametrize("kind", KINDS)
def test_the_back_button_leads_on(visit, kind):
    study = make_study(kind=kind, n_questions=3, n_gold=0, n_practice=1)
    alice = enter(study, is_ready=False)
    page = visit(address(alice, ""))
    page.click("text=I agree")
    page.wait_for_selector("text=What to do")
    page.go_back()  # the consent was given
    page.wait_for_selector("text=What to do")
    page.click("text=Try it first")
    answer_all(page, kind, [0])
    page.click("#feedback button")
    page.wait_for_url("**/questions")
    answer_all(page, kind, [0])
    ready(page, 1)
    page.go_back()  # practice may be done again, and leads to where the person was
    page.wait_for_url("**/practice")
    answer_all(page, kind, [0])
    page.click("#feedback button")
    page.wait_for_url("**/questions")
    answer_all(page, kind, [1, 2])
    page.wait_for_url("**/thanks")
    page.go_back()
    page.wait_for_url("**/thanks")
    assert Response.objects.count() == 3


CHOSEN = {"triplet": "[name=choice][value=right]", "rating": "[name=rating][value='7']", "choice": "[value=sad]"}


@pytest.mark.parametrize("kind", KINDS)
def test_without_javascript(visit, kind):
    study = make_study(kind=kind, n_questions=3, n_gold=0, n_practice=2)
    page = visit(links.entry_url(study), java_script_enabled=False)
    page.click("button.primary")
    page.click("a.primary")
    for _ in range(2):
        page.click(CHOSEN[kind])
        assert "ost people" in page.locator(".feedback").inner_text()
        page.click(".feedback a")
    for position in range(3):
        assert page.locator("#count").inner_text() == f"{position + 1} / 3"
        page.click(CHOSEN[kind])
    assert page.url.endswith("/thanks")
    page.go_back()
    page.reload()
    assert page.url.endswith("/thanks")
    saved = Response.objects.values_list("choice", "rating", "label", "response_ms")
    assert len(saved) == 3
    if kind == "rating":
        assert set(saved) == {("", 7.0, "", None)}
    if kind == "choice":
        assert set(saved) == {("", None, "sad", None)}


def test_several_attributes_and_a_slider_without_javascript(visit):
    study = make_study(
        kind="rating", collection=make_collection(1), n_questions=0, n_gold=0, is_open=False, groups_attributes=True,
        attributes=["happy", "old"], scale_low=0, scale_high=100,
    )  # fmt: skip
    create_rating_questions(study.question_set, study.attributes)
    studies.create_batches(study)
    studies.open_study(study)
    page = visit(address(enter(study)), java_script_enabled=False, **PHONE)
    for value in ("20", "80"):
        assert not page.locator("output").is_visible()  # nothing would bring it up to date
        page.locator("[type=range]").fill(value)
        page.click(".slider button")
    page.wait_for_url("**/thanks")
    saved = Response.objects.order_by("position").values_list("question__attribute", "rating")
    assert sorted(dict(saved)) == ["happy", "old"]
    assert [rating for _, rating in saved] == [20, 80]
