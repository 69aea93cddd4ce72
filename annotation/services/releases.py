"""Freeze a study into a release: the settled questions, every response under a pseudonym, the stimuli, checksummed.

What goes into the files depends on the judgements and stimuli alone, not on database ids, the clock or how often was
settled. No identity leaves: no external id, no code, no time of day.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Max

from annotation.models import Response, Study
from annotation.services.consensus import is_settled_up_to, settle_questions
from annotation.services.release_tables import ReleaseTables, pseudonym
from triplets import archive
from triplets.models import Release

__all__ = ["ReleaseRefused", "freeze_release", "pseudonym"]

_ATTEMPTS = 5


class ReleaseRefused(ValueError):
    """No release was made because the message says so."""


def freeze_release(study: Study, out=None, progress: Callable[[int, int], None] | None = None) -> Release:
    """Settle the study once more and return its release; the same content returns the row that exists.

    out : a folder that also gets the files; it must be absent, empty, or hold this very release.
    progress : called with the number of responses written so far, and of all.
    ReleaseRefused where there is nothing to release, `out` holds something else, or answers keep changing.
    On any failure neither a row nor a half-written folder is left.
    """
    target = Path(out).absolute() if out is not None else None
    _check_target(target)
    parent = None
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        parent = target.parent  # the finished folder moves to its place in one step: no other file system between
    with tempfile.TemporaryDirectory(prefix=".release-", dir=parent) as workplace:
        folder = Path(workplace) / "release"
        manifest, sha256 = _write(study, folder, progress)
        release = Release.objects.filter(question_set=study.question_set_id, sha256=sha256).first()
        if release is None:
            packed = Path(workplace) / "release.zip"
            archive.write_zip(folder, packed)
            release = _register(study, packed, manifest, sha256)
        if target is not None:
            _place(folder, target, sha256)
    return release


# Details ----------------------------------------------------------------------------------------


def _check_target(target: Path | None) -> None:
    if target is None or not target.exists():
        return
    if not target.is_dir():
        raise ReleaseRefused(f"{target} is a file: expected a folder for the release")
    if any(target.iterdir()) and not (target / archive.MANIFEST).is_file():
        raise ReleaseRefused(f"{target} is not empty: expected a new folder for the release")


def _place(folder: Path, target: Path, sha256: str) -> None:
    if target.exists() and any(target.iterdir()):
        _, found = archive.read_manifest(target)
        if found != sha256:
            raise ReleaseRefused(
                f"{target} holds another release ({found[:12]}, this one is {sha256[:12]}): expected a new folder"
            )
        archive.read_release(target)  # ReleaseDamaged where a file is not what it was
        return
    mode = 0o777 & ~_umask()
    folder.chmod(mode)
    try:
        os.replace(folder, target)
    except OSError:  # an empty folder that is a mount point cannot be replaced, only filled; the manifest comes last
        names = sorted(os.listdir(folder), key=lambda name: name == archive.MANIFEST)
        for name in names:
            shutil.move(folder / name, target / name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write(study: Study, folder: Path, progress) -> tuple[dict, str]:
    """Write the release folder from one moment's state of the database."""
    for _ in range(_ATTEMPTS):
        last = Response.objects.filter(study=study).aggregate(last=Max("id"))["last"] or 0
        # Refreshed, the weighing by people is that of all responses, whenever each question was settled first.
        settle_questions(study, refresh=True, up_to=last)
        with _one_moment():
            study.refresh_from_db()
            if not is_settled_up_to(study, last):
                continue  # somebody was excluded, or another settling ran, between the two steps
            tables = ReleaseTables(study, last)
            if not tables.n_responses:
                raise ReleaseRefused(f"the study {study.name} has no responses: there is nothing to release")
            return archive.write_release(
                folder,
                study=tables.study(),
                collection=tables.collection(),
                settings=tables.settings(),
                stimuli=tables.stimuli,
                landmarks=tables.landmarks(),
                triplets=tables.triplets(),
                ratings=tables.ratings(),
                responses=tables.responses(progress),
                pictures=tables.pictures(),
                annotators=tables.annotators(),
            )
    raise ReleaseRefused(f"the judgements of study {study.name} keep changing while they are read: try again")


@contextmanager
def _one_moment():
    """Read one unchanging state of the database and lock out nobody.

    Django's atomic() would take SQLite's write lock for as long as the files are written, and annotators would wait.
    """
    if connection.in_atomic_block:  # the caller's transaction is the moment
        yield
        return
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if is_postgres else "BEGIN DEFERRED")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")


def _register(study: Study, packed: Path, manifest: dict, sha256: str) -> Release:
    """Store the zip, then create the row: a row without its file never exists."""
    with open(packed, "rb") as file:
        stored = default_storage.save(f"releases/{study.name}-{sha256[:16]}.zip", File(file))
    is_registered = False
    try:
        with transaction.atomic():
            Study.objects.select_for_update(no_key=True).get(pk=study.pk)
            releases = Release.objects.filter(question_set=study.question_set_id)
            existing = releases.filter(sha256=sha256).first()
            if existing is not None:  # somebody else froze the same content while we packed
                return existing
            version = (releases.aggregate(last=Max("version"))["last"] or 0) + 1
            counts = manifest["counts"]
            release = Release.objects.create(
                name=f"{study.name}-v{version}",
                collection=study.collection,
                question_set_id=study.question_set_id,
                version=version,
                sha256=sha256,
                archive=stored,
                n_bytes=packed.stat().st_size,
                manifest=manifest,
                n_triplets=counts["triplets"],
                n_ratings=counts["ratings"],
                n_responses=counts["responses"],
            )
        is_registered = True
        return release
    finally:
        if not is_registered:
            default_storage.delete(stored)
