"""What the default VAE is made of, each piece taken out or exchanged: python -m bench.vae_evidence [--only NAME ...]

Every variant is trained from --seeds seeds on the synthetic posed set (100 subjects x 25, 8,000 artificial triplets)
and, for what needs split votes, on the "asked" set (30 subjects, five answers of simulated people each). Prints
satisfied test triplets, accuracy of a linear probe on the test subjects and CPU seconds, mean and spread (standard
deviation) over seeds, beside the published recipe after --published-steps iterations. Figures are kept in --out, one
line a training, so that an interrupted command goes on where it was; run again it gives the same figures.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from analysis import probes
from bench.vae import asked, posed
from learning import embedding
from learning.checkpoints import load_checkpoint
from learning.config import Config
from learning.recipes import recipe
from learning.training import train_release

IS_LONG = True  # `make bench` leaves it out unless it is named
REFERENCE = "published"
#: What a change may lose against the published recipe, over the same seeds.
MAY_LOSE = {"satisfied": 0.01, "accuracy": 0.02}

#: One change each is tried on a smaller network, which costs less and where a change shows sooner.
SMALL = {"encoder": "128,64"}
CHANGES = {
    "small": {},
    "small, learning rate 1e-3": {"learning_rate": 1e-3},
    "small, learning rate 1e-2": {"learning_rate": 1e-2},
    "small, L = 3 samples": {"n_samples": 3},
    "small, M = 10 triplet samples": {"triplet_term": "sampled"},
    "small, separate batches": {"batch": "separate"},
    "small, EMA .99": {"ema": 0.99},
    "small, EMA .995": {"ema": 0.995},
    "small, early stopping after 6": {"patience": 6},
    "small, no mirror": {"mirror": "no"},
    "small, no noise": {"jitter": 0},
    "small, noise .02": {"jitter": 0.02},
    "small, learned variance": {"variance": "learned"},
    "small, concatenated form": {"form": "concatenated"},
}
#: (data, name) -> settings that differ from the default recipe.
VARIANTS: dict[tuple[str, str], dict] = {
    ("posed", "default"): {},
    ("posed", "published widths"): {"encoder": "480,240,120,60", "decoder": "300,400,300"},
    **{("posed", name): SMALL | changes for name, changes in CHANGES.items()},
    ("asked", "default"): {},
    ("asked", "small"): SMALL,
    ("asked", "small, 3-BT"): SMALL | {"likelihood": "votes"},
    ("asked", "small, no mirror"): SMALL | {"mirror": "no"},
    ("asked", "small, EMA .99"): SMALL | {"ema": 0.99},
}
DATA = {"posed": posed, "asked": asked}


def main(arguments=()):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--published-steps", type=int, default=10_000, help="0: without the published recipe")
    parser.add_argument("--only", nargs="+", default=[], help="names of variants, or a data set")
    parser.add_argument("--out", type=Path, default=Path("var/vae-evidence.jsonl"))
    options = parser.parse_args(list(arguments))
    configs = {place: recipe("topological-vae").config.with_changes(changes) for place, changes in VARIANTS.items()}
    if options.published_steps:
        configs |= {(data, REFERENCE): published(options.published_steps) for data in DATA}
    wanted = {place: config for place, config in configs.items() if not options.only or set(place) & set(options.only)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    releases = {}
    for seed in range(options.seeds):  # all variants of one seed first: an interrupted evening still compares
        for (data, name), config in wanted.items():
            if (data, name, seed) in known(options.out, configs):
                continue
            if data not in releases:
                releases[data] = DATA[data]()
            figures = {"data": data, "name": name, "seed": seed, "config": config.to_dict()}
            figures |= measured(releases[data], config, seed)
            with open(options.out, "a") as file:
                print(json.dumps(figures), file=file)
    print(table(known(options.out, configs)))


def published(n_steps: int) -> Config:
    """Return the published recipe, ended after so many of its 100,000 iterations and otherwise unchanged."""
    return recipe("topological-vae-posed-published").config.with_changes({"n_steps": n_steps})


def known(path: Path, configs: dict) -> dict[tuple[str, str, int], dict]:
    """Return the figures measured so far under these very configurations."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    return {
        (line["data"], line["name"], line["seed"]): line
        for line in lines
        if (line["data"], line["name"]) in configs
        and configs[line["data"], line["name"]] == Config.from_dict(line["config"])
    }


def measured(release, config: Config, seed: int) -> dict:
    """Train once and return satisfied triplets, probe accuracy, CPU seconds and steps."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        result = train_release(release, config, seed=seed, out=Path(folder))
        cpu = time.process_time() - started
        return {
            "satisfied": result.satisfied_test,
            "validation": result.satisfied_validation,
            "accuracy": probe_accuracy(release, result.checkpoint),
            "cpu": cpu,
            "steps": result.steps,
            "raw": result.metrics["satisfied_raw_test"],
            "neutral_difference": result.metrics["satisfied_neutral_difference_test"],
            "learned": result.metrics.get("reconstruction_variance"),
        }


def probe_accuracy(release, checkpoint) -> float:
    """Return how many test pictures of unseen subjects a linear SVM names rightly, as the published tables do."""
    stimuli = release.stimuli
    found = embedding.embed(load_checkpoint(checkpoint), release)
    labels, subjects = stimuli.class_label[found.row], stimuli.subject[found.row]
    plan = probes.plan(labels, subjects, stimuli.split[found.row])
    return probes.probe(found.mean, labels, subjects, plan, n_bootstrap=10)["accuracy"]


def table(found: dict[tuple[str, str, int], dict]) -> str:
    """Return the figures as a table in Markdown; better and worse are said against the published recipe's seeds."""
    lines = [
        "| data | variant | seeds | satisfied | probe accuracy | CPU s | accepted |",
        "|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[dict]] = {}
    for (data, name, _), figures in sorted(found.items(), key=lambda item: item[0][2]):
        groups.setdefault((data, name), []).append(figures)
    for (data, name), rows in sorted(groups.items(), key=lambda item: item[0][0] != "posed"):
        cells = [
            spread([row[key] for row in rows], digits)
            for key, digits in (("satisfied", 3), ("accuracy", 3), ("cpu", 1))
        ]
        lines.append(
            f"| {data} | {name} | {len(rows)} | {' | '.join(cells)} | {verdict(rows, groups.get((data, REFERENCE)))} |"
        )
    return "\n".join(lines)


def spread(values: list[float], digits: int) -> str:
    """Return mean ± standard deviation, of one value the value.

    >>> spread([0.9, 0.92], 3)
    '.910 ± .014'
    """
    found = [np.mean(values), *([np.std(values, ddof=1)] if len(values) > 1 else [])]
    shown = [f"{value:.{digits}f}" for value in found]
    return " ± ".join(text.removeprefix("0") if digits > 1 else text for text in shown)


def verdict(rows: list[dict], reference: list[dict] | None) -> str:
    """Return whether a variant is as good as the published recipe, mean against mean."""
    if not reference or rows is reference:
        return "-"
    loses = {key: np.mean([r[key] for r in reference]) - np.mean([r[key] for r in rows]) for key in MAY_LOSE}
    lost = [f"{key} -{loss:.3f}" for key, loss in loses.items() if loss > MAY_LOSE[key]]
    return "no: " + ", ".join(lost) if lost else "yes"


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
