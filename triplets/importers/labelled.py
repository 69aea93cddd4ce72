"""A collection that came with its labels, as a release of its own: nobody was asked anything, its labels are learnt.

What `convert` wrote (manifest, landmarks, pictures) goes into a release folder without triplets; classes, attributes,
splits and further columns are the collection's. Where the collection holds what single people rated, the release has
their responses, the settled ratings, and what they told about themselves: a report can then say how far people agree.
It trains like any other: `python -m learning RELEASE --recipe fer2013-networks --out DIR`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from triplets import archive
from triplets.importers.faces import Converted
from triplets.importers.landmarks_npz import read_landmarks
from triplets.importers.manifest import ManifestRow, read_header, read_manifest
from triplets.importers.single_ratings import RULES
from triplets.records import Landmarks, Ratings, Stimuli, Triplets


def write_labelled(found: Converted, out: Path, *, name: str, scale: tuple[float, float] | None = None) -> str:
    """Write a converted collection as a release into a new folder, whole or not at all, and return its checksum.

    name : of the collection. scale : ends of the scale that its attributes were rated on, where it has one.
    FileExistsError where `out` holds something; OSError where a picture cannot be read.
    """
    out = Path(out)
    path = found.folder / "stimuli.csv"
    rows = [row for row in read_manifest(path, read_header(path)) if isinstance(row, ManifestRow)]
    folder = found.folder if (found.folder / "images").is_dir() else found.images
    stimuli = _stimuli(rows)
    study: dict = {"name": name, "kind": "labels"}
    if scale is not None:
        study["scale"] = {"low": scale[0], "high": scale[1]}
    settings: dict = {"includes_pictures": bool(found.n_pictures)}
    ratings, responses, annotators = _no_ratings(), [], None
    if (single := found.ratings) is not None:
        row_of = {str(key): number for number, key in enumerate(stimuli.key.tolist())}
        study |= {"kind": "rating", "title": f"Ratings that came with {name}", "attributes": list(single.attributes)}
        settings |= {"consensus": RULES}
        if single.names_everybody:
            settings |= {"n_annotators": len(single.raters), "n_excluded": single.n_excluded}
        ratings, responses = single.settled(row_of, stimuli.split), single.responses(row_of, stimuli.split)
        annotators = single.annotators()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} is not empty: a release is written once, into a folder of its own")
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        _, sha256 = archive.write_release(
            scratch / "release",
            study=study,
            collection={"name": name, "landmark_scheme": found.scheme},
            settings=settings,
            stimuli=stimuli,
            landmarks=_landmarks(found, rows, scratch),
            triplets=_no_triplets(),
            ratings=ratings,
            responses=responses,
            pictures=_pictures(rows, stimuli, folder),
            annotators=annotators,
        )
        os.replace(scratch / "release", out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return sha256


def _stimuli(rows: list[ManifestRow]) -> Stimuli:
    def column(name: str, unknown) -> np.ndarray:
        values = [getattr(row, name) for row in rows]
        return np.array([unknown if value is None else value for value in values])

    def columns(name: str, unknown) -> dict[str, np.ndarray]:
        names = sorted({key for row in rows for key in getattr(row, name)})
        return {key: np.array([getattr(row, name).get(key, unknown) for row in rows]) for key in names}

    pictures = [
        f"images/{number:06}{Path(row.file).suffix.lower()}" if row.file else "" for number, row in enumerate(rows)
    ]
    return Stimuli(
        key=column("key", ""),
        subject=column("subject", ""),
        class_label=column("class_label", ""),
        degree=column("degree", np.nan).astype(float),
        is_neutral=column("is_neutral", -1).astype(np.int8),
        split=column("split", ""),
        picture=np.array(pictures),
        action_units=columns("action_units", np.nan),
        attributes=columns("attributes", np.nan),
        extra=columns("extra", ""),
    )


def _landmarks(found: Converted, rows: list[ManifestRow], scratch: Path) -> Landmarks | None:
    if not found.n_landmarks:
        return None
    file = read_landmarks(found.folder / "landmarks.npz", scratch)
    points = {number: file.of(row.key) for number, row in enumerate(rows)}
    known = [number for number, face in points.items() if face is not None]
    return Landmarks(np.array(known), np.stack([points[number] for number in known]), found.scheme)


def _pictures(rows: list[ManifestRow], stimuli: Stimuli, folder: Path | None) -> Iterator[tuple[str, bytes]]:
    for row, name in zip(rows, stimuli.picture.tolist(), strict=True):
        if name:
            yield name, (folder / row.file).read_bytes()


def _no_triplets() -> Triplets:
    whole, text = np.zeros(0, dtype=np.int64), np.zeros(0, dtype="U1")
    return Triplets(whole, whole, whole, whole, whole, whole, np.zeros(0), text, whole.astype(np.int8), text, whole)


def _no_ratings() -> Ratings:
    text, number = np.zeros(0, dtype="U1"), np.zeros(0)
    return Ratings(np.zeros(0, dtype=np.int64), text, number, number, number, number, text)
