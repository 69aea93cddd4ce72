"""`auto` and the other methods beside the majority, on real and simulated votes."""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

import numpy as np

from annotation import voting
from bench.consensus import crowds
from bench.consensus.hard_questions import sample_crowd, vote

SETS = {"bluebird": (3, 5, 10, 20, 30), "rte": (3, 5, 8), "face_sentiment": (3, 5, 7)}  # votes a question to keep
UNSEEN = range(110_000, 111_500)
UNSEEN_KINDS = range(120_000, 122_000)
UNSEEN_NEW_KINDS = range(150_000, 150_600)
UNSEEN_COPIES = range(130_000, 130_200)
UNSEEN_DRAWS = range(140_000, 140_300)


def main():
    folder = Path(os.environ.get("SEMBLANCE_SHARED_DATA", "../shared/data")) / "crowd_labels"
    if folder.is_dir():
        real(folder)
        thinned(folder)
    else:
        print(f"(real labels skipped: there is no {folder})")
    simulated()
    kinds(crowds.KINDS, UNSEEN_KINDS)
    kinds(crowds.NEW_KINDS, UNSEEN_NEW_KINDS)
    copying()
    a_million_rows()


def real(folder: Path) -> None:
    print("accuracy against truth, ties shared:")
    for name in SETS:
        votes, truth = _read(folder / name)
        print(f"  {name:15}", "  ".join(f"{method} {_accuracy(method, votes, truth):.3f}" for method in voting.METHODS))


def thinned(folder: Path, seeds=UNSEEN_DRAWS) -> None:
    """Take votes a question, people, or questions away, at random."""
    lead = {name: [] for name in SETS}
    sets = {name: _read(folder / name) for name in SETS}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        name = list(SETS)[seed % len(SETS)]
        (question, person, label), truth = sets[name]
        what = rng.choice(["votes", "people", "questions"])
        if what == "votes":
            order = rng.permutation(len(question))
            order = order[np.argsort(question[order], kind="stable")]
            starts = np.searchsorted(question[order], question[order])
            kept = order[np.arange(len(order)) - starts < rng.choice(SETS[name])]
        else:
            column = person if what == "people" else question
            names = np.unique(column)
            kept = np.isin(column, rng.choice(names, int(len(names) * rng.uniform(0.3, 0.9)), replace=False))
        votes = question[kept], person[kept], label[kept]
        asked = set(votes[0].tolist())
        lead[name].append(_lead("auto", votes, {key: right for key, right in truth.items() if key in asked}))
    for name, leads in lead.items():
        print(f"  {len(leads)} draws from {name}: {_sentence(leads)}")


def simulated(seeds=UNSEEN) -> None:
    lead = {"auto": [], "dawid-skene": []}
    worst = None
    for seed in seeds:
        rng = np.random.default_rng(seed)
        crowd = sample_crowd(rng)
        *votes, truth = vote(crowd, rng)
        truth = dict(enumerate(truth.tolist()))
        for method, leads in lead.items():
            leads.append(_lead(method, votes, truth))
        worst = min(worst or (1.0, ""), (lead["auto"][-1][0], json.dumps(asdict(crowd))))
    for method, leads in lead.items():
        print(f"  {len(seeds)} simulated crowds, {method}: {_sentence(leads)}")
    print(f"  the crowd that auto fails most: {worst[1]}")


def kinds(of_kinds, seeds) -> None:
    lead = {}
    for seed in seeds:
        name, votes, truth = crowds.draw(seed, of_kinds)
        lead.setdefault(name, []).append(_lead("auto", votes, dict(enumerate(truth.tolist()))))
    for name, leads in sorted(lead.items()):
        print(f"  {len(leads)} {name}: {_sentence(leads)}")
    print(f"  {len(seeds)} of all these kinds: {_sentence(list(chain.from_iterable(lead.values())))}")


def copying(seeds=UNSEEN_COPIES) -> None:
    """A tenth or a third of the people say what one of them says, who is right on .65: few methods survive that."""
    lead = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        crowd = replace(sample_crowd(rng), people="coin", mistake="none", hard=0.0)
        question, person, label, truth = vote(crowd, rng)
        leader = np.where(rng.random(len(truth)) < 0.65, truth, rng.integers(crowd.n_classes, size=len(truth)))
        copies = (rng.random(person.max() + 1) < rng.choice([0.1, 0.33]))[person]
        votes = question, person, np.where(copies, leader[question], label)
        truth = dict(enumerate(truth.tolist()))
        lead.append(_lead("auto", votes, truth))
    print(f"  {len(seeds)} crowds with people who copy one of them, auto: {_sentence(lead)}")


def a_million_rows(n_rows: int = 1_000_000) -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.csv"
        truth = rng.integers(3, size=n_rows // 5)
        with open(labels, "w", encoding="utf-8") as file:
            file.write("item,worker,label\n")
            for item, true in enumerate(truth.tolist()):
                people, luck = rng.integers(5000, size=5), rng.random(5)
                for person, lucky in zip(people.tolist(), luck.tolist(), strict=True):
                    said = true if lucky < 0.5 + 0.4 * person / 5000 else (true + 1 + person % 2) % 3
                    file.write(f"picture-{item:06},person-{person:04},class {said}\n")
        for method in voting.METHODS:
            command = [sys.executable, "-c", _CHILD, str(labels), "--method", method, "--out", f"{folder}/out.csv"]
            started = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            peak = int(done.stdout.splitlines()[-1])
            print(f"  {n_rows:,} rows, {method}: {time.monotonic() - started:.1f} s, peak memory {peak / 1024:.0f} MB")


_CHILD = (
    "import sys, resource; from annotation.__main__ import main; status = main(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(status)"
)


def _read(folder: Path):
    with open(folder / "label.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(folder / "truth.csv", encoding="utf-8", newline="") as file:
        truth = {row["item"]: int(row["truth"]) for row in csv.DictReader(file)}
    votes = (np.array([row[name] for row in rows]) for name in ("item", "worker"))
    return (*votes, np.array([int(row["label"]) for row in rows])), truth


def _accuracy(method: str, votes, truth: dict) -> float:
    return voting.shared_accuracy(voting.METHODS[method](*votes), list(truth), list(truth.values()))


def _lead(method: str, votes, truth: dict) -> tuple[float, int]:
    """Return by how much a method is righter than the majority, and on how many questions."""
    return _accuracy(method, votes, truth) - _accuracy("majority", votes, truth), len(truth)


def _sentence(leads: list[tuple[float, int]]) -> str:
    lead, n = np.array(leads).T
    lost = lead < -0.01 - 1e-9
    return (
        f"{lead.mean():+.4f} on the majority ({lead.min():+.3f} to {lead.max():+.3f}), more than .01 below it on "
        f"{lost.sum()} of {len(lead)}, by more than one question on {(lost & (lead * n < -1 - 1e-9)).sum()}"
    )
