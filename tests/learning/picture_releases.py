"""Small releases of drawn pictures, written to a folder: what they show is known."""

import io

import numpy as np
from PIL import Image

from tests.learning import releases
from triplets import archive
from triplets.records import Landmarks, Ratings

CLASSES = ("happy", "neutral", "sad")


def drawn(kind: int, rng, size=24, height=None) -> np.ndarray:
    """Return (size, size, 3) uint8: a bright bar high, in the middle or low, on noise."""
    picture = rng.integers(0, 60, (size, size, 3))
    top = (3, size // 2 - 2, size - 7)[kind] if height is None else height
    picture[top : top + 4, 4:-4] += 150
    return picture.astype(np.uint8)


def encoded(pixels: np.ndarray, form="PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def picture_release(
    folder,
    *,
    n_subjects=10,
    n_shown=6,
    seed=0,
    with_split=True,
    counts=None,
    n_triplets=0,
    votes=False,
    n_raters=20,
    rated=(),
    collection="bars",
):
    """Write and read a release of pictures: 3 classes, one attribute "height" as rated, one "age" as measured.

    rated : names of attributes on a scale from 1 to 9 in place of "height".
    counts : n pictures of each class instead, a subject each. votes : 8 of 10 people name the class, 2 the next.
    """
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(3), counts) if counts else np.tile(np.arange(3), n_subjects * n_shown // 3)
    n = len(kinds)
    subject = [f"s{i if counts else i // n_shown}" for i in range(n)]
    person = np.unique(subject, return_inverse=True)[1]
    share = person / person.max()
    split = np.where(share < 0.6, "train", np.where(share < 0.8, "validation", "test"))
    heights = np.array([(3, 10, 17)[kind] for kind in kinds]) + rng.integers(-2, 3, n)
    pictures = [encoded(drawn(0, rng, height=int(height))) for height in heights]
    stimuli = releases.stimuli(n, subject=subject, split=split if with_split else None)
    extra = {"sex": np.where(person % 2, "female", "male")}
    stimuli = replaced(
        stimuli,
        class_label=np.array(CLASSES)[kinds],
        picture=np.array([f"images/{i}.png" for i in range(n)]),
        attributes={"age": 20.0 + person},
        extra=extra,
    )
    noise = rng.normal(0, 1.0, (n, n_raters))
    judged = heights[:, None] / 2 + noise
    columns = {"height": (judged.mean(1), judged.std(1, ddof=1))}
    if votes:
        shares = 0.8 * np.eye(3)[kinds] + 0.2 * np.eye(3)[(kinds + 1) % 3]
        columns |= {name: (shares[:, k], np.sqrt(shares[:, k] * (1 - shares[:, k]))) for k, name in enumerate(CLASSES)}
    if rated:
        nine = np.clip(1 + 8 * (rated_of(heights) + 0.1 * rng.normal(size=(len(rated), n_raters, n))), 1, 9)
        columns = {name: (v.mean(0), v.std(0, ddof=1)) for name, v in zip(rated, nine, strict=True)}
    m = len(columns)
    ratings = Ratings(
        stimulus=np.tile(np.arange(n), m),
        attribute=np.repeat(list(columns), n),
        mean=np.concatenate([mean for mean, _ in columns.values()]),
        spread=np.concatenate([spread for _, spread in columns.values()]),
        n=np.full(n * m, n_raters),
        weighted_mean=np.full(n * m, np.nan),
        split=np.tile(split, m),
    )
    rows, sides = [], []
    while len(rows) < n_triplets:
        side = ("train", "train", "validation", "test")[len(rows) % 4]
        a, p, q = rng.choice(np.flatnonzero(split == side), 3, replace=False)
        near, far = abs(int(heights[a] - heights[p])), abs(int(heights[a] - heights[q]))
        if near != far:
            rows.append((a, p, q) if near < far else (a, q, p))
            sides.append(side)
    box = np.array([[4, 4], [20, 4], [4, 20], [20, 20]], dtype=np.float32)
    archive.write_release(
        folder,
        study={"name": "bars", "kind": "rating"} | ({"scale": {"low": 1, "high": 9}} if rated else {}),
        collection={"name": collection, "landmark_scheme": ""},
        settings={},
        stimuli=stimuli,
        landmarks=Landmarks(np.arange(n - 2), np.repeat(box[None], n - 2, axis=0)),
        triplets=releases.triplets(rows, sides or "train"),
        ratings=ratings,
        responses=[],
        pictures=[(f"images/{i}.png", content) for i, content in enumerate(pictures)],
    )
    return archive.read_release(folder)


def rated_of(heights: np.ndarray) -> np.ndarray:
    """Return heights as shares of what is possible."""
    return (heights - heights.min()) / np.ptp(heights)


def replaced(stimuli, **changes):
    import dataclasses

    return dataclasses.replace(stimuli, **changes)
