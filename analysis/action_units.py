"""Linear probes of action units: which muscle movements can be read off a frozen representation.

One LinearSVC a unit after standardising on the training subjects, a stimulus showing any number of units; present and
absent weigh the same, as in the thesis, since most units are seldom present. One C for all units, chosen on the
validation subjects; C = 1 is reported beside it, as the published tables use it. Averages are weighted by how often a
unit is present, as in the published table of spontaneous expressions.
"""

import re
from dataclasses import dataclass

import numpy as np

from analysis import probes
from analysis.classification import auc, plain
from analysis.probes import NothingToProbe
from analysis.resampling import Resample, Units, linear_estimate, units_of
from triplets.intervals import RATE, SHARE

#: A unit is probed that training shows so often, and as often does not show.
MIN_PER_KIND = 5
#: Intensities from 0 to 5 count as present from here on, shares up to 1 from the half.
PRESENT_FROM, PRESENT_SHARE = 2.0, 0.5


@dataclass(frozen=True)
class UnitPlan:
    """Who teaches and who tests.

    names : (u,) units; present : (m, u) 1, 0 or -1 unknown; folds, how : as `probes.Plan`; left_out : too rare
    """

    names: tuple[str, ...]
    present: np.ndarray
    folds: tuple
    how: str
    left_out: tuple[str, ...]


def presence(values) -> np.ndarray:
    """Return (n,) int8: 1 where a unit is present, 0 where not, -1 unknown.

    values : (n,) float, nan unknown. Codes of 0 and 1 as they are; other values up to 1 are shares; beyond 1 they are
    intensities from 0 to 5.
    """
    values = np.asarray(values, np.float64)
    known = np.isfinite(values)
    threshold = PRESENT_FROM if known.any() and values[known].max() > 1 else PRESENT_SHARE
    return np.where(known, np.nan_to_num(values) >= threshold, -1).astype(np.int8)


def in_order(name: str) -> list:
    """Return the key by which AU2 comes before AU10.

    >>> sorted(["AU12", "AU2", "AU1"], key=in_order)
    ['AU1', 'AU2', 'AU12']
    """
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def plan(action_units: dict, subject, split) -> UnitPlan:
    """Return how to probe these stimuli. action_units : name -> (m,) float; subject, split : (m,) str.

    NothingToProbe says why a probe would mean nothing.
    """
    if not action_units:
        raise NothingToProbe("the release knows no action units")
    action_units = {name: action_units[name] for name in sorted(action_units, key=in_order)}
    present = np.column_stack([presence(values) for values in action_units.values()])
    folds, how = probes.folds_by_subject((present >= 0).any(1), subject, split)
    taught, tested = (np.concatenate([fold[k] for fold in folds]) for k in (0, 2))
    is_usable = [
        all(_both(present[fold[0], u], MIN_PER_KIND) for fold in folds) and _both(present[tested, u], 1)
        for u in range(present.shape[1])
    ]
    names = np.array(list(action_units))
    if not any(is_usable):
        raise NothingToProbe(
            f"no action unit is present {MIN_PER_KIND} times and absent as often among {len(set(taught.tolist()))} "
            "training stimuli and occurs among the test stimuli"
        )
    kept = np.array(is_usable)
    return UnitPlan(tuple(names[kept].tolist()), present[:, kept], folds, how, tuple(names[~kept].tolist()))


def _both(present: np.ndarray, n: int) -> bool:
    return min((present == 1).sum(), (present == 0).sum()) >= n


def probe(features, subject, plan: UnitPlan, *, n_bootstrap=1000, seed=0) -> dict:
    """Return accuracy, weighted F1 and weighted AUC over action units, and the same of each, ready for JSON.

    features : (m, d) float; subject : (m,) str. {"accuracy", "weighted_f1", "auc": estimates, "weighted_f1_c1",
    "auc_c1": values with C = 1, "c", "is_converged", "units": [{"name", "n", "n_present", "accuracy", "f1", "auc"}],
    "validation": the three averages on the validation stimuli with C = 1, which was not chosen on them, or None}
    """
    features = np.asarray(features, np.float64)
    c, converged, rows, scores, with_one, held = None, True, [], [], [], None
    for train, validation, test in plan.folds:
        c, ok = _choose_c(features, plan.present, train, validation) if len(validation) else (None, True)
        train = probes.some_of(train, probes.MAX_TAUGHT)
        both, fitted_one = _scores(features, plan.present, train, np.concatenate([validation, test]), 1.0, seed)
        one = both[len(validation) :]
        score, fitted = (one, fitted_one) if c in (None, 1.0) else _scores(features, plan.present, train, test, c, seed)
        converged &= ok and fitted and fitted_one
        rows.append(test), scores.append(score), with_one.append(one)
        held = (validation, both[: len(validation)]) if len(validation) else None
    rows, score, one = (np.concatenate(parts) for parts in (rows, scores, with_one))
    present = plan.present[rows]
    people = np.asarray(subject).astype(str)
    units = units_of(people[rows], len(rows))
    found = _measured(present, score, units, plan.names, n_bootstrap, seed)
    at_one = _measured(present, one, units, plan.names, 2, seed) if c not in (None, 1.0) else found
    return found | {
        "weighted_f1_c1": at_one["weighted_f1"]["value"],
        "auc_c1": at_one["auc"]["value"],
        "c": c,
        "is_converged": bool(converged),
        "validation": held and _of_validation(*held, plan, people, n_bootstrap, seed),
    }


def _of_validation(rows, score, plan: UnitPlan, people, n_bootstrap: int, seed: int) -> dict | None:
    """Return the averages on the validation stimuli, over the units that occur among them."""
    occurs = [u for u in range(len(plan.names)) if _both(plan.present[rows, u], 1)]
    if not occurs:
        return None
    present, names = plan.present[np.ix_(rows, occurs)], [plan.names[u] for u in occurs]
    units = units_of(people[rows], len(rows))
    found = _measured(present, score[:, occurs], units, names, n_bootstrap, seed)
    return {name: found[name] for name in ("accuracy", "weighted_f1", "auc")} | {"n": len(rows)}


def chance(plan: UnitPlan) -> dict[str, float]:
    """Return what needs no face: accuracy of the commoner answer, weighted F1 of "always present", AUC."""
    rows = np.concatenate([test for _, _, test in plan.folds])
    shown, known = (plan.present[rows] == 1).sum(0), (plan.present[rows] >= 0).sum(0)
    share = shown / known
    f1 = 2 * share / (1 + share)
    return {
        "accuracy": float((np.maximum(share, 1 - share) * known).sum() / known.sum()),
        "weighted_f1": float((f1 * shown).sum() / shown.sum()),
        "auc": 0.5,
    }


def _measured(present, score, units: Units, names, n_bootstrap, seed) -> dict:
    n_units = len(names)
    said, known = score > 0, present >= 0
    counts = [said & (present == 1), said & (present == 0), ~said & (present == 1), ~said & (present == 0)]
    sums = units.sums(np.column_stack(counts))
    resample = Resample(units, n_bootstrap, seed)
    found = resample.replicates(sums, lambda s: _averages(s.reshape(-1, 4, n_units)))
    size = units.sums(known)
    every = size.sum(1)
    areas = [auc(score[known[:, u], u], present[known[:, u], u] == 1) for u in range(n_units)]
    influence = np.zeros((len(present), n_units))
    for u, (_, added) in enumerate(areas):
        influence[known[:, u], u] = added
    weight = (present == 1).sum(0) / (present == 1).sum()
    value = np.array([area for area, _ in areas])
    return {
        "accuracy": plain(resample.found(found[:, 0], every, SHARE)),
        "weighted_f1": plain(resample.found(found[:, 1], every, SHARE)),
        "auc": plain(linear_estimate(float(weight @ value), influence @ weight, units, RATE)),
        "units": [
            {
                "name": name,
                "n": int(known[:, u].sum()),
                "n_present": int((present[:, u] == 1).sum()),
                "accuracy": plain(resample.found(found[:, 2 + u], size[:, u], SHARE)),
                "f1": plain(resample.found(found[:, 2 + n_units + u], size[:, u], SHARE)),
                "auc": plain(linear_estimate(float(value[u]), influence[:, u], units, RATE)),
            }
            for u, name in enumerate(names)
        ],
    }


def _averages(tables: np.ndarray) -> np.ndarray:
    """Return (r, 2 + 2u): accuracy over all, weighted F1, accuracy and F1 of each, from (r, 4, u) TP, FP, FN, TN."""
    tp, fp, fn, tn = np.moveaxis(tables, 1, 0)
    total = tp + fp + fn + tn
    f1 = np.where(2 * tp + fp + fn > 0, 2 * tp / (2 * tp + fp + fn), 0.0)
    shown = tp + fn
    accuracy = ((tp + tn).sum(1) / total.sum(1))[:, None]
    weighted = ((f1 * shown).sum(1) / shown.sum(1))[:, None]
    return np.concatenate([accuracy, weighted, (tp + tn) / total, f1], axis=1)


def _choose_c(features, present, train, validation) -> tuple[float, bool]:
    """Return the smallest C with the best weighted F1 on the validation subjects."""
    best, converged = [], True
    known = present[validation]
    train = probes.some_of(train, probes.MAX_CHOSEN_ON)
    for c in probes.C_GRID:
        score, ok = _scores(features, present, train, validation, c, 0)
        said = score > 0
        counts = [said & (known == 1), said & (known == 0), ~said & (known == 1), ~said & (known == 0)]
        with np.errstate(invalid="ignore", divide="ignore"):
            best.append(_averages(np.stack([count.sum(0) for count in counts])[None].astype(float))[0, 1])
        converged &= ok
    return probes.C_GRID[int(np.argmax(np.nan_to_num(best)))], converged


def _scores(features, present, train, test, c: float, seed: int) -> tuple[np.ndarray, bool]:
    """Return ((n_test, u) signed distances from each unit's plane, whether all solvers converged)."""
    scores, converged = np.zeros((len(test), present.shape[1])), True
    for u in range(present.shape[1]):
        here = train[present[train, u] >= 0]
        if not _both(present[here, u], 1):
            continue
        machine, ok = probes.fitted(features[here], present[here, u], c, seed, class_weight="balanced")
        scores[:, u] = machine.decision_function(features[test])
        converged &= ok
    return scores, converged
