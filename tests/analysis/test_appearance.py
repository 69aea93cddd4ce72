"""The manifold of pictures on faces that are built along known directions."""

import numpy as np
import pytest
import torch

from analysis import tangent
from analysis.appearance import MIN_PICTURES, learn_appearance

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


def test_moving_a_face_and_lighting_it_lie_in_its_tangent_space_and_moving_it_another_way_does_not(moving):
    model = learn_appearance(*moving)
    assert len(model.movements) == 1 and model.shape is not None
    at = np.array([11.0, 12.0])
    picture, points = blob(at), square(at)
    x, y = 1e-3 * np.eye(2)
    along, across = blob(at + x) - blob(at - x), blob(at + y) - blob(at - y)
    assert share(model, picture, points, along) > 0.97
    assert share(model, picture, points, picture) > 0.97  # more light
    # The mean shape's own coarse pixels leave a little of it among the appearances.
    assert share(model, picture, points, across) < 0.35


def test_noise_lies_in_the_tangent_space_by_chance(moving):
    model = learn_appearance(*moving)
    rng, found = np.random.default_rng(1), []
    for _ in range(200):
        found.append(share(model, moving[0][0], moving[1][0], rng.normal(size=(SIZE, SIZE))))
    chance = np.sqrt(model.n_directions / SIZE**2)
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(chance, rel=0.1)


def test_a_direction_of_shape_is_the_difference_of_pictures_bent_a_little(moving):
    model = learn_appearance(*moving)
    picture, points = moving[0][3], moving[1][3]
    columns = model.directions(picture, points)
    assert np.linalg.norm(columns, axis=0) == pytest.approx(np.ones(model.n_directions))
    middle = points[0]
    x = np.array([0.01, 0.0])
    moved = blob(middle + x) - blob(middle - x)
    cosine = abs(columns[:, 0] @ moved.ravel()) / np.linalg.norm(moved)
    assert cosine > 0.97


def test_without_landmarks_the_directions_are_principal_components(moving):
    pictures, _ = moving
    model = learn_appearance(pictures)
    assert model.shape is None and model.n_directions == len(model.modes) <= N // 4
    centred = pictures.reshape(N, -1) - pictures.reshape(N, -1).mean(axis=0)
    _, _, components = np.linalg.svd(centred, full_matrices=False)
    for k in range(3):
        assert abs(model.modes[k] @ components[k]) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(model.directions(pictures[0]), model.directions(pictures[5]))
    held = centred @ model.modes.T @ model.modes
    assert model.missed(pictures) == pytest.approx(((centred - held) ** 2).sum() / (centred**2).sum())


def test_landmarks_explain_more_with_fewer_directions(moving):
    """Once bent onto one shape, moving spots differ in light alone."""
    assert learn_appearance(*moving).missed(*moving) < 0.01
    assert len(learn_appearance(*moving).modes) <= N // 4


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match=f"expected at least {MIN_PICTURES}"):
        learn_appearance(np.zeros((5, 8, 8)))
