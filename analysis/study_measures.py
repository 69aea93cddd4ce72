"""The figures of a study's networks: what training measured on a split, and better ones where each was evaluated.

What training says of a share of pictures has a Wilson interval, which speaks of other pictures only; an evaluation
resamples people. Figures of neither kind have no interval and say so by None.
"""

from collections.abc import Callable

from scipy.stats import binomtest

from learning.studies import STUDIES
from learning.study_results import FINISHED, StudyResults

#: What training calls a figure on a split: these names with "_test" or "_validation" behind them.
OF_TRAINING = ("accuracy", "f1", "mae", "pearson", "r2", "satisfied")


def measure(
    study: StudyResults, release, evaluate: Callable, *, second=None, progress: Callable | None = None
) -> dict[str, dict]:
    """Return {network: results} of every finished network that can be evaluated on the release it was trained on.

    evaluate : (path of a checkpoint, release) -> results. Networks that were trained on the second collection are left
    out where `second` is None, and so are networks of nothing that a release holds.
    """
    from analysis.representation import NotComparable

    seconds = {part.name for part in STUDIES[study.study].parts if part.is_second} if study.study in STUDIES else set()
    found = {}
    for part in study.parts:
        here = second if part.name in seconds else release
        if part.status != FINISHED or not part.checkpoint or here is None:
            continue
        if progress is not None:
            progress(part.name)
        try:
            found[part.name] = evaluate(study.checkpoint(part), here)
        except NotComparable:
            continue  # such as a network that embeds nothing: its row says what training measured
    return found


def pairs(study: StudyResults, checkpoints: dict, second, *, seed: int = 0) -> tuple[dict, dict[str, str]] | None:
    """Return what networks make of one person's happy and unhappy picture in the second collection, None without one.

    checkpoints : network -> path of its checkpoint. The networks are those that the study names, `Study.pairs`.
    """
    known = STUDIES.get(study.study)
    wanted = {name: checkpoints[name] for name in (known.pairs if known else ()) if name in checkpoints}
    if second is None or not wanted:
        return None
    from analysis.explaining.pairs import of_networks  # loads torch

    return of_networks(wanted, second, seed=seed)


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
        found |= _of_triplets(measured, split) | _of_answers(measured, split)
    return found


def wilson(k: int, n: int) -> dict[str, float]:
    interval = binomtest(min(k, n), n).proportion_ci(method="wilson")
    return {"low": float(interval.low), "high": float(interval.high)}


def _of_triplets(results: dict, split: str) -> dict[str, dict]:
    """Return shares of triplets, what a probe reads off the space, and active dimensions."""
    found = {}
    levels = results["satisfied"].get(split) or {}
    for key, name in (("all", "satisfied"), ("5", "satisfied 5"), ("3", "3"), ("1", "1")):
        if key in levels:
            found[name] = _estimate(levels[key])
    probe = results["probe"].get("embedding")
    if probe and "answers" not in results:  # a network that names classes itself needs no probe to do it
        found["accuracy"] = {"value": probe["accuracy"], "low": probe["low"], "high": probe["high"]}
        found["F1"] = {"value": probe["weighted_f1"], "low": None, "high": None}
        if probe.get("auc"):
            found["AUC"] = _estimate(probe["auc"])
    if results["dimensions"]["n_active"] is not None:
        found["active dimensions"] = {"value": results["dimensions"]["n_active"], "low": None, "high": None}
    return found


def _of_answers(results: dict, split: str) -> dict[str, dict]:
    """Return what a network of pictures answers, with intervals over people; of several attributes the mean, without.

    The figures are those that training measured on the same split; an evaluation adds how sure they are.
    """
    of = ((results.get("answers") or {}).get("by_split") or {}).get(split)
    if of is None:
        return {}
    if results["answers"]["kind"] == "class":
        return {"accuracy": _estimate(of["accuracy"]), "f1": _estimate(of["macro_f1"])}
    if len(of["attributes"]) > 1:
        return {}
    (only,) = of["attributes"].values()
    return {name: _estimate(only[name]) for name in ("mae", "pearson", "r2") if only[name] is not None}


def attributes(results: dict | None, split: str) -> dict[str, dict]:
    """Return {attribute: its figures with intervals and bounds} as an evaluation has them, {} without one."""
    answers = (results or {}).get("answers") or {}
    return ((answers.get("by_split") or {}).get(split) or {}).get("attributes") or {}


def _estimate(found: dict) -> dict:
    return {key: found.get(key) for key in ("value", "low", "high")}


def baselines(measured: dict[str, dict]) -> list[dict]:
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
