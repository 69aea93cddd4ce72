"""The CSV that describes stimuli, row by row, with every mistake found rather than the first.

    file | stimulus     the key: a picture's path below the folder of pictures, or a name where there is no picture
    subject             the person in the picture
    class_label         or `expression`, or `class`
    degree, is_neutral  a number; 1 or 0
    split               train, validation or test, the same for all rows of a subject
    AU...               action units, numbers: AU1, AU12, AU6_r
    attribute_...       rated attributes, numbers: attribute_happy
    anything else       kept as text

With a header, in whatever form `triplets.spreadsheets` reads: commas, semicolons or tabs, `Is neutral` for
`is_neutral`, decimal commas where they do not separate cells. An empty cell is an unknown value, a row of empty cells
is passed over.
"""

import csv
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from triplets import spreadsheets

SPLITS = ("train", "validation", "test")
ROLES = {
    "subject": ("subject",),
    "class_label": ("class_label", "expression", "class"),
    "degree": ("degree",),
    "is_neutral": ("is_neutral",),
    "split": ("split",),
}
KEYS = ("file", "stimulus")
TRUTHS = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False, "wahr": True, "falsch": False}
ACTION_UNIT = re.compile(r"AU\d")
ATTRIBUTE = "attribute_"
_KNOWN = (*KEYS, *(alias for aliases in ROLES.values() for alias in aliases))
MAX_LENGTH = {"file": 200, "stimulus": 200, "subject": 120, "class_label": 80}


class ManifestUnreadable(ValueError):
    """The file as a whole cannot be read as a manifest."""


@dataclass(frozen=True)
class Problem:
    """What is wrong at one line; `str()` is the sentence for the researcher."""

    line: int
    reason: str
    key: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


@dataclass(frozen=True)
class ManifestRow:
    """One stimulus. `file` is "" where the manifest names no pictures; None and "" are unknown values."""

    line: int
    key: str
    file: str = ""
    subject: str = ""
    class_label: str = ""
    degree: float | None = None
    is_neutral: bool | None = None
    split: str = ""
    action_units: dict[str, float] = field(default_factory=dict)
    attributes: dict[str, float] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Return the SHA-256 of what the row says, wherever it stands in the file."""
        said = {name: value for name, value in asdict(self).items() if name != "line"}
        return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True)
class Header:
    """Which column plays which role; `names` are all columns, in order, and `form` is how the file was written."""

    names: tuple[str, ...]
    key: str
    roles: dict[str, str]
    form: spreadsheets.Form

    @property
    def has_split(self) -> bool:
        return "split" in self.roles

    @property
    def has_subject(self) -> bool:
        return "subject" in self.roles

    @property
    def kept_as_text(self) -> tuple[str, ...]:
        """The columns that say nothing to us: somebody may have meant more by one of them."""
        return tuple(name for name in self.names if name and name not in self.roles.values() and not _is_number(name))


def read_header(path: Path, columns: Mapping[str, str] | None = None) -> Header:
    """Return the roles of the columns. `columns` maps a role (file, stimulus, subject, class_label ...) to a column.

    ManifestUnreadable where the key is missing, a name stands twice or a wanted column does not exist.
    """
    try:
        form = spreadsheets.recognise_file(path)
    except OSError as error:
        raise ManifestUnreadable(f"the manifest {path} cannot be opened: {error.strerror}") from error
    except spreadsheets.NoTable as error:
        raise ManifestUnreadable(f"{path} {error}") from error
    with _opened(path, form) as reader:
        try:
            names = tuple(spreadsheets.spelt(name, _KNOWN) for name in next(reader, ()))
        except UnicodeDecodeError as error:
            raise ManifestUnreadable(f"{path} {spreadsheets.not_utf8(error)}") from error
        except csv.Error as error:
            raise ManifestUnreadable(f"the header of {path} is no CSV: {error}") from error
    if not any(names):
        raise ManifestUnreadable(f"{path} is empty: expected a CSV with a header line")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ManifestUnreadable(f"{path} has the column {twice[0]!r} twice: expected every column once")
    columns = {
        role: name if name in names else spreadsheets.spelt(name, _KNOWN) for role, name in (columns or {}).items()
    }
    for role, name in columns.items():
        if role not in (*ROLES, *KEYS):
            raise ManifestUnreadable(f"{role!r} is no role of a column: expected one of {', '.join((*KEYS, *ROLES))}")
        if name not in names:
            raise ManifestUnreadable(f"{path} has no column {name!r} to take as {role}: it has {', '.join(names)}")
    roles = {}
    for role, aliases in ROLES.items():
        found = [columns[role]] if role in columns else [alias for alias in aliases if alias in names]
        if found:
            roles[role] = found[0]
    for kind in KEYS:
        if kind in columns or (kind in names and not set(KEYS) & set(columns)):
            roles[kind] = columns.get(kind, kind)
            return Header(names, kind, roles, form)
    raise ManifestUnreadable(
        f"{path} has neither a column 'file' nor 'stimulus': it has {', '.join(names)}. Expected the name of each "
        "picture in a column 'file'"
    )


def read_manifest(path: Path, header: Header) -> Iterator[ManifestRow | Problem]:
    """Yield every row, or every problem of a row that has some, in the order of the file and one at a time.

    ManifestUnreadable where the rest of the file cannot be read at all.
    """
    with _opened(path, header.form) as reader:
        next(reader)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                raise ManifestUnreadable(f"{path} {spreadsheets.not_utf8(error)}") from error
            except csv.Error as error:
                raise ManifestUnreadable(f"{path} is no CSV near line {line}: {error}") from error
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header.names):
                yield Problem(line, f"{len(cells)} cells, expected {len(header.names)} as in the header")
                continue
            yield from _read_row(line, dict(zip(header.names, (cell.strip() for cell in cells), strict=True)), header)


# Details ----------------------------------------------------------------------------------------


def _is_number(column: str) -> bool:
    return bool(ACTION_UNIT.match(column)) or (column.startswith(ATTRIBUTE) and column != ATTRIBUTE)


class _opened:
    """A CSV reader over a file that is closed again; its next row is the header."""

    def __init__(self, path: Path, form: spreadsheets.Form):
        self.path, self.form = Path(path), form

    def __enter__(self):
        self.file = open(self.path, encoding=self.form.encoding, newline="")
        return spreadsheets.open_rows(self.file, self.form)

    def __exit__(self, *_):
        self.file.close()


def _read_row(line: int, cells: dict[str, str], header: Header) -> Iterator[ManifestRow | Problem]:
    row = _Cells(cells, header)
    action_units, attributes, extra = {}, {}, {}
    for name, cell in cells.items():
        if name in header.roles.values() or not cell:
            continue
        if ACTION_UNIT.match(name):
            action_units[name] = row.number(name)
        elif name.startswith(ATTRIBUTE) and name != ATTRIBUTE:
            attributes[name.removeprefix(ATTRIBUTE)] = row.number(name)
        elif name:
            extra[name] = cell
    key, subject, split, class_label = row.text(header.key), row.text("subject"), row.split(), row.text("class_label")
    read = ManifestRow(
        line=line,
        key=key,
        file=key if header.key == "file" else "",
        subject=subject,
        class_label=class_label,
        degree=row.number(header.roles["degree"]) if "degree" in header.roles else None,
        is_neutral=row.is_neutral() if "is_neutral" in header.roles else _inferred_neutral(class_label),
        split=split,
        action_units=action_units,
        attributes=attributes,
        extra=extra,
    )
    if not key:
        row.reasons.append(f"{header.roles[header.key]} is empty: expected the name of the stimulus")
    if split and not subject:
        row.reasons.append(f"split {split!r} without a subject: a split is made by subject")
    if any("\x00" in cell for cell in cells.values()):
        row.reasons.append("a cell holds a zero byte: expected text")
    if not row.reasons:
        yield read
    for reason in row.reasons:
        yield Problem(line, reason, key)


def _inferred_neutral(class_label: str) -> bool | None:
    return class_label.casefold() == "neutral" if class_label else None


class _Cells:
    """The cells of one row, read by role; what cannot be read becomes a reason and an unknown value."""

    def __init__(self, cells: dict[str, str], header: Header):
        self.cells, self.roles, self.form, self.reasons = cells, header.roles, header.form, []

    def text(self, role: str) -> str:
        value = self.cells[self.roles[role]] if role in self.roles else ""
        longest = MAX_LENGTH.get(role)
        if longest and len(value) > longest:
            self.reasons.append(f"{self.roles[role]} {value[:40]!r}...: expected at most {longest} characters")
        return value

    def number(self, name: str) -> float | None:
        if not self.cells[name]:
            return None
        try:
            value = float(spreadsheets.plain_number(self.cells[name], self.form))
        except ValueError:
            value = math.nan
        if math.isfinite(value):
            return value
        self.reasons.append(f"{name} {self.cells[name]!r}: expected a number or nothing")
        return None

    def split(self) -> str:
        value = self.text("split").casefold()
        return value if value in SPLITS else self._not_one_of("split", SPLITS)

    def is_neutral(self) -> bool | None:
        value = TRUTHS.get(self.text("is_neutral").casefold())
        if value is None:
            self._not_one_of("is_neutral", ("1", "0"))
        return value

    def _not_one_of(self, role: str, allowed: tuple[str, ...]) -> str:
        if value := self.text(role):
            self.reasons.append(f"{self.roles[role]} {value!r}: expected {', '.join(allowed)} or nothing")
        return ""
