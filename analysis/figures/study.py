"""A study at a glance: every network beside its publication, and how all of them learned."""

import math

from analysis.figures.frame import framed
from analysis.figures.learning import curve_pairs
from learning import terms

N_COLOURS = 10
DASHES = ("solid", "dash", "dot")
#: More curves than these in one plot cannot be told apart.
MANY = 8
#: What the first steps give says nothing, and would press all that follows into one line.
WORST = {"r2": -1.0}


def beside(results: dict, table: dict, figure: str, words: str, *, is_share: bool) -> dict | None:
    """Return one figure of all networks of a table, ours with its interval beside the published one.

    None for fewer than two networks, and where nothing of ours was measured: the table holds what is published.
    """
    known = {part["name"]: part for part in results["parts"]}
    rows = [name for name in table["rows"] if figure in known[name]["figures"] or figure in known[name]["published"]][
        ::-1
    ]
    if len(rows) < 2:
        return None
    ours = [(i, known[name]["figures"].get(figure)) for i, name in enumerate(rows)]
    ours = [(i, of) for i, of in ours if of is not None]
    if not ours:
        return None
    theirs = [(i, known[name]["published"].get(figure)) for i, name in enumerate(rows)]
    theirs = [(i, value) for i, value in theirs if value is not None]
    form = ".1%" if is_share else ".3f"
    traces = []
    if theirs:
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": "published",
                "x": [value for _, value in theirs], "y": [i for i, _ in theirs],
                "marker": {"color": "@second", "size": 9, "symbol": "diamond"},
                "hovertemplate": f"<b>published</b><br>%{{x:{form}}}<extra></extra>",
            }
        )  # fmt: skip
    values = [of["value"] for _, of in ours]
    trace = {
        "type": "scatter", "mode": "markers", "name": "here", "x": values, "y": [i for i, _ in ours],
        "marker": {"color": "@accent", "size": 11, "symbol": "circle"},
        "hovertemplate": f"<b>here</b><br>%{{x:{form}}}<extra></extra>",
    }  # fmt: skip
    more = [None if of["high"] is None else of["high"] - of["value"] for _, of in ours]
    less = [None if of["low"] is None else of["value"] - of["low"] for _, of in ours]
    if any(v is not None for v in more):
        trace["error_x"] = {"type": "data", "symmetric": False, "array": more, "arrayminus": less,
                            "thickness": 2, "width": 0, "color": "@accent"}  # fmt: skip
    traces.append(trace)
    axis = {"title": {"text": words}, "zeroline": False, "fixedrange": True}
    axis |= {"tickformat": ".0%"} if is_share else {}
    layout = framed(
        height=96 + 26 * len(rows),
        xaxis=axis,
        yaxis={
            "tickvals": list(range(len(rows))), "ticktext": rows, "range": [-0.7, len(rows) - 0.3], "showgrid": False,
            "zeroline": False, "fixedrange": True,
        },
    )  # fmt: skip
    return {"data": traces, "layout": layout | {"showlegend": True}}


def facets(results: dict) -> list[dict]:
    """Return [{"title", "names"}]: which networks learn in one picture; many are divided by attribute or table.

    Eighteen lines in one plot tell nothing; networks that are compared with one another share one.
    """
    curved = [part["name"] for part in results["parts"] if len(part["curve"]) > 1]
    if len(curved) <= MANY:
        return [{"title": "", "names": curved}]
    label = {part["name"]: part["labels"].get("attribute") for part in results["parts"]}
    if all(label[name] for name in curved):
        titles = dict.fromkeys(label[name] for name in curved)
        return [{"title": title, "names": [name for name in curved if label[name] == title]} for title in titles]
    found = [
        {"title": table["title"], "names": [name for name in table["rows"] if name in curved]}
        for table in results["tables"]
    ]
    return [facet for facet in found if facet["names"]]


def learning(results: dict) -> dict[str, dict]:
    """Return {"FACET-QUANTITY": figure}: the curves of each facet's networks, on validation where there is any."""
    known = {part["name"]: part for part in results["parts"]}
    made = {}
    for number, facet in enumerate(facets(results)):
        parts = [known[name] for name in facet["names"]]
        for quantity in dict.fromkeys(q for part in parts for q in curve_pairs(part["curve"])):
            if traces := [trace for i, part in enumerate(parts) if (trace := _line(i, part, quantity))]:
                words = terms.quantity(quantity)
                words += f", from \u2212{-WORST[quantity]:g} on" if quantity in WORST else ""
                made[f"{number}-{quantity}"] = _lines(traces, words, is_alone=not facet["title"])
    return made


def _line(number: int, part: dict, quantity: str) -> dict | None:
    names = curve_pairs(part["curve"]).get(quantity) or {}
    name = names.get("validation") or names.get("training")
    least = WORST.get(quantity, -math.inf)
    at = [point for point in part["curve"] if point.get(name) is not None and point[name] >= least]
    if len(at) < 2:
        return None
    dash = DASHES[number // N_COLOURS % len(DASHES)]
    return {
        "type": "scatter", "mode": "lines", "name": part["name"],
        "x": [point["step"] for point in at], "y": [point[name] for point in at],
        "line": {"color": f"@class{(number + 1) % N_COLOURS}", "width": 1.8, "dash": dash},
        "hovertemplate": f"<b>{part['name']}</b><br>step %{{x:,}}: %{{y:.4g}}<extra></extra>",
    }  # fmt: skip


def _lines(traces: list[dict], words: str, *, is_alone: bool) -> dict:
    rows = -(-len(traces) // (4 if is_alone else 2))
    layout = framed(
        height=(300 if is_alone else 220) + 24 * rows,
        xaxis={"title": {"text": "step"}, "zeroline": False, "fixedrange": True, "showgrid": False, "nticks": 5},
        yaxis={"title": {"text": words}, "zeroline": False, "fixedrange": True, "nticks": 5},
    )
    return {"data": traces, "layout": layout | {"showlegend": True}, "title": words}


def attributes(names: list[str], found: dict) -> dict:
    """Return a plane map of the attributes, each named at its place: near ones are rated alike over the faces."""
    points = found["points"]
    trace = {
        "type": "scatter", "mode": "markers+text", "name": "attributes", "text": names, "showlegend": False,
        "x": [point[0] for point in points], "y": [point[1] for point in points],
        "marker": {"color": "@accent", "size": 8}, "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip
    axis = {"zeroline": False, "fixedrange": True, "nticks": 4}
    return {"data": [trace], "layout": framed(height=420, xaxis=axis, yaxis=axis)}
