"""What is measured, in which order, and the tables that are printed."""

import math
import os
import signal
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.serving import clients, site

PARTS = ("people", "slots")
TARGETS = {16: 100, 100: 250}  # people: p95 in ms
ARRIVING = 0.5  # so many times the seconds that count, people come
N_ROUNDS = 4


def main(parts=PARTS, seconds: float = 12, largest: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # PostgreSQL's wheel looks for a place for its socket
        from tests.servers import start_postgres

        url, server = start_postgres()
        port = site.free_port()
        web = None
        try:
            site.set_up(folder, url, port)
            web = site.start_web(port)
            running = site.Site(port, web.pid, server.get_pid())
            print(about(Path(server.pgdata)), flush=True)
            drive(running, site.make_study(2_000, "warm"), 16, 6)
            acknowledged = []
            if "people" in parts:
                acknowledged += measure_people(running, seconds)
            if "slots" in parts:
                acknowledged += measure_slots(running, seconds / N_ROUNDS, largest)
            web.terminate()
            web.wait()
            kill_and_restart(server)
            print(verify(acknowledged), flush=True)
        finally:
            if web and web.poll() is None:
                web.terminate()
                web.wait()
            server.cleanup()


def about(folder: Path) -> str:
    """What the figures depend on: cores, how busy they are with other things, and how long writing to disk takes."""
    return (
        f"  {os.cpu_count()} cores for server, database and clients; load before: {os.getloadavg()[0]:.1f}; "
        f"fdatasync of 8 KiB: {fdatasync_ms(folder):.2f} ms; a million additions in Python: {additions_ms():.0f} ms"
    )


def fdatasync_ms(folder: Path) -> float:
    took, path = [], folder / "fdatasync"
    with path.open("wb", buffering=0) as file:
        file.write(bytes(8192 * 100))
        os.fsync(file.fileno())
        for i in range(100):
            os.pwrite(file.fileno(), os.urandom(8192), 8192 * i)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - started)
    path.unlink()
    return 1000 * statistics.median(took)


def additions_ms() -> float:
    """CPU time of a fixed piece of work: says how fast a core of this machine is now."""
    started, total = time.process_time(), 0
    for i in range(1_000_000):
        total += i
    return 1000 * (time.process_time() - started)


# One measurement ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    n_people: int
    seen: clients.Seen
    cpu: dict[str, float]

    def cycle_ms(self, share: float) -> float:
        return percentile_ms(self.seen.cycles, share)

    @property
    def per_second(self) -> float:
        return len(self.seen.saved) / self.seen.seconds

    def cpu_ms(self, part: str) -> float:
        return 1000 * self.cpu[part] / len(self.seen.saved)

    def row(self, title: str) -> str:
        cpu = [self.cpu_ms(part) for part in ("web", "database", "clients")]
        share = sum(self.cpu.values()) / self.seen.seconds / os.cpu_count()
        return (
            f"  {title:>16} {self.cycle_ms(0.5):7.0f} {self.cycle_ms(0.95):6.0f} {self.cycle_ms(0.99):6.0f}"
            f" {percentile_ms(self.seen.claims, 0.5):8.0f} {percentile_ms(self.seen.claims, 0.95):6.0f}"
            f" {self.per_second:8.0f} {cpu[0]:6.2f} {cpu[1]:9.2f} {cpu[2]:8.2f} {share:10.0%} {len(self.seen.errors):7}"
        )


HEAD = (
    "                    next question + save, ms   next pass, ms           CPU ms a response      of the\n"
    "                        p50    p95    p99      p50    p95  saved/s    web  database  clients    machine  errors"
)


def percentile_ms(seconds: list[float], share: float) -> float:
    return 1000 * sorted(seconds)[int(share * len(seconds))] if seconds else math.nan


def drive(running: site.Site, study, n_people: int, seconds: float) -> Figures:
    """Let new people answer questions of the study."""
    tokens = site.people_of(study, n_people)
    before: dict[str, float] = {}
    seen = clients.answer_for(
        seconds, running.port, tokens, ARRIVING * seconds, lambda: before.update(running.cpu_seconds())
    )
    after = running.cpu_seconds()
    if not seen.saved:
        raise RuntimeError(f"nothing was saved: {seen.errors[:3]}")
    if seen.errors:
        print(f"  errors, the first of them: {seen.errors[0]}")
    return Figures(n_people, seen, {part: after[part] - before[part] for part in before})


# The parts ----------------------------------------------------------------------------------------


def measure_people(running: site.Site, seconds: float) -> list:
    print(HEAD)
    seen = []
    for n_people, target in TARGETS.items():
        found = drive(running, site.make_study(20_000, f"p{n_people}"), n_people, seconds)
        print(found.row(f"{n_people} people"), f"  (targets: p95 {target} ms, 350 saved/s)", flush=True)
        seen.append(found.seen)
    print(gold_beside_others(seen[0]), flush=True)
    return [answer for one in seen for answer in (*one.saved_before, *one.saved)]


def gold_beside_others(seen: clients.Seen) -> str:
    """Whether the time that an answer takes tells that its question was gold; the last answer of a pass is left out."""
    from annotation.models import Response

    rows = Response.objects.filter(assignment__in={assignment for assignment, _, _ in seen.saved})
    is_gold = {
        (a, p): is_right is not None for a, p, is_right in rows.values_list("assignment", "position", "is_right")
    }
    last = dict(sorted(is_gold))
    took = {True: [], False: []}
    for (assignment, position, _), seconds in zip(seen.saved, seen.saves, strict=True):
        if position != last[assignment]:
            took[is_gold[assignment, position]].append(seconds)
    quartiles = {
        gold: " ".join(f"{percentile_ms(took[gold], share):.1f}" for share in (0.25, 0.5, 0.75)) for gold in took
    }
    return (
        f"  saving alone, {min(TARGETS)} people, quartiles in ms: gold questions {quartiles[True]} "
        f"(n = {len(took[True])}), others {quartiles[False]}"
    )


def measure_slots(running: site.Site, seconds: float, largest: int) -> list:
    """Sixteen people in studies of each size, in turn, so that what else the machine does falls on all alike.

    Then nine tenths of the largest study's slots are used up: claiming must not walk past them for ever.
    """
    sizes = [10**power for power in range(3, 7) if 10**power <= largest]
    studies = {f"{size:,} open slots": site.make_study(size, f"s{size}") for size in sizes}
    used = studies[f"{sizes[-1]:,} open slots"]
    print("\n  16 people, medians of rounds         next question + save      next pass      CPU of web and database")
    answers, first = take_turns(running, studies, seconds, None)
    if sizes[-1] > 10_000:  # else too few are left to work on
        site.use_up(used, sizes[-1] * 9 // 10)
        answers += take_turns(running, {"of which 9/10 used just now": used}, seconds, first)[0]
        site.vacuum()
        answers += take_turns(running, {"the same, tidied by PostgreSQL": used}, seconds, first)[0]
    print("  (target: the median at 10^6 at most 1.3 times that at 10^3)")
    return answers


def take_turns(running: site.Site, studies: dict, seconds: float, first: list[float] | None) -> tuple[list, list]:
    """Print a row for each study, as multiples of the row `first`; return what was acknowledged, and that row."""
    rounds = [[drive(running, study, 16, seconds) for study in studies.values()] for _ in range(N_ROUNDS)]
    for title, found in zip(studies, zip(*rounds, strict=True), strict=True):
        row = middle_of(found)
        first = first or row
        shown = "   ".join(f"{now:7.1f} ms {now / then:5.2f}x" for now, then in zip(row, first, strict=True))
        print(f"  {title:>30}   {shown}", flush=True)
    return [answer for found in rounds for one in found for answer in (*one.seen.saved_before, *one.seen.saved)], first


def middle_of(rounds: list[Figures]) -> list[float]:
    """Medians over the rounds: of a cycle, of being given a pass, of the server's CPU a response, all in ms."""
    return [
        statistics.median(one.cycle_ms(0.5) for one in rounds),
        statistics.median(percentile_ms(one.seen.claims, 0.5) for one in rounds),
        statistics.median(one.cpu_ms("web") + one.cpu_ms("database") for one in rounds),
    ]


# What is there afterwards -------------------------------------------------------------------------


def kill_and_restart(server) -> None:
    from django.db import connections

    connections.close_all()
    pid = server.get_pid()
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1)  # its children notice
    while True:
        try:
            return server.ensure_postgres_running()
        except subprocess.TimeoutExpired:  # it waits for ten seconds; reading the log again can take longer
            if time.monotonic() > deadline:
                raise


def verify(acknowledged: list[tuple[int, int, str]]) -> str:
    """Compare what the clients were told with what is there. RuntimeError where they differ."""
    from django.db.models import Count

    from annotation.models import Assignment, Response

    passes = {assignment for assignment, _, _ in acknowledged}
    rows = Response.objects.filter(assignment__in=passes)
    stored = {}
    for assignment, position, choice, is_first_left in rows.values_list(
        "assignment_id", "position", "choice", "is_first_left"
    ):
        side = "left" if (choice == "first") == is_first_left else "right"
        stored.setdefault((assignment, position), []).append(side)
    wrong = [place for *place, side in acknowledged if stored.get(tuple(place)) != [side]]
    counts = dict(rows.order_by().values_list("assignment").annotate(n=Count("pk")))
    told = dict(Assignment.objects.filter(pk__in=passes).values_list("pk", "n_answered"))
    if wrong or counts != told or len(set(acknowledged)) != len(acknowledged):
        raise RuntimeError(f"{len(wrong)} acknowledged responses are not there exactly once: {wrong[:3]}")
    return (
        f"\n  PostgreSQL was killed and started again: each of {len(acknowledged):,} acknowledged responses is there "
        f"exactly once, and the counts of {len(passes):,} passes agree"
    )
