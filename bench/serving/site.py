"""The site that is measured: PostgreSQL as its wheel comes, gunicorn as `manage.py start` runs it, studies in bulk."""

import http.client
import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

N_QUESTIONS, N_GOLD, N_REPLICAS = 19, 20, 5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Site:
    """A running site; `database` and `web` are process ids."""

    port: int
    web: int
    database: int

    def cpu_seconds(self) -> dict[str, float]:
        return {"web": cpu_of(self.web), "database": cpu_of(self.database), "clients": time.process_time()}


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process, its children, and those of them that have ended, have used (Linux)."""
    own = _times(pid)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (sum(own) + sum(sum(_times(child)[:2]) for child in children)) / TICKS


def _times(pid) -> list[int]:
    """utime, stime, and those of children that have ended; zeros for a process that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return [0, 0, 0, 0]
    return [int(field) for field in fields[11:15]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def set_up(folder: str, url: str, port: int) -> None:
    """Let Django know the database, with no limit on how often one person may answer, and make the tables."""
    os.environ |= {"VAR_DIR": folder, "DATABASE_URL": url, "LOG_LEVEL": "ERROR", "DEBUG": "0",
                   "SECRET_KEY": "of a bench, and used nowhere else " * 2, "SITE_URL": f"http://127.0.0.1:{port}",
                   "ANSWERS_PER_MINUTE": "0", "ENTRIES_PER_MINUTE": "0",
                   "DJANGO_SETTINGS_MODULE": "config.settings"}  # fmt: skip
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)


def start_web(port: int) -> subprocess.Popen:
    from config.supervisor import site_parts

    web = subprocess.Popen(site_parts("127.0.0.1", port)[0].command, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/")
            return web
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the web server did not start within a minute")


def make_study(n_slots: int, name: str):
    """A study of `n_slots` open slots, five a batch of 19 + 1 questions, made by a few statements.

    All batches ask the same 19 questions, which costs the same and is quickly made.
    """
    from tests.annotation import making

    study = making.make_study(
        n_questions=0, n_gold=N_GOLD, is_open=False, batch_size=N_QUESTIONS, min_gold=0, gold_threshold=0, name=name,
        responses_per_question=N_REPLICAS, collection=making.make_collection(12, size=40, name=f"faces-{name}"),
    )  # fmt: skip
    making.add_questions(study, "ordinary", N_QUESTIONS)
    names = {"study": study.pk, "set": study.question_set_id, "n_batches": n_slots // N_REPLICAS}
    names |= {"n_questions": N_QUESTIONS, "n_replicas": N_REPLICAS}
    for statement in (
        # The bench is the tables' owner: what it makes up needs no look-up of every foreign key.
        "SET session_replication_role = replica",
        "INSERT INTO annotation_batch (study_id, number, n_questions) "
        "SELECT %(study)s, i, %(n_questions)s FROM generate_series(1, %(n_batches)s) i",
        "INSERT INTO annotation_batchquestion (batch_id, question_id, position) "
        "SELECT batch.id, q.id, q.position FROM annotation_batch batch, (SELECT id, row_number() OVER (ORDER BY id) - 1"
        " AS position FROM triplets_question WHERE question_set_id = %(set)s AND role = 'ordinary') q "
        "WHERE batch.study_id = %(study)s",
        "INSERT INTO annotation_slot (study_id, batch_id, replica, state, order_key) "
        "SELECT %(study)s, batch.id, replica, 'free', row_number() OVER (ORDER BY random()) "
        "FROM annotation_batch batch, generate_series(0, %(n_replicas)s - 1) replica WHERE study_id = %(study)s",
        "SET session_replication_role = DEFAULT",
        "UPDATE annotation_study SET state = 'open', n_slots_planned = %(n_batches)s * %(n_replicas)s "
        "WHERE id = %(study)s",
    ):
        _execute(statement, names)
    vacuum()
    study.refresh_from_db()
    return study


def use_up(study, n_slots: int) -> None:
    """Mark the first `n_slots` slots as answered, as a study that has run for long looks."""
    _execute(
        "UPDATE annotation_slot SET state = 'done' WHERE study_id = %(study)s AND order_key <= %(n)s",
        {"study": study.pk, "n": n_slots},
    )


def vacuum() -> None:
    """What PostgreSQL does by itself within minutes of a large change."""
    for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
        _execute(statement, {})


def _execute(statement: str, names: dict) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, names)


def people_of(study, n: int) -> list[str]:
    """Tokens of new people who have read everything and are about to answer."""
    from annotation.services import links

    tokens = []
    for _ in range(n):
        participation = links.enter_study(links.Entry(study, "bench", None))
        links.record_consent(participation)
        links.record_practice(participation)
        tokens.append(links.participation_token(participation))
    return tokens
