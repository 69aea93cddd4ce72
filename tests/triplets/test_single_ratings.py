"""What single people rated in the 10k US Adult Faces, from the collection's own table to a release."""

import csv

import numpy as np
import pytest

from tests.triplets.study_formats import OF_RATERS, SURVEYS, as_text, picture, rated_faces, write_workbook
from triplets.archive import read_release
from triplets.importers.rater_rows import AGES, SEXES, HeaderUnreadable, said, surveys
from triplets.importers.single_ratings import Gathering

NAMES = [f"Face_{k}.jpg" for k in range(4)]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        picture(tmp_path / "faces" / "Face Images" / name)
    return tmp_path / "faces"


def test_every_rating_is_in_the_release_with_who_gave_it(folder, tmp_path, convert):
    rows = rated_faces(NAMES, n_rows=6)
    write_workbook(folder / "psychology-attributes.xlsx", {"All Data": rows, "Final Values": [rows[0]]})
    _, _, told = convert("us-adult-faces", folder, "--release", tmp_path / "release")
    n_attributes = sum(len(set(survey) - OF_RATERS) for survey in SURVEYS)
    assert n_attributes == 40 and told["n_ratings"] == 4 * 6 * 40 and told["n_raters"] <= 40
    release = read_release(tmp_path / "release")
    assert release.manifest["study"]["kind"] == "rating" and len(release.manifest["study"]["attributes"]) == 40
    known = release.manifest["settings"]
    assert (known["n_annotators"], known["n_excluded"], known["includes_pictures"]) == (told["n_raters"], 0, True)
    assert len(release.ratings) == 160 and set(release.ratings.n) == {6}
    # One cell of the table, found again: rater, rating, mean, spread and n.
    at = rows[0].index("happy")
    here = [row for row in rows[1:] if row[0] == "Face_2.jpg"]
    values = [row[at] for row in here]
    table = release.responses().to_pylist()
    mine = [r for r in table if r["reference"].endswith("Face_2.jpg") and r["attribute"] == "happy"]
    second = rows[0].index("subID", rows[0].index("aggressive"))
    assert [(r["annotator"], r["rating"]) for r in mine] == [(str(row[second]), row[at]) for row in here]
    assert len({r["question"] for r in mine}) == 1 and {r["kind"] for r in mine} == {"rating"}
    row = release.stimuli.key.tolist().index("Face Images/Face_2.jpg")
    (of,) = np.flatnonzero((release.ratings.stimulus == row) & (release.ratings.attribute == "happy"))
    assert release.ratings.mean[of] == pytest.approx(np.mean(values))
    assert release.ratings.spread[of] == pytest.approx(np.std(values, ddof=1))
    assert release.stimuli.attributes["happy"][row] == pytest.approx(np.mean(values), rel=1e-5)
    who = release.annotators
    age, sex = rows[1][rows[0].index("subage")], rows[1][rows[0].index("submale")]
    place = who.key.tolist().index(str(rows[1][rows[0].index("subID")]))
    assert (who.about["age"][place], who.about["sex"][place]) == (AGES[age], SEXES[sex])


def test_a_table_of_raters_can_be_imported_into_a_study(folder, convert):
    (folder / "psychology-attributes.csv").write_text(as_text(rated_faces(NAMES, n_rows=3)))
    convert("us-adult-faces", folder)
    with open(convert.out / "responses.csv", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 4 * 3 * 40 and set(found[0]) == {"stimulus", "attribute", "rating", "worker"}
    assert {row["stimulus"] for row in found} == {f"Face Images/{name}" for name in NAMES}


def test_without_names_of_raters_there_are_responses_of_nobody(tmp_path, convert):
    (tmp_path / "attributes.csv").write_text("Filename,happy\na.jpg,2\na.jpg,5\nb.jpg,NaN\nb.jpg,7\n")
    convert("us-adult-faces", tmp_path / "attributes.csv", "--release", tmp_path / "release")
    release = read_release(tmp_path / "release")
    assert release.responses()["annotator"].null_count == 3 and release.annotators is None
    assert release.ratings.mean.tolist() == [3.5, 7.0] and release.ratings.n.tolist() == [2, 1]
    assert np.isnan(release.ratings.spread[1]) and not (convert.out / "responses.csv").exists()
    assert "n_annotators" not in release.manifest["settings"]


def test_whoever_failed_the_check_or_rates_again_does_not_count():
    gathered = Gathering()
    gathered.add("a", "1", {"happy": 9.0}, {"sex": "male"}, is_counted=False)
    gathered.add("a", "1", {"happy": 4.0}, {"sex": "female"}, is_counted=True)
    gathered.add("a", "1", {"happy": 8.0}, {"sex": "female"}, is_counted=True)
    gathered.add("a", "2", {"happy": 6.0}, {}, is_counted=True)
    found = gathered.ratings({"a": "a.jpg"})
    assert found.is_counted.tolist() == [False, True, True, True] and found.is_repeat.tolist() == [
        False,
        False,
        True,
        False,
    ]
    assert found.settled({"a.jpg": 0}, np.array([""])).mean.tolist() == [5.0]
    assert found.about == {"sex": ("female", "")}
    assert gathered.means() == {"a": {"happy": 5.0}}
    assert said(*only("happy catch catchAns", "3 5 6")).is_counted is False
    assert said(*only("happy catch catchAns", "3 5 NaN")).is_counted is True


def only(header, cells):
    (survey,) = surveys(header.split())
    return survey, cells.split()


def test_where_the_second_survey_begins():
    first, second = surveys(["Filename", "Image #", *SURVEYS[0], *SURVEYS[1]])
    assert (
        set(first.attributes) == set(SURVEYS[0]) - OF_RATERS and set(second.attributes) == set(SURVEYS[1]) - OF_RATERS
    )
    assert first.raters["subid"] < second.raters["subid"]
    pandas = [*SURVEYS[0], *(f"{name}.1" if name in OF_RATERS else name for name in SURVEYS[1])]
    assert [set(survey.attributes) for survey in surveys(pandas)] == [set(first.attributes), set(second.attributes)]
    halves = surveys(["subID", "happy", "sad", "subID", "zany", "calm"])
    assert [list(survey.attributes) for survey in halves] == [["happy", "sad"], ["zany", "calm"]]
    with pytest.raises(HeaderUnreadable, match="nothing tells where the second survey begins"):
        surveys(["subID", "catch", "subID", "happy", "calm", "bold"])
    with pytest.raises(HeaderUnreadable, match="'subid' stands 3 times"):
        surveys(["subID", "a", "subID", "b", "subID", "c"])
    with pytest.raises(HeaderUnreadable, match="'happy' stands twice"):
        surveys(["happy", "calm", "happy"])
    with pytest.raises(HeaderUnreadable, match="no column of ratings: found only Filename, subID"):
        surveys(["Filename", "subID"])


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("happy", "seven", "line 3: happy is 'seven': expected a rating from 1 to 9 or nothing"),
        ("happy", "10", "line 3: happy is '10': expected a rating from 1 to 9 or nothing"),
        ("weird", "0", "line 3: weird is '0': expected a rating from 1 to 9 or nothing"),
        ("subage", "6", "line 3: subage is '6': expected 1 to 5 or nothing"),
        ("submale", "woman", "line 3: submale is 'woman': expected 0 to 1 or nothing"),
        ("Filename", "Face_9.jpg", "there is no picture 'Face_9.jpg', which is rated"),
        ("Filename", "", "line 3: Filename is empty"),
    ],
)
def test_a_damaged_table_writes_nothing(folder, tmp_path, convert, column, value, complaint):
    rows = rated_faces(NAMES, n_rows=3)
    rows[2][rows[0].index(column)] = value
    (folder / "psychology-attributes.csv").write_text(as_text(rows))
    assert convert("us-adult-faces", folder, "--release", tmp_path / "release") is None
    assert complaint in convert.said and "nothing was written because 1 problem was found" in convert.said
    assert not (tmp_path / "release").exists()


def test_a_table_without_file_names_and_a_short_row(folder, convert):
    rows = rated_faces(NAMES, n_rows=2)
    (folder / "psychology-attributes.csv").write_text(as_text([row[1:] for row in rows]))
    assert convert("us-adult-faces", folder) is None
    assert "line 1: the column 'Filename' is missing: found Image #, atypical" in convert.said
    (folder / "psychology-attributes.csv").write_text(as_text([rows[0], rows[1][:-1], *rows[2:]]))
    assert convert("us-adult-faces", folder) is None and "line 2: 53 cells, expected 54" in convert.said


def test_a_release_that_cannot_be_written_leaves_no_folder(folder, tmp_path, convert, monkeypatch):
    (folder / "psychology-attributes.csv").write_text(as_text(rated_faces(NAMES, n_rows=2)))

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("triplets.archive.write_release", full)
    assert convert("us-adult-faces", folder, "--release", tmp_path / "release") is None
    assert "no space left on device; nothing was written" in convert.said
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "out-", "release"))]
