"""People who answer without thinking, as one light process: each has one connection that is kept open.

A cycle is "save this answer and show the next question", as the page does it: the questions of a pass come with one
request, then one POST an answer; after the last one the cycle ends when the questions of the next pass have come.
Requests are bytes that were put together before, replies are read just as far as needed, and one `epoll` waits for
all connections: a thirtieth of what the server needs, and the report says how much.

People come one after the other, as they do to a study, and are measured from when the last has come. If all began in
one moment they would stay in step, and every twentieth answer all of them would ask for the next pass at once.
"""

import json
import selectors
import socket
import time
from dataclasses import dataclass, field

LONGEST_WAIT = 30  # seconds without any reply: the site hangs


@dataclass
class Seen:
    """What people saw. Durations are in seconds."""

    cycles: list[float] = field(default_factory=list)  # from an answer to the next question
    claims: list[float] = field(default_factory=list)  # from asking for a pass to its questions
    saves: list[float] = field(default_factory=list)  # from an answer to its acknowledgement
    saved: list[tuple[int, int, str]] = field(default_factory=list)  # of the same answers: assignment, position, side
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    saved_before: list[tuple[int, int, str]] = field(default_factory=list)  # while people were still coming


class Person:
    def __init__(self, port: int, token: str, seen: Seen):
        self.seen = seen
        self.address = f"127.0.0.1:{port}"
        self.token = token
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.waiting = []  # (assignment, position, side, request) of the pass, the next one last
        self.asked = None  # what the answer under way is, None while a pass is asked for
        self.cycle_began = None

    def ask_for_pass(self, now: float) -> None:
        self.asked, self.asked_at = None, now
        self.sock.sendall(self._request("GET", "assignment"))

    def answer(self, now: float) -> None:
        self.asked = self.waiting.pop()
        self.asked_at = self.cycle_began = now
        self.sock.sendall(self.asked[-1])

    def read(self) -> bool:
        """Read what has come; True when the person can go on."""
        came = self.sock.recv(262_144)
        if not came:
            raise ConnectionError("the server hung up")
        self.received += came
        head, end, body = self.received.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(self.received[:200].decode(errors="replace"))
        length = int(head.lower().split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return False
        self.received = b""
        now = time.perf_counter()
        if self.asked is None:
            self.seen.claims.append(now - self.asked_at)
            self._take(json.loads(body))
        else:
            if not body.startswith(b'{"saved": true, "is_new": true'):
                raise RuntimeError(body[:200].decode(errors="replace"))
            self.seen.saves.append(now - self.asked_at)
            self.seen.saved.append(self.asked[:3])
        if self.waiting and self.cycle_began is not None:
            self.seen.cycles.append(now - self.cycle_began)
        return True

    def go_on(self) -> None:
        now = time.perf_counter()
        if self.waiting:
            self.answer(now)
        else:
            self.ask_for_pass(now)

    def _take(self, batch: dict) -> None:
        if batch["done"]:
            raise RuntimeError("nothing was left to answer")
        for question in reversed(batch["questions"]):
            place = (batch["assignment"], question["position"], ("left", "right")[question["position"] % 2])
            answer = dict(zip(("assignment", "position", "choice"), place, strict=True))
            body = json.dumps(answer | {"response_ms": 900, "latency_ms": 1}).encode()
            self.waiting.append((*place, self._request("POST", "responses", body)))

    def _request(self, method: str, name: str, body: bytes = b"") -> bytes:
        head = (
            f"{method} /take/{self.token}/{name} HTTP/1.1\r\nHost: {self.address}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def answer_for(seconds: float, port: int, tokens: list[str], arriving: float = 0.0, all_here=lambda: None) -> Seen:
    """Let the people of `tokens` answer for so many seconds; then wait for the replies under way.

    arriving : seconds over which they come, before those that count      all_here : called when the last has come
    """
    before, seen = Seen(), Seen()
    coming = [Person(port, token, before) for token in tokens]
    people, gap, began = list(coming), arriving / len(tokens), time.perf_counter()
    counted_from = None
    with selectors.DefaultSelector() as selector:
        while coming or selector.get_map():
            now = time.perf_counter()
            while coming and now >= began + gap * (len(people) - len(coming)):
                person = coming.pop(0)
                selector.register(person.sock, selectors.EVENT_READ, person)
                person.ask_for_pass(now)
            if not coming and counted_from is None:
                all_here()
                counted_from = time.perf_counter()
                for person in people:
                    person.seen = seen
            is_over = counted_from is not None and now - counted_from > seconds
            ready = selector.select(gap if coming else LONGEST_WAIT)
            if not ready and not coming:
                seen.errors.append(f"no reply within {LONGEST_WAIT} s")
                break
            for key, _ in ready:
                person = key.data
                try:
                    if not person.read():
                        continue
                    if not is_over:
                        person.go_on()
                        continue
                except (OSError, RuntimeError, LookupError, ValueError) as error:
                    seen.errors.append(repr(error))
                selector.unregister(person.sock)
        seen.seconds = time.perf_counter() - counted_from
    seen.saved_before = before.saved
    for person in people:
        person.sock.close()
    return seen
