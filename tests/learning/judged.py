"""Releases of judgements alone: stimuli without landmarks or pictures, people whose eyes are known."""

import numpy as np
import pyarrow as pa

from tests.learning import releases
from triplets import archive
from triplets.records import RESPONSE_SCHEMA, Ratings


def responses_table(
    keys,
    rows,
    chose_first,
    annotator,
    split,
    *,
    question=None,
    role="ordinary",
    is_counted=True,
    is_first_left=None,
    ms=None,
):
    """Return a table of responses. rows : (v, 3) reference, first, second; the rest (v,) or one value for all."""
    n = len(rows)

    def of(value):
        return list(value) if isinstance(value, list | tuple | np.ndarray) else [value] * n

    names = np.asarray(keys)[np.asarray(rows, dtype=int).reshape(-1, 3)].tolist()
    columns = {field.name: [None] * n for field in RESPONSE_SCHEMA}
    columns |= {"kind": of("triplet"), "role": of(role), "annotator": of(annotator), "split": of(split)}
    columns |= {name: [row[place] for row in names] for place, name in enumerate(("reference", "first", "second"))}
    columns["chosen"] = [row[1] if first else row[2] for row, first in zip(names, chose_first, strict=True)]
    columns["is_counted"] = of(is_counted)
    columns["response_ms"] = of(ms)
    columns["is_first_left"] = [None if left is None else bool(left) for left in of(is_first_left)]
    columns["question"] = [int(q) for q in (np.arange(n) if question is None else question)]
    return pa.table(columns, schema=RESPONSE_SCHEMA)


def write(folder, stimuli, triplets, responses, landmarks=None):
    nothing = np.array([])
    archive.write_release(
        folder,
        study={"name": "judged", "kind": "triplet"},
        collection={"name": "things", "licence": "CC0", "landmark_scheme": ""},
        settings={},
        stimuli=stimuli,
        landmarks=landmarks,
        triplets=triplets,
        ratings=Ratings(nothing.astype(int), *[nothing] * 6),
        responses=[responses],
    )
    return archive.read_release(folder)


def crowd(folder, *, n=24, weights=None, n_each=500, n_test=150, noise=0.0, seed=0, habits=None, power=2):
    """Return (release, points (n, 2), weights (A, 2)): every annotator answers questions of their own.

    Squared differences (or with another power) are weighted by annotator and added up; noise is the scale of a logistic
    error. The verdict of a question is its one answer. habits : (A, 2) log odds for the left, and for the side of the
    answer before.
    """
    rng = np.random.default_rng(seed)
    weights = np.array([[1.9, 0.1], [0.1, 1.9], [1.0, 1.0], [1.6, 0.4]] if weights is None else weights)
    points = rng.normal(size=(n, 2))
    total = len(weights) * (n_each + n_test)
    rows = np.array([rng.choice(n, 3, replace=False) for _ in range(total)])
    person = np.repeat(np.arange(len(weights)), n_each + n_test)
    split = np.where(np.arange(total) % (n_each + n_test) < n_each, "train", "test")
    steps = (np.abs(points[rows[:, 0]] - points[rows[:, place]]) for place in (1, 2))
    first, second = ((weights[person] * step**power).sum(1) for step in steps)
    odds = second - first + (noise * rng.logistic(size=total) if noise else 0)
    chose_first, is_first_left = odds > 0, None
    if habits is not None:
        is_first_left, before = rng.random(total) < 0.5, 0
        for v, (side, again) in enumerate(np.asarray(habits)[person]):
            before = before if v and person[v] == person[v - 1] else 0
            towards_left = side + again * before
            chose_first[v] = odds[v] + (towards_left if is_first_left[v] else -towards_left) > 0
            before = 1 if chose_first[v] == is_first_left[v] else -1
    stimuli = releases.stimuli(n)
    table = responses_table(
        stimuli.key, rows, chose_first, [f"a{p}" for p in person], split, is_first_left=is_first_left
    )
    verdicts = np.where(chose_first[:, None], rows, rows[:, [0, 2, 1]])
    return write(folder, stimuli, releases.triplets(verdicts, split), table), points, weights
