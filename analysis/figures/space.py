"""The two-dimensional view and what each dimension does."""

from analysis.figures.frame import framed, plain_axis

N_CLASS_COLOURS = 10
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "hexagon", "triangle-down", "x", "pentagon")


def view(results: dict) -> dict:
    """Return the 2-D view, one trace a class. customdata: the number of the point within the projection."""
    shown = results["projection"]
    labels = shown["class_label"]
    names = sorted(set(labels), key=lambda name: (name == "", name != "neutral", name))
    traces = []
    for i, name in enumerate(names):
        at = [k for k, label in enumerate(labels) if label == name]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name or "no class",
                "x": [shown["points"][k][0] for k in at],
                "y": [shown["points"][k][1] for k in at],
                "customdata": at,
                "hoverinfo": "none",
                "marker": {
                    "color": f"@class{i % N_CLASS_COLOURS}" if name else "@fourth",
                    "symbol": SYMBOLS[(i // N_CLASS_COLOURS + i) % len(SYMBOLS)],
                    "size": 8,
                    "opacity": 0.85,
                    "line": {"color": "@paper", "width": 0.6},
                },
            }
        )
    axes = [
        {"title": {"text": f"component {k + 1} ({share:.0%} of variance)"}, "zeroline": False, "nticks": 6}
        for k, share in enumerate(shown["explained"])
    ]
    layout = framed(height=620, xaxis=axes[0], yaxis=axes[1] | {"scaleanchor": "x"})
    layout["showlegend"] = len(names) > 1
    layout["modebar"] = {"bgcolor": "rgba(0,0,0,0)", "color": "@muted", "activecolor": "@accent"}
    return {"data": traces, "layout": layout | {"dragmode": "zoom"}}


def dimensions(results: dict) -> dict | None:
    """Return KL (or variance) and the decoder's norm per dimension, the most active first."""
    known = results["dimensions"]
    order = known["order"]
    label = "KL, nat" if known["kl"] is not None else "variance"
    heights = known["kl"] if known["kl"] is not None else known["spread"]
    ticks = [str(k) for k in order]
    active = known["active"] or [True] * len(order)
    bars = {
        "type": "bar", "x": ticks, "y": [heights[k] for k in order], "name": label, "showlegend": False,
        "marker": {"color": ["@accent" if active[k] else "@faint" for k in order]},
        "hovertemplate": f"dimension %{{x}}: %{{y:.3f}} {label.removeprefix('KL, ')}<extra></extra>",
    }  # fmt: skip
    norms = known["decoder_norm_latent"]
    xaxis = {"type": "category", "title": {"text": "latent dimension, most active first"}, "fixedrange": True}
    xaxis |= {"showgrid": False, "tickangle": 0}
    if norms is None:
        return {"data": [bars], "layout": framed(height=300, xaxis=xaxis, yaxis=plain_axis(label))}
    below = bars | {
        "y": [norms[k] for k in order],
        "yaxis": "y2",
        "hovertemplate": "dimension %{x}: decoder norm %{y:.3f}<extra></extra>",
    }
    layout = framed(
        height=420,
        xaxis=xaxis | {"anchor": "y2"},
        yaxis=plain_axis(label) | {"domain": [0.55, 1]},
        yaxis2=plain_axis("decoder norm") | {"domain": [0, 0.45]},
    )
    return {"data": [bars, below], "layout": layout}
