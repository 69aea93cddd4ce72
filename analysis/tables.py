"""The figures of a report as CSV, one tidy table a subject: one number a row, with its interval."""

import csv
import io
import json

from analysis import detail_tables

#: Pictures and weights: what a file of numbers does not hold.
HEAVY = ("pictures", "sheets", "decoder", "heatmaps")


def as_json(value, indent: str = "") -> str:
    """Return JSON that people can read: a line a key, lists of plain values on one line, which takes half the room.

    nan is refused with ValueError.

    >>> print(as_json({"n": 2, "points": [[0.5, 1], [2, 3]], "of": {}}))
    {
     "n": 2,
     "points": [
      [0.5, 1],
      [2, 3]
     ],
     "of": {}
    }
    """
    inner = indent + " "
    if isinstance(value, dict) and value:
        ends, parts = "{}", [f"{_plain(str(key))}: {as_json(item, inner)}" for key, item in value.items()]
    elif isinstance(value, list | tuple) and any(isinstance(item, dict | list | tuple) for item in value):
        ends, parts = "[]", [as_json(item, inner) for item in value]
    else:
        return _plain(value)
    body = f",\n{inner}".join(parts)
    return f"{ends[0]}\n{inner}{body}\n{indent}{ends[1]}"


def _plain(value) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def numbers(results: dict) -> dict:
    """Return the results less the small pictures and the decoder's weights: what a file of numbers holds."""
    return {name: value for name, value in results.items() if name not in HEAVY}


def all_tables(results: dict) -> dict[str, list[dict]]:
    """Return {name: rows} of every table; one that the results say nothing about has no rows."""
    return {
        "satisfied": satisfied(results),
        "ceilings": ceilings(results),
        "probe": probe(results),
        "dimensions": dimensions(results),
        "curves": curves(results),
        "maps": maps(results),
        **detail_tables.tables(results),
        "explanations": explanations(results),
        "trust": trust(results),
    }


def as_csv(rows: list[dict]) -> str:
    """Return rows as CSV with every column that any of them has."""
    out = io.StringIO()
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(out, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def maps(results: dict) -> list[dict]:
    """Return one row a face that the maps show: its labels, and its place on every map."""
    shown, rows = results["projection"], []
    for k, key in enumerate(shown["key"]):
        row = {"stimulus": key, **{name: shown[name][k] for name in ("subject", "class_label", "split")}}
        for one in shown.get("maps") or []:
            row |= {f"{one['id']}-{axis}": v for axis, v in zip("xyz", one["points"][k], strict=False)}
        rows.append(row)
    return rows


def satisfied(results: dict) -> list[dict]:
    """Return one row a representation, split and agreement level."""
    found = {"embedding": results["satisfied"], **results["baselines"]}
    return [
        {"representation": name, "split": split, "level": level, **share}
        for name, by_split in found.items()
        for split, levels in by_split.items()
        for level, share in levels.items()
    ]


def ceilings(results: dict) -> list[dict]:
    """Return one row a split, agreement level and ceiling; unknown ceilings are left out."""
    return [
        {
            "split": split,
            "level": level,
            "ceiling": kind,
            **{key: of[kind].get(key) for key in ("value", "low", "high")},
        }
        for split, levels in results["ceilings"].items()
        for level, of in levels.items()
        for kind in ("one_person", "oracle")
        if of[kind]
    ]


def probe(results: dict) -> list[dict]:
    """Return one row a representation; none where there was nothing to probe."""
    columns = ("accuracy", "low", "high", "n", "weighted_f1", "c", "accuracy_c1", "weighted_f1_c1", "is_converged")
    return [
        {
            "representation": name,
            **{column: figures.get(column) for column in columns},
            "auc": (figures.get("auc") or {}).get("value"),
        }
        for name, figures in results["probe"].items()
        if isinstance(figures, dict)
    ]


def dimensions(results: dict) -> list[dict]:
    """Return one row a latent dimension, the most active first."""
    known = results["dimensions"]
    columns = {"kl": known["kl"], "variance": known["spread"], "decoder_norm": known["decoder_norm_latent"]}
    return [
        {"dimension": k, **{name: None if values is None else values[k] for name, values in columns.items()}}
        for k in known["order"]
    ]


def curves(results: dict) -> list[dict]:
    """Return one row a point of the learning curve, with every metric that any point has."""
    names = list(dict.fromkeys(name for point in results["curves"] for name in point))
    return [{name: point.get(name) for name in names} for point in results["curves"]]


def explanations(results: dict) -> list[dict]:
    """Return one row a part of the face and figure: shares of relevance by method, changes of the score by group."""
    found = results.get("explanations") or {}
    rows = [
        {"figure": "share of relevance", "of": table["method"], "part": part["part"], **part["share"],
         "chance": part["area"]}
        for table in found.get("shares", []) for part in table["parts"]
    ]  # fmt: skip
    for table in found.get("occlusion", []):
        for part in table["parts"]:
            of = {"of": table["group"], "part": part["part"]}
            rows.append({"figure": "change of the score without it"} | of | part["change"] | {"chance": 0.0})
            chance = 1 / len(table["parts"])
            rows.append({"figure": "share where it lowers the score most"} | of | part["lowest"] | {"chance": chance})
    return rows


def trust(results: dict) -> list[dict]:
    """Return one row a method of explanation: how far to trust it."""
    found = (results.get("explanations") or {}).get("trust") or {}
    columns = ("deletion_area", "insertion_area", "sensitivity", "sparseness")
    return [
        {"method": method, **{column: figures.get(column) for column in columns}}
        | {"left_at_random": (figures.get("randomised") or [{}])[-1].get("agreement")}
        | {"conservation": (figures.get("conservation") or {}).get("median")}
        for method, figures in found.get("methods", {}).items()
    ]
