import copy
import json
import re
from html.parser import HTMLParser

import pytest

from analysis import pages, typesetting

NASTY = '</script><script>alert("x")</script><!-- & \u2028 <img src=x onerror=alert(1)>'
HANDLER = re.compile(r"^on[a-z]+$")


class Page(HTMLParser):
    """What a page would load, run and style."""

    def __init__(self, html):
        super().__init__()
        self.addresses, self.handlers, self.styles, self.scripts, self.ids = [], [], [], [], []
        self.open = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        of = dict(attributes)
        self.addresses += [of[name] for name in ("src", "href", "action", "poster", "srcset", "data") if name in of]
        self.handlers += [name for name in of if HANDLER.match(name)]
        self.styles += [of["style"]] if "style" in of else []
        self.ids += [of["id"]] if "id" in of else []
        self.open = (tag, of)

    def handle_data(self, data):
        if self.open and self.open[0] == "script" and data.strip() and self.open[1].get("type") != "application/json":
            self.scripts.append(data)
        if self.open and self.open[0] == "style" and data.strip():
            self.styles.append(data)


@pytest.fixture(scope="module")
def nasty(measured):
    results = copy.deepcopy(measured)
    results["projection"]["subject"][0] = NASTY
    results["projection"]["class_label"] = [NASTY] * len(results["projection"]["class_label"])
    results["provenance"]["release"]["study"] = NASTY
    results["provenance"]["checkpoint"]["config"] = {NASTY: NASTY}
    results["reconstruction"]["faces"][0]["class_label"] = NASTY
    results["probe"]["classes"][0] = NASTY
    return results


@pytest.mark.parametrize("assets", pages.ASSETS)
def test_no_page_refers_to_another_host(measured, assets):
    page = Page(pages.render_report(measured, assets=assets, title="Faces"))
    for address in page.addresses:
        assert re.match(r"^(#|data:|/static/)", address), address
    assert not page.handlers


def test_the_single_file_needs_nothing_beside_it(measured):
    html = pages.render_report(measured, title="Faces")
    assert not [address for address in Page(html).addresses if address.startswith("/")]
    assert "default-src 'none'" in html  # its own policy: it could not ask anybody if it wanted to
    assert pages.plotly_source()[:200] not in html  # 5 MB that nothing needs: the figures stand in it as SVG
    assert html.count("<svg") > 10


def test_the_page_of_the_site_holds_no_inline_script_or_style(measured):
    page = Page(pages.render_report(measured, assets="static", title="Faces", static_url="/static/"))
    assert page.scripts == []
    assert page.styles == []
    assert "/static/plotly/plotly.min.js" not in page.addresses
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("assets", pages.ASSETS)
def test_text_from_outside_stays_text(nasty, assets):
    html = pages.render_report(nasty, assets=assets, title=NASTY, links=[(NASTY, "/reports/a/file")])
    assert 'alert("x")</script>' not in html
    assert "<img src=x" not in html
    assert Page(html).handlers == []
    for name in ("report-data", "space-data", "decoder-data", "sheets-data"):
        data = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.S).group(1)
        assert not re.search(r"[<>&\u2028]", data)
        if name == "space-data":
            assert NASTY in json.loads(data)["faces"]["captions"][0]


def test_a_figure_that_only_plotly_draws_brings_plotly(measured, monkeypatch):
    def surface(results):
        return {"data": [{"type": "surface", "z": [[1, 2], [3, 4]]}], "layout": {}}

    monkeypatch.setitem(pages.figures.FIGURES, "probe", surface)
    html = pages.render_report(measured, title="Faces")
    assert '<script type="text/plain" id="plotly-source">' in html and pages.plotly_source()[:200] in html
    assert '"surface"' in html
    html = pages.render_report(measured, assets="static", title="Faces")
    assert '<template id="plotly-source" data-src="/static/plotly/plotly.min.js">' in html
    assert pages.plotly_source()[:200] not in html


def test_what_is_newer_is_said_above_everything(measured):
    notice = {"text": "This is version 1.", "href": "/reports/b/", "link": "Version 2 <b>"}
    html = pages.render_report(measured, title="Faces", notice=notice)
    assert re.search(r'<p class="notice"><span>This is version 1.</span> <a href="/reports/b/">Version 2 &lt;b', html)
    assert 'notice"><span>' not in pages.render_report(measured, title="Faces")


def test_a_collapsed_network_is_said_above_the_figures(measured):
    results = copy.deepcopy(measured)
    results["provenance"]["checkpoint"]["metrics"] = {
        "warning": f"The network has collapsed to one class. {NASTY}",
        "warm_start": "begun with checkpoint abc",
        "started_from": "abc" * 21,
    }
    html = pages.render_report(results, title="Faces")
    assert 0 < html.index("The network has collapsed to one class.") < html.index("of triplets satisfied")
    assert NASTY not in html and "begun with checkpoint abc" in html and "abc" * 21 in html
    assert "The network has collapsed" not in pages.render_report(measured, title="Faces")


def test_json_in_a_script_cannot_end_it():
    value = {"a": NASTY, "b": [1, None, "é"]}
    text = pages.script_safe(value)
    assert "<" not in text
    assert json.loads(str(text)) == value
    with pytest.raises(ValueError, match="JSON"):
        pages.script_safe(float("nan"))


def test_every_plot_has_a_table_beside_it(measured):
    html = pages.render_report(measured, title="Faces")
    for word in ("All splits and levels", "Probes", "Where each class lies", "Dimensions", "Curves"):
        assert re.search(rf"<summary>{word}[^<]*as a table</summary>", html)
    share = measured["satisfied"]["test"]["5"]
    assert f"{100 * share['value']:.1f}\u00a0% [{100 * share['low']:.1f}, {100 * share['high']:.1f}]" in html


def test_words_on_shaded_cells_can_be_read():
    """4.5 : 1 at least (WCAG 2.1, 1.4.3) between the words and the ground of every shade, in light and in dark."""
    css = (pages.STATIC / "report.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")[:2]

    def variable(name, text):
        return re.search(rf"--{name}: ([^;]+);", text).group(1)

    def rgb(value):
        if value.startswith("#"):
            return [int(value[k : k + 2], 16) for k in (1, 3, 5)]
        return [int(part) for part in value.split(",")]

    def luminance(colour):
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    for text in (light, dark):
        for k in range(pages.HEAT_STEPS + 1):
            rule = re.search(rf"\.heat-{k} {{ background: rgba?\(var\(--heat\)(?:, ([\d.]+))?\);(.*?)}}", css)
            share = float(rule.group(1) or 1)
            words = re.search(r"color: var\(--([a-z-]+)\)", rule.group(2))
            heat, paper = rgb(variable("heat", text)), rgb(variable("paper", text))
            ground = [share * h + (1 - share) * p for h, p in zip(heat, paper, strict=True)]
            pair = sorted([luminance(ground), luminance(rgb(variable(words.group(1) if words else "ink", text)))])
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, k


def test_no_line_of_a_command_is_broken_within_an_option():
    found = str(typesetting.whole_words("python -m learning R --set a=<b> --out run"))
    assert re.sub("<[^>]*>", "", found) == "python -m learning R --set a=&lt;b&gt; --out run"
    assert '<span class="whole">--set</span>' in found


def test_parts_that_are_missing_are_explained(measured):
    results = copy.deepcopy(measured)
    results["probe"] = {"omitted": "the stimuli carry 0 expression classes: a probe needs two"}
    results["traversal"] = {"omitted": "this network has no decoder"}
    results["reconstruction"] = {"omitted": "this network has no decoder"}
    results["curves"] = []
    results["pictures"] = {}
    results["baselines"].pop("neutral_difference")
    results["gains"] = {split: {"raw": of["raw"]} for split, of in results["gains"].items()}
    results["provenance"]["is_same_release"] = False
    for levels in results["ceilings"].values():
        for level in levels.values():
            level |= {"one_person": None, "oracle": None}
    results["ceilings_note"] = "Every triplet was judged once."
    html = pages.render_report(results, title="Faces")
    for sentence in ("a probe needs two", "no decoder", "carries no learning curves", "judged once", "another release"):
        assert sentence in html


@pytest.mark.parametrize(("step", "words"), [(0, "solved for in closed form"), (40, "measured once, at step 40")])
def test_one_point_is_no_curve(measured, step, words):
    results = copy.deepcopy(measured)
    results["curves"] = [{"step": step, "validation_loss": 0.5}]
    results["provenance"]["checkpoint"]["step"] = step
    html = pages.render_report(results, title="Faces")
    assert words in html and "Learning curve of" not in html and "Curves as a table" in html


def test_a_release_without_usable_triplets_still_has_a_page(small_release, small_checkpoint):
    from dataclasses import replace

    import numpy as np

    from analysis.evaluation import evaluate

    bare = replace(small_release, triplets=small_release.triplets.where(np.array([], dtype=int)))
    results = evaluate(small_checkpoint, bare, n_bootstrap=100)
    assert results["headline"].startswith("This release holds no settled triplet")
    assert "no settled triplet" in pages.render_report(results, title="Faces")


def test_results_of_another_version_are_refused_with_advice(measured):
    with pytest.raises(pages.ResultsOutdated, match="evaluate the checkpoint again"):
        pages.render_report(measured | {"format": "semblance-results/0"}, title="Faces")


def test_unknown_assets_are_refused(measured):
    with pytest.raises(ValueError, match="assets is 'cdn'"):
        pages.render_report(measured, assets="cdn", title="Faces")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (1234, "1,234"), (0.81249, "0.812"), (1e-5, "1e-05"), (-2.5, "\u22122.500"), ("a", "a")],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert typesetting.short(value) == text
