"""Simulated crowds that differ in their numbers; on a share of hard questions everybody errs alike."""

from dataclasses import dataclass

import numpy as np


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
