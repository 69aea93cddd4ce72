"""Maps of a space as few SVG paths: every point of a colour in one path, some faces at their places. No script draws.

A point is a line of no length with round ends, "M12,34h0": thousands are one element of a page, and print as they are.
"""

import base64
import io
import math

import numpy as np
from PIL import Image

WIDTH, HEIGHT, MARGIN = 1000.0, 760.0, 60.0
#: How a map of three dimensions is turned, as `space.js` first shows it, and how many depths are told apart.
ANGLES, N_DEPTHS, PERSPECTIVE = (0.5, 0.35), 3, 0.22
N_FACES, FACE, FACE_PIXELS = 22, 84, 56
#: More names than this repeat colours; a number is told in so many steps.
MAX_NAMES, N_STEPS = 20, 6


def drawn(one: dict, codes: list[int], shown=()) -> dict:
    """Return a map of `analysis.maps` as paths, ready for JSON and for the template.

    codes : (n,) colour of each point, -1 unknown; shown : numbers of the points whose faces are drawn, 2-D only.
    {"id", "method", "n_dims", "trustworthiness", "settings", "explained", "layers": [{"code", "depth", "d"}],
    "faces": [{"at", "x", "y"}]}: layers from far (depth 0) to near, points in a sheet of WIDTH x HEIGHT.
    """
    points = np.asarray(one["points"], float)
    x, y, depth = _turned(points) if one["n_dims"] == 3 else _flat(points)
    levels = np.clip(((depth + 1) / 2 * N_DEPTHS).astype(int), 0, N_DEPTHS - 1)
    codes = np.asarray(codes, int)
    layers = []
    for level in range(N_DEPTHS) if one["n_dims"] == 3 else (N_DEPTHS - 1,):
        for code in sorted(set(codes.tolist())):
            at = (
                np.flatnonzero((codes == code) & (levels == level))
                if one["n_dims"] == 3
                else np.flatnonzero(codes == code)
            )
            if len(at):
                path = "".join(f"M{x[k]:.0f},{y[k]:.0f}h0" for k in at)
                layers.append({"code": int(code), "depth": int(level), "d": path})
    kept = ("id", "method", "n_dims", "trustworthiness", "settings", "explained")
    faces = [{"at": int(k), "x": round(float(x[k]), 1), "y": round(float(y[k]), 1)} for k in shown]
    return {key: one[key] for key in kept} | {"layers": layers, "faces": faces if one["n_dims"] == 2 else []}


def spread_out(points, among, n: int = N_FACES) -> list[int]:
    """Return numbers of at most n points far from one another, the farthest from all chosen before one by one.

    among : (m,) numbers of those that may be chosen. The first is the one nearest to the middle; none lies so near
    to another that faces of FACE a side would lie upon each other.
    """
    x, y, _ = _flat(np.asarray(points, float))
    places, among = np.column_stack([x, y]), np.asarray(among, int)
    if not len(among):
        return []
    here = places[among]
    chosen = [int(np.linalg.norm(here - here.mean(0), axis=1).argmin())]
    distance = np.abs(here - here[chosen[0]]).max(axis=1)
    while len(chosen) < n and distance.max() > 1.1 * FACE:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(here - here[chosen[-1]]).max(axis=1))
    return among[chosen].tolist()


def coloured(colours: list[dict], wanted: str = "") -> dict | None:
    """Return what points are coloured by: classes, else the wanted amount, else whatever tells most points apart.

    colours : as `maps.colours`. {"name", "kind", "codes" (n,), "legend": [{"code", "name"}]}; None where there is none.
    """
    usable = [c for c in colours if c["kind"] == "number" or len(c["names"]) <= MAX_NAMES]
    order = ("class", wanted)
    one = next((c for name in order for c in usable if c["name"] == name), None)
    one = one or next((c for c in usable if c["name"] not in ("split", "subject", "neutral face")), None)
    if one is None:
        return None
    if one["kind"] == "category":
        legend = [{"code": k, "name": name} for k, name in enumerate(one["names"])]
        return {"name": one["name"], "kind": "category", "codes": list(one["codes"]), "legend": legend}
    values = np.array([math.nan if v is None else v for v in one["values"]], float)
    ends = np.nanquantile(values, np.linspace(0, 1, N_STEPS + 1))
    codes = np.where(np.isnan(values), -1, np.clip(np.searchsorted(ends, values, side="right") - 1, 0, N_STEPS - 1))
    legend = [{"code": k, "name": f"{ends[k]:.3g} to {ends[k + 1]:.3g}"} for k in range(N_STEPS)]
    return {"name": one["name"], "kind": "number", "codes": codes.tolist(), "legend": legend}


def tiles(sheets: dict, wanted) -> dict[str, str]:
    """Return {number as text: data address} of some tiles of `sheets.contact_sheets` that hold a picture."""
    opened: dict[int, Image.Image] = {}
    made = {}
    for number in wanted:
        place = sheets["place"][number]
        if place < 0:
            continue
        sheet, tile = divmod(place, sheets["n_each"])
        if sheet not in opened:
            content = base64.b64decode(sheets["sheets"][sheet].partition(",")[2])
            opened[sheet] = Image.open(io.BytesIO(content)).convert("RGB")
        row, column = divmod(tile, sheets["columns"])
        size = sheets["pixels"]
        one = opened[sheet].crop((column * size, row * size, (column + 1) * size, (row + 1) * size))
        buffer = io.BytesIO()
        one.resize((FACE_PIXELS, FACE_PIXELS), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=76, optimize=True)
        made[str(number)] = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return made


# Details ----------------------------------------------------------------------------------------


def _flat(points: np.ndarray):
    """Return x, y on the sheet, y downwards, each axis filling it, and no depth."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    share = (points[:, :2] - low) / np.where(high > low, high - low, 1)
    share = np.where(high > low, share, 0.5)
    x = MARGIN + share[:, 0] * (WIDTH - 2 * MARGIN)
    y = HEIGHT - MARGIN - share[:, 1] * (HEIGHT - 2 * MARGIN)
    return x, y, np.ones(len(points))


def _turned(points: np.ndarray):
    """Return x, y and depth (-1 far to 1 near) of (n, 3) points seen from the side, nearer ones larger apart."""
    centre = (points.min(0) + points.max(0)) / 2
    x, y, z = (points - centre).T
    radius = max(float(np.linalg.norm(points - centre, axis=1).max()), 1e-9)
    (ca, sa), (cb, sb) = ((math.cos(a), math.sin(a)) for a in ANGLES)
    right, back = x * ca + z * sa, z * ca - x * sa
    up, away = y * cb - back * sb, back * cb + y * sb
    near = 1 / (1 + PERSPECTIVE * away / radius)
    seen = np.column_stack([right * near, -up * near])
    middle, size = (seen.max(0) + seen.min(0)) / 2, np.maximum(seen.max(0) - seen.min(0), 1e-9)
    # One scale for both axes, as large as the sheet allows.
    x, y = ((seen - middle) * min((WIDTH - 2 * MARGIN) / size[0], (HEIGHT - 2 * MARGIN) / size[1])).T
    return WIDTH / 2 + x, HEIGHT / 2 + y, -away / radius
