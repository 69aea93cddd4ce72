"""The manifold of pictures on faces that are built along known directions."""

import numpy as np
import pytest
import torch

from analysis import tangent
from analysis.picture_manifold import MIN_PICTURES, learn_manifold

SIZE, N = 24, 60


def blob(at, size=SIZE, width=3.0):
    """A soft spot whose middle lies at (x, y): a smooth face with a single landmark."""
    y, x = np.mgrid[:size, :size] + 0.5
    return np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * width**2))


def square(at, side=6.0):
    """Five landmarks around and in a spot."""
    return np.array(at) + side * np.array([[0, 0], [-1, -1], [1, -1], [1, 1], [-1, 1]])


@pytest.fixture(scope="module")
def moving():
    """Spots that differ in where they are, along x only, and in their light."""
    rng = np.random.default_rng(0)
    at = np.column_stack([12 + 1.5 * rng.normal(size=N), np.full(N, 12.0)])
    light = 1 + 0.2 * rng.normal(size=N)
    pictures = np.stack([light[k] * blob(at[k]) for k in range(N)])
    return pictures, np.stack([square(one) for one in at])


def share(model, picture, points, explanation):
    basis, rank = tangent.tangent_basis(torch.from_numpy(model.directions(picture, points)[None]))
    return float(tangent.alignment(basis, rank, torch.from_numpy(explanation.reshape(1, -1))).value[0])


def test_moving_a_face_lies_in_its_tangent_space_and_moving_it_another_way_does_not(moving):
    model = learn_manifold(SIZE, points=moving[1])
    assert len(model.modes) == 1 and model.has_shape
    at = np.array([11.0, 12.0])
    picture, points = blob(at), square(at)
    x, y = 1e-3 * np.eye(2)
    assert share(model, picture, points, blob(at + x) - blob(at - x)) > 0.99
    assert share(model, picture, points, blob(at + y) - blob(at - y)) < 0.01
    assert share(model, picture, points, picture) < 0.1  # more light is no movement


def test_noise_lies_in_the_tangent_space_by_chance(moving):
    rng = np.random.default_rng(1)
    points = moving[1] + rng.normal(0, 0.3, moving[1].shape)
    model = learn_manifold(SIZE, points=points)
    found = [share(model, moving[0][0], points[0], rng.normal(size=(SIZE, SIZE))) for _ in range(200)]
    assert len(model.modes) == N // 8
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(np.sqrt(len(model.modes) / SIZE**2), rel=0.1)


def test_without_landmarks_the_directions_are_principal_components(moving):
    pictures, _ = moving
    model = learn_manifold(SIZE, pictures=pictures)
    assert not model.has_shape and len(model.modes) <= N // 4
    centred = pictures.reshape(N, -1) - pictures.reshape(N, -1).mean(axis=0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    for k in range(3):
        assert abs(model.modes[k] @ components[k]) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(model.directions(pictures[0]), model.modes.T)
    held = centred @ model.modes.T @ model.modes
    assert model.missed(pictures) == pytest.approx(((centred - held) ** 2).sum() / (centred**2).sum())


def test_what_movements_miss_is_said(moving):
    assert learn_manifold(SIZE, points=moving[1]).missed(moving[1]) < 1e-6
    other = moving[1] + np.random.default_rng(2).normal(0, 2, moving[1].shape)
    assert learn_manifold(SIZE, points=moving[1]).missed(other) > 0.5


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match=f"expected at least {MIN_PICTURES}"):
        learn_manifold(8, pictures=np.zeros((5, 8, 8)))
