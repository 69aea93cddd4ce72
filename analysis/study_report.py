"""A whole study as one dictionary that JSON takes: its tables with ours beside the published, curves, classes, drops.

The networks are those that `learning.studies` left in a folder. Given the release as well, every finished network is
evaluated and gets a report of its own, so that its figures have intervals and baselines; without it, the figures are
those that training measured, and shares of pictures have Wilson intervals that speak of other pictures only.
"""

from analysis import looking, published, sentences, sentences_of_people, study_baselines, study_measures, study_spaces
from analysis.study_measures import FIGURES
from analysis.study_second import of_class, second_collection
from learning.studies import STUDIES
from learning.study_results import FINISHED, PartResult, StudyResults

FORMAT = "semblance-study/1"
#: Labels that say where a network stands in the publication, not what it is.
PLACES = ("model", "table", "row")


def study_results(
    study: StudyResults, measured: dict[str, dict] | None = None, pairs: tuple[dict, dict[str, str]] | None = None
) -> dict:
    """Return the results of a study, ready for JSON and `study_pages.render_study`.

    measured : network -> results of `evaluation.evaluate`, for those that were evaluated.
    pairs : what `explaining.pairs.of_study` found on the second collection, for a study that looks at pairs
    """
    measured = measured or {}
    parts = [_part(study, part, measured.get(part.name)) for part in study.parts]
    known = {part["name"]: part for part in parts}
    order = list(STUDIES[study.study].tables) if study.study in STUDIES else []  # a file of JSON has lost it
    tables = dict(sorted(study.tables.items(), key=lambda table: order.index(table[0]) if table[0] in order else 0))
    tables = tables or {"Networks": tuple(known)}
    left = [name for name in known if not any(name in names for names in tables.values())]
    tables = dict(tables) | ({"Also trained": tuple(left)} if left else {})
    looked_at = _looked_at(study, measured)
    panels, heatmaps = looking.panels(looked_at)
    of_people, drawn = pairs or (None, {})
    return {
        "format": FORMAT,
        "study": study.study,
        "summary": study.summary,
        "source": published.SOURCES.get(study.study, ""),
        "claims": list(published.CLAIMS.get(study.study, ())),
        "release_sha256": study.release_sha256,
        "second_sha256": study.second_sha256,
        "seed": study.seed,
        "changes": dict(study.changes),
        "commands": commands(study, measured),
        "split": _split(study),
        "split_by": sorted({part.metrics["split_by"] for part in study.parts if part.metrics.get("split_by")}),
        "n_finished": sum(part["status"] == FINISHED for part in parts),
        "parts": parts,
        "tables": [
            _table(title, names, known) | {"grid": _grid(study, title, names, known)} for title, names in tables.items()
        ],
        "without_network": study_baselines.baselines(study.study, _split(study), measured),
        "on_test": study_baselines.on_test(study.study, parts, measured),
        "looking": panels,
        "looking_omitted": looking.why_not(looked_at),
        "attribute_maps": _attribute_maps(measured),
        "spaces": study_spaces.spaces(study, parts, measured),
        "pairs": of_people,
        "heatmaps": heatmaps | drawn,
    }


def commands(study: StudyResults, measured: dict[str, dict]) -> list[str]:
    """Return the shell commands that train the study again and write this page, with the same figures."""
    changed = "".join(f" --set {key}={value}" for key, value in study.changes.items())
    second = " --second SECOND" if study.second_sha256 else ""
    how = ""
    if measured:
        first = next(iter(measured.values()))
        asked = first["provenance"]["evaluation"]
        how = f" --release RELEASE{second} --bootstrap {asked['n_bootstrap']} --seed {asked['seed']}"
        drawn = {tuple(one["provenance"]["evaluation"]["projections"]) for one in measured.values()}
        if len(drawn) == 1:  # else as many as each network gets by itself
            how += f" --projections {','.join(*drawn)}"
        if (teraflops := asked.get("explain_teraflops")) is not None:
            how += f" --explain {teraflops:g}"
        how += " --control" if "controls" in first else ""
    return [
        f"python -m learning RELEASE --recipe {study.study} --seed {study.seed}{changed}{second} --out study",
        f"python -m analysis --study study{how} --out report",
    ]


def _looked_at(study: StudyResults, measured: dict[str, dict]) -> dict[str, dict]:
    """Return the results of the networks that are set side by side: those the study names, else all."""
    known = STUDIES.get(study.study)
    chosen = known.looked_at if known and known.looked_at else tuple(measured)
    return {name: measured[name] for name in chosen if name in measured}


def _attribute_maps(measured: dict[str, dict]) -> dict | None:
    """Return the plane maps of the release's attributes, the same whichever network was evaluated; None without."""
    for results in measured.values():
        if found := results.get("attributes"):
            kept = ("method", "trustworthiness", "points", "settings")
            maps = [{key: one[key] for key in kept} for one in found["maps"] if one["n_dims"] == 2]
            return {"names": found["names"], "maps": maps}
    return None


def _split(study: StudyResults) -> str:
    """Return on which split the tables' figures are: the publication's, where training measured it."""
    if study.study.startswith("topological-vae"):
        return "validation"
    has_test = any(
        part.metrics.get(f"{name}_test") is not None for part in study.parts for name in study_measures.OF_TRAINING
    )
    return "test" if has_test else "validation"


def _part(study: StudyResults, part: PartResult, measured: dict | None) -> dict:
    split, metrics = _split(study), part.metrics
    classes = metrics.get(f"classes_{split}") or {}
    return {
        "name": part.name,
        "recipe": part.recipe,
        "status": part.status,
        "message": part.message,
        "warning": metrics.get("warning") or metrics.get("overfit") or "",
        "labels": dict(part.labels),
        "seconds": part.seconds,
        "figures": study_measures.figures(metrics, split, classes, measured),
        "published": published.figures_of(study.study, part.name),
        "majority": metrics.get(f"majority_{split}"),
        "of_the_mean": metrics.get(f"mae_of_mean_{split}"),
        "curve": part.curve,
        "classes": _by_class(classes, published.BY_CLASS.get(study.study, {}).get(part.name, {})),
        "confusion": {"names": classes["names"], "counts": classes["confusion"]} if classes else None,
        "published_confusion": _published_confusion(study, part),
        "attributes": _attributes(metrics.get(f"attributes_{split}") or {}, study_measures.attributes(measured, split)),
        "second": second_collection(part.second, published.SECOND.get(study.study, {}).get(part.name), measured),
        "headline": measured["headline"] if measured else "",
        "tangent": _tangent(measured),
        "tangent_omitted": (((measured or {}).get("explanations") or {}).get("tangent") or {}).get("omitted"),
        "gaps": sentences.of_gaps((measured or {}).get("groups")),
        "controls": _controls(measured or {}),
        "raters": ((measured or {}).get("answers") or {}).get("raters"),
        "with_people": sentences_of_people.of_people_who_rate(study_measures.attributes(measured, split)),
    }


def _controls(measured: dict) -> str:
    """Return what the network trained on shuffled labels or verdicts says of ours, "" where there is none."""
    found = measured.get("controls") or {}
    if "labels" in found:
        return sentences.of_label_control(found["labels"])
    if "permuted" in found:
        return sentences.of_controls(found, measured["satisfied"][found["split"]]["all"])
    return ""


def _published_confusion(study: StudyResults, part: PartResult) -> dict | None:
    known = published.CONFUSION.get(study.study, {}).get(part.name)
    return known and {"names": list(known[0]), "counts": known[1]}


def _tangent(measured: dict | None) -> list[dict]:
    """Return a row a method: how far its heat maps lie in the tangent space of faces, beside controls and chance."""
    explained = (measured or {}).get("explanations") or {}
    found, words = explained.get("tangent") or {}, {m["key"]: m["name"] for m in explained.get("methods", ())}
    return [
        {"name": words.get(row["method"], row["method"]), "chance": found["chance"], "control": None} | row
        for row in found.get("rows", ())
    ]


def _by_class(classes: dict, known: dict) -> list[dict]:
    if not classes:
        return []
    return [
        {
            "name": name,
            "n": classes["n_by_class"][k],
            "recall": classes["recall"][k],
            "precision": classes["precision"][k],
            "f1": classes["f1_by_class"][k],
            "published": of_class(known, name),
        }
        for k, name in enumerate(classes["names"])
    ]


def _attributes(found: dict, measured: dict) -> list[dict]:
    """Return one row an attribute; the bound of r that human disagreement sets is the root of the R² ceiling.

    measured : attribute -> figures of an evaluation, whose intervals stand in "estimates".
    """
    rows = []
    for name, figures in found.items():
        ceiling = figures.get("r2_ceiling")
        of = measured.get(name) or {}
        estimates = {key: of[key] for key in ("pearson", "r2", "mae") if of.get(key)}
        bound = (of.get("bounds") or {}).get("pearson", None if ceiling is None else ceiling**0.5)
        people = of.get("people") or {}
        one, lead = people.get("one_person"), people.get("lead")
        reliability = (of.get("bounds") or {}).get("reliability")
        known = {"reliability": reliability, "one_person": one, "lead": lead}
        rows.append({"name": name, **figures, "pearson_bound": bound, "estimates": estimates} | known)
    return rows


def _grid(study: StudyResults, title: str, names, known: dict[str, dict]) -> dict | None:
    """Return {"rows", "columns", "cells": network or None}, where the publication shows this table as a grid."""
    whole = STUDIES.get(study.study)
    if whole is None or title not in whole.grids:
        return None
    of_row, of_column = whole.grids[title]
    places = {
        name: (", ".join(known[name]["labels"][label] for label in of_row), known[name]["labels"][of_column])
        for name in names
        if name in known
    }
    rows, columns = (list(dict.fromkeys(place[k] for place in places.values())) for k in (0, 1))
    at = {place: name for name, place in places.items()}
    cells = [[at.get((row, column)) for column in columns] for row in rows]
    return {"rows": rows, "columns": columns, "cells": cells, "words": [" and ".join(of_row), of_column]}


def _table(title: str, names, known: dict[str, dict]) -> dict:
    """Return {"title", "columns", "published" (those of the columns that a publication fills), "rows": networks,
    "settings": labels in which they differ, more than by their place, "has_states": whether a state tells anything}.
    """
    rows = [name for name in names if name in known]
    has = [name for name in FIGURES if any(name in known[row]["published"] for row in rows)]
    held = {name for row in rows for name in known[row]["figures"]}
    # Beside what is published, what training measured; what else an evaluation finds is on the network's own page.
    held = set(has) | (held & set(study_measures.OF_TRAINING)) if has else held
    held -= {"satisfied"} if "satisfied 5" in has else set()  # level by level, as published
    columns = [name for name in FIGURES if name in held]
    labels = dict.fromkeys(label for row in rows for label in known[row]["labels"] if label not in PLACES)
    differ = [label for label in labels if len({known[row]["labels"].get(label) for row in rows}) > 1]
    plain = [known[row]["status"] == FINISHED and known[row]["majority"] is None for row in rows]
    has_states = not all(plain) or any(known[row]["of_the_mean"] is not None for row in rows)
    found = {"title": title, "columns": columns, "published": has, "rows": rows}
    return found | {"settings": differ, "has_states": has_states}
