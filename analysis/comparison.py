"""Runs side by side: what was asked differently, what came of it, how they learned."""

from dataclasses import dataclass, field

from analysis import growth_curve
from analysis.wording import name_of

MAX_RUNS = 8
#: Curves that compare runs at a glance come first; the others follow by name.
FIRST = ("satisfied_validation", "satisfied_train", "loss")


@dataclass(frozen=True)
class Compared:
    """One run; figures as `growth_curve.key_figures`, curves {metric: [[step, value], ...]}."""

    pk: int
    recipe: str
    release: str
    seed: int
    status: str
    step: int
    config: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    curves: dict = field(default_factory=dict)


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
    """Return [{"key", "values"}] of everything that was not asked alike, None where a run has no such setting."""
    asked = [{"recipe": run.recipe, "release": run.release, "seed": run.seed} | flat(run.config) for run in runs]
    keys = dict.fromkeys(key for settings in asked for key in settings)
    rows = [{"key": key, "values": [settings.get(key) for settings in asked]} for key in keys]
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
    names = sorted({n for run in runs for n, value in run.metrics.items() if isinstance(value, int | float)}, key=_rank)
    rows += [{"name": n.replace("_", " "), "cells": [_single(run.metrics.get(n)) for run in runs]} for n in names]
    return [row for row in rows if any(row["cells"])]


def overlaid(runs: list[Compared]) -> list[dict]:
    """Return [{"name", "series"}], one a metric, its series numbered by the place of their run."""
    names = sorted({name for run in runs for name in run.curves}, key=_rank)
    return [
        {
            "name": name.replace("_", " "),
            "series": [
                {"name": f"run {run.pk}", "kind": f"{place}", "points": run.curves[name]}
                for place, run in enumerate(runs)
                if name in run.curves
            ],
        }
        for name in names
    ]


def _single(value) -> dict | None:
    return {"single": value} if isinstance(value, int | float) else None


def _rank(name: str) -> tuple[int, str]:
    return FIRST.index(name) if name in FIRST else len(FIRST), name
