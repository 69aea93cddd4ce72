"""The second-collection test: the same network on faces and people from elsewhere, and what is lost, with intervals.

Here are the held-out people of the release that the network was trained on, there everybody in another release. A drop
is here minus there; its interval comes from people drawn anew on both sides, independently. The drop of each group of
people, and whether it is larger than everybody else's, is in `analysis.elsewhere_groups`.
"""

import numpy as np

from analysis import elsewhere_groups, probes
from analysis.drops import Cases, Named, drop_of, drop_of_f1
from analysis.measured import Measured, satisfied
from analysis.representation import Representation
from learning.splits import SUBJECT, trained_on
from triplets.archive import Release

MIN_CASES = 5


def compare(of: Measured, there: Representation, second: Release) -> dict:
    """Return how a network fares here and there, ready for JSON.

    of : the evaluation on the release that it was trained on; there : what it makes of the other one
    {"names": [here, there], "n_left_out": stimuli there whose people it was trained on, "rows": [{"outcome", "label",
    "here", "there", "drop"}], "groups": as `elsewhere_groups.by_group`}, outcomes "satisfied" by agreement level,
    "named" (its own answers) and "read" (a linear probe taught here) by class, "named_f1" and "read_f1" (macro F1 over
    the classes of both), "error" by attribute, in the attribute's units; the first row of an outcome is all.
    {"omitted": why} where nothing can be compared.
    """
    strangers = ~trained_on(of.release, of.made.split.stimulus == "train", second)
    pairs: list[tuple[str, str, Cases | Named, Cases | Named]] = []
    pairs += _satisfied(of, there, second, strangers)
    pairs += _answered(of, there, second, strangers)
    pairs += _read(of, there, second, strangers)
    rows = [_row(*pair, **of.how) for pair in pairs if min(len(case.subject) for case in pair[2:]) >= MIN_CASES]
    if not rows:
        return {"omitted": "the two releases share no triplets, classes or attributes that could be compared"}
    names = [_name(of.release), _name(second)]
    return {
        "names": names if names[0] != names[1] else [f"{names[0]}, trained on", f"{names[1]}, second"],
        "sha256": [of.release.sha256, second.sha256],
        "n_left_out": int((~strangers).sum()),
        "rows": rows,
        "groups": elsewhere_groups.by_group(_alls(pairs), of.release.stimuli, second.stimuli, **of.how),
    }


def _alls(pairs) -> dict[str, tuple[Cases, Cases]]:
    """Return {outcome: (here, there)} of all cases of an outcome that is right or wrong case by case."""
    found: dict[str, tuple[Cases, Cases]] = {}
    for outcome, _, here, there in pairs:
        if outcome in ("satisfied", "named", "read"):
            found.setdefault(outcome, (here, there))
    return found


def _name(release: Release) -> str:
    collection = release.manifest.get("collection", {}).get("name", "")
    return str(collection or release.manifest.get("study", {}).get("release") or release.path.name)


def _subject(release: Release) -> np.ndarray:
    return np.asarray(release.stimuli.subject).astype(str)


def _satisfied(of: Measured, there: Representation, second: Release, strangers) -> list:
    if of.headline is None or not len(second.triplets):
        return []
    triplets = second.triplets
    position = there.position(len(second.stimuli))[triplets.rows]
    usable = (triplets.weight > 0) & (position >= 0).all(1) & strangers[triplets.rows].all(1)
    if not usable.any():
        return []
    mine, theirs = of.triplets[of.headline], triplets.where(usable)
    here = Cases(of.hits(of.headline)["embedding"].astype(float), of.subject[mine.anchor], mine.anchor)
    hits = satisfied(there.mean, position[usable]).astype(float)
    elsewhere = Cases(hits, _subject(second)[theirs.anchor], theirs.anchor)
    levels = sorted(set(mine.weight.tolist()) & set(theirs.weight.tolist()), reverse=True)
    levels = levels if len(levels) > 1 else []
    return [("satisfied", "all triplets", here, elsewhere)] + [
        (
            "satisfied",
            f"votes ahead by {level}",
            here.where(mine.weight == level),
            elsewhere.where(theirs.weight == level),
        )
        for level in levels
    ]


def _answered(of: Measured, there: Representation, second: Release, strangers) -> list:
    ours, theirs = of.made.answers, there.answers
    if ours is None or theirs is None:
        return []
    side = of.made.split.stimulus[of.made.row]
    name = next((name for name in ("test", "validation") if (ours.is_known & (side == name)).any()), None)
    if name is None:
        return []
    at, far = np.flatnonzero(ours.is_known & (side == name)), np.flatnonzero(theirs.is_known & strangers[there.row])
    places = of.made.row[at], there.row[far]
    people = of.subject[places[0]], _subject(second)[places[1]]
    if ours.kind == "attributes":
        errors = [np.abs(answers.said[rows] - answers.value[rows]) for answers, rows in ((ours, at), (theirs, far))]
        found = []
        for k, attribute in enumerate(ours.names):
            known = [np.isfinite(error[:, k]) for error in errors]
            cases = [Cases(e[m, k], p[m], r[m]) for e, m, p, r in zip(errors, known, people, places, strict=True)]
            found.append(("error", attribute, *cases))
        return found
    said = [answers.said[rows].argmax(1) for answers, rows in ((ours, at), (theirs, far))]
    return _by_class("named", said, [ours.label[at], theirs.label[far]], people, places, ours.names)


def _read(of: Measured, there: Representation, second: Release, strangers) -> list:
    """Teach a probe on the training people here, and let it read the test people here and everybody there."""
    if of.made.split.split_by != SUBJECT or there.mean.shape[1] != of.made.mean.shape[1]:
        return []
    row = of.made.row
    label = np.asarray(of.release.stimuli.class_label).astype(str)[row]
    try:
        plan = probes.plan(label, of.subject[row], of.made.split.stimulus[row])
    except probes.NothingToProbe:
        return []
    if len(plan.folds) > 1:
        return []
    other = np.asarray(second.stimuli.class_label).astype(str)[there.row]
    far = np.flatnonzero(np.isin(other, plan.classes) & strangers[there.row])
    if not len(far):
        return []
    train, validation, test = plan.folds[0]
    both = probes.Plan(plan.classes, ((train, validation, np.concatenate([test, len(row) + far])),), plan.how)
    labels = np.concatenate([label, other])
    found = probes.read(np.concatenate([of.made.mean, there.mean]), labels, both, seed=of.seed)
    said = found.score.argmax(1)
    sides = [found.row < len(row), found.row >= len(row)]
    classes = [np.searchsorted(plan.classes, labels[found.row[side]]) for side in sides]
    places = row[test], there.row[far]
    people = of.subject[places[0]], _subject(second)[places[1]]
    return _by_class("read", [said[side] for side in sides], classes, people, places, plan.classes)


def _by_class(outcome, said, label, people, places, names) -> list:
    """Return (outcome, label, here, there) of all cases of the classes that occur on both sides, of their macro F1,
    then of each class. said, label : here and there (n,) int places in `names`.
    """
    is_shared = np.array([all((of == k).any() for of in label) for k in range(len(names))], bool)
    among = [is_shared[of] for of in label]
    cases = [Cases((s == of).astype(float), p, r) for s, of, p, r in zip(said, label, people, places, strict=True)]
    whole = [case.where(of) for case, of in zip(cases, among, strict=True)]
    named = [Named(of[m], s[m], p[m], is_shared) for of, s, p, m in zip(label, said, people, among, strict=True)]
    return [(outcome, "all classes", *whole), (f"{outcome}_f1", "macro F1", *named)] + [
        (outcome, str(names[k]), *(case.where(of == k) for case, of in zip(cases, label, strict=True)))
        for k in np.flatnonzero(is_shared)
    ]


def _row(outcome: str, label: str, here, there, **how) -> dict:
    if isinstance(here, Named):
        found = drop_of_f1(here, there, **how)
    else:
        found = drop_of(here, there, is_error=outcome == "error", **how)
    return {"outcome": outcome, "label": label} | found.to_dict()
