"""axe-core finds nothing on any page that people who answer can see, in light and in dark.

axe-core (MPL-2.0) is not part of the project: `make axe` puts it into the environment where npm is there.
"""

import os
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import Client

from annotation.models import Assignment, Participation
from annotation.services import links
from annotation.services.assignments import claim_assignment
from tests.annotation.making import enter, finish, make_collection, make_study
from tests.browser.people import address, ready

ROOT = Path(__file__).parents[2]
AXE = Path(os.environ.get("SEMBLANCE_AXE", ROOT / ".venv/axe/node_modules/axe-core/axe.min.js"))
AGE = {"name": "Age", "options": ["18-29", "30 or more"]}
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not AXE.is_file(), reason=f"axe-core is not at {AXE}: run `make axe`"),
]


@pytest.fixture(params=["light", "dark"])
def findings(request, chromium, live_server):
    """Return a function from an address to what axe finds there."""
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 360, "height": 740})
    page = context.new_page()

    def look(participation, name, wait="main"):
        token = links.participation_token(participation)
        page.goto(f"{live_server.url}/take/{token}/{name}")
        page.wait_for_selector(wait)
        return axe()

    def look_at(html):
        """What axe finds on a page that no address leads to, in the styles of the site."""
        page.goto(f"{live_server.url}/nowhere")
        page.evaluate("html => { document.documentElement.innerHTML = html.split(/<html[^>]*>/)[1] }", html)
        page.wait_for_load_state("networkidle")
        return axe()

    def axe():
        page.evaluate(AXE.read_text() + "; 0")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return {rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found["violations"]}

    look.at, look.page, look.again = look_at, page, axe
    yield look
    context.close()


def test_the_pages_before_and_after(findings):
    study = make_study(
        n_questions=3, n_gold=0, n_practice=2, title="Smiles", demographics=[AGE], completion_code="C0DE",
        collection=make_collection(size=300),
    )  # fmt: skip
    alice = enter(study, is_ready=False)
    assert findings(alice, "") == {}  # consent
    links.record_consent(alice)
    assert findings(alice, "about") == {}
    assert findings(alice, "instructions") == {}
    assert findings(alice, "practice", "#question[data-ready]") == {}
    links.record_practice(alice)
    finish(claim_assignment(study, alice.annotator))
    assert findings(alice, "thanks", "text=Thank you") == {}
    bob = enter(study, "bob")
    Participation.objects.filter(pk=bob.pk).update(exclusion="unqualified")
    assert findings(bob, "questions", "text=Thank you for trying") == {}
    client = Client()
    refused = client.post(address(alice, "questions"), {"position": "x"}).content.decode()
    assert findings.at(refused) == {}
    for code in (400, 403, "403_csrf", 404, 500):
        assert findings.at(render_to_string(f"{code}.html")) == {}
    study.slots.update(state="done")
    assert findings(enter(study, "zoe"), "questions", "text=Nothing is left") == {}
    study.state = "closed"
    study.save()
    assert findings(enter(study, "zoe"), "", "main") == {}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("triplet", {}),
        ("rating", {}),
        ("rating", {"scale_low": 0, "scale_high": 100}),
        ("choice", {"options": ["happy", "sad", "angry", "disgusted", "afraid", "surprised", "neutral"]}),
    ],
)
def test_the_questions(findings, kind, changes):
    study = make_study(kind=kind, n_questions=3, n_gold=0, collection=make_collection(size=300), **changes)
    assert findings(enter(study), "questions", "#question[data-ready]") == {}


def test_the_states_of_a_question(findings):
    """Waiting without a connection, trouble, feedback on practice, one more set to be answered."""
    study = make_study(n_questions=6, n_gold=0, n_practice=2, responses_per_question=1, batch_size=3,
                       collection=make_collection(size=300))  # fmt: skip
    alice, page = enter(study), findings.page
    page.route("**/pictures/**", lambda route: route.abort())  # they have not arrived yet
    assert findings(alice, "practice", "#pictures[aria-busy]") == {}
    page.unroute("**/pictures/**")
    findings(alice, "practice", "#question[data-ready]")
    page.keyboard.press("f")
    page.wait_for_selector("#feedback button")
    assert findings.again() == {}
    findings(alice, "questions", "#question[data-ready]")
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)
    page.keyboard.press("f")
    page.wait_for_selector("#state[data-state=waiting]")
    assert findings.again() == {}
    ready(page, 1)
    Assignment.objects.update(state="expired")
    study.slots.filter(state="taken").update(state="done")
    page.context.set_offline(False)
    page.wait_for_selector("#trouble:not([hidden]) a")
    assert findings.again() == {}
    bob = enter(study, "bob")
    finish(claim_assignment(study, bob.annotator))
    study.slots.create(batch=study.batches.first(), replica=9, order_key=99)
    assert findings(bob, "thanks", "text=Thank you") == {}
