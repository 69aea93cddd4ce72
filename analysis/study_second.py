"""How a study's networks fare on its second collection: overall, by class and by group of people, with the drops.

Training leaves bare figures (`learning.transfer`); an evaluation adds intervals over the people of both collections and
what can be said with certainty (`analysis.elsewhere`).
"""

from analysis import sentences
from analysis.study_measures import wilson


def second_collection(found: dict, known: dict | None, measured: dict | None) -> dict | None:
    """Return {"n", "overall", "by_class", "groups", "published", "said"}, None where nothing is known.

    found : as `learning.transfer.measured_elsewhere`; known : what is published; measured : results of the network's
    evaluation. A row has test, second and drop; where it was evaluated also estimates {"here", "there", "drop"}.
    said : the sentences of what is certain, [] without an evaluation.
    """
    first, second = found.get("test") or {}, found.get("second") or {}
    if not second.get("n") or not first.get("n"):
        return {"published": known} if known else None
    elsewhere = (measured or {}).get("elsewhere") or {}
    rows = [row for row in elsewhere.get("rows", []) if row["outcome"] in ("named", "named_f1")]
    rows = {row["label"]: row for row in rows}
    overall = {
        name: _moved(first[name], second[name]) | _sure(rows.get(label))
        for name, label in (("accuracy", "all classes"), ("f1", "macro F1"))
    }
    if "estimates" not in overall["accuracy"]:
        overall["accuracy"] |= wilson(round(second["accuracy"] * second["n"]), second["n"])
    divided = elsewhere.get("groups") or {}
    return {
        "n": second["n"],
        "overall": overall,
        "by_class": _by_class(first["classes"], second["classes"], known or {}, rows),
        "groups": _evaluated_groups(divided) or _groups(first["groups"], second["groups"]),
        "published": known,
        "said": _said(elsewhere, divided),
    }


def _moved(before, after) -> dict:
    return {"test": before, "second": after, "drop": drop(before, after)}


def drop(before, after) -> float | None:
    return None if before is None or after is None else before - after


def of_class(known: dict, name: str) -> dict | None:
    """Return what is published of a class: anger is angry, sadness sad, surprise surprised."""
    return next((figures for key, figures in known.items() if key[:3].lower() == name[:3].lower()), None)


def _by_class(first: dict, second: dict, known: dict, rows: dict) -> list[dict]:
    return [
        {
            "name": name,
            **_moved(first["recall"][k], second["recall"][k]),
            "f1": second["f1_by_class"][k],
            "published": of_class(known.get("by_class", {}), name),
        }
        | _sure(rows.get(name))
        for k, name in enumerate(second["names"])
    ]


def _groups(first: dict, second: dict) -> list[dict]:
    return [
        {"column": column, "value": value, "n": of["n"], "second": of["accuracy"],
         "test": (first.get(column, {}).get(value) or {}).get("accuracy"),
         "drop": drop((first.get(column, {}).get(value) or {}).get("accuracy"), of["accuracy"])}
        for column, values in second.items() for value, of in values.items()
    ]  # fmt: skip


def _evaluated_groups(divided: dict) -> list[dict]:
    """Return the groups that have enough people on both sides, their drops with intervals."""
    return [
        {"column": row["column"], "value": row["group"], "n": row["there"]["n"], "test": row["here"]["value"],
         "second": row["there"]["value"], "drop": row["drop"]["value"], "more": row["more"]} | _sure(row)
        for row in divided.get("rows", []) if row["outcome"] == "named"
    ]  # fmt: skip


def _sure(row: dict | None) -> dict:
    """Return the estimates of a row of an evaluation with their values, {} without one."""
    if not row:
        return {}
    estimates = {key: row[key] for key in ("here", "there", "drop")}
    return _moved(row["here"]["value"], row["there"]["value"]) | {"estimates": estimates}


def _said(elsewhere: dict, divided: dict) -> list[str]:
    if "rows" not in elsewhere:
        return [f"Without intervals: {elsewhere['omitted']}."] if "omitted" in elsewhere else []
    groups = sentences.of_groups_elsewhere(divided) if "rows" in divided else ""
    groups = groups or (f"Groups are not compared: {divided['omitted']}." if "omitted" in divided else "")
    return [text for text in (sentences.of_elsewhere(elsewhere), groups) if text]
