"""What a growth curve draws and lists, by hand."""

import csv
import io

import numpy as np
import pytest

from analysis import growth_curve, growth_figures
from tests.analysis.growing import RESULTS


def point(n, figures, **more):
    return {"point": 1, "n_responses": n, "n_settled": n // 2, "status": "finished", "figures": figures} | more


def test_the_figures_are_those_of_the_headline_split():
    figures = growth_curve.key_figures(RESULTS)
    assert figures["split"] == "test" and figures["chance"] == 0.5
    assert figures["satisfied"]["value"] == 0.8 and figures["probe"]["value"] == 0.9
    assert list(growth_curve.estimates(figures)) == ["embedding", "raw", "one_person"]


def test_the_figures_of_a_real_evaluation(measured):
    figures = growth_curve.key_figures(measured)
    split = measured["splits"]["headline"]
    assert figures["satisfied"]["value"] == measured["satisfied"][split]["all"]["value"]
    assert {"raw", "one_person", "oracle"} <= set(growth_curve.estimates(figures))
    assert figures["probe"]["low"] <= figures["probe"]["value"] <= figures["probe"]["high"]
    assert growth_curve.series([point(9, figures)])[0]["name"] == "this representation"


def test_what_a_release_could_not_tell_is_left_out():
    assert growth_curve.key_figures({}) == {}
    assert growth_curve.key_figures({"splits": {"headline": None}, "probe": {"omitted": "no classes"}}) == {}
    alone = {"splits": {"headline": "train"}, "satisfied": {"train": {"all": {"value": None}}}}
    assert growth_curve.key_figures(alone)["satisfied"] is None
    assert growth_curve.series([point(3, {}), point(4, {"probe": {"value": 1.0}})]) == []


def test_lines_go_by_the_number_of_responses_ours_first_chance_last():
    late, early = growth_curve.key_figures(RESULTS), growth_curve.key_figures(RESULTS)
    early["satisfied"] = {"value": 0.6, "low": 0.5, "high": 0.7, "n": 9}
    lines = growth_curve.series([point(80, late), point(20, early), point(0, {})])
    assert [(line["name"], line["kind"]) for line in lines] == [
        ("this representation", "own"), ("raw landmarks", "baseline"), ("one more person", "ceiling"),
        ("chance", "chance"),
    ]  # fmt: skip
    assert lines[0]["points"] == [[20, 0.6, 0.5, 0.7], [80, 0.8, 0.7, 0.9]]
    assert lines[-1]["points"] == [[20, 0.5, None, None], [80, 0.5, None, None]]


def test_the_csv_has_a_row_a_point_and_a_column_a_figure():
    figures = growth_curve.key_figures(RESULTS)
    text = growth_curve.as_csv([point(20, {}, release=None), point(80, figures, release="smiles-v2", run=4)])
    empty, full = csv.DictReader(io.StringIO(text))
    assert (full["n_responses"], full["release"], full["split"], full["chance"]) == ("80", "smiles-v2", "test", "0.5")
    assert [full[f"embedding{end}"] for end in ("", "_low", "_high")] == ["0.8", "0.7", "0.9"]
    assert (full["raw"], full["one_person_low"], full["probe"]) == ("0.6", "0.8", "0.9")
    assert empty["embedding"] == "" and empty["status"] == "finished"


def test_every_figure_can_be_drawn_and_says_whether_more_responses_help(rich):
    figures = growth_curve.key_figures(rich)
    further = figures["further"]
    wanted = ["level 5", "kind same", "people", "brier", "ece", "probe accuracy", "probe f1", "probe recall happy"]
    for key in [*wanted, "action units auc", "action unit AU3", "network accuracy", "network recall sad"]:
        assert further[key]["low"] <= further[key]["value"] <= further[key]["high"]
    assert further["people"]["value"] == rich["annotators"]["mean"]["value"]
    parts = growth_curve.parts([point(n, figures) for n in (100, 200, 400)])
    assert parts[0]["series"][0]["name"] == "this representation" and len(parts) == 1 + len(further)
    assert all(len(part["series"][0]["points"]) == 3 for part in parts)
    assert "whether more responses still help cannot be told" in parts[0]["told"]
    assert growth_curve.parts([point(9, {})]) == []
    row = next(csv.DictReader(io.StringIO(growth_curve.as_csv([point(100, figures)]))))
    assert float(row["people"]) == further["people"]["value"] and row["probe f1_low"]


def curve(slope, n_points=5, width=0.02):
    """Points at 100, 200, ... responses on a line in log2 of them."""
    return [(100 * 2**k, 0.6 + slope * k, 0.6 + slope * k - width, 0.6 + slope * k + width) for k in range(n_points)]


def test_the_trend_is_the_slope_per_doubling():
    found = growth_figures.trend(curve(0.03))
    assert found["value"] == pytest.approx(0.03) and found["low"] < 0.03 < found["high"]
    assert found["n_points"] == 3  # those of the last two doublings
    assert growth_figures.trend(curve(0.03, n_points=2)) is None
    far = growth_figures.trend([(100, 0.5, 0.4, 0.6), (300, 0.6, 0.5, 0.7), (9000, 0.7, 0.6, 0.8)])
    assert far["n_points"] == 3
    assert growth_figures.trend([(100, 0.5, 0.4, 0.6)] * 4) is None


def test_intervals_of_trends_hold_the_truth():
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        noisy = [(n, v + 0.01 * rng.normal(), 0, 0) for n, v, _, _ in curve(0.02)]
        found = growth_figures.trend([(n, v, v - 0.0196, v + 0.0196) for n, v, _, _ in noisy])
        held += found["low"] <= 0.02 <= found["high"]
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize(
    ("points", "how", "says"),
    [
        (curve(0.05), {}, "more responses still help"),
        (curve(0.0, width=0.004), {}, "have stopped helping"),
        (curve(0.0, width=0.2), {}, "cannot be told yet"),
        (curve(-0.05), {}, "it has got worse"),
        (curve(-0.05), {"is_error": True}, "more responses still help"),
        (curve(0.05)[:2], {}, "from 3 points on"),
    ],
)
def test_whether_more_responses_help_in_words(points, how, says):
    assert says in growth_figures.sentence(points, **how)
