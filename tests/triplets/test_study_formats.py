"""Readers of the studies' own formats, on small generated files, and the converter that writes what import reads."""

import csv
import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from learning import landmarks as alignment
from tests.triplets.study_formats import picture, scan, shuffled_rings, write_bnd, write_workbook
from triplets.importers import bnd, inert_pickle, openface
from triplets.importers.__main__ import FORMATS, main
from triplets.schemes import SCHEMES, scheme_named, scheme_of


class TestBu3dfe:
    @pytest.fixture
    def folder(self, tmp_path):
        source = tmp_path / "BU3DFE"
        for number, (sex, expression) in enumerate([("F", "AN03WH"), ("M", "NE00AE"), ("F", "SU01XX")]):
            name = f"{sex}{number:04}"
            points = scan(number, AU26=0.5 if expression[:2] == "SU" else 0.0)
            write_bnd(source / name / f"{name}_{expression}_F3D.bnd", shuffled_rings(points), with_vertex=True)
        return source

    def test_names_tell_and_points_come_in_the_order_of_the_scheme(self, folder, convert):
        rows, points, summary = convert("bu3dfe", folder)
        angry = rows["F0000/F0000_AN03WH"]
        assert (angry.subject, angry.class_label, angry.degree, angry.is_neutral) == ("F0000", "angry", 3.0, False)
        assert angry.extra == {"sex": "female", "ethnicity": "white"}
        neutral = rows["M0001/M0001_NE00AE"]
        assert (neutral.class_label, neutral.degree, neutral.is_neutral) == ("neutral", 0.0, True)
        assert rows["F0002/F0002_SU01XX"].extra["ethnicity"] == "XX"
        assert (summary["scheme"], summary["n_landmarks"]) == ("bu3dfe-83", 3)
        for number, key in enumerate(rows):
            expected = scan(int(key[1:5]), AU26=0.5 if "SU" in key else 0.0) * [1, -1, -1]
            assert np.allclose(points.of(key), expected, atol=1e-4), number
        aligned = alignment.align(np.stack([points.of(key) for key in rows]), scheme_named("bu3dfe-83"))
        assert np.isfinite(aligned).all()

    def test_pictures_are_found_beside_the_scans(self, folder, convert):
        for path in folder.rglob("*.bnd"):
            picture(path.with_name(path.name.replace("_F3D.bnd", "_F2D.bmp")))
        rows, _, summary = convert("bu3dfe", folder)
        assert rows["F0000/F0000_AN03WH_F2D.bmp"].file and summary["n_pictures"] == 3

    def test_some_pictures_only_are_refused(self, folder, convert):
        picture(folder / "F0000" / "F0000_AN03WH_F2D.png")
        assert convert("bu3dfe", folder) is None
        assert "1 of 3 stimuli have a picture: expected all or none" in convert.said

    def test_bad_files_are_named_with_their_line_all_of_them(self, folder, convert):
        lines = (folder / "F0000" / "F0000_AN03WH_F3D.bnd").read_text().splitlines()
        lines[4] = "3 1.0 x 2.0"
        (folder / "F0000" / "F0000_AN03WH_F3D.bnd").write_text("\n".join(lines))
        (folder / "F0000" / "F0000_HA01WH_F3D.bnd").write_text("\n".join(lines[:3]))
        write_bnd(folder / "F0000" / "F0000_XX01WH_F3D.bnd", scan(0), with_vertex=True)
        assert convert("bu3dfe", folder) is None
        assert "F0000_AN03WH_F3D.bnd, line 5: '3 1.0 x 2.0': expected 4 numbers" in convert.said
        assert "F0000_HA01WH_F3D.bnd, line 3: 3 points: expected 83" in convert.said
        assert "expression 'XX' of 'F0000_XX01WH_F3D': expected one of NE, AN" in convert.said
        rows, _, summary = convert("bu3dfe", folder, "--skip-bad")
        assert len(rows) == 2 and summary["n_left_out"] == 3


class TestBp4d:
    HEADER = "0," + ",".join(map(str, (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24)))

    @pytest.fixture
    def folder(self, tmp_path):
        source = tmp_path / "BP4D"
        coded = [self.HEADER]
        for frame in range(1, 9):
            points = scan(3, AU12=0.1 * frame)
            if frame == 3:  # a blink, the first frame with AU12
                points[[1, 2, 3, 9, 10, 11]] = points[[7, 6, 5, 15, 14, 13]]
            write_bnd(source / "F001" / "T1" / f"{frame:04}.bnd", points, with_vertex=False)
            units = dict.fromkeys(self.HEADER.split(",")[1:], "0") | {"12": "1" if 3 <= frame < 6 else "0"}
            if frame == 6:
                units["24"] = "9"
            if frame == 8:
                units |= {"5": "9", "1": "1"}
            coded.append(f"{frame}," + ",".join(units.values()))
        (source / "F001_T1.csv").write_text("\n".join(coded))
        (source / "F001_T1_pose.csv").write_text("frame,pitch,yaw,roll\n4,1.5,-20,3\n")
        write_bnd(source / "M002" / "T8" / "7.bnd", scan(4), with_vertex=False)
        return source

    def test_one_frame_for_each_vector_of_action_units_and_no_blink(self, folder, convert):
        rows, points, summary = convert("bp4d", folder)
        assert list(rows) == ["F001/T1/0001", "F001/T1/0004", "F001/T1/0008"]
        smile = rows["F001/T1/0004"]
        assert smile.action_units["AU12"] == 1 and smile.action_units["AU1"] == 0
        assert (smile.subject, smile.class_label, smile.is_neutral) == ("F001", "", None)
        assert smile.extra == {
            "sex": "female", "task": "T1", "elicited": "happy", "frame": "4", "pitch": "1.5", "yaw": "-20", "roll": "3",
        }  # fmt: skip
        assert "AU5" not in rows["F001/T1/0008"].action_units
        assert summary["scheme"] == "bu3dfe-83"
        assert np.allclose(points.of("F001/T1/0004"), scan(3, AU12=0.4) * [1, -1, -1], atol=1e-4)

    def test_all_frames_where_asked(self, folder, convert):
        assert len(convert("bp4d", folder, "--all-frames")[0]) == 9

    def test_pictures_are_found_by_their_number(self, folder, convert, tmp_path):
        """Some films of the collection number their pictures with four digits, others with three."""
        for name in ("0001", "0004", "0008"):
            picture(tmp_path / "2D" / "F001" / "T1" / f"{name[1:]}.jpg")
        rows, _, summary = convert("bp4d", folder, "--images", tmp_path / "2D")
        assert list(rows) == ["F001/T1/001.jpg", "F001/T1/004.jpg", "F001/T1/008.jpg"]
        assert summary["n_pictures"] == 3 and rows["F001/T1/004.jpg"].extra["frame"] == "4"

    def test_a_bad_code_has_its_line(self, folder, convert):
        text = (folder / "F001_T1.csv").read_text().replace("\n2,0,", "\n2,7,")
        (folder / "F001_T1.csv").write_text(text)
        (folder / "F001_T1_pose.csv").write_text("frame,pitch,yaw,roll\n4,1.5,left,3\n")
        assert convert("bp4d", folder) is None
        assert "F001_T1.csv, line 3: '7' in column '1': expected a frame's number, then 0, 1 or 9" in convert.said
        assert "F001_T1_pose.csv, line 2: could not convert string to float: 'left'" in convert.said

    def test_lids_closer_than_open_eyes_are_a_blink(self):
        face = scan(3) * [1, -1, -1]
        shut = face.copy()
        shut[[1, 2, 3, 9, 10, 11]] = shut[[7, 6, 5, 15, 14, 13]]
        assert bnd.lid_distance(shut) == 0 < 0.03 < bnd.lid_distance(face)


class TestFer2013:
    def write(self, path, *rows):
        path.write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
        return path

    def test_pictures_labels_and_parts(self, tmp_path, convert):
        ramp = " ".join(str(k % 256) for k in range(48 * 48))
        source = self.write(tmp_path / "fer2013.csv", f"3,{ramp},Training", f"6,{ramp},PrivateTest")
        rows, points, _ = convert("fer2013", source)
        happy, neutral = rows.values()
        assert (happy.key, happy.class_label, happy.split) == ("images/fer-00002.png", "happy", "train")
        assert (neutral.class_label, neutral.is_neutral, neutral.split) == ("neutral", True, "test")
        assert happy.subject != neutral.subject and points is None
        with Image.open(convert.out / happy.file) as image:
            assert np.array_equal(np.asarray(image).ravel(), np.arange(48 * 48) % 256)

    def test_the_second_edition_has_its_columns_in_another_order(self, tmp_path, convert):
        grey = " ".join(["7"] * 48 * 48)
        (tmp_path / "icml_face_data.csv").write_text(
            f"emotion, Usage, pixels\n0,Training,{grey}\n4,PublicTest,{grey}\n"
        )
        rows, _, _ = convert("fer2013", tmp_path / "icml_face_data.csv")
        assert [(row.class_label, row.split) for row in rows.values()] == [("angry", "train"), ("sad", "validation")]

    def test_bad_rows(self, tmp_path, convert):
        good = " ".join(["7"] * 48 * 48)
        rows = (f"7,{good},Training", "1,1 2 3,Training", f"1,{good},Test", f"1,{good[:-1]}300,Training", f"1,{good}")
        assert convert("fer2013", self.write(tmp_path / "fer.csv", *rows)) is None
        for line, said in enumerate(
            ["emotion is '7': expected 0 to 6", "pixels hold 3 values: expected 2,304", "Usage is 'Test'",
             "pixels hold 2,304 values: expected 2,304, each 0 to 255", "2 cells: expected 3"], start=2,
        ):  # fmt: skip
            assert f"fer.csv, line {line}: {said}" in convert.said
        (tmp_path / "other.csv").write_text("label,pixels\n")
        assert convert("fer2013", tmp_path / "other.csv") is None
        assert "begins with label,pixels: expected emotion,pixels,Usage" in convert.said.replace("'", "")


class TestCifar10:
    PIXELS = np.random.default_rng(0).integers(256, size=(3, 3072)).astype(np.uint8)

    @pytest.mark.parametrize("protocol", [2, 3, 4])
    def test_python_batches_without_unpickling_them(self, tmp_path, convert, protocol):
        (tmp_path / "cifar").mkdir()
        for name in ("data_batch_1", "data_batch_5", "test_batch"):
            batch = {b"batch_label": b"x", b"labels": [3, 9, 0], b"data": self.PIXELS, b"filenames": [b"a", b"b", b"c"]}
            (tmp_path / "cifar" / name).write_bytes(pickle.dumps(batch, protocol=protocol))
        rows, _, _ = convert("cifar10", tmp_path / "cifar")
        assert [row.split for row in rows.values()] == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
        cat = rows["images/data_batch_1-00000.png"]
        assert cat.class_label == "cat"
        with Image.open(convert.out / cat.file) as image:
            assert np.array_equal(np.asarray(image)[2, 5], self.PIXELS[0].reshape(3, 32, 32)[:, 2, 5])

    def test_binary_batches_say_the_same(self, tmp_path, convert):
        (tmp_path / "cifar").mkdir()
        content = b"".join(
            bytes([label]) + planes.tobytes() for label, planes in zip((3, 9, 0), self.PIXELS, strict=True)
        )
        (tmp_path / "cifar" / "test_batch.bin").write_bytes(content)
        rows, _, _ = convert("cifar10", tmp_path / "cifar")
        assert [row.class_label for row in rows.values()] == ["cat", "truck", "airplane"]
        (tmp_path / "cifar" / "data_batch_2.bin").write_bytes(content[:-1])
        assert convert("cifar10", tmp_path / "cifar") is None
        assert "data_batch_2.bin: has 9,218 bytes: expected a multiple of 3,073" in convert.said

    def test_a_batch_of_python_2(self):
        """Texts were bytes then, written as SHORT_BINSTRING."""
        content = b"\x80\x02}q\x00(U\x06labelsq\x01]q\x02(K\x03K\te\x55\x04dataq\x03\x55\x03\xff\x00\x01u."
        assert inert_pickle.read(content) == {"labels": [3, 9], "data": "\xff\x00\x01"}

    def test_nothing_in_a_pickle_is_ever_run(self, tmp_path, convert):
        class Trap:
            def __reduce__(self):
                return open, (str(tmp_path / "trapped"), "w")

        (tmp_path / "cifar").mkdir()
        for protocol in (2, 4):
            (tmp_path / "cifar" / "data_batch_1").write_bytes(pickle.dumps({b"data": Trap()}, protocol=protocol))
            assert convert("cifar10", tmp_path / "cifar") is None
            assert "would call 'io.open': nothing is ever called" in convert.said
        assert not (tmp_path / "trapped").exists()

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (pickle.dumps([1], protocol=2), "holds a list: expected a dictionary"),
            (pickle.dumps({"data": np.zeros((2, 5))}, protocol=2), "holds an array of 'f8': expected bytes, 'u1'"),
            (
                pickle.dumps({"data": np.zeros((2, 3), np.uint8)}, protocol=2),
                "data is (2, 3): expected (n, 3072) bytes",
            ),
            (pickle.dumps({"labels": {1, 2}}, protocol=4), "holds the instruction EMPTY_SET at byte"),
            (pickle.dumps({"labels": [1]}, protocol=2)[:-3], "is a damaged pickle"),
            (b"no pickle", "is a damaged pickle"),
        ],
    )
    def test_bad_batches(self, content, said, tmp_path, convert):
        (tmp_path / "cifar").mkdir()
        (tmp_path / "cifar" / "data_batch_1").write_bytes(content)
        assert convert("cifar10", tmp_path / "cifar") is None
        assert said in convert.said


class TestUsAdultFaces:
    def test_ratings_of_a_face_are_averaged_and_raters_left_out(self, tmp_path, convert):
        source = tmp_path / "faces"
        source.mkdir()
        (source / "psychology-attributes.csv").write_text(
            "Filename,Image #,happy,unhappy,catch,catchAns,subage,submale,subrace,catch.1\n"
            "Ann_1.jpg,1,7,2,5,5,2,1,1,3\nAnn_1.jpg,1,8,NaN,5,5,3,0,1,3\nBob_2.jpg,2,1,9,5,5,NaN,0,1,3\n"
        )
        (source / "demographic-others-labels.txt").write_text(
            "Filename\tImage #\tAge\tGender\tRace\n" + "Ann_1.jpg\t1\t3\t0\t1\n" * 2 + "Ann_1.jpg\t1\t2\t0\t1\n"
        )
        picture(source / "Images" / "Ann_1.jpg")
        picture(source / "Images" / "Bob_2.jpg")
        rows, _, _ = convert("us-adult-faces", source)
        ann = rows["Images/Ann_1.jpg"]
        assert ann.attributes == {"happy": 7.5, "unhappy": 2.0}
        assert ann.extra == {"age": "2.67", "age_group": "30 to 45", "sex": "female", "ethnicity": "White"}
        assert ann.subject == "Ann_1" and rows["Images/Bob_2.jpg"].attributes == {"happy": 1.0, "unhappy": 9.0}

    def test_a_workbook_that_holds_means_only(self, tmp_path, convert):
        final = [
            ["Filename", "Image #", "happy", "sad", "subage"],
            ["a.jpg", 1, 6.25, 2, 2.4],
            ["b & c.jpg", 2, None, 4.5],
            ["d.jpg", 3, 8],
        ]
        write_workbook(tmp_path / "psychology-attributes.xlsx", {"StDev Values": [["Filename"]], "Final Values": final})
        rows, _, said = convert("us-adult-faces", tmp_path / "psychology-attributes.xlsx")
        assert {key: row.attributes for key, row in rows.items()} == {
            "a.jpg": {"happy": 6.25, "sad": 2.0}, "b & c.jpg": {"sad": 4.5}, "d.jpg": {"happy": 8.0},
        }  # fmt: skip
        assert "n_ratings" not in said and not (convert.out / "responses.csv").exists()

    def test_bad_workbooks(self, tmp_path, convert):
        path = tmp_path / "attributes.xlsx"
        path.write_bytes(b"no zip")
        assert convert("us-adult-faces", path) is None
        assert "cannot be read as a table (is no Excel workbook (File is not a zip file))" in convert.said
        write_workbook(path, {"Final Values": [["Filename", "happy"], ["a.jpg", 11]]})
        assert convert("us-adult-faces", path) is None
        assert "attributes.xlsx, line 2: happy is '11': expected a rating from 1 to 9" in convert.said
        write_workbook(path, {"S": [["Filename"]]}, before='<!DOCTYPE x [<!ENTITY a "aaaa">]>')
        assert convert("us-adult-faces", path) is None
        assert "declares a document type" in convert.said

    def test_a_rating_off_the_scale_and_a_missing_picture(self, tmp_path, convert):
        (tmp_path / "attributes.tsv").write_text("Filename\thappy\na.jpg\t0\nb.jpg\tvery\nc.jpg\t5\n")
        picture(tmp_path / "pictures" / "other.jpg")
        assert convert("us-adult-faces", tmp_path / "attributes.tsv", "--images", tmp_path / "pictures") is None
        assert "attributes.tsv, line 2: happy is '0': expected a rating from 1 to 9 or nothing" in convert.said
        assert "line 3: happy is 'very'" in convert.said
        assert "there is no picture 'c.jpg', which is rated" in convert.said


class TestKdef:
    def test_names_tell_everything(self, tmp_path, convert):
        for name in ("AF01/AF01NES.JPG", "BF01/BF01AFHL.JPG", "AM35/AM35SUFR.jpg"):
            picture(tmp_path / "KDEF" / name)
        rows, points, _ = convert("kdef", tmp_path / "KDEF")
        afraid = rows["BF01/BF01AFHL.JPG"]
        assert (afraid.subject, afraid.class_label, afraid.is_neutral) == ("F01", "fear", False)
        assert afraid.extra == {"sex": "female", "series": "B", "pose": "half_left"}
        assert rows["AF01/AF01NES.JPG"].subject == "F01" and rows["AF01/AF01NES.JPG"].is_neutral
        assert rows["AM35/AM35SUFR.jpg"].extra["pose"] == "full_right" and points is None

    def test_a_name_of_another_kind(self, tmp_path, convert):
        picture(tmp_path / "KDEF" / "AF31V.JPG")
        assert convert("kdef", tmp_path / "KDEF") is None
        assert "'AF31V.JPG': expected a name such as AF01NES.JPG" in convert.said


class TestOpenFace:
    def write(self, path, *frames):
        points = [f"{axis}_{k}" for axis in "xy" for k in range(68)]
        header = ["frame", " face_id", " confidence", " success", " pose_Rx", " pose_Ry", " pose_Rz", *points,
                  " AU12_r", " AU12_c", " AU45_c"]  # fmt: skip
        path.write_text("\n".join([", ".join(header), *frames]) + "\n")
        return path

    def frame(self, number, confidence=0.98, success=1, pose="0.1,-0.2,0.3", face_id=0, last="2.5,1,0"):
        points = ",".join(str(k) for k in range(68)) + "," + ",".join(str(2 * k) for k in range(68))
        return f"{number},{face_id},{confidence},{success},{pose},{points},{last}"

    def test_frames_units_and_pose(self, tmp_path, convert):
        source = self.write(tmp_path / "anna_smile.csv", self.frame(1), self.frame(2, confidence=0.4),
                            self.frame(3, success=0), self.frame(4, face_id=1))  # fmt: skip
        rows, points, summary = convert("openface", source, "--subject", "^([a-z]+)_")
        assert list(rows) == ["anna_smile/000001", "anna_smile/000004-1"]
        first = rows["anna_smile/000001"]
        assert (first.subject, first.action_units) == ("anna", {"AU12": 1.0, "AU45": 0.0})
        assert first.extra["intensity_AU12"] == "2.5" and set(first.extra) >= {"pitch", "yaw", "roll"}
        assert points.of("anna_smile/000001")[3].tolist() == [3.5, 6.5]
        assert summary["scheme"] == "openface-68" and SCHEMES["openface-68"].n_points == 68

    def still(self, path, *faces):
        """Write what FaceLandmarkImg writes of one picture: faces in place of frames, and no success."""
        path.parent.mkdir(exist_ok=True)
        points = [f"{axis}_{k}" for axis in "xy" for k in range(68)]
        rows = [f"{face},{confidence}," + ",".join(str(k) for k in range(136)) + ",1" for face, confidence in faces]
        path.write_text("\n".join([",".join(["face", "confidence", *points, "AU12_c"]), *rows]) + "\n")

    def test_pictures_have_tables_of_their_own(self, tmp_path, convert):
        self.still(tmp_path / "read" / "anna.csv", (0, 0.975), (1, 0.9))
        self.still(tmp_path / "read" / "ben.csv", (0, 0.3))
        rows, points, _ = convert("openface", tmp_path / "read")
        assert list(rows) == ["anna", "anna-1"] and {row.subject for row in rows.values()} == {"anna"}
        assert rows["anna"].action_units == {"AU12": 1.0} and points.of("anna")[3].tolist() == [3.5, 71.5]

    def test_pictures_are_found_by_the_names_of_their_tables(self, tmp_path, convert):
        picture(tmp_path / "pictures" / "F" / "Anna.jpg")
        self.still(tmp_path / "read" / "anna.csv", (0, 0.975))
        rows, _, summary = convert("openface", tmp_path / "read", "--images", tmp_path / "pictures")
        assert list(rows) == ["F/Anna.jpg"] and summary["n_pictures"] == 1
        self.still(tmp_path / "read" / "anna.csv", (0, 0.975), (1, 0.9))
        self.still(tmp_path / "read" / "carl.csv", (0, 0.975))
        assert convert("openface", tmp_path / "read", "--images", tmp_path / "pictures") is None
        assert "anna.csv, line 3: face 1 of a picture: expected one face in each" in convert.said
        assert "carl.csv, line 2: there is no picture of that name" in convert.said

    def test_angles_mean_the_same_rotation(self):
        x, y, z = 0.3, -0.5, 0.2

        def about(axis, angle):
            c, s = np.cos(angle), np.sin(angle)
            return np.array({"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
                             "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[axis])  # fmt: skip

        pitch, yaw, roll = np.radians(openface.pose_angles(x, y, z))
        ours = about("z", roll) @ about("y", yaw) @ about("x", pitch)
        assert np.allclose(ours, about("x", x) @ about("y", y) @ about("z", z))

    def test_bad_rows_and_columns(self, tmp_path, convert):
        source = self.write(tmp_path / "film.csv", self.frame(1, last="2.5,1,maybe"), "1,2")
        assert convert("openface", source) is None
        assert "film.csv, line 2: AU45_c is 'maybe': expected a number" in convert.said
        assert "film.csv, line 3: 2 cells, expected 146 as in the header" in convert.said
        (tmp_path / "film.csv").write_text("frame, confidence, success, x_0\n")
        assert convert("openface", tmp_path / "film.csv") is None
        assert "line 1: the column 'y_0' is missing" in convert.said


class TestLandmarkText:
    def test_pts_count_pixels_from_one(self, tmp_path, convert):
        picture(tmp_path / "set" / "a.png")
        (tmp_path / "set" / "a.pts").write_text("version: 1\nn_points:  3\n{\n1 1\n2.5 3\n4 6\n}\n")
        rows, points, _ = convert("pts", tmp_path / "set")
        assert list(rows) == ["a.png"]
        assert points.of("a.png").tolist() == [[0.5, 0.5], [2.0, 2.5], [3.5, 5.5]]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("version: 1\nn_points: 3\n{\n1 1\n2 two\n3 3\n}\n", "line 5: '2 two': expected 2 numbers"),
            ("version: 1\nn_points: 3\n{\n1 1\n2 2\n}\n", "line 6: '}': expected 2 numbers"),
            ("version: 1\nn_points: 3\n{\n1 1\n2 2\n3 3\n4 4\n}\n", "line 7: expected } after 3 points"),
            ("version: 1\n{\n", "line 2: points begin before n_points was given"),
            ("n_points: many\n", "line 1: 'many': expected the number of points"),
            ("", "line 1: the file ends before {"),
        ],
    )
    def test_bad_pts(self, text, said, tmp_path, convert):
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "a.pts").write_text(text)
        assert convert("pts", tmp_path / "set") is None
        assert f"a.pts, {said}" in convert.said

    def test_tem_is_scaled_to_the_copy_of_its_picture(self, tmp_path, convert):
        picture(tmp_path / "pictures" / "007_neutral.jpg", (100, 80))
        (tmp_path / "tem").mkdir()
        (tmp_path / "tem" / "007_neutral.tem").write_text("3\n400.0\t632.0\n0 8\n12 16\n1\n0\n3\n0 1 2\n")
        options = ("--images", tmp_path / "pictures", "--width", 400, "--subject", r"^(\d+)_")
        rows, points, summary = convert("tem", tmp_path / "tem", *options)
        assert rows["007_neutral.jpg"].subject == "007" and summary["scheme"] == ""  # another template than the 189's
        assert points.of("007_neutral.jpg").tolist() == [[100, 158], [0, 2], [3, 4]]

    def test_bad_tem_and_a_missing_picture(self, tmp_path, convert):
        (tmp_path / "tem").mkdir()
        (tmp_path / "tem" / "a.tem").write_text("3\n1 2\n3 4\n")
        (tmp_path / "tem" / "b.tem").write_text("three\n")
        assert convert("tem", tmp_path / "tem") is None
        assert "a.tem, line 3: the file ends after 2 points: expected 3" in convert.said
        assert "b.tem, line 1: 'three': expected the number of points" in convert.said
        picture(tmp_path / "pictures" / "a.jpg")
        assert convert("tem", tmp_path / "tem", "--images", tmp_path / "pictures") is None
        assert "b.tem: there is no picture of that name in" in convert.said

    def test_mediapipe_shares_become_pixels(self, tmp_path, convert):
        picture(tmp_path / "set" / "a.jpg", (200, 100))
        np.save(tmp_path / "set" / "a.npy", np.full((478, 3), [0.5, 0.25, -0.1], dtype=np.float32))
        rows, points, _ = convert("mediapipe", tmp_path / "set")
        assert list(rows) == ["a.jpg"] and np.allclose(points.of("a.jpg")[0], [100, 25, -20])
        np.save(tmp_path / "set" / "a.npy", np.zeros((70, 3)))
        assert convert("mediapipe", tmp_path / "set") is None
        assert "a.npy: float64 of shape (70, 3): expected floats (478, 3), or (468, 3) without irises" in convert.said

    def test_a_mesh_without_irises_has_a_scheme_of_its_own(self, tmp_path, convert):
        for name in ("a", "b"):
            picture(tmp_path / "set" / f"{name}.jpg", (200, 100))
            np.save(tmp_path / "set" / f"{name}.npy", np.full((468, 3), 0.5, dtype=np.float32))
        _, points, summary = convert("mediapipe", tmp_path / "set")
        assert summary["scheme"] == "mediapipe-468" and points.n_points == 468
        np.save(tmp_path / "set" / "b.npy", np.full((478, 3), 0.5, dtype=np.float32))
        assert convert("mediapipe", tmp_path / "set") is None
        assert "landmarks (478, 3) with unknown numbers or unlike the first, (468, 3)" in convert.said


@pytest.mark.shared_data
def test_the_pupils_of_real_templates_lie_on_the_irises_that_mediapipe_finds(shared_data, convert):
    """README of the data: 0.8 pixels in the median, 1.6 at most."""
    london = shared_data / "london"
    options = ("--images", london / "images", "--width", 1350, "--subject", r"^(\d+)_")
    rows, points, _ = convert("tem", london / "tem", *options)
    with np.load(london / "landmarks.npz", allow_pickle=False) as arrays:
        mesh = dict(zip(arrays["file"].tolist(), arrays["points"], strict=True))
    with open(london / "stimuli.csv", newline="") as file:
        subject = {row["file"]: row["subject"] for row in csv.DictReader(file)}
    assert len(rows) == 102
    apart = []
    for key, row in rows.items():
        assert row.subject == subject[f"images/{key}"]
        apart.append(np.linalg.norm(points.of(key)[[0, 1]] - mesh[f"images/{key}"][[468, 473], :2], axis=1))
    assert np.median(apart) < 0.85 and np.max(apart) < 1.65


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_source_and_a_missing_one_are_said_in_a_sentence(name, tmp_path, convert):
    (tmp_path / "empty").mkdir()
    assert convert(name, tmp_path / "empty") is None
    assert convert.said.startswith("error: ") and "Traceback" not in convert.said
    assert convert(name, tmp_path / "nowhere") is None
    assert "there is no" in convert.said


def test_an_existing_folder_is_never_written_into(tmp_path, capsys):
    picture(tmp_path / "KDEF" / "AF01NES.JPG")
    (tmp_path / "out").mkdir()
    assert main(["kdef", str(tmp_path / "KDEF"), "--out", str(tmp_path / "out")]) == 1
    assert "expected the name of a new folder" in capsys.readouterr().err
    assert main(["kdef", str(tmp_path / "KDEF"), "--out", str(tmp_path / "a" / "b")]) == 1
    assert "there is no folder" in capsys.readouterr().err


def test_the_command_loads_no_django():
    code = "import sys, triplets.importers.__main__; assert 'django' not in sys.modules and 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.django_db
def test_what_is_written_is_imported(tmp_path, convert, settings):
    from triplets.services.stimuli import import_stimuli

    settings.MEDIA_ROOT = tmp_path / "media"
    for number in range(3):
        stem = tmp_path / "BU" / f"F000{number}" / f"F000{number}_NE00WH"
        write_bnd(stem.with_name(stem.name + "_F3D.bnd"), scan(number), with_vertex=True)
        picture(stem.with_name(stem.name + "_F2D.png"))
    convert("bu3dfe", tmp_path / "BU")
    result = import_stimuli(
        "bu3dfe", convert.out / "stimuli.csv", tmp_path / "BU", convert.out / "landmarks.npz", scheme="bu3dfe-83"
    )
    assert (result.n_stimuli, result.n_subjects, result.n_landmarks) == (3, 3, 3)


def test_schemes_of_other_collections_mirror_and_are_guessed_only_where_nothing_else_fits():
    face = SCHEMES["openface-68"]
    assert [face.mirror[k] for k in face.left_lower_lid] == [45, 42, 47, 46]
    assert {face.mirror[k] for k in face.left_brow} == set(face.right_brow)
    assert {face.mirror[k] for k in face.mouth} == set(face.mouth)
    assert scheme_of(68) is face
    assert scheme_of(83).name == "synthetic-83"
