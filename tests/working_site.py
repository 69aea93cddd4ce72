"""A site of its own folder with real Celery workers, for tests that kill them or need their work done."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Site:
    """A folder with its own database, broker and files, driven by processes as `manage.py start` does."""

    def __init__(self, folder: Path):
        self.folder = folder
        kept = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "BROKER_URL")}
        self.environment = kept | {
            "VAR_DIR": str(folder / "var"), "RUN_LEASE_SECONDS": "2", "DJANGO_SETTINGS_MODULE": "config.settings",
            "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        self.workers = []

    def python(self, *arguments) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_worker(self, *, schedules: bool = True) -> subprocess.Popen:
        """Start a worker of all queues; of several only one schedules, as on a machine of several GPUs."""
        beat = ["-B"] if schedules else []
        with open(self.folder / f"worker{len(self.workers)}.log", "w") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", *beat, "-Q", "gpu,evaluation,default",
                 "-n", f"worker{len(self.workers)}@%h", "--pool", "solo", "--without-gossip",
                 "--without-mingle", "--loglevel", "INFO"],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def kill(self, worker) -> None:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def rows(self, statement: str, *values) -> list[dict]:
        """Read rows from beside, without the cost of starting Django."""
        with closing(sqlite3.connect(self.folder / "var" / "semblance.sqlite3", timeout=20)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(statement, values)]

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.folder.glob("*.log")))
