"""How far to trust explanations: what becomes of the score on the way, and of maps when weights become random."""

from analysis.figures.frame import framed

#: One look a method, in the order of the results; report.css draws the same in the key (stroke-0 to stroke-4).
COLOURS = ("@accent", "@second", "@third", "@class5", "@class7")
DASHES = ("solid", "dash", "longdash", "dashdot", "dot")


def deletion(results: dict) -> dict | None:
    """Return the score while the most relevant parts are taken away, one line a method; low is good."""
    return _curves(results, "deletion", "Score while the most relevant parts are taken away first; low is good.")


def insertion(results: dict) -> dict | None:
    """Return the score while the most relevant parts are put back into an empty face; high is good."""
    return _curves(results, "insertion", "Score while the most relevant parts are put back first; high is good.")


def randomised(results: dict) -> dict | None:
    """Return how alike maps stay while ever more layers become random; falling to 0 is good."""
    found = _trust(results)
    traces = []
    for k, (key, name) in enumerate(found):
        stages = results["explanations"]["trust"]["methods"][key].get("randomised") or []
        points = [(0, 1.0), *((s["n_random"], s["agreement"]) for s in stages if s["agreement"] is not None)]
        if len(points) > 1:
            traces.append(_line(k, name, *zip(*points, strict=True)) | {"mode": "lines+markers"})
    if not traces:
        return None
    lowest = min(-0.2, *(value for trace in traces for value in trace["y"]))
    layout = _layout("layers made random, from the answer down", {"range": [lowest - 0.05, 1.05]})
    title = "Rank correlation of maps with those of a network whose layers are shuffled; falling to 0 is good."
    return {"data": [*traces, _chance(max(t["x"][-1] for t in traces))], "layout": layout, "title": title}


def _curves(results: dict, which: str, title: str) -> dict | None:
    found = _trust(results)
    methods = results["explanations"]["trust"]["methods"] if found else {}
    traces = [
        _line(k, name, [100 * s for s in methods[key]["share"]], methods[key][which])
        for k, (key, name) in enumerate(found)
        if methods[key]["share"]
    ]
    if not traces:
        return None
    chance = methods.get("random", {})
    if chance.get("share"):
        traces.append(_line(0, "by chance", [100 * s for s in chance["share"]], chance[which]) | _faint())
    return {"data": traces, "layout": _layout("% changed", {"nticks": 5}), "title": title}


def _trust(results: dict) -> list[tuple[str, str]]:
    found = results.get("explanations") or {}
    return [(m["key"], m["name"]) for m in found["methods"]] if found.get("trust") else []


def _line(k: int, name: str, x, y) -> dict:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": COLOURS[k % len(COLOURS)], "dash": DASHES[k % len(DASHES)], "width": 2},
        "marker": {"size": 5, "color": COLOURS[k % len(COLOURS)]},
        "hovertemplate": f"{name}: %{{y:.2f}}<extra></extra>",
    }


def _faint() -> dict:
    return {"line": {"color": "@fourth", "width": 1.6, "dash": "solid"}}


def _chance(end: float) -> dict:
    return _line(0, "by chance", [0, end], [0, 0]) | _faint()


def _layout(title: str, yaxis: dict) -> dict:
    xaxis = {"title": {"text": title}, "zeroline": False, "fixedrange": True, "showgrid": False, "nticks": 6}
    yaxis = {"zeroline": False, "fixedrange": True} | yaxis
    return framed(height=230, xaxis=xaxis, yaxis=yaxis) | {"showlegend": False}
