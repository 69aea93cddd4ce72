"""Cross-validation of networks of pictures: everybody is held out once, so that few people still measure much.

    python -m learning RELEASE --recipe picture-classes --folds 10 --out DIR

People are divided into parts of equal size; each part is the test of one network, trained on the others. The figures
are over the answers about all pictures, each from the network that had not seen its person. They measure the recipe,
not one network.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from learning import scores
from learning.config import Config, ConfigInvalid
from learning.datasets import NothingToLearn
from learning.progress import Progress, TrainingResult
from learning.splits import people_of
from learning.targets import attribute_targets, class_targets
from triplets.archive import Release
from triplets.intervals import EXPLAINED, SHARE, Scale, effective_number, interval

RESULTS = "folds.json"
FINISHED, STOPPED = "finished", "stopped"
_RESAMPLES = 2000


class FoldsStopped(Exception):
    """Somebody asked to stop; run again in the same folder, they go on where they were."""


def run_folds(
    release: Release,
    config: Config,
    n_folds: int,
    *,
    seed: int = 0,
    out: Path,
    recipe_name: str = "",
    on_progress: Callable | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict:
    """Return the figures of a recipe over all pictures, and write them to `folds.json` in `out`.

    Each network goes into a folder of its own, `fold-1-of-10`, ...; what is finished there is not trained again.
    on_progress : called with (name of the folder, Progress). should_stop : asked at every step; FoldsStopped once True.

    Figures are those of a split (accuracy, f1, majority and classes, or r2, pearson, mae, r2_ceiling and attributes),
    n and, of the first of them, `interval`: 95 % by resampling people, whose pictures stay together. The networks'
    own chance is not in it; other seeds show that.

    ConfigInvalid for a configuration that names nothing, or more folds than people.
    """
    from learning.checkpoints import load_checkpoint
    from learning.predictions import predict
    from learning.training import train_release

    require_possible(config)
    row = np.flatnonzero(np.asarray(release.stimuli.picture) != "")
    people = people_of(release.stimuli.subject)[row]
    fold = _folds(people, n_folds, seed)
    found: dict[int, np.ndarray] = {}
    names: tuple[str, ...] = ()
    for number in range(n_folds):
        split = np.full(len(release.stimuli), "", dtype="U10")
        split[row] = np.where(fold == number, "test", "train")
        name = f"fold-{number + 1}-of-{n_folds}"
        part = dataclasses.replace(release, stimuli=dataclasses.replace(release.stimuli, split=split))

        def tell(progress, name=name):
            if on_progress:
                on_progress(name, progress)

        how = {"recipe_name": recipe_name, "on_progress": tell, "should_stop": should_stop}
        made = train_release(part, config, seed=seed, out=Path(out) / name, **how)
        if made.status != FINISHED:
            raise FoldsStopped(f"stopped in {name}")
        said = predict(load_checkpoint(made.checkpoint), part)
        if names and said.names != names:
            raise NothingToLearn(f"{name} knows {said.names}, the folds before it {names}: expected the same in each")
        names = said.names
        is_held = split[said.row] == "test"
        found |= dict(zip(said.row[is_held].tolist(), said.value[is_held], strict=True))
    at = np.array(sorted(found))
    value = np.array([found[row] for row in at.tolist()])
    figures = _figures(release, config, at, value, names, people_of(release.stimuli.subject)[at], seed)
    figures |= {"recipe": recipe_name, "n_folds": n_folds, "seed": seed, "release_sha256": release.sha256}
    (Path(out) / RESULTS).write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n")
    return figures


def train_folds(
    release: Release, config: Config, n_folds: int, *, seed, out, recipe_name, on_progress, should_stop
) -> TrainingResult:
    """Run the folds as one training: what a run of the site needs of it. Arguments as `train_release`.

    Steps are counted over all networks, and no point of a learning curve is reported: there are as many curves as
    folds. The result has no checkpoint; its metrics are the figures of `run_folds`, and in `folds` one line of words.
    """
    started, at = time.monotonic(), {"step": 0}

    def tell(name, progress):
        number, n = int(name.split("-")[1]) - 1, progress.n_steps
        at["step"] = number * n + progress.step
        left = progress.seconds_left + (n_folds - 1 - number) * (time.monotonic() - started) / (number + 1)
        metrics = {"fold": number + 1, **progress.metrics}
        on_progress(Progress(at["step"], n * n_folds, metrics, left))

    how = {"seed": seed, "out": out, "recipe_name": recipe_name, "on_progress": tell, "should_stop": should_stop}
    status, metrics = FINISHED, {}
    try:
        found = run_folds(release, config, n_folds, **how)
        metrics = found | {"folds": in_words(found), "split_by": "subject, everybody held out once"}
    except FoldsStopped:
        status = STOPPED
    seconds = time.monotonic() - started
    return TrainingResult(status, None, at["step"], seconds, None, None, None, metrics, [])


def require_possible(config: Config, *, has_start: bool = False) -> None:
    """Raise ConfigInvalid where networks of this kind cannot be held against folds, before anything is read."""
    if config.network.kind != "image" or config.objective.target == "triplets":
        raise ConfigInvalid("folds are for networks of pictures that learn classes or attributes")
    if has_start:
        raise ConfigInvalid("folds train networks of their own: a checkpoint to begin with has no place there")
    if config.training.overfit:
        raise ConfigInvalid("folds hold everybody out: training.overfit has no place there")


def in_words(found: dict) -> str:
    """Return the figures of `run_folds` in one line."""
    low, high = found["interval"]
    if "accuracy" in found:
        beside = f"F1 {found['f1']:.3f} (majority class {found['majority']:.3f})"
        return f"accuracy {found['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {found['n']} pictures, {beside}"
    ceiling = "" if found["r2_ceiling"] is None else f", ceiling {found['r2_ceiling']:.3f}"
    beside = f"of {found['n']} pictures{ceiling}, mean of {len(found['attributes'])} attributes"
    return f"R² {found['r2']:.3f} [{low:.3f}, {high:.3f}] {beside}"


def _folds(people: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Return (m,) int: the fold in which each picture is held out, those of a person together."""
    known = np.unique(people)
    if not 2 <= n_folds <= len(known):
        raise ConfigInvalid(f"there are {n_folds} folds: expected 2 to {len(known)}, the number of people")
    order = np.random.default_rng([seed, 0xF01D]).permutation(len(known))
    return (order % n_folds)[np.searchsorted(known, people)]


def _figures(release, config, row, value, names, people, seed) -> dict:
    if config.objective.target == "class":
        label = class_targets(release, row, config.objective, names=names).label
        is_known = label >= 0
        label, said, people = label[is_known], value[is_known].argmax(axis=1), people[is_known]
        table = scores.confusion(label, said, len(names))
        classes = scores.class_scores(table)
        found = {"n": len(label), "accuracy": classes.pop("accuracy"), "f1": classes.pop("f1")}
        found["majority"] = float(table.sum(axis=1).max() / len(label))
        found["classes"] = {"names": list(names), "confusion": table.tolist(), **classes}
        found["interval"] = _interval(lambda chosen: (label == said)[chosen].mean(), SHARE, people, seed)
        return found
    targets = attribute_targets(release, row, config.objective, names=names)
    mean = np.nanmean(targets.value, axis=0)
    by_name = {
        name: scores.attribute_scores(targets.value[:, k], value[:, k], mean[k], targets.error_variance[:, k])
        for k, name in enumerate(names)
    }
    found = {"n": len(row), "attributes": by_name}
    for figure in ("r2", "pearson", "mae", "mae_of_mean", "r2_ceiling"):
        known = [scored[figure] for scored in by_name.values() if scored[figure] is not None]
        found[figure] = float(np.mean(known)) if known else None

    def mean_r2(chosen):
        truth, said = targets.value[chosen].astype(np.float64), value[chosen]
        return float(np.mean(1 - np.nanmean((truth - said) ** 2, axis=0) / np.nanvar(truth, axis=0)))

    return found | {"interval": _interval(mean_r2, EXPLAINED, people, seed)}


def _interval(figure: Callable, scale: Scale, people: np.ndarray, seed: int) -> list[float]:
    """Return the 95 % interval of a figure of chosen rows, people drawn again and again."""
    rng = np.random.default_rng([seed, 0xB007])
    rows = [np.flatnonzero(people == person) for person in np.unique(people)]
    drawn = [
        figure(np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])) for _ in range(_RESAMPLES)
    ]
    value, effective = figure(np.arange(len(people))), effective_number([len(of) for of in rows])
    return [float(end) for end in interval(value, drawn, scale, len(people), len(rows), effective)]
