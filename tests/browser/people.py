"""How people in a browser look at a page and answer what it asks."""

from annotation.services import links

PHONE = {"viewport": {"width": 360, "height": 640}, "is_mobile": True, "has_touch": True}
KINDS = ["triplet", "rating", "choice"]
KEY = {"triplet": "f", "rating": "7", "choice": "2"}


def ready(page, position):
    page.wait_for_selector(f"#question[data-ready='{position}']", timeout=60_000)  # suites run on busy machines


def address(participation, name="questions"):
    return f"/take/{links.participation_token(participation)}/{name}"


def answer_all(page, kind, positions):
    for position in positions:
        ready(page, position)
        page.keyboard.press(KEY[kind])


def all_saved(page):
    page.wait_for_selector("#state[data-state=saved]")
