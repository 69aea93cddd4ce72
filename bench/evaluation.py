"""What a report costs on a large release: python -m bench evaluation

100,000 faces of 2,000 people as 249 numbers each, 7 expressions, 12 action units, 200,000 triplets of five votes: all
satisfied triplets, ceilings, kinds and groups; linear probes of expressions and action units on the embedding and on
every baseline (raw, PCA 50, 40, 30 and 20, expression minus neutral). Prints CPU seconds a part, and the peak of
memory beside that of the arrays that went in. BENCH_STIMULI: so many faces instead.
"""

import json
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.evaluation import summarise
from analysis.representation import Representation
from learning.splits import SUBJECT, Split
from triplets import archive
from triplets.records import RESPONSE_SCHEMA, Ratings, Stimuli, Triplets

N_STIMULI, N_NUMBERS, N_EACH, N_CLASSES, N_UNITS = int(os.environ.get("BENCH_STIMULI", 100_000)), 249, 50, 7, 12


def main():
    release, made = study(N_STIMULI)
    before, started, parts, last = peak_mib(), time.process_time(), {}, ["", time.process_time()]

    def tell(words, share):
        now = time.process_time()
        parts[last[0]] = parts.get(last[0], 0.0) + now - last[1]
        last[:] = [words, now]

    results = summarise(made, release, progress=tell)
    tell("", 1.0)
    shown = {words: round(seconds, 1) for words, seconds in parts.items() if words and seconds >= 0.1}
    probe, units = results["probe"]["embedding"], results["action_units"]["compared"]["embedding"]
    figures = {
        "faces": N_STIMULI,
        "numbers": N_NUMBERS,
        "cpu_seconds": round(time.process_time() - started, 1),
        "parts": shown,
        "peak_mib": round(peak_mib()),
        "peak_before_mib": round(before),
        "satisfied": round(results["satisfied"]["test"]["all"]["value"], 4),
        "probe_accuracy": round(probe["accuracy"], 4),
        "action_units_auc": round(units["auc"]["value"], 4),
        "representations": len(results["action_units"]["compared"]),
    }
    print(json.dumps(figures), flush=True)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class Unanswered(archive.Release):
    """A release in memory whose single responses were not kept."""

    def responses(self) -> pa.Table:
        return RESPONSE_SCHEMA.empty_table()


def study(n: int, seed: int = 0) -> tuple[archive.Release, Representation]:
    """Return a release of n faces without pictures, and an embedding of them in 30 dimensions."""
    rng = np.random.default_rng(seed)
    person = np.arange(n) // N_EACH
    side = np.array(["train"] * 14 + ["validation"] * 3 + ["test"] * 3)[person % 20]
    label = rng.integers(N_CLASSES, size=n)
    centre, mixing = rng.normal(size=(N_CLASSES, 30)), rng.normal(size=(30, N_NUMBERS)).astype(np.float32)
    hidden = (centre[label] + rng.normal(size=(n, 30))).astype(np.float32)
    rest = rng.normal(size=(person.max() + 1, N_NUMBERS)).astype(np.float32)[person] * 3
    x = hidden @ mixing + rest
    x += 0.5 * rng.standard_normal(x.shape, dtype=np.float32)
    shown = hidden[:, :N_UNITS] + 0.5 * rng.normal(size=(n, N_UNITS)) > 0.8
    subject = np.array([f"s{k:05d}" for k in range(person.max() + 1)])[person]
    stimuli = Stimuli(
        key=np.array([f"f{k:06d}" for k in range(n)]),
        subject=subject,
        class_label=np.array([f"class {k}" for k in range(N_CLASSES)])[label],
        degree=np.full(n, np.nan),
        is_neutral=np.zeros(n, np.int8),
        split=side,
        picture=np.full(n, ""),
        action_units={f"AU{k}": shown[:, k].astype(float) for k in range(N_UNITS)},
        extra={"sex": np.where(person % 2, "female", "male"), "age": (18 + person % 50).astype(str)},
    )
    triplets = judged(hidden, person, side, rng)
    nothing = np.array([])
    ratings = Ratings(nothing.astype(int), *[nothing] * 6)
    release = Unanswered(Path("bench"), "0" * 64, {}, stimuli, None, triplets, ratings)
    made = Representation(
        row=np.arange(n),
        split=Split(side, triplets.split, SUBJECT, False),
        mean=hidden + 0.5 * rng.standard_normal(hidden.shape, dtype=np.float32),
        x=x,
        neutral=rest + 0.2 * rng.standard_normal(x.shape, dtype=np.float32),
        offset=np.zeros(N_NUMBERS),
        shape=(83, 3),
        choice=("distance", 1.0),
    )
    return release, made


def judged(hidden, person, side, rng) -> Triplets:
    """Return two triplets a face within its split, five votes each."""
    rows, sides = [], []
    for name in ("train", "validation", "test"):
        here = np.flatnonzero(side == name)
        anchor = np.repeat(here, 2)
        rows.append(np.column_stack([anchor, rng.choice(here, (len(anchor), 2))]))
        sides.append(np.full(len(anchor), name))
    rows, sides = np.concatenate(rows), np.concatenate(sides)
    gap = np.linalg.norm(hidden[rows[:, 0]] - hidden[rows[:, 2]], axis=1)
    gap -= np.linalg.norm(hidden[rows[:, 0]] - hidden[rows[:, 1]], axis=1)
    for_first = rng.binomial(5, 1 / (1 + np.exp(-gap)))
    rows = np.where((for_first >= 3)[:, None], rows, rows[:, [0, 2, 1]])
    votes, n = np.maximum(for_first, 5 - for_first), len(rows)
    return Triplets(
        *rows.T,
        n_positive=votes,
        n_votes=np.full(n, 5),
        weight=2 * votes - 5,
        posterior=np.full(n, np.nan),
        split=sides,
        is_same_subject=np.full(n, -1, np.int8),
        sampler=np.full(n, "design"),
        question=np.arange(n),
    )


if __name__ == "__main__":
    main()
