"""The sentences of a report: what a figure says, in words that a reader needs no statistics for."""

NAMES = {
    "embedding": "this representation",
    "raw": "raw landmarks",
    "neutral_difference": "expression minus neutral",
    "ordinal": "ordinal embedding",
}
WHERE = {
    "subject": "On people it has never seen",
    "stimulus": "On pictures it has never seen",
    "picture": "On pictures it has never seen (of people it knows)",
    "triplet": "On judgements it has never seen (of faces it knows)",
    "none": "On the judgements it was trained on",
}


def name_of(representation: str) -> str:
    """Return how a report calls a representation.

    >>> name_of("pca_30")
    'PCA, 30 dimensions'
    """
    if representation.startswith("pca_"):
        return f"PCA, {representation.removeprefix('pca_')} dimensions"
    return NAMES[representation]


def criterion(column: str) -> str:
    """Return how a report calls what two faces may share.

    >>> criterion("class_label"), criterion("sex")
    ('expression', 'sex')
    """
    return {"subject": "person", "class_label": "expression"}.get(column, column)


def percent(value, digits=0) -> str:
    """Return a share as a percentage without its sign.

    >>> percent(0.8149)
    '81'
    """
    return "–" if value is None else f"{100 * value:.{digits}f}"


def interval(estimate: dict, digits=0) -> str:
    """Return "81 % [78, 84]"."""
    low, high = (percent(estimate[key], digits) for key in ("low", "high"))
    return f"{percent(estimate['value'], digits)} % [{low}, {high}]"


def where(splits: dict) -> str:
    """Return the opening of the headline: on whom the figures were measured."""
    if splits["headline"] == "train":
        return WHERE["none"]
    opening = WHERE[splits["how"]]
    return f"{opening}, which chose the training step" if splits["headline"] == "validation" else opening


def headline(results: dict) -> str:
    """Return the one sentence that a reader takes home."""
    split = results["splits"]["headline"]
    if split is None:
        return "This release holds no settled triplet that the representation could be measured on."
    share = results["satisfied"][split]["all"]
    sentence = where(results["splits"])
    if is_of_labels(results):
        return (
            f"{sentence}, the representation agrees with the labels in {interval(share)} of the triplets that follow "
            "from them; no person was asked. Guessing would reach 50 %."
        )
    sentence += f", the representation agrees with the majority in {interval(share)} of triplets"
    ceiling = results["ceilings"].get(split, {}).get("all", {})
    if ceiling.get("one_person"):
        sentence += f"; one more person would reach {percent(ceiling['one_person']['value'])} %"
        sentence += f", an oracle that knows the majority {percent(ceiling['oracle']['value'])} %"
        sentence += ", guessing 50 %."
    else:
        sentence += "; guessing would reach 50 %."
    return sentence


def is_of_labels(results: dict) -> bool:
    """Return whether every triplet follows from labels: such figures say nothing about how people see faces."""
    n = results.get("n") or {}
    return bool(n.get("artificial")) and n["artificial"] == n["triplets_used"]


def comparison(results: dict) -> str:
    """Return how far the representation is ahead of its best baseline, and whether that is certain."""
    split = results["splits"]["headline"]
    if split is None or not results["baselines"] or "by_split" in (results.get("answers") or {}):
        return ""  # a network that names something is held against other things than distances
    known = {name: by_split[split]["all"] for name, by_split in results["baselines"].items() if split in by_split}
    if not known:
        return ""
    best = max(known, key=lambda name: known[name]["value"])
    baseline, ahead = results["baselines"][best][split]["all"], results["gains"][split][best]
    points = 100 * ahead["value"]
    low, high = 100 * ahead["low"], 100 * ahead["high"]
    if low > 0:
        verdict = "The lead is larger than chance explains"
    elif high < 0:
        verdict = "The baseline is better by more than chance explains"
    else:
        verdict = "These cases are too few to tell the two apart"
    return (
        f"The best baseline, {name_of(best)}, reaches {percent(baseline['value'])} %: a difference of "
        f"{points:+.0f} points [{low:+.0f}, {high:+.0f}]. {verdict}."
    )


def beside_baselines(estimates: dict[str, dict], show) -> str:
    """Return how the representation does beside the best baseline on the same task, "" without one.

    estimates : {representation: estimate}, "embedding" among them; show : from an estimate to its words. The two were
    not compared case by case, so that overlapping intervals are all that is said about certainty.

    >>> beside_baselines({"embedding": {"value": 0.9, "low": 0.8, "high": 0.95},
    ...                   "raw": {"value": 0.95, "low": 0.9, "high": 0.97}}, interval)
    'The best baseline, raw landmarks, reaches more: 95 % [90, 97]; the intervals overlap.'
    """
    others = {name: estimate for name, estimate in estimates.items() if name != "embedding" and estimate}
    ours = estimates.get("embedding")
    if not ours or not others:
        return ""
    best = max(others, key=lambda name: others[name]["value"])
    theirs = others[best]
    lead = ours["value"] - theirs["value"]
    much = "less" if lead > 0 else "more" if lead < 0 else "as much"
    overlap = max(ours["low"], theirs["low"]) <= min(ours["high"], theirs["high"])
    certainty = "the intervals overlap" if overlap else "the intervals do not overlap"
    return f"The best baseline, {name_of(best)}, reaches {much}: {show(theirs)}; {certainty}."


def meaning_of_intervals(results: dict) -> str:
    """Return which cases the intervals resample."""
    split = results["splits"]["headline"]
    if split is None:
        return ""
    share = results["satisfied"][split]["all"]
    n_bootstrap = results["provenance"]["evaluation"]["n_bootstrap"]
    if share["unit"] == "subjects":
        people = "person" if share["n_units"] == 1 else "people"
        text = (
            f"Brackets are 95 % intervals from {n_bootstrap:,} bootstrap samples of the {share['n_units']} "
            f"{people} whose faces were the reference, so they speak about other people too"
        )
        if share["n_units"] < 10:
            return text + "; with so few people they are wide."
        return text + "."
    return (
        f"Brackets are 95 % intervals from {n_bootstrap:,} bootstrap samples of triplets, because the people in the "
        "pictures are unknown or too few; they speak about other judgements of these faces, not about other people."
    )


def held_out_by(results: dict) -> str:
    """Return how held-out cases were held out: triplets, or without any the pictures that a network answers about."""
    answers = results.get("answers") or {}
    if results["splits"]["headline"] is not None or "by_split" not in answers:
        return results["splits"]["how"]
    return "none" if answers["split"] == "train" else answers["how"]


def meaning_of_splits(results: dict) -> str:
    """Return how the held-out triplets were held out."""
    splits, same = results["splits"], results["provenance"]["is_same_release"]
    how = held_out_by(results)
    text = {
        "subject": "Everybody in the held-out pictures is absent from training: the split is by person.",
        "stimulus": "No held-out picture was part of training. Who is in the pictures is not known, so a person may "
        "be on both sides.",
        "picture": "No held-out picture was part of training, other pictures of the same people were.",
        "triplet": "The split is by judgement: the faces of held-out triplets were seen in training, other judgements "
        "of them too. The figures speak of new judgements of known faces, not of new faces.",
        "none": "Nothing was held out. The figures flatter the representation and say nothing about new faces.",
    }[how]
    if splits["is_validation_carved"] and "validation" in splits["counts"]:
        text += " Without validation triplets in the release, some training triplets were set aside to choose the step."
    if not same:
        text += (
            " The checkpoint was trained on another release than this one: what counts as held out here was certainly "
            "held out only if both releases divide the same people in the same way, or share nobody."
        )
    return text
