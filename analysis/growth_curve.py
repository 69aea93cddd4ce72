"""A study's growth curve: every figure against the number of responses, as rows and as series to draw."""

import csv
import io

from analysis import growth_figures
from analysis.wording import name_of

SATISFIED, CEILINGS = "embedding", {"one_person": "one more person", "oracle": "oracle of the majority"}
COLUMNS = ["point", "n_responses", "n_settled", "status", "release", "release_sha256", "run", "recipe", "seed", "split"]


def key_figures(results: dict) -> dict:
    """Return {"split", "chance", "satisfied", "baselines", "ceilings": {name: estimate}, "probe", "further"}.

    results : of `analysis.evaluation.evaluate`, of which the headline split at all agreement levels is
        taken. An estimate is {"value", "low", "high", "n"}; what the release could not tell is left out.
        further : every other figure, as `growth_figures.further`.
    """
    probe = (results.get("probe") or {}).get("embedding")
    figures = {"probe": _estimate(probe | {"value": probe["accuracy"]})} if probe and "accuracy" in probe else {}
    figures |= {"further": found} if (found := growth_figures.further(results)) else {}
    split = (results.get("splits") or {}).get("headline")
    if not split:
        return figures
    ceiling = ((results.get("ceilings") or {}).get(split) or {}).get("all") or {}
    own = ((results.get("satisfied") or {}).get(split) or {}).get("all")
    baselines = {name: (at.get(split) or {}).get("all") for name, at in (results.get("baselines") or {}).items()}
    return figures | {
        "split": split,
        "chance": ceiling.get("chance", 0.5),
        "satisfied": _estimate(own),
        "baselines": {name: _estimate(found) for name, found in baselines.items() if found},
        "ceilings": {name: _estimate(ceiling[name]) for name in CEILINGS if ceiling.get(name)},
    }


def _estimate(found: dict | None) -> dict | None:
    if not found or found.get("value") is None:
        return None
    return {key: found.get(key) for key in ("value", "low", "high", "n")}


def estimates(figures: dict) -> dict[str, dict]:
    """Return {name: estimate} of all shares of satisfied triplets at one point, ours first."""
    own = {SATISFIED: figures["satisfied"]} if figures.get("satisfied") else {}
    return own | (figures.get("baselines") or {}) | (figures.get("ceilings") or {})


def answers(figures: dict) -> dict[str, dict]:
    """Return {key: figure} of what a network of pictures answers, as `growth_figures.further` has them."""
    further = figures.get("further") or {}
    return {key: of for key, of in further.items() if of["group"] == growth_figures.ANSWERS}


def series(points: list[dict]) -> list[dict]:
    """Return [{"name", "kind", "points": [[n_responses, share, low, high], ...]}], ours first, chance last.

    points : as `selectors.growth` returns them. Points without figures are passed over; kind is "own",
    "baseline", "ceiling" or "chance".
    """
    drawn = [point for point in points if point["figures"].get("split")]
    found: dict[str, list] = {}
    for point in drawn:
        for name, share in estimates(point["figures"]).items():
            found.setdefault(name, []).append([point["n_responses"], share["value"], share["low"], share["high"]])
    lines = [{"name": _label(name), "kind": _kind(name), "points": sorted(at)} for name, at in found.items()]
    chance = sorted([point["n_responses"], point["figures"]["chance"], None, None] for point in drawn)
    return lines + ([{"name": "chance", "kind": "chance", "points": chance}] if chance else [])


def parts(points: list[dict]) -> list[dict]:
    """Return [{"name", "group", "percent", "series", "told"}], one a figure that any point has, triplets first.

    points : as `selectors.growth` returns them. told : whether more responses still help, in words.
    """
    first = series(points)
    own = [tuple(p) for line in first if line["kind"] == "own" for p in line["points"]]
    words = {"name": "satisfied triplets, beside baselines and ceilings", "group": "Satisfied triplets"}
    made = [words | {"percent": True, "series": first, "told": growth_figures.sentence(own)}] if first else []
    known = dict.fromkeys(key for point in points for key in point["figures"].get("further") or {})
    for key in known:
        at = [
            (p["n_responses"], p["figures"]["further"][key])
            for p in points
            if key in (p["figures"].get("further") or {})
        ]
        line = sorted([n, found["value"], found["low"], found["high"]] for n, found in at)
        how = at[-1][1]
        told = growth_figures.sentence([tuple(p) for p in line], is_error=how["is_error"], is_share=how["is_share"])
        one = [{"name": how["label"], "kind": "own", "points": line}]
        made.append(
            {"name": how["label"], "group": how["group"], "percent": how["is_share"], "series": one, "told": told}
        )
    return made


def table(points: list[dict]) -> tuple[list[str], list[dict]]:
    """Return (names of the shares, points with `cells`, one estimate or None a name): what the page lists."""
    names = list(dict.fromkeys(name for point in points for name in estimates(point["figures"])))
    rows = [point | {"cells": [estimates(point["figures"]).get(name) for name in names]} for point in points]
    return [_label(name) for name in names], rows


def as_csv(points: list[dict]) -> str:
    """Return the curve as CSV, a row a point; shares are fractions with the ends of their 95 % interval."""
    names = list(dict.fromkeys(name for point in points for name in estimates(point["figures"])))
    more = list(dict.fromkeys(name for point in points for name in point["figures"].get("further") or {}))
    shares = [f"{name}{end}" for name in [*names, "probe", *more] for end in ("", "_low", "_high")]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, *shares, "chance"], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for point in points:
        figures = point["figures"]
        cells = {"split": figures.get("split"), "chance": figures.get("chance")}
        known = estimates(figures) | {"probe": figures.get("probe")} | (figures.get("further") or {})
        for name, share in known.items():
            if share:
                cells |= {name: share["value"], f"{name}_low": share["low"], f"{name}_high": share["high"]}
        writer.writerow(point | cells)
    return text.getvalue()


def _kind(name: str) -> str:
    return "own" if name == SATISFIED else "ceiling" if name in CEILINGS else "baseline"


def _label(name: str) -> str:
    return CEILINGS.get(name) or name_of(name)
