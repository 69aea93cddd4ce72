"""What takes too long for a request of a researcher: freezing a release, importing judgements."""

from django.utils.text import get_valid_filename

from annotation.models import Study
from annotation.services.imports import JudgementsRefused, import_responses
from annotation.services.releases import freeze_release
from triplets.models import Errand
from triplets.selectors import release_counts, release_splits
from triplets.services.errands import does, with_lines


@does(Errand.Kind.RELEASE)
def freeze(errand, files, tell, finish):
    study = Study.objects.get(question_set=errand.question_set_id)
    tell("settling")
    release = freeze_release(study, progress=lambda n_done, n_all: tell("writing responses", n_done, n_all))
    finish(
        f"{release.name}: {release_counts(release)}. SHA-256 {release.sha256[:12]}. {release_splits(release)}".rstrip(),
        release=release,
    )


@does(Errand.Kind.RESPONSES)
def import_judgements(errand, files, tell, finish):
    study = Study.objects.get(question_set=errand.question_set_id)
    name = errand.wanted["file"]
    file = files["file"].rename(files["file"].with_name(get_valid_filename(name)))  # its ending says how to read it

    def progress(doing, n_done, n_all):
        is_beginning = doing == "importing" and n_done == 0
        tell(doing, *((n_all, 0) if is_beginning else (n_done, n_all)), at_once=is_beginning)

    try:
        imported = import_responses(study, file, progress, on_stored=lambda found: finish(str(found)))
    except JudgementsRefused as error:
        raise JudgementsRefused(_refusal(error, str(file), name)) from error
    if not imported.n_new:
        finish("This file was imported before; nothing changed.")


def _refusal(error: JudgementsRefused, path: str, name: str) -> str:
    """What is wrong, under the name that the file came with."""
    lines = [f"line {line}: {reason}" for line, reason in error.problems]
    return with_lines(str(error).replace(path, name).rstrip(".") + ".", lines)
