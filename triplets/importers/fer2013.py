"""FER-2013: one CSV, `emotion,pixels,Usage`: 0 to 6, 48 x 48 grey values with blanks between, and the part.

Its second edition, `icml_face_data.csv`, has the same columns in another order, with blanks before their names.
Goodfellow et al. (2013), "Challenges in representation learning". Nobody knows who is who, so every picture
counts as a subject of its own and the study's own parts become the splits.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from triplets.importers.faces import Bad, Face, Options, SourceUnreadable, row

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprised", "neutral")
PARTS = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
SIDE = 48
COLUMNS = ("emotion", "pixels", "Usage")


def read(source: Path, options: Options) -> Iterator[Face | Bad]:
    """Read the table. Pictures become `images/fer-00002.png`, numbered by their line."""
    source = Path(source)
    if not source.is_file():
        raise SourceUnreadable(f"there is no file {source}")
    with open(source, encoding="ascii", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            if sorted(header) != sorted(COLUMNS):
                raise SourceUnreadable(f"{source} begins with {','.join(header)[:60]!r}: expected emotion,pixels,Usage")
            order = [header.index(name) for name in COLUMNS]
            for cells in reader:
                try:
                    yield _face(cells, order, reader.line_num)
                except ValueError as error:
                    yield Bad(source, reader.line_num, str(error))
        except (csv.Error, UnicodeDecodeError) as error:
            raise SourceUnreadable(f"{source}, line {reader.line_num + 1}: {error}; expected CSV") from error


def _face(cells: list[str], order: list[int], line: int) -> Face:
    if len(cells) != len(order):
        raise ValueError(f"{len(cells)} cells: expected 3, emotion,pixels,Usage")
    emotion, pixels, part = (cells[place].strip() for place in order)
    if emotion not in {str(number) for number in range(len(EMOTIONS))}:
        raise ValueError(f"emotion is {emotion[:20]!r}: expected 0 to {len(EMOTIONS) - 1}")
    if part not in PARTS:
        raise ValueError(f"Usage is {part[:20]!r}: expected {', '.join(PARTS)}")
    try:
        values = np.array(pixels.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        values = np.array([-1])
    if len(values) != SIDE * SIDE or values.min() < 0 or values.max() > 255:
        raise ValueError(f"pixels hold {len(pixels.split()):,} values: expected {SIDE * SIDE:,}, each 0 to 255")
    name = f"fer-{line:05}"
    known = {"subject": name, "class_label": EMOTIONS[int(emotion)], "split": PARTS[part]}
    return Face(row(f"images/{name}.png", is_file=True, **known), pixels=values.astype(np.uint8).reshape(SIDE, SIDE))
