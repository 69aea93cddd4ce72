"""The further figures of a report as tidy rows: one number a row, with its interval. `analysis.tables` writes them."""

ESTIMATE = ("value", "low", "high", "n", "unit", "n_units")


def tables(results: dict) -> dict[str, list[dict]]:
    """Return {name of the CSV: rows}; parts that the results do not hold have no rows."""
    return {
        "kinds": kinds(results),
        "annotators": annotators(results),
        "criteria": criteria(results),
        "individuals": individuals(results),
        "calibration": calibration(results),
        "classes": classes(results),
        "confusion": confusion(results),
        "action_units": action_units(results),
        "attributes": attributes(results),
        "attribute_correlations": correlations(results),
        "people_who_rate": people_who_rate(results),
        "raters": raters(results),
        "groups": groups(results),
        "elsewhere": elsewhere(results),
        "controls": controls(results),
    }


def part(results: dict, name: str) -> dict:
    """Return a part of the results, {} where it is absent or was left out."""
    found = results.get(name) or {}
    return {} if "omitted" in found else found


def _estimate(found: dict | None) -> dict:
    return {key: (found or {}).get(key) for key in ESTIMATE}


def kinds(results: dict) -> list[dict]:
    """Return one row a kind of triplet and representation, ceilings as further representations."""
    found = part(results, "kinds")
    rows = []
    for row in found.get("rows", []):
        named = {"split": found["split"], "group": row["group"], "kind": row["key"]}
        rows += [named | {"representation": name} | _estimate(share) for name, share in row["shares"].items()]
        rows += [named | {"representation": k} | _estimate(row[k]) for k in ("one_person", "oracle") if row[k]]
    return rows


def annotators(results: dict) -> list[dict]:
    return list(part(results, "annotators").get("people", []))


def criteria(results: dict) -> list[dict]:
    """Return one row a person and criterion, and one a criterion for the usual person, whose annotator is empty."""
    found = part(results, "criteria")
    rows = []
    for c, column in enumerate(found.get("columns", [])):
        named = {"criterion": column["name"], "spread": column["spread"]}
        rows.append(named | {"annotator": None} | _estimate(column))
        rows += [
            named | {"annotator": person["annotator"]} | _estimate(person["by"][c] | {"n": person["n"]})
            for person in found["people"]
        ]
    return rows


def individuals(results: dict) -> list[dict]:
    """Return one row a person and number that the network holds of them, in multiples of the usual person's."""
    found, rows = part(results, "individuals"), []
    for person in found.get("people", []):
        known = {f"dimension {k}": weight for k, weight in enumerate(person["weights"], start=1)}
        known |= {name: person[name] for name in ("consistency", "left", "same_side") if person[name]}
        named = {"annotator": person["annotator"], "n": person["n"]}
        rows += [named | {"of": name} | estimate for name, estimate in known.items()]
    return rows


def calibration(results: dict) -> list[dict]:
    """Return one row a bin of a reliability diagram, and the scores of each model as rows without a bin."""
    found = {"triplets": part(results, "calibration")}
    answers = part(results, "answers")
    if answers.get("kind") == "class":
        found["classes"] = answers["by_split"][answers["split"]]["calibration"]
    rows = []
    for of, figures in found.items():
        for score in ("brier", "ece"):
            if figures.get(score):
                rows.append({"of": of, "figure": score, "bin": None, "confidence": None} | _estimate(figures[score]))
        rows += [
            {"of": of, "figure": "right", "bin": k, "confidence": b["confidence"]} | _estimate(b["share"])
            for k, b in enumerate(figures.get("bins", []))
        ]
    return rows


def _classifiers(results: dict) -> dict[str, dict]:
    """Return {who: {"classes", "confusion", "names"}} of the probes and of the network's own answers."""
    probe, answers = part(results, "probe"), part(results, "answers")
    found = {
        f"probe of {name}": figures | {"names": probe["classes"]}
        for name, figures in probe.items()
        if isinstance(figures, dict)
    }
    if answers.get("kind") == "class":
        found["network"] = answers["by_split"][answers["split"]] | {"names": answers["names"]}
    return found


def classes(results: dict) -> list[dict]:
    """Return one row a classifier, class and figure."""
    return [
        {"classifier": who, "class": one["name"], "figure": figure} | _estimate(one[figure])
        for who, found in _classifiers(results).items()
        for one in found.get("classes", [])  # results of older versions had none
        for figure in ("recall", "precision", "f1", "auc")
        if one[figure]
    ]


def confusion(results: dict) -> list[dict]:
    """Return one row a classifier, true class and class said, with its count."""
    return [
        {"classifier": who, "true": found["names"][i], "said": found["names"][j], "n": n}
        for who, found in _classifiers(results).items()
        for i, counts in enumerate(found["confusion"])
        for j, n in enumerate(counts)
    ]


def action_units(results: dict) -> list[dict]:
    """Return one row a representation, action unit ("all": averages) and figure."""
    rows = []
    for name, found in part(results, "action_units").get("compared", {}).items():
        averages = [("all", figure, found[figure]) for figure in ("accuracy", "weighted_f1", "auc")]
        each = [(unit["name"], figure, unit[figure]) for unit in found["units"] for figure in ("accuracy", "f1", "auc")]
        rows += [
            {"representation": name, "action_unit": unit, "figure": figure, "c": found["c"]} | _estimate(value)
            for unit, figure, value in averages + each
        ]
    return rows


def attributes(results: dict) -> list[dict]:
    """Return one row an attribute and figure, with what bounds it."""
    found = part(results, "answers")
    if found.get("kind") != "attributes":
        return []
    return [
        {"split": split, "attribute": name, "figure": figure, "bound": (of["bounds"] or {}).get(figure)}
        | _estimate(of[figure])
        for split, by_attribute in found["by_split"].items()
        for name, of in by_attribute["attributes"].items()
        for figure in ("mae", "pearson", "r2")
        if of[figure]
    ]


def people_who_rate(results: dict) -> list[dict]:
    """Return one row an attribute: how far people agree, what one more of them reaches, and the network's lead."""
    found = part(results, "answers")
    if found.get("kind") != "attributes":
        return []
    plain = ("n", "n_a_picture", "icc", "icc_mean")
    return [
        {"attribute": name, "reliability": (of["bounds"] or {}).get("reliability")}
        | {key: of["people"][key] for key in plain}
        | {f"{figure}_{end}": (of["people"][figure] or {}).get(end) for figure in ("one_person", "lead")
           for end in ("value", "low", "high")}
        for name, of in found["by_split"][found["split"]]["attributes"].items()
        if of.get("people")
    ]  # fmt: skip


def raters(results: dict) -> list[dict]:
    """Return one row a group of people who rated: correlations with their ratings, and the differences from others."""
    return [
        {key: row[key] for key in ("field", "group", "n_raters", "n_ratings")}
        | {f"{figure}_{end}": (row[figure] or {}).get(end) for figure in
           ("network", "difference", "person", "person_difference") for end in ("value", "low", "high")}
        for row in (part(results, "answers").get("raters") or {}).get("rows", [])
    ]  # fmt: skip


def correlations(results: dict) -> list[dict]:
    """Return one row a pair of attributes: for people, for the network, and across the two."""
    found = part(results, "answers")
    if found.get("kind") != "attributes":
        return []
    names, cross = found["names"], found["by_split"][found["split"]]["cross"]
    return [
        {"of": of, "row": names[i], "column": names[j], "correlation": value}
        for of, matrix in cross.items()
        for i, values in enumerate(matrix)
        for j, value in enumerate(values)
    ]


def groups(results: dict) -> list[dict]:
    """Return one row a group and outcome: its figure, and its difference from everybody else."""
    return [
        {"outcome": row["outcome"], "column": row["column"], "group": row["group"], "n_subjects": row["n_subjects"]}
        | _estimate(row["figure"])
        | {f"difference_{key}": row["difference"][key] for key in ("value", "low", "high")}
        for row in part(results, "groups").get("rows", [])
    ]


def elsewhere(results: dict) -> list[dict]:
    """Return one row a figure that both collections allow, then one a group of people: here, there and the drop.

    Of groups also "more", how much larger their drop is than everybody else's.
    """
    found = part(results, "elsewhere")
    groups = [row | {"label": f"{row['column']} {row['group']}"} for row in (found.get("groups") or {}).get("rows", [])]
    return [
        {"outcome": row["outcome"], "label": row["label"]}
        | {
            f"{side}_{key}": row[side][key]
            for side in ("here", "there", "drop", "more")
            for key in ("value", "low", "high", "n")
            if side in row
        }
        for row in [*found.get("rows", []), *groups]
    ]


def controls(results: dict) -> list[dict]:
    """Return one row a control."""
    found = part(results, "controls")
    labels = found.get("labels", {})
    if "shuffled" in labels:
        return [{"control": f"labels shuffled, {labels['figure']}"} | _estimate(labels["shuffled"])]
    rows = [{"control": "permuted"} | _estimate(found["permuted"])] if "permuted" in found else []
    return rows + [
        {"control": name} | _estimate(found[name]["share"])
        for name in ("shuffled", "divided")
        if "share" in found.get(name, {})
    ]
