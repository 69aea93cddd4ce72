"""Runs the parts of the site as child processes: starts them together, watches them, stops them together."""

import ctypes
import glob
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1
RESTART_PAUSE_SECONDS = 3
AS_ROOT = "You're running the worker with superuser privileges"  # how Celery's warning begins


@dataclass
class Part:
    """One child process. A `vital` part that ends stops everything; another is started again after a pause."""

    name: str
    command: list[str]
    is_vital: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen | None = None
    start_after: float = field(default=0.0)


def die_with_parent() -> None:
    """Ask Linux to end this child when its parent dies, even by kill -9: no orphan keeps the port or the queue."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Start `parts` with one environment and keep them running until `stop` or a signal.

    Every line a part prints is passed on to `write` behind the part's name.
    """

    def __init__(self, parts: list[Part], environment: dict[str, str], write=print):
        self.parts = parts
        self.environment = environment
        self.write = write
        self.is_stopping = threading.Event()

    def start(self) -> None:
        for part in self.parts:
            self._launch(part)

    def watch(self) -> int:
        """Block until asked to stop or a vital part ends. Return the exit status for the shell."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: self.is_stopping.set())
        status = 0
        while not self.is_stopping.wait(0.5):
            for part in self.parts:
                if part.process.poll() is None:
                    continue
                if part.is_vital:
                    self.write(f"{part.name} ended with status {part.process.returncode}; stopping the rest.")
                    status = 1
                    self.is_stopping.set()
                elif time.monotonic() >= part.start_after:
                    self.write(f"{part.name} ended with status {part.process.returncode}; starting it again.")
                    self._launch(part)
        self.stop()
        return status

    def stop(self, patience_seconds: float = 8.0) -> None:
        """End every part: politely first, then for good. A run that is killed goes on at the next start."""
        self.is_stopping.set()
        running = [part.process for part in self.parts if part.process and part.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + patience_seconds
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _launch(self, part: Part) -> None:
        part.start_after = time.monotonic() + RESTART_PAUSE_SECONDS
        part.process = subprocess.Popen(
            part.command,
            env=self.environment | part.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,  # Ctrl-C reaches this process only, which then ends the parts in order
            preexec_fn=die_with_parent,
        )
        threading.Thread(target=self._pass_on, args=(part.name, part.process), daemon=True).start()

    def _pass_on(self, name: str, process: subprocess.Popen) -> None:
        for line in process.stdout:
            if line.strip():
                self.write(f"{name:9s} {line.rstrip()}")


def site_parts(host: str, port: int, web_threads: int = 4) -> list[Part]:
    """Return web server, workers and the scheduler.

    The workers run their tasks in their own process (`solo`): CUDA does not survive a fork, and a killed
    worker leaves no child behind. One training at a time runs on each GPU, or one where there is none; measuring
    networks and short work have workers of their own, so that neither waits for a training.
    """
    celery = ["-m", "celery", "--quiet", "-A", "config"]
    # In a container all is done as root, where each worker would begin with five lines of advice that nobody can
    # follow. The danger they speak of is a queue that carries pickles: ours takes JSON only.
    worker = [sys.executable, "-W", f"ignore:{AS_ROOT}", *celery, "worker", "--pool", "solo", "--loglevel", "warning"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    gpu = [*worker, "--queues", "gpu", "--hostname"]
    trainers = [
        Part(f"trainer{at or ''}", [*gpu, f"gpu{at or ''}-{os.getpid()}@%h", *quiet], environment=seen)
        for at, seen in enumerate(visible_devices())
    ]
    return [
        Part(
            "web",
            [
                sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"{host}:{port}", "--workers", "2",
                "--worker-class", "config.webworker.WebWorker", "--threads", str(web_threads), "--keep-alive", "15",
                "--log-level", "warning",
            ],
            is_vital=True,
        ),
        Part("worker", [*worker, "--queues", "default", "--hostname", f"default-{os.getpid()}@%h", *quiet]),
        Part("evaluator", [*worker, "--queues", "evaluation", "--hostname", f"evaluation-{os.getpid()}@%h", *quiet]),
        *trainers,
        Part("scheduler", [sys.executable, *celery, "beat", "--loglevel", "warning", "--pidfile", ""]),
    ]  # fmt: skip


def visible_devices() -> list[dict[str, str]]:
    """Return what each trainer's environment says about GPUs: one GPU a trainer, nothing where there is at most one.

    Without loading torch: what CUDA_VISIBLE_DEVICES names, else the NVIDIA devices of this machine.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        devices = [device for device in named.split(",") if device.strip()]
    else:
        devices = [str(number) for number in range(len(glob.glob("/dev/nvidia[0-9]*")))]
    return [{"CUDA_VISIBLE_DEVICES": device} for device in devices] if len(devices) > 1 else [{}]


def site_environment(settings) -> dict[str, str]:
    """Return this process's environment with what a served site needs: no debug pages, one key for every part."""
    return {
        **os.environ,
        "DEBUG": "0",
        "SECRET_KEY": settings.SECRET_KEY,
        "VAR_DIR": str(settings.VAR_DIR),
        "SITE_URL": settings.SITE_URL,
        "PYTHONUNBUFFERED": "1",
    }
