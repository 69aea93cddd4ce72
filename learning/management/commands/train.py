"""`manage.py train RECIPE --release R`: a training by the queue, as the admin starts it."""

import json
import sys
import time

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from learning import recipes, selectors, services
from learning.config import ConfigInvalid
from learning.management.asked import add_changes, checked_seed, pairs, release_named
from learning.models import Run
from learning.tasks import train_run

PATIENCE_SECONDS = 60
POLL_SECONDS = 0.5


class Command(BaseCommand):
    help = "Train a recipe on a release by the queue; `--wait` follows it to its end."

    def add_arguments(self, parser):
        parser.add_argument("recipe", help="A name that `python -m learning --list` prints.")
        parser.add_argument("--release", required=True, help="Name of the release.")
        add_changes(parser)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--folds", type=int, metavar="K", help="Hold everybody out once, in K networks of pictures."
        )
        parser.add_argument("--wait", action="store_true", help="Follow the run to its end.")
        parser.add_argument(
            "--patience", type=float, default=PATIENCE_SECONDS, help="Seconds to wait for a worker to take the run."
        )
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *, recipe, release, changes, seed, folds, wait, patience, **options):
        run = self._create(recipe, release, changes, seed, folds)
        if wait:
            self._follow(run, patience)
        state = selectors.run_state(run)
        self.stdout.write(json.dumps(state) if options["json"] else f"{run}: {run.get_status_display()}")
        if run.status == Run.Status.FAILED:
            raise CommandError(f"Run {run.pk} failed: {run.message}")

    def _create(self, recipe, release, changes, seed, n_folds) -> Run:
        changes, seed, row = pairs(changes), checked_seed(seed), release_named(release)
        try:
            with transaction.atomic():
                run = services.create_run(row, recipe, changes, seed, n_folds=n_folds)
                train_run.delay_on_commit(run.pk)
        except (recipes.RecipeUnknown, ConfigInvalid) as error:
            raise CommandError(str(error)) from error
        return run

    def _follow(self, run: Run, patience: float) -> None:
        started = time.monotonic()
        last = ""
        while not run.is_over:
            time.sleep(POLL_SECONDS)
            run.refresh_from_db()
            if run.n_attempts == 0 and time.monotonic() - started > patience and not self._is_busy(run):
                raise CommandError(
                    f"No worker took run {run.pk} within {patience:g} s. It stays in the queue. Start a worker: "
                    "`make start`, or `celery -A config worker -Q gpu,evaluation,default --concurrency 1`."
                )
            line = self._line(run)
            if line != last:
                sys.stderr.write(f"\r\033[K{line}" if sys.stderr.isatty() else f"{line}\n")
                sys.stderr.flush()
                last = line
        if sys.stderr.isatty():
            sys.stderr.write("\n")

    def _is_busy(self, run: Run) -> bool:
        """Return whether a worker is training another run, so that this one may have to wait long."""
        return Run.objects.filter(status__in=[Run.Status.RUNNING, Run.Status.STOPPING]).exclude(pk=run.pk).exists()

    def _line(self, run: Run) -> str:
        if run.status == Run.Status.QUEUED:
            return f"run {run.pk}: place {selectors.queue_places().get(run.pk, 1)} in the queue"
        left = f", {run.seconds_left:.0f} s left" if run.seconds_left is not None else ""
        return f"run {run.pk}: {run.get_status_display()}, step {run.step} of {run.n_steps}{left}"
