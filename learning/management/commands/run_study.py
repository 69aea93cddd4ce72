"""`manage.py run_study STUDY --release R`: a whole published study by the queue, as the admin starts it."""

import json
import sys
import time

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from learning import selectors, services
from learning.config import ConfigInvalid
from learning.management.asked import add_changes, checked_seed, pairs, release_named
from learning.models import StudyRun
from learning.studies import StudyUnknown
from learning.tasks import train_run

POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Train every network of a published study, each a run of its own; its report is written when all have ended."

    def add_arguments(self, parser):
        parser.add_argument("study", help="A whole study that `python -m learning --list` prints.")
        parser.add_argument("--release", required=True, help="Name of the release.")
        parser.add_argument("--second", help="Name of the second collection's release, where the study has one.")
        add_changes(parser)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--wait", action="store_true", help="Follow the study to its end.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *, study, release, second, changes, seed, wait, **options):
        how = {"changes": pairs(changes), "seed": checked_seed(seed), "second": second and release_named(second)}
        try:
            with transaction.atomic():
                found, due = services.create_study_run(release_named(release), study, **how)
                for run_pk in due.runs:
                    train_run.delay_on_commit(run_pk)
        except (StudyUnknown, ConfigInvalid) as error:
            raise CommandError(error.args[0]) from error
        if wait:
            self._follow(found)
        shown = selectors.study_run_page(found)
        state = {"study_run": found.pk, "study": found.study, "status": found.status, "networks": shown["parts"]}
        words = f"study {found.pk}, {found}: {found.get_status_display()}"
        self.stdout.write(json.dumps(state) if options["json"] else words)
        if found.status == StudyRun.Status.FAILED:
            raise CommandError(f"Study {found.pk} failed: {found.message}")

    def _follow(self, found: StudyRun) -> None:
        last = ""
        while found.status == StudyRun.Status.OPEN:
            time.sleep(POLL_SECONDS)
            found.refresh_from_db()
            shown = selectors.study_run_page(found)
            line = f"study {found.pk}: {shown['n_over']} of {shown['n_parts']} networks have ended"
            if line != last:
                sys.stderr.write(f"{line}\n")
                last = line
