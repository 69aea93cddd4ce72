"""Importing stimuli: all or nothing, twice the same is once, and every bad row is named."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from triplets import schemes
from triplets.counting import counted
from triplets.importers import staging
from triplets.importers.landmarks_npz import LandmarkFile, LandmarksUnreadable
from triplets.importers.manifest import ManifestUnreadable, Problem
from triplets.importers.pictures import Limits
from triplets.models import Collection, LandmarkSet, Stimulus, Subject, random_picture_path
from triplets.services.subjects import split_subjects

__all__ = ["CollectionInUse", "ImportRejected", "ImportResult", "delete_collection", "import_stimuli", "split_subjects"]

CHUNK = 500
N_STORING = 8  # pictures on their way to the storage at once: an S3 bucket answers slowly, but to many


class ImportRejected(ValueError):
    """Nothing was imported. `problems` are all that is wrong, by line."""

    def __init__(self, summary: str, problems: Sequence[Problem] = ()):
        self.problems = tuple(problems)
        super().__init__("\n  ".join([summary, *map(str, self.problems)]))


class CollectionInUse(ValueError):
    """The collection stays because questions or releases refer to it."""


@dataclass(frozen=True)
class ImportResult:
    """What the manifest held, and how many of its stimuli are new to the collection; `str()` is the sentence."""

    n_stimuli: int
    n_subjects: int
    n_new: int
    n_landmarks: int
    kept_as_text: tuple[str, ...] = ()  # columns without a meaning here
    has_subject: bool = True  # a column says who is in the picture
    n_off: int = 0  # new stimuli whose landmarks do not lie on their picture

    def __str__(self) -> str:
        sentences = [
            f"{counted(self.n_stimuli, 'stimulus', 'stimuli')} of {counted(self.n_subjects, 'subject')}, "
            f"{self.n_landmarks:,} with landmarks; {counted(self.n_new, 'of them is', 'of them are')} new."
        ]
        if self.n_off:
            sentences.append(
                f"The landmarks of {self.n_off:,} do not lie on their pictures: expected pixels of these very pictures "
                "from the top left corner on. Networks of landmarks bear it; crops and explanations will be wrong."
            )
        if not self.has_subject:
            sentences.append("No column `subject` says who is in a picture: each counts as a person of its own.")
        if self.kept_as_text:
            sentences.append(f"Kept as text, without a meaning here: {', '.join(self.kept_as_text)}.")
        return " ".join(sentences)


def import_stimuli(
    collection_name: str,
    manifest,
    images=None,
    landmarks=None,
    scheme: str = "",
    licence: str = "",
    title: str = "",
    source: str = "",
    progress: Callable[[int, int], None] | None = None,
    columns: Mapping[str, str] | None = None,
    on_stored: Callable[[ImportResult, Collection], None] | None = None,
) -> ImportResult:
    """Import the rows of a CSV into a collection, which is made if there is none of that name.

    images : the folder that `file` is relative to; by default the CSV's own.
    landmarks, scheme : `triplets.importers.landmarks_npz`, and a name of `triplets.schemes.SCHEMES` (guessed from
        the number of points where empty).
    columns : role -> column, see `triplets.importers.manifest.read_header`.
    progress : called with rows done and rows in all.
    on_stored : called with the result within the transaction; what it raises takes the import back.

    Where no split is given, the subjects are split by `split_subjects`. ImportRejected lists everything that is
    wrong; then neither a row nor a picture of this import is left behind.
    """
    try:
        validate_slug(collection_name)
    except ValidationError as error:
        raise ImportRejected(
            f"{collection_name!r} cannot name a collection: expected letters, digits, - and _ only"
        ) from error
    manifest = Path(manifest)
    images = Path(images) if images else manifest.parent
    collection = Collection.objects.filter(name=collection_name).first() or Collection(name=collection_name)
    _describe(collection, licence=licence, title=title, source=source)
    # Beside the files, not in /tmp, which is memory on many machines.
    with tempfile.TemporaryDirectory(prefix="import-", dir=settings.VAR_DIR) as folder:
        scratch = Path(folder)
        found, points, staged = _checked(collection, manifest, images, landmarks, scheme, columns, scratch, progress)
        with _stored_pictures(scratch, staged) as picture_of:
            try:
                with transaction.atomic():
                    result = _insert(collection, found, points, staged, picture_of)
                    if on_stored:
                        on_stored(result, collection)
                return result
            except IntegrityError as error:
                raise ImportRejected(f"somebody else imported into {collection_name!r} meanwhile: {error}") from error


def delete_collection(collection: Collection) -> None:
    """Delete a collection with its stimuli and their pictures. CollectionInUse once it was asked about."""
    names = list(collection.stimuli.exclude(picture="").values_list("picture", flat=True))
    try:
        with transaction.atomic():
            collection.stimuli.all().delete()
            collection.subjects.all().delete()
            collection.delete()
    except ProtectedError as error:
        raise CollectionInUse(f"{collection.name!r} cannot be deleted because studies or releases use it") from error
    transaction.on_commit(lambda: _remove(names))


# Details ----------------------------------------------------------------------------------------


def _describe(collection: Collection, **given: str) -> None:
    """Fill in what is not known yet; what a collection says of itself is not changed by a further import."""
    for name, value in given.items():
        known = getattr(collection, name)
        if value and known and value != known:
            raise ImportRejected(f"the {name} of {collection.name!r} is {known!r}: expected the same, got {value!r}")
        setattr(collection, name, known or value)


def _checked(collection, manifest, images, landmarks, scheme, columns, scratch, progress):
    """Return the survey, the landmark file and the file of staged rows, or raise everything that is wrong."""
    subjects, contents = {}, {}
    if collection.pk:
        known = collection.subjects.values_list("name", "split", "extra")
        subjects = {name: staging.SubjectSeen(split, dict(extra), True) for name, split, extra in known}
        contents = dict(collection.stimuli.values_list("key", "content_sha256"))
    try:
        found = staging.survey(manifest, scratch, columns, subjects)
        if not found.lines:
            raise ManifestUnreadable(f"{manifest} holds no row: expected one for each stimulus")
        if found.header.key == "file" and not images.is_dir():
            raise ManifestUnreadable(f"there is no folder of pictures {images}")
        points = staging.open_landmarks(Path(landmarks), scratch) if landmarks else None
        collection.landmark_scheme = _scheme(collection, scheme, points)
    except (ManifestUnreadable, LandmarksUnreadable, schemes.SchemeUnknown) as error:
        raise ImportRejected(f"nothing was imported: {error}") from error
    limits = Limits(settings.IMPORT_MAX_PICTURE_PIXELS, settings.IMPORT_MAX_PICTURE_BYTES)
    staged, problems = staging.stage(
        found, images=images, landmarks=points, known=contents, scratch=scratch, limits=limits, progress=progress
    )
    if problems:
        bad = counted(len(problems), "problem was", "problems were")
        raise ImportRejected(f"nothing was imported because {bad} found in {manifest}:", problems)
    return found, points, staged


def _scheme(collection: Collection, name: str, points: LandmarkFile | None) -> str:
    """Return the scheme that the collection, the researcher and the points agree on; "" where none is known."""
    known = collection.landmark_scheme
    if name and known and name != known:
        raise schemes.SchemeUnknown(
            f"the landmarks of {collection.name!r} follow {known!r}: expected that, got {name!r}"
        )
    name = name or known
    if points is not None and not name:
        guess = schemes.scheme_of(points.n_points)
        name = guess.name if guess else ""
    if name and points is not None and schemes.scheme_named(name).n_points != points.n_points:
        expected = schemes.scheme_named(name).n_points
        raise schemes.SchemeUnknown(f"{points.n_points} points a face: expected {expected} as {name!r} has")
    if name:
        schemes.scheme_named(name)
    other = LandmarkSet.objects.filter(stimulus__collection=collection).first() if collection.pk and points else None
    if other and (other.n_points, other.n_dims) != (points.n_points, points.n_dims):
        raise LandmarksUnreadable(f"landmarks are {points.n_points} x {points.n_dims}: expected {other} as before")
    return name


@contextmanager
def _stored_pictures(scratch: Path, staged: Path) -> Iterator[dict[str, str]]:
    """Bring the new pictures into the storage, before any transaction, and take them out again if it fails."""
    picture_of: dict[str, str] = {}
    storage = Stimulus._meta.get_field("picture").storage

    def store(key: str, picture: str) -> None:
        with open(scratch / picture, "rb") as file:
            picture_of[key] = storage.save(picture_of[key], File(file))

    try:
        with ThreadPoolExecutor(N_STORING) as threads:
            for chunk in _chunks(row for row in staging.read_staged(staged) if row.picture):
                # Named before they are written, so that a failure half-way knows what to take out.
                picture_of.update((row.row.key, random_picture_path(None, "picture.jpg")) for row in chunk)
                list(threads.map(lambda row: store(row.row.key, row.picture), chunk))
        yield picture_of
    except BaseException:
        _remove(picture_of.values())
        raise


def _remove(names: Iterable[str]) -> None:
    storage = Stimulus._meta.get_field("picture").storage
    for name in names:
        storage.delete(name)


def _insert(collection, found: staging.Survey, points, staged: Path, picture_of: dict[str, str]) -> ImportResult:
    collection.save()
    subject_pks = _insert_subjects(collection, found)
    n_new = n_landmarks = n_off = 0
    for chunk in _chunks(staging.read_staged(staged)):
        n_landmarks += sum(row.has_landmarks for row in chunk)
        n_off += sum(row.is_off for row in chunk)
        stimuli = Stimulus.objects.bulk_create(
            _stimulus(collection, row, found.subject_columns, subject_pks, picture_of)
            for row in chunk
            if not row.is_known
        )
        n_new += len(stimuli)
        LandmarkSet.objects.bulk_create(
            LandmarkSet(
                stimulus=stimulus,
                n_points=points.n_points,
                n_dims=points.n_dims,
                points=points.of(stimulus.key).tobytes(),
            )
            for stimulus in stimuli
            if stimulus.has_landmarks
        )
    if not found.header.has_split:
        split_subjects(collection)
    collection.n_stimuli = collection.stimuli.count()
    collection.n_subjects = collection.subjects.count()
    collection.save(update_fields=["n_stimuli", "n_subjects"])
    n_subjects = sum(seen.is_mentioned for seen in found.subjects.values())
    header = found.header
    return ImportResult(found.n_rows, n_subjects, n_new, n_landmarks, header.kept_as_text, header.has_subject, n_off)


def _insert_subjects(collection: Collection, found: staging.Survey) -> dict[str, int]:
    """Insert the new subjects, note splits that were not known, and return name -> primary key."""
    unsplit = {subject.name: subject for subject in collection.subjects.filter(split="")}
    for name, subject in unsplit.items():
        subject.split = found.subjects[name].split
    Subject.objects.bulk_update((subject for subject in unsplit.values() if subject.split), ["split"], batch_size=CHUNK)
    new = (
        Subject(
            collection=collection,
            name=name,
            split=seen.split,
            extra={column: value for column, value in seen.extra.items() if column in found.subject_columns},
        )
        for name, seen in found.subjects.items()
        if not seen.is_known
    )
    Subject.objects.bulk_create(new, batch_size=CHUNK)
    return dict(collection.subjects.values_list("name", "pk"))


def _stimulus(collection, staged: staging.Staged, subject_columns, subject_pks, picture_of) -> Stimulus:
    row = staged.row
    own = {name: value for name, value in row.extra.items() if not row.subject or name not in subject_columns}
    return Stimulus(
        collection=collection,
        subject_id=subject_pks[row.subject] if row.subject else None,
        key=row.key,
        picture=picture_of.get(row.key, ""),
        width=staged.width,
        height=staged.height,
        picture_sha256=staged.picture_sha256,
        class_label=row.class_label,
        degree=row.degree,
        is_neutral=row.is_neutral,
        has_landmarks=staged.has_landmarks,
        action_units=row.action_units,
        attributes=row.attributes,
        extra=own,
        content_sha256=staged.content_sha256,
    )


def _chunks(rows: Iterable) -> Iterator[list]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
