import csv

import numpy as np
import pytest

from triplets import schemes
from triplets.schemes import SCHEMES, Scheme, scheme_named, scheme_of

PARTS = (
    "left_lower_lid",
    "right_lower_lid",
    "left_eye",
    "right_eye",
    "mouth",
    "left_brow",
    "right_brow",
    "nose",
    "outline",
)


def centre(face, part):
    return face[list(part), :2].mean(axis=0)


def assert_is_a_face(face, scheme):
    """Left is left, brows stand above eyes, eyes above nose, nose above mouth, and the outline holds them all."""
    middle = {part: centre(face, getattr(scheme, part)) for part in PARTS}
    for part in ("eye", "brow", "lower_lid"):
        assert middle[f"left_{part}"][0] < middle["nose"][0] < middle[f"right_{part}"][0], part
    for side in ("left", "right"):
        heights = [middle[part][1] for part in (f"{side}_brow", f"{side}_eye", "nose", "mouth")]
        assert heights == sorted(heights), side
        assert middle[f"{side}_lower_lid"][1] > middle[f"{side}_eye"][1]
    outline = face[list(scheme.outline), :2]
    for part in ("left_eye", "right_eye", "mouth"):
        assert (outline.min(axis=0)[0] < middle[part][0]) & (middle[part][0] < outline.max(axis=0)[0])
        assert outline[:, 1].max() > middle[part][1]


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_parts_name_each_point_once_and_lines_draw_only_existing_points(scheme):
    for part in PARTS:
        points = getattr(scheme, part)
        assert len(points) >= 3
        assert len(set(points)) == len(points), part
    assert all(len(line) >= 2 for line in scheme.lines)
    assert SCHEMES[scheme.name] is scheme
    if scheme.mirror:
        assert [scheme.mirror[k] for k in scheme.mirror] == list(range(scheme.n_points))


def test_a_scheme_is_found_by_name_and_by_its_number_of_points(monkeypatch):
    assert scheme_named("mediapipe-478").n_points == 478
    assert scheme_of(83).name == "synthetic-83"
    assert scheme_of(5) is None
    with pytest.raises(schemes.SchemeUnknown, match="'dlib' is unknown: expected one of synthetic-83, mediapipe-478"):
        scheme_named("dlib")
    twin = Scheme(**{**vars(SCHEMES["synthetic-83"]), "name": "another-83"})
    monkeypatch.setitem(SCHEMES, "another-83", twin)
    with pytest.raises(schemes.SchemeUnknown, match="83 points fit more than one"):
        scheme_of(83)


def test_a_scheme_refuses_a_point_it_does_not_have():
    with pytest.raises(ValueError, match="names point 83: expected 0 to 82"):
        Scheme(**{**vars(SCHEMES["synthetic-83"]), "nose": (36, 83)})


def test_mediapipe_on_real_faces(shared_data):
    with np.load(shared_data / "london" / "landmarks.npz", allow_pickle=False) as arrays:
        points = arrays["points"]
    scheme = SCHEMES["mediapipe-478"]
    for face in points:
        assert_is_a_face(face, scheme)
        assert_is_a_face(face[:468], SCHEMES["mediapipe-468"])
    # The iris's centre lies within its eye, between the lids.
    for side, iris in (("left", 468), ("right", 473)):
        lids = points[:, list(getattr(scheme, f"{side}_lower_lid"))]
        inside = (lids[..., 0].min(axis=1) < points[:, iris, 0]) & (points[:, iris, 0] < lids[..., 0].max(axis=1))
        assert inside.all()
        assert (points[:, iris, 1] < lids[..., 1].max(axis=1)).mean() > 0.99


def test_webmorph_on_real_templates_agrees_with_mediapipe_on_where_the_eyes_are(shared_data):
    folder = shared_data / "london"
    with np.load(folder / "landmarks.npz", allow_pickle=False) as arrays:
        mesh = dict(zip(arrays["file"].tolist(), arrays["points"], strict=True))
    with open(folder / "stimuli.csv", newline="") as file:
        files = [row["file"] for row in csv.DictReader(file) if row["is_neutral"] == "1"]
    template, other = SCHEMES["webmorph-189"], SCHEMES["mediapipe-478"]
    for name in files:
        lines = (folder / "tem" / name.replace("images/", "").replace(".jpg", ".tem")).read_text().split("\n")
        face = np.array([line.split() for line in lines[1:190]], dtype=float) * 350 / 1350
        assert_is_a_face(face, template)
        for part in ("left_lower_lid", "right_lower_lid", "mouth"):
            assert np.linalg.norm(centre(face, getattr(template, part)) - centre(mesh[name], getattr(other, part))) < 6
