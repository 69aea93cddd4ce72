"""Parts of faces in pixels, their filling, and a score that knows where it looks."""

import numpy as np
import pytest
import torch

from analysis import occlusion
from analysis.explained import landmarks_in_pixels
from tests.analysis.pictures_networks import preprocessing
from triplets.schemes import scheme_named
from triplets.synthetic import scheme as synthetic
from triplets.synthetic.identity import average_identity
from triplets.synthetic.shape import landmarks

SIZE = 64


@pytest.fixture(scope="module")
def scheme():
    return scheme_named(synthetic.SCHEME)


@pytest.fixture(scope="module")
def face(scheme):
    """Landmarks of an average face in a picture of 64 pixels a side."""
    points = np.asarray(landmarks(average_identity()), dtype=float)[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - (low + high) / 2) * (48 / (high - low).max()) + SIZE / 2


@pytest.fixture(scope="module")
def found(scheme, face):
    return occlusion.regions(scheme, face[None], SIZE)


def test_each_part_holds_its_landmarks_and_no_other_eye(scheme, face, found):
    assert found.names == ("mouth", "left eye", "right eye", "brows", "nose")
    pixel = np.floor(face).astype(int)
    for part, groups in enumerate(occlusion.PARTS.values()):
        for group in groups:
            x, y = pixel[list(getattr(scheme, group))].T
            assert found.masks[0, : part + 1, y, x].any(axis=1).all(), group  # its own, or of a part before it
            assert found.masks[0, part, y, x].mean() > 0.5, group
    left, right = found.masks[0, 1], found.masks[0, 2]
    assert not (left & right).any()
    assert np.nonzero(left)[1].mean() < np.nonzero(right)[1].mean()
    assert not (found.skin[0] & found.masks[0].any(axis=0)).any()
    assert 0 < found.areas().max() < 0.25


def test_a_face_is_filled_with_its_own_skin(found):
    x = torch.zeros(1, 3, SIZE, SIZE)
    x[:, :, torch.from_numpy(found.skin[0])] = torch.tensor([0.8, 0.6, 0.5])[:, None]
    x[:, :, torch.from_numpy(found.masks[0, 0])] = 1.0
    colour = occlusion.skin_colour(x, found)
    assert torch.allclose(colour, torch.tensor([[0.8, 0.6, 0.5]]))
    filled = occlusion.occlude(x, found.masks[:, 0], colour)
    inside = torch.from_numpy(found.masks[0, 0])
    assert torch.allclose(filled[0][:, inside], colour[0][:, None])
    assert torch.equal(filled[0][:, ~inside], x[0][:, ~inside])


def test_a_score_that_reads_the_mouth_falls_when_the_mouth_is_gone(found):
    inside = torch.from_numpy(found.masks[0, 0])

    def smile(x, direction):
        return direction[:, 0] * x[:, 0, inside].sum(dim=1)

    x = torch.full((2, 3, SIZE, SIZE), 0.25)
    x[1, :, inside] = 1.0
    both = occlusion.Regions(found.names, found.masks.repeat(2, axis=0), found.skin.repeat(2, axis=0))
    result = occlusion.occlusion(smile, x, torch.tensor([[1.0], [2.0]]), both)
    n = int(inside.sum())
    assert result.score == pytest.approx([0.25 * n, 2.0 * n])
    assert result.change[0] == pytest.approx(np.zeros(5))
    assert result.change[1] == pytest.approx([2 * -0.75 * n, 0, 0, 0, 0], abs=1e-3)
    assert result.area[0, 0] == pytest.approx(n / SIZE**2)
    streamed = list(occlusion.occlusion_batches(smile, [(x, torch.tensor([[1.0], [2.0]]), both)]))
    assert np.array_equal(streamed[0].change, result.change)


def test_points_in_a_line_still_cover_something(scheme, face):
    flat = face.copy()
    flat[list(scheme.mouth), 1] = flat[list(scheme.mouth), 1].mean()
    masks = occlusion.regions(scheme, flat[None], SIZE).masks
    assert masks[0, 0].any()


def test_points_of_another_scheme_are_refused(scheme):
    with pytest.raises(ValueError, match=r"\(b, 83, 2\)"):
        occlusion.regions(scheme, np.zeros((1, 68, 2)), SIZE)


@pytest.mark.parametrize("crop", ["whole", "face"])
def test_landmarks_land_where_the_picture_shows_them(tmp_path, crop):
    """A bright bar's corners are the landmarks; after cutting and scaling they still hold all of the light."""
    from learning.pictures import decode, face_box
    from tests.learning.picture_releases import picture_release

    release = picture_release(tmp_path / "release", n_subjects=4)
    row = np.array([0, 1])
    placed = landmarks_in_pixels(release, row, preprocessing(size=48, crop=crop))
    points = np.asarray(release.landmarks.points[0])
    assert placed.shape == (2, 4, 2)
    if crop == "whole":
        assert placed[0] == pytest.approx(points * 2)  # pictures are 24 pixels a side
    else:
        left, top, right, _ = face_box(points)
        assert placed[0] == pytest.approx((points - (left, top)) * 48 / (right - left))
        assert decode(release.picture_bytes(0), size=48, channels=3, box=face_box(points)).shape == (48, 48, 3)
    last = len(release.stimuli) - 1  # has no landmarks
    assert np.isnan(landmarks_in_pixels(release, np.array([last]), preprocessing(size=48, crop=crop))).all()


def test_landmarks_of_an_aligned_picture_have_the_eyes_where_they_always_are(tmp_path):
    import dataclasses

    from tests.learning.picture_releases import picture_release
    from triplets.records import Landmarks
    from triplets.schemes import scheme_named

    known = scheme_named("openface-68")
    points = np.random.default_rng(0).uniform(8, 16, size=(2, 68, 2))
    for part, at in ((known.left_lower_lid, (6, 8)), (known.right_lower_lid, (18, 8)), (known.mouth, (12, 20))):
        points[:, list(part)] += np.array(at) - points[:, list(part)].mean(axis=1, keepdims=True)
    made = picture_release(tmp_path / "release", n_subjects=4)
    release = dataclasses.replace(made, landmarks=Landmarks(np.array([0, 3]), points, "openface-68"))
    placed = landmarks_in_pixels(release, np.array([0, 3, 4]), preprocessing(size=40, crop="aligned"))
    assert placed[0, list(known.left_lower_lid)].mean(axis=0) == pytest.approx((12, 14))
    assert placed[1, list(known.mouth)].mean(axis=0) == pytest.approx((20, 30))
    assert np.isnan(placed[2]).all()
