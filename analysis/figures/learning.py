"""Learning curves, a small plot for every quantity."""

from analysis.figures.frame import framed
from learning import terms

STEEP = 20

MEANINGS = {
    "satisfied": "the share of triplets whose nearer face is the one that people chose; the kept step is chosen by "
    "validation, so that it flatters validation and not the test",
    "loss": "what training makes small, the weighted sum of its terms",
    "reconstruction": "how far decoded landmarks lie from the true ones, weighted by the assumed noise",
    "kl": "Kullback-Leibler divergence: how much a face says beyond what all faces have in common, in nats",
    "triplet": "the penalty for triplets that lie the wrong way round, about 0.7 where distances are equal",
    "elbo": "evidence lower bound: how well unseen faces are explained; higher is better",
    "largest_share": "the share of pictures of the class that is named most; near 1 the network has collapsed",
    "mae": "the mean distance between what was predicted and what people said",
    "r2": "the share of the differences between faces that is predicted; 0 is as good as always saying the mean",
    "f1": "the harmonic mean of precision and recall, averaged over classes",
}


def curves(results: dict) -> dict[str, dict]:
    """Return {"curve-loss": figure, ...}: a small plot for every quantity, training and validation in one.

    Quantities that fall by more than a factor of STEEP stand on a logarithmic axis, or their end would be a flat line.
    One point is no curve: {} where nothing was trained in steps.
    """
    points, made = results["curves"], {}
    if len(points) < 2:
        return made
    for quantity, names in curve_pairs(points).items():
        values = [p[name] for name in names.values() for p in points if p.get(name) is not None]
        if min(values) == max(values):
            continue  # a flat line; the table below holds it
        traces = []
        for role, name in names.items():
            at = [p for p in points if p.get(name) is not None]
            colour = "@accent" if role == "validation" else "@fourth"
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": role,
                    "x": [p["step"] for p in at],
                    "y": [p[name] for p in at],
                    "line": {"color": colour, "width": 2},
                    "hovertemplate": f"{role}, step %{{x:,}}: %{{y:.4~g}}<extra></extra>",
                }
            )
        is_steep = min(values) > 0 and max(values) / min(values) > STEEP
        yaxis = {"zeroline": False, "fixedrange": True, "nticks": 5, "type": "log" if is_steep else "linear"}
        yaxis |= {"tickformat": ".0%"} if quantity == "satisfied" else {"dtick": 1} if is_steep else {}
        xaxis = {
            "title": {"text": "training step"},
            "zeroline": False,
            "fixedrange": True,
            "showgrid": False,
            "nticks": 5,
        }
        layout = framed(height=210, xaxis=xaxis, yaxis=yaxis) | {"showlegend": False}
        made[f"curve-{quantity}"] = {
            "data": traces,
            "layout": layout,
            "title": terms.quantity(quantity),
        }
    return made


def meanings(drawn) -> list[tuple[str, str]]:
    """Return (title, meaning) of the learning curves that need a word. drawn : (place, title) pairs."""
    found = [(title, MEANINGS.get(name.removeprefix("curve-"))) for name, title in drawn]
    return [(title, words) for title, words in found if words]


def curve_pairs(points: list[dict]) -> dict[str, dict[str, str]]:
    """Return {quantity: {"training" or "validation": metric}}, satisfied triplets first.

    >>> curve_pairs([{"step": 1, "loss": 2.0, "validation_kl": 1.0, "kl": 1.0, "satisfied_validation": 0.5}])
    {'satisfied': {'validation': 'satisfied_validation'}, 'loss': {'training': 'loss'}, \
'kl': {'validation': 'validation_kl', 'training': 'kl'}}
    """
    shares, terms = curve_names(points)
    pairs: dict[str, dict[str, str]] = {}
    for name in shares + terms:
        quantity = name.removeprefix("validation_").removesuffix("_validation").removesuffix("_train")
        role = "validation" if "validation" in name else "training"
        pairs.setdefault(quantity, {})[role] = name
    return pairs


def curve_names(points: list[dict]) -> tuple[list[str], list[str]]:
    """Return (shares, other terms): the numeric metrics that the points of a learning curve hold."""
    names: dict[str, None] = {}
    for point in points:
        names |= {
            key: None
            for key, value in point.items()
            if key not in ("step", "seconds") and isinstance(value, int | float) and not isinstance(value, bool)
        }
    shares = [name for name in names if name.startswith("satisfied")]
    return shares, [name for name in names if name not in shares]
