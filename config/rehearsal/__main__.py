"""`python -m config.rehearsal FOLDER`: the process of a rehearsal. The folder's copy is the only site that it knows."""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from config.progress import bar
from config.rehearsal import plan as plans
from config.rehearsal.local_endpoint import local_endpoint
from config.rehearsal.plan import Plan, RehearsalFailed, environment_of

SITE_SECONDS = 60


def main(folder: Path) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the site is stopped on the way out
    plan = Plan.read(folder)
    with local_endpoint(plan.recruiter) as (url, variables):
        port = free_port()
        environment = environment_of(folder, SITE_URL=f"http://127.0.0.1:{port}", **variables)
        os.environ.clear()
        os.environ.update(environment)
        try:
            result = perform(plan, folder, url, port)
        except Exception as error:
            (folder / plans.FAILURE).write_text(sentence_of(error))
            if not isinstance(error, RehearsalFailed):
                raise
            return 1
    (folder / plans.RESULT).write_text(json.dumps(result))
    return 0


def perform(plan: Plan, folder: Path, url: str, port: int) -> dict:
    import django

    django.setup()
    # Whatever knows a model is imported now that the settings lead to the copy.

    from annotation.models import Study
    from config.rehearsal.figures import figures_of
    from config.rehearsal.flow import Director
    from config.rehearsal.marketplaces import marketplace
    from config.rehearsal.perception import perceive
    from config.supervisor import Supervisor, site_parts

    study = Study.objects.get(name=plan.study)
    perception = perceive(study, plan.seed)
    # The web server alone: what the scheduler does in its own time is done here after every round.
    parts = [part for part in site_parts("127.0.0.1", port) if part.name == "web"]
    with open(folder / plans.LOG, "a", buffering=1) as log:
        site = Supervisor(parts, dict(os.environ), lambda line: log.write(line + "\n"))
        site.start()
        try:
            wait_for_site(parts[0].process, port)
            n_wanted = study.n_slots_planned * (study.batch_size + study.n_gold_per_batch)
            with bar("people answer over HTTP", n_wanted) as shown:
                market = marketplace(plan.recruiter, url)
                director = Director(plan, market, perception, progress=lambda n: shown.update(n - shown.n))
                started = time.monotonic()
                done = director.run()
            result = figures_of(done, market, perception)
            return result | {"seconds": round(time.monotonic() - started, 1)}
        finally:
            site.stop()


def sentence_of(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, RehearsalFailed) else f"The rehearsal failed: {type(error).__name__}: {text}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_site(process, port: int) -> None:
    deadline = time.monotonic() + SITE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RehearsalFailed(f"The site of the rehearsal does not answer at port {port}.")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
