"""A study at a glance: every network beside its publication, and how all of them learned."""

from analysis.figures.frame import framed
from analysis.figures.learning import CURVES, curve_pairs

N_COLOURS = 10
DASHES = ("solid", "dash", "dot")


def beside(results: dict, table: dict, figure: str, words: str, *, is_share: bool) -> dict | None:
    """Return one figure of all networks of a table, ours with its interval beside the published one, or None."""
    known = {part["name"]: part for part in results["parts"]}
    rows = [name for name in table["rows"] if figure in known[name]["figures"] or figure in known[name]["published"]][
        ::-1
    ]
    if len(rows) < 2:
        return None
    ours = [(i, known[name]["figures"].get(figure)) for i, name in enumerate(rows)]
    ours = [(i, of) for i, of in ours if of is not None]
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
    if ours:
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


def learning(results: dict) -> dict[str, dict]:
    """Return {quantity: figure}: the curves of all networks, on validation where that was measured."""
    quantities = dict.fromkeys(q for part in results["parts"] for q in curve_pairs(part["curve"]))
    made = {}
    for quantity in quantities:
        traces = []
        for i, part in enumerate(part for part in results["parts"] if part["curve"]):
            names = curve_pairs(part["curve"]).get(quantity)
            if not names:
                continue
            name = names.get("validation") or names["training"]
            at = [p for p in part["curve"] if p.get(name) is not None]
            if len(at) < 2:
                continue
            dash = DASHES[i // N_COLOURS % len(DASHES)]
            traces.append(
                {
                    "type": "scatter", "mode": "lines", "name": part["name"],
                    "x": [p["step"] for p in at], "y": [p[name] for p in at],
                    "line": {"color": f"@class{i % N_COLOURS}", "width": 1.8, "dash": dash},
                    "hovertemplate": f"<b>{part['name']}</b><br>step %{{x:,}}: %{{y:.4g}}<extra></extra>",
                }
            )  # fmt: skip
        if traces:
            rows = -(-len(traces) // 4)
            layout = framed(
                height=300 + 24 * rows,
                xaxis={"title": {"text": "step"}, "zeroline": False, "fixedrange": True, "showgrid": False},
                yaxis={"title": {"text": CURVES.get(quantity, quantity.replace("_", " "))}, "zeroline": False,
                       "fixedrange": True},
            )  # fmt: skip
            made[quantity] = {"data": traces, "layout": layout | {"showlegend": True}}
    return made
