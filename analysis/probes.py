"""Linear probes: how much of the expression class can be read off a frozen representation.

LinearSVC one-vs-rest after standardising on the training subjects. C is chosen on the validation
*subjects*; C = 1 is reported beside it, as the published tables use it.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from analysis.classification import class_figures
from triplets.counting import counted

C_GRID = (0.001, 0.01, 0.1, 1.0, 10.0)
N_FOLDS = 5
MAX_ITER = 5000
MIN_PER_CLASS = 2
#: C is chosen by what so many training stimuli teach: five fits of each of seven representations of 100,000 take hours.
MAX_CHOSEN_ON = 5000
#: The probe itself is taught by at most so many, evenly spaced: more change nothing in a plane of 249 numbers.
MAX_TAUGHT = 20_000


class NothingToProbe(ValueError):
    """There are no classes, or no two groups of people to learn them from and test them on."""


@dataclass(frozen=True)
class Plan:
    """Who teaches the probe and who tests it. Row numbers into the features.

    folds : (train, validation, test) each; one fold of splits by subject, or several of a cross-validation
    whose validation part is empty (then C = 1)
    """

    classes: tuple[str, ...]
    folds: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    how: str


def plan(class_label, subject, split) -> Plan:
    """Return how to probe these stimuli.

    class_label, subject, split : (n,) str; stimuli without a class are left out. With subjects in train
    and test, the probe learns on the first and is tested on the second. Without splits but with at least
    two subjects: cross-validation with whole subjects held out.
    NothingToProbe says why a probe would mean nothing.
    """
    class_label, subject, split = (np.asarray(a).astype(str) for a in (class_label, subject, split))
    labelled = class_label != ""
    if len(set(class_label[labelled])) < 2:
        n = len(set(class_label[labelled]))
        raise NothingToProbe(
            f"the stimuli carry {counted(n, 'expression class', 'expression classes')}: a probe needs two"
        )
    folds, how = folds_by_subject(labelled, subject, split)
    is_split = len(folds) == 1
    taught = folds[0][0] if is_split else np.flatnonzero(labelled)
    classes = _frequent(class_label[taught])
    if len(classes) < 2:
        where = "training pictures" if is_split else "pictures"
        raise NothingToProbe(f"fewer than two expression classes have two {where} each")
    folds = tuple(tuple(rows[np.isin(class_label[rows], classes)] for rows in fold) for fold in folds)
    if is_split and len(folds[0][2]) == 0:
        raise NothingToProbe("no test stimulus has a class that the training stimuli have")
    return Plan(classes, folds, how)


def folds_by_subject(is_usable, subject, split) -> tuple[tuple, str]:
    """Return ((train, validation, test) rows a fold, in words): by split, else whole subjects held out in turn.

    is_usable : (n,) bool; subject, split : (n,) str. Validation is empty in a cross-validation.
    NothingToProbe where there are neither test stimuli nor two subjects.
    """
    subject, split = np.asarray(subject).astype(str), np.asarray(split).astype(str)
    rows = {name: np.flatnonzero(is_usable & (split == name)) for name in ("train", "validation", "test")}
    if len(rows["train"]) and len(rows["test"]):
        known = set(subject[rows["train"]]) & set(subject[rows["test"]]) - {""}
        how = "learnt on the training subjects, tested on the test subjects"
        if known:
            how = f"learnt on the training stimuli, tested on the test stimuli ({len(known)} subjects are in both)"
        return (tuple(rows.values()),), how
    usable = np.flatnonzero(is_usable & (subject != ""))
    n_folds = min(N_FOLDS, len(set(subject[usable])))
    if n_folds < 2:
        raise NothingToProbe("there is no split by subject and no two known subjects to hold out in turn")
    nobody = np.array([], dtype=np.int64)
    folds = tuple(
        (usable[train], nobody, usable[test])
        for train, test in GroupKFold(n_folds).split(usable, groups=subject[usable])
    )
    return folds, f"cross-validated over {n_folds} groups of whole subjects"


def some_of(rows: np.ndarray, n_max: int) -> np.ndarray:
    """Return at most n_max rows, evenly spaced."""
    return rows if len(rows) <= n_max else rows[np.linspace(0, len(rows) - 1, n_max).round().astype(int)]


def _frequent(labels: np.ndarray) -> tuple[str, ...]:
    names, counts = np.unique(labels, return_counts=True)
    return tuple(str(name) for name, count in zip(names, counts, strict=True) if count >= MIN_PER_CLASS)


@dataclass(frozen=True)
class Reading:
    """What a probe said of the test stimuli. row : (t,) rows of the features; score : (t, k) distances from planes.

    said_c1 : (t,) str with C = 1; c : the chosen C, None where cross-validation left none to choose
    validation : what it said with C = 1 of the stimuli that C is chosen on, None without any
    """

    row: np.ndarray
    score: np.ndarray
    said_c1: np.ndarray
    c: float | None
    is_converged: bool
    validation: "Reading | None" = None


def read(features, class_label, plan: Plan, *, seed=0) -> Reading:
    """Return what linear classifiers say that the plan has taught. features : (n, d) float; class_label : (n,) str."""
    features = np.asarray(features, np.float64)
    class_label = np.asarray(class_label).astype(str)
    c, converged, held = None, True, None
    scores, said_c1, rows = [], [], []
    for train, validation, test in plan.folds:
        chosen, ok = (1.0, True) if not len(validation) else _choose_c(features, class_label, train, validation)
        c = chosen if len(validation) else None
        train = some_of(train, MAX_TAUGHT)
        machine, is_fitted = fitted(features[train], class_label[train], chosen, seed)
        one, is_one_fitted = (machine, is_fitted) if chosen == 1.0 else fitted(
            features[train], class_label[train], 1.0, seed
        )  # fmt: skip
        converged &= ok and is_fitted and is_one_fitted
        scores.append(_scores(machine, features[test], plan.classes))
        said_c1.append(one.predict(features[test]))
        rows.append(test)
        if len(validation):
            score = _scores(one, features[validation], plan.classes)
            held = Reading(validation, score, np.array(plan.classes)[score.argmax(1)], 1.0, is_one_fitted)
    return Reading(*(np.concatenate(parts) for parts in (rows, scores, said_c1)), c, bool(converged), held)


def figures(reading: Reading, class_label, subject, plan: Plan, *, n_bootstrap=1000, seed=0) -> dict:
    """Return the figures of a reading, ready for JSON.

    accuracy, low, high, n : of the test stimuli, interval over subjects; weighted_f1; accuracy_c1 and
    weighted_f1_c1 with C = 1; f1, auc : estimates of the weighted F1 and of the weighted one-against-the-rest AUC;
    classes : figures of each class; confusion : classes x classes counts, rows are the truth; c; is_converged;
    validation : accuracy, weighted_f1 and auc on the validation stimuli with C = 1, which was not chosen on them, or
    None without such.
    """
    truth = np.asarray(class_label).astype(str)[reading.row]
    people = np.asarray(subject).astype(str)[reading.row]
    place = {name: k for k, name in enumerate(plan.classes)}
    label = np.array([place[name] for name in truth.tolist()])
    said = reading.score.argmax(1)
    found = class_figures(label, said, plan.classes, people, score=reading.score, n_bootstrap=n_bootstrap, seed=seed)
    return {
        **found["accuracy"],
        "accuracy": found["accuracy"]["value"],
        "weighted_f1": found["weighted_f1"]["value"],
        "f1": found["weighted_f1"],
        "auc": found["auc"],
        "classes": found["classes"],
        "accuracy_c1": float((reading.said_c1 == truth).mean()),
        "weighted_f1_c1": float(f1_score(truth, reading.said_c1, average="weighted", zero_division=0)),
        "c": reading.c,
        "confusion": found["confusion"],
        "is_converged": reading.is_converged,
        "validation": reading.validation
        and _of_validation(reading.validation, class_label, subject, plan, n_bootstrap, seed),
    }


def _of_validation(reading: Reading, class_label, subject, plan: Plan, n_bootstrap: int, seed: int) -> dict:
    found = figures(reading, class_label, subject, plan, n_bootstrap=n_bootstrap, seed=seed)
    accuracy = {"value": found["accuracy"]} | {key: found[key] for key in ("low", "high", "n")}
    return {"accuracy": accuracy, "weighted_f1": found["f1"], "auc": found["auc"]}


def probe(features, class_label, subject, plan: Plan, *, n_bootstrap=1000, seed=0) -> dict:
    """Return the figures of a linear probe of one representation: `figures` of what it `read`."""
    reading = read(features, class_label, plan, seed=seed)
    return figures(reading, class_label, subject, plan, n_bootstrap=n_bootstrap, seed=seed)


def majority_share(class_label, plan: Plan) -> float:
    """Return the accuracy of always naming the commonest training class: what a probe must beat."""
    class_label = np.asarray(class_label).astype(str)
    right = total = 0
    for train, _, test in plan.folds:
        names, counts = np.unique(class_label[train], return_counts=True)
        right += int((class_label[test] == names[counts.argmax()]).sum())
        total += len(test)
    return right / total


def _choose_c(features, labels, train, validation) -> tuple[float, bool]:
    """Return the smallest C with the best accuracy on the validation subjects."""
    scores, converged = [], True
    train = some_of(train, MAX_CHOSEN_ON)
    for c in C_GRID:
        machine, ok = fitted(features[train], labels[train], c, 0)
        scores.append(np.mean(machine.predict(features[validation]) == labels[validation]))
        converged &= ok
    return C_GRID[int(np.argmax(scores))], converged


def fitted(features, labels, c: float, seed: int, *, class_weight: str | None = None) -> tuple:
    """Return (a LinearSVC that standardises by what it learns from, whether its solver converged)."""
    svm = LinearSVC(C=c, dual="auto", max_iter=MAX_ITER, random_state=seed, class_weight=class_weight)
    machine = make_pipeline(StandardScaler(), svm)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        machine.fit(features, labels)
    return machine, not any(issubclass(w.category, ConvergenceWarning) for w in caught)


def _scores(machine, features, classes: tuple[str, ...]) -> np.ndarray:
    """Return (n, k) signed distances from each class' plane; a class that was not taught is farther than any other."""
    found = machine.decision_function(features)
    if found.ndim == 1:
        found = np.column_stack([-found, found])
    scores = np.full((len(features), len(classes)), found.min() - 1)
    scores[:, [classes.index(name) for name in machine.classes_]] = found
    return scores
