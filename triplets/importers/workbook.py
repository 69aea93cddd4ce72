"""The cells of an Excel workbook (`.xlsx`) as text, row by row: a zip of XML, read without running anything in it.

Only what a table of numbers and names needs: shared and inline texts, numbers, one sheet. Declarations of document
types, by which XML can be made to swell, are refused before anything is parsed.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

MAX_BYTES = 500_000_000  # of one unpacked part; the largest published table has a tenth
MAX_COLUMNS = 16_384
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ELEMENT = re.compile(rb"<[A-Za-z]")
_PLACE = re.compile(r"([A-Z]{1,3})(\d+)")


class WorkbookUnreadable(ValueError):
    """The file is no workbook with a readable sheet."""


def sheet_names(path: Path) -> list[str]:
    """Return the names of the sheets in their order, at least one."""
    with _archive(path) as archive:
        return list(_sheets(archive))


def sheet_rows(path: Path, preferred: str = "") -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, cells) of the sheet with the preferred name, else of the first; "" for an empty cell."""
    with _archive(path) as archive:
        texts = list(_texts(archive))
        for number, row in _rows(archive, _sheet(archive, preferred)):
            yield number, _cells(row, texts)


# Details ----------------------------------------------------------------------------------------


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except WorkbookUnreadable:
        raise
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, IndexError, EOFError, ValueError) as error:
        raise WorkbookUnreadable(f"is no Excel workbook ({error})") from error


def _opened(archive: zipfile.ZipFile, name: str):
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise WorkbookUnreadable(f"unpacks to more than {MAX_BYTES:,} bytes")
    with archive.open(name) as file:
        beginning = file.read(4096)
    # What stands before the first element is all that could declare one; UTF-16 would hide it behind zero bytes.
    if b"<!" in beginning or b"\0" in beginning or not _ELEMENT.search(beginning):
        raise WorkbookUnreadable(f"{name} declares a document type or begins oddly: expected plain cells")
    return archive.open(name)


def _sheets(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return {name: where it is linked} of every sheet."""
    with _opened(archive, "xl/workbook.xml") as file:
        sheets = {it.get("name"): it.get(_LINK) for it in ElementTree.parse(file).iter(_MAIN + "sheet")}  # noqa: S314
    if not sheets:
        raise WorkbookUnreadable("holds no sheet")
    return sheets


def _sheet(archive: zipfile.ZipFile, preferred: str) -> str:
    sheets = _sheets(archive)
    with _opened(archive, "xl/_rels/workbook.xml.rels") as file:
        targets = {it.get("Id"): it.get("Target") for it in ElementTree.parse(file).getroot()}  # noqa: S314
    target = targets[sheets.get(preferred) or next(iter(sheets.values()))]
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _texts(archive: zipfile.ZipFile) -> Iterator[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return
    with _opened(archive, "xl/sharedStrings.xml") as file:
        for _, element in ElementTree.iterparse(file):  # noqa: S314
            if element.tag == _MAIN + "si":
                yield "".join(text.text or "" for text in element.iter(_MAIN + "t"))
                element.clear()


def _rows(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[int, ElementTree.Element]]:
    with _opened(archive, name) as file:
        number = 0
        for _, element in ElementTree.iterparse(file):  # noqa: S314
            if element.tag == _MAIN + "row":
                number = int(element.get("r") or number + 1)
                yield number, element
                element.clear()


def _cells(row, texts: list[str]) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(_MAIN + "c"):
        found = _PLACE.fullmatch(cell.get("r") or "")
        column = _column(found[1]) if found else len(cells)
        if not len(cells) <= column < MAX_COLUMNS:
            raise WorkbookUnreadable(f"cell {cell.get('r')!r} stands where it cannot")
        cells += [""] * (column - len(cells))
        value = cell.findtext(_MAIN + "v") or ""
        if cell.get("t") == "s":
            value = texts[int(value)]
        elif cell.get("t") == "inlineStr":
            value = "".join(text.text or "" for text in cell.iter(_MAIN + "t"))
        cells.append(value)
    return cells


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
