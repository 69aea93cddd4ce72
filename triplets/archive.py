"""The release: the hinge between collecting and learning, as files and as frozen arrays.

A release is a folder, or the same folder as one zip file:

    manifest.json       format, study, collection, settings, counts, SHA-256 and size of every other file
    stimuli.parquet     one row a stimulus; `triplets` and `ratings` name stimuli by key
    landmarks.npz       arrays `stimulus` (keys) and `points` (n, n_points, 2 or 3) float32
    triplets.parquet    settled triplets: anchor, positive, negative, votes, weight, split
    ratings.parquet     settled ratings: mean, spread, n, mean weighted by consistency
    responses.parquet   every response, annotators under a pseudonym
    annotators.parquet  what people told about themselves, where they agreed that it is published
    images/             the pictures, where the licence allows
    croissant.json      the same description for dataset search engines (MLCommons Croissant)
    README.md           the same in words, for somebody who opens the tables elsewhere

Every table stands beside itself as CSV. The checksum of a release is the SHA-256 of manifest.json,
so it covers every byte but README.md, which only says it again; nothing in a release depends on when
or where it was written, therefore the same input gives the same checksum. The manifest is written last: a
folder without it is no release.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from triplets import annotators as people
from triplets import croissant, leaflet
from triplets.annotators import Annotators
from triplets.digests import canonical, digests, sha256_of_file
from triplets.records import COLUMNS, RESPONSE_SCHEMA, Landmarks, Ratings, Stimuli, Triplets

FORMAT = "semblance-release/1"
MANIFEST = "manifest.json"
README = "README.md"


class ReleaseDamaged(ValueError):
    """The folder or zip is not a whole, unchanged release."""


@dataclass(frozen=True)
class Release:
    """A release in memory. Responses and pictures stay in the file until asked for."""

    path: Path
    sha256: str
    manifest: dict
    stimuli: Stimuli
    landmarks: Landmarks | None
    triplets: Triplets
    ratings: Ratings
    annotators: Annotators | None = None

    def responses(self) -> pa.Table:
        """Return every response, columns as `RESPONSE_SCHEMA`."""
        return pa.parquet.read_table(io.BytesIO(read_member(self.path, "responses.parquet")))

    def picture_bytes(self, row: int) -> bytes:
        """Return the encoded picture of one stimulus.

        LookupError where the release holds no picture of it.
        """
        name = str(self.stimuli.picture[row])
        if not name:
            raise LookupError(f"the release holds no picture of stimulus {self.stimuli.key[row]!r}")
        return read_member(self.path, name)


# Writing ----------------------------------------------------------------------------------------


def write_release(
    directory,
    *,
    study: dict,
    collection: dict,
    settings: dict,
    stimuli: Stimuli,
    landmarks: Landmarks | None,
    triplets: Triplets,
    ratings: Ratings,
    responses: Iterable[pa.RecordBatch | pa.Table],
    pictures: Iterable[tuple[str, bytes]] = (),
    annotators: Annotators | None = None,
) -> tuple[dict, str]:
    """Write a release folder and return its manifest and checksum.

    study, collection, settings : JSON-able descriptions that go into the manifest unchanged.
    responses : batches with `RESPONSE_SCHEMA`, written as they come, so that millions need little memory.
    pictures : (path within the release, bytes) for every `stimuli.picture` that is not "".
    annotators : only where what people told about themselves may be published.
    FileExistsError if the folder already holds something.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty: a release is written once, into a folder of its own")
    counts = {"stimuli": len(stimuli), "landmarks": 0 if landmarks is None else len(landmarks)}
    _write_table(directory, "stimuli", _stimuli_table(stimuli))
    if landmarks is not None and len(landmarks):
        np.savez(directory / "landmarks.npz", stimulus=stimuli.key[landmarks.row], points=landmarks.points)
    _write_table(directory, "triplets", _triplets_table(triplets, stimuli))
    _write_table(directory, "ratings", _ratings_table(ratings, stimuli))
    counts |= {"triplets": len(triplets), "ratings": len(ratings)}
    counts["responses"] = _write_batches(directory, "responses", RESPONSE_SCHEMA, responses)
    n_pictures = 0
    for name, content in pictures:
        target = directory / _safe_member(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        n_pictures += 1
    counts["pictures"] = n_pictures
    columns = COLUMNS
    if annotators is not None:
        _write_table(directory, people.TABLE, annotators.table())
        columns = COLUMNS | {people.TABLE: annotators.columns()}
        counts["annotators"], settings = len(annotators), settings | {"demographics": annotators.summary()}
    described = {"study": study, "collection": collection, "settings": settings, "counts": counts}
    (directory / "croissant.json").write_bytes(
        canonical(croissant.describe(described, columns, digests(directory)), indent=2)
    )
    manifest = {"format": FORMAT, **described, "columns": columns, "files": digests(directory)}
    parts = {"stimuli": stimuli, "triplets": triplets, "ratings": ratings}
    told = leaflet.describe(manifest, {name: leaflet.split_counts(part.split) for name, part in parts.items()})
    (directory / README).write_text(told, encoding="utf-8")
    content = canonical(manifest, indent=1)
    (directory / MANIFEST).write_bytes(content)
    return manifest, hashlib.sha256(content).hexdigest()


def write_zip(directory, target) -> str:
    """Pack a release folder into one zip with no time stamps and return the zip's own SHA-256."""
    directory = Path(directory)
    names = [MANIFEST, *sorted(json.loads((directory / MANIFEST).read_bytes())["files"])]
    if (directory / README).is_file():
        names.insert(0, README)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name in names:
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.file_size = (directory / name).stat().st_size
            with archive.open(info, "w") as out, open(directory / name, "rb") as source:
                while chunk := source.read(1 << 20):
                    out.write(chunk)
    return sha256_of_file(Path(target))


# Reading ----------------------------------------------------------------------------------------


def read_release(path, *, verify: bool = True) -> Release:
    """Read a release folder or zip.

    verify : check the size and SHA-256 of every file against the manifest.
    ReleaseDamaged quotes the file that is missing, changed or of another format.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no release at {path}: expected a release folder or zip")
    manifest, sha256 = read_manifest(path)
    if verify:
        for name in manifest["files"]:
            _verify(path, name, manifest["files"][name])
    stimuli = _read_stimuli(_read_table(path, "stimuli"))
    row_of = {key: row for row, key in enumerate(stimuli.key.tolist())}
    landmarks = None
    if "landmarks.npz" in manifest["files"]:
        with np.load(io.BytesIO(read_member(path, "landmarks.npz")), allow_pickle=False) as arrays:
            rows = _rows(arrays["stimulus"], row_of, "landmarks.npz")
            landmarks = Landmarks(rows, arrays["points"], manifest["collection"].get("landmark_scheme", ""))
    return Release(
        path,
        sha256,
        manifest,
        stimuli,
        landmarks,
        _read_triplets(_read_table(path, "triplets"), row_of),
        _read_ratings(_read_table(path, "ratings"), row_of),
        people.from_table(_read_table(path, people.TABLE)) if f"{people.TABLE}.parquet" in manifest["files"] else None,
    )


def read_manifest(path) -> tuple[dict, str]:
    """Return the manifest of a release folder or zip, and its SHA-256, the checksum of the release."""
    try:
        content = read_member(path, MANIFEST)
        manifest = json.loads(content)
    except (KeyError, FileNotFoundError, zipfile.BadZipFile, json.JSONDecodeError) as error:
        raise ReleaseDamaged(f"{path} is no release: it holds no readable {MANIFEST} ({error})") from error
    if manifest.get("format") != FORMAT:
        raise ReleaseDamaged(f"{path} has format {manifest.get('format')!r}; this version reads {FORMAT!r}")
    return manifest, hashlib.sha256(content).hexdigest()


def read_member(path, name: str) -> bytes:
    """Return one file of a release. Nothing is ever unpacked to disk, so no name can lead outside."""
    path = Path(path)
    if path.is_dir():
        return (path / _safe_member(name)).read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


# Details ----------------------------------------------------------------------------------------


def _safe_member(name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\\" in name:
        raise ReleaseDamaged(f"{name!r} is not a path within a release")
    return name


def _verify(path: Path, name: str, expected: dict) -> None:
    try:
        content = read_member(path, name)
    except (KeyError, FileNotFoundError) as error:
        raise ReleaseDamaged(f"{path} lacks {name}, which its manifest lists") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected["sha256"]:
        raise ReleaseDamaged(f"{name} in {path} has SHA-256 {found}, the manifest says {expected['sha256']}")


def _write_table(directory: Path, name: str, table: pa.Table) -> None:
    _write_batches(directory, name, table.schema, [table])


def _write_batches(directory: Path, name: str, schema: pa.Schema, batches: Iterable) -> int:
    n_rows = 0
    with (
        pa.parquet.ParquetWriter(directory / f"{name}.parquet", schema, compression="zstd") as parquet,
        pa.csv.CSVWriter(directory / f"{name}.csv", schema) as csv,
    ):
        for batch in batches:
            table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
            parquet.write_table(table)
            csv.write_table(table)
            n_rows += table.num_rows
    return n_rows


def _read_table(path: Path, name: str) -> pa.Table:
    return pa.parquet.read_table(io.BytesIO(read_member(path, f"{name}.parquet")))


def _tristate(values: np.ndarray) -> pa.Array:
    values = np.asarray(values, dtype=np.int8)
    return pa.array(values, mask=values < 0)


def _floats(values: np.ndarray) -> pa.Array:
    values = np.asarray(values, dtype=np.float64)
    return pa.array(values, mask=np.isnan(values))


def _text(values) -> pa.Array:
    return pa.array([str(v) for v in values], pa.string())


def _stimuli_table(stimuli: Stimuli) -> pa.Table:
    columns = {
        "stimulus": _text(stimuli.key),
        "subject": _text(stimuli.subject),
        "class_label": _text(stimuli.class_label),
        "degree": _floats(stimuli.degree),
        "is_neutral": _tristate(stimuli.is_neutral),
        "split": _text(stimuli.split),
        "picture": _text(stimuli.picture),
    }
    for prefix, group, convert in _stimulus_groups(stimuli):
        columns |= {f"{prefix}{name}": convert(values) for name, values in group.items()}
    return pa.table(columns)


def _stimulus_groups(stimuli: Stimuli) -> Iterator[tuple]:
    yield "au_", stimuli.action_units, _floats
    yield "attribute_", stimuli.attributes, _floats
    yield "extra_", stimuli.extra, _text


def _triplets_table(triplets: Triplets, stimuli: Stimuli) -> pa.Table:
    columns = {name: _text(stimuli.key[getattr(triplets, name)]) for name in ("anchor", "positive", "negative")}
    for name in ("n_positive", "n_votes", "weight", "question"):
        columns[name] = pa.array(np.asarray(getattr(triplets, name), dtype=np.int64))
    columns["posterior"] = _floats(triplets.posterior)
    columns["is_same_subject"] = _tristate(triplets.is_same_subject)
    columns |= {name: _text(getattr(triplets, name)) for name in ("split", "sampler")}
    return pa.table({name: columns[name] for name in COLUMNS["triplets"]})


def _ratings_table(ratings: Ratings, stimuli: Stimuli) -> pa.Table:
    columns = {name: _floats(getattr(ratings, name)) for name in ("mean", "spread", "weighted_mean")}
    columns |= {name: _text(getattr(ratings, name)) for name in ("attribute", "split")}
    columns["stimulus"] = _text(stimuli.key[ratings.stimulus])
    columns["n"] = pa.array(np.asarray(ratings.n, dtype=np.int64))
    return pa.table({name: columns[name] for name in COLUMNS["ratings"]})


def _column(table: pa.Table, name: str, dtype=None, null=None) -> np.ndarray:
    column = table.column(name)
    if null is not None:
        column = column.fill_null(null)
    values = column.to_numpy() if column.type != pa.string() else np.array(column.to_pylist(), dtype=np.str_)
    return values.astype(dtype) if dtype is not None else values


def _rows(keys, row_of: dict, where: str) -> np.ndarray:
    try:
        return np.array([row_of[str(key)] for key in keys], dtype=np.int64)
    except KeyError as error:
        raise ReleaseDamaged(f"{where} names stimulus {error.args[0]!r}, which stimuli.parquet lacks") from error


def _read_stimuli(table: pa.Table) -> Stimuli:
    groups = {}
    for prefix, dtype, null in (("au_", np.float64, np.nan), ("attribute_", np.float64, np.nan), ("extra_", None, "")):
        names = [name for name in table.column_names if name.startswith(prefix)]
        groups[prefix] = {name.removeprefix(prefix): _column(table, name, dtype, null) for name in names}
    return Stimuli(
        key=_column(table, "stimulus"),
        subject=_column(table, "subject"),
        class_label=_column(table, "class_label"),
        degree=_column(table, "degree", np.float64, np.nan),
        is_neutral=_column(table, "is_neutral", np.int8, -1),
        split=_column(table, "split"),
        picture=_column(table, "picture"),
        action_units=groups["au_"],
        attributes=groups["attribute_"],
        extra=groups["extra_"],
    )


def _read_triplets(table: pa.Table, row_of: dict) -> Triplets:
    columns = {name: _rows(_column(table, name), row_of, "triplets") for name in ("anchor", "positive", "negative")}
    for name in ("n_positive", "n_votes", "weight", "question"):
        columns[name] = _column(table, name, np.int64)
    columns["posterior"] = _column(table, "posterior", np.float64, np.nan)
    columns["is_same_subject"] = _column(table, "is_same_subject", np.int8, -1)
    return Triplets(**columns, split=_column(table, "split"), sampler=_column(table, "sampler"))


def _read_ratings(table: pa.Table, row_of: dict) -> Ratings:
    return Ratings(
        stimulus=_rows(_column(table, "stimulus"), row_of, "ratings"),
        n=_column(table, "n", np.int64),
        **{name: _column(table, name, np.float64, np.nan) for name in ("mean", "spread", "weighted_mean")},
        **{name: _column(table, name) for name in ("attribute", "split")},
    )
