"""python -m annotation: crowd labels in, verdicts out, without a database."""

import csv
import gzip
import json

import numpy as np
import pytest

from annotation import voting
from annotation.__main__ import main
from annotation.labels import LabelsRefused, read_labels

HEADER = "item,worker,label\n"


@pytest.fixture
def settle(tmp_path, capsys):
    """Write labels, run the command on them; return status, JSON, verdicts by item and what it complained of."""

    def run(text, *arguments, method="majority", **files):
        (tmp_path / "labels.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        arguments = list(arguments)
        for name, content in files.items():
            (tmp_path / f"{name}.csv").write_text(content)
            arguments += [f"--{name}", str(tmp_path / f"{name}.csv")]
        out = tmp_path / "verdicts.csv"
        status = main([str(tmp_path / "labels.csv"), "--method", method, "--out", str(out), "--json", *arguments])
        said = capsys.readouterr()
        if status:
            return status, None, None, said.err
        with open(out, newline="", encoding="utf-8") as file:
            rows = {row["item"]: row for row in csv.DictReader(file)}
        return status, json.loads(said.out.splitlines()[-1]), rows, said.err

    return run


def as_csv(item, worker, label):
    return HEADER + "".join(f"{i},{w},{x}\n" for i, w, x in zip(item, worker, label, strict=True))


class TestByHand:
    def test_three_items(self, settle):
        text = HEADER + "b,ann,yes\nb,bob,yes\nb,cem,no\n10,ann,no\n\n9,bob,yes\n10,bob,no\n"
        status, summary, rows, _ = settle(text)
        assert status == 0
        assert list(rows) == ["10", "9", "b"]
        assert rows["b"] == {"item": "b", "verdict": "yes", "confidence": "0.666667", "n": "3"}
        assert (rows["10"]["verdict"], rows["9"]["verdict"]) == ("no", "yes")
        expected = {"method": "majority", "n_items": 3, "n_workers": 3, "n_labels": 6, "n_classes": 2}
        assert expected.items() <= summary.items()
        assert "accuracy" not in summary

    def test_items_that_are_numbers_come_in_their_order(self, settle):
        _, _, rows, _ = settle(as_csv([10, 9, 100], "aaa", "xyx"))
        assert list(rows) == ["9", "10", "100"]

    def test_columns_in_another_order_spaces_a_byte_order_mark_and_quotes(self, settle):
        text = '\ufefflabel, note ,item,worker\r\nhappy,x,"a, b",w1\r\n happy ,"two\nlines","a, b",w2\r\n'
        status, summary, rows, _ = settle(text)
        assert status == 0 and rows["a, b"]["verdict"] == "happy" and summary["n_labels"] == 2

    def test_labels_are_text(self, settle):
        _, summary, rows, _ = settle(HEADER + "1,a,01\n1,b,1\n1,c,01\n")
        assert rows["1"]["verdict"] == "01" and summary["n_classes"] == 2

    def test_one_label_is_a_verdict_with_every_method(self, settle):
        for method in voting.METHODS:
            assert settle(HEADER + "q,ann,üß\n", method=method)[2]["q"]["verdict"] == "üß"

    def test_it_reads_gzip(self, tmp_path):
        with gzip.open(tmp_path / "labels.csv.gz", "wt") as file:
            file.write(HEADER + "1,a,x\n")
        assert main([str(tmp_path / "labels.csv.gz"), "--out", str(tmp_path / "out.csv")]) == 0

    def test_repeated_labels_count_and_are_said(self, settle):
        _, summary, rows, _ = settle(HEADER + "1,a,x\n1,a,x\n1,b,y\n")
        assert rows["1"]["verdict"] == "x" and summary["n_repeated"] == 1


class TestGoldAndTruth:
    def test_gold_is_kept_and_never_scored(self, settle):
        text = HEADER + "1,a,x\n1,b,x\n2,a,y\n"
        _, summary, rows, _ = settle(text, gold="item,truth\n1,z\n7,x\n")
        assert (rows["1"]["verdict"], rows["1"]["confidence"]) == ("z", "1.000000")
        assert (summary["n_gold"], summary["n_gold_unused"], summary["n_classes"]) == (1, 1, 3)
        assert "accuracy" not in summary

    def test_truth_scores_what_gold_does_not_name(self, settle):
        text = as_csv([1, 2, 3, 4], "aaaa", "xxyy")
        _, summary, _, _ = settle(text, gold="item,truth\n1,x\n", truth="item,truth\n1,x\n2,x\n3,x\n9,x\n")
        assert (summary["accuracy"], summary["n_scored"]) == (0.5, 2)

    def test_a_truth_that_nobody_gave_is_a_miss(self, settle):
        _, summary, _, _ = settle(as_csv([1, 2], "aa", "xx"), truth="item,truth\n1,x\n2,unheard\n")
        assert summary["accuracy"] == 0.5

    def test_nothing_to_score_is_said(self, settle):
        status, _, _, complaint = settle(as_csv([1], "a", "x"), gold="item,truth\n1,x\n", truth="item,truth\n1,x\n")
        assert status == 1 and "nothing to score" in complaint

    def test_gold_turns_misled_people_round(self, settle):
        rng = np.random.default_rng(0)
        truth = rng.integers(2, size=200)
        item, worker = np.repeat(np.arange(200), 5), rng.integers(10, size=1000)
        right = rng.random(1000) < np.where(worker < 4, 0.9, 0.15)
        label = np.where(right, truth[item], 1 - truth[item])
        everything = "item,truth\n" + "".join(f"{k},{t}\n" for k, t in enumerate(truth))
        gold = "item,truth\n" + "".join(f"{k},{t}\n" for k, t in enumerate(truth[:60]))
        without = settle(as_csv(item, worker, label), method="auto", truth=everything)[1]
        having = settle(as_csv(item, worker, label), method="auto", truth=everything, gold=gold)[1]
        assert having["n_scored"] == 140
        assert without["accuracy"] < 0.5 < 0.85 < having["accuracy"]


class TestLaws:
    @pytest.mark.parametrize("method", voting.METHODS)
    def test_it_says_what_the_methods_say_ties_too(self, method, settle):
        rng = np.random.default_rng(3)
        item, worker, label = (rng.integers(k, size=1200) for k in (150, 12, 3))
        names = np.array([f"q{k}" for k in range(150)])
        expected = voting.METHODS[method](names[item], worker, label)
        _, summary, rows, _ = settle(as_csv(names[item], worker, label), method=method)
        assert {name: int(row["verdict"]) for name, row in rows.items()} == dict(
            zip(expected.question.tolist(), expected.verdict.tolist(), strict=True)
        )
        assert summary["n_tied"] == expected.tied.sum()

    def test_the_order_of_rows_means_nothing(self, settle, tmp_path):
        rng = np.random.default_rng(4)
        item, worker, label = (rng.integers(k, size=900) for k in (100, 9, 4))
        settle(as_csv(item, worker, label), method="auto")
        first = (tmp_path / "verdicts.csv").read_bytes()
        order = rng.permutation(900)
        settle(as_csv(item[order], worker[order], label[order]), method="auto")
        assert (tmp_path / "verdicts.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Item;Worker;Label\n1;a;x\n2;a;y\n", "utf-8-sig"), ("item\tworker\tlabel\n1\ta\tx\n2\ta\ty\n", "utf-16")],
)
def test_what_a_spreadsheet_saves_is_read(text, encoding, settle):
    _, _, rows, _ = settle(text.encode(encoding))
    assert {item: row["verdict"] for item, row in rows.items()} == {"1": "x", "2": "y"}


BAD = [
    ("", "names 'item' 0 times: expected item,worker,label once each, found nothing"),
    ("item,worker\n1,2\n", "names 'label' 0 times"),
    ("item,worker,label,label\n1,2,3,3\n", "names 'label' 2 times"),
    (HEADER, "holds no label, only a header"),
    (b"PK\x03\x04", "labels.csv is a workbook or an archive"),
    (HEADER + "1,a,x\n2,a\n", "labels.csv, line 3: 2 fields, expected 3 as in the header"),
    (HEADER + "1,a,x\n2,,x\n,b,x\n", "labels.csv, line 4: item is empty"),
    (HEADER.encode() + b"1,a,x\n2,b,\xff\n", "labels.csv, line 3: label is not UTF-8"),
    (HEADER.encode() + b"1,a,x\x00\n", "line 2: label holds a zero byte"),
    (HEADER + '1,a,"x\n2,b,y\n', "line 2: it is no CSV (unexpected end of data)"),
    (HEADER + f"1,a,{'x' * 1001}\n", "line 2: label has 1,001 characters"),
]


@pytest.mark.parametrize(("text", "complaint"), BAD)
def test_a_bad_file_is_refused_with_line_and_reason_and_writes_nothing(text, complaint, settle, tmp_path):
    (tmp_path / "verdicts.csv").write_text("of yesterday")
    status, _, _, said = settle(text)
    assert status == 1
    assert complaint in said
    assert "Traceback" not in said
    assert (tmp_path / "verdicts.csv").read_text() == "of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv", "verdicts.csv"]


def test_every_bad_row_is_reported_not_only_the_first(settle):
    status, _, _, said = settle(HEADER + "1,a,x\n2,,x\n3,a,x\n4,a\n,b,x\n")
    lines = [line.split(": ", 1)[0].rsplit(" ", 1)[1] for line in said.splitlines()[:-1]]
    assert status == 1 and lines == ["3", "5", "6"]
    assert "3 of 5 rows are bad" in said.splitlines()[-1] and said.endswith("; nothing was written\n")


def test_bad_rows_of_gold_have_their_file_and_line(settle):
    status, _, _, said = settle(HEADER + "1,a,x\n", gold="item,truth\n1,x\n1,y\n")
    assert status == 1 and "gold.csv, line 3: item '1' stands on line 2 already: expected it once" in said


def test_a_missing_file_a_missing_folder_and_a_file_over_itself(tmp_path, capsys):
    labels = tmp_path / "labels.csv"
    assert main([str(labels), "--out", str(tmp_path / "v.csv")]) == 1
    assert "labels.csv cannot be read (No such file or directory); nothing was written" in capsys.readouterr().err
    labels.write_text(HEADER + "1,a,x\n")
    assert main([str(labels), "--out", str(tmp_path / "none" / "v.csv")]) == 1
    assert "expected a file in a folder that exists" in capsys.readouterr().err
    assert main([str(labels), "--out", str(labels)]) == 1
    assert "expected another file for the verdicts" in capsys.readouterr().err
    assert labels.read_text() == HEADER + "1,a,x\n"


def test_a_column_of_free_text_is_refused_before_memory_is(tmp_path):
    (tmp_path / "labels.csv").write_text(as_csv(range(8000), ["w"] * 8000, [f"text {k}" for k in range(8000)]))
    with pytest.raises(LabelsRefused, match="8,000 different labels for 8,000 items by 1 workers"):
        read_labels(tmp_path / "labels.csv")


PUBLISHED = {
    "face_sentiment": (0.637, 0.630, 0.611, 0.640),
    "bluebird": (0.759, 0.759, 0.583, 0.898),
    "rte": (0.897, 0.921, 0.921, 0.928),
}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_labels_reach_the_published_figures_read_from_the_file_it_wrote(name, shared_data, tmp_path):
    folder = shared_data / "crowd_labels" / name
    with open(folder / "truth.csv", newline="") as file:
        truth = {row["item"]: row["truth"] for row in csv.DictReader(file)}
    reached = {}
    for method in voting.METHODS:
        out = tmp_path / f"{method}.csv"
        assert main([str(folder / "label.csv"), "--method", method, "--out", str(out)]) == 0
        with open(out, newline="") as file:
            reached[method] = np.mean([truth[row["item"]] == row["verdict"] for row in csv.DictReader(file)])
    for method, published in zip(("majority", "wawa", "one-coin", "dawid-skene"), PUBLISHED[name], strict=True):
        assert reached[method] == pytest.approx(published, abs=0.003), method
    assert round(reached["auto"], 3) >= max(PUBLISHED[name])
