"""People who come from MTurk's frame and from Prolific's link: in, through, and out with what they are paid for."""

import re

import pytest

from annotation.endpoints import serving
from annotation.endpoints.mturk import LocalMTurk
from annotation.endpoints.prolific import LocalProlific
from annotation.models import Annotator, Participation, Slot, Submission
from annotation.services import entrances, links, postings, screening
from tests.annotation import market
from tests.annotation.making import enter as enter_by_link
from tests.annotation.postings_made import do_batch, enter, paid_study, publish

pytestmark = pytest.mark.django_db
ALICE, SESSION = "a" * 24, "5" * 24


@pytest.fixture
def mturk_url(settings):
    with serving.running(LocalMTurk()) as address:
        settings.MTURK_ENDPOINT_URL = address
        yield address


@pytest.fixture
def hit(mturk_url):
    return publish(paid_study())


@pytest.fixture
def prolific(settings):
    with serving.running(LocalProlific()) as address:
        settings.PROLIFIC_URL, settings.PROLIFIC_TOKEN = address, "secret"
        yield publish(paid_study(currency="GBP", batch_size=3), "prolific")


def path_of(posting):
    return entrances.posting_url(posting).removeprefix("http://127.0.0.1:8000")


def in_frame(mturk_url, **changes):
    return {
        "assignmentId": "3ASSIGNMENT",
        "hitId": "3HIT",
        "workerId": "A1ALICE",
        "turkSubmitTo": mturk_url,
    } | changes


def directives(response):
    parts = (part.split() for part in response["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in parts}


def test_a_preview_lets_nobody_in(client, mturk_url, hit):
    for parameters in ({}, {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "hitId": "3HIT"}):
        page = client.get(path_of(hit), parameters)
        assert page.status_code == 200
        assert b"This is a preview" in page.content
        assert b"/take/" not in page.content
    assert not Submission.objects.exists()


def test_the_frame_is_mturks_alone_and_needs_no_cookie(client, mturk_url, hit):
    page = client.get(path_of(hit), in_frame(mturk_url))
    assert "X-Frame-Options" not in page
    allowed = directives(page)
    assert mturk_url in allowed["frame-ancestors"]
    assert set(allowed["frame-ancestors"]) == {*entrances.MTURK_ORIGINS, mturk_url}
    assert set(allowed["form-action"]) == {"'self'", *entrances.MTURK_ORIGINS, mturk_url}
    assert allowed["script-src"] == ["'self'"]
    assert not page.cookies
    assert "Cookie" not in page.get("Vary", "")
    address = re.search(r'href="(/take/[^"]+)"', page.content.decode())[1]
    questions = client.get(address)
    assert questions["X-Frame-Options"] == "DENY"
    assert directives(questions)["frame-ancestors"] == ["'none'"]


def test_a_worker_goes_in_does_the_work_and_submits(client, mturk_url, hit):
    accepted = market.accept(mturk_url, "A1ALICE", hit.external_id)
    path = accepted["external_url"].removeprefix("http://127.0.0.1:8000")
    page = client.get(path).content.decode()
    assert "Open the pictures" in page
    assert "externalSubmit" not in page
    assert "still wait" not in page
    assert "still wait" in client.get(path + "&checked=1").content.decode()
    submission = Submission.objects.get()
    assert (submission.annotator.recruiter, submission.annotator.external_id) == ("mturk", "A1ALICE")
    links.record_consent(submission.participation)
    links.record_practice(submission.participation)
    do_batch(submission)
    page = client.get(path).content.decode()
    assert f'action="{mturk_url}/mturk/externalSubmit"' in page
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    assert fields == {"assignmentId": accepted["assignment_id"], "code": submission.annotator.code}
    market.submit(mturk_url, fields["assignmentId"], code=fields["code"])
    assert postings.collect_submissions(hit).n_approved == 1


def test_a_program_is_told_the_same_as_json(client, mturk_url, hit):
    def ask():
        return client.get(path_of(hit), in_frame(mturk_url), headers={"Accept": "application/json"}).json()

    told = ask()
    submission = Submission.objects.get()
    token = links.participation_token(submission.participation)
    assert told == {
        "take": f"http://testserver/take/{token}/",
        "submit_to": mturk_url + "/mturk/externalSubmit",
        "is_finished": False,
        "code": submission.annotator.code,
    }
    links.record_consent(submission.participation)
    links.record_practice(submission.participation)
    do_batch(submission)
    assert ask()["is_finished"] is True


def test_only_known_places_get_the_form(client, mturk_url, hit):
    wrong = (
        "https://evil.example",
        "",
        "https://www.mturk.com.evil.example",
        "javascript:alert(1)",
        "https://www.mturk.com/../x",
    )
    for place in wrong:
        page = client.get(path_of(hit), in_frame(mturk_url, turkSubmitTo=place))
        assert page.status_code == 404
        assert b"evil" not in page.content
    assert client.get(path_of(hit), in_frame(mturk_url, turkSubmitTo="https://www.mturk.com/")).status_code == 200
    assert not Submission.objects.exclude(external_id="3ASSIGNMENT").exists()


def test_identities_that_cannot_be_are_refused(client, mturk_url, hit):
    for changes in ({"workerId": "bob"}, {"workerId": ""}, {"assignmentId": "<script>"}, {"assignmentId": "X" * 65}):
        page = client.get(path_of(hit), in_frame(mturk_url, **changes))
        assert page.status_code == 404
        assert b"<script>" not in page.content
    for path in ("/mturk/nonsense", "/mturk/" + "x" * 900, "/prolific/nonsense"):
        assert client.get(path).status_code == 404
    assert client.get(path_of(hit).replace("/mturk/", "/prolific/")).status_code == 404  # a token is for one door
    assert client.post(path_of(hit)).status_code == 405
    assert not Annotator.objects.exists()


def test_one_assignment_of_two_people_and_two_of_one(client, mturk_url, hit):
    """MTurk hands a returned assignment's identity to somebody else."""
    for changes in ({}, {}, {"workerId": "A1BOB"}, {"assignmentId": "3SECOND"}):
        assert client.get(path_of(hit), in_frame(mturk_url, **changes)).status_code == 200
    found = sorted(Submission.objects.values_list("external_id", "annotator__external_id"))
    assert found == [("3ASSIGNMENT", "A1ALICE"), ("3ASSIGNMENT", "A1BOB"), ("3SECOND", "A1ALICE")]
    assert Participation.objects.count() == 2
    assert Participation.objects.get(annotator__external_id="A1ALICE").max_assignments == 2


def test_after_closing_only_those_who_began_come_in(client, mturk_url, hit):
    client.get(path_of(hit), in_frame(mturk_url))
    hit.state = "closed"
    hit.save()
    assert client.get(path_of(hit), in_frame(mturk_url)).status_code == 200
    page = client.get(path_of(hit), in_frame(mturk_url, workerId="A1BOB", assignmentId="3OTHER"))
    assert page.status_code == 403
    assert b"return it" in page.content


def test_the_excluded_may_hand_in_and_not_come_again(client, mturk_url, hit):
    client.get(path_of(hit), in_frame(mturk_url))
    participation = Participation.objects.get()
    screening.exclude(participation, Participation.Exclusion.GOLD)
    assert b"Submit the HIT" in client.get(path_of(hit), in_frame(mturk_url)).content
    page = client.get(path_of(hit), in_frame(mturk_url, assignmentId="3AGAIN"))
    assert page.status_code == 403


def test_people_from_prolific_go_to_the_study_and_back(client, prolific):
    parameters = {"PROLIFIC_PID": ALICE, "STUDY_ID": prolific.external_id, "SESSION_ID": SESSION}
    response = client.get(path_of(prolific), parameters)
    assert response.status_code == 302
    assert response["X-Frame-Options"] == "DENY"
    assert not response.cookies
    submission = Submission.objects.get()
    assert (submission.external_id, submission.annotator.external_id) == (SESSION, ALICE)
    assert entrances.completion_url(submission.participation) == ""
    links.record_consent(submission.participation)
    links.record_practice(submission.participation)
    do_batch(submission)
    thanks = client.get(response["Location"] + "thanks").content.decode()
    assert f"https://app.prolific.com/submissions/complete?cc={prolific.completion_code}" in thanks
    assert "Answer another set" not in thanks  # one place, one batch
    again = client.get(path_of(prolific), parameters)
    assert again["Location"] == response["Location"]
    for missing in ({"PROLIFIC_PID": ""}, {"SESSION_ID": ""}):
        assert client.get(path_of(prolific), parameters | missing).status_code == 404


def test_people_by_link_have_no_limit_and_no_way_to_prolific(prolific):
    participation = enter_by_link(prolific.study)
    assert participation.max_assignments is None
    assert entrances.completion_url(participation) == ""


@pytest.fixture
def pair(settings):
    """Places of two sets each, in a study of three batches of one answer each."""
    with serving.running(LocalProlific()) as address:
        settings.PROLIFIC_URL, settings.PROLIFIC_TOKEN = address, "secret"
        study = paid_study(currency="GBP", n_questions=9, batch_size=3, responses_per_question=1)
        yield publish(study, "prolific", n_places=2, batches_per_place=2)


def prolific_path(client, posting, who, session):
    return client.get(path_of(posting), {"PROLIFIC_PID": who, "SESSION_ID": session})["Location"]


def test_who_has_done_one_set_of_two_is_told_to_go_on(client, pair):
    take = prolific_path(client, pair, ALICE, SESSION)
    submission = enter(pair, ALICE, SESSION)
    do_batch(submission)
    page = client.get(take, follow=True).content.decode()
    assert "Set 1 of 2 is done" in page and "Go on with the next set" in page
    assert "you are done" not in page and "submissions/complete" not in page
    do_batch(submission)
    page = client.get(take, follow=True).content.decode()
    assert f"submissions/complete?cc={pair.completion_code}" in page
    submission.refresh_from_db()
    assert submission.n_batches == 2


def test_where_fewer_sets_are_left_than_a_place_pays_for_the_place_is_paid(client, pair):
    alice, bob = enter(pair, ALICE, SESSION), enter(pair, "b" * 24, "6" * 24)
    do_batch(alice)
    do_batch(alice)
    take = prolific_path(client, pair, "b" * 24, "6" * 24)
    assert not entrances.check_finished(bob)  # nothing done, nothing paid
    do_batch(bob)
    page = client.get(take, follow=True).content.decode()
    assert f"submissions/complete?cc={pair.completion_code}" in page
    bob.refresh_from_db()
    assert bob.finished_at is not None and bob.n_batches == 1


def test_who_hands_in_while_sets_are_left_has_not_finished(pair):
    alice = enter(pair, ALICE, SESSION)
    do_batch(alice)
    Submission.objects.filter(pk=alice.pk).update(state=Submission.State.SUBMITTED)
    alice.refresh_from_db()
    assert not entrances.check_finished(alice)
    Slot.objects.filter(state=Slot.State.FREE).update(state=Slot.State.VOID)  # nor when nothing is left later
    assert not entrances.check_finished(alice)


def test_a_later_pass_needs_only_its_own_sets(pair):
    """Bob's place of two was paid for the one set there was; a place of one, later, is not charged for the other."""
    alice, bob = enter(pair, ALICE, SESSION), enter(pair, "b" * 24, "6" * 24)
    for submission in (alice, alice, bob):
        do_batch(submission)
    assert entrances.check_finished(bob)
    slot = Slot.objects.filter(assignments__annotator=alice.annotator).first()
    Slot.objects.create(study=pair.study, batch=slot.batch, replica=9, order_key=1)
    one = publish(pair.study, "prolific", n_places=1)
    again = enter(one, "b" * 24, "7" * 24)
    do_batch(again)
    assert entrances.check_finished(again)
