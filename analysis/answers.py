"""What a network of pictures says itself, classes with probabilities or attributes in their units, and the truth."""

from dataclasses import dataclass

import numpy as np

from analysis import attributes, calibration, raters
from analysis.classification import class_figures
from learning import scores
from learning.splits import Split
from triplets.archive import Release

#: The figures of a report are those of the first of these that there is.
ORDER = ("test", "validation", "train")


@dataclass(frozen=True)
class Answers:
    """Answers about the m stimuli of a representation.

    kind : "class" or "attributes"; names : (k,) classes or attributes
    said : (m, k) float, probabilities whose rows sum to 1, or attributes on the scale they were rated on
    label : (m,) int places in names, -1 unknown (all -1 for attributes)
    value : (m, k) float what people said of attributes, nan unknown; error_variance : (m, k) of each mean rating
    """

    kind: str
    names: tuple[str, ...]
    said: np.ndarray
    label: np.ndarray
    value: np.ndarray
    error_variance: np.ndarray

    @property
    def is_known(self) -> np.ndarray:
        """(m,) bool: stimuli whose truth is known."""
        return self.label >= 0 if self.kind == "class" else np.isfinite(self.value).any(1)


def measured(answers: Answers, row, split: Split, release: Release, *, n_bootstrap=1000, seed=0) -> dict:
    """Return how good the answers are in every split that has any, ready for JSON.

    row : (m,) rows of the release's stimuli. "split" names the one whose figures a reader takes home, "by_split" holds
    `of_classes` or `of_attributes` of each; {"omitted": why} where nothing is known to hold answers against.
    Attributes of that split also have "people" (`raters.people`), and "raters" holds `raters.by_group` on it.
    """
    side = split.stimulus[row]
    subject = np.asarray(release.stimuli.subject).astype(str)[row]
    chosen = {name: np.flatnonzero(answers.is_known & (side == name)) for name in ORDER}
    chosen = {name: at for name, at in chosen.items() if len(at)}
    if not chosen:
        return {"omitted": f"the release knows the {answers.kind} of no picture in train, validation or test"}
    how = {"n_bootstrap": n_bootstrap, "seed": seed}
    single = raters.single_ratings(release, answers.names) if answers.kind == "attributes" else None
    agreed = {name: raters.split_half(single.of(name)) for name in answers.names} if single is not None else {}
    found = {"kind": answers.kind, "names": list(answers.names), "split": next(iter(chosen)), "by_split": {}}
    training = chosen.get("train", np.array([], np.int64))
    for name, at in chosen.items():
        if answers.kind == "class":
            held_out = chosen.get("validation") if name == "test" else None
            found["by_split"][name] = of_classes(answers, at, training, held_out, subject, **how)
        else:
            found["by_split"][name] = of_attributes(answers, at, training, subject, agreed, **how)
    if single is not None:
        at = chosen[found["split"]]
        figures = found["by_split"][found["split"]]["attributes"]
        for k, name in enumerate(answers.names):
            held = answers.value[at, k], answers.said[at, k], subject[at]
            figures[name]["people"] = raters.people(single.of(name), row[at], *held, **how)
        found["raters"] = raters.by_group(single, release, row[at], answers.said[at], **how)
    return found | {"how": split.split_by}


def of_classes(answers: Answers, at, training, tuned_on, subject, **how) -> dict:
    """Return the figures of `class_figures` of the stimuli `at`, and chance, calibration and a warning.

    training : rows whose commonest class is what always guessing would name
    tuned_on : rows that a temperature is fitted on, None: none is
    """
    truth, said = answers.label[at], answers.said[at].argmax(1)
    found = class_figures(truth, said, answers.names, subject[at], score=answers.said[at], **how)
    counts = np.bincount(answers.label[training if len(training) else at], minlength=len(answers.names))
    found["n"] = len(at)
    found["chance"] = float((truth == counts.argmax()).mean())
    found["warning"] = scores.class_collapse(np.array(found["confusion"]), answers.names)
    found["calibration"] = calibration.figures(calibration.of_classes(answers.said[at], truth), subject[at], **how)
    if tuned_on is not None and len(tuned_on):
        temperature = calibration.temperature_of_classes(answers.said[tuned_on], answers.label[tuned_on])
        tempered = calibration.tempered(answers.said[at], temperature)
        again = calibration.figures(calibration.of_classes(tempered, truth), subject[at], **how)
        found["calibration"]["tempered"] = {"temperature": temperature} | {k: again[k] for k in ("brier", "ece")}
    return found


def of_attributes(answers: Answers, at, training, subject, reliability: dict, **how) -> dict:
    """Return the figures of every attribute on the stimuli `at`, how attributes hang together, and a warning."""
    known = training if len(training) else at
    by_attribute = {
        name: attributes.attribute_figures(
            answers.value[at, k],
            answers.said[at, k],
            subject[at],
            baseline=float(np.nanmean(answers.value[known, k])) if np.isfinite(answers.value[known, k]).any() else 0.0,
            error_variance=answers.error_variance[at, k],
            reliability=reliability.get(name),
            **how,
        )
        for k, name in enumerate(answers.names)
    }
    return {
        "n": len(at),
        "attributes": by_attribute,
        "means": attributes.mean_figures(answers.value[at], answers.said[at], subject[at], **how),
        "cross": attributes.cross_correlations(answers.value[at], answers.said[at]),
        "warning": scores.attribute_collapse(answers.value[at], answers.said[at], answers.names),
    }
