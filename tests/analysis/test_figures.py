import copy
import re

import plotly.graph_objects as go
import pytest

from analysis import figures, pages, wording


def named_colours(value):
    if isinstance(value, str) and value.startswith("@"):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from named_colours(item)


def with_real_colours(value):
    if isinstance(value, dict):
        return {key: with_real_colours(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_real_colours(item) for item in value]
    return "#123456" if isinstance(value, str) and value.startswith("@") and value != "@font" else value


def test_every_figure_is_one_that_plotly_takes(measured):
    shown = figures.all_figures(measured)
    assert {"satisfied", "probe", "view", "dimensions", "curve-satisfied", "curve-loss"} <= set(shown)
    for figure in shown.values():
        plain = with_real_colours({key: figure[key] for key in ("data", "layout")})
        go.Figure(plain)  # raises ValueError for an attribute or value that plotly does not know


def test_every_axis_says_what_stands_along_it(measured):
    for name, figure in figures.all_figures(measured).items():
        titled = {axis: bool(layout.get("title")) or "ticktext" in layout or layout.get("visible") is False
                  for axis, layout in figure["layout"].items() if "axis" in axis}  # fmt: skip
        # A small plot of one quantity, or of one score, is named above it.
        named_above = {"yaxis"} if "title" in figure else set()
        assert {axis for axis, is_titled in titled.items() if not is_titled} <= named_above, name


def test_a_quantity_that_never_changes_is_no_curve():
    points = [{"step": step, "loss": 1 / step, "active_dimensions": 30} for step in (1, 2, 3)]
    assert list(figures.curves({"curves": points})) == ["curve-loss"]


def test_every_colour_has_a_value_in_both_themes(measured):
    from analysis.pages import STATIC

    css = (STATIC / "report.css").read_text()
    light, dark = css.split("@media (prefers-color-scheme: dark)")[0], css.split("prefers-color-scheme: dark")[1]
    for name in set(named_colours(figures.all_figures(measured))) | {f"@class{k}" for k in range(10)}:
        assert f"--plot-{name[1:]}:" in light
        assert f"--plot-{name[1:]}:" in dark or name == "@font"


def test_points_stand_at_their_values(measured):
    figure = figures.satisfied(measured)
    ours = next(trace for trace in figure["data"] if trace["name"] == "this representation")
    levels = [level["key"] for level in measured["levels"]]
    shares = [measured["satisfied"]["test"][key] for key in levels]
    assert ours["y"] == [share["value"] for share in shares]
    assert [y + e for y, e in zip(ours["y"], ours["error_y"]["array"], strict=True)] == pytest.approx(
        [share["high"] for share in shares]
    )
    ceilings = next(trace for trace in figure["data"] if trace["name"] == "one more person")
    assert ceilings["y"][0] == measured["ceilings"]["test"]["all"]["one_person"]["value"]


def test_the_view_shows_every_point_once(measured):
    traces = figures.view(measured)["data"]
    assert sorted(k for trace in traces for k in trace["customdata"]) == list(range(measured["projection"]["n_shown"]))
    assert traces[0]["name"] == "neutral"


def test_missing_parts_are_missing_plots_and_no_errors(measured):
    results = copy.deepcopy(measured)
    results["probe"] = {"omitted": "no classes"}
    results["curves"] = []
    results["calibration"] = {"omitted": "no probabilities"}
    results["dimensions"] |= {"kl": None, "active": None, "n_active": None, "decoder_norm_latent": None}
    for levels in results["ceilings"]["test"].values():
        levels |= {"one_person": None, "oracle": None}
    results["explanations"] = {"omitted": "it looks at nothing"}
    assert set(figures.all_figures(results)) == {"satisfied", "view", "dimensions"}


def test_what_follows_from_labels_is_not_called_agreement_with_people(measured):
    assert measured["n"]["artificial"] == 0 and "agrees with the majority" in wording.headline(measured)
    results = copy.deepcopy(measured)
    results["n"]["artificial"] = results["n"]["triplets_used"]
    assert "no person was asked" in wording.headline(results)
    page = pages.render_report(results | {"headline": wording.headline(results)}, title="Labels")
    assert "Agreement with labels" in page and "No person was asked." in page and "People saw" not in page


def test_sentences_by_hand():
    share = {"value": 0.8149, "low": 0.78, "high": 0.84, "unit": "subjects", "n_units": 12}
    assert wording.interval(share) == "81 % [78, 84]"
    results = {
        "splits": {"how": "subject", "headline": "test"},
        "satisfied": {"test": {"all": share}},
        "ceilings": {"test": {"all": {"one_person": {"value": 0.83}, "oracle": {"value": 0.91}}}},
    }
    assert wording.headline(results) == (
        "On people it has never seen, the representation agrees with the majority in 81 % [78, 84] of triplets; one "
        "more person would reach 83 %, an oracle that knows the majority 91 %, guessing 50 %."
    )
    results = {"splits": {"how": "none", "headline": "train"}, "satisfied": {"train": {"all": share}}, "ceilings": {}}
    assert wording.headline(results).startswith("On the judgements it was trained on")


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.02, 0.1, "larger than chance"), (-0.1, -0.02, "better by more"), (-0.1, 0.1, "too few")],
)
def test_a_lead_is_called_certain_only_where_it_is(low, high, says):
    results = {
        "splits": {"headline": "test"},
        "baselines": {"raw": {"test": {"all": {"value": 0.6}}}},
        "gains": {"test": {"raw": {"value": (low + high) / 2, "low": low, "high": high}}},
    }
    assert says in wording.comparison(results)
    assert re.search(r"raw landmarks, reaches 60 %", wording.comparison(results))
