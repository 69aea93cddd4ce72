"""The sentences of a report on its further figures: single people, certainty, groups, other collections, controls."""

from analysis import typesetting, wording
from analysis.wording import interval, percent

OUTCOMES = {
    "satisfied": "triplets satisfied",
    "named": "pictures named right by the network",
    "read": "expressions read by the probe",
    "named_f1": "classes named by the network",
    "read_f1": "classes read by the probe",
    "error": "mean error of the attributes, in standard deviations of what people said",
}


def headline(results: dict) -> str:
    """Return the one sentence that a reader takes home: of what the network says itself, else of its distances."""
    answers = results.get("answers") or {}
    if "by_split" not in answers:
        return wording.headline(results)
    opening = wording.where({"headline": answers["split"], "how": answers["how"]})
    return f"{opening}, the network {of_answers(answers)}."


def points(estimate: dict, digits: int = 0) -> str:
    """Return a difference of shares in points: "+4 points [-2, +10]"."""
    value, low, high = (f"{100 * estimate[key]:+.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} points [{low}, {high}]"


def difference(estimate: dict, outcome: str) -> str:
    """Return a difference in points, or in the units of an error."""
    if outcome != "error":
        return points(estimate)
    value, low, high = (f"{estimate[key]:+.2f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def is_certain(estimate: dict) -> bool:
    """Return whether the interval of a difference leaves zero out."""
    return estimate["low"] > 0 or estimate["high"] < 0


def of_certainty(found: dict, words: str = "votes for the nearer face") -> str:
    """Return whether a model that gives probabilities means them."""
    gap = found["confidence"] - found["right"]
    text = f"On average it was {percent(found['confidence'])} % sure, and {percent(found['right'])} % were {words}"
    ece, noise = found["ece"], found["ece_by_chance"]
    if ece["low"] <= noise or ece["value"] <= 1.5 * noise:
        text += ": as sure as it is right, as far as so many cases can tell."
    elif abs(gap) < 0.01:
        text += ": sure enough on average, but too sure in some places and not sure enough in others."
    else:
        text += f": {'too sure' if gap > 0 else 'not sure enough'}."
    t = found.get("tempered")
    if t and t["ece"]["value"] < ece["value"] - 0.01:
        softer = "softened" if t["temperature"] > 1 else "sharpened"
        text += (
            f" One number mends part of it: {softer} by a temperature of {t['temperature']:.2f}, chosen on validation "
            f"cases, the calibration error is {100 * t['ece']['value']:.1f} points instead of {100 * ece['value']:.1f}."
        )
    return text


def of_groups(found: dict) -> str:
    """Return in plain words whether some group of people fares worse, and what cannot be told."""
    n, rows = found["n_comparisons"], found["rows"]
    certain = [row for row in rows if is_certain(row["difference"])]
    opening = "One comparison was made" if n == 1 else f"{n} comparisons were made"
    allowed = (
        ""
        if n == 1
        else f"; since of {n} some would look like a gap by chance alone, each interval is widened so that "
        "all of them together hold with 95 % (Bonferroni)"
    )
    text = f"{opening}, each group against everybody else{allowed}. "
    if not certain:
        largest = max(rows, key=lambda row: abs(row["difference"]["value"]))
        return text + (
            "No gap is larger than chance explains: every interval of a difference includes zero. The largest "
            f"difference seen is {difference(largest['difference'], largest['outcome'])} for {largest['column']} "
            f"{largest['group']} ({OUTCOMES[largest['outcome']]}). That no gap was found does not mean that there is "
            "none, only that it would lie within these intervals."
        )
    told = "; ".join(
        f"{row['column']} {row['group']}: {difference(row['difference'], row['outcome'])} ({OUTCOMES[row['outcome']]})"
        for row in certain
    )
    others = len(rows) - len(certain)
    rest = f" The other {others} intervals include zero." if others else ""
    return (
        text + f"{'These gaps are' if len(certain) > 1 else 'This gap is'} larger than chance explains: {told}.{rest}"
    )


def of_elsewhere(found: dict) -> str:
    """Return what is lost on the second collection, and whether that is certain."""
    here, there = found["names"]
    said = []
    for outcome in dict.fromkeys(row["outcome"] for row in found["rows"]):
        if outcome.endswith("_f1"):
            continue  # stands in the table, beside what this says of the same answers
        rows = [row for row in found["rows"] if row["outcome"] == outcome]
        if outcome == "error":
            worse = [row["label"] for row in rows if row["drop"]["high"] < 0]
            said.append(
                f"Mean errors are certainly larger there for {', '.join(worse)}." if worse else
                "No attribute is predicted with a certainly larger error there."
            )  # fmt: skip
            continue
        first, drop = rows[0], rows[0]["drop"]
        verdict = (
            "a loss larger than chance explains" if drop["low"] > 0 else
            "better there by more than chance explains" if drop["high"] < 0 else
            "the interval includes zero, so no loss is shown and none excluded"
        )  # fmt: skip
        said.append(
            f"{OUTCOMES[outcome].capitalize()}: {interval(first['here'])} here, {interval(first['there'])} there, "
            f"{points(_less(drop))}; {verdict}."
        )
    return f"Here is {here}, there is {there}. " + " ".join(said)


def of_groups_elsewhere(found: dict) -> str:
    """Return in plain words which groups of people lose on the second collection, and whether some lose more."""
    n, rows = found["n_groups"], found["rows"]
    text = (
        f"{n} comparisons of groups were made; their intervals are widened so that all of them together "
        "hold with 95 % (Bonferroni). "
        if n > 1
        else "One group of people was compared. "
    )
    lost = [row for row in rows if row["drop"]["low"] > 0]
    if len(lost) == n:
        text += "Every group loses more than chance explains. "
    elif lost:
        text += f"These lose more than chance explains: {_each_group(lost, 'drop')}. "
    else:
        text += "For no group is a loss larger than chance explains. "
    apart = [row for row in rows if is_certain(row["more"])]
    if apart:
        return text + f"Compared with everybody else, the loss differs for {_each_group(apart, 'more')}."
    widest = max(rows, key=lambda row: abs(row["more"]["value"]))
    return text + (
        "That one group loses more than everybody else is not shown: every interval of that difference includes zero. "
        f"The largest seen is {points(_less(widest['more']))} for {widest['column']} {widest['group']} "
        f"({OUTCOMES[widest['outcome']]})."
    )


def _each_group(rows: list[dict], key: str) -> str:
    return "; ".join(
        f"{row['column']} {row['group']}, {points(_less(row[key]))} ({OUTCOMES[row['outcome']]})" for row in rows
    )


def _less(drop: dict) -> dict:
    """Return a drop as what is gained: the other sign."""
    return {"value": -drop["value"], "low": -drop["high"], "high": -drop["low"]}


def of_label_control(found: dict) -> str:
    """Return what a network trained on shuffled labels says about ours."""
    if "omitted" in found:
        return f"No control on shuffled labels: {found['omitted']}."
    start = "Trained again with the labels of its training pictures given to one another at random, the same recipe"
    if found["figure"] == "accuracy":
        lead = 100 * (found["ours"]["value"] - found["shuffled"]["value"])
        return (
            f"{start} names {interval(found['shuffled'])} of the held-out pictures rightly, where the commonest class "
            f"alone would give {percent(found['chance'])} %. What the labels taught the network is the rest, "
            f"{lead:+.0f} points."
        )
    ours, theirs = (_correlation(found[name]) for name in ("ours", "shuffled"))
    ours = f"the mean correlation is {ours}" if ours else "no correlation is defined either"
    if not theirs:
        return (
            f"{start} says the same of every held-out picture, as it should where labels tell nothing of pictures: no "
            f"correlation is defined. With the true labels {ours}."
        )
    return (
        f"{start} predicts attributes of the held-out pictures with a mean correlation of {theirs}, where 0 is "
        f"expected; with the true labels {ours}."
    )


def _correlation(estimate: dict) -> str:
    """Return "0.47 [0.40, 0.53]", "" for one that does not exist. An earlier version gave no interval."""
    if estimate["value"] is None:
        return ""
    ends = (estimate.get("low"), estimate.get("high"))
    return f"{estimate['value']:.2f}" + ("" if None in ends else " [{:.2f}, {:.2f}]".format(*ends))


def of_controls(found: dict, satisfied: dict) -> str:
    """Return what the controls say. satisfied : our estimate on the same held-out triplets."""
    text = (
        "With the verdicts of the held-out triplets drawn by a coin the network reaches "
        f"{interval(found['permuted'])}, where one half is expected."
    )
    noise = found.get("shuffled", {})
    if "share" in noise:
        lead = 100 * (satisfied["value"] - noise["share"]["value"])
        text += (
            f" Trained again on verdicts drawn by a coin, the same recipe satisfies {interval(noise['share'])} of the "
            "true held-out triplets: what the faces and the form of the network give without any judgement. What "
            f"people taught it is the rest, {lead:+.0f} points."
        )
    elif "omitted" in noise:
        text += f" No control on shuffled verdicts: {noise['omitted']}."
    other = found.get("divided", {})
    if "share" in other:
        words = {
            "triplet": "by judgement, so that it knows the faces of the held-out triplets",
            "subject": "by person, so that it has seen nobody in the held-out triplets",
        }[other["how"]]
        share = interval(other["share"])
        text += f" Trained again with the triplets divided {words}, it satisfies {share} of {other['n']:,}."
    elif "omitted" in other:
        text += f" No network with the other division: {other['omitted']}."
    return text


def of_gaps(groups: dict | None) -> str:
    """Return the sentence about groups of people, or why nothing can be told of them; "" where nobody looked."""
    if not groups:
        return ""
    if "omitted" in groups:
        return f"Whether it fails for some people more than for others cannot be told: {groups['omitted']}."
    return of_groups(groups)


def of_answers(found: dict) -> str:
    """Return the one sentence about what a network of pictures says itself."""
    of = found["by_split"][found["split"]]
    if found["kind"] == "class":
        named = (
            f"names the {len(found['names'])} classes rightly in {interval(of['accuracy'])} of {of['n']:,} pictures; "
        )
        if of["accuracy"]["value"] <= of["chance"]:
            return f"{named}that is no better than always naming the commonest, right in {percent(of['chance'])} %"
        return f"{named}always naming the commonest would be right in {percent(of['chance'])} %"
    known = [f for f in of["attributes"].values() if f["r2"]]
    if not known:
        return f"predicts {len(found['names'])} attributes, none of which varies"
    mean = sum(f["r2"]["value"] for f in known) / len(known)
    bounds = [f["bounds"]["r2"] for f in known if f["bounds"]]
    what = f"{len(known)} attributes" if len(known) > 1 else "one attribute"
    values = [f["r2"]["value"] for f in known]
    if max(values) <= 0:
        return f"predicts {what} of {of['n']:,} pictures no better than always saying their mean (R² not above 0)"
    if mean <= 0:  # one attribute that is far off would hide what the others are
        n_above = sum(value > 0 for value in values)
        text = f"predicts {n_above} of {what} of {of['n']:,} pictures better than their mean would, at best with R² "
        text += f"{max(values):.2f}"
        return text + (f"; the ratings themselves allow {sum(bounds) / len(bounds):.2f}" if bounds else "")
    sure = (of.get("means") or {}).get("r2")
    value = "{value:.2f} [{low:.2f}, {high:.2f}]".format(**sure) if sure and len(known) > 1 else f"{mean:.2f}"
    text = f"explains R² {value} of what people see in {what} of {of['n']:,} pictures"
    text += ", on average" if len(known) > 1 else ""
    return text + (f"; the ratings themselves allow {sum(bounds) / len(bounds):.2f}" if bounds else "")


def of_probes(probe: dict) -> str:
    """Return how the best baseline's classes are read off, beside those of the representation."""
    known = {name: m | {"value": m["accuracy"]} for name, m in probe.items() if isinstance(m, dict)}
    return wording.beside_baselines(known, interval)


def of_units(units: dict) -> str:
    """Return how the best baseline's action units are read off, beside those of the representation."""
    known = {name: m["weighted_f1"] for name, m in units["compared"].items()}
    return wording.beside_baselines(known, lambda estimate: f"an F1 of {typesetting.bracketed(estimate)}")
