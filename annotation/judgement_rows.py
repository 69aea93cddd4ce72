"""One row of a file of judgements: checked, and turned into numbers. What is wrong is said in a sentence."""

import math
from dataclasses import dataclass

ORDINARY, SHARED, GOLD = range(3)
#: kind in the file -> (role, how the question was chosen)
KINDS = {
    "": (ORDINARY, "imported"),
    "ordinary": (ORDINARY, "imported"),
    "design": (ORDINARY, "design"),
    "random": (ORDINARY, "random"),
    "informative": (ORDINARY, "informative"),
    "artificial": (ORDINARY, "artificial"),
    "validation": (SHARED, "imported"),
    "shared": (SHARED, "imported"),
    "check": (GOLD, "gold"),
    "gold": (GOLD, "gold"),
}
SAMPLERS = ("imported", "design", "random", "informative", "gold", "artificial")
SPLITS = ("", "train", "validation", "test", "none")
UNKNOWN_MS = -(2**31)
DEFAULT_TOLERANCE = 1.0


class BadRow(ValueError):
    """What is wrong with one row."""


@dataclass(frozen=True)
class Context:
    """What rows may name: stimuli, attributes (any, where none are fixed), options; and the scale of ratings."""

    stimuli: dict[str, int]
    attributes: dict[str, int]
    has_fixed_attributes: bool
    options: dict[str, int]
    low: float
    high: float

    def stimulus(self, key: str) -> int:
        row = self.stimuli.get(key)
        if row is None:
            raise BadRow(f"there is no stimulus {key!r} in the collection" if key else "a stimulus is missing")
        return row


def check_shared(row: dict, workers: dict[str, int], max_worker_length: int) -> dict:
    worker = row["worker"]
    if not worker:
        raise BadRow("worker is empty: expected who judged")
    if len(worker) > max_worker_length:
        raise BadRow(f"worker {worker[:20]!r}... has {len(worker)} characters: expected at most {max_worker_length}")
    kind = row.get("kind", "").lower()
    if kind not in KINDS:
        raise BadRow(f"kind is {row['kind']!r}: expected {', '.join(filter(None, KINDS))} or nothing")
    split = row.get("split", "").lower()
    if split not in SPLITS:
        raise BadRow(f"split is {row['split']!r}: expected {', '.join(filter(None, SPLITS))} or nothing")
    role, sampler = KINDS[kind]
    return {
        "response_ms": _milliseconds(row.get("rt_ms", "")),
        "role": role,
        "sampler": SAMPLERS.index(sampler),
        "split": SPLITS.index(split),
        "worker": workers.setdefault(worker, len(workers)),
    }


def _milliseconds(text: str) -> int:
    """Odd times are kept as they are, negative ones too: what to make of them is the analyst's business."""
    if not text:
        return UNKNOWN_MS
    value = _number("rt_ms", text)
    if not -(2**31) < value < 2**31 - 0.5:
        raise BadRow(f"rt_ms is {text!r}: expected milliseconds that fit 32 bits")
    return round(value)


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadRow(f"{name} is {text!r}: expected a number")
    return value


def check_triplet(row: dict, role: int, context: Context) -> dict:
    reference, left, right = (context.stimulus(row[name]) for name in ("reference", "first", "second"))
    candidates = (row["first"], row["second"])
    if left == right:
        raise BadRow(f"first and second are both {row['first']!r}: expected two stimuli")
    if row["chosen"] not in candidates:
        raise BadRow(f"chosen is {row['chosen']!r}: expected {row['first']!r} or {row['second']!r}")
    expected = row.get("expected", "")
    if expected and expected not in candidates:
        raise BadRow(f"expected is {expected!r}: expected {row['first']!r} or {row['second']!r}")
    values = {"reference": reference, "left": left, "right": right, "chose_left": row["chosen"] == row["first"]}
    has_reference = reference in (left, right)
    if has_reference and role != GOLD:
        if row.get("kind"):
            raise BadRow(f"the reference {row['reference']!r} is one of the candidates: only a check may be so")
        role = GOLD
    if expected and not row.get("kind"):
        role = GOLD
    if role != GOLD:
        return values
    if not expected and not has_reference:
        raise BadRow(
            "a check question needs its reference among the candidates, or the right one in a column `expected`"
        )
    right_one = expected or row["reference"]
    return values | {"role": GOLD, "sampler": SAMPLERS.index("gold"), "expected_left": right_one == row["first"]}


def check_rating(row: dict, role: int, context: Context) -> dict:
    stimulus, attribute = context.stimulus(row["stimulus"]), row["attribute"]
    if not attribute or (context.has_fixed_attributes and attribute not in context.attributes):
        known = ", ".join(context.attributes) if context.has_fixed_attributes else "a name"
        raise BadRow(f"attribute is {attribute!r}: expected {known}")
    if len(attribute) > 80:
        raise BadRow(f"attribute has {len(attribute)} characters: expected at most 80")
    rating = _number("rating", row["rating"])
    if not context.low <= rating <= context.high:
        raise BadRow(f"rating is {row['rating']!r}: expected {context.low:g} to {context.high:g}")
    values = {"reference": stimulus, "rating": rating}
    expected = row.get("expected", "")
    if expected and not row.get("kind"):
        role = GOLD
    if role == GOLD:
        if not expected:
            raise BadRow("a check question needs the right rating in a column `expected`")
        tolerance = _number("tolerance", row["tolerance"]) if row.get("tolerance") else DEFAULT_TOLERANCE
        if tolerance < 0:
            raise BadRow(f"tolerance is {row['tolerance']!r}: expected 0 or more")
        values |= {"expected_rating": _number("expected", expected), "tolerance": tolerance, "role": GOLD}
        values["sampler"] = SAMPLERS.index("gold")
    return values | {"attribute": context.attributes.setdefault(attribute, len(context.attributes))}


def check_choice(row: dict, role: int, context: Context) -> dict:
    values = {"reference": context.stimulus(row["item"]), "label": _option(row["label"], "label", context)}
    expected = row.get("expected", "")
    if expected and not row.get("kind"):
        role = GOLD
    if role == GOLD:
        if not expected:
            raise BadRow("a check question needs the right label in a column `expected`")
        values |= {"expected_label": _option(expected, "expected", context), "role": GOLD}
        values["sampler"] = SAMPLERS.index("gold")
    return values


def _option(label: str, name: str, context: Context) -> int:
    if label not in context.options:
        raise BadRow(f"{name} is {label[:80]!r}: expected one of {', '.join(context.options)}")
    return context.options[label]
