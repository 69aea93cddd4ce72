"""Import judgements that were collected elsewhere, and apply the study's gold filter to them."""

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotation.management.commands.create_questions import access_study
from annotation.services.imports import JudgementsRefused, import_responses


class Command(BaseCommand):
    help = __doc__ + (
        " Columns of a triplet study: reference,first,second,chosen,worker[,rt_ms,kind,split,expected]; of a rating "
        "study: stimulus,attribute,rating,worker[,rt_ms,kind,split,expected,tolerance]; of a study of choices: "
        "item,worker,label[,rt_ms,kind,split,expected], where items are stimuli and labels are options."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="name of the study")
        parser.add_argument("csv", help="the file, perhaps packed as .csv.gz")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object as last line")

    def handle(self, study, csv, as_json, **options):
        chosen = access_study(study)
        try:
            with tqdm(unit=" rows", disable=None, leave=False) as bar:
                imported = import_responses(chosen, csv, progress=lambda *what: _show(bar, *what))
        except JudgementsRefused as error:
            for line, reason in error.problems:
                self.stderr.write(f"line {line}: {reason}")
            raise CommandError(str(error)) from error
        if imported.n_new:
            self.stdout.write(str(imported))
        else:
            self.stdout.write("This file was imported before; nothing changed.")
        if as_json:
            self.stdout.write(json.dumps({"study": chosen.name} | asdict(imported)))


def _show(bar: tqdm, what: str, n_done: int, n: int) -> None:
    bar.set_description(what, refresh=False)
    bar.total = n or None
    bar.update(n_done - bar.n)
