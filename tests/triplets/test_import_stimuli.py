"""Importing stimuli: all or nothing, twice the same is once, every bad row is named, real data comes in."""

import csv
import itertools
import json
from collections import Counter

import numpy as np
import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command

from tests.triplets.pictures import encoded, gradient, make_folder, write_landmarks, write_manifest
from triplets.models import Collection, LandmarkSet, QuestionSet, Stimulus, Subject
from triplets.services.stimuli import CollectionInUse, ImportRejected, delete_collection, import_stimuli, split_subjects

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"
    return settings.MEDIA_ROOT


def stored_files(files):
    return [path for path in files.rglob("*") if path.is_file()]


def nothing_is_left(files):
    return not Stimulus.objects.exists() and not Collection.objects.exists() and not stored_files(files)


def test_a_folder_becomes_a_collection(tmp_path, files):
    result = import_stimuli("faces", make_folder(tmp_path / "in"), licence="CC0", title="Faces")
    assert vars(result).items() >= {"n_stimuli": 18, "n_subjects": 6, "n_new": 18, "n_landmarks": 0}.items()
    collection = Collection.objects.get(name="faces")
    assert (collection.n_stimuli, collection.n_subjects, collection.licence) == (18, 6, "CC0")
    stimulus = Stimulus.objects.get(key="001_happy.png")
    assert (stimulus.width, stimulus.height, stimulus.class_label, stimulus.is_neutral) == (24, 24, "happy", False)
    assert Stimulus.objects.get(key="001_neutral.png").is_neutral is True
    assert stimulus.subject.name == "001"
    assert stimulus.subject.extra == {"sex": "female"}
    assert stimulus.extra == {}
    with stimulus.picture.open() as file:
        assert file.read(3) == b"\xff\xd8\xff"
    assert "happy" not in stimulus.picture.name
    assert len(stored_files(files)) == 18


def test_the_same_again_is_nothing_new(tmp_path, files):
    manifest = make_folder(tmp_path / "in")
    import_stimuli("faces", manifest)
    before = sorted(stored_files(files)), list(Stimulus.objects.values()), list(Subject.objects.values())
    assert import_stimuli("faces", manifest).n_new == 0
    assert (sorted(stored_files(files)), list(Stimulus.objects.values()), list(Subject.objects.values())) == before


def test_a_longer_manifest_adds_its_new_rows(tmp_path, files):
    manifest = make_folder(tmp_path / "in", n_subjects=5)
    import_stimuli("faces", manifest)
    splits = dict(Subject.objects.values_list("name", "split"))
    manifest = make_folder(tmp_path / "in", n_subjects=7)
    result = import_stimuli("faces", manifest)
    assert (result.n_stimuli, result.n_subjects, result.n_new) == (21, 7, 6)
    assert Collection.objects.get().n_stimuli == 21
    kept = dict(Subject.objects.values_list("name", "split"))
    assert {name: kept[name] for name in splits} == splits
    assert all(kept.values())


@pytest.mark.parametrize("change", ["row", "picture", "landmarks"])
def test_what_was_imported_is_never_changed(tmp_path, files, change):
    manifest = make_folder(tmp_path / "in", n_subjects=2)
    import_stimuli("faces", manifest)
    before = list(Stimulus.objects.values())
    options = {}
    if change == "row":
        manifest.write_text(manifest.read_text().replace("001_happy.png,001,happy", "001_happy.png,001,angry"))
    elif change == "picture":
        gradient(99).save(tmp_path / "in" / "001_happy.png")
    else:
        options["landmarks"] = write_landmarks(tmp_path / "l.npz", {"001_happy.png": np.zeros((5, 2))})
    with pytest.raises(ImportRejected, match=r"line 6: '001_happy.png' was imported before with another row") as caught:
        import_stimuli("faces", manifest, **options)
    assert len(caught.value.problems) == 1
    assert list(Stimulus.objects.values()) == before


def test_every_bad_row_is_named_and_nothing_is_imported(tmp_path, files):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("good.png", "twice.png"):
        gradient(1).save(folder / name)
    (folder / "page.jpg").write_text("<html><script>alert(1)</script></html>")
    (folder / "drawing.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (folder / "short.jpg").write_bytes(encoded(gradient(1, 64))[:-100])
    (folder / "link.png").symlink_to(folder / "good.png")
    (tmp_path / "outside.png").write_bytes(encoded(gradient(2), "PNG"))
    rows = [
        {"file": "good.png", "subject": "1", "split": "train"},
        {"file": "page.jpg", "subject": "1"},
        {"file": "drawing.svg", "subject": "1"},
        {"file": "short.jpg", "subject": "1"},
        {"file": "link.png", "subject": "1"},
        {"file": "../outside.png", "subject": "1"},
        {"file": "/etc/passwd", "subject": "1"},
        {"file": "missing.png", "subject": "1"},
        {"file": "twice.png", "subject": "1", "degree": "strong"},
        {"file": "good.png", "subject": "2"},
        {"file": "twice.png", "subject": "1", "split": "test"},
    ]
    landmarks = write_landmarks(tmp_path / "l.npz", {"good.png": np.full((3, 2), np.nan), "who.png": np.zeros((3, 2))})
    with pytest.raises(ImportRejected) as caught:
        import_stimuli("faces", write_manifest(folder, rows), landmarks=landmarks)
    said = str(caught.value)
    assert "nothing was imported because 14 problems were found" in said
    for line, reason in [
        (2, "'good.png': its landmarks hold nan: expected numbers"),
        (3, "file 'page.jpg' is no picture of a known format"),
        (4, "file 'drawing.svg' is no picture of a known format"),
        (5, "file 'short.jpg' is a damaged JPEG"),
        (6, "file 'link.png' is reached through a symbolic link"),
        (7, "file '../outside.png' leads outside the folder of pictures"),
        (8, "file '/etc/passwd' expected a path relative"),
        (9, "file 'missing.png' there is no such file"),
        (10, "degree 'strong': expected a number or nothing"),
        (11, "file 'good.png' stands on line 2 already"),
        (11, "its landmarks hold nan"),
        (12, "file 'twice.png' stands on line 10 already"),
        (12, "split 'test': subject '1' is in 'train' already"),
    ]:
        assert any(problem.line == line and reason in problem.reason for problem in caught.value.problems), (line, said)
    assert "landmarks name 'who.png', which the manifest does not" in said
    assert nothing_is_left(files)


def test_splits_of_one_subject_must_agree(tmp_path, files):
    rows = [{"stimulus": f"s{n}", "subject": "1", "split": split} for n, split in enumerate(["train", "", "test"])]
    with pytest.raises(ImportRejected, match="line 4: split 'test': subject '1' is in 'train' already"):
        import_stimuli("faces", write_manifest(tmp_path, rows))
    import_stimuli("faces", write_manifest(tmp_path, rows[:2]))
    with pytest.raises(ImportRejected, match="line 2: split 'test': subject '1' is in 'train' already"):
        import_stimuli("faces", write_manifest(tmp_path, [{"stimulus": "s9", "subject": "1", "split": "test"}]))


def test_many_pictures_go_through_processes_and_bad_ones_are_still_named(tmp_path, files, monkeypatch):
    monkeypatch.setattr("triplets.importers.staging.SMALL", 10)
    manifest = make_folder(tmp_path / "in", n_subjects=15)
    (tmp_path / "in" / "014_sad.png").write_text("no picture")
    seen = []
    with pytest.raises(ImportRejected, match=r"line 46: file '014_sad.png' is no picture"):
        import_stimuli("faces", manifest, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (45, 45)
    assert nothing_is_left(files)
    make_folder(tmp_path / "in", n_subjects=15)
    assert import_stimuli("faces", manifest).n_new == 45


def test_pictures_are_taken_out_again_when_the_database_fails(tmp_path, files, monkeypatch):
    stored = []

    def fail(*args, **kwargs):
        stored.extend(stored_files(files))
        raise RuntimeError("the database is gone")

    monkeypatch.setattr("triplets.services.stimuli.Stimulus.objects.bulk_create", fail)
    with pytest.raises(RuntimeError, match="the database is gone"):
        import_stimuli("faces", make_folder(tmp_path / "in", n_subjects=2))
    assert len(stored) == 6
    assert nothing_is_left(files)


def test_pictures_are_taken_out_again_when_the_storage_is_full(tmp_path, files, monkeypatch):
    save, number = FileSystemStorage.save, itertools.count()

    def full(self, name, content, max_length=None):
        if next(number) == 4:  # counted at the door: several threads are within at once
            raise OSError("No space left on device")
        return save(self, name, content, max_length)

    monkeypatch.setattr(FileSystemStorage, "save", full)
    with pytest.raises(OSError, match="No space left"):
        import_stimuli("faces", make_folder(tmp_path / "in", n_subjects=2))
    assert nothing_is_left(files)


def test_a_bomb_is_refused_by_the_settings(tmp_path, files, settings):
    settings.IMPORT_MAX_PICTURE_PIXELS = 24 * 24 - 1
    with pytest.raises(ImportRejected, match=r"has 24 x 24 pixels: expected at most 575"):
        import_stimuli("faces", make_folder(tmp_path / "in", n_subjects=1))
    settings.IMPORT_MAX_PICTURE_PIXELS, settings.IMPORT_MAX_PICTURE_BYTES = 10_000, 50
    with pytest.raises(ImportRejected, match=r"bytes: expected at most 50"):
        import_stimuli("faces", make_folder(tmp_path / "in", n_subjects=1))
    assert nothing_is_left(files)


def test_columns_that_vary_within_a_subject_belong_to_the_stimulus(tmp_path):
    rows = [
        {"stimulus": "a", "subject": "1", "age": "30", "pose": "left", "eyes": "open"},
        {"stimulus": "b", "subject": "1", "age": "30", "pose": "right", "eyes": ""},
        {"stimulus": "c", "subject": "2", "age": "", "pose": "left", "eyes": "open"},
        {"stimulus": "d", "subject": "", "age": "9", "pose": "left", "eyes": "open"},
    ]
    import_stimuli("faces", write_manifest(tmp_path, rows))
    assert dict(Subject.objects.values_list("name", "extra")) == {"1": {"age": "30"}, "2": {}}
    assert dict(Stimulus.objects.values_list("key", "extra")) == {
        "a": {"pose": "left", "eyes": "open"},
        "b": {"pose": "right"},
        "c": {"pose": "left", "eyes": "open"},
        "d": {"age": "9", "pose": "left", "eyes": "open"},
    }


class TestLandmarks:
    def manifest(self, tmp_path, n=3):
        return write_manifest(tmp_path, [{"stimulus": f"s{k}", "subject": str(k)} for k in range(n)])

    @pytest.mark.parametrize("n_dims", [2, 3])
    def test_points_are_joined_by_name_and_may_be_missing(self, tmp_path, n_dims):
        points = {"s2": np.full((83, n_dims), 2.5), "s0": np.arange(83.0 * n_dims).reshape(83, n_dims)}
        landmarks = write_landmarks(tmp_path / "l.npz", points, "stimulus")
        result = import_stimuli("faces", self.manifest(tmp_path), landmarks=landmarks)
        assert result.n_landmarks == 2
        assert Collection.objects.get().landmark_scheme == "synthetic-83"
        kept = LandmarkSet.objects.get(stimulus__key="s0")
        assert (kept.n_points, kept.n_dims) == (83, n_dims)
        assert np.array_equal(np.frombuffer(kept.points, "<f4").reshape(83, n_dims), points["s0"])
        assert not Stimulus.objects.get(key="s1").has_landmarks

    def test_an_unknown_number_of_points_has_no_scheme(self, tmp_path):
        import_stimuli(
            "faces", self.manifest(tmp_path), landmarks=write_landmarks(tmp_path / "l", {"s0": np.ones((5, 2))})
        )
        assert Collection.objects.get().landmark_scheme == ""
        rows = write_manifest(tmp_path, [{"stimulus": "t"}], "more.csv")
        with pytest.raises(ImportRejected, match="landmarks are 6 x 2: expected 5 x 2 as before"):
            import_stimuli("faces", rows, landmarks=write_landmarks(tmp_path / "l", {"t": np.ones((6, 2))}))

    def test_the_scheme_must_fit(self, tmp_path):
        landmarks = write_landmarks(tmp_path / "l", {"s0": np.ones((83, 2))})
        for scheme, message in [("mediapipe-478", "83 points a face: expected 478"), ("dlib", "'dlib' is unknown")]:
            with pytest.raises(ImportRejected, match=message):
                import_stimuli("faces", self.manifest(tmp_path), landmarks=landmarks, scheme=scheme)
        import_stimuli("faces", self.manifest(tmp_path), landmarks=landmarks)
        with pytest.raises(ImportRejected, match="follow 'synthetic-83': expected that, got 'webmorph-189'"):
            import_stimuli("faces", self.manifest(tmp_path), scheme="webmorph-189")

    @pytest.mark.parametrize(
        ("points", "n_off"),
        [
            ([(1, 2), (20, 3), (9, 23)], 0),
            ([(-1, 2), (20, 25), (9, 23), (3, 3), (4, 4)], 0),  # a face at the edge
            ([(10, 20), (200, 30), (90, 230)], 1),  # of a larger original
            ([(0.1, 0.2), (0.9, 0.3), (0.5, 0.8)], 1),  # shares of width and height
        ],
    )
    def test_landmarks_that_do_not_lie_on_the_picture_are_told(self, tmp_path, points, n_off):
        (tmp_path / "a.png").write_bytes(encoded(gradient(1), "PNG"))  # 24 x 24
        landmarks = write_landmarks(tmp_path / "l.npz", {"a.png": np.array(points)}, "file")
        manifest = write_manifest(tmp_path, [{"file": "a.png", "subject": "1"}])
        result = import_stimuli("faces", manifest, landmarks=landmarks)
        assert result.n_off == n_off
        assert ("The landmarks of 1 do not lie on their pictures" in str(result)) == bool(n_off)

    def test_files_that_are_no_landmarks(self, tmp_path):
        objects = tmp_path / "objects.npz"
        np.savez(objects, stimulus=np.array(["s0"]), points=np.array([[{"a": 1}]], dtype=object))
        flat = tmp_path / "flat.npz"
        np.savez(flat, stimulus=np.array(["s0"]), points=np.ones((1, 5)))
        few = tmp_path / "few.npz"
        np.savez(few, stimulus=np.array(["s0", "s1"]), points=np.ones((1, 5, 2)))
        twice = tmp_path / "twice.npz"
        np.savez(twice, stimulus=np.array(["s0", "s0"]), points=np.ones((2, 5, 2)))
        other = tmp_path / "other.npz"
        np.savez(other, x=np.ones(3))
        text = tmp_path / "text.npz"
        text.write_text("hello")
        for path, message in [
            (objects, "Python objects, which are never loaded"),
            (flat, r"of shape \(1, 5\): expected numbers \(n, n_points, 2 or 3\)"),
            (few, r"of shape \(2,\): expected 1 names"),
            (twice, "names 's0' twice"),
            (other, "holds x: expected the arrays file or stimulus, and points"),
            (text, "cannot be read as landmarks"),
            (tmp_path / "missing.npz", "cannot be read as landmarks"),
        ]:
            with pytest.raises(ImportRejected, match=message):
                import_stimuli("faces", self.manifest(tmp_path), landmarks=path)
        assert not Collection.objects.exists()


class TestSplit:
    def make(self, n):
        collection = Collection.objects.create(name="faces")
        Subject.objects.bulk_create(Subject(collection=collection, name=f"{k:03}") for k in range(n))
        return collection

    @pytest.mark.parametrize(
        ("n", "expected"), [(4, (0, 0, 0)), (5, (3, 1, 1)), (6, (4, 1, 1)), (20, (14, 3, 3)), (102, (72, 15, 15))]
    )
    def test_shares_are_kept_and_every_split_gets_a_subject(self, n, expected):
        assert tuple(split_subjects(self.make(n)).values()) == expected

    def test_it_follows_from_the_seed(self):
        collection = self.make(40)

        def drawn(seed):
            collection.subjects.update(split="")
            split_subjects(collection, seed)
            return list(collection.subjects.order_by("name").values_list("split", flat=True))

        assert drawn(1) == drawn(1)
        assert drawn(1) != drawn(2)

    def test_whoever_has_a_split_keeps_it(self):
        collection = self.make(10)
        collection.subjects.filter(name__in=["000", "001", "002", "003"]).update(split="test")
        assert split_subjects(collection) == {"train": 4, "validation": 2, "test": 4}
        assert set(collection.subjects.filter(split="test").values_list("name", flat=True)) == {
            "000",
            "001",
            "002",
            "003",
        }

    def test_shares_that_are_none(self):
        with pytest.raises(ValueError, match=r"shares are \(0.5, 0.2, 0.2\): expected three"):
            split_subjects(self.make(5), shares=(0.5, 0.2, 0.2))

    def test_a_manifest_with_splits_is_believed(self, tmp_path):
        rows = [{"stimulus": f"s{k}", "subject": str(k), "split": "train" if k else ""} for k in range(8)]
        import_stimuli("faces", write_manifest(tmp_path, rows))
        assert Counter(Subject.objects.values_list("split", flat=True)) == {"train": 7, "": 1}


class TestCommand:
    def test_it_says_which_columns_it_did_not_understand(self, tmp_path, capsys):
        write_manifest(tmp_path, [{"stimulus": "a", "Person": "1", "AU12": "2", "age": "30"}])
        call_command("import_stimuli", "faces", manifest=str(tmp_path / "stimuli.csv"))
        assert capsys.readouterr().out.strip() == (
            "faces: 1 stimulus of 0 subjects, 0 with landmarks; 1 of them is new. No column `subject` says who is in a "
            "picture: each counts as a person of its own. Kept as text, without a meaning here: Person, age."
        )

    def test_it_prints_one_json_object(self, tmp_path, capsys):
        manifest = make_folder(tmp_path / "in", n_subjects=2)
        call_command("import_stimuli", "faces", manifest=str(manifest), json=True, column=["class_label=sex"])
        printed = capsys.readouterr()
        assert json.loads(printed.out.splitlines()[-1]) == {
            "n_stimuli": 6,
            "n_subjects": 2,
            "n_new": 6,
            "n_landmarks": 0,
            "has_subject": True,
            "kept_as_text": ["class_label"],
            "n_off": 0,
        }
        assert set(Stimulus.objects.values_list("class_label", flat=True)) == {"male", "female"}

    @pytest.mark.parametrize(
        ("name", "change", "message"),
        [
            ("two words", {}, "'two words' cannot name a collection"),
            ("faces", {"manifest": "nothing.csv"}, "cannot be opened: No such file"),
            ("faces", {"images": "nowhere"}, "there is no folder of pictures nowhere"),
            ("faces", {"column": ["emotion"]}, "'emotion' is no role of a column"),
        ],
    )
    def test_bad_input_is_one_clear_sentence(self, tmp_path, name, change, message):
        manifest = make_folder(tmp_path / "in", n_subjects=1)
        with pytest.raises(CommandError, match=message):
            call_command("import_stimuli", name, **({"manifest": str(manifest)} | change))

    def test_an_empty_manifest_is_bad_input(self, tmp_path):
        (tmp_path / "empty.csv").write_text("file\n")
        with pytest.raises(CommandError, match="holds no row"):
            call_command("import_stimuli", "faces", manifest=str(tmp_path / "empty.csv"))


def test_a_collection_says_the_same_of_itself_every_time(tmp_path):
    manifest = make_folder(tmp_path / "in", n_subjects=1)
    import_stimuli("faces", manifest, title="Faces")
    import_stimuli("faces", manifest, licence="CC0")
    with pytest.raises(ImportRejected, match=r"the licence of 'faces' is 'CC0': expected the same, got 'CC BY 4.0'"):
        import_stimuli("faces", manifest, licence="CC BY 4.0")
    assert vars(Collection.objects.get())["title"] == "Faces"


def test_deleting_a_collection_deletes_its_pictures(tmp_path, files, django_capture_on_commit_callbacks):
    import_stimuli("faces", make_folder(tmp_path / "in", n_subjects=1))
    collection = Collection.objects.get()
    question_set = QuestionSet.objects.create(collection=collection, name="asked")
    with pytest.raises(CollectionInUse, match="studies or releases use it"):
        delete_collection(collection)
    assert len(stored_files(files)) == Stimulus.objects.count() == 3
    question_set.delete()
    with django_capture_on_commit_callbacks(execute=True):
        delete_collection(collection)
    assert nothing_is_left(files)


class TestRealData:
    def import_folder(self, shared_data, name):
        folder = shared_data / name
        with open(folder / "stimuli.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        return import_stimuli(name, folder / "stimuli.csv", landmarks=folder / "landmarks.npz"), rows

    def test_london(self, shared_data):
        result, rows = self.import_folder(shared_data, "london")
        assert vars(result).items() >= {"n_stimuli": 204, "n_subjects": 102, "n_new": 204, "n_landmarks": 204}.items()
        collection = Collection.objects.get()
        assert collection.landmark_scheme == "mediapipe-478"
        assert Counter(collection.subjects.values_list("split", flat=True)) == {
            "train": 72,
            "validation": 15,
            "test": 15,
        }
        assert collection.stimuli.filter(is_neutral=True).count() == 102
        assert set(collection.stimuli.values_list("width", "height")) == {(350, 350)}
        by_file = {row["file"]: row for row in rows}
        for stimulus in collection.stimuli.select_related("subject"):
            row = by_file[stimulus.key]
            assert stimulus.class_label == row["expression"]
            assert stimulus.subject.name == row["subject"]
            known = {name: row[name] for name in ("sex", "age", "ethnicity") if row[name]}
            assert stimulus.subject.extra == known
        assert self.import_folder(shared_data, "london")[0].n_new == 0

    def test_cmu(self, shared_data):
        result, _ = self.import_folder(shared_data, "cmu")
        assert vars(result).items() >= {"n_stimuli": 584, "n_subjects": 20, "n_new": 584, "n_landmarks": 480}.items()
        stimulus = Stimulus.objects.get(key="images/an2i_left_angry_open.png")
        assert (stimulus.width, stimulus.height) == (128, 120)
        assert stimulus.extra == {"pose": "left", "eyes": "open"}
        assert Stimulus.objects.filter(key__contains="_left_", has_landmarks=True).count() == 129

    def test_cfd36(self, shared_data):
        result, _ = self.import_folder(shared_data, "cfd36")
        assert vars(result).items() >= {"n_stimuli": 36, "n_subjects": 12, "n_new": 36, "n_landmarks": 36}.items()
        assert not Stimulus.objects.exclude(picture="").exists()
        assert Stimulus.objects.get(key="CFD-BF-002-004-HO").subject.extra == {"race": "black", "sex": "female"}
        assert set(Stimulus.objects.values_list("is_neutral", flat=True)) == {False}
