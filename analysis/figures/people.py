"""The people who judged: a map of what each of them goes by, and what an embedding holds of each of them."""

import math
from collections.abc import Callable

from analysis.figures.frame import framed
from analysis.wording import criterion


def criteria(results: dict) -> dict | None:
    """Return the people by the two criteria that they differ in most, each with intervals, and the usual person."""
    found = results.get("criteria") or {}
    if len(found.get("columns", ())) < 2:
        return None
    people, columns = found["people"], found["columns"][:2]
    few = len(people) < 60
    across, up = ([person["by"][c] for person in people] for c in range(2))
    words = "".join(
        f"same {criterion(column['name'])}: %{{customdata[{2 + c}]}}<br>" for c, column in enumerate(found["columns"])
    )
    each = {
        "type": "scatter",
        "mode": "markers",
        "name": "a person",
        "x": [by["value"] for by in across],
        "y": [by["value"] for by in up],
        "error_x": _reach(across, few),
        "error_y": _reach(up, few),
        "marker": {"color": "@accent", "size": 10 if few else 6},
        "customdata": [[p["annotator"], p["n"], *(_said(by) for by in p["by"])] for p in people],
        "hovertemplate": f"<b>%{{customdata[0]}}</b><br>{words}%{{customdata[1]:,}} responses<extra></extra>",
    }
    usual = {
        "type": "scatter",
        "mode": "markers",
        "name": "the usual person",
        "x": [columns[0]["value"]],
        "y": [columns[1]["value"]],
        "marker": {"color": "@ink", "size": 13, "symbol": "diamond"},
        "hovertemplate": "the usual person: %{x:.0%}, %{y:.0%}<extra></extra>",
    }
    layout = framed(height=420, xaxis=_axis(columns[0], across), yaxis=_axis(columns[1], up))
    line = {"color": "@muted", "width": 1.4, "dash": "dot"}
    shape = {"type": "line", "layer": "below", "line": line}
    layout["shapes"] = [
        shape | {"x0": 0.5, "x1": 0.5, "y0": 0, "y1": 1, "yref": "paper"},
        shape | {"y0": 0.5, "y1": 0.5, "x0": 0, "x1": 1, "xref": "paper"},
    ]
    return {"data": [each, usual], "layout": layout}


#: Multiples that the axis names, and how far it goes.
TICKS, _EDGE = ((1 / 4, "¼"), (1 / 2, "½"), (1, "1"), (2, "2"), (4, "4")), 6.0
#: px of a band, by the number of people in it.
_BAND = (46, 130)


def individuals(results: dict) -> dict | None:
    """Return a band a dimension, the consistency and the habits: each person's multiple of the usual, with interval.

    Within a band people stand from the least to the most, so that it is narrow where they are alike.
    """
    found = results.get("individuals") or {}
    if "people" not in found:
        return None
    people, bands = found["people"], bands_of(found)
    few = len(people) < 60
    shown = [[of(person) for person in people] for _, of in bands]
    x, y, more, less, said = [], [], [], [], []
    for number, estimates in enumerate(shown):
        order = sorted(range(len(people)), key=lambda k: estimates[k]["value"])
        for place, k in enumerate(order):
            e = estimates[k]
            low, high = max(e["low"], 1 / _EDGE), min(e["high"], _EDGE)
            value = min(max(e["value"], 1 / _EDGE), _EDGE)
            x.append(value)
            y.append(len(bands) - 1 - number + 0.36 - 0.72 * (place + 0.5) / len(people))
            more.append(max(0.0, high - value))
            less.append(max(0.0, value - low))
            said.append(
                [people[k]["annotator"], bands[number][0], *(f"{e[key]:.2f}" for key in ("value", "low", "high"))]
            )
    trace = {
        "type": "scatter", "mode": "markers", "name": "a person", "showlegend": False, "x": x, "y": y,
        "customdata": said,
        "marker": {"color": "@accent", "size": 6 if few else 4},
        "error_x": {"type": "data", "symmetric": False, "array": more, "arrayminus": less, "width": 0,
                    "thickness": 1.2 if few else 0.5, "color": "@accent" if few else "@muted"},
        "hovertemplate": "<b>%{customdata[0]}</b>, %{customdata[1]}<br>%{customdata[2]} [%{customdata[3]}, "
        "%{customdata[4]}]<extra></extra>",
    }  # fmt: skip
    height = min(max(int(3.6 * len(people)), _BAND[0]), _BAND[1]) * len(bands) + 90
    values, texts = zip(*TICKS, strict=True)
    edge = math.log10(_EDGE)
    layout = framed(
        height=height,
        xaxis={"type": "log", "range": [-edge, edge], "tickvals": list(values), "ticktext": list(texts),
               "title": {"text": "multiple of the usual"}, "zeroline": False, "fixedrange": True},
        yaxis={"tickvals": list(range(len(bands)))[::-1], "ticktext": [name for name, _ in bands], "showgrid": False,
               "range": [-0.6, len(bands) - 0.4], "zeroline": False, "fixedrange": True},
    )  # fmt: skip
    line = {"type": "line", "layer": "below", "line": {"color": "@muted", "width": 1.4, "dash": "dot"}}
    layout["shapes"] = [line | {"x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper"}]
    layout["shapes"] += [
        {"type": "line", "layer": "below", "line": {"color": "@grid", "width": 1}, "xref": "paper", "x0": 0, "x1": 1,
         "y0": at + 0.5, "y1": at + 0.5}
        for at in range(len(bands) - 1)
    ]  # fmt: skip
    return {"data": [trace], "layout": layout}


def bands_of(found: dict) -> list[tuple[str, Callable]]:
    """Return (words, what gives it of a person) of everything that is held of people: dimensions first."""
    made = [
        (dimension_name(k, dimension), lambda person, k=k: person["weights"][k])
        for k, dimension in enumerate(found["dimensions"])
    ]
    further = (("consistency", "consistency"), ("left", "the left side"), ("same_side", "the same side again"))
    known = [(key, words) for key, words in further if found["people"][0][key]]
    return made + [(words, lambda person, key=key: person[key]) for key, words in known]


def dimension_name(k: int, dimension: dict) -> str:
    """Return what a dimension is called: its number and what it tells apart.

    >>> dimension_name(0, {"told_by": [{"name": "class_label", "share": 0.8}]})
    '1: expression'
    """
    told = " and ".join(criterion(of["name"]).replace("_", " ") for of in dimension["told_by"])
    return f"{k + 1}: {told}" if told else f"dimension {k + 1}"


def _reach(estimates: list[dict], few: bool) -> dict:
    return {
        "type": "data", "symmetric": False, "width": 0, "thickness": 1 if few else 0.4, "color": "@muted",
        "array": [e["high"] - e["value"] for e in estimates],
        "arrayminus": [e["value"] - e["low"] for e in estimates],
    }  # fmt: skip


def _axis(column: dict, estimates: list[dict]) -> dict:
    low, high = min([0.5, *(e["low"] for e in estimates)]), max([0.5, *(e["high"] for e in estimates)])
    return {
        "title": {"text": f"chooses the same {criterion(column['name'])}"}, "tickformat": ".0%", "zeroline": False,
        "fixedrange": True, "range": [max(0, low - 0.03), min(1.02, high + 0.03)],
    }  # fmt: skip


def _said(estimate: dict) -> str:
    return "{value:.0%} [{low:.0%}, {high:.0%}]".format(**estimate)
