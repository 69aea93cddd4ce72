"""Decoding, the cache, flips and turns: what a network is shown."""

import dataclasses
import io

import numpy as np
import pytest
import torch
from PIL import Image

from learning import pictures
from learning.augmentation import augmented, moved
from learning.datasets import NothingToLearn
from learning.networks.pictures import shown
from tests.learning.picture_releases import encoded, picture_release
from triplets.schemes import scheme_named


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return picture_release(tmp_path_factory.mktemp("release") / "bars", n_subjects=4)


def test_a_picture_is_cut_scaled_and_coloured_as_asked():
    left, right = np.full((8, 8, 3), 10, np.uint8), np.full((8, 8, 3), 200, np.uint8)
    content = encoded(np.concatenate([left, right], axis=1))
    middle = pictures.decode(content, size=4, channels=3)
    assert middle.shape == (4, 4, 3) and middle[2, 0, 0] < 30 and middle[2, 3, 0] > 180
    boxed = pictures.decode(content, size=4, channels=1, box=(8, 0, 16, 8))
    assert boxed.shape == (4, 4, 1) and (boxed == 200).all()
    outside = pictures.decode(content, size=2, channels=1, box=(16, 0, 18, 2))
    assert (outside == 0).all()


def test_transparency_is_white_and_pictures_stand_upright():
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(buffer, "PNG")
    assert (pictures.decode(buffer.getvalue(), size=16, channels=3) == 255).all()
    image = Image.fromarray(np.repeat(np.array([[0], [255]], np.uint8), 8, axis=0).repeat(16, axis=1))
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    upright = pictures.decode(buffer.getvalue(), size=16, channels=1)
    assert upright[0, 0, 0] > 200 and upright[-1, 0, 0] < 50


def test_the_box_of_a_face_is_square_and_leaves_a_margin():
    assert pictures.face_box(np.array([[10.0, 20, 5], [30, 30, 5]])) == (7, 12, 33, 38)


def test_pictures_are_decoded_once(release, tmp_path, monkeypatch):
    first = pictures.load_pictures(release, size=16, channels=1, crop="whole", folder=tmp_path)
    assert first.pixels.shape == (24, 16, 16, 1) and first.pixels.dtype == np.uint8
    expected = pictures.decode(release.picture_bytes(5), size=16, channels=1)
    np.testing.assert_array_equal(first.pixels[5], expected)
    monkeypatch.setattr(pictures, "decode", None)
    again = pictures.load_pictures(release, size=16, channels=1, crop="whole", folder=tmp_path)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert isinstance(again.pixels, np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == [f"{release.sha256[:40]}-16-1-whole-1.npy"]


def test_another_size_crop_or_release_is_another_array(release, tmp_path):
    for size, crop in ((16, "whole"), (18, "whole"), (16, "face")):
        pictures.load_pictures(release, size=size, channels=1, crop=crop, folder=tmp_path)
    other = dataclasses.replace(release, sha256="b" * 64)
    pictures.load_pictures(other, size=16, channels=1, crop="whole", folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_crop_needs_landmarks_and_says_who_was_left_out(release, tmp_path):
    found = pictures.load_pictures(release, size=16, channels=1, crop="face", folder=tmp_path)
    assert len(found) == 22 and found.n_left_out == {"no picture": 0, "no landmarks": 2}
    without = dataclasses.replace(release, landmarks=None)
    with pytest.raises(NothingToLearn, match="no pictures with landmarks"):
        pictures.load_pictures(without, size=16, channels=1, crop="face", folder=tmp_path)


def test_a_broken_picture_is_named_and_leaves_no_file(release, tmp_path, monkeypatch):
    def broken(self, row):
        return b"not a picture" if row == 3 else encoded(np.zeros((4, 4, 3), np.uint8))

    monkeypatch.setattr(type(release), "picture_bytes", broken)
    with pytest.raises(pictures.PictureUnreadable, match="'k3'"):
        pictures.load_pictures(release, size=16, channels=1, crop="whole", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_time_only(release, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.warns(UserWarning, match="cannot be written"):
        found = pictures.load_pictures(release, size=16, channels=1, crop="whole", folder=tmp_path / "taken")
    np.testing.assert_array_equal(found.pixels[0], pictures.decode(release.picture_bytes(0), size=16, channels=1))


# Augmentation ------------------------------------------------------------------------------------


def test_a_quarter_turn_is_a_quarter_turn():
    x = torch.rand(3, 2, 6, 6)
    turned = moved(x, torch.tensor([90.0, 180.0, 0.0]), torch.zeros(3, 2))
    for position, n_quarters in enumerate((1, 2, 0)):
        torch.testing.assert_close(turned[position], torch.rot90(x[position], n_quarters, (1, 2)))


def test_pictures_turn_about_their_middle_and_then_move_right_and_down():
    x = torch.rand(2, 1, 5, 5)
    seen = moved(x, torch.tensor([90.0, 90.0]), torch.tensor([[0.2, 0.0], [0.0, 0.4]]))
    turned = torch.rot90(x, 1, (2, 3))
    torch.testing.assert_close(seen[0, :, :, 1:], turned[0, :, :, :-1])
    torch.testing.assert_close(seen[1, :, 2:], turned[1, :, :-2])
    torch.testing.assert_close(seen[1, :, 0], turned[1, :, 0])  # the border repeats


def test_half_of_the_pictures_are_flipped_and_nothing_else_happens():
    x = torch.rand(400, 1, 3, 3)
    seen = augmented(x, torch.Generator().manual_seed(0), mirror=True)
    is_flipped = (seen == x.flip(-1)).all(dim=(1, 2, 3))
    assert ((seen == x).all(dim=(1, 2, 3)) != is_flipped).all() and 150 < is_flipped.sum() < 250
    assert augmented(x, torch.Generator()) is x


def test_turns_and_shifts_stay_within_their_limits():
    # A bright point in the middle shows where each picture went.
    x = torch.zeros(300, 1, 41, 41)
    x[:, :, 20, 20] = 1
    seen = augmented(x, torch.Generator().manual_seed(0), rotation=20.0, shift=0.1)
    mass = seen / seen.sum(dim=(2, 3), keepdim=True)
    at = (mass.sum(dim=2) * torch.arange(41)).sum(dim=-1) - 20
    assert at.abs().max() <= 4.1 + 0.6 and at.std() > 1.5


# Aligned faces and neutral pictures ---------------------------------------------------------------


def test_eyes_and_mouth_of_an_aligned_face_are_always_in_one_place():
    scheme = scheme_named("openface-68")
    rng = np.random.default_rng(0)
    for scale, turned in ((0.5, 0.0), (2.0, 0.4), (9.0, -0.7)):
        size = 48
        here = size * np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.75]])
        cos, sin = scale * np.cos(turned), scale * np.sin(turned)
        there = here @ np.array([[cos, sin], [-sin, cos]]) + 40 * scale
        points = rng.normal(size=(68, 2))
        picture = np.zeros((int(120 * scale), int(120 * scale), 3), dtype=np.uint8)
        rows, columns = np.indices(picture.shape[:2])
        for part, (x, y) in zip((scheme.left_lower_lid, scheme.right_lower_lid, scheme.mouth), there, strict=True):
            points[list(part)] += (x, y) - points[list(part)].mean(axis=0)
            picture[(columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 < (2 * scale) ** 2] = 255
        place = pictures.aligned_place(points, "openface-68", size)
        np.testing.assert_allclose(place[:, :2] @ here.T + place[:, 2:], there.T, atol=1e-6)
        found = pictures.decode(encoded(picture), size=size, channels=1, placed=place)[..., 0].astype(float)
        for x, y in here:
            patch = found[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5]
            inside = np.indices(patch.shape) + 0.5
            middle = (inside * patch).sum(axis=(1, 2)) / patch.sum()
            np.testing.assert_allclose(middle + np.array([int(y) - 4, int(x) - 4]), [y, x], atol=0.6)
        assert found.sum() / 255 == pytest.approx(3 * np.pi * 4, rel=0.35)  # three dots and nothing else


def test_faces_cannot_be_aligned_where_nobody_knows_the_eyes(release, tmp_path):
    with pytest.raises(NothingToLearn, match="names no landmark scheme"):
        pictures.load_pictures(release, size=16, channels=1, crop="aligned", folder=tmp_path)


def test_the_neutral_picture_beside_is_the_likest_of_the_same_person(release, tmp_path):
    stimuli = dataclasses.replace(
        release.stimuli,
        subject=np.array(["p"] * 5 + ["q"] * 3 + [""] * 16),
        is_neutral=np.array([1, 0, 1, 0, 0, 0, 0, -1] + [1] * 16, dtype=np.int8),
        extra={"pose": np.array(list("llrrx") + ["l"] * 19), "eyes": np.array(list("oooso") + ["o"] * 19)},
    )
    changed = dataclasses.replace(release, stimuli=stimuli)
    # The first of p's two where both are as like; q has none, and of people without a name nothing is known.
    assert pictures.neutral_beside(changed, np.arange(24)).tolist() == [0, 0, 2, 2, 0] + [-1] * 19
    found = pictures.load_pictures(changed, size=16, channels=1, crop="whole", neutral="difference", folder=tmp_path)
    assert found.row.tolist() == [0, 1, 2, 3, 4] and found.neutral.tolist() == [0, 0, 2, 2, 0]
    assert found.n_left_out == {"no picture": 0, "no neutral picture": 19}
    shown_ = shown(found, slice(3, 5))
    assert shown_.shape == (2, 2, 16, 16)
    torch.testing.assert_close(shown_[1, 1], torch.from_numpy(found.pixels[0, ..., 0].astype(np.float32)) / 255)
    nobody = dataclasses.replace(changed, stimuli=dataclasses.replace(stimuli, is_neutral=np.zeros(24, np.int8)))
    with pytest.raises(NothingToLearn, match="no neutral picture"):
        pictures.load_pictures(nobody, size=16, channels=1, crop="whole", neutral="difference", folder=tmp_path)
