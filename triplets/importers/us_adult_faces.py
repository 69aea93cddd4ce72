"""10k US Adult Faces: tables of ratings from 1 to 9 (`psychology-attributes`), one row a rater or one a face.

The collection's own workbooks (`.xlsx`), or a sheet saved as CSV or tab-separated text. Of a workbook the single
ratings are read ("All Data", its first sheet), the means ("Final Values") only where there are none. Where some face
has several rows, every row is what single people said (`rater_rows`): they are yielded once more as `SingleRatings`,
after the faces, whose attributes are their means. Tables with "demographic" in their name add what most said of the
person in the picture: `sex`, `ethnicity`, `age_group` in words, and `age` as the mean of its numbers 1 (under 20) to
5 (60 and over). Every face is a subject of its own.
Bainbridge, Isola & Oliva (2013), "The intrinsic memorability of face photographs".
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from triplets.importers.faces import Bad, Face, Options, SourceUnreadable, row
from triplets.importers.landmark_text import picture_index
from triplets.importers.rater_rows import (
    AGES,
    HIGH,
    LOW,
    RACES,
    SEXES,
    UNKNOWN,
    HeaderUnreadable,
    number,
    said,
    surveys,
)
from triplets.importers.single_ratings import Gathering, SingleRatings
from triplets.importers.workbook import WorkbookUnreadable, sheet_names, sheet_rows

__all__ = ["HIGH", "LOW", "read"]

TABLES = (".csv", ".txt", ".tsv", ".xlsx")
#: Sheets that were computed from the first one, the most useful first.
DERIVED = ("Final Values", "StDev Values", "Operations")
DESCRIBED = {"age": ("age_group", AGES), "gender": ("sex", SEXES), "race": ("ethnicity", RACES)}


def read(source: Path, options: Options) -> Iterator[Face | Bad | SingleRatings]:
    """Read a table or the tables in a folder; pictures are found by name in options.images, else in the folder."""
    source = Path(source)
    tables = (
        [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.suffix.lower() in TABLES)
    )
    described = [path for path in tables if "demographic" in path.name.lower()]
    rated = [path for path in tables if "attribute" in path.name.lower() and path not in described] or [
        path for path in tables if path == source
    ]
    if not rated:
        raise SourceUnreadable(f"{source} holds no table of attributes: expected psychology-attributes.csv or .txt")
    folder = Path(options.images) if options.images else (source if source.is_dir() else None)
    pictures = picture_index(folder) if folder else {}
    gathering, about, n_rows = Gathering(), defaultdict(lambda: defaultdict(list)), Counter()
    for path in rated:
        yield from _rate(path, gathering, n_rows)
    for path in described:
        yield from _each(path, lambda header: _describing(header, about))
    means, named, taken = gathering.means(), {}, {}
    for name in n_rows:
        picture = pictures.get(Path(name).stem.lower())
        if pictures and picture is None:
            yield Bad(folder, 0, f"there is no picture {name!r}, which is rated")
            continue
        if not means.get(name):
            yield Bad(rated[0], 0, f"{name} has no rating: expected at least one that counts")
            continue
        key = picture.relative_to(folder).as_posix() if picture else name
        if key in taken:
            yield Bad(rated[0], 0, f"{name} and {taken[key]} are both {key}: expected every face under one name")
            continue
        taken[key], named[name] = name, key
        extra = _described(about.get(name, {}))
        made = row(named[name], is_file=bool(picture), subject=Path(name).stem, attributes=means[name], extra=extra)
        yield Face(made)
    if max(n_rows.values(), default=0) > 1:
        yield gathering.ratings(named)


def _rate(path: Path, gathering: Gathering, n_rows: Counter) -> Iterator[Bad]:
    """Gather the ratings of a table, and yield what is wrong with its rows."""
    here, doubts = Counter(), []

    def use(header):
        found = surveys(header)
        at = header.index("Filename")

        def take(line: int, cells: list[str]) -> None:
            people = [said(survey, cells) for survey in found]
            here[cells[at]] += 1
            doubts.extend(Bad(path, line, person.bad) for person in people if person.bad)
            for person in people:
                gathering.add(cells[at], person.rater, person.ratings, person.about, is_counted=person.is_counted)

        return take

    yield from _each(path, use)
    # In a table of means the columns about raters hold means too, of no meaning.
    if max(here.values(), default=0) > 1:
        yield from doubts
    n_rows.update(here)


def _describing(header: list[str], about):
    at = header.index("Filename")
    kinds = {place: name.lower() for place, name in enumerate(header) if name.lower() in DESCRIBED}

    def take(line: int, cells: list[str]) -> None:
        for place, kind in kinds.items():
            if cells[place].lower() in UNKNOWN:
                continue
            words = DESCRIBED[kind][1]
            # A sheet of means has means of ages too; somebody's own table may have words.
            value = number(cells[place])
            if value is not None and not min(words) <= value <= max(words):
                quoted = f"{header[place]} is {cells[place][:20]!r}"
                raise ValueError(f"{quoted}: expected {min(words)} to {max(words)} or nothing")
            about[cells[at]][kind].append(cells[place])

    return take


def _described(about: dict[str, list[str]]) -> dict[str, str]:
    """Return what is known of the person in a picture: the commonest of what was said, in words."""
    extra = {}
    for kind, cells in about.items():
        column, words = DESCRIBED[kind]
        commonest = Counter(cells).most_common(1)[0][0]
        value = number(commonest)
        extra[column] = commonest if value is None else words[round(value)]
        numbers = [value for value in map(number, cells) if value is not None]
        if kind == "age" and numbers:
            extra["age"] = f"{np.mean(numbers):.3g}"
    return extra


def _each(path: Path, use) -> Iterator[Bad]:
    """Hand every row to what `use` makes of the header, (line, stripped cells), and yield what is wrong with others."""
    try:
        is_workbook = path.suffix.lower() == ".xlsx"
        rows = sheet_rows(path, _sheet(path)) if is_workbook else _text_rows(path)
        _, header = next(rows, (1, []))
        header = [name.strip() for name in header]
        if "Filename" not in header:
            yield Bad(path, 1, f"the column 'Filename' is missing: found {', '.join(header)[:80] or 'nothing'}")
            return
        take = use(header)
        for line, cells in rows:
            try:
                # A workbook leaves out empty cells at the end of a row.
                cells = cells + [""] * (len(header) - len(cells)) if is_workbook else cells
                if len(cells) != len(header):
                    raise ValueError(f"{len(cells)} cells, expected {len(header)} as in the header")
                cells = [cell.strip() for cell in cells]
                if not cells[header.index("Filename")]:
                    raise ValueError("Filename is empty")
                take(line, cells)
            except ValueError as error:
                yield Bad(path, line, str(error))
    except HeaderUnreadable as error:
        yield Bad(path, 1, str(error))
    except (OSError, UnicodeDecodeError, csv.Error, WorkbookUnreadable) as error:
        yield Bad(path, 0, f"cannot be read as a table ({error})")


def _sheet(path: Path) -> str:
    """Return the name of the sheet to read: the first that was not computed, else the first of `DERIVED`."""
    names = sheet_names(path)
    return next((name for name in names if name not in DERIVED), next(n for n in (*DERIVED, *names) if n in names))


def _text_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter="\t" if "\t" in first else ",")
        for cells in reader:
            yield reader.line_num, cells
