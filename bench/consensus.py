"""How right the consensus methods are, and what a million labels cost: python -m bench consensus

1. Three real sets of crowd labels with truth (skipped where ../shared/data is absent).
2. The same sets with votes taken away, and simulated crowds that no constant was tuned on: how `auto` compares
   with the majority, and how often it loses more than .01.
3. `python -m annotation` on a million generated rows: seconds and peak memory of the process.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from annotation import voting

SETS = ("bluebird", "rte", "face_sentiment")
UNSEEN = range(110_000, 110_200)


@dataclass(frozen=True)
class Crowd:
    """A kind of crowd. On a share of hard questions everybody is right with p_hard only and else errs alike.

    people : "coin" one skill each; "biased" a skill for each class and favourite mistakes; "spammers" a quarter
    always say the same or anything; "lapses" a tenth of the votes is anything
    mistake : what everybody takes a hard question for: one class at "random", the "dominant" class, or the
    "twin" of the true one
    """

    n_classes: int
    n_questions: int
    n_votes: int
    labels_each: float
    first_class: float
    people: str
    mistake: str
    hard: float
    p_hard: float
    skill: tuple[int, int]


def sample_crowd(rng) -> Crowd:
    mistake = str(rng.choice(["none", "random", "dominant", "twin"], p=[0.3, 0.25, 0.25, 0.2]))
    return Crowd(
        n_classes=int(rng.choice([2, 2, 3, 4, 4, 5, 8])),
        n_questions=int(rng.choice([110, 300, 800, 2000])),
        n_votes=int(rng.choice([3, 5, 5, 7, 10, 20, 38])),
        labels_each=float(rng.choice([6, 15, 40, 100, 250])),
        first_class=float(rng.choice([0.0, 0.5, 0.7, 0.85])),
        people=str(rng.choice(["coin", "biased", "spammers", "lapses"])),
        mistake=mistake,
        hard=0.0 if mistake == "none" else float(rng.choice([0.15, 0.33, 0.5, 0.7])),
        p_hard=float(rng.choice([0.3, 0.4, 0.5])),
        skill=((6, 2), (4, 2), (12, 2), (3, 2))[rng.integers(4)],
    )


def vote(crowd: Crowd, rng):
    """Return question, annotator and label of every vote, and the truth of every question."""
    k, n = crowd.n_classes, crowd.n_questions * crowd.n_votes
    n_people = max(crowd.n_votes + 1, int(n / crowd.labels_each))
    classes = np.full(k, (1 - max(crowd.first_class, 1 / k)) / (k - 1))
    classes[0] = 1 - classes[1:].sum()
    truth = rng.choice(k, crowd.n_questions, p=classes)
    question = np.repeat(np.arange(crowd.n_questions), crowd.n_votes)
    activity = np.log(rng.dirichlet(np.full(n_people, rng.choice([0.5, 5.0]))) + 1e-12)
    person = np.concatenate(
        [
            np.argpartition(-(activity + rng.gumbel(size=n_people)), crowd.n_votes - 1)[: crowd.n_votes]
            for _ in range(crowd.n_questions)
        ]
    )
    confusion = np.stack([_person(crowd, rng, classes) for _ in range(n_people)])
    said = (rng.random((n, 1)) > confusion[person, truth[question]].cumsum(axis=1)).sum(axis=1).clip(max=k - 1)
    decoy = {"dominant": np.zeros_like(truth), "twin": (truth + 1) % k}.get(
        crowd.mistake, rng.integers(k, size=len(truth))
    )
    alike = np.where(rng.random(n) < 0.85, decoy[question], rng.integers(k, size=n))
    hard = np.where(rng.random(n) < crowd.p_hard, truth[question], alike)
    said = np.where((rng.random(crowd.n_questions) < crowd.hard)[question], hard, said)
    if crowd.people == "lapses":
        said = np.where(rng.random(n) < 0.1, rng.integers(k, size=n), said)
    return question, person, said, truth


def _person(crowd: Crowd, rng, classes) -> np.ndarray:
    """Return (true, said) probabilities of one person."""
    k = crowd.n_classes
    if crowd.people == "spammers" and rng.random() < 0.25:
        return np.full((k, k), 1 / k) if rng.random() < 0.5 else np.tile(np.eye(k)[rng.choice(k, p=classes)], (k, 1))
    if crowd.people == "biased":
        skill = rng.beta(*crowd.skill, size=k)
        mistakes = [np.insert(rng.dirichlet(np.full(k - 1, 0.5)), true, 0) for true in range(k)]
        return np.diag(skill) + (1 - skill)[:, None] * np.array(mistakes)
    skill = np.clip(rng.beta(*crowd.skill), 1 / k, 0.99)
    return np.where(np.eye(k, dtype=bool), skill, (1 - skill) / (k - 1))


def main():
    folder = Path(os.environ.get("SEMBLANCE_SHARED_DATA", "../shared/data")) / "crowd_labels"
    if folder.is_dir():
        real(folder)
        thinned(folder)
    else:
        print(f"(real labels skipped: there is no {folder})")
    simulated()
    copying()
    a_million_rows()


def real(folder: Path) -> None:
    print("accuracy against truth, ties shared:")
    for name in SETS:
        votes, truth = _read(folder / name)
        print(f"  {name:15}", "  ".join(f"{method} {_accuracy(method, votes, truth):.3f}" for method in voting.METHODS))


def thinned(folder: Path) -> None:
    """Keep n votes a question, drawn at random."""
    for name, kept in (("bluebird", (3, 5, 10, 20, 30)), ("rte", (3, 5, 8)), ("face_sentiment", (3, 5, 7))):
        (question, person, label), truth = _read(folder / name)
        for n in kept:
            lead = []
            for seed in range(10):
                order = np.random.default_rng(seed).permutation(len(question))
                order = order[np.argsort(question[order], kind="stable")]
                starts = np.searchsorted(question[order], question[order])
                few = order[np.arange(len(order)) - starts < n]
                votes = question[few], person[few], label[few]
                lead.append(_accuracy("auto", votes, truth) - _accuracy("majority", votes, truth))
            print(f"  {name:15} {n:2} votes a question: {_sentence(np.array(lead))}")


def simulated(seeds=UNSEEN) -> None:
    lead = {"auto": [], "dawid-skene": []}
    worst = None
    for seed in seeds:
        rng = np.random.default_rng(seed)
        crowd = sample_crowd(rng)
        *votes, truth = vote(crowd, rng)
        truth = dict(enumerate(truth.tolist()))
        of_majority = _accuracy("majority", votes, truth)
        for method, leads in lead.items():
            leads.append(_accuracy(method, votes, truth) - of_majority)
        worst = min(worst or (1.0, ""), (lead["auto"][-1], json.dumps(asdict(crowd))))
    for method, leads in lead.items():
        print(f"  {len(seeds)} simulated crowds, {method}: {_sentence(np.array(leads))}")
    print(f"  the crowd that auto fails most: {worst[1]}")


def copying(seeds=range(7000, 7060)) -> None:
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
        lead.append(_accuracy("auto", votes, truth) - _accuracy("majority", votes, truth))
    print(f"  {len(seeds)} crowds with people who copy one of them, auto: {_sentence(np.array(lead))}")


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


def _sentence(lead: np.ndarray) -> str:
    return (
        f"{lead.mean():+.4f} on the majority ({lead.min():+.3f} to {lead.max():+.3f}), "
        f"more than .01 below it on {(lead < -0.01).sum()} of {len(lead)}"
    )


if __name__ == "__main__":
    main()
