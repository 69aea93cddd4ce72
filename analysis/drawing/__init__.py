"""Figures as lines, marks and words at places on a sheet, for files and for pages before any script has run.

`figures` describes plots in plotly's JSON, which a browser draws. Here the same JSON becomes an SVG or a PNG
without one: scatter (lines, markers, intervals), bar and heatmap traces, line and rect shapes, annotations.
A figure with anything else is refused with NotDrawable, and is left to the browser.
"""

from analysis.drawing import around
from analysis.drawing.clipping import clipped
from analysis.drawing.naming import Box
from analysis.drawing.sheet import PLAIN, Drawing, Mark, NotDrawable, Stroke, Words, plain
from analysis.drawing.traces import trace_items


def drawing(figure: dict, width: float = 900.0) -> Drawing:
    """Return a plotly figure in plain dictionaries as a drawing. NotDrawable quotes what it cannot draw."""
    traces, layout = figure["data"], figure.get("layout", {})
    for trace in traces:
        if trace.get("type", "scatter") not in PLAIN:
            raise NotDrawable(f"a trace of type {trace.get('type')!r}: expected one of {', '.join(PLAIN)}")
    height = float(layout.get("height", 420))
    axes = {name: around.axis_of(name, traces, layout) for name in around.axis_names(traces, layout)}
    legend = around.legend(traces, layout, width)
    frame = around.frame_of(axes, width, height, legend)
    items: list = []
    for name, one in axes.items():
        items += around.axis_items(name, one, axes, frame)
    whole = Box(frame.left, frame.top, frame.right, frame.bottom)
    items += clipped(around.shape_items(layout.get("shapes", []), axes, frame), whole)
    bars = [t for t in traces if t.get("type") == "bar"]
    for trace in traces:
        x, y = (axes[around.long_name(trace.get(f"{a}axis", a))] for a in "xy")
        (left, right), (bottom, top) = frame.span(x, "x"), frame.span(y, "y")
        items += clipped(trace_items(trace, x, y, frame, bars), Box(left, top, right, bottom))
    items += around.note_items(layout.get("annotations", []), axes, frame)
    return Drawing(width, height, (*items, *around.legend_items(legend, frame)))


__all__ = ["Drawing", "Mark", "NotDrawable", "Stroke", "Words", "drawing", "plain"]
