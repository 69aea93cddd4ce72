"""Freeze what a study has settled into a checksummed release."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from annotation.management.commands.create_questions import access_study
from annotation.services.consensus import SettlingContended
from annotation.services.releases import ReleaseRefused, freeze_release
from triplets.archive import ReleaseDamaged
from triplets.selectors import release_counts, release_splits


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("study", help="name of the study")
        parser.add_argument("--out", type=Path, help="a new folder that gets the files as well")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON object as last line")

    def handle(self, study, out, as_json, **options):
        chosen = access_study(study)
        try:
            with tqdm(desc="responses", unit="", disable=None, leave=False) as bar:
                release = freeze_release(chosen, out, progress=lambda n_done, n: _show(bar, n_done, n))
        except (ReleaseRefused, ReleaseDamaged, SettlingContended, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{release.name}: {release_counts(release)}, SHA-256 {release.sha256}")
        if splits := release_splits(release):
            self.stdout.write(splits)
        if as_json:
            described = {
                "release": release.name,
                "sha256": release.sha256,
                "n_triplets": release.n_triplets,
                "n_ratings": release.n_ratings,
                "n_responses": release.n_responses,
                "path": str(out.resolve()) if out else None,
            }
            self.stdout.write(json.dumps(described))


def _show(bar: tqdm, n_done: int, n: int) -> None:
    bar.total = n
    bar.update(n_done - bar.n)
