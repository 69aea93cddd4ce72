"""A map of the people who judged: what each of them goes by."""

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
