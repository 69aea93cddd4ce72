"""A whole study as one dictionary that JSON takes: its tables with ours beside the published, curves, classes, drops.

The networks are those that `learning.studies` left in a folder. Given the release as well, every finished network is
evaluated and gets a report of its own, so that its figures have intervals and baselines; without it, the figures are
those that training measured, and shares of pictures have Wilson intervals that speak of other pictures only.
"""

from collections.abc import Callable

from scipy.stats import binomtest

from analysis import published
from learning.study_results import FINISHED, PartResult, StudyResults

FORMAT = "semblance-study/1"
#: figure -> (words, whether more is better, whether it is a share)
FIGURES = {
    "satisfied": ("satisfied triplets", True, True),
    "satisfied 5": ("satisfied, 5 votes ahead", True, True),
    "3": ("satisfied, 3 ahead", True, True),
    "1": ("satisfied, 1 ahead", True, True),
    "accuracy": ("accuracy", True, True),
    "f1": ("F1", True, True),
    "F1": ("weighted F1", True, True),
    "AUC": ("AUC", True, True),
    "mae": ("mean absolute error", False, False),
    "pearson": ("Pearson r", True, False),
    "r2": ("R²", True, False),
    "active dimensions": ("active dimensions", True, False),
}
#: What training calls a figure on a split.
_OF_TRAINING = {name: name for name in ("accuracy", "f1", "mae", "pearson", "r2", "satisfied")}


def study_results(study: StudyResults, measured: dict[str, dict] | None = None) -> dict:
    """Return the results of a study, ready for JSON and `study_pages.render_study`.

    measured : network -> results of `evaluation.evaluate`, for those that were evaluated.
    """
    measured = measured or {}
    parts = [_part(study, part, measured.get(part.name)) for part in study.parts]
    known = {part["name"]: part for part in parts}
    tables = study.tables or {"Networks": tuple(known)}
    left = [name for name in known if not any(name in names for names in tables.values())]
    tables = dict(tables) | ({"Also trained": tuple(left)} if left else {})
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
        "commands": commands(study),
        "split": _split(study),
        "split_by": sorted({part.metrics["split_by"] for part in study.parts if part.metrics.get("split_by")}),
        "n_finished": sum(part["status"] == FINISHED for part in parts),
        "parts": parts,
        "tables": [_table(title, names, known) for title, names in tables.items()],
        "baselines": _baselines(measured),
    }


def commands(study: StudyResults) -> list[str]:
    """Return the shell commands that train the study again and write this page."""
    changed = "".join(f" --set {key}={value}" for key, value in study.changes.items())
    second = " --second SECOND" if study.second_sha256 else ""
    return [
        f"python -m learning RELEASE --recipe {study.study} --seed {study.seed}{changed}{second} --out study",
        "python -m analysis --study study --release RELEASE --out report",
    ]


def measure(study: StudyResults, release, evaluate: Callable, *, progress: Callable | None = None) -> dict[str, dict]:
    """Return {network: results} of every finished network that can be evaluated on the release.

    evaluate : (path of a checkpoint, release) -> results. Networks of nothing that the release holds are left out.
    """
    from analysis.representation import NotComparable

    found = {}
    for part in study.parts:
        if part.status != FINISHED or not part.checkpoint:
            continue
        if progress is not None:
            progress(part.name)
        try:
            found[part.name] = evaluate(study.checkpoint(part), release)
        except NotComparable:
            continue  # such as a network that embeds nothing: its row says what training measured
    return found


def _split(study: StudyResults) -> str:
    """Return on which split the tables' figures are: the publication's, where training measured it."""
    if study.study.startswith("topological-vae"):
        return "validation"
    has_test = any(part.metrics.get(f"{name}_test") is not None for part in study.parts for name in _OF_TRAINING)
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
        "figures": _figures(metrics, split, classes, measured),
        "published": published.figures_of(study.study, part.name),
        "majority": metrics.get(f"majority_{split}"),
        "curve": part.curve,
        "classes": _by_class(classes, published.BY_CLASS.get(study.study, {}).get(part.name, {})),
        "confusion": {"names": classes["names"], "counts": classes["confusion"]} if classes else None,
        "attributes": _attributes(metrics.get(f"attributes_{split}") or {}),
        "second": _second(part.second, published.SECOND.get(study.study, {}).get(part.name)),
        "headline": measured["headline"] if measured else "",
    }


def _figures(metrics: dict, split: str, classes: dict, measured: dict | None) -> dict[str, dict]:
    """Return {figure: {"value", "low", "high"}}; low and high None where nothing says how sure it is."""
    found = {}
    for name, key in _OF_TRAINING.items():
        value = metrics.get(f"{key}_{split}")
        if value is not None:
            found[name] = {"value": value, "low": None, "high": None}
    n = classes.get("n")
    if n and "accuracy" in found:
        found["accuracy"] |= _wilson(round(found["accuracy"]["value"] * n), n)
    n = metrics.get(f"n_triplets_{split}")
    if n and "satisfied" in found:
        found["satisfied"] |= _wilson(round(found["satisfied"]["value"] * n), n)
    if measured is not None:
        found |= _measured(measured, split)
    return found


def _wilson(k: int, n: int) -> dict[str, float]:
    interval = binomtest(min(k, n), n).proportion_ci(method="wilson")
    return {"low": float(interval.low), "high": float(interval.high)}


def _measured(results: dict, split: str) -> dict[str, dict]:
    found = {}
    levels = results["satisfied"].get(split) or {}
    for key, name in (("all", "satisfied"), ("5", "satisfied 5"), ("3", "3"), ("1", "1")):
        if key in levels:
            found[name] = {k: levels[key][k] for k in ("value", "low", "high")}
    probe = results["probe"].get("embedding")
    if probe:
        found["accuracy"] = {"value": probe["accuracy"], "low": probe["low"], "high": probe["high"]}
        found["F1"] = {"value": probe["weighted_f1"], "low": None, "high": None}
    if results["dimensions"]["n_active"] is not None:
        found["active dimensions"] = {"value": results["dimensions"]["n_active"], "low": None, "high": None}
    return found


def _by_class(classes: dict, known: dict) -> list[dict]:
    if not classes:
        return []
    published_of = {name.lower(): figures for name, figures in known.items()}
    return [
        {
            "name": name,
            "n": classes["n_by_class"][k],
            "recall": classes["recall"][k],
            "precision": classes["precision"][k],
            "f1": classes["f1_by_class"][k],
            "published": next((f for key, f in published_of.items() if key[:4] == name.lower()[:4]), None),
        }
        for k, name in enumerate(classes["names"])
    ]


def _attributes(found: dict) -> list[dict]:
    """Return one row an attribute; the bound of r that human disagreement sets is the root of the R² ceiling."""
    rows = []
    for name, figures in found.items():
        ceiling = figures.get("r2_ceiling")
        rows.append({"name": name, **figures, "pearson_bound": None if ceiling is None else ceiling**0.5})
    return rows


def _second(found: dict, known: dict | None) -> dict | None:
    """Return how a network fares on the second collection: overall, by class and by group, with the drops."""
    first, second = found.get("test") or {}, found.get("second") or {}
    if not second.get("n") or not first.get("n"):
        return {"published": known} if known else None
    by_class = [
        {
            "name": name,
            "test": first["classes"]["recall"][k],
            "second": second["classes"]["recall"][k],
            "drop": _drop(first["classes"]["recall"][k], second["classes"]["recall"][k]),
            "f1": second["classes"]["f1_by_class"][k],
        }
        for k, name in enumerate(second["classes"]["names"])
    ]
    groups = [
        {"column": column, "value": value, "n": of["n"], "second": of["accuracy"],
         "drop": _drop((first["groups"].get(column, {}).get(value) or {}).get("accuracy"), of["accuracy"])}
        for column, values in second["groups"].items() for value, of in values.items()
    ]  # fmt: skip
    overall = {
        name: {"test": first[name], "second": second[name], "drop": _drop(first[name], second[name])}
        for name in ("accuracy", "f1")
    }
    n_right = round(second["accuracy"] * second["n"])
    overall["accuracy"] |= _wilson(n_right, second["n"])
    return {"n": second["n"], "overall": overall, "by_class": by_class, "groups": groups, "published": known}


def _drop(before, after) -> float | None:
    return None if before is None or after is None else before - after


def _table(title: str, names, known: dict[str, dict]) -> dict:
    """Return {"title", "columns", "published" (those of the columns that a publication fills), "rows": networks}."""
    rows = [name for name in names if name in known]
    held = {name for row in rows for kind in ("figures", "published") for name in known[row][kind]}
    columns = [name for name in FIGURES if name in held]
    has = [name for name in columns if any(name in known[row]["published"] for row in rows)]
    return {"title": title, "columns": columns, "published": has, "rows": rows}


def _baselines(measured: dict[str, dict]) -> list[dict]:
    """Return the baselines of the first network that has any, on its held-out split: they are the same for all."""
    for results in measured.values():
        split = results["splits"]["headline"]
        if split and results["baselines"]:
            probe = results["probe"]
            return [
                {"name": name, "split": split, "satisfied": by_split[split]["all"], "accuracy": _accuracy(probe, name)}
                for name, by_split in results["baselines"].items()
            ]
    return []


def _accuracy(probe: dict, name: str) -> dict | None:
    of = probe.get(name)
    return {"value": of["accuracy"], "low": of["low"], "high": of["high"]} if isinstance(of, dict) else None
