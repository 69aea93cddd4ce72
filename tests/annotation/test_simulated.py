"""Simulated people answer through the real pages, and what they know of the pictures can be found again."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from annotation.crowd import KINDS, AnnotatorModel
from annotation.models import Assignment, Consensus, Participation, Response
from annotation.recruiters.simulated import KnownPictures, SimulatedAnnotator, UnexpectedAnswer, answer_study
from annotation.services.consensus import settle_questions
from annotation.services.links import entry_url
from annotation.services.studies import close_study
from tests.annotation.making import make_study
from triplets.models import Question, Stimulus

live = pytest.mark.django_db(transaction=True)


def place_pictures(study, seed=0):
    """Give every picture a place that people perceive; return it by the SHA-256 of its bytes, and by primary key."""
    rng = np.random.default_rng(seed)
    by_bytes, by_pk = {}, {}
    for stimulus in Stimulus.objects.filter(collection=study.collection).order_by("pk"):
        with stimulus.picture.open("rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        by_bytes[digest] = by_pk[stimulus.pk] = rng.normal(size=2)
    return by_bytes, by_pk


def nearer(question, places):
    first, second = (
        np.linalg.norm(places[question.reference_id] - places[pk]) for pk in (question.first_id, question.second_id)
    )
    return "first" if first < second else "second"


def set_truth(study, places):
    for question in Question.objects.filter(question_set=study.question_set, role__in=["gold", "practice"]):
        Question.objects.filter(pk=question.pk).update(expected_choice=nearer(question, places))


@pytest.fixture
def link(live_server, settings):
    settings.SITE_URL = live_server.url
    return entry_url


@live
def test_careful_people_settle_what_they_see_though_one_presses_left_always(link):
    study = make_study(n_questions=8, n_gold=2, n_practice=2, batch_size=4, responses_per_question=4, min_gold=0,
                       gold_threshold=0)  # fmt: skip
    by_bytes, by_pk = place_pictures(study)
    set_truth(study, by_pk)
    people = [SimulatedAnnotator(KINDS["careful"], f"careful {i}", seed=i) for i in range(3)]
    lefty = AnnotatorModel("side-biased", noise=1, lapse_rate=1, side_bias=1, median_ms=130)
    people.append(SimulatedAnnotator(lefty, "lefty", n_batches=2, seed=1))
    counted = []
    visits = answer_study(link(study), people, KnownPictures(by_bytes, unit=0.2), 1, counted.append)
    assert [visit.annotator for visit in visits] == people
    assert [(visit.ended, visit.n_batches) for visit in visits] == [("nothing left", 2)] * 3 + [("budget", 2)]
    assert {(visit.n_practice, visit.n_responses) for visit in visits} == {(2, 10)}
    assert {visit.n_pictures for visit in visits} == {3 * 12}
    assert counted == list(range(1, 41))
    codes = [part.annotator.code for part in Participation.objects.select_related("annotator").order_by("pk")]
    assert [visit.code for visit in visits] == codes
    presses = {code: set() for code in codes}
    for response in Response.objects.select_related("annotator"):
        presses[response.annotator.code].add((response.choice == "first") == response.is_first_left)
    assert presses == {code: {True, False} for code in codes[:3]} | {codes[3]: {True}}
    assert not Response.objects.filter(response_ms=None).exists()
    assert Response.objects.filter(annotator__code=codes[3], is_fast=True).exists()
    settle_questions(study)
    verdicts = [(row.verdict, nearer(row.question, by_pk)) for row in Consensus.objects.select_related("question")]
    assert len(verdicts) >= 6
    assert sum(found != true for found, true in verdicts) <= 1


@live
def test_ratings(link):
    study = make_study(n_questions=6, n_gold=2, kind="rating", responses_per_question=2, min_gold=2)
    by_bytes, _ = place_pictures(study)
    values = {digest: {"happy": 5.0} for digest in by_bytes}
    (visit,) = answer_study(
        link(study), [SimulatedAnnotator(KINDS["careful"], n_batches=1)], KnownPictures(by_bytes, values), 1
    )
    ratings = list(Response.objects.values_list("rating", flat=True))
    assert visit.n_responses == len(ratings) > 3
    assert all(2 <= rating <= 8 for rating in ratings)
    assert visit.n_pictures == visit.n_responses


@live
def test_labels(link):
    study = make_study(n_questions=6, n_gold=2, kind="choice", responses_per_question=3, min_gold=2, n_practice=0)
    by_bytes, _ = place_pictures(study)
    values = {digest: {"happy": 1.0, "sad": 0.0, "neutral": 0.0} for digest in by_bytes}
    people = [SimulatedAnnotator(KINDS["careful"], f"c{i}", seed=i) for i in range(3)]
    visits = answer_study(link(study), people, KnownPictures(by_bytes, values), 1)
    labels = list(Response.objects.values_list("label", flat=True))
    assert sum(visit.n_responses for visit in visits) == len(labels) > 18
    assert labels.count("happy") > 0.9 * len(labels)
    assert settle_questions(study).n_settled == 6


@live
def test_each_may_have_a_link_of_their_own(link):
    study = make_study(n_questions=3, n_gold=0, min_gold=0, n_gold_per_batch=0)
    by_bytes, _ = place_pictures(study)
    person = SimulatedAnnotator(KINDS["careful"], "sim-7")
    answer_study(lambda who: link(study, external_id=who.name, recruiter="simulated"), [person],
                 KnownPictures(by_bytes), 1)  # fmt: skip
    part = Participation.objects.get()
    assert (part.annotator.recruiter, part.annotator.external_id) == ("simulated", "sim-7")


@live
def test_a_closed_study_ends_the_visit(link):
    study = make_study(n_questions=3)
    close_study(study)
    (visit,) = answer_study(link(study), [SimulatedAnnotator(KINDS["careful"])], KnownPictures({}), 1)
    assert (visit.ended, visit.n_responses) == ("closed", 0)
    assert not Assignment.objects.exists()


@live
def test_an_unknown_picture_and_a_wrong_address_are_told(link, live_server):
    study = make_study(n_questions=3)
    with pytest.raises(LookupError, match="a picture that is not known"):
        answer_study(link(study), [SimulatedAnnotator(KINDS["careful"])], KnownPictures({}), 1)
    with pytest.raises(UnexpectedAnswer, match=r"/join/nonsense answered 404, expected 302"):
        answer_study(f"{live_server.url}/join/nonsense", [SimulatedAnnotator(KINDS["careful"])], KnownPictures({}), 1)


class FakeSite:
    """A site of one batch whose every assignment was lost the first time, served from this process."""

    def __init__(self, responses_status=200):
        self.asked, self.saved, self.status = 0, [], responses_status
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path == "/join/x":
                    return self.answer(302, b"", "/take/t/")
                if self.path.startswith("/pictures/"):
                    return self.answer(200, self.path.split("/")[2].split("-")[0].encode())
                if self.path.endswith("practice"):
                    return self.answer(200, {"done": True, "questions": [], "code": "CODE"})
                return self.answer(200, site.assignment())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.endswith("consent"):
                    return self.answer(302, b"", "/take/t/")
                return self.answer(*site.save(json.loads(body)))

            def answer(self, status, content, location=None):
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.entry = f"http://127.0.0.1:{self.server.server_port}/join/x"

    def assignment(self):
        self.asked += 1
        if len(self.saved) >= 2:
            return {"assignment": None, "questions": [], "done": True}
        names = {"reference": "/pictures/r-1", "left": "/pictures/l-2", "right": "/pictures/q-3"}
        return {"assignment": self.asked, "done": False, "questions": [{"position": p} | names for p in range(2)]}

    def save(self, content):
        if self.status != 200:
            return self.status, b"<h1>Something broke</h1>"
        if content["assignment"] == 1 and content["position"] == 1:
            return 200, {"saved": True, "is_new": True, "n_answered": 2, "is_complete": False, "notice": "Taken over."}
        self.saved.append(content)
        return 200, {"saved": True, "is_new": True, "n_answered": 1, "is_complete": False}


@pytest.fixture
def serve():
    sites = []

    def start(**options):
        sites.append(FakeSite(**options))
        return sites[-1]

    yield start
    for site in sites:
        site.server.shutdown()
        site.server.server_close()


def judge():
    places = {"r": [0.0], "l": [0.1], "q": [5.0]}
    return KnownPictures({hashlib.sha256(name.encode()).hexdigest(): place for name, place in places.items()})


def test_who_loses_an_assignment_asks_for_the_next(serve):
    site = serve()
    (visit,) = answer_study(site.entry, [SimulatedAnnotator(KINDS["careful"], seed=3)], judge())
    assert (visit.ended, visit.n_batches, visit.n_responses, visit.code) == ("nothing left", 1, 4, "CODE")
    assert [saved["choice"] for saved in site.saved] == ["left"] * 3
    assert all(saved["response_ms"] >= 120 for saved in site.saved)


def test_an_error_of_the_site_stops_everybody_and_is_quoted(serve):
    site = serve(responses_status=500)
    people = [SimulatedAnnotator(KINDS["careful"], seed=seed) for seed in range(20)]
    with pytest.raises(UnexpectedAnswer, match=r"/take/t/responses answered 500, expected 200: <h1>Something broke"):
        answer_study(site.entry, people, judge(), n_threads=2)
    assert site.asked < 20


def test_nobody_answers(serve):
    site = serve()
    site.server.shutdown()
    site.server.server_close()
    with pytest.raises(UnexpectedAnswer, match="got no answer"):
        answer_study(site.entry, [SimulatedAnnotator(KINDS["careful"])], judge())


def test_the_same_seed_is_the_same_person(serve):
    answers = []
    for _ in range(2):
        site = serve()
        answer_study(site.entry, [SimulatedAnnotator(KINDS["noisy"], seed=5)], judge())
        answers.append(site.saved)
    assert answers[0] == answers[1]
