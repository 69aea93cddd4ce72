"""Simulated people who take part in a study through the running site, over HTTP, as a browser would.

They open the entry link, consent, practise, look at the pictures and answer, batch after batch. What they
know of a picture they know from its bytes: addresses tell nothing, here as for everybody. They do not wait, but
report the response times that such people have.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urljoin

import numpy as np
import urllib3

from annotation import crowd
from annotation.crowd import AnnotatorModel

_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_SHOWN = 300  # characters of an unexpected answer that are quoted
#: Refusals after which a person simply asks for their next pictures.
_ASK_AGAIN = {"assignment_closed", "assignment_taken_over"}


class UnexpectedAnswer(RuntimeError):
    """The site answered otherwise than the protocol says."""


class Judge(Protocol):
    """What simulated people perceive, before noise and lapses."""

    def see(self, picture: bytes) -> Hashable:
        """Return what is recognised in a picture."""

    def distance(self, one: Hashable, other: Hashable) -> float:
        """Return how different two of them look; a clear difference is about 1."""

    def true_value(self, seen: Hashable, attribute: str) -> float:
        """Return what the attribute is rated on average, on the study's scale."""

    def fits(self, seen: Hashable, options: Sequence[str]) -> Sequence[float]:
        """Return how well each label fits; a clear difference is about 1."""


@dataclass(frozen=True)
class KnownPictures:
    """A judge for pictures whose truth is known.

    positions : SHA-256 of the picture's bytes (hex) -> perceptual vector, all of one length
    values : the same -> attribute -> mean rating, or label -> how well it fits; for studies of ratings or choices
    unit : the perceptual distance that is a clear difference
    """

    positions: Mapping[str, np.ndarray]
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unit: float = 1.0

    def see(self, picture: bytes) -> str:
        return hashlib.sha256(picture).hexdigest()

    def distance(self, one: str, other: str) -> float:
        difference = np.subtract(self._known(self.positions, one), self._known(self.positions, other))
        return float(np.linalg.norm(difference)) / self.unit

    def true_value(self, seen: str, attribute: str) -> float:
        values = self._known(self.values, seen)
        if attribute not in values:
            raise LookupError(f"attribute {attribute!r} is not known: expected one of {', '.join(values)}")
        return values[attribute]

    def fits(self, seen: str, options: Sequence[str]) -> list[float]:
        return [self.true_value(seen, option) for option in options]

    @staticmethod
    def _known(table: Mapping, seen: str):
        if seen not in table:
            raise LookupError(f"the site showed a picture that is not known (SHA-256 {seen[:16]}...)")
        return table[seen]


@dataclass(frozen=True)
class SimulatedAnnotator:
    """One simulated person. n_batches : how many batches they do before they leave, None: all there are."""

    model: AnnotatorModel
    name: str = ""
    n_batches: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Visit:
    """What one simulated person did. code : the participant code that the site shows them.

    ended : "budget" (did what they came for), "nothing left" (also for those who were excluded) or "closed".
    """

    annotator: SimulatedAnnotator
    code: str
    n_batches: int
    n_responses: int
    n_practice: int
    n_pictures: int
    ended: str
    seconds: float


def answer_study(
    entry_url: str | Callable[[SimulatedAnnotator], str],
    annotators: Sequence[SimulatedAnnotator],
    judge: Judge,
    n_threads: int = 4,
    progress: Callable[[int], None] | None = None,
) -> list[Visit]:
    """Let simulated people answer a study, `n_threads` of them at a time; return their visits in the same order.

    entry_url : the study's open link, or a function that gives each their own. progress : called with the
    number of responses saved so far by all, from several threads but never two at once.
    UnexpectedAnswer, and no further person is sent, where the site answers otherwise than the protocol says.
    """
    tally = _Tally(progress)
    retries = urllib3.Retry(total=3, redirect=5, allowed_methods=None, status_forcelist=[502, 503, 504],
                            backoff_factor=0.2, raise_on_status=False)  # fmt: skip
    with (
        urllib3.PoolManager(maxsize=n_threads, retries=retries, timeout=_TIMEOUT) as pool,
        ThreadPoolExecutor(n_threads, thread_name_prefix="simulated") as threads,
    ):
        url_of = entry_url if callable(entry_url) else lambda annotator: entry_url
        running = {
            threads.submit(_Visitor(pool, annotator, judge, tally).visit, url_of(annotator)): place
            for place, annotator in enumerate(annotators)
        }
        visits = [None] * len(annotators)
        try:
            for future in as_completed(running):
                visits[running[future]] = future.result()
        except BaseException:
            tally.stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    return visits


# Details ----------------------------------------------------------------------------------------


class _Tally:
    def __init__(self, progress):
        self._progress, self._lock, self._n = progress, threading.Lock(), 0
        self.stop = threading.Event()

    def count(self) -> None:
        with self._lock:
            self._n += 1
            if self._progress:
                self._progress(self._n)


class _Refused(Exception):
    """A refusal that the protocol knows; `code` says which."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class _Visitor:
    """One person's pass through the site."""

    def __init__(self, pool: urllib3.PoolManager, annotator: SimulatedAnnotator, judge: Judge, tally: _Tally):
        self._pool, self._annotator, self._judge, self._tally = pool, annotator, judge, tally
        self._rng = np.random.default_rng(annotator.seed)
        self._n_pictures = self._n_responses = self._n_practice = 0
        self._code, self._home = "", ""

    def visit(self, entry_url: str) -> Visit:
        started = time.monotonic()
        ended, n_batches = "closed", 0
        try:
            self._enter(entry_url)
            self._practise()
            while ended == "closed":
                if self._annotator.n_batches is not None and n_batches >= self._annotator.n_batches:
                    ended = "budget"
                elif not self._answer_batch():
                    ended = "nothing left"
                else:
                    n_batches += 1
        except _Refused as refusal:
            if refusal.code != "study_closed":
                raise UnexpectedAnswer(f"the site refused {self._annotator.name or 'somebody'}: {refusal}") from refusal
        return Visit(
            self._annotator, self._code, n_batches, self._n_responses, self._n_practice, self._n_pictures, ended,
            time.monotonic() - started,
        )  # fmt: skip

    def _enter(self, entry_url: str) -> None:
        response = self._send("GET", entry_url, redirect=False)
        if response.status == 403:
            raise _Refused("study_closed")
        self._home = urljoin(entry_url, self._expect(response, entry_url, 302).headers["Location"])
        address = urljoin(self._home, "consent")
        response = self._send("POST", address, fields={"agree": "1"}, encode_multipart=False, redirect=False)
        self._expect(response, address, 302)

    def _practise(self) -> None:
        shown = self._json("GET", "practice")
        self._code = shown["code"]
        if not shown["done"]:
            for question in shown["questions"]:
                answer, _ = self._judgement(question)
                self._json("POST", "practice", {"position": question["position"]} | answer)
                self._n_practice += 1

    def _answer_batch(self) -> bool:
        """Answer one batch; return whether there was one."""
        is_asked_again = False
        while True:
            shown = self._json("GET", "assignment")
            if shown["done"]:
                return False
            if not shown["questions"]:
                raise UnexpectedAnswer(f"assignment {shown['assignment']} has nothing to answer and is not done")
            try:
                for question in shown["questions"]:
                    self._answer(shown["assignment"], question)
                return True
            except _Refused as refusal:
                if refusal.code not in _ASK_AGAIN or is_asked_again:
                    raise
                is_asked_again = True

    def _answer(self, assignment: int, question: dict) -> None:
        if self._tally.stop.is_set():
            raise _Refused("stopped")
        answer, difficulty = self._judgement(question)
        milliseconds = crowd.response_ms(self._annotator.model, difficulty, self._rng)
        saved = self._json(
            "POST", "responses",
            {"assignment": assignment, "position": question["position"], "response_ms": milliseconds} | answer,
        )  # fmt: skip
        if not saved["saved"]:
            raise UnexpectedAnswer(f"position {question['position']} of assignment {assignment} was not saved: {saved}")
        if saved["is_new"]:
            self._n_responses += 1
            self._tally.count()
        if saved.get("notice"):
            raise _Refused("assignment_taken_over")

    def _judgement(self, question: dict) -> tuple[dict, float]:
        """Return the answer, and how hard it was between 0 and 1."""
        model, rng = self._annotator.model, self._rng
        if "attribute" in question:
            value = self._judge.true_value(self._look(question["picture"]), question["attribute"])
            return {"rating": crowd.rate(model, value, question["low"], question["high"], rng)}, 0.5
        if "options" in question:
            fits = self._judge.fits(self._look(question["picture"]), question["options"])
            chosen = crowd.choose_label(model, fits, rng)
            return {"label": question["options"][chosen]}, crowd.label_difficulty(fits)
        reference, left, right = (self._look(question[name]) for name in ("reference", "left", "right"))
        distances = self._judge.distance(reference, left), self._judge.distance(reference, right)
        # What a person sees has no first and second, so here "first" is the left one.
        choice = crowd.choose_triplet(model, *distances, rng, first_on_left=True)
        return {"choice": "left" if choice == crowd.FIRST else "right"}, float(crowd.triplet_difficulty(*distances))

    def _look(self, address: str) -> Hashable:
        url = urljoin(self._home, address)
        response = self._expect(self._send("GET", url), url, 200)
        self._n_pictures += 1
        return self._judge.see(response.data)

    def _json(self, method: str, name: str, content: dict | None = None) -> dict:
        url = urljoin(self._home, name)
        headers = {"Accept": "application/json"}
        body = None
        if content is not None:
            body, headers["Content-Type"] = json.dumps(content).encode(), "application/json"
        response = self._send(method, url, body=body, headers=headers, redirect=False)
        try:
            answer = json.loads(response.data)
        except ValueError:
            answer = None
        if response.status in (403, 409) and isinstance(answer, dict) and "code" in answer:
            raise _Refused(answer["code"])
        self._expect(response, url, 200)
        if not isinstance(answer, dict):
            raise UnexpectedAnswer(f"{method} {url} answered no JSON object: {_quoted(response)}")
        return answer

    def _send(self, method: str, url: str, **options) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(method, url, **options)
        except urllib3.exceptions.HTTPError as error:
            raise UnexpectedAnswer(f"{method} {url} got no answer ({error})") from error

    @staticmethod
    def _expect(response, url: str, status: int):
        if response.status != status:
            raise UnexpectedAnswer(f"{url} answered {response.status}, expected {status}: {_quoted(response)}")
        return response


def _quoted(response) -> str:
    return " ".join(response.data[:_SHOWN].decode(errors="replace").split())
