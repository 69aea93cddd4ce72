"""Reading a file of judgements: what is taken, and what is refused with its line and reason."""

import gzip

import numpy as np
import pytest

from annotation.judgements import (
    GOLD,
    ORDINARY,
    SAMPLERS,
    SHARED,
    SPLITS,
    UNKNOWN_MS,
    JudgementsRefused,
    content_sha256,
    read_judgements,
)
from tests.annotation.votes import TRIPLET_COLUMNS, write_csv

STIMULI = {"a": 0, "b": 1, "c": 2}
RATING_COLUMNS = ("stimulus", "attribute", "rating", "worker", "expected", "tolerance")


def read(tmp_path, rows, columns=TRIPLET_COLUMNS, kind="triplet", **options):
    return read_judgements(write_csv(tmp_path / "judgements.csv", rows, columns), kind, STIMULI, **options)


def refused(tmp_path, row, columns=TRIPLET_COLUMNS, kind="triplet", **options):
    with pytest.raises(JudgementsRefused) as error:
        read(tmp_path, [row], columns, kind, **options)
    (problem,) = error.value.problems
    assert problem[0] == 2
    return problem[1]


def test_every_column_is_read(tmp_path):
    rows = read(
        tmp_path,
        [
            ("a", "c", "b", "b", "w7", "812", "random", "test"),
            ("b", "a", "c", "a", "w3", "", "validation", "train"),
            ("c", "c", "a", "c", "w7", "-5", "check", ""),
            ("a", "b", "c", "c", "w7", "18000000.4", "", "none"),
        ],
    )
    assert len(rows) == 4
    assert rows.reference.tolist() == [0, 1, 2, 0]
    assert rows.left.tolist() == [2, 0, 2, 1]
    assert rows.right.tolist() == [1, 2, 0, 2]
    assert rows.chose_left.tolist() == [False, True, True, False]
    assert rows.workers == ("w7", "w3")
    assert rows.worker.tolist() == [0, 1, 0, 0]
    assert rows.response_ms.tolist() == [812, UNKNOWN_MS, -5, 18_000_000]
    assert rows.role.tolist() == [ORDINARY, SHARED, GOLD, ORDINARY]
    assert [SAMPLERS[code] for code in rows.sampler] == ["random", "imported", "gold", "imported"]
    assert [SPLITS[code] for code in rows.split] == ["test", "train", "", "none"]
    assert rows.expected_left.tolist() == [-1, -1, 1, -1]
    assert rows.line.tolist() == [2, 3, 4, 5]


def test_columns_may_stand_in_any_order_and_others_are_ignored(tmp_path):
    rows = read(
        tmp_path, [("x", "w", "a", "b", "c", "a")], ("stream", "worker", "chosen", "second", "reference", "first")
    )
    assert (rows.reference[0], rows.left[0], rows.right[0], bool(rows.chose_left[0])) == (2, 0, 1, True)


def test_a_reference_among_its_candidates_is_a_check_even_if_nothing_says_so(tmp_path):
    rows = read(tmp_path, [("a", "b", "a", "b", "w")], TRIPLET_COLUMNS[:5])
    assert rows.role.tolist() == [GOLD]
    assert rows.expected_left.tolist() == [0]


def test_a_check_may_say_what_it_expects(tmp_path):
    columns = (*TRIPLET_COLUMNS[:5], "expected")
    rows = read(tmp_path, [("a", "b", "c", "b", "w", "c"), ("a", "c", "b", "b", "w", "")], columns)
    assert rows.role.tolist() == [GOLD, ORDINARY]
    assert rows.expected_left.tolist() == [0, -1]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({0: "z"}, "no stimulus 'z'"),
        ({0: ""}, "a stimulus is missing"),
        ({1: "c"}, "both 'c'"),
        ({3: "a"}, "chosen is 'a'"),
        ({4: " "}, "worker is empty"),
        ({4: "w" * 121}, "121 characters"),
        ({5: "soon"}, "rt_ms is 'soon'"),
        ({5: "nan"}, "rt_ms is 'nan'"),
        ({5: "99999999999"}, "32 bits"),
        ({6: "odd"}, "kind is 'odd'"),
        ({6: "check"}, "a check question needs its reference among the candidates"),
        ({1: "a", 3: "a", 6: "random"}, "only a check may be so"),
        ({7: "dev"}, "split is 'dev'"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_reason(tmp_path, change, reason):
    row = ["a", "b", "c", "c", "w", "900", "random", "train"]
    for place, value in change.items():
        row[place] = value
    assert reason in refused(tmp_path, row)


def test_all_bad_rows_are_listed(tmp_path):
    good = ("a", "b", "c", "c", "w", "", "", "")
    bad = ("a", "b", "c", "z", "w", "", "", "")
    with pytest.raises(JudgementsRefused, match=r"2 of 4 rows .* the first on line 3") as error:
        read(tmp_path, [good, bad, good, bad])
    assert [line for line, _ in error.value.problems] == [3, 5]


def test_a_row_with_too_few_fields_and_an_empty_line(tmp_path):
    path = tmp_path / "j.csv"
    path.write_text("reference,first,second,chosen,worker\n\na,b,c,c,w\na,b,c\n")
    with pytest.raises(JudgementsRefused) as error:
        read_judgements(path, "triplet", STIMULI)
    assert error.value.problems == [(4, "3 fields, expected 5 as in the header")]


def test_two_checks_that_contradict_each_other(tmp_path):
    columns = (*TRIPLET_COLUMNS[:5], "expected")
    with pytest.raises(JudgementsRefused) as error:
        read(tmp_path, [("a", "b", "c", "b", "w", "c"), ("a", "c", "b", "b", "w", "b")], columns)
    assert error.value.problems == [(3, "the check question expects something else than on line 2")]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "lacks the columns reference"),
        (b"reference,first,second,chosen,worker\n", "no judgement, only a header"),
        (b"reference,first,second,chosen\na,b,c,b\n", "lacks the columns worker"),
        (b"reference,first,second,chosen,worker\na,b,c,b,\xff\n", "not UTF-8 on line 2"),
        (b'reference,first,second,chosen,worker\na,b,c,b,"w', "no CSV from line 2"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content, reason):
    path = tmp_path / "j.csv"
    path.write_bytes(content)
    with pytest.raises(JudgementsRefused, match=reason):
        read_judgements(path, "triplet", STIMULI)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Reference;first;Second;chosen;WORKER;rt_ms\r\na;b;c;b;мария;812,5\r\n", "utf-8-sig"),
        ("reference\tfirst\tsecond\tchosen\tworker\trt ms\r\na\tb\tc\tb\tмария\t812.5\r\n", "utf-16"),
    ],
)
def test_what_a_spreadsheet_saves_is_read(tmp_path, text, encoding):
    path = tmp_path / "j.csv"
    path.write_bytes(text.encode(encoding))
    found = read_judgements(path, "triplet", STIMULI)
    assert (found.workers, found.response_ms.tolist(), found.line.tolist()) == (("мария",), [812], [2])


def test_ratings_have_decimal_commas_where_cells_are_separated_otherwise(tmp_path):
    path = tmp_path / "j.csv"
    path.write_text("stimulus;attribute;rating;worker;expected;tolerance\na;happy;2,5;w;3,5;1,5\n")
    found = read_judgements(path, "rating", STIMULI)
    assert [*found.rating, *found.expected_rating, *found.tolerance] == [2.5, 3.5, 1.5]


def test_a_workbook_is_refused(tmp_path):
    (tmp_path / "j.csv").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(JudgementsRefused, match="is a workbook or an archive"):
        read_judgements(tmp_path / "j.csv", "triplet", STIMULI)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(JudgementsRefused, match="cannot be read"):
        content_sha256(tmp_path / "nowhere.csv")


def test_packed_and_with_a_byte_order_mark(tmp_path):
    content = "\ufeffreference,first,second,chosen,worker\r\na,b,c,b,мария\r\n".encode()
    plain, packed = tmp_path / "j.csv", tmp_path / "j.csv.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    assert content_sha256(plain) == content_sha256(packed)
    for path in (plain, packed):
        assert read_judgements(path, "triplet", STIMULI).workers == ("мария",)


def test_ratings(tmp_path):
    rows = read(
        tmp_path,
        [("a", "happy", "7", "w", "", ""), ("b", "sad", "1.5", "w", "2", "0.5"), ("b", "sad", "9", "v", "2", ".5")],
        RATING_COLUMNS,
        "rating",
        attributes=("sad", "happy"),
    )
    assert rows.attributes == ("sad", "happy")
    assert rows.attribute.tolist() == [1, 0, 0]
    assert rows.rating.tolist() == [7, 1.5, 9]
    assert rows.role.tolist() == [ORDINARY, GOLD, GOLD]
    assert rows.tolerance.tolist()[1:] == [0.5, 0.5]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({1: "odd"}, "attribute is 'odd': expected happy"),
        ({2: "10"}, "rating is '10': expected 1 to 9"),
        ({2: ""}, "rating is ''"),
        ({4: "6", 5: "-1"}, "tolerance is '-1'"),
    ],
)
def test_a_bad_rating_is_refused(tmp_path, change, reason):
    row = ["a", "happy", "5", "w", "", ""]
    for place, value in change.items():
        row[place] = value
    assert reason in refused(tmp_path, row, RATING_COLUMNS, "rating", attributes=("happy",))


@pytest.mark.parametrize(
    "kind, columns, row, n_bytes",
    [
        ("triplet", TRIPLET_COLUMNS, ("a", "c", "b", "b", "w", "812", "random", "test"), 29),
        ("rating", RATING_COLUMNS, ("a", "happy", "7", "w", "", ""), 47),
        ("choice", ("item", "worker", "label"), ("a", "w", "yes"), 23),
    ],
)
def test_a_row_weighs_what_the_words_say(tmp_path, kind, columns, row, n_bytes):
    options = {"options": ("yes", "no")} if kind == "choice" else {}
    rows = read(tmp_path, [row] * 1000, columns, kind, **options)
    held = [getattr(rows, name) for name in rows.__dataclass_fields__]
    held = [array for array in held if isinstance(array, np.ndarray)]
    assert all(len(array) == 1000 for array in held)
    # An array of one number seen a thousand times has strides of nothing.
    assert sum(array.itemsize for array in held if array.strides != (0,)) == n_bytes
