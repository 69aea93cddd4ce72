"""What is true and how people err, each estimated from the other in turns (Dawid & Skene 1979).

`votes` are those of `annotation.voting`. A confusion is made of counts (n_annotators, said, true): how often each said
what, given what is believed to be true; it sums to one over `said`.
"""

import numpy as np


def expectation_maximisation(votes, confusion, *, anchor=0.0, even_classes=False, tolerance=1e-6, max_iterations=1000):
    """Return (n_questions, n_classes) posterior probabilities of the truth.

    confusion : turns counts (annotator, said, true) into probabilities that sum to one over `said`.
    It starts from the vote shares and ends when no posterior moves by more than the tolerance.
    """
    shares = votes.shares()
    kept = (anchor**2 / (anchor**2 + votes.n_of_question.astype(float) ** 2))[:, None] if anchor else 0.0
    n_classes = votes.n_classes
    free = np.ones(len(shares), dtype=bool)
    free[votes.gold_row] = False
    free = free if free.any() else ~free
    posterior = shares
    for _ in range(max_iterations if len(shares) else 0):
        believed = votes.with_gold((1 - kept) * posterior + kept * shares)
        classes = (believed[free].sum(axis=0) + 1) / (free.sum() + n_classes) if anchor else believed[free].mean(axis=0)
        classes = np.full(n_classes, 1 / n_classes) if even_classes else np.maximum(classes, 1e-10)
        said = np.log(confusion(votes.counts(believed))).reshape(-1, n_classes)
        likelihood = votes.incidence @ said + np.log(classes)
        likelihood = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
        updated = votes.with_gold(likelihood / likelihood.sum(axis=1, keepdims=True))
        moved = np.abs(updated - posterior).max()
        posterior = updated
        if moved < tolerance:
            break
    return posterior


def free_confusion(counts) -> np.ndarray:
    """Return each annotator's own matrix: every way to be wrong for itself."""
    counts = counts + 0.01
    return counts / counts.sum(axis=1, keepdims=True)


def one_coin_confusion(counts) -> np.ndarray:
    """Return matrices of one accuracy an annotator, wrong labels alike."""
    n_classes = counts.shape[1]
    right = np.trace(counts, axis1=1, axis2=2)
    return _coin((right + 1) / (counts.sum(axis=(1, 2)) + n_classes), n_classes)


def average_coin_confusion(counts) -> np.ndarray:
    """Return the same, accuracies shrunk by two votes' worth towards the average."""
    right, n = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    average = (right.sum() + 1) / (n.sum() + 2)
    return _coin((right + 2 * average) / (n + 2), counts.shape[1])


def _coin(skill, n_classes) -> np.ndarray:
    skill = np.clip(skill, 1e-10, 1 - 1e-10)[:, None, None]
    return np.where(np.eye(n_classes, dtype=bool), skill, (1 - skill) / (n_classes - 1))
