"""The page that puts networks side by side: one file that contacts nobody."""

from analysis import pages
from analysis.figures.frame import framed
from learning import terms

#: One look a network, as the methods have on a report.
COLOURS = ("@accent", "@second", "@third", "@class5", "@class7", "@class2", "@class4", "@class1")
DASHES = ("solid", "dash", "longdash", "dashdot", "dot", "solid", "dash", "longdash")


def render(found: dict, drawn: dict[str, str], release) -> str:
    """Return the HTML of what `side_by_side.compared` found, its pictures in place."""
    study = release.manifest.get("study", {}).get("name", "")
    return pages.render_alone(
        "analysis/explanations.html.jinja",
        curves(found["curves"]),
        title="What these networks look at" if len(found["networks"]) > 1 else "What this network looks at",
        found=found,
        drawn=drawn,
        study=study or release.path.name,
        sha256=release.sha256,
    )


def curves(by_network: dict[str, list[dict]]) -> dict[str, dict]:
    """Return {"curve-NAME": figure}: one line a network for every metric that at least one of them has."""
    names: dict[str, None] = {}
    for points in by_network.values():
        for point in points:
            numbers = {k for k, v in point.items() if isinstance(v, int | float) and not isinstance(v, bool)}
            names |= dict.fromkeys(sorted(numbers - {"step", "seconds"}))
    made = {}
    for name in sorted(names, key=lambda name: (name != "validation_loss", name != "loss", name)):
        traces = []
        for k, (network, points) in enumerate(by_network.items()):
            at = [p for p in points if p.get(name) is not None]
            if at:
                look = {"color": COLOURS[k % len(COLOURS)], "dash": DASHES[k % len(DASHES)], "width": 2}
                traces.append({"type": "scatter", "mode": "lines", "name": network, "x": [p["step"] for p in at],
                               "y": [p[name] for p in at], "line": look,
                               "hovertemplate": f"{network}, step %{{x:,}}: %{{y:.4~g}}<extra></extra>"})  # fmt: skip
        axes = {"zeroline": False, "fixedrange": True, "nticks": 5}
        layout = framed(height=190, xaxis=axes | {"showgrid": False}, yaxis=axes) | {"showlegend": False}
        made[f"curve-{name}"] = {"data": traces, "layout": layout, "title": terms.metric(name)}
    return made
