"""CSV as the programs of researchers write it: which encoding, which separator, how a column is spelt.

Excel writes semicolons where a comma marks decimals, a byte order mark, or UTF-16 with tabs; a first line `sep=;` names
the separator. All of these are read. What is no text in UTF-8 or UTF-16 is refused with a sentence that says what to
do: bytes of an old code page could be guessed, and would be guessed wrongly in somebody's name.
"""

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SEPARATORS = (",", ";", "\t")
BEGINNING = 1 << 16  # bytes in which a header is looked for
SAVE_AS = "in Excel or LibreOffice, save it as 'CSV UTF-8'"
_SEPARATOR_LINE = re.compile(r"sep=([,;|\t])\s*", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?|[+-]?\d+,", re.IGNORECASE)


class NoTable(ValueError):
    """The file is no table that can be read; the message says what it seems to be and what was expected."""


@dataclass(frozen=True)
class Form:
    """How a table was written.

    encoding : as `open` takes it      separator : one character      n_before : lines above the header
    """

    encoding: str = "utf-8-sig"
    separator: str = ","
    n_before: int = 0

    @property
    def has_decimal_commas(self) -> bool:
        """Only where commas do not separate cells can one stand in a number."""
        return self.separator != ","


def recognise(beginning: bytes) -> Form:
    """Return the form of a table from its first bytes. NoTable where they are a workbook, or UTF-16 without its mark.

    Only the header is looked at: what is no UTF-8 further on is for the reader of the rows to name.
    """
    if beginning.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise NoTable(f"is a workbook or an archive, no text: expected CSV; {SAVE_AS}")
    encoding = "utf-16" if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    text = codecs.getincrementaldecoder(encoding)("replace").decode(beginning[:BEGINNING])
    header = next(iter(text.splitlines()), "")
    if "\x00" in header:
        raise NoTable(f"holds zero bytes in its header, it is no text in UTF-8: expected CSV; {SAVE_AS}")
    if named := _SEPARATOR_LINE.fullmatch(header):
        return Form(encoding, named[1], 1)
    outside_quotes = "".join(header.split('"')[::2])
    counts = [outside_quotes.count(separator) for separator in SEPARATORS]
    return Form(encoding, SEPARATORS[counts.index(max(counts))])


def recognise_file(path: Path) -> Form:
    """As `recognise`. OSError where the file cannot be opened."""
    with open(path, "rb") as file:
        return recognise(file.read(BEGINNING))


def open_rows(file: Iterable[str], form: Form):
    """Return a strict `csv.reader` over lines, whose next row is the header."""
    reader = csv.reader(file, delimiter=form.separator, strict=True)
    for _ in range(form.n_before):
        next(reader)  # not of the file: `line_num` counts them
    return reader


def spelt(name: str, known: Iterable[str]) -> str:
    """Return the known column that a header means, whatever its capitals and blanks; otherwise the name as it stands.

    >>> spelt(" Is neutral", ["is_neutral"]), spelt("Hair Colour", ["is_neutral"])
    ('is_neutral', 'Hair Colour')
    """
    name = name.strip()
    plain = re.sub(r"[\s-]+", "_", name).casefold()
    return next((column for column in known if column == name), None) or next(
        (column for column in known if column.casefold() == plain), name
    )


def plain_number(text: str, form: Form) -> str:
    """Return the text of a number as `float` takes it: `0,5` is one half where cells are not separated by commas."""
    return text.replace(",", ".") if form.has_decimal_commas and _DECIMAL_COMMA.fullmatch(text) else text


def in_utf8(binary, form: Form):
    """Return a binary file in UTF-8, whatever the encoding of the one that is given."""
    return codecs.EncodedFile(binary, "utf-8", "utf-16") if form.encoding == "utf-16" else binary


def not_utf8(error: UnicodeDecodeError) -> str:
    """Return the sentence for bytes that are no UTF-8."""
    return f"is no text in UTF-8 (byte 0x{error.object[error.start]:02x}, {error.reason}): {SAVE_AS}"
