"""Crowd labels in a CSV (`item,worker,label`), read in bounded memory with every bad row named; verdicts out again.

With a header, in whatever form `triplets.spreadsheets` reads, `.gz` too; columns may stand in any order and others are
ignored. Cells are text: `1` and `01` are two labels. While the file is read each name becomes a number, so a million
rows take some 16 bytes each beside one copy of every different name.
"""

import csv
import gzip
import os
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triplets import spreadsheets

LABEL_COLUMNS = ("item", "worker", "label")
TRUTH_COLUMNS = ("item", "truth")
VERDICT_COLUMNS = ("item", "verdict", "confidence", "n")
MAX_LENGTH = 1000  # of one cell: a longer one is a quotation mark that was never closed
#: At most so many numbers in (items x classes) and (workers x classes x classes), which the methods hold in memory.
MAX_CELLS = 20_000_000

Report = Callable[[str, int, str], None]


class LabelsRefused(ValueError):
    """The file is not used, because the message says so."""


@dataclass(frozen=True)
class Labels:
    """n votes as row numbers of names; names are sorted, numbers as numbers where all of a kind are whole numbers.

    item, worker, label : (n,) int32 rows of items, workers and classes
    classes : every label that was given or is a known answer      known : row of items -> row of classes
    n_unused : known answers about items that nobody labelled      n_repeated : votes beyond a worker's first on an item
    """

    items: list[str]
    workers: list[str]
    classes: list[str]
    item: np.ndarray
    worker: np.ndarray
    label: np.ndarray
    known: dict[int, int]
    n_unused: int
    n_repeated: int


def read_labels(path, known: Mapping[str, str] | None = None, report: Report | None = None) -> Labels:
    """Read a file of labels. known : answers known beforehand, item -> label.

    report : called with (path, line, reason) for every bad row, as it is met. LabelsRefused where there was
    one, where a column is missing, or where there are more different labels than any method could hold.
    """
    codes = [{}, {}, {}]
    columns = [array("i"), array("i"), array("i")]
    for cells in _good_rows(Path(path), LABEL_COLUMNS, report):
        for code, column, cell in zip(codes, columns, cells, strict=True):
            column.append(code.setdefault(cell, len(code)))
    if not columns[0]:
        raise LabelsRefused(f"{path} holds no label, only a header")
    known = dict(known or {})
    for answer in known.values():
        codes[2].setdefault(answer, len(codes[2]))
    n_items, n_workers, n_classes = map(len, codes)
    if max(n_items * n_classes, n_workers * n_classes**2) > MAX_CELLS:
        raise LabelsRefused(
            f"{path} holds {n_classes:,} different labels for {n_items:,} items by {n_workers:,} workers: "
            "expected a few classes that many share, is the column `label` free text?"
        )
    names, rows = [], []
    for code, column in zip(codes, columns, strict=True):
        order, rank = _ranked(list(code))
        names.append(order)
        rows.append(rank[np.frombuffer(column, dtype=np.int32)])
    row_of = [{name: row for row, name in enumerate(kind)} for kind in names]
    answers = {row_of[0][item]: row_of[2][answer] for item, answer in known.items() if item in row_of[0]}
    pairs = rows[0].astype(np.int64) * n_workers + rows[1]
    return Labels(*names, *rows, answers, len(known) - len(answers), len(pairs) - len(np.unique(pairs)))


def read_truth(path, report: Report | None = None) -> dict[str, str]:
    """Read a CSV `item,truth` of known answers; every item once. Errors as `read_labels`."""
    truth, lines = {}, {}

    def contradiction(cells, line):
        earlier = lines.setdefault(cells[0], line)
        return f"item {cells[0]!r} stands on line {earlier} already: expected it once" if earlier != line else ""

    for item, answer in _good_rows(Path(path), TRUTH_COLUMNS, report, contradiction):
        truth[item] = answer
    if not truth:
        raise LabelsRefused(f"{path} holds no known answer, only a header")
    return truth


def write_verdicts(path, rows) -> None:
    """Write (item, verdict, confidence, n) as CSV: the whole file or nothing, in place of an earlier one."""
    path = Path(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise LabelsRefused(f"{path} cannot be written ({error.strerror})") from error
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(VERDICT_COLUMNS)
            writer.writerows((item, verdict, f"{confidence:.6f}", n) for item, verdict, confidence, n in rows)
            file.flush()
            os.fsync(descriptor)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # as if it had been opened in the ordinary way
        os.replace(name, path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise LabelsRefused(f"{path} cannot be written ({error.strerror})") from error
        raise


# Details ----------------------------------------------------------------------------------------


def _ranked(names: list[str]) -> tuple[list[str], np.ndarray]:
    """Return the names sorted, and for each place of the given list its place in the sorted one."""
    are_numbers = all(name.isascii() and name.isdigit() for name in names)
    order = sorted(range(len(names)), key=lambda k: (int(names[k]), names[k]) if are_numbers else names[k])
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names))
    return [names[k] for k in order], rank


@contextmanager
def _rows(path: Path):
    """Rows of text. Bytes that are no UTF-8 become lone surrogates, by which their row is recognised as bad."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as binary:
            form = spreadsheets.recognise(binary.peek(spreadsheets.BEGINNING))
            lines = (
                line.decode("utf-8-sig" if number == 0 else "utf-8", "surrogateescape")
                for number, line in enumerate(spreadsheets.in_utf8(binary, form))
            )
            yield spreadsheets.open_rows(lines, form)
    except spreadsheets.NoTable as error:
        raise LabelsRefused(f"{path} {error}") from error
    except (OSError, EOFError) as error:
        raise LabelsRefused(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _good_rows(path: Path, columns, report, further=None) -> Iterator[list[str]]:
    """Yield the wanted cells of every good row. LabelsRefused at the end where a row was bad, at once at the header."""
    n_rows = n_bad = 0
    first = ""
    with _rows(path) as reader:
        wanted, width = _header(path, reader, columns)
        while True:
            start = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                fields, cells, reason = None, [], f"it is no CSV ({error})"
            else:
                if not fields:
                    continue
                cells, reason = _checked(fields, wanted, width, columns)
            n_rows += 1
            reason = reason or (further(cells, start) if further else "")
            if not reason:
                yield cells
                continue
            n_bad += 1
            first = first or f"line {start}: {reason}"
            if report:
                report(str(path), start, reason)
    if n_bad:
        noun = "row is" if n_bad == 1 else "rows are"
        raise LabelsRefused(f"{n_bad:,} of {n_rows:,} {noun} bad in {path}, the first on {first}")


def _header(path: Path, reader, columns) -> tuple[list[int], int]:
    try:
        header = [spreadsheets.spelt(name, columns) for name in next(reader, [])]
    except csv.Error as error:
        raise LabelsRefused(f"the header of {path} is no CSV ({error})") from error
    for name in columns:
        if header.count(name) != 1:
            shown = ", ".join(header).encode("utf-8", "replace").decode() or "nothing"
            raise LabelsRefused(
                f"the header of {path} names {name!r} {header.count(name)} times: expected {','.join(columns)} once "
                f"each, found {shown[:200]}"
            )
    return [header.index(name) for name in columns], len(header)


def _checked(fields: list[str], wanted: list[int], width: int, columns) -> tuple[list[str], str]:
    """Return the wanted cells, and what is wrong with them or ""."""
    if len(fields) != width:
        return [], f"{len(fields)} fields, expected {width} as in the header"
    cells = [fields[place].strip() for place in wanted]
    for name, cell in zip(columns, cells, strict=True):
        if not cell:
            return cells, f"{name} is empty"
        if len(cell) > MAX_LENGTH:
            return cells, f"{name} has {len(cell):,} characters: expected at most {MAX_LENGTH:,}"
        if not cell.isprintable():
            if any("\ud800" <= letter <= "\udfff" for letter in cell):
                return cells, f"{name} is not UTF-8"
            if "\x00" in cell:
                return cells, f"{name} holds a zero byte: expected text"
    return cells, ""
