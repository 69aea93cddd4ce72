"""A representation without a network on a release that knows everything about its people: all parts of a report."""

import functools
from dataclasses import replace

import numpy as np

from analysis.answers import Answers
from analysis.representation import Representation
from learning.splits import split_release
from triplets import synthetic


def perceived(release, *, noise=0.15, seed=0, **more) -> Representation:
    """Return what people perceive, off by some noise, as an embedding; the landmarks are its raw baseline."""
    place = _places(len(set(release.stimuli.subject.tolist())))
    rng = np.random.default_rng(seed)
    mean = place + noise * place.std() * rng.normal(size=place.shape)
    points = np.asarray(release.landmarks.points, float)[:, 48:68:3].reshape(len(place), -1)  # seven of the mouth
    return Representation(
        row=np.arange(len(place)),
        split=split_release(release),
        mean=4 * mean,
        x=(points - points.mean(0)) / 60,
        offset=np.zeros(points.shape[1]),
        shape=(7, 3),
        choice=("distance", 1.0),
        about={"recipe": "made up", "config": {}, "release_sha256": release.sha256},
        **more,
    )


@functools.cache
def _places(n_subjects: int) -> np.ndarray:
    faces = synthetic.make_collection(n_subjects, seed=0)
    return synthetic.perceptual_embedding(np.array([face.action_units for face in faces]))


def naming(release, *, sure=3.0, seed=1) -> Answers:
    """Return answers of a network that names the class rightly in most faces, somewhat too sure of itself."""
    names, label = np.unique(release.stimuli.class_label, return_inverse=True)
    rng = np.random.default_rng(seed)
    score = sure * (1.2 * np.eye(len(names))[label] + rng.normal(0, 0.6, (len(label), len(names))))
    said = np.exp(score) / np.exp(score).sum(1, keepdims=True)
    nothing = np.full(said.shape, np.nan)
    return Answers("class", tuple(names.tolist()), said, label, nothing, nothing)


def rating(release, *, seed=2) -> Answers:
    """Return answers of a network that predicts four attributes, of which two hang together, rated by five people."""
    rng = np.random.default_rng(seed)
    n = len(release.stimuli)
    degree = np.nan_to_num(np.asarray(release.stimuli.degree, float))
    true = np.column_stack(
        [3 + degree, 3 + 0.8 * degree + rng.normal(0, 0.5, n), rng.normal(5, 1, n), rng.normal(4, 1, n)]
    )
    value = true + rng.normal(0, 0.4, true.shape)
    said = true + rng.normal(0, [0.5, 0.5, 0.8, 2.0], true.shape)
    error = np.full(true.shape, 0.16)
    return Answers("attributes", ("happy", "friendly", "typical", "trustworthy"), said, np.full(n, -1), value, error)


def with_answers(made: Representation, answers: Answers) -> Representation:
    return replace(made, answers=answers)
