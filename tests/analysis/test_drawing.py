"""Figures drawn without a browser: values at their places, nothing left out, the colours of the page."""

import io
import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from analysis import drawing, figures, plot_files, plots
from analysis.drawing import Mark, Stroke, Words, axes, sheet


def marks(figure, width=900):
    return [item for item in drawing.drawing(figure, width).items if isinstance(item, Mark)]


def test_points_stand_at_their_values_by_hand():
    layout = {"height": 300, "xaxis": {"range": [0, 10], "showticklabels": False}, "yaxis": {"range": [0, 1]}}
    trace = {"type": "scatter", "mode": "markers", "x": [0, 5, 10], "y": [0, 0.5, 1], "marker": {"size": 8}}
    left, middle, right = marks({"data": [trace], "layout": layout})
    assert (middle.x, middle.y) == pytest.approx(((left.x + right.x) / 2, (left.y + right.y) / 2))
    assert left.y > right.y  # y grows upwards
    assert right.x == 900 - 14


@pytest.mark.parametrize("width", [320, 900])
def test_names_of_categories_have_room_beside_one_another(width):
    names = [str(k) for k in range(100, 130)]
    layout = {"height": 300, "xaxis": {"type": "category"}, "yaxis": {"showticklabels": False}}
    found = drawing.drawing({"data": [{"type": "bar", "x": names, "y": [1] * 30}], "layout": layout}, width)
    ticks = [item for item in found.items if isinstance(item, Words)]
    assert len(ticks) == 30 if width == 900 else 8 <= len(ticks) < 15
    wide = sheet.width_of("100")
    assert all(b.x - a.x >= wide for a, b in itertools.pairwise(ticks))


def test_the_words_of_the_last_tick_stay_on_the_sheet():
    layout = {"height": 200, "xaxis": {"range": [0, 1500], "dtick": 500}, "yaxis": {"showticklabels": False}}
    line = {"type": "scatter", "mode": "lines", "x": [0, 1500], "y": [0, 1]}
    (last,) = [item for item in drawing.drawing({"data": [line], "layout": layout}, 250).items
               if isinstance(item, Words) and item.text == "1,500"]  # fmt: skip
    assert last.x + sheet.width_of("1,500") / 2 <= 250


def test_intervals_bars_and_lines_end_where_they_should():
    layout = {"height": 300, "xaxis": {"range": [-1, 1]}, "yaxis": {"range": [0, 1]}}
    error = {"array": [0.25], "arrayminus": [0.5], "color": "@second"}
    point = {"type": "scatter", "mode": "markers", "x": [0], "y": [0.5], "error_y": error}
    items = drawing.drawing({"data": [point], "layout": layout}).items
    (bar,) = [item for item in items if isinstance(item, Stroke) and item.colour == "@second"]
    (mark,) = [item for item in items if isinstance(item, Mark)]
    (_, low), (_, high) = bar.points
    assert (low - mark.y) == pytest.approx(2 * (mark.y - high))
    bars = {"type": "bar", "x": ["a", "b"], "y": [1, 2], "marker": {"color": ["@accent", "@faint"]}}
    tops = [item for item in drawing.drawing({"data": [bars], "layout": {"height": 300}}).items
            if isinstance(item, Stroke) and item.fill]  # fmt: skip
    first, second = ({y for _, y in item.points} for item in tops)
    assert max(first) == max(second)
    assert (max(second) - min(second)) == pytest.approx(2 * (max(first) - min(first)))


def test_an_interval_ends_where_its_axis_does():
    layout = {"height": 300, "xaxis": {"range": [0.4, 1]}, "yaxis": {"range": [0, 1]}}
    error = {"array": [0.1], "arrayminus": [0.5], "color": "@second"}
    point = {"type": "scatter", "mode": "markers", "x": [0.7], "y": [0.5], "error_x": error}
    items = drawing.drawing({"data": [point], "layout": layout}, 900).items
    (line,) = [item for item in items if isinstance(item, Stroke) and item.colour == "@second"]
    grid = [item.points[0][0] for item in items if isinstance(item, Stroke) and item.colour == "@grid"]
    low, high = line.points[0][0], line.points[1][0]
    assert low == pytest.approx(min(grid))
    assert low < high < max(grid)


def test_a_logarithmic_axis_is_one():
    one = axes.axis({"type": "log"}, [1, 1000], pads=False)
    assert [one.share(v) for v in (1, 10, 100, 1000)] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert one.share(0) is None
    assert [text for _, text in one.ticks()] == ["1", "10", "100", "1,000"]


@pytest.mark.parametrize(
    ("layout", "values", "texts"),
    [
        ({"tickformat": ".0%"}, [0, 1], ["0%", "20%", "40%", "60%", "80%", "100%"]),
        ({"range": [-1, 1]}, [], ["\u22121", "\u22120.5", "0", "0.5", "1"]),
        ({"tickvals": [1, 9], "ticktext": ["one", "nine"]}, [0, 5], ["one"]),
        ({}, ["a", "b"], ["a", "b"]),
        ({"rangemode": "tozero"}, [1e-5, 2e-5], ["0", "5e-6", "1e-5", "1.5e-5", "2e-5"]),
        ({"tickvals": [0.00025, 0.001]}, [0, 0.001], ["2.5e\u22124", "0.001"]),
    ],
)
def test_ticks_are_round_and_within(layout, values, texts):
    found = [text for _, text in axes.axis(layout, values, pads=False).ticks()]
    assert found == texts or layout.get("rangemode")
    assert len(found) <= 7


def test_every_figure_of_a_report_is_drawn_with_all_its_points(measured):
    shown = figures.all_figures(measured)
    assert set(plots.in_page(shown)) == set(shown) - {"view"}
    for name, figure in shown.items():
        made = drawing.drawing(figure)
        n = sum(len(t["x"]) for t in figure["data"] if "markers" in t.get("mode", ""))
        assert len([i for i in made.items if isinstance(i, Mark) and i.title is not None and i.colour != "none"]) >= n
        for item in made.items:
            xs = [p[0] for p in item.points] if isinstance(item, Stroke) else [item.x]
            assert min(xs) >= -1 and max(xs) <= made.width + 1, name
        words = {item.text for item in made.items if isinstance(item, Words)}
        named = {drawing.plain(t["name"]) for t in figure["data"] if t.get("name") and t.get("showlegend", True)}
        assert named <= words or len(named) < 2 or figure["layout"].get("showlegend") is False


def test_values_are_said_as_the_figure_says_them(measured):
    figure, share = figures.satisfied(measured), measured["satisfied"]["test"]["5"]
    said = [mark.title for mark in marks(figure) if mark.title.startswith("this representation")]
    assert f"votes 5 to 0: {share['value']:.1%} [{share['low']:.1%}, {share['high']:.1%}]" in said[1].replace(
        "5 to 0", "votes 5 to 0"
    )


def test_an_svg_is_whole_and_text_from_outside_stays_text():
    nasty = '<script>alert("x")</script> & "'
    trace = {"type": "scatter", "mode": "markers+text", "x": [nasty], "y": [1], "name": nasty, "text": [nasty]}
    sheet = drawing.drawing({"data": [trace, trace], "layout": {"height": 200}})
    for colours in (None, plot_files.LIGHT):
        text = plot_files.svg(sheet, colours=colours, title=nasty)
        root = ElementTree.fromstring(text)
        assert "<script" not in text and root[0].text == nasty
        assert ("var(--plot-" in text) is (colours is None)


@pytest.mark.parametrize("letter", "\u2212\u2013\u2019²³×±≤≥°·éüßñČłσβαεγžж")
def test_a_png_has_every_letter_that_names_and_figures_need(letter):
    def picture(text):
        items = (sheet.Words(8, 24, text, 16, "@ink"),)
        return Image.open(io.BytesIO(plot_files.png(sheet.Drawing(40, 40, items)))).convert("L").tobytes()

    assert picture(letter) not in (picture("\uffff"), picture(" "))


def test_a_png_shows_the_colours_asked_for(measured):
    picture = Image.open(io.BytesIO(plot_files.png(drawing.drawing(figures.satisfied(measured)))))
    assert picture.size == (1800, 880)
    found = {colour for _, colour in picture.convert("RGB").getcolors(2**20)}
    for name in ("paper", "accent", "second", "ink"):
        assert tuple(int(plot_files.LIGHT[name][k : k + 2], 16) for k in (1, 3, 5)) in found


def test_colours_on_paper_are_those_of_the_page():
    from analysis.pages import STATIC

    root = (STATIC / "report.css").read_text().partition("}")[0]
    assert {n: v for n, v in re.findall(r"--plot-([\w]+): ([^;]+);", root) if n != "font"} == plot_files.LIGHT


def test_the_points_of_a_figure_as_csv(measured):
    lines = plot_files.csv_of(figures.probe(measured)).splitlines()
    ours = measured["probe"]["embedding"]
    assert lines[0] == "trace,x,y,low,high"
    row = next(line for line in lines if line.startswith("this representation")).split(",")
    assert [float(row[1]), float(row[3])] == pytest.approx([ours["accuracy"], ours["low"]])
    heat = {"data": [{"type": "heatmap", "x": ["a", "b"], "y": ["c"], "z": [[1, 2]]}], "layout": {"height": 200}}
    assert plot_files.csv_of(heat).splitlines() == ["trace,x,y,value,low,high", ",a,c,1,,", ",b,c,2,,"]
    cells = [i for i in drawing.drawing(heat).items if isinstance(i, Stroke) and i.fill.startswith("@heat")]
    assert [cell.fill for cell in cells] == ["@heat0", "@heat10"]


def test_what_only_a_browser_draws_is_refused():
    with pytest.raises(drawing.NotDrawable, match="'surface'"):
        drawing.drawing({"data": [{"type": "surface", "z": [[1]]}], "layout": {}})
