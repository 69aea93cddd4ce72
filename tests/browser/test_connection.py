"""Answers in a real Chromium on a bad line: none lost, none doubled, whatever the line or the site does."""

import json

import pytest

from annotation.models import Assignment, Response
from annotation.services import links
from annotation.services.assignments import claim_assignment
from tests.annotation.making import enter, finish, make_study
from tests.browser.people import KINDS, address, all_saved, answer_all, ready

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def positions():
    return list(Response.objects.order_by("pk").values_list("position", flat=True))


def begin(visit, n=6, **settings):
    alice = enter(make_study(n_questions=n, batch_size=n, n_gold=0, **settings))
    page = visit(address(alice))
    ready(page, 0)
    page.wait_for_load_state("networkidle")  # the next pictures are in memory
    return page


@pytest.mark.parametrize("kind", KINDS)
def test_offline_and_back_loses_and_doubles_nothing(visit, kind):
    page = begin(visit, kind=kind)
    page.context.set_offline(True)
    answer_all(page, kind, range(3))
    page.wait_for_selector("#state[data-state=waiting]")
    assert "3 waiting" in page.locator("#state-text").inner_text()
    assert not Response.objects.exists()
    page.context.set_offline(False)
    all_saved(page)
    answer_all(page, kind, range(3, 6))
    page.wait_for_url("**/thanks")
    assert positions() == list(range(6))


def test_practice_that_ends_offline_waits_for_the_connection(visit):
    alice = enter(make_study(n_questions=3, n_gold=0, n_practice=1), is_ready=False)
    links.record_consent(alice)
    page = visit(address(alice, "practice"))
    answer_all(page, "triplet", [0])
    page.wait_for_selector("#feedback button")
    page.context.set_offline(True)
    page.click("#feedback button")
    page.wait_for_selector("text=There is no connection at the moment. This page goes on by itself.")
    page.context.set_offline(False)
    page.wait_for_url("**/questions")


def test_a_tab_closed_while_offline_keeps_its_answers(visit):
    page = begin(visit)
    page.context.set_offline(True)
    answer_all(page, "triplet", range(2))
    page.wait_for_selector("#state[data-state=waiting]")
    url, context = page.url, page.context
    page.close()
    context.set_offline(False)
    page = context.new_page()
    page.goto(url)
    ready(page, 2)  # what waits to be sent is not asked again
    all_saved(page)
    assert positions() == [0, 1]


def test_the_browser_asks_before_a_tab_with_waiting_answers_is_closed(visit):
    page = begin(visit)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.context.set_offline(True)
    page.keyboard.press("f")
    page.wait_for_selector("#state[data-state=waiting]")
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert asked == ["beforeunload"]


def test_answers_of_a_closed_tab_are_sent_from_whatever_page_is_opened_next(visit):
    study = make_study(n_questions=6, batch_size=3, n_gold=0, responses_per_question=1)
    alice = enter(study)
    finish(claim_assignment(study, alice.annotator))
    second = claim_assignment(study, alice.annotator)
    page = visit(address(alice))
    ready(page, 0)
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    answer_all(page, "triplet", range(2))
    page.wait_for_selector("#state[data-state=waiting]")
    url, context = page.url, page.context
    page.close()
    Assignment.objects.filter(pk=second.pk).update(state="expired")
    study.slots.filter(pk=second.slot_id).update(state="done")  # somebody else took it over meanwhile
    context.set_offline(False)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("text=All your 5 answers are saved.")
    assert sorted(second.responses.values_list("position", flat=True)) == [0, 1]
    assert page.evaluate("Object.keys(localStorage).length") == 0


#: What may come in the place of the site's own yes or no.
TROUBLES = {
    "an error of the site": {"status": 500, "body": "<h1>Server Error (500)</h1>", "content_type": "text/html"},
    "a gateway without a site": {"status": 502, "body": "Bad gateway", "content_type": "text/plain"},
    "a site that is full": {"status": 503, "json": {"error": "full"}},
    "too many requests": {"status": 429, "json": {"error": "x", "code": "y"}, "headers": {"Retry-After": "77"}},
    "the login page of a hotel": {"status": 200, "body": "<h1>Welcome to our hotel</h1>", "content_type": "text/html"},
    "somebody's JSON": {"status": 200, "json": {"ok": True}},
    "a proxy that forbids": {"status": 403, "body": "Forbidden by policy", "content_type": "text/html"},
    "a proxy that finds nothing": {"status": 404, "body": "Not found", "content_type": "text/html"},
}
SHORT_PAUSES = """() => {
    const real = setTimeout;
    window.pauses = [];
    window.setTimeout = (what, ms) => { pauses.push(ms); return real(what, Math.min(ms, 130)); };
}"""


def test_an_answer_is_sent_until_the_site_itself_has_said_yes_or_no(visit):
    page = begin(visit, n=3)
    sent, troubles = [], list(TROUBLES.values())

    def trouble(route):
        sent.append(json.loads(route.request.post_data)["position"])
        return route.fulfill(**troubles.pop(0)) if troubles else route.continue_()

    page.evaluate(SHORT_PAUSES)
    page.route("**/responses", trouble)
    answer_all(page, "triplet", range(2))
    all_saved(page)
    assert positions() == [0, 1]
    assert sent == [0] * (len(TROUBLES) + 1) + [1]  # in the order of answering
    assert 77_000 in page.evaluate("pauses")  # the site may say how long to wait
    assert 30_000 in page.evaluate("pauses")  # else longer and longer, up to half a minute
    answer_all(page, "triplet", [2])
    page.wait_for_url("**/thanks")


def test_a_reply_that_gets_lost_doubles_nothing(visit):
    page = begin(visit, n=3)
    sent = []

    def lose(route):
        sent.append(route.fetch().json())  # the site has saved it
        return route.abort() if len(sent) == 1 else route.fulfill(json=sent[-1])

    page.route("**/responses", lose)
    answer_all(page, "triplet", range(3))
    page.wait_for_url("**/thanks")
    assert positions() == [0, 1, 2]
    assert [reply["is_new"] for reply in sent] == [True, False, True, True]


def test_a_line_that_says_nothing_is_given_up(visit):
    page = begin(visit, n=3)
    page.evaluate("Outbox.PATIENCE_MS = 200")
    silent = []

    def say_nothing(route):
        if silent:
            return route.continue_()
        return silent.append(route)

    page.route("**/responses", say_nothing)
    answer_all(page, "triplet", range(3))
    page.wait_for_url("**/thanks")
    assert positions() == [0, 1, 2]
    assert len(silent) == 1


def test_a_picture_that_never_comes_is_asked_for_again(visit):
    page = begin(visit, n=6)
    page.wait_for_load_state("networkidle")
    page.evaluate("Outbox.PATIENCE_MS = 300")
    silent = []

    def say_nothing(route):
        if len(silent) >= 2:
            return route.continue_()
        return silent.append(route)

    page.route("**/pictures/**", say_nothing)
    answer_all(page, "triplet", range(6))
    page.wait_for_url("**/thanks")
    assert positions() == list(range(6))
    assert len(silent) == 2


def test_two_tabs_offline_ask_nothing_twice_and_one_sends_for_both(visit):
    first = begin(visit)
    second = first.context.new_page()
    second.goto(first.url)
    ready(second, 0)
    second.wait_for_load_state("networkidle")
    first.context.set_offline(True)
    answer_all(first, "triplet", [0])
    answer_all(second, "triplet", [1])  # the other tab has gone on by itself
    answer_all(first, "triplet", [2])
    ready(second, 3)
    first.wait_for_selector("#state[data-state=waiting]")
    first.close()
    second.context.set_offline(False)
    answer_all(second, "triplet", [3, 4, 5])
    second.wait_for_url("**/thanks")
    assert sorted(positions()) == list(range(6))


def test_a_question_is_shown_once_although_another_tab_goes_on_at_that_moment(visit):
    page = begin(visit)
    page.wait_for_load_state("networkidle")
    page.evaluate("""async () => {
      const form = document.getElementById("question");
      const { assignment } = await (await fetch(form.dataset.load, { headers: { Accept: "application/json" } })).json();
      window.shown = [];
      new MutationObserver(() => form.dataset.ready && window.shown.push(form.dataset.ready))
        .observe(form, { attributeFilter: ["data-ready"] });
      dispatchEvent(new KeyboardEvent("keydown", { key: "f" }));
      const item = { url: new URL(form.dataset.save, location).href, chosenAt: Date.now(), answer: {} };
      const key = `${Outbox.PREFIX}${assignment}.1`;
      dispatchEvent(new StorageEvent("storage", { key, newValue: JSON.stringify(item) }));
    }""")
    ready(page, 2)
    page.wait_for_timeout(500)  # a key pressed while a question is shown once more would be lost
    assert page.evaluate("window.shown") == ["2"]


def test_a_busy_site_is_waited_for_when_a_page_begins(visit):
    study = make_study(n_questions=3, n_gold=0, n_practice=1)
    alice = enter(study, is_ready=False)
    page = visit(address(alice, ""))
    n = []

    def busy(route):
        if route.request.method == "POST" or "json" in route.request.headers.get("accept", "").split(",")[0]:
            n.append(route.request.method)
            if n.count(route.request.method) == 1:
                return route.fulfill(status=429, json={"error": "Please wait 3 seconds.", "code": "too_many_requests"})
        return route.continue_()

    page.route("**/practice", busy)
    page.route("**/assignment", busy)
    page.click("text=I agree")
    page.click("text=Try it first")
    page.wait_for_selector("text=Please wait 3 seconds. This page tries again by itself.")
    ready(page, 0)
    page.keyboard.press("f")
    page.wait_for_selector("text=Please wait 3 seconds. Please choose again in a moment.")
    page.keyboard.press("f")
    page.click("#feedback button")
    answer_all(page, "triplet", range(3))
    page.wait_for_url("**/thanks")
    assert positions() == [0, 1, 2]
