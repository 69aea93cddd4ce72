"""Nothing of a figure lies beyond its axes: lines end there, areas are cut, marks are left out."""

import numpy as np
import pytest

from analysis import drawing
from analysis.drawing.clipping import SLACK, area, clipped, line
from analysis.drawing.naming import Box
from analysis.drawing.sheet import Mark, Stroke, Words
from analysis.figures.frame import framed

BOX = Box(0, 0, 10, 10)


def test_what_lies_within_stays_the_very_same():
    items = [
        Stroke(((1, 1), (9, 9))),
        Mark(10.5, 5, 3, "circle", "@ink"),
        Stroke(((0, 0), (10, 0), (10, 10)), fill="@ink"),
    ]
    assert clipped(items, BOX) == items
    words = Words(-50, 5, "beside")
    assert clipped([words, Mark(12, 5, 3, "circle", "@ink"), Stroke(((20, 0), (20, 10)))], BOX) == [words]


def test_a_line_that_leaves_and_comes_back_is_two():
    pieces = line(((2, 5), (15, 5), (15, 8), (5, 8)), BOX)
    assert pieces == [((2, 5), (10, 5)), ((10, 8), (5, 8))]
    assert line(((5, -5), (5, 15)), BOX) == [((5, 0), (5, 10))] and line(((-5, -5), (-1, 20)), BOX) == []


def test_an_area_is_cut_as_by_its_points():
    rng, grid = np.random.default_rng(0), np.stack(np.meshgrid(np.arange(0.25, 10, 0.5), np.arange(0.25, 10, 0.5)), -1)
    for _ in range(20):
        corners = [tuple(p) for p in rng.uniform(-8, 18, (3, 2))]
        cut = area(corners, BOX)
        for x, y in grid.reshape(-1, 2):
            assert within(x, y, corners) == (len(cut) > 2 and within(x, y, cut))


def within(x, y, corners) -> bool:
    """Whether a point lies in an area: it is to the left of an odd number of edges."""
    crossed = 0
    for (a, b), (c, d) in zip(corners, [*corners[1:], corners[0]], strict=True):
        crossed += (b > y) != (d > y) and x < a + (y - b) / (d - b) * (c - a)
    return crossed % 2 == 1


def test_a_figure_keeps_to_its_axes():
    trace = {"type": "scatter", "mode": "lines+markers", "x": [0, 1, 2], "y": [0.5, -9, 0.8],
             "error_y": {"type": "data", "array": [3, 3, 3], "arrayminus": [3, 3, 3]}}  # fmt: skip
    band = {"type": "rect", "x0": 0, "x1": 1, "y0": -4, "y1": 0.7, "fillcolor": "@band", "line": {"width": 0}}
    layout = framed(height=300, xaxis={}, yaxis={"range": [0, 1]}) | {"shapes": [band]}
    drawn = drawing.drawing({"data": [trace], "layout": layout})
    strokes = [item for item in drawn.items if isinstance(item, Stroke) and item.colour != "@grid"]
    assert len(strokes) > 4 and sum(isinstance(item, Mark) for item in drawn.items) == 2
    grid = [y for item in drawn.items if isinstance(item, Stroke) and item.colour == "@grid" for _, y in item.points]
    lowest = max(y for item in strokes for _, y in item.points)
    assert lowest <= max(grid) + SLACK + 0.1 and any(item.fill for item in strokes)
    assert lowest == pytest.approx(max(grid), abs=2)
