"""What all plots share: the quiet frame, the names of colours, a point with its interval."""

from analysis.wording import name_of

COMPARED = ("embedding", "ordinal", "neutral_difference", "pca", "raw")


def shown_representations(available) -> list[str]:
    """Return which representations a plot shows, ours first, and of the PCAs the one nearest to 30 dimensions.

    >>> shown_representations(["embedding", "raw", "pca_50", "pca_20", "neutral_difference"])
    ['embedding', 'neutral_difference', 'pca_20', 'raw']
    """
    pcas = sorted((n for n in available if n.startswith("pca_")), key=lambda n: abs(int(n[4:]) - 30))
    named = {name: name for name in available} | ({"pca": pcas[0]} if pcas else {})
    return [named[name] for name in COMPARED if name in named]


def colour_of(representation: str) -> str:
    """Return the colour name that a representation has in every plot."""
    return {"embedding": "@accent", "neutral_difference": "@second", "raw": "@fourth", "ordinal": "@class7"}.get(
        representation, "@third"
    )


def dots(along, shares, name, axis="y") -> dict:
    """Return one trace of estimates with their intervals; `along` are the places on the other axis."""
    values = [share["value"] for share in shares]
    is_ours = name == "embedding"
    error = {
        "type": "data",
        "symmetric": False,
        "array": [share["high"] - share["value"] for share in shares],
        "arrayminus": [share["value"] - share["low"] for share in shares],
        "thickness": 2.4 if is_ours else 1.4,
        "width": 0,
        "color": colour_of(name),
    }
    place = {"x": along, "y": values} if axis == "y" else {"x": values, "y": along}
    symbols = {"embedding": "circle", "neutral_difference": "diamond", "raw": "square", "ordinal": "star"}
    marker = {"color": colour_of(name), "size": 13 if is_ours else 9, "symbol": symbols.get(name, "triangle-up")}
    trace = {"type": "scatter", "mode": "markers", "name": name_of(name), "marker": marker}
    return trace | place | {f"error_{axis}": error}


def plain_axis(title: str) -> dict:
    return {"title": {"text": title}, "zeroline": False, "fixedrange": True, "rangemode": "tozero"}


def framed(*, height: int, **axes) -> dict:
    """Return the quiet frame that all plots share."""
    quiet = {
        "gridcolor": "@grid", "linecolor": "@grid", "automargin": True, "tickfont": {"color": "@muted"},
        "ticks": "",
    }  # fmt: skip
    return {
        "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": "@ink", "family": "@font", "size": 13},
        "margin": {"l": 12, "r": 12, "t": 16, "b": 12},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.16, "yanchor": "top", "font": {"size": 13}},
        "hoverlabel": {"bgcolor": "@paper", "bordercolor": "@grid", "font": {"color": "@ink", "family": "@font"}},
        "dragmode": False,
        "hovermode": "closest",
        "bargap": 0.25,
        **{name: quiet | axis | _quiet_title(axis) for name, axis in axes.items()},
    }


def _quiet_title(axis: dict) -> dict:
    return {"title": axis["title"] | {"font": {"size": 12, "color": "@muted"}}} if "title" in axis else {}
