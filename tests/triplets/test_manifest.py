import pytest

from triplets import spreadsheets
from triplets.importers.manifest import ManifestRow, ManifestUnreadable, Problem, read_header, read_manifest


def read(tmp_path, text, columns=None, encoding="utf-8"):
    path = tmp_path / "stimuli.csv"
    path.write_bytes(text.encode(encoding))
    header = read_header(path, columns)
    return list(read_manifest(path, header))


def test_every_column_finds_its_place(tmp_path):
    rows = read(tmp_path, (
        "file,subject,expression,degree,is_neutral,split,AU1,AU12_r,attribute_happy,sex,AUthor\n"
        "a/1.jpg,001,happy,2.5,0,train,0.5,,8.1,female,Ann\n"
    ))  # fmt: skip
    assert rows == [
        ManifestRow(
            line=2, key="a/1.jpg", file="a/1.jpg", subject="001", class_label="happy", degree=2.5, is_neutral=False,
            split="train", action_units={"AU1": 0.5}, attributes={"happy": 8.1},
            extra={"sex": "female", "AUthor": "Ann"},
        )
    ]  # fmt: skip


def test_without_pictures_the_key_is_the_stimulus(tmp_path):
    (row,) = read(tmp_path, "stimulus,subject\nBF-1,BF\n")
    assert (row.key, row.file, row.subject) == ("BF-1", "", "BF")


def test_beside_a_file_the_stimulus_is_only_text(tmp_path):
    (row,) = read(tmp_path, "stimulus,file\n3,images/3.jpg\n")
    assert (row.key, row.extra) == ("images/3.jpg", {"stimulus": "3"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file,class\na,neutral\nb,happy\nc,\n", [True, False, None]),
        ("file,class,is_neutral\na,neutral,\nb,calm,1\nc,happy,0\n", [None, True, False]),
        ("file\na\n", [None]),
    ],
)
def test_neutral_is_read_from_the_class_only_where_no_column_says_it(tmp_path, text, expected):
    assert [row.is_neutral for row in read(tmp_path, text)] == expected


def test_columns_can_be_named(tmp_path):
    (row,) = read(tmp_path, "id,emotion,who\nx,sad,7\n", {"stimulus": "id", "class_label": "emotion", "subject": "who"})
    assert (row.key, row.class_label, row.subject, row.extra) == ("x", "sad", "7", {})
    with pytest.raises(ManifestUnreadable, match="no column 'mood' to take as class_label: it has file"):
        read(tmp_path, "file\na\n", {"class_label": "mood"})
    with pytest.raises(
        ManifestUnreadable, match="'colour' is no role of a column: expected one of file, stimulus, subject"
    ):
        read(tmp_path, "file\na\n", {"colour": "file"})


def test_every_mistake_of_every_row_is_named_with_its_line(tmp_path):
    rows = read(tmp_path, (
        "file,subject,degree,is_neutral,split,AU1,attribute_happy\n"
        "a,1,two,perhaps,training,nan,inf\n"
        "b,1,1,1,,,\n"
        ",1,,,,,\n"
        "d,,,,test,,\n"
        "e,1\n"
        f"{'x' * 201},1,,,,,\n"
    ))  # fmt: skip
    assert [str(row) for row in rows if isinstance(row, Problem)] == [
        "line 2: AU1 'nan': expected a number or nothing",
        "line 2: attribute_happy 'inf': expected a number or nothing",
        "line 2: split 'training': expected train, validation, test or nothing",
        "line 2: degree 'two': expected a number or nothing",
        "line 2: is_neutral 'perhaps': expected 1, 0 or nothing",
        "line 4: file is empty: expected the name of the stimulus",
        "line 5: split 'test' without a subject: a split is made by subject",
        "line 6: 2 cells, expected 7 as in the header",
        f"line 7: file '{'x' * 40}'...: expected at most 200 characters",
    ]
    assert [row.key for row in rows if isinstance(row, ManifestRow)] == ["b"]


def test_lines_are_counted_over_quoted_line_breaks_and_empty_lines(tmp_path):
    rows = read(tmp_path, 'file,note\na,"two\nlines"\n\nb,\n,x\n')
    assert [row.line for row in rows] == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: expected a CSV with a header line"),
        ("picture,subject\na,1\n", "neither a column 'file' nor 'stimulus': it has picture, subject"),
        ("file,sex,sex\na,f,m\n", "has the column 'sex' twice"),
        ('file\n"a\n', "near line 2: unexpected end of data"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, text, message):
    with pytest.raises(ManifestUnreadable, match=message):
        read(tmp_path, text)


def test_other_encodings_are_refused_and_a_byte_order_mark_is_not(tmp_path):
    assert read(tmp_path, "file\nä\n", encoding="utf-8-sig")[0].key == "ä"
    with pytest.raises(ManifestUnreadable, match=r"no text in UTF-8 \(byte 0xe4.* save it as 'CSV UTF-8'"):
        read(tmp_path, "file\nä\n", encoding="latin-1")
    with pytest.raises(ManifestUnreadable, match="no text in UTF-8"):
        read(tmp_path, "file\n" + "a\n" * spreadsheets.BEGINNING + "ä\n", encoding="latin-1")
    with pytest.raises(ManifestUnreadable, match=r"is a workbook or an archive.*save it as 'CSV UTF-8'"):
        read(tmp_path, "PK\x03\x04 and so on")
    with pytest.raises(ManifestUnreadable, match="holds zero bytes"):
        read(tmp_path, "file\na\n", encoding="utf-16-le")
    with pytest.raises(ManifestUnreadable, match="cannot be opened: No such file"):
        read_header(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file;subject;degree;AU12\na;1;0,5;1,25\n", "utf-8-sig"),
        ("file\tsubject\tdegree\tAU12\na\t1\t.5\t1.25\n", "utf-16"),
        ("sep=;\r\nfile;subject;degree;AU12\r\na;1;,5;1.25\r\n", "utf-8"),
        (' File , SUBJECT,Degree,AU12\na,1,0.5,"1.25"\n,,,\n', "utf-8"),
    ],
)
def test_what_programs_write_for_the_same_table_is_read_the_same(tmp_path, text, encoding):
    (row,) = read(tmp_path, text, encoding=encoding)
    assert (row.key, row.subject, row.degree, row.action_units) == ("a", "1", 0.5, {"AU12": 1.25})


def test_a_decimal_comma_in_a_table_of_commas_is_no_number(tmp_path):
    (problem,) = read(tmp_path, 'file,degree\na,"0,5"\n')
    assert str(problem) == "line 2: degree '0,5': expected a number or nothing"
    (problem,) = read(tmp_path, "sep=;\nfile;degree\na;1.000,5\n")
    assert str(problem) == "line 3: degree '1.000,5': expected a number or nothing"


def test_marks_classes_and_splits_are_read_whatever_their_capitals(tmp_path):
    text = "File,Subject,Expression,Is neutral,Split\na,1,x,TRUE,Train\nb,2,x,no,TEST\nc,3,x,WAHR,\n"
    assert [(row.is_neutral, row.split) for row in read(tmp_path, text)] == [
        (True, "train"), (False, "test"), (True, ""),
    ]  # fmt: skip
    assert [row.is_neutral for row in read(tmp_path, "file,class\na,Neutral\nb,Happy\n")] == [True, False]


def test_a_column_can_be_named_as_the_file_spells_it(tmp_path):
    (row,) = read(tmp_path, "File,Person ID\na,7\n", {"file": "File", "subject": "Person ID"})
    assert (row.key, row.subject) == ("a", "7")


def test_the_digest_tells_rows_apart_and_ignores_their_line():
    row = ManifestRow(2, "a", subject="1", degree=1.0)
    assert row.digest() == ManifestRow(9, "a", subject="1", degree=1.0).digest()
    assert (
        len(
            {
                row.digest(),
                ManifestRow(2, "a", subject="1").digest(),
                ManifestRow(2, "a", "a", "1", degree=1.0).digest(),
            }
        )
        == 3
    )
