"""Reliability diagrams: how sure a model was, against how often it was right."""

from analysis.figures.frame import framed


def triplets(results: dict) -> dict | None:
    """Return how often votes went to the nearer face, against the probability that its distances give."""
    found = results.get("calibration") or {}
    return _diagram(found["bins"], "votes for the nearer face", lowest=0.5) if "bins" in found else None


def classes(results: dict) -> dict | None:
    """Return how often the likeliest class was right, against its probability."""
    found = results.get("answers") or {}
    if found.get("kind") != "class":
        return None
    bins = found["by_split"][found["split"]]["calibration"]["bins"]
    return _diagram(bins, "right", lowest=0.0)


def _diagram(bins: list[dict], words: str, lowest: float) -> dict:
    values = [b["share"] for b in bins]
    low = min([lowest, *(share["low"] for share in values)])
    points = {
        "type": "scatter",
        "mode": "markers+lines",
        "name": words,
        "x": [b["confidence"] for b in bins],
        "y": [share["value"] for share in values],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [share["high"] - share["value"] for share in values],
            "arrayminus": [share["value"] - share["low"] for share in values],
            "thickness": 2,
            "width": 0,
            "color": "@accent",
        },
        "customdata": [[share["low"], share["high"], b["n"]] for b, share in zip(bins, values, strict=True)],
        "hovertemplate": "said %{x:.0%}<br>" + words + " %{y:.0%} [%{customdata[0]:.0%}, %{customdata[1]:.0%}]<br>"
        "n = %{customdata[2]:,}<extra></extra>",
        "line": {"color": "@accent", "width": 1, "dash": "dot"},
        "marker": {"color": "@accent", "size": 10},
        "showlegend": False,
    }
    ideal = {
        "type": "scatter",
        "mode": "lines",
        "name": "as sure as right",
        "x": [lowest, 1],
        "y": [lowest, 1],
        "line": {"color": "@ink", "width": 1.4, "dash": "dash"},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    axis = {"tickformat": ".0%", "zeroline": False, "fixedrange": True}
    layout = framed(
        height=360,
        xaxis=axis | {"title": {"text": "how sure it was"}, "range": [lowest - 0.02, 1.02]},
        yaxis=axis | {"title": {"text": words}, "range": [max(-0.02, low - 0.02), 1.02]},
    )
    return {"data": [ideal, points], "layout": layout}
