"""kill -9 of web and worker when the provider has committed and has not answered yet: one effect each.

Rita's form is sent to a real gunicorn; when her decision is in the database and the provider has carried it out, both
the process that answers her and the process that asked the provider are killed. She sends the form again.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from annotation.endpoints import serving
from annotation.endpoints.mturk import LocalMTurk
from annotation.endpoints.prolific import LocalProlific
from tests.annotation.market import fault

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "/admin/annotation"
#: recruiter -> step -> the call that commits, and how the endpoint shows what it has committed
COMMITS = {
    "mturk": {
        "publish": ("CreateHITWithHITType", lambda ledger: len(ledger["hits"])),
        "approve": (
            "ApproveAssignment",
            lambda ledger: sum(each["AssignmentStatus"] == "Approved" for each in ledger["assignments"].values()),
        ),
        "bonus": ("SendBonus", lambda ledger: len(ledger["bonuses"])),
    },
    "prolific": {
        "publish": (
            "POST studies/transition",
            lambda ledger: sum(each["status"] != "UNPUBLISHED" for each in ledger["studies"].values()),
        ),
        "approve": (
            "POST submissions/transition",
            lambda ledger: sum(each["status"] == "APPROVED" for each in ledger["submissions"].values()),
        ),
        "bonus": (
            "POST bulk-bonus-payments/pay",
            lambda ledger: sum(len(each["bonus_payments"]) for each in ledger["submissions"].values()),
        ),
    },
}


class Orderer:
    """`tests.annotation.order_killed`, asked step by step."""

    def __init__(self, environment):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.annotation.order_killed"], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def begin(self, *step) -> int:
        """Start a step and return the number of its process."""
        print(*step, file=self._process.stdin, flush=True)
        return self._line()["process"]

    def do(self, *step) -> dict:
        self.begin(*step)
        found = self._line()
        assert "ended" not in found, f"{step} failed; its error stands above"
        assert self._line() == {"ended": 0}
        return found

    def kill(self, process: int) -> None:
        os.kill(process, signal.SIGKILL)
        assert self._line() == {"ended": -signal.SIGKILL}

    def _line(self) -> dict:
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Site:
    """A real gunicorn, its researcher logged in."""

    def __init__(self, environment, session: str, port: int):
        self.url = environment["SITE_URL"]
        self.master = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "tests.annotation.held_site", "--preload", "--workers", "1",
             "--bind", f"127.0.0.1:{port}", "--log-level", "critical"],
            cwd=ROOT, env=environment,
        )  # fmt: skip
        self.http = requests.Session()
        self.http.cookies.set("sessionid", session)

    def page(self, path: str) -> str:
        """Get a page, waiting for a server that is just starting."""
        for _ in range(300):
            try:
                answer = self.http.get(self.url + path, timeout=30)
                answer.raise_for_status()
                return answer.text
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError("the site does not answer")

    def send(self, path: str, form: dict, **headers) -> str:
        form = form | {"csrfmiddlewaretoken": self.http.cookies["csrftoken"]}
        answer = self.http.post(self.url + path, form, headers=headers | {"Referer": self.url}, timeout=90)
        answer.raise_for_status()
        return answer.text

    def send_and_hold(self, path: str, form: dict, hold: Path) -> tuple[threading.Thread, int]:
        """Send a form that will get no answer; return the process that holds it, once it has done everything."""
        cut = []

        def send():
            try:
                self.send(path, form, **{"X-Hold": str(hold)})
            except requests.ConnectionError as error:
                cut.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        while not (hold.exists() and hold.read_text().endswith("\n")):
            assert thread.is_alive(), "the site answered"
            time.sleep(0.01)
        thread.cut = cut
        return thread, int(hold.read_text())

    def close(self) -> None:
        self.master.terminate()
        self.master.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(folder, **database):
    """Both recruiters, a site and a process for its orders, on a database that nobody has used."""
    endpoints, port = {"mturk": LocalMTurk(), "prolific": LocalProlific()}, free_port()
    with serving.running(endpoints["mturk"]) as mturk, serving.running(endpoints["prolific"]) as prolific:
        kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment = kept | {
            "VAR_DIR": str(folder), "SITE_URL": f"http://127.0.0.1:{port}", "MTURK_ENDPOINT_URL": mturk,
            "PROLIFIC_URL": prolific, "PROLIFIC_TOKEN": "secret", "LOG_LEVEL": "CRITICAL",
        } | database  # fmt: skip
        orderer = Orderer(environment)
        try:
            prepared = orderer.do("prepare")
            site = Site(environment, prepared["session"], port)
            try:
                urls = {"mturk": mturk, "prolific": prolific}
                yield endpoints, urls, orderer, site, prepared["studies"]
            finally:
                site.close()
        finally:
            orderer.close()


def form_of(site, recruiter: str, step: str, study: int, submission: int | None) -> tuple[str, dict]:
    """Return where Rita's form of this step goes, and what stands in it."""
    if step != "publish":
        path = f"{ADMIN}/submission/"
        site.page(path)
        return path, {"action": step, "_selected_action": submission, "bonus": "0.25", "reason": "Thank you."}
    page = site.page(f"{ADMIN}/posting/add/")
    form = {
        "study": study, "recruiter": recruiter, "n_places": 3, "reward": "0.50", "batches_per_place": 1,
        "title": "Faces", "description": "Compare faces", "keywords": "", "minutes": 10, "minutes_allowed": 60,
        "days_open": 14, "grows_itself": "on", "approved_cost": "",
        "decision": re.search(r'name="decision" value="([^"]+)"', page)[1],
    }  # fmt: skip
    told = site.send(f"{ADMIN}/posting/add/", form)
    return f"{ADMIN}/posting/add/", form | {"approved_cost": re.search(r"Enter ([\d.]+) to approve it", told)[1]}


def kill_both(folder, **database):
    with running(folder, **database) as (endpoints, urls, orderer, site, studies):
        submission = None
        for recruiter, steps in COMMITS.items():
            ledger = endpoints[recruiter].ledger
            for step, (operation, n_effects) in steps.items():
                if step == "approve":
                    submission = orderer.do("work", recruiter, urls[recruiter])["submission"]
                path, form = form_of(site, recruiter, step, studies[recruiter], submission)
                asking, web = site.send_and_hold(path, form, folder / f"{recruiter}-{step}")
                fault(urls[recruiter], "slow_after_commit", operation, seconds=20)
                worker = orderer.begin("deliver")
                while n_effects(ledger) == 0:
                    time.sleep(0.01)
                os.kill(web, signal.SIGKILL)
                orderer.kill(worker)
                asking.join()
                assert asking.cut, "Rita was answered"
                site.page("/")
                site.send(path, form)  # while the order's outcome is not known
                orderer.do("settle")
                site.send(path, form)  # and when it is
                orders = orderer.do("settle")["orders"]
                assert orders.count([recruiter, step, "confirmed"]) == 1, orders
                assert [each[:2] for each in orders].count([recruiter, step]) == 1, orders
                assert n_effects(ledger) == 1, (recruiter, step)
        for recruiter, steps in COMMITS.items():  # nor did a later step repeat an earlier one
            assert [n_effects(endpoints[recruiter].ledger) for _, n_effects in steps.values()] == [1, 1, 1]


@pytest.mark.timeout(300)
def test_on_sqlite(tmp_path):
    kill_both(tmp_path)


@pytest.mark.timeout(300)
@pytest.mark.postgres
def test_on_postgresql(postgres_url, tmp_path):
    import psycopg

    name = f"killed_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    kill_both(tmp_path, DATABASE_URL=urlsplit(postgres_url)._replace(path=f"/{name}").geturl())
