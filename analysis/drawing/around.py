"""What stands around the traces of a figure: axes with ticks and titles, shapes, notes, the legend."""

import math
import re

from analysis.drawing.axes import Axis, axis
from analysis.drawing.sheet import (
    DASHES,
    LINE,
    Frame,
    Mark,
    NotDrawable,
    Stroke,
    Words,
    colour_in,
    each,
    lines_of,
    plain,
    width_of,
)


def long_name(name: str) -> str:
    return f"{name[0]}axis{name[1:]}"


def axis_names(traces, layout) -> list[str]:
    used = {long_name(trace.get(f"{a}axis", a)) for trace in traces for a in "xy"}
    return sorted(used | {"xaxis", "yaxis"}) if traces else sorted(n for n in layout if re.match(r"[xy]axis\d*$", n))


def axis_of(name: str, traces, layout) -> Axis:
    letter, values, has_zero, pads = name[0], [], False, False
    for trace in traces:
        if long_name(trace.get(f"{letter}axis", letter)) != name:
            continue
        known = trace.get(letter)
        if known is None and trace.get("type") == "heatmap":
            known = list(range(len(trace["z"] if letter == "y" else trace["z"][0])))
        values += list(known if known is not None else range(len(trace.get("y") or trace.get("x") or [])))
        along = "x" if trace.get("orientation") == "h" else "y"
        has_zero |= trace.get("type") == "bar" and letter == along
        pads |= trace.get("type", "scatter") == "scatter" and "markers" in trace.get("mode", "lines+markers")
        error = trace.get(f"error_{letter}") or {}
        for sign, part in ((1, "array"), (-1, "arrayminus" if "arrayminus" in error else "array")):
            values += [
                v + sign * e for v, e in zip(known or [], error.get(part) or [], strict=False) if None not in (v, e)
            ]
    made = dict(layout.get(name, {}))
    is_heat = any(t.get("type") == "heatmap" for t in traces)
    if is_heat and "type" not in made and any(isinstance(v, str) for v in values):
        made["type"] = "category"
    if is_heat and not any(isinstance(v, str) for v in values) and "range" not in made and values:
        made["range"] = [min(values) - 0.5, max(values) + 0.5]
        if made.get("autorange") == "reversed":
            made["range"].reverse()
    if made.get("visible") is False:
        made["showticklabels"] = False
    return axis(made, values, pads=pads or has_zero or letter == "y", has_zero=has_zero)


def _title(one: Axis) -> str:
    title = one.layout.get("title") or ""
    return str(title.get("text", "") if isinstance(title, dict) else title)


def frame_of(axes: dict[str, Axis], width: float, height: float, legend: list) -> Frame:
    vertical = [one for name, one in axes.items() if name[0] == "y"]
    level = [one for name, one in axes.items() if name[0] == "x"]
    left = max([0.0, *(width_of(text) for one in vertical for _, text in one.ticks())]) + 16
    left += LINE if any(_title(one) for one in vertical) else 0
    lines = max([1, *(len(lines_of(text)) for one in level for _, text in one.ticks())])
    below = lines * LINE + 8 + (LINE if any(_title(one) for one in level) else 0)
    tall = (max(row for *_, row in legend) + 1) * 22 + 4 if legend else 0
    left = min(left, width * 0.42)
    # The words of the last tick stand half beyond it.
    beyond = [width_of(text) / 2 - (1 - share) * (width - left) for one in level for share, text in one.ticks()]
    return Frame(left, 14, width - max([14.0, *beyond]), height - below - tall, height - tall)


def axis_items(name: str, one: Axis, axes, frame: Frame) -> list:
    letter, items = name[0], []
    other = one.layout.get("anchor") or ("y" if letter == "x" else "x") + name[5:]
    across = axes.get(long_name(other)) or axes["yaxis" if letter == "x" else "xaxis"]
    start, end = frame.span(across, "y" if letter == "x" else "x")
    low, high = frame.span(one, letter)
    shows_grid = one.layout.get("showgrid", True) and one.layout.get("visible") is not False
    ticks = one.ticks()
    if letter == "x" and one.names:  # as many names of categories as have room beside one another
        widest = max([0.0, *(width_of(text) for _, text in ticks)]) + 4
        ticks = ticks[:: max(1, math.ceil(len(ticks) * widest / max(abs(high - low), 1.0)))]
    for share, text in ticks:
        at = low + (high - low) * share
        if letter == "x":
            if shows_grid:
                items.append(Stroke(((at, start), (at, end)), "@grid"))
            items += [Words(at, start + 16 + k * LINE, part, anchor="middle") for k, part in enumerate(lines_of(text))]
        else:
            if shows_grid:
                items.append(Stroke(((start, at), (end, at)), "@grid"))
            parts = lines_of(text)
            items += [
                Words(start - 8, at + 4 + (k - (len(parts) - 1) / 2) * LINE, part, anchor="end")
                for k, part in enumerate(parts)
            ]
    if title := _title(one):
        lines = max([1, *(len(lines_of(text)) for _, text in one.ticks())])
        if letter == "x":
            items.append(Words((low + high) / 2, start + 14 + (lines + 0.2) * LINE, plain(title), anchor="middle"))
        else:
            items.append(Words(13, (low + high) / 2, plain(title), anchor="middle", is_turned=True))
    return items


def _at(frame: Frame, axes, letter: str, shape: dict, value):
    ref = shape.get(f"{letter}ref", letter)
    if ref == "paper":
        start, end = (frame.left, frame.right) if letter == "x" else (frame.bottom, frame.top)
        return start + (end - start) * value
    name, _, rest = ref.partition(" ")
    one = axes.get(long_name(name)) or axes[f"{letter}axis"]
    if rest == "domain":
        start, end = frame.span(one, letter)
        return start + (end - start) * value
    return (frame.x if letter == "x" else frame.y)(one, value)


def shape_items(shapes, axes, frame: Frame) -> list:
    items = []
    for shape in shapes:
        ends = [_at(frame, axes, letter, shape, shape[f"{letter}{k}"]) for letter, k in ("x0", "y0", "x1", "y1")]
        if shape["type"] not in ("line", "rect"):
            raise NotDrawable(f"a shape of type {shape['type']!r}: expected line or rect")
        if None in ends:
            continue
        a, b, c, d = ends
        line = shape.get("line") or {}
        width = float(line.get("width", 2))
        look = {"colour": colour_in(line.get("color"), fallback="@muted") if width else "", "width": width}
        dash = DASHES.get(line.get("dash", ""), ())
        if shape["type"] == "line":
            items.append(Stroke(((a, b), (c, d)), dash=dash, **look))
        else:
            fill = colour_in(shape.get("fillcolor"), fallback="")
            items.append(Stroke(((a, b), (c, b), (c, d), (a, d)), fill=fill, **look))
    return items


def note_items(notes, axes, frame: Frame) -> list:
    items = []
    for note in notes:
        x, y = (_at(frame, axes, letter, note, note[letter]) for letter in "xy")
        if x is None or y is None:
            continue
        anchor = {"left": "start", "right": "end"}.get(note.get("xanchor", "center"), "middle")
        colour = colour_in((note.get("font") or {}).get("color"), fallback="@ink")
        size = float((note.get("font") or {}).get("size", 12))
        lower = {"bottom": -4, "top": size}.get(note.get("yanchor", "middle"), 4)
        parts = lines_of(note.get("text", ""))
        items += [Words(x, y + lower + k * LINE, p.strip(), size, colour, anchor) for k, p in enumerate(parts)]
    return items


def legend(traces, layout, width: float) -> list[tuple[dict, float, int]]:
    """Return (trace, x, row) of every entry, rows filled from the left."""
    named = [t for t in traces if t.get("name") and t.get("showlegend", True) is not False]
    if layout.get("showlegend") is False or (len(named) < 2 and not layout.get("showlegend")):
        return []
    entries, x, row = [], 12.0, 0
    for trace in named:
        wide = 42 + width_of(plain(trace["name"]), 12.5)
        if x + wide > width - 8 and x > 12:
            x, row = 12.0, row + 1
        entries.append((trace, x, row))
        x += wide
    return entries


def legend_items(legend, frame: Frame) -> list:
    items = []
    for trace, x, row in legend:
        y = frame.legend_top + 12 + 22 * row
        marker, line = trace.get("marker") or {}, trace.get("line") or {}
        if trace.get("type") == "bar":
            box = ((x + 4, y - 6), (x + 18, y - 6), (x + 18, y + 6), (x + 4, y + 6))
            items.append(Stroke(box, fill=colour_in(marker.get("color"))))
        else:
            mode = trace.get("mode", "lines+markers")
            if "lines" in mode:
                dash = DASHES.get(line.get("dash", ""), ())
                items.append(
                    Stroke(((x, y), (x + 22, y)), colour_in(line.get("color")), float(line.get("width", 2)), dash)
                )
            if "markers" in mode:
                size = min(12.0, float(each(marker.get("size"), 0, 6)))
                symbol = str(each(marker.get("symbol"), 0, "circle"))
                items.append(Mark(x + 11, y, size / 2, symbol, colour_in(marker.get("color"))))
        items.append(Words(x + 28, y + 4.5, plain(trace["name"]), 12.5, "@ink"))
    return items
