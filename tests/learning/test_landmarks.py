import numpy as np
import pytest

from learning.landmarks import LandmarksUnusable, align, found_mirror, mirrored, neutral_rows, pose_angles
from tests.learning.releases import REST, TINY
from triplets.schemes import SCHEMES
from triplets.synthetic import make_collection


@pytest.fixture
def faces():
    return REST + np.random.default_rng(0).normal(0, 4, (5, 6, 3))


def turned(points, axis, degrees):
    """Turn points about one axis of the picture."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix = {
        "pitch": [[1, 0, 0], [0, cos, -sin], [0, sin, cos]],
        "yaw": [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]],
        "roll": [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]],
    }[axis]
    return points @ np.array(matrix).T


def test_by_hand():
    # Lids at (1, 1), (3, 1) and (5, 1), (7, 1): eyes at 2 and 6, middle (4, 1), distance 4.
    points = np.array([[1.0, 1], [3, 1], [5, 1], [7, 1], [4, 3], [4, 5]])
    expected = [[-0.75, 0], [-0.25, 0], [0.25, 0], [0.75, 0], [0, 0.5], [0, 1]]
    np.testing.assert_allclose(align(points, TINY), expected, atol=1e-12)


def test_eyes_are_level_one_apart_and_centred(faces):
    aligned = align(faces, TINY)
    left, right = aligned[:, [0, 1]].mean(axis=1), aligned[:, [2, 3]].mean(axis=1)
    np.testing.assert_allclose(left + right, 0, atol=1e-12)
    np.testing.assert_allclose((right - left)[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(right - left, axis=1), 1)
    assert ((right - left)[:, 0] > 0).all()


@pytest.mark.parametrize("n_dims", [2, 3])
@pytest.mark.parametrize("scheme", [TINY, None])
def test_position_and_size_do_not_matter(faces, scheme, n_dims):
    faces = faces[..., :n_dims]
    np.testing.assert_allclose(align(faces * 3.7 + np.arange(n_dims), scheme), align(faces, scheme), atol=1e-9)


@pytest.mark.parametrize("degrees", [-170, -30, 5, 90])
def test_roll_does_not_matter(faces, degrees):
    np.testing.assert_allclose(align(turned(faces, "roll", degrees), TINY), align(faces, TINY), atol=1e-9)
    flat = turned(faces, "roll", degrees)[..., :2]
    np.testing.assert_allclose(align(flat, TINY), align(faces[..., :2], TINY), atol=1e-9)


def test_known_pose_is_taken_out(faces):
    angles = np.array([[10.0, -20, 15], [0, 30, 0], [-25, 0, 0], [5, 5, 5], [0, 0, 0]])
    posed = np.stack(
        [
            turned(turned(turned(face, "pitch", p), "yaw", y), "roll", r)
            for face, (p, y, r) in zip(faces, angles, strict=True)
        ]
    )
    np.testing.assert_allclose(align(posed, TINY, angles), align(faces, TINY), atol=1e-9)
    assert not np.allclose(align(posed, TINY), align(faces, TINY), atol=1e-2)


def test_an_unknown_angle_counts_as_none(faces):
    np.testing.assert_allclose(align(faces, TINY, np.full((5, 3), np.nan)), align(faces, TINY))


def test_a_blink_of_upper_points_shifts_nothing(faces):
    blinked = faces.copy()
    blinked[:, 4] += 7
    np.testing.assert_allclose(align(blinked, TINY)[:, [0, 1, 2, 3, 5]], align(faces, TINY)[:, [0, 1, 2, 3, 5]])


def test_without_a_scheme_the_centroid_and_the_spread_are_normal(faces):
    aligned = align(faces, None)
    np.testing.assert_allclose(aligned.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose((aligned**2).sum(axis=2).mean(axis=1), 1)


def test_the_mirror_of_a_mirror_is_the_face(faces):
    mirror = (3, 2, 1, 0, 4, 5)
    aligned = align(faces, TINY)
    other = mirrored(aligned, mirror)
    np.testing.assert_array_equal(mirrored(other, mirror), aligned)
    np.testing.assert_allclose(other[:, 0], aligned[:, 3] * [-1, 1, 1])
    # A picture turned round, tracked again and aligned, is the aligned face turned round.
    np.testing.assert_allclose(align(mirrored(faces, mirror), TINY), other, atol=1e-9)


def test_the_mirror_is_found_on_the_mean_face():
    scheme = SCHEMES["synthetic-83"]
    shapes = align(np.stack([face.landmarks for face in make_collection(4, seed=0)]), scheme)
    assert found_mirror(shapes) == scheme.mirror
    # A collection of heads that all look to one side, as in a picture, is not taken for a symmetric face.
    turned_away = align(turned(shapes, "yaw", 60)[..., :2], scheme)
    assert found_mirror(turned_away) == ()


@pytest.mark.shared_data
@pytest.mark.parametrize("folder", ["london", "omi"])
def test_the_mirror_of_the_mesh_is_the_one_of_real_faces(shared_data, folder):
    with np.load(shared_data / folder / "landmarks.npz", allow_pickle=False) as arrays:
        shapes = align(arrays["points"], SCHEMES["mediapipe-478"])
    assert found_mirror(shapes) == SCHEMES["mediapipe-478"].mirror


@pytest.mark.shared_data
def test_the_mirror_of_the_template_is_the_one_of_real_faces(shared_data):
    paths = sorted((shared_data / "london" / "tem").glob("*.tem"))
    points = [np.loadtxt(path, skiprows=1, max_rows=189, usecols=(0, 1)) for path in paths]
    assert found_mirror(align(np.array(points), SCHEMES["webmorph-189"])) == SCHEMES["webmorph-189"].mirror


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES.values() if scheme.mirror], ids=lambda s: s.name)
def test_a_mirror_exchanges_the_two_sides(scheme):
    mirror = np.array(scheme.mirror)
    np.testing.assert_array_equal(mirror[mirror], np.arange(scheme.n_points))
    for part in ("lower_lid", "eye", "brow"):
        left, right = (set(getattr(scheme, f"{side}_{part}")) for side in ("left", "right"))
        assert {int(mirror[point]) for point in left} == right
    for part in ("mouth", "nose", "outline"):
        points = set(getattr(scheme, part))
        assert {int(mirror[point]) for point in points} == points


def test_points_that_cannot_be_aligned_are_named(faces):
    faces[3, 2, 0] = np.nan
    with pytest.raises(LandmarksUnusable, match="face 3 has a point that is not a number; 1 such"):
        align(faces, TINY)
    with pytest.raises(LandmarksUnusable, match="face 0 has both eyes in one place"):
        align(np.zeros((1, 6, 2)), TINY)
    with pytest.raises(LandmarksUnusable, match="5 points a face: expected 6"):
        align(faces[:, :5], TINY)


def test_pose_columns_are_read_with_gaps():
    angles = pose_angles({"pitch": ["1", ""], "yaw": ["2.5", "0"], "roll": ["-3", "4"], "sex": ["f", "m"]})
    np.testing.assert_allclose(angles, [[1, 2.5, -3], [np.nan, 0, 4]])
    assert pose_angles({"pitch": ["1"], "yaw": ["1"]}) is None
    with pytest.raises(LandmarksUnusable, match=r"column roll.*'steep'"):
        pose_angles({"pitch": ["1"], "yaw": ["1"], "roll": ["steep"]})


def line(*values):
    return np.array(values, dtype=float)[:, None]


def test_the_marked_neutral_is_taken_and_strangers_have_none():
    found = neutral_rows(["a", "b", "a", "b", ""], [0, 0, 1, 0, 1], line(0, 1, 2, 3, 4))
    assert found.tolist() == [2, -1, 2, -1, -1]


def test_of_several_marked_the_one_nearest_to_their_mean():
    # Marked at 0, 1 and 10: mean 11/3, nearest 1. The unmarked 3.6 is nearer but not marked.
    assert neutral_rows(["a"] * 4, [1, 1, 1, 0], line(0, 1, 10, 3.6)).tolist() == [1, 1, 1, 1]


def test_without_a_mark_the_resting_frame_least_far_from_the_others():
    units = {"AU1": np.array([0, 0, 0, 0.5, np.nan]), "AU2": np.zeros(5)}
    # At rest: 0, 4, 5. Summed distances 9, 5, 6. The last frame's AU1 is unknown, so it may not be at rest.
    assert neutral_rows(["a"] * 5, [-1] * 5, line(0, 4, 5, 4.1, 4.2), units).tolist() == [1] * 5
    assert neutral_rows(["a"] * 5, [-1] * 5, line(0, 4, 5, 4.1, 4.2)).tolist() == [-1] * 5


def test_automatic_choice_equals_plain_loops():
    rng = np.random.default_rng(1)
    shapes, subjects = rng.normal(size=(40, 6, 3)), rng.choice(["a", "b", "c"], 40)
    units = {"AU1": rng.choice([0.0, 1.0], 40)}
    found = neutral_rows(subjects, np.full(40, -1), shapes, units)
    for i in range(40):
        resting = [j for j in range(40) if subjects[j] == subjects[i] and units["AU1"][j] == 0]
        sums = [sum(np.sqrt(((shapes[j] - shapes[k]) ** 2).sum()) for k in resting) for j in resting]
        assert found[i] == resting[int(np.argmin(sums))]
