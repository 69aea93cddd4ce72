"""The published studies from the files of their collections to the figures of every network, small and narrow.

The files are generated, in the collections' own formats; people, classes and attributes are drawn as bars.
"""

import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from learning.__main__ import main as learn
from learning.checkpoints import load_checkpoint
from learning.study_results import read_study
from tests.learning.picture_releases import drawn, encoded
from triplets.archive import read_release
from triplets.importers.__main__ import main as convert
from triplets.importers.fer2013 import EMOTIONS

FEW = ["epochs=1", "device=cpu", "batch_size=32", "save_every=1000"]


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("PICTURE_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "pictures"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def released(name, source, folder):
    assert convert([name, str(source), "--out", str(folder / f"{name}-read"), "--release", str(folder / name)]) == 0
    return folder / name


def trained(release, study, out, *changes, second=None):
    also = ["--second", str(second)] if second else []
    assert learn([str(release), "--recipe", study, "--out", str(out), *also, "--set", *changes, *FEW]) == 0
    return read_study(out)


def bar(kind, rng, size, height=None):
    return drawn(kind, rng, size=size, height=height)


def fer2013(path, rng, n=48):
    lines = ["emotion,pixels,Usage"]
    for number in range(n):
        pixels = bar(number % 3, rng, 48)[..., 0].ravel()
        usage = ("Training", "Training", "PublicTest", "PrivateTest")[number // 3 % 4]
        lines.append(f"{3 + number % 3},{' '.join(map(str, pixels))},{usage}")
    path.write_text("\n".join(lines) + "\n")
    return path


def cifar10(folder, rng, n=24):
    folder.mkdir()
    for name in ("data_batch_1", "data_batch_5", "test_batch"):
        planes = np.stack([bar(number % 3, rng, 32).transpose(2, 0, 1).ravel() for number in range(n)])
        batch = {b"batch_label": b"x", b"labels": [number % 3 for number in range(n)], b"data": planes,
                 b"filenames": [b"a"] * n}  # fmt: skip
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def us_adult_faces(folder, rng, n=40):
    (folder / "Images").mkdir(parents=True)
    rated, described = ["Filename,Image #,happy,attractive,confident,intelligent"], ["Filename\tImage #\tAge\tGender"]
    for number in range(n):
        name, height = f"Face_{number}.jpg", int(rng.integers(3, 17))
        (folder / "Images" / name).write_bytes(encoded(bar(0, rng, 24, height), "JPEG"))
        for _ in range(3):
            said = np.clip(np.round(1 + 8 * height / 17 + rng.normal(size=4)), 1, 9).astype(int)
            rated.append(f"{name},{number},{','.join(map(str, said))}")
        described.append(f"{name}\t{number}\t{1 + number % 5}\t{number % 2}")
    (folder / "psychology-attributes.csv").write_text("\n".join(rated) + "\n")
    (folder / "demographic-others-labels.txt").write_text("\n".join(described) + "\n")
    return folder


def kdef(folder, rng, n_people=8, first=0):
    for number in range(first, first + n_people):
        name = f"A{'FM'[number % 2]}{number + 1:02}"
        for kind, code in enumerate(("HA", "NE", "SA")):
            path = folder / name / f"{name}{code}S.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(bar(kind, rng, 40)).save(path)
    return folder


def test_fer2013_and_cifar_10(tmp_path):
    rng = np.random.default_rng(0)
    first = released("fer2013", fer2013(tmp_path / "fer2013.csv", rng), tmp_path)
    second = released("cifar10", cifar10(tmp_path / "batches", rng), tmp_path)
    found = trained(first, "fer2013-networks", tmp_path / "out", "size=16", "hidden=16", second=second)
    assert {part.status for part in found.parts} == {"finished"} and len(found.parts) == 6
    cnn = found.part("cnn").metrics
    assert cnn["n_pictures_train"] == 24 and cnn["n_pictures_validation"] == cnn["n_pictures_test"] == 12
    assert set(cnn["classes_test"]["names"]) <= set(EMOTIONS)
    assert found.part("cifar-10").metrics["classes_test"]["names"] == ["airplane", "automobile", "bird"]
    assert "learnt by heart" in found.part("overfit-50").metrics["overfit"]


def test_us_adult_faces_give_sixteen_networks_and_vgg16(tmp_path):
    release = released("us-adult-faces", us_adult_faces(tmp_path / "faces", np.random.default_rng(0)), tmp_path)
    assert read_release(release).manifest["study"]["scale"] == {"low": 1.0, "high": 9.0}
    found = trained(release, "lrp-attributes", tmp_path / "lrp", "size=44", "width=0.05")
    assert len(found.parts) == 18 and {part.status for part in found.parts} == {"finished"}
    happy = load_checkpoint(found.checkpoint(found.part("gender-full-happiness"))).preprocessing
    assert happy.outputs == ("happy",) and (happy.offset, happy.scale) == (1, 8)  # 1 to 9 becomes 0 to 1
    parts = [
        found.part("age-dense-happiness").metrics[f"n_pictures_{side}"] for side in ("train", "validation", "test")
    ]
    assert parts == [18, 2, 20]  # half of them is tested, as published
    assert all(found.part(name).metrics["mae_test"] > 0 for name in found.tables["Mean absolute error (table 1)"])
    whole = trained(release, "vgg16-attributes", tmp_path / "vgg", "size=32", "width=0.05").part("vgg16-attributes")
    assert set(whole.metrics["attributes_test"]) == {"happy", "attractive", "confident", "intelligent"}


def test_kdef_gives_every_ablation_and_a_second_collection(tmp_path):
    rng = np.random.default_rng(0)
    first = released("kdef", kdef(tmp_path / "KDEF", rng), tmp_path)
    (tmp_path / "new").mkdir()
    second = released("kdef", kdef(tmp_path / "later", rng, 4, first=20), tmp_path / "new")
    found = trained(first, "vit-vs-resnet", tmp_path / "out", "size=32", "width=0.05", second=second)
    assert len(found.parts) == 15 and {part.status for part in found.parts} == {"finished"}
    vit = found.part("vit")
    assert vit.metrics["split_by"] == "subject" and vit.second["second"]["n"] == 12
    parts = [vit.metrics[f"n_pictures_{side}"] for side in ("train", "validation", "test")]
    assert parts == [18, 3, 3]  # of eight people 70, 20 and 10 in a hundred
    assert set(vit.second["second"]["groups"]["sex"]) == {"female", "male"}


def test_a_release_of_labels_is_written_once_and_says_what_it_is(tmp_path, capsys):
    source = kdef(tmp_path / "KDEF", np.random.default_rng(0), 2)
    release = read_release(released("kdef", source, tmp_path))
    assert "without asking anybody: python -m learning" in capsys.readouterr().out
    assert len(release.stimuli) == 6 and len(release.triplets) == len(release.ratings) == 0
    assert release.manifest["counts"]["pictures"] == 6 and release.manifest["study"]["kind"] == "labels"
    key = release.stimuli.key.tolist().index("AF01/AF01HAS.JPG")
    assert release.picture_bytes(key) == (source / "AF01" / "AF01HAS.JPG").read_bytes()
    assert release.stimuli.subject[key] == "F01" and release.stimuli.extra["sex"][key] == "female"
    again = ["kdef", str(source), "--out", str(tmp_path / "again"), "--release", str(tmp_path / "kdef"), "--json"]
    assert convert(again) == 1 and "exists: expected the name of a new folder" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
    assert json.loads((tmp_path / "kdef" / "manifest.json").read_text())["counts"]["stimuli"] == 6
