"""What lies beyond the axes is not drawn: lines end, areas are cut and marks are left out at the edge of the frame."""

import itertools
from dataclasses import replace

from analysis.drawing.naming import Box
from analysis.drawing.sheet import Mark, Stroke

#: Marks stand on the edge, and lines along it: px beyond it that still count as within.
SLACK = 1.0


def clipped(items: list, box: Box) -> list:
    """Return items within a box, y downwards; words stay as they are."""
    box = Box(box.left - SLACK, box.top - SLACK, box.right + SLACK, box.bottom + SLACK)
    found: list = []
    for item in items:
        if isinstance(item, Stroke):
            found += _stroke(item, box)
        elif not isinstance(item, Mark) or (box.left <= item.x <= box.right and box.top <= item.y <= box.bottom):
            found.append(item)
    return found


def _stroke(stroke: Stroke, box: Box) -> list[Stroke]:
    if all(box.left <= x <= box.right and box.top <= y <= box.bottom for x, y in stroke.points):
        return [stroke]
    if stroke.fill:
        points = area(stroke.points, box)
        return [replace(stroke, points=points)] if len(points) > 2 else []
    return [replace(stroke, points=points) for points in line(stroke.points, box)]


def line(points, box: Box) -> list[tuple[tuple[float, float], ...]]:
    """Return the pieces of a line within a box (Liang & Barsky 1984, piece by piece).

    >>> line(((0, 5), (20, 5)), Box(5, 0, 10, 10))
    [((5.0, 5.0), (10.0, 5.0))]
    """
    pieces: list[list[tuple[float, float]]] = []
    for (a, b), (c, d) in itertools.pairwise(points):
        start, end = 0.0, 1.0
        for delta, room in (
            (a - c, a - box.left),
            (c - a, box.right - a),
            (b - d, b - box.top),
            (d - b, box.bottom - b),
        ):
            if delta == 0:
                start = start if room >= 0 else 2.0
            elif delta < 0:
                start = max(start, room / delta)
            else:
                end = min(end, room / delta)
        if start > end:
            continue
        first, last = ((a + t * (c - a), b + t * (d - b)) for t in (start, end))
        if pieces and pieces[-1][-1] == first:
            pieces[-1].append(last)
        else:
            pieces.append([first, last])
    return [tuple((float(x), float(y)) for x, y in piece) for piece in pieces]


def area(points, box: Box) -> tuple[tuple[float, float], ...]:
    """Return the part of a closed area within a box, () where there is none (Sutherland & Hodgman 1974).

    >>> area(((0, 0), (20, 0), (20, 20), (0, 20)), Box(0, 0, 10, 10))
    ((0.0, 10.0), (0.0, 0.0), (10.0, 0.0), (10.0, 10.0))
    """
    found = [(float(x), float(y)) for x, y in points]
    for axis, edge, side in ((0, box.left, 1), (0, box.right, -1), (1, box.top, 1), (1, box.bottom, -1)):
        kept: list[tuple[float, float]] = []
        for k, point in enumerate(found):
            before = found[k - 1]
            inside, was = side * (point[axis] - edge) >= 0, side * (before[axis] - edge) >= 0
            if inside != was:
                t = (edge - before[axis]) / (point[axis] - before[axis])
                kept.append(tuple(p + t * (q - p) for p, q in zip(before, point, strict=True)))
            if inside:
                kept.append(point)
        found = kept
        if not found:
            return ()
    return tuple(found)
