"""Explanations on the report: whole with and without them, legible to those who do not see, and text stays text."""

import copy
import json
import re
from html import unescape

import pytest

from analysis import pages, reasons, tables
from tests.analysis.test_pages import NASTY, Page


@pytest.fixture(scope="module")
def landmarks(measured):
    assert measured["explanations"]["kind"] == "landmarks"
    return measured


@pytest.fixture(scope="module")
def pictured(measured, tmp_path_factory):
    """The same results with explanations of a network of pictures in their place."""
    from analysis.evaluation import plain
    from analysis.explaining import explanations
    from learning.checkpoints import load_checkpoint
    from tests.analysis.picture_checkpoints import picture_checkpoint
    from tests.analysis.releases import judged_faces

    folder = tmp_path_factory.mktemp("pictured")
    release = judged_faces(folder / "release", n_subjects=5, pictures="plain")
    names = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprised")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PICTURE_CACHE_DIR", str(folder / "decoded"))
        path = picture_checkpoint(folder / "c.safetensors", release, "class", names)
        found, drawn = explanations(load_checkpoint(path), release, teraflops=1e-6)
    return measured | {"explanations": json.loads(json.dumps(plain(found))), "heatmaps": drawn}


class Alternatives(Page):
    """Every picture's text alternative."""

    def __init__(self, html):
        self.alternatives = []
        super().__init__(html)

    def handle_starttag(self, tag, attributes):
        super().handle_starttag(tag, attributes)
        if tag == "img":
            self.alternatives.append(dict(attributes).get("alt"))


@pytest.mark.parametrize("assets", pages.ASSETS)
@pytest.mark.parametrize("which", ["landmarks", "pictured"])
def test_the_page_shows_why_and_how_far_to_trust_it(which, assets, request):
    results = request.getfixturevalue(which)
    html = pages.render_report(results, assets=assets, title="Faces")
    section = html[html.index('<section id="explanations"') :]
    section = section[: section.index("</section>")]
    words = unescape(section)
    assert "How far to trust this" in section and "by chance" in section
    for method in results["explanations"]["methods"]:
        assert method["name"] in words and method["words"] in words
    for left_out in results["explanations"]["left_out"]:
        assert f"not shown: {left_out['name']}" in section
    assert 'data-figure="trust-deletion"' in section or which == "pictured"
    assert "style=" not in section and "<script" not in section
    if which == "landmarks":
        assert "tangent space" in section and 'class="for-5"' in section
        assert len(re.findall(r'<svg class="face marked"[^>]*aria-label="[^"]+"', section)) >= 8
    else:
        shown = Alternatives(section)
        assert len(shown.alternatives) > 20 and all(shown.alternatives)
        assert any("% of it in the" in alt.replace("\u00a0", " ").replace(" %", "%") for alt in shown.alternatives)
        painted = results["explanations"]["painted"]
        assert "The same face with parts painted over" in section and f"score and {painted['method']}" in words
        states = [state for face in painted["faces"] for state in face["states"]]
        assert sum("painted over" in alt for alt in shown.alternatives) == sum(bool(state["part"]) for state in states)
        for state in states:
            assert f"<strong>{reasons.with_sign(state['score'], 2, False)}</strong>" in section


def test_every_attribute_of_a_network_of_many_stands_in_its_report(pictured):
    drawn = {"face": "data:image/jpeg;base64,AA", "map": "data:image/jpeg;base64,BB"}
    ends = [
        {"end": end, "key": "k.jpg", "truth": truth, "said": 5.25, "picture": "face", "map": shown}
        for end, truth, shown in (("highest", 8.0, "map"), ("lowest", 1.5, None))
    ]
    explained = pictured["explanations"] | {"each": [{"name": "we<i>rd", "n": 9, "pictures": ends}]}
    html = pages.render_report(
        pictured | {"explanations": explained, "heatmaps": pictured["heatmaps"] | drawn}, title="Faces"
    )
    section = html[html.index('<section id="explanations"') :]
    assert "Every attribute" in section and "<strong>we&lt;i&gt;rd</strong>" in section
    assert 'alt="Grad-CAM of we&lt;i&gt;rd, rated highest"' in section and "nothing counts" in section
    assert "people 8.0, network 5.2" in section and "people 1.5" in section


def test_older_results_and_networks_without_reasons_still_have_a_page(measured):
    older = {name: value for name, value in measured.items() if name not in ("explanations", "heatmaps")}
    assert 'id="explanations"' not in pages.render_report(older, title="Faces")
    silent = measured | {"explanations": {"omitted": "it looks at nothing"}, "heatmaps": {}}
    assert "Nothing is explained here: it looks at nothing." in pages.render_report(silent, title="Faces")


def test_text_from_outside_stays_text(pictured, landmarks):
    for results in (copy.deepcopy(pictured), copy.deepcopy(landmarks)):
        found = results["explanations"]
        for one in found["examples"]:
            one |= {"subject": NASTY, "truth": NASTY, "said": NASTY, "group": NASTY}
        for one in found["averages"] + found["occlusion"]:
            one["group"] = NASTY
        html = pages.render_report(results, title="Faces")
        assert "<img src=x" not in html and 'alert("x")</script>' not in html


def test_numbers_and_tables_hold_no_pictures(pictured):
    numbers = tables.numbers(pictured)
    assert "heatmaps" not in numbers and "explanations" in numbers and "pictures" not in numbers
    rows = tables.explanations(pictured)
    assert {row["figure"] for row in rows} == {
        "share of relevance", "change of the score without it", "share where it lowers the score most"
    }  # fmt: skip
    assert all(row.keys() == rows[0].keys() for row in rows)
    trust = tables.trust(pictured)
    assert [row["method"] for row in trust][-1] == "random" and all(row.keys() == trust[0].keys() for row in trust)


def test_words():
    assert reasons.with_sign(0.001) == "0.00"
    found = {"target": "class", "groups": ["a"] * 7, "examples": [{"subject": "s1"}, {"subject": "s1"}]}
    assert reasons.n_open(found) == 4 and reasons.is_one_person(found)
    found["examples"][0]["subject"] = ""
    assert not reasons.is_one_person(found)
