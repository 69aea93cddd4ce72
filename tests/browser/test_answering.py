"""Alice answers in a real Chromium: by keyboard, by touch, on a phone."""

import time

import pytest

from annotation.models import Assignment, Participation, Response
from annotation.services import links, studies
from tests.annotation.making import enter, make_collection, make_study
from tests.browser.people import KINDS, PHONE, address, all_saved, answer_all, ready
from triplets.services.questions import create_rating_questions

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
EKMAN = ["happy", "sad", "angry", "disgusted", "afraid", "surprised", "neutral"]


def test_a_whole_batch_by_keyboard_with_a_reload_in_the_middle(visit):
    study = make_study(n_questions=8, batch_size=8, n_practice=2, completion_code="C0DE")
    page = visit(links.entry_url(study))
    page.wait_for_selector("button.primary:focus")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What to do")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for position in range(2):
        ready(page, position)
        page.keyboard.press("f")
        page.wait_for_selector("#feedback button:focus")
        page.keyboard.press("Enter")
    page.wait_for_url("**/questions")
    assert page.locator(".code strong").inner_text() == Participation.objects.get().annotator.code
    keys = ["ArrowLeft", "ArrowRight", "f", "J", "1", "2"]
    pressed = []
    for position in range(11):
        if position == 4:
            all_saved(page)
            page.reload()
        ready(page, position)
        assert page.locator("#count").inner_text() == f"{position + 1} / 11"
        key = keys[position % 6]
        pressed.append("left" if key in ("ArrowLeft", "f", "1") else "right")
        page.keyboard.press(key)
    page.wait_for_url("**/thanks")
    assert page.locator(".completion-code").inner_text() == "C0DE"
    saved = list(Response.objects.order_by("position"))
    assert [("left" if (r.choice == "first") == r.is_first_left else "right") for r in saved] == pressed
    assert all(0 < r.response_ms < 60_000 and r.latency_ms is not None for r in saved)
    assert Assignment.objects.get().state == "completed"


def test_ratings_by_digits(visit):
    study = make_study(kind="rating", n_questions=3, min_gold=0)
    page = visit(address(enter(study)))
    for position in range(4):
        ready(page, position)
        page.keyboard.press("7")
    page.wait_for_url("**/thanks")
    assert list(Response.objects.values_list("rating", flat=True)) == [7.0] * 4


def test_words_by_digits_and_by_touch(visit):
    study = make_study(kind="choice", n_questions=3, n_gold=0)
    page = visit(address(enter(study)))
    for position, key in enumerate("123"):
        ready(page, position)
        page.keyboard.press("9")  # no word has this number
        page.keyboard.press(key)
    page.wait_for_url("**/thanks")
    assert list(Response.objects.order_by("position").values_list("label", flat=True)) == study.options
    page = visit(address(enter(study, "bob")), **PHONE)
    for position in range(3):
        ready(page, position)
        page.locator("[name=label][value=sad]").tap()
    page.wait_for_url("**/thanks")
    assert Response.objects.filter(label="sad").count() == 4


def test_a_long_scale_is_a_slider(visit):
    study = make_study(kind="rating", n_questions=3, n_gold=0, scale_low=0, scale_high=100)
    page = visit(address(enter(study)), **PHONE)
    for position in range(3):
        ready(page, position)
        assert page.locator("output").inner_text() == "–"
        assert page.locator(".slider button").is_disabled()  # the middle is no answer until somebody gives it
        page.locator("input[type=range]").fill("83")
        assert page.locator("output").inner_text() == "83"
        page.locator(".slider button").tap()
    page.wait_for_url("**/thanks")
    assert list(Response.objects.values_list("rating", flat=True)) == [83.0] * 3


def test_a_slider_by_keyboard_and_its_very_middle(visit):
    study = make_study(kind="rating", n_questions=2, n_gold=0, scale_low=0, scale_high=100)
    page = visit(address(enter(study)))
    ready(page, 0)
    page.keyboard.press("Enter")  # nothing was chosen yet
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    ready(page, 1)
    page.locator("input[type=range]").click()  # in the middle, where nothing moves
    page.keyboard.press("Enter")
    page.wait_for_url("**/thanks")
    assert list(Response.objects.order_by("position").values_list("rating", flat=True)) == [53.0, 50.0]


def test_several_attributes_of_a_picture_are_asked_in_a_row(visit):
    study = make_study(
        kind="rating", collection=make_collection(2), n_questions=0, n_gold=0, is_open=False, groups_attributes=True,
        batch_size=6, attributes=["happy", "trustworthy", "old"],
    )  # fmt: skip
    create_rating_questions(study.question_set, study.attributes)
    studies.create_batches(study)
    studies.open_study(study)
    page = visit(address(enter(study)))
    asked = []
    for position in range(6):
        ready(page, position)
        asked.append(page.locator("#text").inner_text())
        page.keyboard.press(str(position + 1))
    page.wait_for_url("**/thanks")
    saved = list(Response.objects.order_by("position").values_list("question__attribute", "rating"))
    assert [f"How {attribute} does this face look?" for attribute, _ in saved] == asked
    assert [rating for _, rating in saved] == [1, 2, 3, 4, 5, 6]
    assert sorted(asked[:3]) == sorted(asked[3:]) == sorted(set(asked))


def test_the_time_runs_from_pictures_painted_to_choice(visit):
    page = visit(address(enter(make_study(n_questions=3, n_gold=0))))
    ready(page, 0)
    late = []

    def slowly(route):
        late.append(route.request.url)
        if len(late) <= 6:  # those of the page itself and those of the script, one after the other
            time.sleep(0.3)
        route.continue_()

    page.route("**/pictures/*", slowly)
    page.reload()
    ready(page, 0)
    assert len(late) >= 6
    page.wait_for_timeout(300)
    page.keyboard.press("f")
    since_beginning = page.evaluate("performance.now()")
    all_saved(page)
    assert 300 <= Response.objects.get().response_ms < since_beginning - 1500  # loading took 1800 at least


def test_a_page_left_open_overnight_goes_on_with_fresh_addresses(visit, settings):
    """What is loaded already is shown; what is not comes by a new address, under the same lease or a new one."""
    page = visit(address(enter(make_study(n_questions=8, batch_size=8, n_gold=0))))
    ready(page, 0)
    page.wait_for_load_state("networkidle")
    settings.PICTURE_MAX_AGE_SECONDS = -1  # the addresses that the page holds have expired
    gone = []
    page.on("response", lambda response: gone.append(response.url) if response.status == 410 else None)
    page.keyboard.press("f")
    page.wait_for_timeout(300)
    settings.PICTURE_MAX_AGE_SECONDS = 3600
    answer_all(page, "triplet", range(1, 8))
    page.wait_for_url("**/thanks")
    assert Response.objects.count() == 8
    assert gone


@pytest.mark.parametrize("kind", [*KINDS, "slider"])
@pytest.mark.parametrize("size", [(360, 640), (360, 560), (640, 360), (1280, 720)])
def test_everything_is_on_the_screen_at_once(visit, kind, size):
    width, height = size
    asked = {"options": EKMAN} if kind == "choice" else {"scale_low": 0, "scale_high": 100} if kind == "slider" else {}
    study = make_study(kind="rating" if kind == "slider" else kind, collection=make_collection(size=350),
                       title="A study with a rather long title", **asked)  # fmt: skip
    page = visit(address(enter(study)), **(PHONE | {"viewport": {"width": width, "height": height}}))
    ready(page, 0)
    assert page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        height,
    ]
    boxes = [box.bounding_box() for box in page.locator("#question img, #question button, #text, .code").all()]
    if kind == "slider":
        assert page.locator("[type=range]").bounding_box()["width"] >= min(300, width / 3)
    assert len(boxes) >= (4 if kind == "slider" else 6)
    for box in boxes:
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    assert min(box["width"] for box in boxes[1:-1]) >= 32


def test_letters_of_twice_the_size_hide_nothing(visit):
    study = make_study(collection=make_collection(size=350), n_practice=1, title="A study with a long title")
    alice = enter(study, is_ready=False)
    links.record_consent(alice)
    page = visit(address(alice, "practice"), **PHONE)
    ready(page, 0)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    for box in [box.bounding_box() for box in page.locator(".study, .state, .code, #text, #question button").all()]:
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    assert page.locator(".code").bounding_box()["y"] >= 0
    page.locator("[name=choice][value=right]").tap()
    page.locator("#feedback button").tap()
    page.wait_for_url("**/questions")


def test_what_was_touched_does_not_stand_out_in_the_next_question(visit):
    page = visit(address(enter(make_study(kind="rating", n_questions=3, n_gold=0))), **PHONE)
    ready(page, 0)
    page.locator("[value='4']").tap()
    ready(page, 1)
    colours = page.locator(".scale button").evaluate_all("all => all.map(b => getComputedStyle(b).borderColor)")
    assert len(set(colours)) == 1


def test_by_touch(visit):
    page = visit(address(enter(make_study(n_questions=3, min_gold=0))), **PHONE)
    for position in range(4):
        ready(page, position)
        page.locator("[name=choice][value=right]").tap()
    page.wait_for_url("**/thanks")
    assert {(r.choice == "second") == r.is_first_left for r in Response.objects.all()} == {True}


def test_a_key_before_the_pictures_are_there_is_no_answer(visit):
    page = visit(address(enter(make_study(n_questions=3, min_gold=0))))
    ready(page, 0)
    # One of them answers; the others come before the next pictures are painted.
    page.evaluate("for (let n = 0; n < 5; n += 1) dispatchEvent(new KeyboardEvent('keydown', { key: 'f' }))")
    ready(page, 1)
    all_saved(page)
    assert Response.objects.count() == 1


def test_newcomers_qualify_without_noticing_and_bob_is_thanked(visit):
    study = make_study(n_questions=3, n_gold=5, n_gold_per_batch=0, n_qualification=2, completion_code="C0DE")
    for name in ("alice", "bob"):
        page = visit(address(enter(study, name)))
        shown = Assignment.objects.get(annotator__external_id=name).presentations.order_by("position")
        for row in shown:
            ready(page, row.position)
            is_left = row.is_first_left == (name == "alice")
            page.keyboard.press("f" if is_left else "j")
        if name == "alice":
            page.wait_for_selector("#count:text('1 / 3')")
        else:
            page.wait_for_selector("text=Thank you for trying")
            assert page.locator(".completion-code").inner_text() == "C0DE"
