"""The list of recipes in a real Chromium: found by words, chosen by keyboard, told in full; and without script."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from learning import services
from learning.models import Run
from learning.recipes import RECIPES
from tests.learning.made import FAST, make_release

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def release(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    settings.MEDIA_ROOT = settings.VAR_DIR / "files"
    return make_release(tmp_path)


@pytest.fixture
def open_page(chromium, live_server, client, rita):
    client.force_login(rita)
    session, contexts = client.cookies["sessionid"].value, []

    def opened(**settings):
        context = chromium.new_context(viewport={"width": 360, "height": 800}, base_url=live_server.url, **settings)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def test_a_recipe_is_found_by_words_and_chosen_by_keyboard(open_page, release):
    page = open_page()
    page.goto(f"/admin/learning/run/add/?release={release.pk}")
    chosen, told = page.locator("#id_recipe"), page.locator(".recipes-told")
    expect(told).to_contain_text("From this project's trials")
    page.get_by_label(re.compile("Search recipes")).fill("happiness all layers")
    expect(page.locator(".recipes-count")).to_have_text(re.compile(f"^2 of {len(RECIPES)} fit$"))
    expect(chosen).to_have_value("topological-vae")  # searching alone changes nothing
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_value("lrp-attributes/gender-full-happiness")
    expect(told).to_contain_text("Happiness from the gender network, all layers")
    expect(told).to_contain_text("Arbabzadah et al. 2016")
    page.get_by_label(re.compile("Search recipes")).fill("no such words")
    expect(page.locator(".recipes-count")).to_have_text(f"0 of {len(RECIPES)} fit")
    page.keyboard.press("Enter")  # neither chooses nor sends
    expect(chosen).to_have_value("lrp-attributes/gender-full-happiness")
    page.keyboard.press("Escape")
    expect(page.locator("#id_recipe option")).to_have_count(len(RECIPES))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Train").click()
    expect(page.locator("#run-badge")).to_have_text("Queued")
    assert Run.objects.get().recipe == "lrp-attributes/gender-full-happiness"


def test_without_script_each_line_says_where_it_comes_from(open_page, release):
    page = open_page(java_script_enabled=False)
    page.goto(f"/admin/learning/run/add/?release={release.pk}")
    assert page.locator("#id_recipe optgroup").count() > 3 and page.locator(".recipes").count() == 0
    page.select_option("#id_recipe", "vgg16-attributes")
    assert "From VGG16 on 40 psychological attributes" in page.locator("#id_recipe option:checked").text_content()
    page.get_by_role("button", name="Train").click()
    assert Run.objects.get().recipe == "vgg16-attributes"


def test_the_page_of_a_search_follows_it(open_page, release):
    search, _ = services.create_search(
        release, "topological-vae", ["learning_rate=1e-4..1e-1"], n_trials=2, changes=FAST
    )
    page = open_page()
    page.goto(reverse("admin:learning_search_change", args=[search.pk]))
    expect(page.locator(".run-badge").first).to_have_text("Under way")
    first = search.runs.order_by("pk").first()
    Run.objects.filter(pk=first.pk).update(status="finished", metrics={"satisfied_validation": 0.75})
    services.tend_searches()
    expect(page.locator("#live")).to_contain_text("1 of 4 runs have ended", timeout=6000)
    expect(page.locator(".search-dot")).to_have_count(1)
    expect(page.get_by_role("link", name="Train again with the best settings")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
