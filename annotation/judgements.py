"""Read judgements collected elsewhere: a CSV of triplets, ratings or labels, every row checked before any is used.

Triplets: `reference, first, second, chosen, worker`; ratings: `stimulus, attribute, rating, worker`; crowd labels:
`item, worker, label`, where an item is a stimulus (and may be called so). All may add `rt_ms, kind, split,
expected` (ratings: and `tolerance`); other columns are ignored.
`first` stood on the left, `second` on the right: that is the presentation, not a canonical order.
Salmon's exports, CSV or JSON, are triplets too (`annotation.salmon`).
`kind` is one of `KINDS`. A check (gold) question expects what the column `expected` says, else (triplets) its own
reference, which then is one of its candidates.
"""

import csv
import gzip
import hashlib
import math
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotation import salmon
from annotation.judgement_rows import (
    GOLD,
    KINDS,
    ORDINARY,
    SAMPLERS,
    SHARED,
    SPLITS,
    UNKNOWN_MS,
    BadRow,
    Context,
    check_choice,
    check_rating,
    check_shared,
    check_triplet,
)
from triplets import spreadsheets

__all__ = ["GOLD", "KINDS", "ORDINARY", "SAMPLERS", "SHARED", "SPLITS", "UNKNOWN_MS", "Judgements",
           "JudgementsRefused", "content_sha256", "read_judgements"]  # fmt: skip

_COLUMNS = {
    "triplet": ("reference", "first", "second", "chosen", "worker"),
    "rating": ("stimulus", "attribute", "rating", "worker"),
    "choice": ("item", "worker", "label"),
}
_CHECKS = {"triplet": check_triplet, "rating": check_rating, "choice": check_choice}
_OPTIONAL = ("rt_ms", "kind", "split", "expected", "tolerance")
_NUMBERS = {"rt_ms", "rating", "expected", "tolerance"}  # `expected` names a stimulus or a label in other kinds
_EVERY = 10_000
_LONGEST_LINE = 2**20  # bytes: a packed file must not grow to one line that fills the memory
_MOST_UNPACKED = 4 * 2**30
_MOST_PROBLEMS = 10_000


class JudgementsRefused(ValueError):
    """Nothing was taken from the file. problems : (line, reason) for every bad row."""

    def __init__(self, message: str, problems: list[tuple[int, str]] | None = None):
        super().__init__(message)
        self.problems = problems or []


@dataclass(frozen=True)
class Judgements:
    """n rows of a file as arrays of length n, in the order of the file.

    reference : int rows of the stimuli that were given to `read_judgements`; for a rating the stimulus
    left, right : the candidates (triplets)      chose_left : bool      expected_left : int8, -1 unknown
    attribute : int rows of `attributes`         rating, expected_rating, tolerance : float (ratings)
    label, expected_label : int rows of the options that were given (labels), -1 unknown
    worker : int rows of `workers`               response_ms : int32, UNKNOWN_MS where blank
    role : ORDINARY, SHARED or GOLD              sampler, split : int rows of SAMPLERS and SPLITS ("" not given)
    line : where the row ends in the file
    """

    line: np.ndarray
    reference: np.ndarray
    left: np.ndarray
    right: np.ndarray
    chose_left: np.ndarray
    expected_left: np.ndarray
    attribute: np.ndarray
    rating: np.ndarray
    expected_rating: np.ndarray
    tolerance: np.ndarray
    label: np.ndarray
    expected_label: np.ndarray
    worker: np.ndarray
    response_ms: np.ndarray
    role: np.ndarray
    sampler: np.ndarray
    split: np.ndarray
    workers: tuple[str, ...]
    attributes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.line)


# The narrowest types that hold what may come: what a row weighs is what an import of a million rows needs.
_TYPES = {"line": "I", "reference": "i", "worker": "i", "response_ms": "i", "role": "b", "sampler": "b", "split": "b"}
_OWN_TYPES = {
    "triplet": {"left": "i", "right": "i", "chose_left": "b", "expected_left": "b"},
    "rating": {"attribute": "i", "rating": "d", "expected_rating": "d", "tolerance": "d"},
    "choice": {"label": "h", "expected_label": "h"},
}
_DEFAULTS = {
    "left": -1, "right": -1, "chose_left": False, "expected_left": -1, "attribute": -1,
    "rating": math.nan, "expected_rating": math.nan, "tolerance": math.nan,
    "label": -1, "expected_label": -1,
}  # fmt: skip


def read_judgements(
    path,
    kind: str,
    stimuli: dict[str, int],
    *,
    attributes: tuple[str, ...] = (),
    options: tuple[str, ...] = (),
    scale: tuple[float, float] = (1, 9),
    max_worker_length: int = 120,
    progress: Callable[[int], None] | None = None,
) -> Judgements:
    """Read a CSV (or .csv.gz) of judgements: 29 bytes of memory a row of triplets, 47 of ratings, 23 of labels.

    kind : "triplet", "rating" or "choice". stimuli : key -> row. attributes : what may be rated, anything if empty.
    options : what may be chosen. scale : lowest and highest rating. progress : called with the number of rows so far.
    JudgementsRefused lists every bad row, with its line and the reason; then no row is returned.
    """
    if kind not in _COLUMNS:
        raise ValueError(f"kind is {kind!r}: expected triplet, rating or choice")
    columns = {name: array(code) for name, code in (_TYPES | _OWN_TYPES[kind]).items()}
    workers, named = {}, {name: row for row, name in enumerate(attributes)}
    problems, n_rows = [], 0
    check = _CHECKS[kind]
    context = Context(stimuli, named, bool(attributes), {name: row for row, name in enumerate(options)}, *scale)
    for line, row in _rows(Path(path), _COLUMNS[kind]):
        n_rows += 1
        if progress and n_rows % _EVERY == 0:
            progress(n_rows)
        try:
            if isinstance(row, str):
                raise BadRow(row)
            values = _DEFAULTS | {"line": line} | check_shared(row, workers, max_worker_length)
            values |= check(row, values["role"], context)
        except BadRow as error:
            problems.append((line, str(error)))
            if len(problems) >= _MOST_PROBLEMS:
                break
            continue
        for name, column in columns.items():
            column.append(values[name])
    if not problems and not n_rows:
        raise JudgementsRefused(f"{path} holds no judgement, only a header")
    if not problems:
        problems = _contradictions(columns, kind)
    if problems:
        raise JudgementsRefused(
            f"{len(problems):,} of {n_rows:,} rows of {path} are bad, the first on line {problems[0][0]} "
            f"({problems[0][1]}); nothing was imported",
            problems,
        )
    # What other kinds of study ask is one number, seen n times.
    arrays = {name: np.broadcast_to(np.array(value), n_rows) for name, value in _DEFAULTS.items()}
    arrays |= {name: np.frombuffer(column, dtype=column.typecode) for name, column in columns.items()}
    arrays["chose_left"] = arrays["chose_left"].view(bool)
    return Judgements(**arrays, workers=tuple(workers), attributes=tuple(named))


def content_sha256(path) -> str:
    """Return the SHA-256 of the file's bytes, unpacked where it ends in .gz."""
    with _open_binary(Path(path)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# Details ----------------------------------------------------------------------------------------


@contextmanager
def _open_binary(path: Path):
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            yield file
    except (OSError, EOFError) as error:
        raise JudgementsRefused(f"{path} cannot be read ({error})") from error


def _rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict | str]]:
    """Yield (line, fields by name), or (line, what is wrong with its form)."""
    with _open_binary(path) as binary:
        if salmon.is_json(binary.peek(64)):
            try:
                yield from salmon.numbered_rows(binary)
            except ValueError as error:
                raise JudgementsRefused(f"{path} is no JSON export of Salmon's ({error})") from error
            return
        try:
            form = spreadsheets.recognise(binary.peek(spreadsheets.BEGINNING))
        except spreadsheets.NoTable as error:
            raise JudgementsRefused(f"{path} {error}") from error
        reader = spreadsheets.open_rows(_text_lines(spreadsheets.in_utf8(binary, form), path), form)
        known = (*required, *_OPTIONAL)
        try:
            header = [spreadsheets.spelt(name, known) for name in next(reader, [])]
            if "item" in required and "item" not in header:  # it may say what an item is
                header = ["item" if name == "stimulus" else name for name in header]
            missing = [name for name in required if name not in header]
            is_salmon = bool(missing) and "chosen" in required and salmon.is_export(header)
            if missing and not is_salmon:
                raise JudgementsRefused(
                    f"{path} lacks the columns {', '.join(missing)}: expected {', '.join(required)} "
                    f"and perhaps {', '.join(_OPTIONAL)}; found {', '.join(header) or 'nothing'}"
                )
            wanted = {name: header.index(name) for name in known if name in header}
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    yield reader.line_num, f"{len(fields)} fields, expected {len(header)} as in the header"
                elif is_salmon:
                    yield reader.line_num, salmon.translate(dict(zip(header, fields, strict=True)))
                else:
                    row = {name: fields[place].strip() for name, place in wanted.items()}
                    if form.has_decimal_commas:
                        numbers = (_NUMBERS if "rating" in required else {"rt_ms"}) & row.keys()
                        row |= {name: spreadsheets.plain_number(row[name], form) for name in numbers}
                    yield reader.line_num, row
        except csv.Error as error:
            raise JudgementsRefused(f"{path} is no CSV from line {reader.line_num} on ({error})") from error


def _text_lines(binary, path: Path) -> Iterator[str]:
    n_bytes = 0
    for number, content in enumerate(iter(lambda: binary.readline(_LONGEST_LINE + 1), b""), start=1):
        n_bytes += len(content)
        if len(content) > _LONGEST_LINE:
            raise JudgementsRefused(f"{path} has more than {_LONGEST_LINE:,} bytes on line {number}")
        if n_bytes > _MOST_UNPACKED:
            raise JudgementsRefused(f"{path} has more than {_MOST_UNPACKED:,} bytes when it is unpacked")
        try:
            yield content.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise JudgementsRefused(
                f"{path} is not UTF-8 on line {number} ({error.reason}): {spreadsheets.SAVE_AS}"
            ) from error


def _contradictions(columns: dict, kind: str) -> list[tuple[int, str]]:
    """Return the check rows that expect something else than an earlier row for the same question."""
    told, problems = {}, []
    gold = np.flatnonzero(np.frombuffer(columns["role"], dtype="b") == GOLD).tolist()
    for row in gold:
        if kind == "triplet":
            left, right, is_left = (columns[name][row] for name in ("left", "right", "expected_left"))
            question = (columns["reference"][row], min(left, right), max(left, right))
            says = left if is_left else right
        elif kind == "choice":
            question, says = columns["reference"][row], columns["expected_label"][row]
        else:
            question = (columns["reference"][row], columns["attribute"][row])
            says = (columns["expected_rating"][row], columns["tolerance"][row])
        line = columns["line"][row]
        earlier, where = told.setdefault(question, (says, line))
        if earlier != says:
            problems.append((line, f"the check question expects something else than on line {where}"))
    return problems
