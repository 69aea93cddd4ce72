"""Answer a triplet study from the labels of its stimuli: artificial triplets, no person was asked."""

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError

from annotation.errors import StudyError
from annotation.management.commands.create_questions import access_study
from annotation.services.artificial import SHARES, answer_from_labels
from annotation.services.imports import JudgementsRefused
from triplets.counting import counted


class Command(BaseCommand):
    help = __doc__ + " Same class nearer than another; within a class the nearer degree; neutral nearer than another."

    def add_arguments(self, parser):
        parser.add_argument("study", help="name of the study")
        for split, number in SHARES.items():
            words = f"triplets (default: as many as the labels allow, at most {number:,})"
            parser.add_argument(f"--{split.value}", type=int, help=words)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object as last line")

    def handle(self, study, seed, as_json, **options):
        chosen = access_study(study)
        try:
            given = {split: options[split.value] for split in SHARES if options[split.value] is not None}
            rest = {split: number for split, number in SHARES.items() if split not in given}
            imported = answer_from_labels(chosen, given, seed, at_most=rest)
        except (StudyError, JudgementsRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{counted(imported.n_new, 'artificial triplet')} recorded. Next: manage.py settle {chosen.name}"
        )
        if as_json:
            self.stdout.write(json.dumps({"study": chosen.name} | asdict(imported)))
