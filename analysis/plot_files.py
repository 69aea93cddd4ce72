"""Drawings as files: SVG in the page's colours or its own, PNG by Pillow, and CSV of what is shown."""

import csv
import io
import itertools
import math
import re
import textwrap
from dataclasses import replace
from html import escape

from PIL import Image, ImageColor, ImageDraw

from analysis import lettering
from analysis.drawing import Drawing, Mark, Stroke, Words, plain
from analysis.drawing.sheet import CHARACTER

#: The page's colours on paper: the :root variables of report.css, which a test holds to these.
LIGHT = {
    "paper": "#fcfbf8", "ink": "#1d1c1a", "muted": "#6b665f", "grid": "#ebe6dd", "band": "rgba(29, 28, 26, 0.07)",
    "faint": "#cfc9be", "accent": "#0d6470", "second": "#b4651a", "third": "#7b5ea7", "fourth": "#8d877d",
    "from": "#dcd3bf", "to": "#0d4f6e",
    "class0": "#6e6a64", "class1": "#c23b3b", "class2": "#5c8a1e", "class3": "#7b5ea7", "class4": "#d08a00",
    "class5": "#2c6fb3", "class6": "#0f9488", "class7": "#c2508f", "class8": "#8a5a2b", "class9": "#3b3f8f",
}  # fmt: skip
PNG_SCALE = 2
#: Letters of the line under a figure that says what stands for names, in px.
NOTE_SIZE = 10.0


def svg(drawing: Drawing, *, colours: dict[str, str] | None = None, title: str = "", attributes: str = "") -> str:
    """Return a drawing as SVG.

    colours : {name: colour} to write; None refers to the page's CSS variables, so that it follows light and dark.
    title : the text alternative      attributes : further attributes of the svg element, our own text
    """
    parts = [_svg_item(item, colours) for item in drawing.items]
    said = f"<title>{escape(title)}</title>" if title else ""
    ground = "" if colours is None else f'<rect width="100%" height="100%" fill="{colours["paper"]}"/>'
    family = 'font-family="sans-serif"' if colours is not None else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {drawing.height:g}" {family} '
        f"{attributes}>{said}{ground}{''.join(parts)}</svg>"
    )


def png(drawing: Drawing, *, colours: dict[str, str] | None = None, scale: int = PNG_SCALE) -> bytes:
    """Return a drawing as PNG, scale px for one of the drawing, smoothed by drawing it twice as large.

    Names in letters that no font has are numbers, and a line below says so (`lettering`).
    """
    drawing = _lettered(drawing)
    colours, zoom = colours or LIGHT, 2 * scale
    size = (round(drawing.width * zoom), round(drawing.height * zoom))
    sheet = Image.new("RGB", size, colours["paper"])
    pen = ImageDraw.Draw(sheet, "RGBA")
    for item in drawing.items:
        _png_item(pen, sheet, item, colours, zoom)
    small = sheet.resize((size[0] // 2, size[1] // 2), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def csv_of(figure: dict) -> str:
    """Return the points of a figure as CSV: trace, x, y, and the ends of the interval where there is one."""
    rows, out = [], io.StringIO()
    for trace in figure["data"]:
        name = plain(trace.get("name", ""))
        if trace.get("type") == "heatmap":
            z = trace["z"]
            xs, ys = trace.get("x") or list(range(len(z[0]))), trace.get("y") or list(range(len(z)))
            rows += [
                (name, a, b, v, "", "") for b, row in zip(ys, z, strict=True) for a, v in zip(xs, row, strict=True)
            ]
            continue
        n = len(trace.get("y") or trace.get("x") or [])
        xs, ys = trace.get("x") or list(range(n)), trace.get("y") or list(range(n))
        for k, (a, b) in enumerate(zip(xs, ys, strict=False)):
            if a is None or b is None:
                continue
            low, high = _interval(trace, k, a, b)
            rows.append((name, a, b, "", low, high))
    has_value = any(row[3] != "" for row in rows)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["trace", "x", "y", *(["value"] if has_value else []), "low", "high"])
    writer.writerows([*row[:3], *([row[3]] if has_value else []), *row[4:]] for row in rows)
    return out.getvalue()


def _interval(trace, k, a, b):
    for letter, value in (("y", b), ("x", a)):
        error = trace.get(f"error_{letter}") or {}
        more, less = error.get("array"), error.get("arrayminus") or error.get("array")
        if more and k < len(more) and None not in (more[k], less[k], value):
            return value - less[k], value + more[k]
    return "", ""


# SVG -----------------------------------------------------------------------------------------------


def _named(colour: str, colours) -> str:
    if not colour.startswith("@"):
        return colour
    heat = re.fullmatch(r"@heat(\d+)", colour)
    if heat:
        share = int(heat.group(1)) / 10
        if colours is None:
            return f"color-mix(in srgb, var(--plot-to) {100 * share:g}%, var(--plot-from))"
        return _mixed(colours["from"], colours["to"], share)
    return f"var(--plot-{colour[1:]})" if colours is None else colours.get(colour[1:], colours["accent"])


def _mixed(first: str, second: str, share: float) -> str:
    a, b = ImageColor.getrgb(first)[:3], ImageColor.getrgb(second)[:3]
    return "#" + "".join(f"{round(p + (q - p) * share):02x}" for p, q in zip(a, b, strict=True))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg_item(item, colours) -> str:
    said = f"<title>{escape(item.title)}</title>" if getattr(item, "title", "") else ""
    if isinstance(item, Stroke):
        path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in item.points) + ("Z" if item.fill else "")
        dash = f' stroke-dasharray="{" ".join(_n(d) for d in item.dash)}"' if item.dash else ""
        line = f' stroke="{_named(item.colour, colours)}" stroke-width="{_n(item.width)}"{dash}' if item.colour else ""
        fill = _named(item.fill, colours) if item.fill else "none"
        return f'<path d="{path}" fill="{fill}"{line}>{said}</path>'
    if isinstance(item, Mark):
        fill = f'fill="{_named(item.colour, colours)}"'
        fill += f' fill-opacity="{item.opacity:g}"' if item.opacity < 1 else ""
        if item.symbol == "circle":
            return f'<circle cx="{_n(item.x)}" cy="{_n(item.y)}" r="{_n(item.r)}" {fill}>{said}</circle>'
        path = "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in corners(item)) + "Z"
        return f'<path d="{path}" {fill}>{said}</path>'
    turn = f' transform="rotate(-90 {_n(item.x)} {_n(item.y)})"' if item.is_turned else ""
    return (
        f'<text x="{_n(item.x)}" y="{_n(item.y)}" font-size="{_n(item.size)}" text-anchor="{item.anchor}" '
        f'fill="{_named(item.colour, colours)}"{turn}>{escape(item.text)}</text>'
    )


#: Short lines across a point, level and upright: half their width and height in radii.
BARS = {"line-ew-open": (1.0, 0.15), "line-ns-open": (0.15, 1.0)}


def corners(mark: Mark) -> list[tuple[float, float]]:
    """Return the corners of a symbol that is no circle."""
    x, y, r = mark.x, mark.y, mark.r
    if mark.symbol in ("cross", "x"):
        t = r * 0.36
        plus = [
            (-t, -r),
            (t, -r),
            (t, -t),
            (r, -t),
            (r, t),
            (t, t),
            (t, r),
            (-t, r),
            (-t, t),
            (-r, t),
            (-r, -t),
            (-t, -t),
        ]
        turn = math.pi / 4 if mark.symbol == "x" else 0.0
        c, s = math.cos(turn), math.sin(turn)
        return [(x + a * c - b * s, y + a * s + b * c) for a, b in plus]
    if mark.symbol in BARS:
        wide, high = BARS[mark.symbol]
        return [(x + a * wide * r, y + b * high * r) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    if mark.symbol == "star":
        return [(x + q * math.sin(k * math.pi / 5), y - q * math.cos(k * math.pi / 5))
                for k, q in enumerate([1.2 * r, 0.5 * r] * 5)]  # fmt: skip
    sides, start, scale = {"square": (4, math.pi / 4, 1.25), "diamond": (4, 0.0, 1.25), "triangle-up": (3, 0.0, 1.25),
                           "triangle-down": (3, math.pi, 1.25), "pentagon": (5, 0.0, 1.1),
                           "hexagon": (6, 0.0, 1.05)}.get(mark.symbol, (4, 0.0, 1.2))  # fmt: skip
    angles = [start + 2 * math.pi * k / sides for k in range(sides)]
    return [(x + scale * r * math.sin(a), y - scale * r * math.cos(a)) for a in angles]


# PNG -----------------------------------------------------------------------------------------------


def _rgba(colour: str, colours, opacity=1.0) -> tuple[int, int, int, int]:
    name = _named(colour, colours)
    found = re.fullmatch(r"rgba\(([^)]*)\)", name)
    if found:
        *rgb, alpha = (float(part) for part in found.group(1).split(","))
        return (*(int(v) for v in rgb), round(255 * alpha * opacity))
    return (*ImageColor.getrgb(name)[:3], round(255 * opacity))


def _png_item(pen, sheet, item, colours, zoom) -> None:
    if isinstance(item, Stroke):
        points = [(x * zoom, y * zoom) for x, y in item.points]
        if item.fill and len(points) > 2:
            pen.polygon(points, fill=_rgba(item.fill, colours))
        if item.colour and item.width:
            ends = [*points, points[0]] if item.fill else points
            for part in _dashed(ends, [d * zoom for d in item.dash]):
                pen.line(part, fill=_rgba(item.colour, colours), width=max(1, round(item.width * zoom)), joint="curve")
    elif isinstance(item, Mark) and item.colour != "none":
        fill, (x, y, r) = _rgba(item.colour, colours, item.opacity), (item.x * zoom, item.y * zoom, item.r * zoom)
        if item.symbol == "circle":
            pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        else:
            pen.polygon([(a * zoom, b * zoom) for a, b in corners(item)], fill=fill)
    elif isinstance(item, Words) and item.text:
        _write(pen, sheet, item, colours, zoom)


def _lettered(drawing: Drawing) -> Drawing:
    """Return a drawing that can be written with the fonts there are, one line longer where numbers stand for names."""
    stand_ins = lettering.missing(item.text for item in drawing.items if isinstance(item, Words))
    if not stand_ins:
        return drawing
    items = [
        replace(item, text=lettering.replaced(item.text, stand_ins)) if isinstance(item, Words) else item
        for item in drawing.items
    ]
    fit = max(20, int((drawing.width - 16) / (CHARACTER * NOTE_SIZE)))
    lines = textwrap.wrap(lettering.told(stand_ins), fit)
    items += [Words(8, drawing.height + 14 * k + 8, line, NOTE_SIZE) for k, line in enumerate(lines)]
    return Drawing(drawing.width, drawing.height + 14 * len(lines) + 2, tuple(items))


def _write(pen, sheet, item: Words, colours, zoom) -> None:
    size, fill = item.size * zoom, _rgba(item.colour, colours)
    if {path for _, path in lettering.parts(item.text)} != {lettering.files()[0]}:
        _write_strip(sheet, item, size, fill, zoom)
        return
    font = lettering.font(lettering.files()[0], size)
    anchor = {"start": "l", "middle": "m", "end": "r"}[item.anchor]
    if not item.is_turned:
        pen.text((item.x * zoom, item.y * zoom), item.text, fill=fill, font=font, anchor=f"{anchor}s")
        return
    left, top, right, bottom = font.getbbox(item.text)
    strip = Image.new("RGBA", (int(right - left) + 4, int(bottom - top) + 4), (0, 0, 0, 0))
    ImageDraw.Draw(strip).text((2 - left, 2 - top), item.text, fill=fill, font=font)
    turned = strip.rotate(90, expand=True)
    sheet.paste(turned, (round(item.x * zoom - turned.width * 0.8), round(item.y * zoom - turned.height / 2)), turned)


def _write_strip(sheet, item: Words, size: float, fill, zoom) -> None:
    """Write a line that takes more than one font."""
    strip, margin = lettering.strip(item.text, size, fill)
    x, y = item.x * zoom, item.y * zoom
    if item.is_turned:
        strip = strip.rotate(90, expand=True)
        place = (round(x - 0.8 * strip.width), round(y - strip.height / 2))
    else:
        left = margin + {"start": 0.0, "middle": 0.5, "end": 1.0}[item.anchor] * (strip.width - 2 * margin)
        place = (round(x - left), round(y - lettering.baseline(size)))
    sheet.paste(strip, place, strip)


def _dashed(points, dash):
    """Yield the pieces of a line that are drawn."""
    if not dash:
        yield points
        return
    left, at, is_drawn = dash[0], 0, True
    for (a, b), (c, d) in itertools.pairwise(points):
        length, done = math.hypot(c - a, d - b), 0.0
        while done < length:
            step = min(left, length - done)
            if is_drawn:
                yield [(a + (c - a) * t / length, b + (d - b) * t / length) for t in (done, done + step)]
            done, left = done + step, left - step
            if left <= 1e-9:
                at, is_drawn = at + 1, not is_drawn
                left = dash[at % len(dash)]
