"""Names beside points: each on a side where it covers nothing, as long as there is one."""

import numpy as np
import pytest

from analysis.drawing.naming import Box, box_of, names

SHEET = Box(0, 0, 800, 400)


def test_a_lonely_point_has_its_name_above():
    (words,) = names([(100, 100)], ["happy"], SHEET)
    assert (words.x, words.y, words.anchor, words.text) == (100, 92, "middle", "happy")


@pytest.mark.parametrize("gap", [(14, 0), (0, 11), (10, 6)])
def test_near_points_name_themselves_on_different_sides(gap):
    points = [(400, 200), (400 + gap[0], 200 + gap[1])]
    first, second = map(box_of, names(points, ["trustworthy", "well-groomed"], SHEET))
    assert first.shared(second) == 0


@pytest.mark.parametrize("corner", [(1, 1), (799, 1), (1, 399), (799, 399)])
def test_at_the_edge_a_name_stays_on_the_sheet(corner):
    (words,) = names([corner], ["middle-eastern"], SHEET)
    assert box_of(words).shared(SHEET) == pytest.approx(box_of(words).area)


def test_many_points_keep_their_names_in_their_order_and_cover_less_than_names_above():
    rng = np.random.default_rng(0)
    points = [tuple(map(float, point)) for point in rng.uniform((60, 40), (740, 360), (34, 2))]
    texts = [f"attribute {k}" for k in range(34)]
    found = names(points, texts, SHEET)
    assert [words.text for words in found] == texts

    def covered(boxes):
        return sum(a.shared(b) for k, a in enumerate(boxes) for b in boxes[:k])

    above = [box_of(names([point], [text], SHEET)[0]) for point, text in zip(points, texts, strict=True)]
    assert covered(list(map(box_of, found))) < 0.1 * covered(above)
    assert names([], [], SHEET) == []
