import json
import re

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from annotation.errors import StudyError
from annotation.services.studies import create_study, entry_url
from triplets.models import Collection, Question
from triplets.services.askable import QuestionsRefused

NAMES = re.compile("[,;]")
# Option, the field of Study that it sets, type, what it means.
SETTINGS = [
    ("--responses", "responses", int, "good responses wanted for each question"),
    ("--gold-threshold", "gold_threshold", float, "data of people below this accuracy on gold questions is not used"),
    ("--min-gold", "min_gold", int, "nobody is judged before so many gold questions"),
    ("--gold-per-batch", "n_gold_per_batch", int, "gold questions in each batch"),
    ("--qualification", "n_qualification", int, "gold questions that a newcomer must pass before anything else"),
    ("--repeat-share", "repeat_share", float, "share of a batch that the same person is asked twice, on top of it"),
    ("--shared-share", "shared_share", float, "share of a batch that comes from questions all are asked, on top of it"),
    ("--batch-size", "batch_size", int, "ordinary questions in each batch"),
    ("--practice", "n_practice", int, "practice questions before the first batch"),
    ("--max-batches", "max_batches_per_annotator", int, "batches that one person may answer (default: no limit)"),
    ("--max-slots", "max_slots", int, "replacement never goes beyond so many slots (default: three times the plan)"),
    ("--lease-minutes", "lease_minutes", int, "an untouched batch is given to somebody else after this time"),
    ("--scale-low", "scale_low", int, "lower end of the rating scale"),
    ("--scale-high", "scale_high", int, "upper end of the rating scale"),
    ("--scale-low-label", "scale_low_label", str, "word at the lower end"),
    ("--scale-high-label", "scale_high_label", str, "word at the upper end"),
    ("--title", "title", str, "what people read at the top"),
    ("--question", "question_text", str, "the question; {attribute} stands for the attribute"),
    ("--instructions", "instructions", str, "what people read before they begin"),
    ("--completion-code", "completion_code", str, "shown at the end"),
]


class Command(BaseCommand):
    help = "Create a study: what is asked, of whom, how often, at what quality. Then: create_questions."

    def add_arguments(self, parser):
        parser.add_argument("study", help="the new study's name: letters, digits, hyphens")
        parser.add_argument("--collection", required=True)
        parser.add_argument("--kind", choices=Question.Kind.values, default="triplet")
        parser.add_argument("--attributes", default="", help="what is rated, such as happy,trustworthy")
        parser.add_argument("--options", default="", help="what can be chosen, such as happy,sad,neutral")
        for option, field, kind, meaning in SETTINGS:
            parser.add_argument(option, dest=field, type=kind, help=meaning)
        parser.add_argument("--group-attributes", action="store_true", help="rate all of one picture in a row")
        parser.add_argument("--no-pictures", action="store_true", help="never copy the pictures into releases")
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args, study, collection, kind, attributes, options, **given):
        settings = {field: given[field] for _, field, *_ in SETTINGS if given[field] is not None}
        try:
            made = create_study(
                study,
                access_collection(collection),
                kind,
                NAMES.split(attributes) if attributes else (),
                options=NAMES.split(options) if options else (),
                groups_attributes=given["group_attributes"],
                includes_pictures=not given["no_pictures"],
                **settings,
            )
        except (StudyError, QuestionsRefused) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(in_one_sentence(error, settings)) from error
        if given["json"]:
            self.stdout.write(json.dumps({"study": made.name, "entry_url": entry_url(made)}))
        else:
            self.stdout.write(f"Study {made.name} is made. Next: manage.py create_questions {made.name}")
            self.stdout.write(f"People will enter at {entry_url(made)}")


def access_collection(name: str) -> Collection:
    try:
        return Collection.objects.get(name=name)
    except Collection.DoesNotExist:
        known = ", ".join(Collection.objects.values_list("name", flat=True)[:20]) or "none yet (see import_stimuli)"
        raise CommandError(f"There is no collection {name!r}. Known collections: {known}.") from None


def in_one_sentence(error: ValidationError, given: dict) -> str:
    fields = error.message_dict.items() if hasattr(error, "error_dict") else [("", error.messages)]
    said = ((f"{field} {given[field]!r}" if field in given else field, " ".join(words)) for field, words in fields)
    return " ".join(f"{field}: {words}".lstrip("_: ") for field, words in said)
