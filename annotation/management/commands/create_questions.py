import json

from django.core.management.base import BaseCommand, CommandError

from annotation.errors import StudyError
from annotation.models import Study
from annotation.services.studies import create_questions, entry_url, open_study
from triplets.services.askable import QuestionsRefused


class Command(BaseCommand):
    help = "Design a study's questions, gold and practice, put them into batches, and open the study."

    def add_arguments(self, parser):
        parser.add_argument("study")
        parser.add_argument(
            "--same", type=int, default=3, help="triplets of one subject that each picture takes part in"
        )
        parser.add_argument("--different", type=int, default=3, help="triplets of three subjects, likewise")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--draft", action="store_true", help="do not open the study yet")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args, study, same, different, seed, **options):
        if min(same, different, seed) < 0:
            raise CommandError(f"--same {same} --different {different} --seed {seed}: expected no negative number.")
        study = access_study(study)
        try:
            created = create_questions(study, same, different, seed)
            if not options["draft"]:
                open_study(study)
        except (StudyError, QuestionsRefused) as error:
            raise CommandError(str(error)) from error
        if created.note:
            self.stderr.write(f"Note: {created.note}.")
        if options["json"]:
            counts = {"n_questions": created.n_questions, "n_gold": created.n_gold, "n_batches": created.n_batches}
            self.stdout.write(json.dumps(counts | {"study": study.name, "state": study.state}))
        else:
            self.stdout.write(f"{created} The study is {study.state}: {entry_url(study)}")


def access_study(name: str) -> Study:
    try:
        return Study.objects.get(name=name)
    except Study.DoesNotExist:
        known = ", ".join(Study.objects.values_list("name", flat=True)[:20]) or "none yet (see create_study)"
        raise CommandError(f"There is no study {name!r}. Known studies: {known}.") from None
