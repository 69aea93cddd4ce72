"""Everything that a report can be taken home as: numbers, tables, figures, cards, page, one by one or as one zip."""

import io
import zipfile
from collections.abc import Iterable, Iterator

from analysis import cards, drawing, figures, plot_files, tables

KINDS = {
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".md": "text/markdown; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
#: The date of every file in a zip, so that the same results give the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)


class FileUnknown(LookupError):
    """A report has no file of that name."""


def names(results: dict, *, with_figures: bool = True) -> list[str]:
    """Return the names of all files in the order a reader wants them. Whether a figure can be drawn costs time."""
    drawable = _drawable(results) if with_figures else ()
    shown = [f"figure-{name}.{kind}" for name in drawable for kind in ("svg", "png", "csv")]
    made = [f"{name}.csv" for name, rows in tables.all_tables(results).items() if rows]
    return ["results.json", *made, *shown, *(f"{card.name}.md" for card in cards.cards(results))]


def content(results: dict, name: str) -> bytes:
    """Return one file. FileUnknown for a name that `names` does not list."""
    if name == "results.json":
        return (tables.as_json(tables.numbers(results)) + "\n").encode()
    stem, _, kind = name.rpartition(".")
    if kind == "md":
        for card in cards.cards(results):
            if card.name == stem:
                return card.markdown().encode()
    elif stem.startswith("figure-") and kind in ("svg", "png", "csv"):
        figure = _drawable(results).get(stem.removeprefix("figure-"))
        if figure is not None:
            return _figure(figure, kind, stem.removeprefix("figure-"))
    elif kind == "csv" and (rows := tables.all_tables(results).get(stem)):
        return tables.as_csv(rows).encode()
    raise FileUnknown(f"the report has no file {name!r}")


def members(results: dict) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of every file."""
    for name in names(results):
        yield name, content(results, name)


def zipped(results: dict, more: dict[str, bytes]) -> bytes:
    """Return all files as one zip, `more` (the page) first; the same results give the same bytes."""
    return packed((*more.items(), *members(results)))


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return files as one zip; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, date_time=EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _drawable(results: dict) -> dict[str, dict]:
    made = {}
    for name, figure in figures.all_figures(results).items():
        try:
            drawing.drawing(figure)
        except drawing.NotDrawable:
            continue
        made[name] = figure
    return made


def _figure(figure: dict, kind: str, title: str) -> bytes:
    if kind == "csv":
        return plot_files.csv_of(figure).encode()
    sheet = drawing.drawing(figure)
    if kind == "svg":
        return plot_files.svg(sheet, colours=plot_files.LIGHT, title=title).encode()
    return plot_files.png(sheet)
