"""How old the progress on a run's page is: python -m bench.progress [--seconds 30]

A site as `manage.py start` runs it, in a folder of its own, with SQLite: gunicorn, a Celery worker that trains, and a
Chromium that watches the page of the run and, beside it, the page of the run's search. The worker notes when each step
was done, the pages note when they showed it. Printed is the age of what stands on the page, over all moments.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from bench.report import FLAGS
from bench.serving.site import free_port, start_web

WORKER = """
import sys, time
from learning.descent import Descent
plain, log = Descent.advance, open(sys.argv.pop(1), "w", buffering=1)
def advance(self, *given):
    time.sleep(0.002)
    plain(self, *given)
    print(time.time(), self.step, file=log)
Descent.advance = advance
from celery.__main__ import main
sys.exit(main())
"""
WATCH = """find => { window.seen = []; const look = () => { const step = find();
  if (step !== null && step !== window.seen.at(-1)?.[1]) window.seen.push([Date.now() / 1000, step]);
  requestAnimationFrame(look); }; look(); }"""
ON_RUN = "() => Number(document.getElementById('run-step').textContent)"
ON_SEARCH = "() => document.querySelector('table progress') && document.querySelector('table progress').value"
SETTINGS = {"n_steps": "1000000", "validate_every": "200", "encoder": "16", "decoder": "16", "n_latent": "4",
            "device": "cpu"}  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args(arguments if arguments is not None else [])
    with tempfile.TemporaryDirectory() as folder:
        folder, port = Path(folder), free_port()
        session, run, search = set_up(folder, port)
        web = start_web(port)
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder / "steps"), "-A", "config", "worker", "-Q", "gpu", "--pool",
             "solo", "--without-gossip", "--without-mingle", "--loglevel", "ERROR"],
        )  # fmt: skip
        try:
            pages = {"run": (f"run/{run}/change/", ON_RUN), "search": (f"search/{search}/change/", ON_SEARCH)}
            seen = watch(f"http://127.0.0.1:{port}", session, pages, options.seconds)
        finally:
            for process in (worker, web):
                process.terminate()
                process.wait(timeout=60)
        lines = [line.split() for line in (folder / "steps").read_text().splitlines()]
        done = {int(step): float(at) for at, step in lines}
        for name, shown in seen.items():
            ages = ages_of(shown, done)
            print(
                f"page of the {name}: shows what is {np.median(ages):.2f} s old in the median, 95 % of the time less "
                f"than {np.quantile(ages, 0.95):.2f} s, never more than {ages.max():.2f} s ({len(shown)} changes)"
            )


def set_up(folder: Path, port: int) -> tuple[str, int, int]:
    """Make a site with one search of one long run; return a researcher's session and both keys."""
    for name in ("DATABASE_URL", "BROKER_URL"):
        os.environ.pop(name, None)
    os.environ |= {"VAR_DIR": str(folder), "SITE_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "ERROR",
                   "DJANGO_SETTINGS_MODULE": "config.settings", "OMP_NUM_THREADS": "1"}  # fmt: skip
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    from config.management.commands.start import prepare_site
    from config.supervisor import site_environment
    from learning import services
    from learning.tasks import train_run
    from tests.learning.made import make_release

    os.environ |= site_environment(settings)
    prepare_site(dict(os.environ))
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("watcher"))
    ranges = ["learning_rate=1e-5..1e-4"]
    search, due = services.create_search(
        make_release(folder), "topological-vae", ranges, n_rounds=1, n_trials=1, changes=SETTINGS
    )
    for run in due.runs:
        train_run.delay(run)
    return client.cookies["sessionid"].value, due.runs[0], search.pk


def watch(site: str, session: str, pages: dict, seconds: float) -> dict[str, list]:
    """Return name -> [(moment, step that the page showed from then on)]."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        # A window each: a page in the background is slowed down.
        opened = {}
        for name, (path, find) in pages.items():
            context = browser.new_context()
            context.add_cookies([{"name": "sessionid", "value": session, "url": site}])
            page = opened[name] = context.new_page()
            page.goto(f"{site}/admin/learning/{path}")
            # Not `wait_for_function`: the site's policy forbids scripts made of texts.
            deadline = time.monotonic() + 120
            while not page.evaluate(find) and time.monotonic() < deadline:
                time.sleep(0.2)
            page.evaluate(f"({WATCH})({find})")
        time.sleep(seconds)
        seen = {name: page.evaluate("[...window.seen, [Date.now() / 1000, null]]") for name, page in opened.items()}
        browser.close()
    return seen


def ages_of(seen: list, done: dict[int, float]) -> np.ndarray:
    """Return the age in seconds of what was shown, at moments 10 ms apart from the first change on."""
    ages = []
    for (since, step), (until, _) in pairwise(seen[1:]):
        ages.append(np.arange(since, until, 0.01) - done[step])
    return np.concatenate(ages)


if __name__ == "__main__":
    main(sys.argv[1:])
