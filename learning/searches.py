"""A random search in a folder: its trials one after the other, resumed by starting it again.

search.json    recipe, release, seed, ranges, the figure, and one entry a trial
round-1/01/    the checkpoint of a trial; one that was interrupted goes on from its last saved state
"""

import json
from collections.abc import Callable
from pathlib import Path

from learning.checkpoints import write_atomically
from learning.config import Config, ConfigInvalid
from learning.datasets import NothingToLearn
from learning.sweeps import Plan, Trial, checked, draw_round, figure_of, score_of, winner
from learning.training import TrainingDiverged, train_release
from triplets.archive import Release

RESULTS = "search.json"


def run_search(
    release: Release,
    recipe_name: str,
    config: Config,
    plan: Plan,
    *,
    seed: int,
    out: Path,
    on_progress: Callable | None = None,
) -> dict:
    """Make all trials of a plan, keep `search.json` up to date, and return what it holds.

    seed : of what is drawn and of every training. on_progress : called with (trial's name, Progress).
    A trial that diverges is recorded with the reason and ends no other. NothingToLearn where all trials fail;
    ConfigInvalid before anything is trained.
    """
    checked(plan, config)
    out = Path(out)
    trials: list[Trial] = []
    described: dict = {
        "recipe": recipe_name,
        "release_sha256": release.sha256,
        "seed": seed,
        "ranges": [part.described() for part in plan.space],
        "changes": dict(plan.changes),
        "coarse": dict(plan.coarse),
        "figure": None,
        "best": None,
        "trials": [],
    }
    for number in range(1, plan.n_rounds + 1):
        for place, drawn in enumerate(draw_round(plan, number, trials, seed=seed), start=1):
            name = f"round-{number}/{place:02d}"
            entry = {
                "name": name,
                "drawn": drawn,
                "settings": plan.settings(number, drawn),
                "score": None,
                "message": "",
            }

            def tell(progress, name=name):
                if on_progress:
                    on_progress(name, progress)

            try:
                trial = config.with_changes(entry["settings"])
                made = train_release(
                    release, trial, seed=seed, out=out / name, recipe_name=recipe_name, on_progress=tell
                )
            except (ConfigInvalid, NothingToLearn, TrainingDiverged) as error:
                entry["message"] = str(error)
            else:
                described["figure"] = described["figure"] or figure_of(made.metrics)
                if described["figure"] is None:
                    raise NothingToLearn(f"release {release.path} has no validation figure by which to compare trials")
                entry |= {"score": score_of(made.metrics, described["figure"]), "checkpoint": str(made.checkpoint)}
            trials.append(Trial(number, drawn, entry["score"]))
            described["trials"].append(entry)
            best = winner(plan, trials)
            described["best"] = None if best is None else described["trials"][trials.index(best)]["name"]
            text = json.dumps(described, indent=1, sort_keys=True) + "\n"
            write_atomically(out / RESULTS, text.encode())
    if described["best"] is None:
        raise NothingToLearn(f"all {len(trials)} trials failed; the first: {described['trials'][0]['message']}")
    return described
