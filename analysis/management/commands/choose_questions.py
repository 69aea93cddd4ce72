"""`manage.py choose_questions STUDY --checkpoint ID`: ask next where the network is unsure."""

import json

from django.core.management.base import BaseCommand, CommandError

from analysis.services.growth import choose_next_questions
from annotation.models import Study
from learning.models import Checkpoint
from triplets.counting import counted


class Command(BaseCommand):
    help = "Create the questions whose answers a checkpoint would learn most from, with batches and slots."

    def add_arguments(self, parser):
        parser.add_argument("study", help="Name of a triplet study.")
        parser.add_argument("--checkpoint", type=int, required=True, help="Number of the checkpoint.")
        parser.add_argument("--n", type=int, default=100, help="How many questions.")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *, study, checkpoint, n, seed, **options):
        row = Study.objects.filter(name=study).first()
        if row is None:
            known = ", ".join(Study.objects.values_list("name", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no study {study!r}. Studies: {known}.")
        found = Checkpoint.objects.select_related("run__release").filter(pk=checkpoint).first()
        if found is None:
            raise CommandError(f"There is no checkpoint {checkpoint}. The admin lists them under Learning.")
        try:
            n_created = choose_next_questions(row, found, n, seed)
        except ValueError as error:
            raise CommandError(str(error)) from error
        state = {"study": row.name, "checkpoint": found.pk, "n_questions": n_created}
        self.stdout.write(
            json.dumps(state) if options["json"] else f"{counted(n_created, 'new question')} in {row.name}."
        )
