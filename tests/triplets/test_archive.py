import json
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from triplets import archive
from triplets.records import COLUMNS, RESPONSE_SCHEMA, Landmarks, Ratings, Stimuli, Triplets


def some_stimuli():
    return Stimuli(
        key=np.array(["a.jpg", "b.jpg", "c.jpg"]),
        subject=np.array(["001", "001", ""]),
        class_label=np.array(["happy", "", 'sad, "very"']),
        degree=np.array([1.0, np.nan, 4.0]),
        is_neutral=np.array([0, 1, -1], dtype=np.int8),
        split=np.array(["train", "train", "test"]),
        picture=np.array(["images/1.jpg", "", ""]),
        action_units={"AU1": np.array([0.5, np.nan, 0.0])},
        attributes={"happy": np.array([8.5, 1.0, np.nan])},
        extra={"sex": np.array(["female", "", "мужской"])},
    )


def some_triplets():
    return Triplets(
        anchor=np.array([0, 2]), positive=np.array([1, 0]), negative=np.array([2, 1]),
        n_positive=np.array([5, 3]), n_votes=np.array([5, 5]), weight=np.array([5, 1]),
        posterior=np.array([0.99, np.nan]), split=np.array(["train", "test"]),
        is_same_subject=np.array([0, -1], dtype=np.int8), sampler=np.array(["design", "random"]),
        question=np.array([1, 2]),
    )  # fmt: skip


def some_ratings():
    return Ratings(
        stimulus=np.array([2]), attribute=np.array(["happy"]), mean=np.array([4.5]), spread=np.array([np.nan]),
        n=np.array([1]), weighted_mean=np.array([4.5]), split=np.array(["test"]),
    )  # fmt: skip


def some_responses():
    row = dict.fromkeys(RESPONSE_SCHEMA.names)
    row |= {"question": 1, "kind": "triplet", "reference": "a.jpg", "chosen": "b.jpg", "annotator": "x1"}
    return [pa.Table.from_pylist([row], RESPONSE_SCHEMA), pa.RecordBatch.from_pylist([row], RESPONSE_SCHEMA)]


def write(directory, **changes):
    arguments = {
        "study": {"name": "smiles", "kind": "triplet"},
        "collection": {"name": "faces", "licence": "CC0", "landmark_scheme": "synthetic-83"},
        "settings": {"gold_threshold": 0.75},
        "stimuli": some_stimuli(),
        "landmarks": Landmarks(np.array([2, 0]), np.arange(12, dtype=np.float32).reshape(2, 3, 2), "synthetic-83"),
        "triplets": some_triplets(),
        "ratings": some_ratings(),
        "responses": some_responses(),
        "pictures": [("images/1.jpg", b"not really a picture")],
    } | changes
    return archive.write_release(directory, **arguments)


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_written_is_read_again(tmp_path, packed):
    manifest, sha256 = write(tmp_path / "release")
    path = tmp_path / "release"
    if packed:
        path = tmp_path / "release.zip"
        archive.write_zip(tmp_path / "release", path)
    release = archive.read_release(path)
    assert release.sha256 == sha256
    assert release.manifest == manifest
    for name in ("key", "subject", "class_label", "degree", "is_neutral", "split", "picture"):
        np.testing.assert_array_equal(getattr(release.stimuli, name), getattr(some_stimuli(), name))
    np.testing.assert_array_equal(release.stimuli.extra["sex"], some_stimuli().extra["sex"])
    np.testing.assert_array_equal(release.stimuli.action_units["AU1"], [0.5, np.nan, 0.0])
    np.testing.assert_array_equal(release.landmarks.row, [2, 0])
    np.testing.assert_array_equal(release.landmarks.points[1, 0], [6, 7])
    np.testing.assert_array_equal(release.triplets.rows, [[0, 1, 2], [2, 0, 1]])
    np.testing.assert_array_equal(release.triplets.posterior, [0.99, np.nan])
    assert release.triplets.where(release.triplets.split == "test").weight.tolist() == [1]
    assert release.ratings.mean.tolist() == [4.5]
    assert release.responses().num_rows == 2
    assert release.picture_bytes(0) == b"not really a picture"
    with pytest.raises(LookupError, match=r"b\.jpg"):
        release.picture_bytes(1)


def test_the_same_input_gives_the_same_checksum_and_another_input_another(tmp_path):
    first, second = (write(tmp_path / name)[1] for name in "ab")
    assert first == second
    zips = [archive.write_zip(tmp_path / name, tmp_path / f"{name}.zip") for name in "ab"]
    assert zips[0] == zips[1]
    assert write(tmp_path / "d", settings={"gold_threshold": 0.8})[1] != first


def test_a_changed_or_missing_file_is_refused(tmp_path):
    write(tmp_path / "r")
    (tmp_path / "r" / "triplets.csv").write_text("anchor\n")
    with pytest.raises(archive.ReleaseDamaged, match=r"triplets\.csv.*SHA-256"):
        archive.read_release(tmp_path / "r")
    (tmp_path / "r" / "triplets.csv").unlink()
    with pytest.raises(archive.ReleaseDamaged, match=r"lacks triplets\.csv"):
        archive.read_release(tmp_path / "r")


def test_what_is_no_release_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no release"):
        archive.read_release(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(archive.ReleaseDamaged, match=r"manifest\.json"):
        archive.read_release(tmp_path / "empty")
    (tmp_path / "empty" / "manifest.json").write_text(json.dumps({"format": "other/9"}))
    with pytest.raises(archive.ReleaseDamaged, match="other/9"):
        archive.read_release(tmp_path / "empty")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(archive.ReleaseDamaged):
        archive.read_release(tmp_path / "text.zip")


def test_a_name_that_leads_outside_is_refused(tmp_path):
    with pytest.raises(archive.ReleaseDamaged, match="not a path within"):
        write(tmp_path / "r", pictures=[("../../evil.jpg", b"")])
    assert not (tmp_path.parent / "evil.jpg").exists()


def test_a_release_is_never_written_over(tmp_path):
    write(tmp_path / "r")
    with pytest.raises(FileExistsError):
        write(tmp_path / "r")


def test_csv_beside_parquet_says_the_same(tmp_path):
    write(tmp_path / "r")
    rows = (tmp_path / "r" / "triplets.csv").read_text().splitlines()
    assert rows[0].startswith('"anchor","positive","negative"')
    assert rows[1].startswith('"a.jpg","b.jpg","c.jpg",5,5,5,')


def test_a_readme_says_what_each_column_is_and_the_checksum_does_not_need_it(tmp_path):
    _, sha256 = write(tmp_path / "r")
    readme = (tmp_path / "r" / "README.md").read_text()
    for table in ("stimuli", "triplets", "ratings"):
        for name, meaning in COLUMNS[table].items():
            assert f"- `{name}`: {meaning}" in readme
    release = archive.read_release(tmp_path / "r")
    for split, n in zip(*np.unique(release.triplets.split, return_counts=True), strict=True):
        assert f"{n} {split}" in readme.split("## triplets")[1].split("\n- ")[0]
    archive.write_zip(tmp_path / "r", tmp_path / "r.zip")
    with zipfile.ZipFile(tmp_path / "r.zip") as packed:
        assert packed.read("README.md").decode() == readme
    (tmp_path / "r" / "README.md").unlink()
    assert archive.read_release(tmp_path / "r").sha256 == sha256


def test_the_zip_holds_no_time_and_no_other_file(tmp_path):
    write(tmp_path / "r")
    (tmp_path / "r" / "notes.txt").write_text("mine")
    archive.write_zip(tmp_path / "r", tmp_path / "r.zip")
    with zipfile.ZipFile(tmp_path / "r.zip") as packed:
        assert "notes.txt" not in packed.namelist()
        assert {info.date_time[0] for info in packed.infolist()} == {1980}
