"""Settle the questions of a study that have enough good responses."""

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError

from annotation.management.commands.create_questions import access_study
from annotation.services.consensus import SettlingContended, settle_questions
from triplets.counting import counted


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("study", help="name of the study")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object as last line")

    def handle(self, study, as_json, **options):
        chosen = access_study(study)
        try:
            settled = settle_questions(chosen)
        except SettlingContended as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{counted(settled.n_settled, 'question is', 'questions are')} settled ({settled.n_changed:,} changed); "
            f"{counted(settled.n_open, 'is', 'are')} open, {settled.n_ties:,} of these because of a tie."
        )
        if as_json:
            self.stdout.write(json.dumps({"study": chosen.name} | asdict(settled)))
