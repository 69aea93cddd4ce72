"""Axes of a plot that is drawn without a browser: where a value stands, and which ticks say so.

Reads the part of plotly's axis layout that `figures` uses: type (linear, log, category), range, rangemode, domain,
tickvals and ticktext, tickformat, dtick, nticks, showgrid, showticklabels, title, autorange "reversed".
"""

import math
from dataclasses import dataclass

N_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """One axis. low, high : its range, in decades on a logarithmic one; names : of a category axis, else ()."""

    layout: dict
    low: float
    high: float
    names: tuple[str, ...] = ()
    is_log: bool = False

    def share(self, value) -> float | None:
        """Return where a value stands between low (0) and high (1); None where it stands nowhere."""
        if value is None:
            return None
        if self.names:
            if isinstance(value, str):
                if value not in self.names:
                    return None
                value = self.names.index(value)
        elif self.is_log:
            if value <= 0:
                return None
            value = math.log10(value)
        return (value - self.low) / ((self.high - self.low) or 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Return (share, text) of every tick within the range."""
        if self.layout.get("showticklabels") is False:
            return []
        if "tickvals" in self.layout:
            texts = self.layout.get("ticktext") or [self.text(v) for v in self.layout["tickvals"]]
            pairs = [(self.share(v), t) for v, t in zip(self.layout["tickvals"], texts, strict=True)]
        elif self.names:
            every = max(1, -(-len(self.names) // 40))
            pairs = [(self.share(name), name) for name in self.names[::every]]
        elif self.is_log:
            decades = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            step = max(1, -(-len(decades) // N_TICKS))
            pairs = [(self.share(10.0**k), self.text(10.0**k)) for k in decades[::step]]
        else:
            values = self._nice()
            digits = _percent_digits(values)
            pairs = [(self.share(v), self.text(v, digits)) for v in values]
        return [(share, str(text)) for share, text in pairs if share is not None and -1e-6 <= share <= 1 + 1e-6]

    def _nice(self) -> list[float]:
        low, high = sorted((self.low, self.high))
        step = self.layout.get("dtick")
        if not isinstance(step, int | float) or step <= 0:
            rough = (high - low) / min(N_TICKS, self.layout.get("nticks", N_TICKS)) or 1.0
            power = 10.0 ** math.floor(math.log10(rough))
            step = next(power * k for k in (1, 2, 2.5, 5, 10) if power * k >= rough * 0.999)
        first = math.ceil(low / step - 1e-9)
        return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]

    def text(self, value: float, percent_digits: int = 0) -> str:
        """Return a tick's words, by its tickformat where that is a percentage.

        percent_digits : a percentage has at least so many, so that no tick says what it does not stand at
        """
        form = str(self.layout.get("tickformat", ""))
        if form.endswith("%"):
            digits = max(int(form.strip(".%") or 0), percent_digits)
            made = f"{100 * value:.{digits}f}%"
        elif value and (abs(value) < 1e-3 or abs(value) >= 1e6):
            digits, power = f"{value:.3e}".split("e")
            made = f"{float(digits):g}e{int(power)}"
        elif abs(value) >= 1000:
            made = f"{value:,.0f}"
        else:
            made = f"{value:.10g}" if abs(value - round(value)) < 1e-9 else f"{value:.4g}"
        return made.replace("-", "\u2212")


def _percent_digits(values: list[float]) -> int:
    """Return how many digits percentages need: none at 50 and 55, one at 52.5.

    >>> _percent_digits([0.5, 0.55]), _percent_digits([0.5, 0.525]), _percent_digits([1 / 3])
    (0, 1, 2)
    """
    exact = (d for d in (0, 1) if all(abs(round(100 * value, d) - 100 * value) < 1e-6 for value in values))
    return next(exact, 2)


def axis(layout: dict, values: list, *, pads: bool = True, has_zero: bool = False) -> Axis:
    """Return the axis that a layout and the values on it make.

    values : numbers, or texts of categories      pads : whether marks stand off the ends
    has_zero : whether something (a bar) begins at zero
    """
    texts = [v for v in values if isinstance(v, str)]
    if layout.get("type") == "category" or (texts and layout.get("type") in (None, "-")):
        names = tuple(dict.fromkeys(str(v) for v in layout.get("categoryarray") or texts or map(str, values)))
        low, high = -0.5, len(names) - 0.5
        return Axis(layout, *_turned(layout, low, high), names=names)
    is_log = layout.get("type") == "log"
    numbers = [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v) and (v > 0 or not is_log)]
    if is_log:
        numbers = [math.log10(v) for v in numbers]
    fixed = layout.get("range")
    if fixed and None not in fixed:
        return Axis(layout, float(fixed[0]), float(fixed[1]), is_log=is_log)
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if not is_log and (has_zero or layout.get("rangemode") == "tozero"):
        low, high = min(0.0, low), max(0.0, high)
    room = 0.05 * ((high - low) or abs(high) or 1.0)
    at_zero = not is_log and (has_zero or layout.get("rangemode") == "tozero")
    low = low if (at_zero and low == 0) or not pads else low - room
    high = high if (at_zero and high == 0) or not pads else high + room
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Axis(layout, *_turned(layout, low, high), is_log=is_log)


def _turned(layout: dict, low: float, high: float) -> tuple[float, float]:
    return (high, low) if layout.get("autorange") == "reversed" else (low, high)
