"""Names beside the points of a map, each on the side of its point where it covers least."""

from dataclasses import dataclass

from analysis.drawing.sheet import Words, width_of

SIZE = 11.0
#: Side of the point: how far its words begin from it, and which end of them; above first, where people look.
SIDES = ((0.0, -8.0, "middle"), (8.0, 4.0, "start"), (-8.0, 4.0, "end"), (0.0, 16.0, "middle"))
SIDES += ((6.0, -6.0, "start"), (-6.0, -6.0, "end"), (6.0, 13.0, "start"), (-6.0, 13.0, "end"))


@dataclass(frozen=True)
class Box:
    """A rectangle on the sheet, in px."""

    left: float
    top: float
    right: float
    bottom: float

    def shared(self, other: "Box") -> float:
        """Return the area that two rectangles have in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)

    @property
    def area(self) -> float:
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)


def names(points: list[tuple[float, float]], texts: list[str], within: Box) -> list[Words]:
    """Return the names of points in their order; none is left out, however little room there is.

    One after the other takes the side on which it covers least of names before it, of other points, and of what lies
    beyond the edge; those with the nearest neighbours choose first.
    """
    marks = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    found: dict[int, Words] = {}
    taken: list[Box] = []
    for k in sorted(range(len(points)), key=lambda k: (_distance(points, k), k)):
        x, y = points[k]
        others = taken + marks[:k] + marks[k + 1 :]
        sides = [Words(x + right, y + down, texts[k], SIZE, "@ink", anchor) for right, down, anchor in SIDES]
        boxes = [box_of(words) for words in sides]
        covered = [
            sum(box.shared(other) for other in others) + box.area - box.shared(within) for box in boxes
        ]  # fmt: skip
        best = covered.index(min(covered))
        found[k] = sides[best]
        taken.append(boxes[best])
    return [found[k] for k in range(len(points))]


def box_of(words: Words) -> Box:
    """Return the room that a line of text takes."""
    width = width_of(words.text, words.size)
    left = words.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * width
    return Box(left, words.y - 0.8 * words.size, left + width, words.y + 0.2 * words.size)


def _distance(points: list[tuple[float, float]], k: int) -> float:
    x, y = points[k]
    return min(((x - a) ** 2 + (y - b) ** 2 for j, (a, b) in enumerate(points) if j != k), default=0.0)
