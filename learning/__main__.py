"""python -m learning RELEASE --recipe NAME --out DIR [--set key=value ...] [--seed 0] [--json]

Trains on a release folder or zip without a database; --list prints the recipes. A name such as vit-vs-resnet
stands for a whole study: all its networks, each in a folder of its own in DIR. Run again with the same arguments
after an interruption, it goes on where it was. `torchrun --nproc-per-node 2 -m learning ...` trains on two devices.
"""

import argparse
import json
import os
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from learning import sweeps, telling
from learning.config import ConfigInvalid
from learning.recipes import DEFAULT, RecipeUnknown, groups, recipe
from learning.sanity import overfitting
from learning.studies import STUDIES, headline, run_study
from learning.study_results import RESULTS
from triplets.archive import ReleaseDamaged, read_release
from triplets.counting import counted
from triplets.output import status_of


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m learning", description=__doc__.split("\n\n")[1])
    parser.add_argument("release", nargs="?", help="a release: a folder or a zip")
    parser.add_argument("--recipe", default=DEFAULT, help=f"default {DEFAULT}; --list shows all")
    parser.add_argument("--out", type=Path, help="folder for the checkpoint")
    parser.add_argument(
        "--set", dest="changes", action="append", nargs="+", default=[], metavar="KEY=VALUE",
        help="settings other than the recipe's, such as n_steps=500; a wrong name lists them all",
    )  # fmt: skip
    parser.add_argument("--second", help="the second collection of a study that has one, a release")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="N seeds from --seed on, a topological VAE each, at once"
    )
    parser.add_argument("--start", type=Path, metavar="CHECKPOINT", help="begin with the weights of a checkpoint")
    parser.add_argument(
        "--overfit", type=int, metavar="N", help="the sanity check: learn N pictures by heart; ends with 1 if it cannot"
    )
    parser.add_argument(
        "--search",
        nargs="*",
        metavar="KEY=LOW..HIGH",
        help="random search, coarse to fine; alone: the published ranges",
    )
    parser.add_argument("--rounds", type=int, help="rounds of a search, each from ranges of half the width; first 2")
    parser.add_argument("--trials", type=int, help="trials a round; first 8")
    parser.add_argument("--folds", type=int, metavar="K", help="hold everybody out once, in K networks of pictures")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--list", action="store_true", help="print every recipe with its origin")
    options = parser.parse_args(arguments)
    if options.list:
        return _list()
    if not options.release or options.out is None:
        parser.error("expected a release and --out DIR (or --list)")
    try:
        _refuse_to_share(options)
        if options.recipe in STUDIES:
            return _train_study(options)
        if options.search is not None:
            return _search(options)
        if options.seeds is not None:
            return _train_seeds(options)
        if options.second:
            raise ConfigInvalid(f"--second is {options.second}: expected only with a study, {', '.join(STUDIES)}")
        if options.folds is not None:
            return _train_folds(options)
        result = _train(options)
    except (ConfigInvalid, RecipeUnknown, ReleaseDamaged, OSError, ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; the same command goes on from {options.out}", file=sys.stderr)
        return 130
    return 0 if result is None else telling.tell(options, result)


def _list() -> int:
    for title, entries in groups().items():
        print(f"\n{title}")
        for entry in entries:
            print(f"  {entry.name}: {entry.summary} ({entry.source})")
    print("\nWhole studies")
    for study in STUDIES.values():
        second = f"; with --second, {study.second}" if study.second else ""
        n = len(study.parts)
        print(f"  {study.name}: {study.summary} ({study.source}; {n} network{'s' if n > 1 else ''}{second})")
    return 0


def _train(options):
    """Return the result, None in a process that only helped another one."""
    chosen = recipe(options.recipe)
    config = chosen.config.with_changes(_changes(options.changes))
    if options.overfit is not None:
        config = overfitting(config, options.overfit)
    if options.seed < 0:
        raise ConfigInvalid(f"seed is {options.seed}: expected 0 or more")
    release = read_release(options.release)
    # Imported here, so that --list and a wrong argument answer at once: torch takes seconds to load.
    from learning.distribution import joined
    from learning.training import train_release

    with joined(config.training.device) as (share, device):
        with tqdm(total=config.training.n_steps, unit="step", disable=_silence(share), file=sys.stderr) as bar:

            def show(progress):
                bar.total = progress.n_steps
                bar.update(progress.step - bar.n)
                shown = {
                    "loss": progress.metrics.get("loss"),
                    "satisfied": progress.metrics.get("satisfied_validation"),
                }
                bar.set_postfix({name: f"{value:.3f}" for name, value in shown.items() if value is not None})

            result = train_release(
                release,
                config.with_changes({"training.device": device}),
                seed=options.seed,
                out=options.out,
                recipe_name=chosen.name,
                start=options.start,
                share=share,
                on_progress=show,
            )
        return result if share.is_first else None


def _train_seeds(options) -> int:
    chosen = recipe(options.recipe)
    config = chosen.config.with_changes(_changes(options.changes))
    if options.seeds < 1 or options.seed < 0 or options.start:
        raise ConfigInvalid(f"--seeds is {options.seeds}: expected 1 or more, from a --seed of 0 or more, no --start")
    release = read_release(options.release)
    from learning.stacked import Member, train_stacked

    members = [Member(config, options.seed + number) for number in range(options.seeds)]
    results = train_stacked(release, members, out=options.out, recipe_name=chosen.name)
    for number, result in enumerate(results, start=1):
        said = f"{headline(result.metrics)}, best at {result.best_step}"
        print(f"seed {result.member.seed}: {said}: {options.out / str(number) / 'checkpoint.safetensors'}")
    shares = [r.metrics["satisfied_test"] for r in results if r.metrics["satisfied_test"] is not None]
    if len(shares) > 1:
        spread = statistics.stdev(shares)
        print(f"test satisfied {statistics.mean(shares):.3f}, standard deviation over seeds {spread:.3f}")
    if options.json:
        print(json.dumps({"recipe": chosen.name, "members": [{"seed": r.member.seed} | r.metrics for r in results]}))
    return 0


def _search(options) -> int:
    chosen = recipe(options.recipe)
    config = chosen.config.with_changes(_changes(options.changes))
    if options.search:
        plan = sweeps.Plan(sweeps.read_space(options.search, config))
    else:
        plan = sweeps.published_plan(chosen.name, config)
    asked = {"n_rounds": options.rounds, "n_trials": options.trials}
    plan = replace(plan, **{name: value for name, value in asked.items() if value is not None})
    sweeps.checked(plan, config)
    release = read_release(options.release)
    from learning.searches import RESULTS as SEARCH_RESULTS
    from learning.searches import run_search

    with tqdm(total=plan.n_rounds * plan.n_trials, unit="trial", disable=None, file=sys.stderr) as bar:
        names: list[str] = []

        def show(name, progress):
            if name not in names:
                names.append(name)
                bar.update(len(names) - 1 - bar.n)
            bar.set_postfix_str(f"{name}, step {progress.step} of {progress.n_steps}")

        found = run_search(release, chosen.name, config, plan, seed=options.seed, out=options.out, on_progress=show)
    trials = {trial["name"]: trial for trial in found["trials"]}
    for trial in sorted(trials.values(), key=lambda trial: (trial["score"] is None, -(trial["score"] or 0)))[:5]:
        telling.print_trial(trial)
    best = trials[found["best"]]
    print(f"best by {found['figure']}: {best['name']}; all {len(trials)} trials: {options.out / SEARCH_RESULTS}")
    print("again: --set " + " ".join(f"{key}={value}" for key, value in best["settings"].items()))
    if options.json:
        print(json.dumps(found))
    return 0


def _train_folds(options) -> int:
    from learning.folds import RESULTS, in_words, run_folds

    if options.start or options.overfit:
        raise ConfigInvalid("--folds trains networks of its own: --start and --overfit have no place there")
    config = recipe(options.recipe).config.with_changes(_changes(options.changes))
    release = read_release(options.release)
    with tqdm(total=options.folds, unit="fold", disable=None, file=sys.stderr) as bar:

        def show(name, progress):
            bar.set_postfix_str(f"{name}, step {progress.step} of {progress.n_steps}", refresh=False)
            bar.update(int(name.split("-")[1]) - 1 - bar.n)

        how = {"seed": options.seed, "out": options.out, "recipe_name": options.recipe, "on_progress": show}
        found = run_folds(release, config, options.folds, **how)
    print(in_words(found))
    print(f"everybody held out once, in {options.folds} networks: {options.out / RESULTS}")
    if options.json:
        print(json.dumps(found))
    return 0


def _silence(share) -> bool | None:
    return None if share.is_first else True  # None: shown on a terminal only


def _refuse_to_share(options) -> None:
    """Raise ProcessesUnusable where torch's launcher started several processes for more than one network.

    Each of them would train all the networks, in one and the same folder.
    """
    asked = {f"--{name}": getattr(options, name) is not None for name in ("search", "seeds", "folds")}
    of_study = options.recipe in STUDIES
    several = [f"{options.recipe} is a whole study"] * of_study + [name for name, is_asked in asked.items() if is_asked]
    if not several:
        return
    from learning.distribution import ProcessesUnusable, is_launched

    if is_launched():
        known = STUDIES[options.recipe].parts[0].recipe if of_study else options.recipe
        raise ProcessesUnusable(
            f"{several[0]}: torchrun shares the training of one network among processes, and here several are trained "
            f"one after the other: expected one recipe and nothing else, such as {known}"
        )


def _train_study(options) -> int:
    study = STUDIES[options.recipe]
    if options.start or options.overfit:
        raise ConfigInvalid(f"{study.name} is a whole study: --start and --overfit expect one of its recipes")
    changes, release = _changes(options.changes), read_release(options.release)
    second = read_release(options.second) if options.second else None
    bars: dict[str, tqdm] = {}

    def show(name, progress):
        if name not in bars:
            for bar in bars.values():
                bar.close()
            bars[name] = tqdm(desc=name, unit="step", disable=None, file=sys.stderr)
        bars[name].total = progress.n_steps
        bars[name].update(progress.step - bars[name].n)

    how = {"changes": changes, "seed": options.seed, "out": options.out, "on_progress": show}
    results = run_study(release, study, second=second, **how).parts
    for bar in bars.values():
        bar.close()
    for result in results:
        print(f"{result.name}: {headline(result.metrics) if result.metrics else result.status}")
        for said in filter(None, (result.message, result.metrics.get("warning"))):
            print(f"  WARNING: {said}")
        if result.second.get("second", {}).get("n"):
            figures = result.second["second"]
            print(f"  second collection: accuracy {figures['accuracy']:.3f}, F1 {figures['f1']:.3f} of {figures['n']}")
    networks = counted(len(results), "network")
    print(f"{sum(r.seconds for r in results):.1f} s; figures of {networks}: {options.out / RESULTS}")
    if options.json:
        print((options.out / RESULTS).read_text().replace("\n", ""))
    return 0


def _changes(groups: list[list[str]]) -> dict[str, str]:
    changes = {}
    for text in (text for group in groups for text in group):
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise ConfigInvalid(f"--set {text!r}: expected key=value, such as training.n_steps=500")
        changes[key] = value
    return changes


if __name__ == "__main__":
    status = status_of(main)
    if "RANK" in os.environ:  # started by torch's launcher; other commands need no torch
        from learning.distribution import end

        end(status)
    sys.exit(status)
