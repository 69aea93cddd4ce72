"""Colours of relevance, and faces laid upon each other."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from analysis import heatmaps, warping


def lightness(colour):
    return np.asarray(colour) @ [0.2126, 0.7152, 0.0722]


def test_both_ends_are_told_apart_without_seeing_red_and_green():
    against, nothing, speaks_for = heatmaps.colours(np.array([-1.0, 0.0, 1.0]))
    assert against[2] - against[0] > 100 and speaks_for[0] - speaks_for[2] > 100  # blue and yellow remain to all
    assert lightness(nothing) - max(lightness(against), lightness(speaks_for)) > 100
    assert heatmaps.colours(np.array([-7.0, 7.0])).tolist() == [against.tolist(), speaks_for.tolist()]


def test_a_map_of_nothing_shows_the_face_and_relevance_covers_it():
    picture = np.full((16, 16, 3), 0.5)
    plain = heatmaps.overlay(picture, np.zeros((16, 16)))
    assert np.ptp(plain) == 0
    heat = np.zeros((16, 16))
    heat[2, 3], heat[12, 12] = 4.0, -4.0
    shown = heatmaps.overlay(picture, heat, smoothing=0.0).astype(int)
    assert shown[2, 3, 0] > shown[2, 3, 2] + 60  # orange
    assert shown[12, 12, 2] > shown[12, 12, 0] + 60  # blue
    assert (shown[8, 8] == plain[8, 8]).all()
    assert np.array_equal(heatmaps.overlay(picture, None), np.full((16, 16, 3), 128))


def test_a_few_huge_values_do_not_hide_the_rest():
    heat = np.ones((40, 40))
    heat[0, 0] = 1e6
    assert heatmaps.scaled(heat, smoothing=0.0)[5, 5] == pytest.approx(1)
    assert np.array_equal(heatmaps.scaled(np.full((4, 4), np.nan)), np.zeros((4, 4)))


def test_pictures_are_small_jpegs_in_the_page():
    address = heatmaps.draw(np.random.default_rng(0).random((200, 200, 1)), np.ones((200, 200)))
    with Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,")))) as picture:
        assert picture.size == (heatmaps.SIDE, heatmaps.SIDE)


def face(rng, size=32):
    return rng.uniform(6, size - 6, (12, 2))


def test_a_face_that_is_the_mean_stays_as_it_is():
    rng = np.random.default_rng(0)
    points, values = face(rng), rng.random((32, 32))
    mean = warping.mean_shape(points[None], 32)
    assert warping.onto(mean, points, values) == pytest.approx(values, abs=1e-9)


def test_what_lies_on_a_landmark_lands_on_its_mean_place():
    # A linear ramp is fetched exactly by any affine piece, so its value at a landmark moves with that landmark.
    rng = np.random.default_rng(1)
    points = np.stack([face(rng)] * 3) + rng.normal(0, 0.8, (3, 12, 2))
    mean = warping.mean_shape(points, 32)
    column = np.tile(np.arange(32) + 0.5, (32, 1))
    pixel = np.floor(mean.points[:12]).astype(int)
    for own in points:
        moved = warping.onto(mean, own, column)
        for (x, y), (source, _) in zip(pixel, own, strict=True):
            assert moved[y, x] == pytest.approx(source, abs=1.5)
    assert np.abs(mean.points[:12] - points.mean(axis=0)).max() < 0.5


def test_no_face_has_no_mean():
    with pytest.raises(ValueError, match="0 faces"):
        warping.mean_shape(np.zeros((0, 12, 2)), 32)
