"""Satisfied triplets per agreement level and the probes, beside what they are measured against."""

from analysis.figures.frame import dots, framed, shown_representations
from analysis.wording import name_of


def satisfied(results: dict) -> dict | None:
    """Return satisfied triplets per agreement level of the headline's split, between chance and the ceilings."""
    split = results["splits"]["headline"]
    if split is None:
        return None
    levels = [level for level in results["levels"] if level["key"] in results["satisfied"][split]]
    shares = {"embedding": results["satisfied"][split]}
    shares |= {name: by_split[split] for name, by_split in results["baselines"].items() if split in by_split}
    names = shown_representations(shares)
    traces, shapes = _ceilings(results["ceilings"].get(split, {}), levels)
    step = 0.62 / max(1, len(names))
    for i, name in enumerate(names):
        points = [(j, level["label"], shares[name][level["key"]]) for j, level in enumerate(levels)]
        traces.append(
            {
                **dots([j + (i - (len(names) - 1) / 2) * step for j, _, _ in points], [p for _, _, p in points], name),
                "customdata": [[label, p["low"], p["high"], p["n"]] for _, label, p in points],
                "hovertemplate": f"<b>{name_of(name)}</b><br>%{{customdata[0]}}: %{{y:.1%}} "
                "[%{customdata[1]:.1%}, %{customdata[2]:.1%}]<br>%{customdata[3]:,} triplets<extra></extra>",
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "name": "chance",
            "x": [-0.5, len(levels) - 0.5],
            "y": [0.5, 0.5],
            "line": {"color": "@muted", "width": 1.4, "dash": "dot"},
            "hoverinfo": "skip",
        }
    )
    lowest = min([0.45, *(p["low"] for s in shares.values() for p in s.values())])
    layout = framed(
        height=440,
        xaxis={
            "tickvals": list(range(len(levels))),
            "ticktext": ["all" if level["key"] == "all" else f"votes<br>{level['label']}" for level in levels],
            "range": [-0.5, len(levels) - 0.5],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "title": {"text": "triplets satisfied"},
            "tickformat": ".0%",
            "range": [max(0.0, lowest - 0.03), 1.02],
            "zeroline": False,
            "fixedrange": True,
        },
    )
    return {"data": traces, "layout": layout | {"shapes": shapes}}


def _ceilings(levels_of: dict, levels: list[dict]) -> tuple[list, list]:
    """Return traces and shaded intervals of the two human ceilings, one short line a level."""
    traces, shapes = [], []
    for kind, title, dash in (("oracle", "oracle of the majority", "solid"), ("one_person", "one more person", "dash")):
        x, y, text = [], [], []
        for j, level in enumerate(levels):
            ceiling = levels_of.get(level["key"], {}).get(kind)
            if not ceiling:
                continue
            x += [j - 0.42, j, j + 0.42, None]
            y += [ceiling["value"]] * 3 + [None]
            text += [f"{level['label']}: {ceiling['value']:.1%}"] * 3 + [""]
            if ceiling.get("low") is not None:
                shapes.append(
                    {
                        "type": "rect",
                        "layer": "below",
                        "x0": j - 0.42,
                        "x1": j + 0.42,
                        "y0": ceiling["low"],
                        "y1": ceiling["high"],
                        "fillcolor": "@band",
                        "line": {"width": 0},
                    }
                )
        if x:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": title,
                    "x": x,
                    "y": y,
                    "text": text,
                    "line": {"color": "@ink", "width": 1.6, "dash": dash},
                    "hovertemplate": f"<b>{title}</b><br>%{{text}}<extra></extra>",
                }
            )
    return traces, shapes


def probe(results: dict) -> dict | None:
    """Return the accuracy of the linear probes, one row a representation."""
    measured = results["probe"]
    if "omitted" in measured:
        return None
    names = shown_representations([name for name in measured if isinstance(measured[name], dict)])[::-1]
    traces = []
    for i, name in enumerate(names):
        p = measured[name]
        traces.append(
            {
                **dots([p["accuracy"]], [p | {"value": p["accuracy"]}], name, axis="x"),
                "y": [i],
                "customdata": [[p["low"], p["high"], p["weighted_f1"], p["n"]]],
                "hovertemplate": f"<b>{name_of(name)}</b><br>accuracy %{{x:.1%}} [%{{customdata[0]:.1%}}, "
                "%{customdata[1]:.1%}]<br>weighted F1 %{customdata[2]:.3f}, n = %{customdata[3]:,}<extra></extra>",
                "showlegend": False,
            }
        )
    layout = framed(
        height=90 + 48 * len(names),
        xaxis={
            "title": {"text": "pictures named rightly"},
            "tickformat": ".0%",
            "range": [0, 1.04],
            "zeroline": False,
            "fixedrange": True,
        },
        yaxis={
            "tickvals": list(range(len(names))),
            "ticktext": [name_of(name).replace(", ", "<br>").replace(" minus ", "<br>minus ") for name in names],
            "range": [-0.6, len(names) - 0.4],
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    chance = measured["chance"]
    line = {"type": "line", "x0": chance, "x1": chance, "y0": -0.6, "y1": len(names) - 0.4, "layer": "below"}
    layout["shapes"] = [line | {"line": {"color": "@muted", "width": 1, "dash": "dot"}}]
    layout["annotations"] = [
        {
            "x": chance,
            "y": len(names) - 0.45,
            "text": " commonest class",
            "showarrow": False,
            "xanchor": "left",
            "yanchor": "bottom",
            "font": {"color": "@muted", "size": 12},
        }
    ]
    return {"data": traces, "layout": layout}
