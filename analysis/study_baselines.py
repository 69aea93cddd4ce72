"""The rows of a study's tables that are not one network on one split: what landmarks say without a network, and how the
best network of each model, chosen on validation, fares on test.
"""

from analysis import study_measures
from analysis.published_baselines import BASELINES, ON_TEST

#: The baseline that stands beside the best networks on test, as in the thesis.
BESIDE = ("raw", "pca_30", "neutral_difference")


def baselines(study: str, split: str, measured: dict[str, dict]) -> dict | None:
    """Return {"title", "split", "columns", "published", "rows": [{"name", "figures", "published"}]}, or None.

    The baselines are the same whichever network was evaluated; the first that has any gives them. Figures are those of
    `split`, on which the study's tables are; where a release has none, those that the evaluation takes home.
    """
    title, known = BASELINES.get(study, ("Without a network", {}))
    for results in measured.values():
        split = split if split in results["satisfied"] else results["splits"]["headline"]
        if split and results["baselines"]:
            published = known.get(split, {})
            rows = [_row(results, split, name, published) for name in results["baselines"]]
            return {"title": title, "split": split, "rows": rows} | _columns(rows)
    return None


def on_test(study: str, parts: list[dict], measured: dict[str, dict]) -> dict | None:
    """Return the table of the best network of each model on test, as `baselines`, None where there is none.

    parts : as `study_report.study_results` has them, with figures on validation. A row has "network" where it is one.
    """
    if study not in ON_TEST:
        return None
    title, chosen_by, known = ON_TEST[study]
    tested = {name: of for name, of in measured.items() if "test" in of["satisfied"]}
    if not tested:
        return None
    first, published = next(iter(tested.values())), BASELINES[study][1]["test"]
    rows = [_row(first, "test", name, published) for name in BESIDE if name in first["baselines"]]
    for model, figures in known.items():
        best = _best(
            [part for part in parts if part["labels"].get("model") == model and part["name"] in tested], chosen_by
        )
        if best:
            row = {"name": f"Model {model}", "network": best, "published": figures}
            rows.append(row | {"figures": study_measures.of_representation(tested[best], "test")})
    return {"title": title, "split": "test", "chosen_by": chosen_by, "rows": rows} | _columns(rows)


def _row(results: dict, split: str, name: str, published: dict) -> dict:
    figures = study_measures.of_representation(results, split, name)
    return {"name": name, "figures": figures, "published": published.get(name, {})}


def _best(parts: list[dict], chosen_by: str) -> str | None:
    """Return the network with the best figure, of several the one that satisfies most triplets, then the first."""

    def value(part: dict, *names: str) -> float:
        return next((part["figures"][name]["value"] for name in names if name in part["figures"]), -1.0)

    known = [part for part in parts if chosen_by in part["figures"]]
    best = max(known, key=lambda part: (value(part, chosen_by), value(part, "satisfied 5", "satisfied")), default=None)
    return best and best["name"]


def _columns(rows: list[dict]) -> dict:
    """Return which figures the table shows: those that are published of any row, where any is."""
    published = [name for name in study_measures.FIGURES if any(name in row["published"] for row in rows)]
    ours = [name for name in study_measures.FIGURES if any(name in row["figures"] for row in rows)]
    return {"columns": published or ours, "published": published}
