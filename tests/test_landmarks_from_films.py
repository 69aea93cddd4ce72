"""From films of tracked faces to what a network reads: heads upright, eyes by their lower lids, faces at rest."""

import json

import numpy as np
import pytest
from django.core.management import call_command

from annotation.services.releases import freeze_release
from learning.datasets import landmark_dataset
from learning.landmarks import align
from tests.annotation.votes import add_question, bare_study, vote
from tests.triplets.study_formats import scan, write_bnd
from triplets import archive
from triplets.importers.__main__ import main as convert
from triplets.models import Collection
from triplets.schemes import SCHEMES

UNITS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)
UPSIDE_DOWN = np.array([1.0, -1.0, -1.0])  # a scan has y upwards and z towards the viewer


def turned(points, pitch, yaw, roll):
    """Turn a face at rest as `learning.landmarks.align` says that heads turn, Rz(roll) Ry(yaw) Rx(pitch)."""
    p, y, r = np.radians((pitch, yaw, roll))
    about_x = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    return points @ (np.array(about_z) @ about_y @ about_x).T


@pytest.fixture
def films(tmp_path):
    """Two people, six coded frames each in heads that nod and turn: at rest in the first three, then AU 1, 12, both."""
    rng, faces = np.random.default_rng(0), {}
    for number, subject in enumerate(("F001", "M002")):
        codes, poses = ["0," + ",".join(map(str, UNITS))], ["frame,pitch,yaw,roll"]
        for frame, shown in enumerate([(), (), (), (1,), (12,), (1, 12)], start=1):
            face = scan(number, **{f"AU{unit}": 0.8 for unit in shown}) * UPSIDE_DOWN
            face += rng.normal(0, 0.004 * frame, face.shape) * np.ptp(face) / 30  # later frames are noisier
            angles = np.round(rng.uniform(-25, 25, 3), 2)
            name = f"{subject}/T1/{frame:04}"
            faces[name] = face
            write_bnd(tmp_path / "BP4D" / f"{name}.bnd", turned(face, *angles) * UPSIDE_DOWN, with_vertex=False)
            codes.append(",".join([str(frame), *("1" if unit in shown else "0" for unit in UNITS)]))
            poses.append(",".join([str(frame), *map(str, angles)]))
        (tmp_path / "BP4D" / f"{subject}_T1.csv").write_text("\n".join(codes))
        (tmp_path / "BP4D" / f"{subject}_T1_pose.csv").write_text("\n".join(poses))
    return tmp_path / "BP4D", faces


@pytest.mark.django_db
def test_a_film_becomes_upright_faces_that_know_their_face_at_rest(films, tmp_path, capsys):
    source, faces = films
    assert convert(["bp4d", str(source), "--out", str(tmp_path / "made"), "--all-frames"]) == 0
    call_command(
        "import_stimuli", "films", "--manifest", str(tmp_path / "made" / "stimuli.csv"),
        "--landmarks", str(tmp_path / "made" / "landmarks.npz"), "--scheme", "bu3dfe-83", "--json",
    )  # fmt: skip
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["n_landmarks"] == 12
    study = bare_study(collection=Collection.objects.get(name="films"), responses_per_question=1)
    vote(study, "alice", add_question(study, "F001/T1/0004", "F001/T1/0005", "F001/T1/0006"), "second")
    freeze_release(study, tmp_path / "release")

    release = archive.read_release(tmp_path / "release")
    dataset = landmark_dataset(release)
    keys = release.stimuli.key[dataset.row].tolist()
    assert keys == sorted(faces) and dataset.preprocessing.alignment == "eyes"
    scheme = SCHEMES["bu3dfe-83"]
    expected = align(np.stack([faces[key] for key in keys]), scheme)
    found = (dataset.x + dataset.mean).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, atol=2e-4)  # as if no head had turned
    lids = [found[:, list(part)].mean(axis=1) for part in (scheme.left_lower_lid, scheme.right_lower_lid)]
    np.testing.assert_allclose(lids[1] - lids[0], [[1, 0, 0]] * 12, atol=0.05)
    # The face at rest: one of the three frames without a unit, the one least far from the other two.
    for subject in ("F001", "M002"):
        resting = [keys.index(f"{subject}/T1/{frame:04}") for frame in (1, 2, 3)]
        sums = [sum(np.linalg.norm(expected[a] - expected[b]) for b in resting) for a in resting]
        chosen = resting[int(np.argmin(sums))]
        mine = [place for place, key in enumerate(keys) if key.startswith(subject)]
        np.testing.assert_array_equal(dataset.neutral[mine], dataset.x[[chosen] * 6])
    assert dataset.mirrored_x is not None  # the scheme names no mirror: it is read off the mean face
