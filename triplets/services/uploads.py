"""Faces that a researcher uploads at the admin: a manifest, a zip of pictures, a file of landmarks."""

import csv
from pathlib import Path, PurePosixPath

from django.conf import settings

from triplets.importers.unpacking import unpack
from triplets.models import Errand
from triplets.services.errands import does, with_lines
from triplets.services.stimuli import ImportRejected, import_stimuli


@does(Errand.Kind.STIMULI)
def import_faces(errand, files, tell, finish):
    manifest = files["manifest"].rename(files["manifest"].with_name("manifest.csv"))
    images = manifest.parent / "unpacked"
    images.mkdir()
    if "pictures" in files:
        tell("unpacking")
        unpack(
            files["pictures"], images,
            max_files=settings.IMPORT_MAX_FILES, max_bytes=settings.IMPORT_MAX_UNPACKED_BYTES,
        )  # fmt: skip
        images = folder_of(manifest, images)

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
        summary, *lines = str(error).splitlines()
        lines = [str(problem) for problem in error.problems] if isinstance(error, ImportRejected) else lines
        # Where the files lay on this machine helps nobody; what they were uploaded as does.
        places = {manifest: "the manifest", images: "the zip", files.get("landmarks"): "the landmarks"}
        told = with_lines(summary, lines)
        for path, name in places.items():
            told = told.replace(str(path), name)
        raise ValueError(told) from error


def folder_of(manifest: Path, unpacked: Path) -> Path:
    """Return the folder that the manifest's names are relative to.

    People pack the folder of their pictures, or what is in it, whatever the manifest says. Where the first name is
    not found, the one folder within the zip is tried, then a folder of the name's own beginning around the zip.
    """
    name = _first_name(manifest)
    if name is None or unpacked.joinpath(name).exists():
        return unpacked
    inner = [path for path in unpacked.iterdir() if path.is_dir() and path.name != "__MACOSX"]
    if len(inner) == 1 and inner[0].joinpath(name).exists():
        return inner[0]
    for n in range(1, len(name.parts)):
        if unpacked.joinpath(*name.parts[n:]).exists():
            around = unpacked.with_name("around")
            target = around.joinpath(*name.parts[:n])
            target.parent.mkdir(parents=True)
            unpacked.rename(target)
            return around
    return unpacked


def _first_name(manifest: Path) -> PurePosixPath | None:
    """The first picture that the manifest names; None where it names none, or none within a folder."""
    try:
        with open(manifest, encoding="utf-8-sig", newline="") as file:
            name = PurePosixPath((next(csv.DictReader(file), None) or {}).get("file") or "")
    except (UnicodeDecodeError, csv.Error):
        return None  # the import says what is wrong
    return None if name.is_absolute() or ".." in name.parts or not name.parts else name
