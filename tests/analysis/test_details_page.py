"""The further figures on the page, as plots and as CSV."""

import copy
import csv
import io
import json

import plotly.graph_objects as go
import pytest

from analysis import detail_tables, figures, pages, sentences, tables
from analysis.evaluation import plain
from tests.analysis.rich import perceived, rating, with_answers
from tests.analysis.test_figures import with_real_colours

PLOTS = {"annotators", "criteria", "calibration", "class-calibration", "action-units", "groups"}


@pytest.fixture(scope="module")
def rated(rich_release, rich):
    """Results of a network of attributes; the parts that are the same are not measured again."""
    from analysis import answers

    made = with_answers(perceived(rich_release), rating(rich_release))
    found = answers.measured(made.answers, made.row, made.split, rich_release, n_bootstrap=100)
    return json.loads(json.dumps(plain(rich | {"answers": found})))


@pytest.fixture(scope="module")
def everything(rich):
    """Results with a second collection and controls, by hand."""
    share = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 50, "unit": "subjects", "n_units": 9}
    drop = share | {"value": 0.2, "low": 0.1, "high": 0.3}
    rows = [
        {"outcome": "satisfied", "label": name, "here": share, "there": share, "drop": drop} for name in ("all", "5")
    ]
    group = rows[0] | {"column": "sex", "group": "f", "more": drop}
    groups = {"n_groups": 1, "rows": [group]}
    elsewhere = {"names": ["London", "cmu"], "sha256": ["a", "b"], "n_left_out": 3, "rows": rows, "groups": groups}
    noise = share | {"value": 0.6}
    controls = {"split": "test", "permuted": share, "shuffled": {"split": "test", "share": noise, "n": 50}}
    controls["divided"] = {"split": "test", "share": share, "n": 50, "how": "triplet"}
    return rich | {"elsewhere": elsewhere, "controls": controls}


def test_every_part_is_a_section_a_plot_and_a_table(everything):
    html = pages.render_report(everything, title="Faces")
    for id in ("answers", "kinds", "people", "calibration", "groups", "elsewhere", "controls", "units"):
        assert f'<section id="{id}"' in html and f'<a href="#{id}">' in html
    assert PLOTS | {"elsewhere"} <= set(figures.all_figures(everything))
    made = {name: rows for name, rows in tables.all_tables(everything).items() if rows}
    assert set(made) >= {"kinds", "annotators", "criteria", "calibration", "classes", "confusion", "action_units",
                     "groups", "elsewhere", "controls"}  # fmt: skip
    assert (made["elsewhere"][-1]["label"], made["elsewhere"][-1]["more_low"]) == ("sex f", 0.1)
    assert "1 groups" not in html and "Every group loses more than chance explains" in html and "sex f" in html
    written = csv.DictReader(io.StringIO(tables.as_csv(made["classes"])))
    wanted = ("network", "happy", "recall")
    happy = next(row for row in written if (row["classifier"], row["class"], row["figure"]) == wanted)
    of = everything["answers"]["by_split"]["test"]
    assert float(happy["value"]) == of["classes"][everything["answers"]["names"].index("happy")]["recall"]["value"]


def test_attributes_are_a_plot_and_two_tables(rated):
    html = pages.render_report(rated, title="Faces")
    assert "Do its attributes hang together" in html and "trustworthy" in html
    figure = figures.all_figures(rated)["attributes"]
    go.Figure(with_real_colours({key: figure[key] for key in ("data", "layout")}))
    rows = detail_tables.attributes(rated)
    r2 = next(r for r in rows if (r["split"], r["attribute"], r["figure"]) == ("test", "happy", "r2"))
    assert r2["value"] < r2["bound"] < 1
    assert len(detail_tables.correlations(rated)) == 3 * 16


def test_every_figure_is_one_that_plotly_takes(everything):
    for name, figure in figures.all_figures(everything).items():
        go.Figure(with_real_colours({key: figure[key] for key in ("data", "layout")}))
        assert figure["data"], name


def test_points_stand_at_their_values(everything):
    shown = figures.all_figures(everything)
    ours = next(trace for trace in shown["annotators"]["data"] if trace["name"] == "this representation")
    assert ours["y"] == [person["value"] for person in everything["annotators"]["people"]]
    columns, people = everything["criteria"]["columns"], everything["criteria"]["people"]
    each, usual = shown["criteria"]["data"]
    assert each["x"] == [p["by"][0]["value"] for p in people] and each["y"] == [p["by"][1]["value"] for p in people]
    assert (usual["x"], usual["y"]) == ([columns[0]["value"]], [columns[1]["value"]])
    bins = everything["calibration"]["bins"]
    assert shown["calibration"]["data"][1]["x"] == [b["confidence"] for b in bins]
    auc = shown["action-units"]["data"][0]
    assert auc["x"][0] == everything["action_units"]["compared"]["embedding"]["auc"]["value"]


def test_the_headline_is_of_what_the_network_names(rich, rated):
    of = rich["answers"]["by_split"]["test"]
    assert rich["headline"].startswith("On people it has never seen, the network names the 7 classes rightly in ")
    assert f"{100 * of['accuracy']['value']:.0f} %" in rich["headline"]
    assert "R²" in sentences.headline(rated) and "the ratings themselves allow" in sentences.headline(rated)


def test_a_network_that_is_no_better_than_a_constant_is_said_to_be_so(rich, rated):
    named, judged = copy.deepcopy(rich["answers"]), copy.deepcopy(rated["answers"])
    of = named["by_split"][named["split"]]
    of["accuracy"]["value"] = of["chance"]
    assert "no better than always naming the commonest" in sentences.of_answers(named)
    for figures_of in judged["by_split"][judged["split"]]["attributes"].values():
        if figures_of["r2"]:
            figures_of["r2"]["value"] = -184.8
    assert "no better than always saying their mean" in sentences.of_answers(judged)
    assert "184" not in sentences.of_answers(judged)


def test_parts_that_were_left_out_say_why(everything):
    results = copy.deepcopy(everything)
    left_out = ("annotators", "calibration", "action_units", "groups", "elsewhere", "controls", "answers")
    for name in (*left_out, "criteria"):
        results[name] = {"omitted": f"no {name} today"}
    html = pages.render_report(results, title="Faces")
    for name in left_out:
        assert f"no {name} today" in html
    assert not (PLOTS | {"elsewhere"}) & set(figures.all_figures(results))
    assert not any(rows for name, rows in detail_tables.tables(results).items() if name not in (
        "kinds", "classes", "confusion"))  # fmt: skip


def test_results_of_before_these_parts_still_have_a_page(measured):
    old = {
        k: copy.deepcopy(v)
        for k, v in measured.items()
        if k not in ("kinds", "annotators", "criteria", "calibration", "groups", "ordinal")
    }
    for figures_of in old["probe"].values():
        if isinstance(figures_of, dict):
            for key in ("f1", "auc", "classes"):
                figures_of.pop(key, None)
    assert "Agreement with people" in pages.render_report(old, title="Faces")
    assert tables.all_tables(old)["probe"] and not tables.all_tables(old)["classes"]


def test_controls_are_told_with_what_people_taught(everything):
    text = sentences.of_controls(everything["controls"], {"value": 0.85})
    assert "+25 points" in text and "by judgement" in text


@pytest.mark.parametrize(
    ("confidence", "right", "ece", "says"),
    [(0.9, 0.7, 0.2, "too sure."), (0.6, 0.8, 0.2, "not sure enough."), (0.8, 0.8, 0.01, "as sure as it is right")],
)
def test_certainty_in_words(confidence, right, ece, says):
    found = {"confidence": confidence, "right": right, "ece_by_chance": 0.01}
    found["ece"] = {"value": ece, "low": ece - 0.005, "high": ece + 0.005}
    assert says in sentences.of_certainty(found)
