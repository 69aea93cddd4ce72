"""A reader takes the commands from the page, runs them, and finds every figure again."""

import html
import json
import re
import shlex

import pytest

from analysis import pages, tables
from analysis.__main__ import main as analyse
from learning.__main__ import main as learn

COMMANDS = {"learning": learn, "analysis": analyse}


def commands_of(page: str) -> list[list[str]]:
    text = re.search(r'<pre class="commands">(.*?)</pre>', page, re.S).group(1)
    text = html.unescape(re.sub("<[^>]*>", "", text))
    return [shlex.split(line) for line in text.strip().splitlines()]


def without_clocks(value):
    """Return results less what a clock says, and the checksum of the file that holds it."""
    if isinstance(value, dict):
        return {key: without_clocks(item) for key, item in value.items() if key not in ("seconds", "sha256")}
    return [without_clocks(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def page(small_checkpoint, small_release):
    from analysis.evaluation import evaluate

    results = evaluate(small_checkpoint, small_release, n_bootstrap=150, seed=3)
    return results, pages.render_report(results, title="Faces")


def test_the_commands_on_the_page_give_the_same_figures(page, small_release, tmp_path, monkeypatch, capsys):
    results, html_page = page
    assert small_release.sha256 in html_page
    monkeypatch.chdir(tmp_path)
    found = commands_of(html_page)
    assert [line[:3] for line in found] == [["python", "-m", "learning"], ["python", "-m", "analysis"]]
    for line in found:
        arguments = [str(small_release.path) if word == "RELEASE" else word for word in line[3:]]
        assert COMMANDS[line[2]](arguments) == 0, capsys.readouterr().err
    again = json.loads((tmp_path / "report" / "results.json").read_text())
    before = json.loads(json.dumps(tables.numbers(results)))
    assert set(again) - set(before) == {"title", "note"}  # what the report is called changes no figure
    for name in before:  # one part after the other: a difference is quoted, not a page of numbers
        assert without_clocks(again[name]) == without_clocks(before[name]), name
    assert again["satisfied"]["test"]["all"]["value"] > 0
    assert again["projection"]["maps"][1]["id"] == "pca-3"
