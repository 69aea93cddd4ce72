"""Many small pictures as few: contact sheets, so that a page with thousands of faces holds ten images."""

import base64
import io

from PIL import Image, ImageOps

from analysis.projection import opened
from triplets.archive import Release

N_COLUMNS = 25
N_EACH = 500
PIXELS = 64
QUALITY = 60


def contact_sheets(release: Release, rows, *, pixels=PIXELS, progress=None) -> dict:
    """Return the pictures of some rows of a release on a few sheets, ready for JSON; {} where it holds none.

    {"pixels", "columns", "n_each", "sheets": [data address of a JPEG, ...], "place": [...]}: the picture of rows[k]
    is tile place[k] % n_each of sheet place[k] // n_each, tiles in rows of `columns`; place is -1 where there is
    none. A picture is cut to the square in its middle.
    """
    place, sheets, tiles = [], [], []
    for done, row in enumerate(rows, start=1):
        if str(release.stimuli.picture[row]):
            place.append(len(sheets) * N_EACH + len(tiles))
            tiles.append(tile(release.picture_bytes(int(row)), pixels))
        else:
            place.append(-1)
        if len(tiles) == N_EACH or (tiles and done == len(rows)):
            sheets.append(_sheet(tiles, pixels))
            tiles = []
        if progress is not None:
            progress(done, len(rows))
    if tiles:
        sheets.append(_sheet(tiles, pixels))
    if not sheets:
        return {}
    return {"pixels": pixels, "columns": N_COLUMNS, "n_each": N_EACH, "sheets": sheets, "place": place}


def tile(content: bytes, pixels: int) -> Image.Image:
    """Return the square in the middle of a picture, pixels x pixels. ValueError where the bytes are no picture."""
    return ImageOps.fit(opened(content, pixels), (pixels, pixels), Image.Resampling.LANCZOS, centering=(0.5, 0.4))


def _sheet(tiles: list[Image.Image], pixels: int) -> str:
    columns = min(N_COLUMNS, len(tiles))
    sheet = Image.new("RGB", (columns * pixels, -(-len(tiles) // N_COLUMNS) * pixels), (128, 128, 128))
    for k, small in enumerate(tiles):
        sheet.paste(small, (k % N_COLUMNS * pixels, k // N_COLUMNS * pixels))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
