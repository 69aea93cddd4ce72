"""`manage.py start` runs the whole site, keeps it running, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from config.supervisor import site_parts

ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid: int) -> list[int]:
    """Return the process ids of all descendants."""
    out = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in out.splitlines()[1:]]
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        direct = [child for child, of in parents if of == parent]
        found += direct
        queue += direct
    return found


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def site(tmp_path):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "VAR_DIR": str(tmp_path), "SITE_URL": url}
    environment.pop("DATABASE_URL", None)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "start"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert wait_until(lambda: answers(f"{url}/admin/login/") or process.poll() is not None, 60)
        assert process.poll() is None
        yield process, url
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        process.stdout.close()


def test_ctrl_c_ends_every_part(site):
    process, url = site
    parts = children(process.pid)
    assert len(parts) >= 4  # web, two workers, scheduler
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert wait_until(lambda: not any(map(is_alive, parts)))
    assert not answers(f"{url}/admin/login/")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children whose parent was killed by kill -9")
def test_a_killed_worker_is_started_again_and_a_killed_parent_leaves_no_orphan(site):
    process, _ = site

    def trainers():
        return [pid for pid in children(process.pid) if b"gpu" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    assert wait_until(lambda: len(trainers()) == 1)
    (first,) = trainers()
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: trainers() and trainers() != [first], 20)
    parts = children(process.pid)
    process.kill()
    process.wait()
    assert wait_until(lambda: not any(map(is_alive, parts)), 20)


def test_a_taken_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "manage.py", "start"],
            cwd=ROOT,
            env={**os.environ, "VAR_DIR": str(tmp_path), "SITE_URL": f"http://127.0.0.1:{port}"},
            capture_output=True,
            text=True,
        )
    assert done.returncode != 0
    assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr


def test_a_worker_of_root_begins_without_advice_that_nobody_can_follow():
    as_root = (
        "import os; os.getuid = os.geteuid = os.getgid = os.getegid = lambda: 0\n"
        "from celery.platforms import check_privileges; check_privileges(['json'])"
    )

    def told(*options: str) -> str:
        command = [sys.executable, *options, "-c", as_root]
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr

    assert "superuser privileges" in told()
    workers = [part.command for part in site_parts("127.0.0.1", 8000) if "worker" in part.command]
    assert len(workers) >= 3
    for command in workers:
        assert told(*command[1 : command.index("-m")]) == ""


def test_a_rejected_message_is_one_line_of_a_workers_log(caplog):
    from celery.app.trace import logger
    from celery.exceptions import Reject

    from config.celery import app

    assert app  # which puts the filter there
    for error in (Reject("this worker ends", requeue=True), ValueError("broken")):
        try:
            raise error
        except (Reject, ValueError):
            logger.warning("Task %s: %s", "learning.tasks.train_run", error, exc_info=True)
    assert "broken" in caplog.text and caplog.text.count("Traceback") == 1
