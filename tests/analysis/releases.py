"""Releases for the tests of analysis: synthetic faces, judged by a simulated crowd with the known truth."""

import io

import numpy as np
import pyarrow as pa
from PIL import Image

from triplets import archive, synthetic
from triplets.records import RESPONSE_SCHEMA, Landmarks, Ratings, Stimuli, Triplets

#: Of the pictures, in pixels; landmarks are in the same.
SIDE = 120
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def judged_faces(directory, *, n_subjects=10, seed=0, per_stimulus=4, n_votes=5, noise=0.25, pictures=False, **changes):
    """Write a release of n_subjects x 25 synthetic faces and return it read again.

    per_stimulus : triplets with each stimulus as the reference, half of one subject, half of three
    noise : spread of one person's judgement, in units of perceived distance
    pictures : False, "plain" (a coloured square, quick) or "rendered" (the face)
    changes : splits="triplet" shares every face between the splits; no_classes, no_landmarks, no_neutral;
        people=True adds who they are (sex, age), three action units, and single responses of twelve annotators
    """
    rng = np.random.default_rng(seed)
    faces = synthetic.make_collection(n_subjects, seed)
    subject = np.array([face.subject for face in faces])
    people = rng.permutation(sorted(set(subject)))
    edges = np.round(np.cumsum([0, *SHARES.values()]) * n_subjects).astype(int)
    split_of = {p: name for name, a, b in zip(SHARES, edges, edges[1:], strict=False) for p in people[a:b]}
    split = np.array([split_of[s] for s in subject])
    rows = _questions(subject, split, per_stimulus, rng)
    place = synthetic.perceptual_embedding(np.array([face.action_units for face in faces]))
    gap = np.linalg.norm(place[rows[:, 0]] - place[rows[:, 2]], axis=1)
    gap -= np.linalg.norm(place[rows[:, 0]] - place[rows[:, 1]], axis=1)
    for_first = rng.binomial(n_votes, 1 / (1 + np.exp(-gap / noise)))
    flip = for_first * 2 < n_votes
    rows[flip] = rows[flip][:, [0, 2, 1]]
    n_positive = np.maximum(for_first, n_votes - for_first)
    judged = np.random.default_rng(seed + 1).choice(list(SHARES), size=len(rows), p=list(SHARES.values()))
    by_triplet = changes.get("splits") == "triplet"
    n = len(faces)
    names = [f"images/{face.key}.jpg" if pictures else "" for face in faces]
    stimuli = Stimuli(
        key=np.array([face.key for face in faces]),
        subject=subject,
        class_label=np.array(["" if changes.get("no_classes") else face.class_label for face in faces]),
        degree=np.array([float(face.degree) for face in faces]),
        is_neutral=np.array([0 if changes.get("no_neutral") else int(face.is_neutral) for face in faces], np.int8),
        split=np.full(n, "") if by_triplet else split,
        picture=np.array(names),
        **(_who(faces, subject) if changes.get("people") else {}),
    )
    triplets = Triplets(
        anchor=rows[:, 0], positive=rows[:, 1], negative=rows[:, 2], n_positive=n_positive,
        n_votes=np.full(len(rows), n_votes), weight=2 * n_positive - n_votes, posterior=np.full(len(rows), np.nan),
        split=judged if by_triplet else split[rows[:, 0]],
        is_same_subject=(subject[rows[:, 0]] == subject[rows[:, 1]]).astype(np.int8),
        sampler=np.full(len(rows), "design"), question=np.arange(len(rows)),
    )  # fmt: skip
    nothing = np.array([])
    points = np.stack([face.landmarks for face in faces]) * np.float32(SIDE / synthetic.FRAME if pictures else 1)
    archive.write_release(
        directory,
        study={"name": "which face is more alike?", "kind": "triplet"},
        collection={"name": "synthetic faces", "licence": "CC0", "landmark_scheme": synthetic.SCHEME},
        settings={},
        stimuli=stimuli,
        landmarks=None if changes.get("no_landmarks") else Landmarks(np.arange(n), points, synthetic.SCHEME),
        triplets=triplets,
        ratings=Ratings(nothing.astype(int), nothing.astype(str), nothing, nothing, nothing.astype(int), nothing,
                        nothing.astype(str)),
        responses=[_responses(triplets, stimuli.key, seed)] if changes.get("people") else [],
        pictures=((name, jpeg(face, pictures)) for name, face in zip(names, faces, strict=True)) if pictures else (),
    )  # fmt: skip
    return archive.read_release(directory)


def jpeg(face, kind="plain", size=SIDE) -> bytes:
    buffer = io.BytesIO()
    if kind == "rendered":
        picture = synthetic.render(face.identity, face.action_units, size, pose=face.pose)
    else:
        picture = Image.new("RGB", (size, size), (90, 40 * face.degree, 120))
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _questions(subject, split, per_stimulus, rng) -> np.ndarray:
    rows = []
    for anchor in range(len(subject)):
        same = np.setdiff1d(np.flatnonzero(subject == subject[anchor]), [anchor])
        other = np.flatnonzero((split == split[anchor]) & (subject != subject[anchor]))
        for k in range(per_stimulus):
            if k % 2 == 0 or len(set(subject[other])) < 2:
                pair = rng.choice(same, 2, replace=False)
            else:
                first = rng.choice(other)
                pair = (first, rng.choice(other[subject[other] != subject[first]]))
            rows.append((anchor, *pair))
    return np.array(rows)


def _who(faces, subject) -> dict:
    people = np.unique(subject, return_inverse=True)[1]
    units = np.array([face.action_units for face in faces])
    return {
        "action_units": {f"AU{k}": (units[:, k] > 0.3).astype(float) for k in np.argsort(-units.var(0))[:3].tolist()},
        "extra": {
            "sex": np.where(people % 2, "female", "male"),
            "age": np.array([str(20 + 7 * (k % 6)) for k in people.tolist()]),
        },
    }


def _responses(triplets, keys, seed, n_annotators=12) -> pa.Table:
    """Return the votes as single responses: of each question n_votes of the annotators, who differ in how often they
    side with the few."""
    rng = np.random.default_rng([seed, 1])
    rows = []
    for question in range(len(triplets)):
        anchor, positive, negative = (str(keys[k]) for k in triplets.rows[question])
        people = rng.permutation(n_annotators)[: triplets.n_votes[question]]
        # Those with high numbers are more often among the few.
        order = people[np.argsort(people + rng.normal(0, 6, len(people)))]
        for place, person in enumerate(order.tolist()):
            rows.append(
                {"question": int(triplets.question[question]), "kind": "triplet", "role": "ordinary",
                 "reference": anchor, "first": positive, "second": negative,
                 "chosen": positive if place < triplets.n_positive[question] else negative,
                 "annotator": f"a{person:02d}", "is_counted": True, "split": str(triplets.split[question])}
            )  # fmt: skip
    return pa.table({f.name: [row.get(f.name) for row in rows] for f in RESPONSE_SCHEMA}, schema=RESPONSE_SCHEMA)
