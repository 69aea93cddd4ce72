"""Every figure of an evaluation that a growth curve can be drawn of, and whether more responses still help.

A figure is {"label", "group", "value", "low", "high", "n", "is_share", "is_error"}: shares lie in 0 to 1, of errors
less is better.
"""

import numpy as np
from scipy import stats

#: The trend is that of the points with at least this part of the newest point's responses, at least three of them.
RECENT, MIN_POINTS = 0.25, 3
#: A doubling of the responses that brings less than this is not worth its price.
WORTH = 0.01
ANSWERS = "The network's answers"


def further(results: dict) -> dict[str, dict]:
    """Return {key: figure} of all parts of some results, in the order in which a page offers them."""
    found: dict[str, dict] = {}

    def add(key, label, group, estimate, *, is_share=True, is_error=False):
        if estimate and estimate.get("value") is not None:
            kept = {name: estimate.get(name) for name in ("value", "low", "high", "n")}
            found[key] = {"label": label, "group": group, "is_share": is_share, "is_error": is_error} | kept

    split = (results.get("splits") or {}).get("headline")
    levels = {level["key"]: level["label"] for level in results.get("levels") or []}
    for key, estimate in ((results.get("satisfied") or {}).get(split) or {}).items():
        if key != "all":
            add(f"level {key}", f"satisfied, votes {levels.get(key, key)}", "Satisfied triplets", estimate)
    for row in part(results, "kinds").get("rows", []):
        if row["key"] != "all":
            add(
                f"kind {row['key']}", f"satisfied, {row['label']}", "Satisfied triplets", row["shares"].get("embedding")
            )
    people = part(results, "annotators")
    add("people", "agreement with a person, mean over people", "People", people.get("mean"))
    add("lead over a person", "lead over another person", "People", people.get("gain"))
    sure = part(results, "calibration")
    add("brier", "Brier score of votes", "Certainty", sure.get("brier"), is_error=True)
    add("ece", "calibration error of votes", "Certainty", sure.get("ece"), is_error=True)
    _classifier(add, "probe", "probe", "Expressions", part(results, "probe").get("embedding") or {})
    units = part(results, "action_units").get("compared", {}).get("embedding", {})
    for name in ("accuracy", "weighted_f1", "auc"):
        add(f"action units {name}", f"action units, {_words(name)}", "Action units", units.get(name))
    for unit in units.get("units", []):
        add(f"action unit {unit['name']}", f"{unit['name']}, AUC", "Action units", unit["auc"])
    answers = part(results, "answers")
    of = (answers.get("by_split") or {}).get(answers.get("split")) or {}
    if answers.get("kind") == "class":
        _classifier(add, "network", "network", ANSWERS, of | {"f1": of["weighted_f1"]})
    for name, figures in (of.get("attributes") or {}).items():
        for figure, words in (("r2", "R²"), ("pearson", "Pearson"), ("mae", "mean absolute error")):
            how = {"is_share": False, "is_error": figure == "mae"}
            add(f"attribute {name} {figure}", f"{name}, {words}", ANSWERS, figures[figure], **how)
    return found


def part(results: dict, name: str) -> dict:
    """Return a part of the results, {} where it is absent or was left out."""
    found = results.get(name) or {}
    return {} if "omitted" in found else found


def _classifier(add, key: str, words: str, group: str, found: dict) -> None:
    own = found.get("accuracy")
    add(f"{key} accuracy", f"{words}, accuracy", group, own if isinstance(own, dict) else found | {"value": own})
    add(f"{key} f1", f"{words}, weighted F1", group, found.get("f1"))
    add(f"{key} auc", f"{words}, AUC", group, found.get("auc"))
    for one in found.get("classes") or []:
        add(f"{key} recall {one['name']}", f"{words}, recall of {one['name']}", group, one["recall"])


def _words(name: str) -> str:
    return {"weighted_f1": "weighted F1", "auc": "weighted AUC"}.get(name, name)


def trend(points: list[tuple]) -> dict | None:
    """Return what a doubling of the responses has lately brought, None where too few points say.

    points : [(n_responses, value, low, high), ...]. A line in log2 of the responses through the recent points, each
    weighed by its interval; {"value", "low", "high", "n_points"}. Points of one study share held-out judgements, so
    their errors go up and down together and the interval is rather too wide than too narrow.
    """
    known = sorted(p for p in points if None not in p and p[0] > 0 and p[3] > p[2])
    recent = [p for p in known if p[0] >= RECENT * known[-1][0]] if known else []
    recent = known[-MIN_POINTS:] if len(recent) < MIN_POINTS else recent
    if len(recent) < MIN_POINTS or len({p[0] for p in recent}) < 2:
        return None
    n, value, low, high = np.array(recent, float).T
    z = stats.norm.ppf(0.975)
    weight = (2 * z / (high - low)) ** 2
    x = np.log2(n)
    middle = np.average(x, weights=weight)
    spread = float((weight * (x - middle) ** 2).sum())
    slope = float((weight * (x - middle) * value).sum() / spread)
    return {"value": slope, "low": slope - z / spread**0.5, "high": slope + z / spread**0.5, "n_points": len(recent)}


def sentence(points: list[tuple], *, is_error: bool = False, is_share: bool = True) -> str:
    """Return in plain words whether more responses still help. points : as `trend`."""
    found = trend(points)
    if found is None:
        return f"Whether more responses help can be told from {MIN_POINTS} points on."
    sign, unit = (-1 if is_error else 1), (100 if is_share else 1)
    ends = sorted(sign * found[key] for key in ("low", "high"))
    gain = sign * found["value"]
    told = "{:+.{d}f}{u} [{:+.{d}f}, {:+.{d}f}]".format(
        unit * gain, *(unit * end for end in ends), d=1 if is_share else 2, u=" points" if is_share else ""
    )
    told = told.replace("-", "\u2212")
    opening = f"Over the last {found['n_points']} points a doubling of the responses brought {told}"
    if ends[0] > 0:
        return f"{opening}: more responses still help."
    if ends[1] < 0:
        return f"{opening}: it has got worse, so more responses do not help."
    if ends[1] < WORTH:
        return f"{opening}: more responses have stopped helping."
    return f"{opening}: the interval includes zero, so whether more responses still help cannot be told yet."
