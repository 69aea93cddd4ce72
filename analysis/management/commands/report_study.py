"""`manage.py report_study DIR`: the folder of a study becomes a report on the site, unpublished."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from analysis import study_command, titles
from analysis.services.study_reports import create_study_report


class Command(BaseCommand):
    help = "Make a report on a whole study from the folder that `python -m learning RELEASE --recipe STUDY` left."

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path)
        parser.add_argument("--release", type=Path, help="Evaluate every network on this release, for intervals.")
        parser.add_argument("--second", type=Path, help="The second collection: evaluate what was trained on it.")
        parser.add_argument("--title", default="", help="Default: the study's name.")
        parser.add_argument("--note", default="", help="A line or two under the title.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object as the last line.")

    def handle(self, *, folder, release, second, title, note, **options):
        try:
            title, note = titles.checked(title, note)
            results, measured = study_command.measured(folder, release, second)
            report = create_study_report(results, title, measured, note)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        address = reverse("analysis:study", args=[report.address])
        said = {"report": report.pk, "version": report.version, "address": address}
        words = f"{report}, version {report.version}: {address}"
        self.stdout.write(json.dumps(said) if options["json"] else words)
