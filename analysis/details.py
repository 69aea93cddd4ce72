"""The figures of a report beyond its headline: by kind of triplet, by person, by action unit, how sure, for whom."""

from collections.abc import Callable

import numpy as np

from analysis import action_units, annotators, answers, confidence, criteria, groups, individuals, kinds, remembered
from analysis.groups import Outcome
from analysis.measured import Measured, satisfied
from analysis.probes import NothingToProbe
from analysis.satisfaction import gain, share
from learning.splits import SUBJECT
from triplets.records import Triplets


def figures(of: Measured, tell: Callable, ties: Triplets) -> dict:
    """Return every further part that this evaluation allows, ready for JSON: {part: figures or {"omitted": why}}.

    ties : `ceilings.tied_questions` of all splits
    """
    found = {}
    if of.headline is not None:
        tell("looking at kinds of triplets and at single people", 0.2)
        name, triplets = of.headline, of.triplets[of.headline]
        found["kinds"] = {"split": name} | kinds.by_kind(
            of.hits(name), triplets, of.made.split, of.release, ties=ties.where(ties.split == name), **of.how
        )
        found["annotators"] = {"split": name} | annotators.by_annotator(
            of.made.mean, of.made.row, of.release, of.made.split, name, **of.how
        )
        found["criteria"] = criteria.by_criterion(of.release)
        if of.made.people is not None:
            found["individuals"] = individuals.by_person(of.made.people, of.release.stimuli)
        rows = {split: of.rows(split) for split in of.triplets}
        found["calibration"] = confidence.of_triplets(
            of.made.choice, of.made.mean, rows, of.triplets, of.subject, name, **of.how
        )
        found["ordinal"] = ordinal(of)
    if of.made.answers is not None:
        tell("judging answers", 0.45)
        found["answers"] = answers.measured(of.made.answers, of.made.row, of.made.split, of.release, **of.how)
    if of.release.stimuli.action_units:
        tell("probing action units", 0.5)
        found["action_units"] = units(of)
    return found


def ordinal(of: Measured) -> dict:
    """Return how far an embedding of the training judgements alone comes on the held-out triplets that it knows.

    {"omitted": why} where there is none; else its share and ours on the same triplets, and our lead.
    """
    points, name = of.made.ordinal, of.headline
    if points is None:
        return {"omitted": of.made.ordinal_note or "none was fitted"}
    rows = of.rows(name)
    known = np.isfinite(points).all(1)[rows].all(1)
    if name == "train" or not known.any():
        return {"omitted": "no held-out triplet shows only faces that it knows"}
    people = of.subject[of.triplets[name].anchor[known]]
    ours, theirs = satisfied(of.made.mean, rows[known]), satisfied(points, rows[known])
    return {
        "split": name,
        "n": int(known.sum()),
        "n_of": len(rows),
        "embedding": share(ours, people, **of.how).to_dict(),
        "ordinal": share(theirs, people, **of.how).to_dict(),
        "gain": gain(ours, theirs, people, **of.how).to_dict(),
    }


def units(of: Measured) -> dict:
    """Return the probes of action units of every representation, or why there are none."""
    row, split = of.made.row, of.made.split
    known = {name: np.array(values, float)[row] for name, values in of.release.stimuli.action_units.items()}
    compared = {name: values for name, values in of.compared.items() if name != "ordinal"}
    whole = np.all([np.isfinite(values).all(1) for values in compared.values()], axis=0)
    known = {name: np.where(whole, values, np.nan) for name, values in known.items()}
    # As with expressions: where triplets alone are split, people are held out in turn.
    side = split.stimulus[row] if split.split_by == SUBJECT else np.full(len(row), "")
    people = of.subject[row]
    try:
        plan = action_units.plan(known, people, side)
    except NothingToProbe as error:
        return {"omitted": str(error)}
    found = {"embedding": action_units.probe(compared.pop("embedding"), people, plan, **of.how)}
    for name, values in compared.items():
        found[name] = remembered.once(action_units.probe, values, people, plan, **of.how)
    return {
        "how": plan.how,
        "names": list(plan.names),
        "left_out": list(plan.left_out),
        "chance": action_units.chance(plan),
        "compared": found,
    }


def groups_of(of: Measured, reading: Outcome | None) -> dict:
    """Return the figures by group of people: satisfied triplets, what the probe reads, what the network answers."""
    outcomes = []
    if of.headline is not None:
        hits = of.hits(of.headline)["embedding"].astype(float)
        outcomes.append(Outcome("satisfied", hits, np.asarray(of.triplets[of.headline].anchor)))
    said = of.made.answers
    if said is not None:
        side = of.made.split.stimulus[of.made.row]
        name = next((name for name in answers.ORDER if (said.is_known & (side == name)).any()), "")
        outcomes += answered(said, np.flatnonzero(said.is_known & (side == name)), of.made.row)
    if reading is not None:
        outcomes.append(reading)
    return groups.by_group(outcomes, of.release.stimuli, **of.how)


def answered(said: answers.Answers, at: np.ndarray, row: np.ndarray) -> list[Outcome]:
    """Return what came of the answers about the stimuli `at`: named right, or the mean error in units of the spread.

    An attribute's errors are divided by the standard deviation of what people said, so that attributes can be averaged.
    """
    if not len(at):
        return []
    if said.kind == "class":
        return [Outcome("named", (said.said[at].argmax(1) == said.label[at]).astype(float), row[at])]
    value = said.value[at]
    spread = np.nanstd(value, axis=0)
    usable = spread > 0
    if not usable.any():
        return []
    error = np.abs(said.said[at] - value)[:, usable] / spread[usable]
    known = np.isfinite(error).any(1)
    return [Outcome("error", np.nanmean(error[known], axis=1), row[at][known], is_share=False)]
