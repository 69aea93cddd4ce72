"""Faces that a researcher uploads at the admin: a manifest, a zip of pictures, a file of landmarks."""

from pathlib import Path, PurePosixPath

from django.conf import settings

from triplets.importers.manifest import ManifestRow, ManifestUnreadable, read_header, read_manifest
from triplets.importers.pictures import PictureRefused, find_picture
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
        finish(str(result), collection=collection)

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
        places = {manifest: "the manifest", images: "the zip", files.get("landmarks"): "the file of landmarks"}
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
    if name is None or _holds(unpacked, name):
        return unpacked
    top = [path for path in unpacked.iterdir() if path.name not in ("__MACOSX", ".DS_Store")]
    inner = top[0] if len(top) == 1 and top[0].is_dir() else None
    if inner and _holds(inner, name):
        return inner
    for n in range(1, len(name.parts)):
        if _holds(unpacked, PurePosixPath(*name.parts[n:])):
            around = unpacked.with_name("around")
            target = around.joinpath(*name.parts[:n])
            target.parent.mkdir(parents=True)
            unpacked.rename(target)
            return around
    return inner or unpacked  # where what the zip does hold can be named


def _holds(folder: Path, name: PurePosixPath) -> bool:
    try:
        find_picture(folder, str(name))
    except PictureRefused:
        return False
    return True


def _first_name(manifest: Path) -> PurePosixPath | None:
    """The first picture that the manifest names; None where it names none, or none within a folder."""
    try:
        rows = read_manifest(manifest, read_header(manifest))
        name = PurePosixPath(next((row.file for row in rows if isinstance(row, ManifestRow)), ""))
    except ManifestUnreadable:
        return None  # the import says what is wrong
    return None if name.is_absolute() or ".." in name.parts or not name.parts else name
