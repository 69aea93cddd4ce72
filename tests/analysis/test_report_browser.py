"""Reports in a real Chromium: as one file that contacts nobody, and on a site with the policy of the settings."""

import http.server
import re
import threading
from functools import partial
from pathlib import Path

import pytest

from analysis import pages, shipped, study_pages, study_report
from tests.analysis.studies import made_up
from tests.browser.test_accessible import AXE

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1200, "height": 900}, {"width": 360, "height": 740}


def policy() -> str:
    """The policy of config/settings.py as a header, its nonce unknown to the page."""
    from django.conf import settings

    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    known = {name: [str(v) for v in values if "'" in str(v) or ":" in str(v)] for name, values in directives.items()}
    assert "'unsafe-inline'" not in str(known)
    return "; ".join(f"{name} {' '.join(values)}" for name, values in known.items())


class Site(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments, page, **more):
        self.page = page
        super().__init__(*arguments, **more)

    def do_GET(self):
        if self.path == "/":
            self.answer(self.page.encode(), "text/html; charset=utf-8")
        elif self.path == "/static/plotly/plotly.min.js":
            self.answer(pages.plotly_source().encode(), "text/javascript; charset=utf-8")
        elif self.path.startswith("/static/analysis/"):
            kind = "text/css" if self.path.endswith("css") else "text/javascript"
            self.answer((pages.STATIC / self.path.rsplit("/", 1)[1]).read_bytes(), f"{kind}; charset=utf-8")
        else:
            self.send_error(404)

    def answer(self, content, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", policy())
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        """Quiet: the browser's own console is what the tests read."""


def visit(chromium, address, *, viewport=DESK, scheme="light"):
    """Open an address and scroll to the end once; return the page, what its console said and what it asked for."""
    context = chromium.new_context(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    for place in page.query_selector_all("[data-figure]"):
        place.scroll_into_view_if_needed()
        assert any(drawn.is_visible() for drawn in place.query_selector_all(".drawn svg"))
    page.wait_for_function("document.querySelector('[data-space] canvas').dataset.drawn === 'pca-2'")
    page.wait_for_function("document.querySelector('#explorer-view').dataset.drawn === 'yes'")
    return page, said, asked


@pytest.fixture(scope="module")
def site(measured):
    page = pages.render_report(measured, assets="static", title="Faces")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, page=page))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def file(measured, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(pages.render_report(measured, title="Faces"), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def opened(chromium, file):
    """The single file at a desk, opened once for the tests that only look at it."""
    page, said, asked = visit(chromium, file)
    yield page, said, asked
    page.context.close()


def requests(asked):
    return [address for address in asked if not address.startswith(("data:", "blob:"))]


def test_the_single_file_opens_without_a_word_and_asks_nobody(opened, file):
    page, said, asked = opened
    assert said == []
    assert requests(asked) == [file]
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK["width"]


@pytest.mark.skipif(not AXE.is_file(), reason=f"axe-core is not at {AXE}: run `make axe`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(chromium, site, scheme):
    page, _, _ = visit(chromium, site, viewport=PHONE, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(AXE.read_text() + "; 0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert {rule["id"]: [node["html"] for node in rule["nodes"]][:3] for rule in found["violations"]} == {}
    page.context.close()


def test_a_phone_shows_it_without_scrolling_sideways(chromium, file):
    page, said, _ = visit(chromium, file, viewport=PHONE, scheme="dark")
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_the_site_obeys_the_strict_policy(chromium, site, scheme):
    page, said, asked = visit(chromium, site, scheme=scheme)
    assert said == []  # a refused style or script would be in the console
    assert {address.removeprefix(site) for address in requests(asked)} == {
        "", *(f"static/analysis/{name}" for name in (*pages.STYLES, *pages.SCRIPTS))
    }  # fmt: skip
    page.context.close()


def test_plots_follow_light_and_dark_as_it_changes(opened):
    page, _, _ = opened
    tick = "getComputedStyle(document.querySelector('[data-figure=satisfied] .wide text')).fill"
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(tick), page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => {tick} !== before", arg=light[0])
    assert page.evaluate(ground) != light[1]
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"before => {tick} === before", arg=light[0])


def centre_of(page, k):
    """Return where point k of the map is on the screen, scrolled into view."""
    page.locator("[data-space=faces] canvas").first.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # the event of scrolling hides what the pointer showed
    return page.evaluate(
        """k => { const view = document.querySelector("[data-space=faces]").view;
        const box = view.canvas.getBoundingClientRect(); return [box.left + view.xs[k], box.top + view.ys[k]]; }""",
        k,
    )


def test_pointing_at_a_face_shows_it(opened, measured):
    page, _, _ = opened
    assert page.is_hidden("#card")
    page.mouse.move(*centre_of(page, 30))
    page.wait_for_selector("#card", state="visible")
    said = page.inner_text("#card").splitlines()[0].split(",")[0]
    assert said in measured["probe"]["classes"]
    page.wait_for_function(  # the face itself, out of the contact sheet: no pixel of it is left transparent
        """() => { const face = document.querySelector("#card canvas");
        return !face.hidden && face.getContext("2d").getImageData(64, 64, 1, 1).data[3] === 255; }"""
    )
    page.mouse.move(2, 2)
    page.wait_for_selector("#card", state="hidden")


def test_a_click_shows_the_nearest_faces_and_they_lead_on(opened, measured):
    page, _, _ = opened
    page.mouse.click(*centre_of(page, 30))
    page.wait_for_selector("[data-part=near]", state="visible")
    chosen = page.evaluate("document.querySelector('[data-space=faces]').view.chosen")
    near = measured["projection"]["neighbours"][chosen]
    assert page.locator("[data-space=faces] button.near-one").count() == len(near) == 8
    page.locator("[data-space=faces] button.near-one").first.click()
    assert page.evaluate("document.querySelector('[data-space=faces]').view.chosen") == near[0]


def test_the_map_is_walked_by_keyboard_alone(opened):
    page, _, _ = opened
    canvas = page.locator("[data-space=faces] canvas").first
    canvas.focus()
    chosen = "document.querySelector('[data-space=faces]').view.chosen"
    page.keyboard.press("Escape")
    assert page.evaluate(chosen) == -1 and page.is_hidden("[data-part=near]")
    page.keyboard.press("ArrowRight")
    first = page.evaluate(chosen)
    x = page.evaluate(f"document.querySelector('[data-space=faces]').view.xs[{first}]")
    page.keyboard.press("ArrowRight")
    second = page.evaluate(chosen)
    assert second != first >= 0
    assert page.evaluate(f"document.querySelector('[data-space=faces]').view.xs[{second}]") > x
    assert "Nearest to" in page.inner_text("[data-part=near]")  # a live region: read out as it changes


def test_maps_colours_and_dimensions_are_chosen(opened, measured):
    page, _, _ = opened
    page.select_option("[data-space=faces] [data-part=dims]", "3")
    page.wait_for_function("document.querySelector('[data-space] canvas').dataset.drawn === 'pca-3'")
    turned = "[...document.querySelector('[data-space=faces]').view.xs].slice(0, 5)"
    before = page.evaluate(turned)
    page.locator("[data-space=faces] canvas").first.focus()
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate(turned) != before
    page.select_option("[data-space=faces] [data-part=colour]", label="subject")
    assert page.locator("[data-space=faces] .legend button").count() == 10
    page.select_option("[data-space=faces] [data-part=colour]", label="degree")
    assert page.locator("[data-space=faces] .legend .ramp").count() == 1
    trust = measured["projection"]["maps"][1]["trustworthiness"]
    assert f"Trustworthiness {trust:.3f}" in page.inner_text("[data-part=trust]")
    page.select_option("[data-space=faces] [data-part=dims]", "2")


def test_sliders_draw_what_the_decoder_says(opened, measured):
    page, _, _ = opened
    packed = measured["decoder"]
    z = [0.0] * packed["n_latent"]
    z[packed["order"][0]], z[packed["order"][1]] = 1.5, -2.0
    for part, value in (("across", 1.5), ("down", -2.0)):
        page.locator(f"[data-part={part}]").evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
        )
    expected = shipped.decoded(packed, z)
    path = page.get_attribute("[data-part=face]", "d")
    x, y = (float(v) for v in re.match(r"M([-\d.]+),([-\d.]+)", path).groups())
    assert (x, y) == pytest.approx(tuple(expected[packed["lines"][0][0]]), abs=1e-3)
    drawn = page.evaluate("z => document.querySelector('#explorer-view').decode(z, 0)", z)
    assert drawn == pytest.approx(expected.ravel().tolist(), abs=5e-4)  # 16 bits a number
    page.locator("[data-part=across]").focus()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("[data-part=across-value]") == "1.55"
    page.select_option("[data-part=neutral]", "1")
    assert page.get_attribute("[data-part=face]", "d") != path
    page.click("[data-part=reset]")
    assert page.inner_text("[data-part=down-value]") == "0.00"


@pytest.mark.parametrize(("kind", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("csv", b"trace,x,y,low,high")])
def test_figures_and_maps_are_saved_as_files(opened, kind, begins):
    page, said, _ = opened
    with page.expect_download() as waiting:
        page.click(f"[data-figure=satisfied] [data-file={kind}]")
    content = Path(waiting.value.path()).read_bytes()
    assert content.startswith(begins) and waiting.value.suggested_filename == f"satisfied.{kind}"
    assert b"var(" not in content
    with page.expect_download() as waiting:
        page.click(f"[data-space=faces] [data-part={kind}]")
    content = Path(waiting.value.path()).read_bytes()
    assert content.startswith(b"name,x,y,class,subject" if kind == "csv" else begins)
    assert said == []


def test_every_table_is_saved_as_it_stands(opened):
    page, _, _ = opened
    page.locator("#dimensions summary").click()
    with page.expect_download() as waiting:
        page.locator("#dimensions button.file").click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert lines[0] == 'dimension,"KL, nat",variance of the means,decoder norm' and len(lines) == 9
    page.locator("#dimensions summary").click()


def test_values_stand_under_the_pointer(opened, measured):
    page, _, _ = opened
    mark = page.locator("[data-figure=satisfied] .wide circle[data-said^='this representation']").first
    mark.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # the event of scrolling hides what the pointer showed
    mark.hover()
    page.wait_for_selector("#card", state="visible")
    share = measured["satisfied"]["test"]["all"]
    assert f"all: {share['value']:.1%} [{share['low']:.1%}, {share['high']:.1%}]" in page.inner_text("#card")
    page.mouse.move(2, 2)


def test_paper_is_light_and_holds_every_plot_and_table(opened):
    page, _, _ = opened
    page.emulate_media(color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") == 0
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()") == "#fcfbf8"
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('table')).display") == "table"
    assert page.is_hidden("nav") and page.is_hidden(".bench") and page.is_visible(".walk .grid")
    short = "getComputedStyle(document.querySelector('#dimensions .scroll')).breakInside"
    assert page.evaluate(short) == "avoid"
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    page.emulate_media(color_scheme="light")


def test_of_many_networks_paper_holds_a_line_each_and_what_tells_more(chromium, tmp_path):
    results = study_report.study_results(made_up("topological-vae/posed", tmp_path))
    context = chromium.new_context(viewport=DESK)
    page = context.new_page()
    page.set_content(study_pages.render_study(results, title="Many"))
    assert page.locator(".network[open]").count() == 0
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator(".network > summary:visible").count() == 43
    # The collapsed one has a warning, and the last says why it was left out.
    told = page.locator(".network > div:visible")
    assert told.count() == 2 and "collapsed" in told.nth(0).inner_text() and "no pictures" in told.nth(1).inner_text()
    context.close()


def test_a_finger_chooses_a_face_turns_the_map_and_moves_the_face(chromium, file):
    context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = context.new_page()
    page.goto(file)
    view = "document.querySelector('[data-space=faces]').view"
    page.wait_for_function("document.querySelector('[data-space] canvas').dataset.drawn === 'pca-2'")
    page.touchscreen.tap(*centre_of(page, 3))
    page.wait_for_function(f"{view}.chosen === 3")
    assert page.locator("[data-space=faces] .near-one").count() > 1

    protocol = context.new_cdp_session(page)

    def drag(across, down, *, of):
        page.locator(of).first.scroll_into_view_if_needed()
        box = page.locator(of).first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        protocol.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for k in range(1, 9):
            place = {"x": x + across * k / 8, "y": y + down * k / 8}
            protocol.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        protocol.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    page.select_option("[data-space=faces] [data-part=dims]", "3")
    before = page.evaluate(f"{view}.angles[0]")
    drag(90, 2, of="[data-space=faces] canvas")
    page.wait_for_function(f"before => Math.abs({view}.angles[0] - before) > 0.3", arg=before)
    # Up and down belongs to the page: a finger on the map must not be caught by it.
    page.locator("[data-space=faces] canvas").first.scroll_into_view_if_needed()
    top = page.evaluate("window.scrollY")
    drag(0, -200, of="[data-space=faces] canvas")
    page.wait_for_function("top => window.scrollY !== top", arg=top)
    face = "document.querySelector('#explorer-view [data-part=face]').getAttribute('d')"
    page.wait_for_function("document.querySelector('#explorer-view').dataset.drawn === 'yes'")
    shown = page.evaluate(face)
    drag(60, -40, of="#explorer-view [data-part=pad]")
    page.wait_for_function(f"shown => {face} !== shown", arg=shown)
    context.close()
