"""The words of the explanations on a report: what is asked, of whom, and numbers with their sign."""

from analysis.wording import percent

UNITS = {"class": "pictures", "attributes": "ratings", "triplets": "places in triplets"}
HELD_OUT = {
    "test": "people who took no part in training",
    "validation": "people who chose the training step",
    "train": "the training faces, as nothing was held out",
    "probe": "people whom the probe has not seen, though the representation has",
}
ASKED = {
    "class": "What speaks for a picture's own class, against the mean of all others?",
    "attributes": "What raises or lowers a rated attribute? Scores are on the scale that people used.",
    "triplets": "Why is the anchor nearer to the positive than to the negative? Each picture is explained while the "
    "other two stay as they are.",
}


def what_is_asked(found: dict) -> str:
    """Return the question that maps of a network of pictures answer."""
    return ASKED[found["target"]]


def units(found: dict) -> str:
    """Return what was asked about, in the plural."""
    return UNITS[found["target"]]


def held_out(found: dict) -> str:
    """Return on whom explanations were made."""
    return HELD_OUT[found["split"]]


def method_name(found: dict, key: str) -> str:
    """Return how a report calls one of its methods."""
    return next(method["name"] for method in found["methods"] if method["key"] == key)


def of_manifold(found: dict) -> str:
    """Return what the tangent space of pictures is made of."""
    missed = "" if found["missed"] is None else f", which miss {percent(found['missed'])} % of how these faces differ"
    if found["has_shape"]:
        return (
            f"Bent along the {found['n_directions']} commonest movements of the landmarks of "
            f"{found['n_pictures']:,} training pictures{missed}, a face stays a face."
        )
    return (
        f"Changed by one of the {found['n_directions']} commonest differences between {found['n_pictures']:,} training "
        f"pictures{missed}, a picture stays one of its kind."
    )


def of_alignment(found: dict) -> str:
    """Return which explanations of landmarks point along faces more than the control does, and which do not.

    >>> known = {"lead": {"value": 0.2, "low": 0.1}}
    >>> of_alignment({"gradient": known, "integrated gradients": known})
    'Above the control by more than chance explains: the gradient and the integrated gradients.'
    """
    leads = {name: found[name]["lead"] for name in ("gradient", "integrated gradients")}
    known = {name: lead for name, lead in leads.items() if lead["value"] is not None}
    ahead = [name for name, lead in known.items() if lead["low"] is not None and lead["low"] > 0]
    rest = [name for name in known if name not in ahead]
    said = []
    if ahead:
        said.append(f"Above the control by more than chance explains: {_listed(ahead)}.")
    if rest:
        said.append(
            f"Not certainly above the control: {_listed(rest)}; what is seen there may be the form of faces and not "
            "what the probe learnt."
        )
    return " ".join(said)


def _listed(names: list[str]) -> str:
    return " and ".join(f"the {name}" for name in names)


def n_open(found: dict) -> int:
    """Return how many examples are seen without opening anything: one person, or the three pictures of one triplet."""
    return 3 if found["target"] == "triplets" else min(4, max(2, len(found["groups"])))


def is_one_person(found: dict) -> bool:
    """Return whether the examples begin with pictures of one person."""
    first = found["examples"][:2]
    return len(first) == 2 and first[0]["subject"] == first[1]["subject"] != ""


def with_sign(value, digits: int = 2, has_plus: bool = True) -> str:
    """Return a number with a true minus sign, – where there is none.

    >>> with_sign(-1.256), with_sign(0.5), with_sign(0.5, 1, False), with_sign(None)
    ('−1.26', '+0.50', '0.5', '–')
    """
    if value is None:
        return "–"
    text = f"{value:{'+' if has_plus else ''}.{digits}f}".replace("-", "−")
    return text.lstrip("+−") if float(text.replace("−", "-")) == 0 else text
