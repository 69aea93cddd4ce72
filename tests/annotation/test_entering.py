"""Links, consent, practice and the pages around them, for Alice, and for Carol who has no business there."""

import html
import json
import re

import pytest
from django.urls import reverse

from annotation.models import Annotator, Participation
from annotation.services import links, studies
from annotation.services.assignments import claim_assignment
from annotation.services.practice import example_of, expected_answer, practice_of
from tests.annotation.making import enter, finish, make_study, work

pytestmark = pytest.mark.django_db


def path(url):
    return url.removeprefix("http://127.0.0.1:8000")


def at(name, participation):
    return reverse(f"annotation:{name}", args=[links.participation_token(participation)])


def test_an_open_link_makes_a_new_person_and_knows_them_again(client):
    study = make_study()
    url = links.entry_url(study)
    first = client.get(path(url))
    assert first.status_code == 302
    assert first["Location"].startswith("/take/")
    assert client.get(path(url))["Location"] == first["Location"]
    assert Participation.objects.count() == 1
    client.cookies.clear()
    assert client.get(path(url))["Location"] != first["Location"]
    assert Participation.objects.count() == 2
    assert Annotator.objects.first().recruiter == "link"


def test_a_cookie_of_another_study_or_of_nobody_is_no_way_in(client):
    study, other = make_study(), make_study()
    stranger = enter(other, "carol")
    client.cookies[f"participation_{study.pk}"] = links.participation_token(stranger)
    assert links.participation_token(stranger) not in client.get(path(links.entry_url(study)))["Location"]
    client.cookies[f"participation_{study.pk}"] = "nonsense"
    assert client.get(path(links.entry_url(study))).status_code == 302


def test_a_personal_link_leads_to_the_same_person_from_every_device(client, django_user_model):
    url = links.entry_url(make_study(), external_id="alice", recruiter="simulated")
    first = client.get(path(url))["Location"]
    client.cookies.clear()
    assert client.get(path(url))["Location"] == first
    annotator = Annotator.objects.get()
    assert (annotator.recruiter, annotator.external_id) == ("simulated", "alice")
    assert "alice" not in first


def test_links_stay_the_same():
    study = make_study()
    assert links.entry_url(study) == links.entry_url(study)
    alice = enter(study)
    assert links.participation_token(alice) == links.participation_token(alice)


def test_invited_people_get_links_of_their_own():
    study = make_study()
    assert links.invite_person(study) != links.invite_person(study)


@pytest.mark.parametrize("token", ["x", "x" * 5000, "a:b:c", "é:ü:ß", "%00"])
def test_false_links_say_so(client, token):
    for address in (f"/join/{token}", f"/take/{token}/", f"/take/{token}/questions"):
        response = client.get(address)
        assert response.status_code == 404
        assert "This link does not work" in response.content.decode()
    response = client.get(f"/take/{token}/assignment")
    assert response.status_code == 404
    assert "link" in response.json()["error"]


def test_an_entry_token_is_no_participation_token(client):
    alice = enter(make_study())
    entry = path(links.entry_url(alice.study)).removeprefix("/join/")
    assert client.get(f"/take/{entry}/").status_code == 404
    assert client.get(f"/join/{links.participation_token(alice)}").status_code == 404


def test_the_way_through(client):
    study = make_study(n_questions=3, n_practice=2, completion_code="C0DE", title="Smiles")
    location = client.get(path(links.entry_url(study)))["Location"]
    shown = client.get(location)
    assert "Before you begin" in shown.content.decode()
    alice = Participation.objects.get()
    assert alice.annotator.code in shown.content.decode()
    shown = client.post(at("consent", alice), {"version": 1}, follow=True)
    assert "What to do" in shown.content.decode()
    assert "Try it first" in shown.content.decode()
    alice.refresh_from_db()
    assert (alice.consent_version, alice.consented_at is not None) == (1, True)
    for position in range(2):
        page = client.get(at("practice", alice), {"position": position})
        assert 'name="choice"' in page.content.decode()
        page = client.post(at("practice", alice), {"position": position, "choice": "left"})
        assert "ost people" in page.content.decode()
    alice.refresh_from_db()
    assert alice.practised_at is not None
    page = client.get(at("questions", alice))
    assert "1 / 6" in page.content.decode()
    finish(alice.assignments.get())
    page = client.get(at("questions", alice), follow=True)
    assert "C0DE" in page.content.decode()
    assert page.redirect_chain[-1][0] == at("thanks", alice)


def test_practice_tells_right_from_wrong_and_keeps_nothing(client):
    study = make_study(n_practice=2)
    alice = enter(study, is_ready=False)
    links.record_consent(alice)
    shown = client.get(at("practice", alice), headers={"accept": "application/json"}).json()
    assert [q["position"] for q in shown["questions"]] == [0, 1]
    assert set(shown["questions"][0]) == {"position", "text", "reference", "left", "right"}
    assert not shown["done"]
    right = [expected_answer(p) for p in practice_of(alice)]
    wrong = {"left": "right", "right": "left"}[right[0]]

    def post(position, choice):
        body = json.dumps({"position": position, "choice": choice})
        return client.post(at("practice", alice), body, content_type="application/json").json()

    assert post(0, wrong) == {
        "is_right": False,
        "expected": right[0],
        "sentence": f"Most people would choose {right[0]} here.",
        "is_complete": False,
    }
    assert post(0, right[0])["is_right"]
    assert post(1, right[1]) == {
        "is_right": True,
        "expected": right[1],
        "sentence": "Yes, most people see it like this.",
        "is_complete": True,
    }
    assert not alice.annotator.responses.exists()
    assert client.get(at("practice", alice), headers={"accept": "application/json"}).json()["done"]
    assert client.post(at("practice", alice), '{"skip": true}', content_type="application/json").status_code == 400
    assert client.post(at("practice", alice), '{"position": 7}', content_type="application/json").status_code == 400


@pytest.mark.parametrize(("kind", "n_pictures"), [("triplet", 3), ("rating", 1), ("choice", 1)])
def test_instructions_show_an_example_that_is_not_practised_afterwards(client, kind, n_pictures):
    study = make_study(kind=kind, n_practice=2)
    spare = study.question_set.questions.filter(role="practice").last()
    spare.pk = None
    spare.reference = study.collection.stimuli.order_by("pk").last()
    spare.save()
    alice = enter(study, is_ready=False)
    links.record_consent(alice)
    page = client.get(at("instructions", alice)).content.decode()
    figure = page[page.index('<figure class="example">') : page.index("</figure>")]
    sources = re.findall(r'<img[^>]* src="([^"]+)"', figure)
    assert len(sources) == n_pictures
    assert all(client.get(html.unescape(source)).status_code == 200 for source in sources)
    shown = example_of(alice)
    assert shown.question == spare
    assert shown.question not in [presentation.question for presentation in practice_of(alice)]
    assert f"<strong>{expected_answer(shown)}</strong>" in figure


def test_consent_and_practice_come_first(client):
    alice = enter(make_study(n_practice=1), is_ready=False)
    for name in ("questions", "practice", "instructions"):
        shown = client.get(at(name, alice), follow=True)
        assert "Before you begin" in shown.content.decode()
    refused = client.get(at("assignment", alice))
    assert (refused.status_code, refused.json()["code"]) == (409, "consent_missing")
    client.post(at("consent", alice))
    assert client.get(at("assignment", alice)).json()["code"] == "practice_missing"
    assert client.post(at("another", alice))["Location"] == at("take", alice)
    assert not alice.assignments.exists()


def test_changed_consent_is_asked_again(client):
    study = make_study()
    alice = enter(study)
    study.consent_version = 2
    study.save()
    assert "Before you begin" in client.get(at("take", alice)).content.decode()
    stale = client.post(at("consent", alice), {"version": 1}, follow=True)
    assert "Before you begin" in stale.content.decode()
    client.post(at("consent", alice), {"version": 2})
    alice.refresh_from_db()
    assert alice.consent_version == 2


def test_without_practice_the_first_batch_comes_at_once(client):
    alice = enter(make_study(n_practice=3, n_questions=3), is_ready=False)
    alice.study.question_set.questions.filter(role="practice").delete()
    client.post(at("consent", alice))
    assert "Begin" in client.get(at("instructions", alice)).content.decode()
    assert client.get(at("practice", alice)).status_code == 302
    assert client.get(at("assignment", alice)).json()["assignment"]


def test_draft_and_closed_studies(client):
    study = make_study(is_open=False)
    url = path(links.entry_url(study))
    assert "not opened yet" in client.get(url).content.decode()
    studies.open_study(study)
    alice, bob = enter(study, "alice"), enter(study, "bob")
    assignment = claim_assignment(study, alice.annotator)
    studies.close_study(study)
    page = client.get(url)
    assert (page.status_code, "closed" in page.content.decode()) == (403, True)
    assert client.get(at("take", bob)).status_code == 403
    assert client.get(at("assignment", bob)).json()["code"] == "study_closed"
    assert client.get(at("take", alice))["Location"] == at("questions", alice)
    assert client.get(at("questions", alice)).status_code == 200
    finish(assignment)
    page = client.get(at("take", alice), follow=True).content.decode()
    assert "Thank you" in page
    assert "another set" not in page


def test_nothing_left(client):
    study = make_study(n_questions=3, responses_per_question=1)
    work(study, "alice")
    bob = enter(study, "bob")
    page = client.get(at("questions", bob))
    assert "Nothing is left" in page.content.decode()
    found = client.get(at("assignment", bob)).json()
    assert (found["assignment"], found["questions"], found["done"]) == (None, [], True)


def test_another_set_only_by_its_button(client):
    study = make_study(n_questions=6)
    alice = work(study, n_batches=1)
    page = client.get(at("questions", alice), follow=True)
    assert "another set" in page.content.decode()
    assert alice.assignments.count() == 1
    page = client.post(at("another", alice))
    assert page["Location"] == at("questions", alice)
    assert alice.assignments.count() == 2
    assert client.get(at("thanks", alice))["Location"] == at("questions", alice)


def test_wrong_methods(client):
    alice = enter(make_study())
    for name in ("consent", "another", "responses"):
        assert client.get(at(name, alice)).status_code == 405
    for name in ("take", "thanks", "instructions", "assignment"):
        assert client.post(at(name, alice)).status_code == 405


def test_texts_of_researchers_are_text(client):
    study = make_study(consent_text="<script>alert(1)</script>", title="<b>x</b>", n_questions=3)
    alice = enter(study, is_ready=False)
    page = client.get(at("take", alice)).content.decode()
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page


def test_pages_keep_to_a_strict_policy_and_are_not_kept(client):
    alice = enter(make_study(n_practice=1))
    for name in ("take", "questions", "instructions", "practice"):
        response = client.get(at(name, alice), follow=True)
        policy = response["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "script-src 'self'" in policy
        assert "no-store" in response["Cache-Control"]
        assert response["X-Frame-Options"] == "DENY"
        html = response.content.decode()
        assert "style=" not in html
        assert " on" not in {attribute[:3] for attribute in html.split('="')}


def test_the_code_of_a_person_stands_on_every_page(client):
    study = make_study(n_questions=3, n_practice=1, demographics=[{"name": "Age", "options": ["18-29", "older"]}])
    alice = enter(study, is_ready=False)
    shown = {"consent": client.get(at("take", alice))}
    client.post(at("consent", alice), {"version": 1})
    for name in ("about", "instructions", "practice"):
        shown[name] = client.get(at(name, alice))
    shown["feedback"] = client.post(at("practice", alice), {"position": 0, "choice": "left"})
    shown["question"] = client.get(at("questions", alice))
    shown["misunderstood"] = client.post(at("questions", alice), {"position": "x"})
    finish(alice.assignments.get())
    shown["thanks"] = client.get(at("thanks", alice))
    shown["nothing left"] = client.post(at("another", alice))
    studies.close_study(study)
    bob = enter_closed(study, "bob")
    shown["closed"] = client.get(at("take", bob))
    Participation.objects.filter(pk=bob.pk).update(exclusion="unqualified")
    shown["not qualified"] = client.get(at("take", bob))
    for name, response in shown.items():
        code = bob.annotator.code if name in ("closed", "not qualified") else alice.annotator.code
        assert f">{code}</strong>" in response.content.decode(), name
    assert "answer again" in shown["misunderstood"].content.decode()
    assert [shown[name].status_code for name in ("misunderstood", "closed", "thanks")] == [400, 403, 200]


def enter_closed(study, name):
    annotator = Annotator.objects.create(recruiter="link", external_id=name)
    return Participation.objects.create(study=study, annotator=annotator)


def test_debriefing_is_read_at_the_end_by_who_stays_and_who_does_not(client):
    study = make_study(n_questions=3, debriefing="We wanted to know this.\n\nAnd that.")
    alice = work(study)
    bob = enter(study, "bob")
    Participation.objects.filter(pk=bob.pk).update(exclusion="unqualified")
    for name, person in (("thanks", alice), ("take", bob)):
        page = client.get(at(name, person)).content.decode()
        assert "<p>We wanted to know this.</p>\n\n<p>And that.</p>" in page


def test_pages_for_what_goes_wrong_are_in_the_words_of_the_house(client, monkeypatch):
    client.raise_request_exception = False
    missing = client.get("/nowhere/at/all")
    assert (missing.status_code, "There is nothing at this address" in missing.content.decode()) == (404, True)
    alice = enter(make_study())
    monkeypatch.setattr("annotation.views.claim_assignment", lambda *_: 1 / 0)
    broken = client.get(at("questions", alice))
    assert (broken.status_code, "is saved" in broken.content.decode()) == (500, True)
    assert "ZeroDivisionError" not in broken.content.decode()
    forbidden = client.get("/take/", headers={"host": "elsewhere.example"})
    assert (forbidden.status_code, "That was not understood" in forbidden.content.decode()) == (400, True)
