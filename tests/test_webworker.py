"""Connections on which nobody has spoken yet hold nobody up, and are answered when they speak."""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
N_SILENT = 12  # with one thread, each of them would hold the site for five seconds
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


@pytest.fixture
def port(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "tests.test_webworker", "--bind", f"127.0.0.1:{port}", "--workers", "1",
         "--worker-class", "config.webworker.WebWorker", "--threads", "1", "--keep-alive", "120",
         "--log-level", "critical"],
        cwd=ROOT,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(ConnectionRefusedError), connect(port):
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=60)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=N_SILENT * 5 / 2)


def ask(connection: socket.socket) -> bytes:
    connection.sendall(REQUEST)
    found = b""
    while not found.endswith(b"hello") and (more := connection.recv(10_000)):
        found += more
    return found


def test_silent_connections_hold_nobody_up(port):
    with contextlib.ExitStack() as opened:
        silent = [opened.enter_context(connect(port)) for _ in range(N_SILENT)]
        assert ask(opened.enter_context(connect(port))).endswith(b"hello")
        for connection in silent:
            assert ask(connection).endswith(b"hello")
            assert ask(connection).endswith(b"hello")  # and it is kept for the next request
