"""The sheet that figures are drawn on: strokes, marks and words, and where the values of an axis stand on it."""

import re
import unicodedata
from dataclasses import dataclass, field

from analysis.drawing.axes import Axis

LINE, CHARACTER = 17.0, 0.56
"""Height of a line and mean width of a character, in px and in parts of the font size."""
PLAIN = ("scatter", "bar", "heatmap")
DASHES = {"dot": (2.0, 3.0), "dash": (7.0, 4.0), "dashdot": (7.0, 3.0, 2.0, 3.0), "longdash": (10.0, 5.0)}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star", "hexagon", "pentagon")


class NotDrawable(ValueError):
    """The figure holds a kind of trace or shape that only a browser draws."""


@dataclass(frozen=True)
class Stroke:
    """A line through points, closed and filled where `fill` names a colour."""

    points: tuple[tuple[float, float], ...]
    colour: str = ""
    width: float = 1.0
    dash: tuple[float, ...] = ()
    fill: str = ""
    title: str = ""


@dataclass(frozen=True)
class Mark:
    """One symbol of radius r."""

    x: float
    y: float
    r: float
    symbol: str
    colour: str
    opacity: float = 1.0
    title: str = ""


@dataclass(frozen=True)
class Words:
    """One line of text. anchor : start, middle or end."""

    x: float
    y: float
    text: str
    size: float = 12.0
    colour: str = "@muted"
    anchor: str = "start"
    is_turned: bool = False


@dataclass(frozen=True)
class Drawing:
    """What `plot_files` writes: items on a sheet of width x height px."""

    width: float
    height: float
    items: tuple = field(default_factory=tuple)


@dataclass(frozen=True)
class Frame:
    left: float
    top: float
    right: float
    bottom: float
    legend_top: float

    def x(self, one: Axis, value) -> float | None:
        return _within(one, value, self.left, self.right)

    def y(self, one: Axis, value) -> float | None:
        return _within(one, value, self.bottom, self.top)

    def span(self, one: Axis, letter: str) -> tuple[float, float]:
        """Return where the axis begins and ends on the sheet."""
        start, end = (self.left, self.right) if letter == "x" else (self.bottom, self.top)
        low, high = one.layout.get("domain", (0, 1))
        return start + (end - start) * low, start + (end - start) * high


def _within(one: Axis, value, start: float, end: float) -> float | None:
    share = one.share(value)
    if share is None:
        return None
    low, high = one.layout.get("domain", (0, 1))
    return start + (end - start) * (low + (high - low) * share)


def plain(text) -> str:
    """Return plotly's little HTML as text: line breaks as spaces, tags gone."""
    return re.sub(r"<[^>]*>", "", str(text).replace("<br>", " ")).strip()


def lines_of(text: str) -> list[str]:
    return [re.sub(r"<[^>]*>", "", part) for part in str(text).split("<br>")]


def width_of(text: str, size: float = 12.0) -> float:
    return CHARACTER * size * max(sum(map(_broad, part)) for part in lines_of(text))


def _broad(letter: str) -> float:
    """Return how many mean characters a letter is wide: a Chinese one fills a square, an accent takes no room."""
    if unicodedata.combining(letter):
        return 0.0
    return 1 / CHARACTER if unicodedata.east_asian_width(letter) in "WF" else 1.0


def colour_in(value, k: int = 0, fallback="@accent") -> str:
    if isinstance(value, list):
        value = value[k] if k < len(value) else fallback
    return value if isinstance(value, str) else fallback


def each(value, k: int, fallback):
    if isinstance(value, list):
        value = value[k] if k < len(value) else fallback
    return fallback if value is None else value
