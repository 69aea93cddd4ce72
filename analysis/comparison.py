"""Runs side by side: what was asked differently, what came of it, how they learned."""

from dataclasses import dataclass, field

from analysis import growth_curve, looking, pages
from analysis.wording import name_of
from learning import terms
from triplets.records import SPLITS

MAX_RUNS = 8
#: What compares runs at a glance comes first; the others follow by name, how much there is of anything last.
FIRST = ("satisfied", "accuracy", "f1", "r2", "mae", "loss")


@dataclass(frozen=True)
class Compared:
    """One run, or the run that a report is about.

    name, href : what it is called, and where it is told of; figures as `growth_curve.key_figures`; curves
    {metric: [[step, value], ...]}; explained : "explanations" and "heatmaps" of its evaluation, {} without one.
    """

    pk: int
    name: str
    href: str
    recipe: str
    release: str
    seed: int
    status: str
    step: int
    config: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    curves: dict = field(default_factory=dict)
    explained: dict = field(default_factory=dict)


def page(runs: list[Compared]) -> dict:
    """Return all that a page shows of runs side by side: what differs, figures, curves, what they look at."""
    explained = {run.name: run.explained for run in runs}
    panels, drawn = looking.panels(explained)
    omitted = looking.why_not(explained)
    return {
        "runs": runs,
        "differences": differences(runs),
        "figures": figures(runs),
        "plots": overlaid(runs),
        "looking": pages.looking(panels, drawn, omitted) if panels or omitted else "",
    }


def flat(config: dict, prefix: str = "") -> dict[str, object]:
    """Return a nested configuration with dotted keys.

    >>> flat({"seed": 1, "training": {"n_steps": 60}})
    {'seed': 1, 'training.n_steps': 60}
    """
    found = {}
    for key, value in config.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def differences(runs: list[Compared]) -> list[dict]:
    """Return [{"key", "words", "values"}] of what was not asked alike, None where a run has no such setting."""
    asked = [{"recipe": run.recipe, "release": run.release, "seed": run.seed} | flat(run.config) for run in runs]
    keys = dict.fromkeys(key for settings in asked for key in settings)
    rows = [
        {"key": key, "words": terms.setting(key), "values": [settings.get(key) for settings in asked]} for key in keys
    ]
    return [row for row in rows if any(value != row["values"][0] for value in row["values"])]


def figures(runs: list[Compared]) -> list[dict]:
    """Return [{"name", "cells"}]: estimates of the newest evaluations, then single numbers of the trainings."""
    own = [growth_curve.estimates(run.figures).get(growth_curve.SATISFIED) for run in runs]
    rows = [{"name": "satisfied, evaluated", "cells": own}]
    baselines = dict.fromkeys(name for run in runs for name in run.figures.get("baselines") or {})
    rows += [
        {"name": f"baseline, {name_of(name)}", "cells": [(r.figures.get("baselines") or {}).get(name) for r in runs]}
        for name in baselines
    ]
    rows += [
        {"name": words, "cells": [(run.figures.get("ceilings") or {}).get(name) for run in runs]}
        for name, words in growth_curve.CEILINGS.items()
    ]
    rows.append({"name": "probe accuracy", "cells": [run.figures.get("probe") for run in runs]})
    answers = [growth_curve.answers(run.figures) for run in runs]
    for key, label in {key: of["label"] for found in answers for key, of in found.items()}.items():
        rows.append({"name": label, "cells": [found.get(key) for found in answers]})
    names = sorted({n for run in runs for n, value in run.metrics.items() if _is_number(value)}, key=_rank)
    rows += [{"name": terms.metric(n), "cells": [_single(run.metrics.get(n)) for run in runs]} for n in names]
    return [row for row in rows if any(row["cells"])]


def overlaid(runs: list[Compared]) -> list[dict]:
    """Return [{"name", "series"}], one a metric, its series numbered by the place of their run."""
    moving = {n for run in runs for n, points in run.curves.items() if len({value for _, value in points}) > 1}
    names = sorted(moving, key=_rank)  # a figure that never changes is no curve, and stands in the table
    return [
        {
            "name": terms.metric(name),
            "series": [
                {"name": run.name, "kind": f"{place}", "points": run.curves[name]}
                for place, run in enumerate(runs)
                if name in run.curves
            ],
        }
        for name in names
    ]


def _single(value) -> dict | None:
    return {"single": value} if _is_number(value) else None


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rank(name: str) -> tuple[int, str, int]:
    """Return what sorts the figures of a training: those of one quantity together, test, validation, training.

    >>> sorted(["kl", "n_stimuli_test", "loss", "satisfied_train", "satisfied_test", "validation_loss"], key=_rank)
    ['satisfied_test', 'satisfied_train', 'loss', 'validation_loss', 'kl', 'n_stimuli_test']
    """
    quantity, place = name, 0
    for at, split in enumerate(reversed(SPLITS), start=1):
        stripped = name.removesuffix(f"_{split}").removeprefix(f"{split}_")
        if stripped != name:
            quantity, place = stripped, at
    order = FIRST.index(quantity) if quantity in FIRST else len(FIRST) + quantity.startswith("n_")
    return order, quantity, place
