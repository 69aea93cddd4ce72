"""The figures of a study's networks: what training measured on a split, and better ones where each was evaluated.

What training says of a share of pictures has a Wilson interval, which speaks of other pictures only; an evaluation
resamples people. Figures of neither kind have no interval and say so by None.
"""

from collections.abc import Callable

from scipy.stats import binomtest

from analysis.looking import MAX_NETWORKS
from learning.studies import STUDIES
from learning.study_results import FINISHED, StudyResults

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
#: What training calls a figure on a split: these names with "_test" or "_validation" behind them.
OF_TRAINING = ("accuracy", "f1", "mae", "pearson", "r2", "satisfied")


def measure(
    study: StudyResults, release, evaluate: Callable, *, second=None, progress: Callable | None = None
) -> dict[str, dict]:
    """Return {network: results} of every finished network that can be evaluated on the release it was trained on.

    evaluate : (name, path of its checkpoint, release, second or None) -> results. Networks that were trained on the
    second collection are left out where `second` is None, and so are networks of nothing that a release holds; those
    that the study measures on the second collection are evaluated there too.
    """
    from analysis.representation import NotComparable

    parts = STUDIES[study.study].parts if study.study in STUDIES else ()
    seconds = {part.name for part in parts if part.is_second}
    elsewhere = {part.name for part in parts if part.is_measured_elsewhere}
    found = {}
    for part in study.parts:
        here = second if part.name in seconds else release
        if part.status != FINISHED or not part.checkpoint or here is None:
            continue
        if progress is not None:
            progress(part.name)
        try:
            also = second if part.name in elsewhere else None
            found[part.name] = evaluate(part.name, study.checkpoint(part), here, also)
        except NotComparable:
            continue  # such as a network that embeds nothing: its row says what training measured
    return found


def pairs(study: str, checkpoints: dict, second, *, seed: int = 0) -> tuple[dict, dict[str, str]] | None:
    """Return what networks make of one person's happy and unhappy picture in the second collection, None without one.

    checkpoints : network -> path of its checkpoint. The networks are those that the study names, `Study.pairs`.
    """
    known = STUDIES.get(study)
    wanted = {name: checkpoints[name] for name in (known.pairs if known else ()) if name in checkpoints}
    if second is None or not wanted:
        return None
    from analysis.explaining.pairs import of_networks  # loads torch

    return of_networks(wanted, second, seed=seed)


def projections_of(study: str, network: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the wanted maps a network of a study gets: all where few networks are compared or the study sets
    it beside others, else principal components alone. The other maps cost several times the rest of an evaluation.
    """
    known = STUDIES.get(study)
    if known is None or len(known.parts) <= MAX_NETWORKS or network in known.looked_at:
        return tuple(wanted)
    return tuple(name for name in wanted if name == "pca")


def figures(metrics: dict, split: str, classes: dict, measured: dict | None) -> dict[str, dict]:
    """Return {figure: {"value", "low", "high"}}; low and high None where nothing says how sure it is."""
    found = {}
    for name in OF_TRAINING:
        if (value := metrics.get(f"{name}_{split}")) is not None:
            found[name] = {"value": value, "low": None, "high": None}
    n = classes.get("n")
    if n and "accuracy" in found:
        found["accuracy"] |= wilson(round(found["accuracy"]["value"] * n), n)
    n = metrics.get(f"n_triplets_{split}")
    if n and "satisfied" in found:
        found["satisfied"] |= wilson(round(found["satisfied"]["value"] * n), n)
    if measured is not None:
        found |= _of_space(measured, split) | _of_answers(measured, split)
    return found


def wilson(k: int, n: int) -> dict[str, float]:
    interval = binomtest(min(k, n), n).proportion_ci(method="wilson")
    return {"low": float(interval.low), "high": float(interval.high)}


def of_representation(results: dict, split: str, name: str = "embedding") -> dict[str, dict]:
    """Return shares of triplets and what probes read off a representation, the embedding or a baseline, on one split.

    On validation a probe has C = 1, which was not chosen there; on test the C that was chosen on validation. F1 and AUC
    are those over action units, as published.
    """
    found = {}
    by_split = results["satisfied"] if name == "embedding" else results["baselines"].get(name) or {}
    for key, figure in (("all", "satisfied"), ("5", "satisfied 5"), ("3", "3"), ("1", "1")):
        if key in (by_split.get(split) or {}):
            found[figure] = _estimate(by_split[split][key])
    if probe := _read_on(split, results["probe"].get(name)):
        of = probe["accuracy"]
        found["accuracy"] = _estimate(of if isinstance(of, dict) else probe | {"value": of})
    if units := _read_on(split, ((results.get("action_units") or {}).get("compared") or {}).get(name)):
        found |= {"F1": _estimate(units["weighted_f1"]), "AUC": _estimate(units["auc"])}
    return found


def _read_on(split: str, probe: dict | None) -> dict | None:
    """Return a probe's figures on a split, None where it was not read there. An earlier version read test alone."""
    if not probe or split == "train":
        return None
    return probe.get("validation") if split == "validation" else probe


def _of_space(results: dict, split: str) -> dict[str, dict]:
    """Return figures of the embedding, and its active dimensions."""
    found = of_representation(results, split)
    if "answers" in results:
        found.pop("accuracy", None)  # a network that names classes itself needs no probe to do it
    if results["dimensions"]["n_active"] is not None:
        found["active dimensions"] = {"value": results["dimensions"]["n_active"], "low": None, "high": None}
    return found


def _of_answers(results: dict, split: str) -> dict[str, dict]:
    """Return what a network of pictures answers, with intervals over people; of several attributes the means.

    The figures are those that training measured on the same split; an evaluation adds how sure they are.
    """
    of = ((results.get("answers") or {}).get("by_split") or {}).get(split)
    if of is None:
        return {}
    if results["answers"]["kind"] == "class":
        return {"accuracy": _estimate(of["accuracy"]), "f1": _estimate(of["macro_f1"])}
    only = of["attributes"].values()
    found = next(iter(only)) if len(only) == 1 else of.get("means") or {}  # an earlier version took no means
    return {name: _estimate(found[name]) for name in ("mae", "pearson", "r2") if found.get(name) is not None}


def attributes(results: dict | None, split: str) -> dict[str, dict]:
    """Return {attribute: its figures with intervals and bounds} as an evaluation has them, {} without one."""
    answers = (results or {}).get("answers") or {}
    return ((answers.get("by_split") or {}).get(split) or {}).get("attributes") or {}


def _estimate(found: dict) -> dict:
    return {key: found.get(key) for key in ("value", "low", "high")}
