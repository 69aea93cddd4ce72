"""Faces that a researcher uploads at the admin: a manifest, a zip of pictures, a file of landmarks."""

from django.conf import settings

from triplets.importers.unpacking import unpack
from triplets.models import Errand
from triplets.services.errands import does
from triplets.services.stimuli import import_stimuli


@does(Errand.Kind.STIMULI)
def import_faces(errand, files, tell, finish):
    manifest = files["manifest"].rename(files["manifest"].with_name("manifest.csv"))
    images = manifest.parent / "pictures.d"
    images.mkdir()
    if "pictures" in files:
        tell("unpacking")
        unpack(
            files["pictures"], images,
            max_files=settings.IMPORT_MAX_FILES, max_bytes=settings.IMPORT_MAX_UNPACKED_BYTES,
        )  # fmt: skip

    def on_stored(result, collection):
        finish(
            f"{result.n_stimuli:,} stimuli of {result.n_subjects:,} subjects, {result.n_landmarks:,} with landmarks; "
            f"{result.n_new:,} of them are new.",
            collection=collection,
        )

    wanted = dict(errand.wanted)
    try:
        import_stimuli(
            wanted.pop("collection"), manifest, images=images, landmarks=files.get("landmarks"),
            progress=lambda n_done, n_all: tell("checking stimuli", n_done, n_all), on_stored=on_stored, **wanted,
        )  # fmt: skip
    except ValueError as error:
        # Where the files lay on this machine helps nobody; the names that they were uploaded under do.
        told = str(error)
        for path, name in ((manifest, "the manifest"), (images, "the zip"), (files.get("landmarks"), "the landmarks")):
            told = told.replace(str(path), name)
        raise ValueError(told) from error
