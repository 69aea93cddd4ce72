"""Traces of a figure as items on its sheet: points and lines with their intervals, bars, cells."""

import re

from analysis.drawing.axes import Axis
from analysis.drawing.naming import Box, names
from analysis.drawing.sheet import DASHES, Frame, Mark, Stroke, colour_in, each, plain

MAX_TOUCHED = 150
"""A line of at most so many points says its values under the pointer."""


def trace_items(trace: dict, x: Axis, y: Axis, frame: Frame, bars: list) -> list:
    kind = trace.get("type", "scatter")
    if kind == "bar":
        return _bars(trace, x, y, frame, [t for t in bars if t.get("xaxis") == trace.get("xaxis")
                                          and t.get("yaxis") == trace.get("yaxis")])  # fmt: skip
    if kind == "heatmap":
        return _cells(trace, x, y, frame)
    n = len(trace.get("y") or trace.get("x") or [])
    xs, ys = trace.get("x") or list(range(n)), trace.get("y") or list(range(n))
    places = [(frame.x(x, a), frame.y(y, b)) for a, b in zip(xs, ys, strict=False)]
    mode, items, marker = trace.get("mode", "lines+markers"), [], trace.get("marker") or {}
    line = trace.get("line") or {}
    if "lines" in mode:
        colour = colour_in(line.get("color") or marker.get("color"))
        dash, width = DASHES.get(line.get("dash", ""), ()), float(line.get("width", 2))
        run: list = []
        for place in [*places, (None, None)]:
            if None not in place:
                run.append(place)
            elif run:
                items.append(Stroke(tuple(run), colour, width, dash))
                run = []
        if trace.get("fill") in ("toself", "tonexty", "tozeroy") and trace.get("fillcolor"):
            whole = tuple(p for p in places if None not in p)
            if trace["fill"] == "tozeroy" and whole:
                base = frame.y(y, 0)
                whole = (*whole, (whole[-1][0], base), (whole[0][0], base)) if base is not None else whole
            if trace["fill"] != "tonexty":
                items.insert(0, Stroke(whole, "", 0, fill=colour_in(trace["fillcolor"])))
        if "markers" not in mode and n <= MAX_TOUCHED:
            said = [_said(trace, k, xs[k], ys[k], x, y) for k in range(n)]
            items += [
                Mark(*p, 7, "circle", "none", title=t) for p, t in zip(places, said, strict=True) if t and None not in p
            ]
    for letter in "xy":
        items += _errors(trace, letter, xs, ys, x, y, frame)
    if "markers" in mode:
        for k, (px, py) in enumerate(places):
            if px is None or py is None:
                continue
            size = float(each(marker.get("size"), k, 6))
            symbol = str(each(marker.get("symbol"), k, "circle"))
            opacity, said = float(each(marker.get("opacity"), k, 1.0)), _said(trace, k, xs[k], ys[k], x, y)
            items.append(Mark(px, py, size / 2, symbol, colour_in(marker.get("color"), k), opacity, said))
    if "text" in mode:
        shown = [k for k, place in enumerate(places) if None not in place]
        (left, right), (bottom, top) = frame.span(x, "x"), frame.span(y, "y")
        texts = [plain(each(trace.get("text"), k, "")) for k in shown]
        items += names([places[k] for k in shown], texts, Box(left, top, right, bottom))
    return items


def _said(trace, k, a, b, x: Axis, y: Axis) -> str:
    if trace.get("hoverinfo") == "skip":
        return ""
    if template := trace.get("hovertemplate"):
        return _filled(
            template, {"x": a, "y": b, "text": each(trace.get("text"), k, "")}, each(trace.get("customdata"), k, None)
        )
    said = ", ".join(v if isinstance(v, str) else one.text(v) for v, one in ((a, x), (b, y)) if v is not None)
    return ": ".join(filter(None, (plain(trace.get("name", "")), said)))


def _filled(template: str, values: dict, custom) -> str:
    """Return plotly's hover text of one point: %{x:.1%} and %{customdata[0]:,} filled in, one line for each <br>."""
    values = values | {f"customdata[{i}]": v for i, v in enumerate(custom if isinstance(custom, list) else [custom])}
    values["customdata"] = custom

    def fill(found):
        value, form = values.get(found.group(1)), (found.group(2) or "").replace("~", "")
        try:
            return format(value, form).replace("-", "\u2212") if isinstance(value, int | float) else str(value)
        except ValueError:
            return str(value)

    text = re.sub(r"<extra>.*?</extra>", "", template)
    text = re.sub(r"%\{([^:}]+)(?::([^}]*))?\}", fill, text)
    return "\n".join(plain(part) for part in text.split("<br>"))


def _errors(trace, letter, xs, ys, x: Axis, y: Axis, frame: Frame) -> list:
    error = trace.get(f"error_{letter}")
    if not error or error.get("visible") is False or "array" not in error:
        return []
    items, less = [], error.get("arrayminus") or error["array"]
    width, colour = float(error.get("thickness", 2)), colour_in(error.get("color"))
    for k, (a, b) in enumerate(zip(xs, ys, strict=False)):
        more, down = each(error["array"], k, None), each(less, k, None)
        if None in (a, b, more, down):
            continue
        ends = [(a, b - down), (a, b + more)] if letter == "y" else [(a - down, b), (a + more, b)]
        places = tuple((frame.x(x, p), frame.y(y, q)) for p, q in ends)
        if all(None not in place for place in places):
            items.append(Stroke(tuple(_inside(place, letter, x, y, frame) for place in places), colour, width))
    return items


def _inside(place, letter: str, x: Axis, y: Axis, frame: Frame) -> tuple[float, float]:
    """Return the end of an interval, no further out than its axis goes: it would run over the words beside it."""
    low, high = sorted(frame.span(x if letter == "x" else y, letter))
    across, up = place
    return (min(max(across, low), high), up) if letter == "x" else (across, min(max(up, low), high))


def _bars(trace, x: Axis, y: Axis, frame: Frame, beside: list) -> list:
    is_level = trace.get("orientation") == "h"
    amounts, places = (trace["x"], trace.get("y")) if is_level else (trace["y"], trace.get("x"))
    places = places if places is not None else list(range(len(amounts)))
    one, along = (y, x) if is_level else (x, y)
    unit = (len(one.names) or len(set(places))) or 1
    start, end = frame.span(one, "y" if is_level else "x")
    room = abs(end - start) / unit * 0.76
    wide, number = room / max(1, len(beside)), beside.index(trace)
    items = []
    for k, (at, amount) in enumerate(zip(places, amounts, strict=False)):
        centre = (frame.y if is_level else frame.x)(one, at)
        base, top = ((frame.x if is_level else frame.y)(along, v) for v in (0, amount))
        if base is None:  # a logarithmic axis has no zero
            base = frame.span(along, "x" if is_level else "y")[0]
        if centre is None or top is None:
            continue
        a = centre - room / 2 + number * wide
        b = a + wide * (0.94 if len(beside) > 1 else 1)
        corners = ((base, a), (top, a), (top, b), (base, b)) if is_level else ((a, base), (a, top), (b, top), (b, base))
        colour = colour_in((trace.get("marker") or {}).get("color"), k)
        said = _said(trace, k, *((amount, at) if is_level else (at, amount)), x, y)
        items.append(Stroke(corners, "", 0, fill=colour, title=said))
    middle = list(places)
    shift = {"x": amounts, "y": middle} if is_level else {"x": middle, "y": amounts}
    return items + _errors(trace | shift, "x" if is_level else "y", shift["x"], shift["y"], x, y, frame)


def _cells(trace, x: Axis, y: Axis, frame: Frame) -> list:
    z = trace["z"]
    xs, ys = trace.get("x") or list(range(len(z[0]))), trace.get("y") or list(range(len(z)))
    known = [v for row in z for v in row if v is not None]
    low = trace.get("zmin", min(known, default=0))
    span = (trace.get("zmax", max(known, default=1)) - low) or 1
    (left, right), (bottom, top) = frame.span(x, "x"), frame.span(y, "y")
    wide, high = abs(right - left) / max(1, len(xs)), abs(top - bottom) / max(1, len(ys))
    items = []
    for row, b in zip(z, ys, strict=True):
        for value, a in zip(row, xs, strict=True):
            px, py = frame.x(x, a), frame.y(y, b)
            if value is None or px is None or py is None:
                continue
            box = ((px - wide / 2, py - high / 2), (px + wide / 2, py - high / 2),
                   (px + wide / 2, py + high / 2), (px - wide / 2, py + high / 2))  # fmt: skip
            share = max(0.0, min(1.0, (value - low) / span))
            items.append(Stroke(box, "@paper", 1, fill=f"@heat{round(10 * share)}", title=f"{a}, {b}: {value:.4g}"))
    return items
