"""manage.py import_stimuli COLLECTION --manifest CSV [--images DIR] [--landmarks NPZ] [--scheme NAME] ..."""

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from triplets.schemes import SCHEMES
from triplets.services.stimuli import ImportRejected, import_stimuli


class Command(BaseCommand):
    help = "Import pictures, landmarks and labels into a collection: all or nothing, and twice the same is once."

    def add_arguments(self, parser):
        parser.add_argument("collection", help="letters, digits, - and _; made if there is none of that name")
        parser.add_argument("--manifest", required=True, metavar="CSV", help="one row a stimulus, see the README")
        parser.add_argument("--images", metavar="DIR", help="folder that `file` is relative to (default: the CSV's)")
        parser.add_argument("--landmarks", metavar="NPZ", help="arrays file or stimulus, and points (n, n_points, 2|3)")
        parser.add_argument("--scheme", default="", help=f"landmark scheme: {', '.join(SCHEMES)} (default: by number)")
        parser.add_argument("--licence", default="", metavar="TEXT", help="for example: CC BY 4.0, A & B 2017")
        parser.add_argument("--title", default="", metavar="TEXT")
        parser.add_argument("--source", default="", metavar="TEXT", help="where the pictures come from")
        parser.add_argument(
            "--column", action="append", default=[], metavar="ROLE=NAME", help="for example: class_label=emotion"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *, collection, manifest, column, **options):
        columns = dict(pair.split("=", 1) if "=" in pair else (pair, "") for pair in column)
        described = {name: options[name] for name in ("images", "landmarks", "scheme", "licence", "title", "source")}
        # disable=None: a bar on a terminal, silence in a log.
        with tqdm(unit=" stimuli", disable=None) as bar:

            def progress(n_done, n_all):
                bar.total = n_all
                bar.update(n_done - bar.n)

            try:
                result = import_stimuli(collection, manifest, columns=columns, progress=progress, **described)
            except ImportRejected as error:
                raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result)))
        else:
            self.stdout.write(f"{collection}: {result}")
