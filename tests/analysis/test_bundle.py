"""What a reader takes home."""

import csv
import io
import json
import zipfile

import pytest

from analysis import bundle, figures


def test_every_file_that_is_listed_is_there_and_is_what_its_name_says(measured):
    names = bundle.names(measured)
    assert {"results.json", "satisfied.csv", "maps.csv", "figure-view.svg", "model-card.md"} <= set(names)
    assert len([n for n in names if n.endswith(".svg")]) == len(figures.all_figures(measured))
    begins = {"svg": b"<svg", "png": b"\x89PNG", "json": b"{", "md": b"# ", "csv": None}
    for name, content in bundle.members(measured):
        start = begins[name.rpartition(".")[2]]
        assert content.startswith(start) if start else len(list(csv.reader(io.StringIO(content.decode())))) > 1
    assert json.loads(bundle.content(measured, "results.json"))["headline"] == measured["headline"]


def test_places_on_maps_are_those_of_the_results(measured):
    rows = list(csv.DictReader(io.StringIO(bundle.content(measured, "maps.csv").decode())))
    shown = measured["projection"]
    assert [row["stimulus"] for row in rows] == shown["key"]
    assert [float(rows[7][f"pca-3-{axis}"]) for axis in "xyz"] == shown["maps"][1]["points"][7]


@pytest.mark.parametrize("name", ["", "nothing.csv", "../settings.py", "figure-nothing.svg", "figure-view.exe", "x.md"])
def test_other_files_there_are_none(measured, name):
    with pytest.raises(bundle.FileUnknown):
        bundle.content(measured, name)


def test_a_zip_of_everything_is_the_same_twice(measured, monkeypatch):
    monkeypatch.setattr(bundle, "names", lambda results: ["results.json", "data-sheet.md"])
    first, again = (bundle.zipped(measured, {"report.html": b"page"}) for _ in range(2))
    assert first == again
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.namelist() == ["report.html", "results.json", "data-sheet.md"]
        assert archive.read("report.html") == b"page"
