import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from analysis import sheets


def release(colours):
    """A release of squares of one colour; None has no picture."""

    def picture_bytes(row):
        buffer = io.BytesIO()
        Image.new("RGB", (120, 80), colours[row]).save(buffer, "PNG")
        return buffer.getvalue()

    names = np.array(["" if colour is None else "images/x.png" for colour in colours])
    return SimpleNamespace(stimuli=SimpleNamespace(picture=names), picture_bytes=picture_bytes)


def pixel(made, k):
    """The colour in the middle of face k, found as `space.js` finds it."""
    at = made["place"][k]
    content = base64.b64decode(made["sheets"][at // made["n_each"]].partition(",")[2])
    tile, size = at % made["n_each"], made["pixels"]
    x, y = tile % made["columns"] * size + size // 2, tile // made["columns"] * size + size // 2
    return Image.open(io.BytesIO(content)).getpixel((x, y))


def test_every_face_is_found_on_its_sheet(monkeypatch):
    monkeypatch.setattr(sheets, "N_EACH", 4)
    monkeypatch.setattr(sheets, "N_COLUMNS", 3)
    colours = [(250, 0, 0), (0, 250, 0), None, (0, 0, 250), (250, 250, 0), (0, 250, 250)]
    made = sheets.contact_sheets(release(colours), range(6), pixels=16)
    assert made["place"] == [0, 1, -1, 2, 3, 4] and len(made["sheets"]) == 2
    for k, colour in enumerate(colours):
        if colour:
            assert pixel(made, k) == pytest.approx(colour, abs=12)


def test_without_pictures_there_is_no_sheet():
    assert sheets.contact_sheets(release([None, None]), [0, 1]) == {}
