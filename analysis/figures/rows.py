"""Plots of one row a case: people, action units, attributes, groups, classes. Each a point with its interval."""

from analysis.figures.frame import dots, framed, shown_representations
from analysis.wording import name_of

_ROW = 30


def annotators(results: dict) -> dict | None:
    """Return the agreement with every single person, in falling order, beside what another person would reach."""
    found = results.get("annotators") or {}
    if "people" not in found:
        return None
    people = found["people"]
    places = list(range(1, len(people) + 1))
    ours = dots(places, people, "embedding") | {
        "name": "this representation",
        "customdata": [[p["annotator"], p["low"], p["high"], p["n"]] for p in people],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{y:.0%} [%{customdata[1]:.0%}, %{customdata[2]:.0%}]<br>"
        "%{customdata[3]:,} responses<extra></extra>",
    }
    ours["marker"] = ours["marker"] | {"size": 9 if len(people) < 60 else 5}
    ours["error_y"] = ours["error_y"] | {"thickness": 1.6 if len(people) < 60 else 0.6}
    known = [(at, p) for at, p in zip(places, people, strict=True) if p["others"] is not None]
    others = {
        "type": "scatter",
        "mode": "markers",
        "name": "another person",
        "x": [at for at, _ in known],
        "y": [p["others"] for _, p in known],
        "marker": {
            "color": "@ink",
            "size": 13 if len(people) < 60 else 6,
            "symbol": "line-ew-open",
            "line": {"width": 2},
        },
        "hovertemplate": "another person: %{y:.0%}<extra></extra>",
    }
    lowest = min([0.45, *(p["low"] for p in people)])
    layout = framed(
        height=360,
        xaxis={"title": {"text": "people, the best matched first"}, "range": [0.2, len(people) + 0.8],
               "showgrid": False, "zeroline": False, "fixedrange": True, "showticklabels": False},
        yaxis={"tickformat": ".0%", "range": [max(0, lowest - 0.03), 1.02], "zeroline": False, "fixedrange": True},
    )  # fmt: skip
    layout["legend"] = layout["legend"] | {"y": -0.14}
    layout["shapes"] = [_level(0.5, len(people))]
    return {"data": [others, ours], "layout": layout}


def _level(at: float, n: int) -> dict:
    line = {"color": "@muted", "width": 1.4, "dash": "dot"}
    return {"type": "line", "x0": 0.2, "x1": n + 0.8, "y0": at, "y1": at, "layer": "below", "line": line}


def action_units(results: dict) -> dict | None:
    """Return the area under the ROC curve of every action unit, of the representation and of its baselines."""
    found = results.get("action_units") or {}
    if "compared" not in found:
        return None
    names = ["weighted mean", *found["names"]]
    traces, lowest = [], 0.45
    for k, name in enumerate(representations := shown_representations(found["compared"])):
        figures = found["compared"][name]
        estimates = [figures["auc"], *(unit["auc"] for unit in figures["units"])]
        lowest = min([lowest, *(e["low"] for e in estimates if e)])
        offset = (k - (len(representations) - 1) / 2) * 0.16
        places = [len(names) - 1 - at - offset for at in range(len(names))]
        traces.append(_row_trace(places, names, estimates, name) | {"name": name_of(name)})
    words = "area under the ROC curve; dotted: guessing"
    layout = _row_layout(names, ".2f", [max(0.0, lowest - 0.03), 1.02], 0.5, words, height=110 + 38 * len(names))
    return {"data": traces, "layout": layout}


def attributes(results: dict) -> dict | None:
    """Return R² of every attribute with the bound that the ratings set."""
    found = results.get("answers") or {}
    if found.get("kind") != "attributes":
        return None
    known = found["by_split"][found["split"]]["attributes"]
    known = {name: figures for name, figures in known.items() if figures["r2"]}
    if not known:
        return None
    names = list(known)
    places = [len(names) - 1 - at for at in range(len(names))]
    ours = _row_trace(places, names, [figures["r2"] for figures in known.values()], "embedding")
    bounded = [(at, f["bounds"]["r2"]) for at, f in zip(places, known.values(), strict=True) if f["bounds"]]
    bound = _bound(bounded, "bound set by the ratings")
    lowest = max(-1.0, min([-0.05, *(f["r2"]["low"] for f in known.values())]))
    words = "R², the share of what people see that is predicted"
    layout = _row_layout(names, ".1f", [lowest - 0.03, 1.02], 0.0, words, height=110 + _ROW * len(names))
    return {"data": [bound, ours | {"name": "network"}], "layout": layout}


def with_people(results: dict) -> dict | None:
    """Return the correlation of every attribute beside one more person and the bound, `correlations`."""
    found = results.get("answers") or {}
    if found.get("kind") != "attributes":
        return None
    return correlations(found["by_split"][found["split"]]["attributes"])


def correlations(attributes: dict[str, dict]) -> dict | None:
    """Return Pearson's r of every attribute, that of one more person, and the bound that human agreement sets.

    attributes : name -> {"pearson", "people", "bounds"} as `raters.people` and `attributes.attribute_figures` have
    them. None where nobody knows what one more person would reach.
    """
    known = {
        name: f for name, f in attributes.items() if f.get("pearson") and (f.get("people") or {}).get("one_person")
    }
    if not known:
        return None
    names = list(known)
    places = [len(names) - 1 - at for at in range(len(names))]
    ours = _row_trace(places, names, [figures["pearson"] for figures in known.values()], "embedding")
    person = _row_trace(
        [at - 0.22 for at in places], names, [f["people"]["one_person"] for f in known.values()], "neutral_difference"
    )
    bounded = [(at, f["bounds"]["pearson"]) for at, f in zip(places, known.values(), strict=True) if f.get("bounds")]
    bound = _bound(bounded, "bound by human agreement")
    lowest = min([0.0, *(f["pearson"]["low"] for f in known.values())])
    words, span = "correlation with the mean rating", [max(-1.0, lowest) - 0.03, 1.02]
    layout = _row_layout(names, ".1f", span, 0.0, words, height=110 + _ROW * len(names))
    return {"data": [bound, person | {"name": "one more person"}, ours | {"name": "network"}], "layout": layout}


def _bound(bounded: list[tuple[float, float]], name: str) -> dict:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [value for _, value in bounded],
        "y": [at for at, _ in bounded],
        "marker": {"color": "@ink", "size": 15, "symbol": "line-ns-open", "line": {"width": 2}},
        "hovertemplate": "bound %{x:.2f}<extra></extra>",
    }


def groups(results: dict) -> dict | None:
    """Return by how much each group of people differs from everybody else, shares only."""
    found = results.get("groups") or {}
    outcome = next((row["outcome"] for row in found.get("rows", [])), None)
    rows = [row for row in found.get("rows", []) if row["outcome"] == outcome]
    if not rows:
        return None
    names = [f"{row['column']}: {row['group']}" for row in rows]
    places = [len(rows) - 1 - at for at in range(len(rows))]
    trace = _row_trace(places, names, [row["difference"] for row in rows], "embedding") | {"showlegend": False}
    reach = max(0.05, *(max(abs(row["difference"]["low"]), abs(row["difference"]["high"])) for row in rows))
    reach = min(1.0, reach * 1.08)
    is_share = outcome != "error"
    words = "points more (right) or less than everybody else"
    words = words if is_share else "error above (right) or below everybody else"
    tickformat, height = ".0%" if is_share else ".2f", 90 + _ROW * len(rows)
    layout = _row_layout(names, tickformat, [-reach, reach], 0.0, words, height=height)
    return {"data": [trace], "layout": layout}


def elsewhere(results: dict) -> dict | None:
    """Return the share of each class (or level) here and in the second collection."""
    found = results.get("elsewhere") or {}
    rows = [row for row in found.get("rows", []) if row["here"] and row["there"]]
    if not rows:
        return None
    # The network's own answers and a probe name the same classes.
    outcomes = {row["outcome"] for row in rows}
    who = {"named": "network: ", "read": "probe: "} if {"named", "read"} <= outcomes else {}
    names = [who.get(row["outcome"].removesuffix("_f1"), "") + row["label"] for row in rows]
    words = "share right, or F1" if outcomes & {"named_f1", "read_f1"} else "share right"
    places = [len(rows) - 1 - at for at in range(len(rows))]
    sides = (("here", "embedding", found["names"][0], 0.1), ("there", "neutral_difference", found["names"][1], -0.1))
    traces = [
        _row_trace([at + shift for at in places], names, [row[side] for row in rows], colour) | {"name": title}
        for side, colour, title, shift in sides
    ]
    height = 110 + 38 * len(rows)
    return {"data": traces, "layout": _row_layout(names, ".0%", [-0.02, 1.04], None, words, height=height)}


def _row_trace(places, names, estimates, colour) -> dict:
    known = [(at, name, e) for at, name, e in zip(places, names, estimates, strict=True) if e]
    trace = dots([at for at, _, _ in known], [e for _, _, e in known], colour, axis="x")
    trace["marker"] = trace["marker"] | {"size": 10 if colour == "embedding" else 8}
    return trace | {
        "customdata": [[name, e["low"], e["high"], e["n"]] for _, name, e in known],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{x:.3f} [%{customdata[1]:.3f}, %{customdata[2]:.3f}]<br>"
        "n = %{customdata[3]:,}<extra></extra>",
    }


def _row_layout(names, tickformat, span, line_at, words, *, height) -> dict:
    """Return the layout of rows. words : what stands across; height : px without the line of these words."""
    height += 20
    layout = framed(
        height=height,
        xaxis={"title": {"text": words}, "tickformat": tickformat, "range": span, "zeroline": False,
               "fixedrange": True},
        yaxis={"tickvals": list(range(len(names)))[::-1], "ticktext": [_short(name) for name in names],
               "range": [-0.7, len(names) - 0.3], "showgrid": False, "zeroline": False, "fixedrange": True},
    )  # fmt: skip
    layout["legend"] = layout["legend"] | {"y": -66 / height - 0.06}
    if line_at is not None:
        place = {"type": "line", "x0": line_at, "x1": line_at, "y0": -0.7, "y1": len(names) - 0.3, "layer": "below"}
        layout["shapes"] = [place | {"line": {"color": "@muted", "width": 1.2, "dash": "dot"}}]
    return layout


def _short(name: str, n: int = 22) -> str:
    return name if len(name) <= n else f"{name[: n - 1]}…"
