import csv
import json

import pytest

from analysis.__main__ import main
from tests.analysis.releases import judged_faces


def test_the_command_writes_report_numbers_and_tables(small_release, small_checkpoint, tmp_path, capsys):
    out = tmp_path / "report"
    arguments = [
        str(small_checkpoint),
        str(small_release.path),
        "--out",
        str(out),
        "--bootstrap",
        "100",
        "--json",
        "--projections",
        "pca",
    ]
    arguments += ["--title", "Smiles <b>& more</b>", "--note", "First  try."]
    assert main(arguments) == 0
    printed = capsys.readouterr().out.splitlines()
    last = json.loads(printed[-1])
    assert {"satisfied", "ceilings", "baselines", "probe", "report"} <= set(last)
    assert set(last["satisfied"]["test"]) == {"all", "5", "3", "1"}
    assert last["report"] == str(out / "report.html")
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    numbers = json.loads((out / "results.json").read_text())
    assert numbers["satisfied"] == last["satisfied"]
    assert "pictures" not in numbers
    assert list(numbers)[:2] == ["title", "note"] and numbers["note"] == "First try."
    html = (out / "report.html").read_text()
    assert "Smiles &lt;b&gt;&amp; more&lt;/b&gt;</h1>" in html and "<b>& more" not in html
    assert '<p class="told" dir="auto">First try.</p>' in html
    assert "Report: Smiles" in (out / "model-card.md").read_text() and "<b>" not in (out / "model-card.md").read_text()
    with open(out / "satisfied.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    ours = next(r for r in rows if (r["representation"], r["split"], r["level"]) == ("embedding", "test", "5"))
    assert float(ours["value"]) == last["satisfied"]["test"]["5"]["value"]
    for name in ("ceilings", "probe", "dimensions", "curves"):
        assert (out / f"{name}.csv").stat().st_size > 50
    assert printed[0] == numbers["headline"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({0: "nowhere.safetensors"}, "no checkpoint at nowhere.safetensors"),
        ({1: "nowhere"}, "no release at nowhere"),
        ({5: "10"}, "--bootstrap is 10"),
        ({4: "--title", 5: "x" * 201}, "the title has 201 characters, 'xxx"),
        ({4: "--projections", 5: "pca,mds"}, "there is no projection 'mds': expected some of pca, tsne, umap"),
    ],
)
def test_bad_input_is_one_sentence_and_a_failure(small_release, small_checkpoint, tmp_path, capsys, changes, says):
    arguments = [str(small_checkpoint), str(small_release.path), "--out", str(tmp_path / "out"), "--bootstrap", "100"]
    for position, value in changes.items():
        arguments[position] = value
    assert main(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith("error: ")
    assert says in error[-1]
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_checkpoint_is_refused(small_release, tmp_path, capsys):
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(b"not a checkpoint")
    assert main([str(path), str(small_release.path), "--out", str(tmp_path / "out")]) == 1
    assert "is no checkpoint" in capsys.readouterr().err


def test_a_second_release_and_controls_where_asked_for(small_release, small_checkpoint, tmp_path, capsys):
    second = judged_faces(tmp_path / "second", n_subjects=6, per_stimulus=2, seed=5)
    arguments = [str(small_checkpoint), str(small_release.path), "--out", str(tmp_path / "out"), "--bootstrap", "100"]
    arguments += ["--projections", "pca"]
    assert main([*arguments, "--second", str(second.path), "--control", "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["elsewhere"]["rows"][0]["label"] == "all triplets"
    assert last["controls"]["shuffled"]["share"]["value"] < last["satisfied"]["test"]["all"]["value"]
    assert (tmp_path / "out" / "elsewhere.csv").is_file() and (tmp_path / "out" / "controls.csv").is_file()
    command = json.loads((tmp_path / "out" / "results.json").read_text())["provenance"]["commands"][-1]
    assert command.endswith("--control --second SECOND")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "On another collection" in page and "Trained again on verdicts drawn by a coin" in page
