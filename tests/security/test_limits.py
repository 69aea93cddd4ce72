"""Who asks too often is told when to come again; nobody else notices."""

import json
import subprocess
import sys

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotation.models import Response
from annotation.services import links
from annotation.services.assignments import claim_assignment
from config import limits
from tests.annotation.making import enter, make_study

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def few(settings, tmp_path, monkeypatch):
    settings.VAR_DIR = tmp_path
    settings.RATE_LIMITS = {"entry": (3, 60), "answer": (4, 10), "login": (2, 300)}
    clock = [1_000_000.0]
    monkeypatch.setattr(limits.time, "time", lambda: clock[0])
    return clock


def at(name, participation):
    return reverse(f"annotation:{name}", args=[links.participation_token(participation)])


def entry(study):
    return links.entry_url(study).removeprefix("http://127.0.0.1:8000")


def test_entering_from_one_network(client, few):
    study = make_study()
    found = [client.get(entry(study), REMOTE_ADDR="10.0.0.1") for _ in range(4)]
    assert [response.status_code for response in found] == [302, 302, 302, 429]
    assert found[-1]["Retry-After"] == "20"
    assert "no-store" in found[-1]["Cache-Control"]
    assert "Please try again in 20 seconds" in found[-1].content.decode()
    assert client.get(entry(study), REMOTE_ADDR="10.0.0.2").status_code == 302
    few[0] += 20
    assert client.get(entry(study), REMOTE_ADDR="10.0.0.1").status_code == 302


def test_answers_of_one_participation(client, few):
    study = make_study(n_questions=6, batch_size=6)
    alice, carol = enter(study), enter(study, "carol")
    hers = claim_assignment(study, alice.annotator)

    def answer(position):
        body = json.dumps({"assignment": hers.pk, "position": position, "choice": "left"})
        return client.post(at("responses", alice), body, content_type="application/json")

    assert [answer(position).status_code for position in range(4)] == [200] * 4
    refused = answer(4)
    assert (refused.status_code, refused["Retry-After"], refused["Content-Type"]) == (429, "10", "application/json")
    assert refused.json()["code"] == "too_many_requests"
    assert "what was saved is safe" in refused.json()["error"]
    assert Response.objects.count() == 4
    assert client.get(at("assignment", carol)).status_code == 200
    few[0] += 10
    assert answer(4).status_code == 200  # the same answer again is saved: a limit loses nothing


def test_a_form_gets_a_page(client):
    alice = enter(make_study())
    found = [client.post(at("consent", alice)) for _ in range(5)][-1]
    assert found.status_code == 429
    assert "<h1>One moment, please</h1>" in found.content.decode()
    assert "unsafe" not in found["Content-Security-Policy"]


def test_guessing_passwords(client, rita):
    login = reverse("admin:login")
    found = [client.post(login, {"username": "rita", "password": f"guess {i}"}).status_code for i in range(3)]
    assert found == [200, 200, 429]
    assert client.post(login, {"username": "rita", "password": "a long pass phrase"}).status_code == 429
    assert client.get(login).status_code == 200


def test_what_only_reads_is_not_counted(client):
    alice = enter(make_study())
    assert {client.get(at("questions", alice)).status_code for _ in range(9)} == {200}


def test_zero_is_no_limit(client, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "entry": (0, 60)}
    study = make_study()
    assert {client.get(entry(study)).status_code for _ in range(9)} == {302}


@pytest.mark.parametrize(
    ("is_behind_proxy", "forwarded", "address", "network"),
    [
        (False, "1.2.3.4", "10.0.0.1", "10.0.0.1"),
        (True, "6.6.6.6, 1.2.3.4", "10.0.0.1", "1.2.3.4"),
        (True, "nonsense", "10.0.0.1", "unknown"),
        (False, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (False, "", "::ffff:10.0.0.1", "10.0.0.1"),
        (False, "", "", "unknown"),
    ],
)
def test_whose_count_it_is(rf, settings, is_behind_proxy, forwarded, address, network):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if is_behind_proxy else None
    request = rf.get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded)
    assert limits.network_of(request) == network


COUNT = """
import sys, django
from pathlib import Path
django.setup()
from config.limits import Counters
counters = Counters(Path(sys.argv[1]))
print(max(counters.count("somebody", 60, 1e6) for _ in range(500)))
"""


def test_processes_share_their_counts(tmp_path, settings):
    from os import environ

    file = tmp_path / "shared"
    kept = environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "SECRET_KEY": settings.SECRET_KEY}
    for n in (500, 1000):
        done = subprocess.run([sys.executable, "-c", COUNT, file], capture_output=True, text=True, env=kept)
        assert done.stdout.strip() == str(n), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    counters = limits.Counters(file)
    assert counters.count("somebody", 60, 1e6) == 1001
    assert counters.count("somebody", 60, 1e6 + 60) == 1  # a new window
    assert b"somebody" not in file.read_bytes()


def test_ten_thousand_others_do_not_use_up_ones_own(tmp_path):
    counters = limits.Counters(tmp_path / "crowd")
    for i in range(10_000):
        for _ in range(5):
            counters.count(f"person {i}", 10, 1e6)
    wrong = sum(counters.count(f"newcomer {i}", 10, 1e6) > 1 for i in range(1000))
    assert wrong < 60  # both places taken: (1 - exp(-10000/65536))^2 = 2 %
    assert max(counters.count(f"guest {i}", 10, 1e6) for i in range(1000)) < 40  # far below any limit


def test_a_long_body_is_refused_before_anything_reads_it(client, settings, rita, monkeypatch):
    """Django would write what strangers upload to the disk before any view is asked."""
    settings.BODY_MAX_BYTES, settings.UPLOAD_MAX_BYTES = 1000, 5000
    monkeypatch.setattr("django.http.multipartparser.MultiPartParser.parse", lambda self: pytest.fail("was read"))
    alice = enter(make_study())

    def long(n=2000):
        return {"file": SimpleUploadedFile("x", b"x" * n)}

    for address in (at("consent", alice), at("practice", alice), reverse("admin:login"), "/nowhere"):
        refused = client.post(address, long())
        assert (refused.status_code, "expected at most 1,000" in refused.content.decode()) == (413, True)
    told = client.post(at("responses", alice), "x" * 2000, content_type="application/json")
    assert (told.status_code, told.json()["code"]) == (413, "too_large")
    client.force_login(rita)
    assert client.post("/nowhere", long(6000)).status_code == 413
    monkeypatch.undo()
    assert client.post("/nowhere", long()).status_code == 404


def test_a_quick_person_and_a_whole_laboratory_meet_no_limit(client, few, settings):
    """With the limits as they are delivered: 300 people of one network within a minute; four answers a second."""
    from config.settings import RATE_LIMITS

    settings.RATE_LIMITS = RATE_LIMITS
    study = make_study()
    wanted = limits.Wanted("entry", "10.0.0.1")
    counters = limits.counters_in(settings.VAR_DIR / "rates")
    for _ in range(299):
        counters.count(f"{wanted.rule}/{wanted.key}", RATE_LIMITS["entry"][1], few[0])
    client.cookies.clear()
    assert client.get(entry(study), REMOTE_ADDR="10.0.0.1").status_code == 302
    alice = enter(make_study(n_questions=6, batch_size=6))
    hers = claim_assignment(alice.study, alice.annotator)
    for second in range(10):  # as quickly as keys can be pressed, and a page loaded anew every second
        few[0] += 1
        for _ in range(4):
            body = json.dumps({"assignment": hers.pk, "position": second % 6, "choice": "left"})
            assert client.post(at("responses", alice), body, content_type="application/json").status_code == 200
        assert client.get(at("assignment", alice)).status_code == 200
    # An hour without a connection, sent all at once when it is back: a pass of the largest batch there can be.
    few[0] += 10
    codes = {client.post(at("responses", alice), body, content_type="application/json").status_code for _ in range(220)}
    assert codes == {200}
