"""Numbers and signs as a person writes them: every figure of a report goes through here."""

import re

from markupsafe import Markup, escape


def short(value) -> str:
    """Return a number as a person writes it: 1,234, 0.812, 1.2e-05, – where there is none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        text = f"{value:,.3f}" if 0.001 <= abs(value) < 1e6 else f"{value:.2g}"
    return typeset(text)


def bracketed(estimate: dict, least: float | None = None) -> str:
    """Return an estimate with its interval, 0.812 [0.790, 0.830]; an end that nothing is known of is left open.

    least : a lower end below it says no more than that, such as an R² below -1, far worse than guessing the mean.

    >>> bracketed({"value": 0.81249, "low": 0.79, "high": None})
    '0.812 [0.790, …]'
    >>> bracketed({"value": 0.1, "low": -17000000.0, "high": 0.9}, -1)
    '0.100 [below −1, 0.900]'
    """

    def end(value: float | None) -> str:
        if value is None:
            return "…"
        return f"below {least:g}" if least is not None and value < least else f"{value:,.3f}"

    return typeset(f"{estimate['value']:,.3f} [{end(estimate['low'])}, {end(estimate['high'])}]")


def hundredfold(estimate: dict) -> str:
    """Return a share or difference times a hundred: 3.1 [−0.4, 6.2]."""
    return typeset("{:.1f} [{:.1f}, {:.1f}]".format(*(100 * estimate[key] for key in ("value", "low", "high"))))


def signed(value: float | None) -> str:
    """Return a correlation as .53 or −.20, – where there is none."""
    return "–" if value is None else f"{value:.2f}".replace("0.", ".").replace("-", "\u2212")


def typeset(text: str) -> str:
    """Return a sentence with true minus signs, none before zero, and a space before % that no line ends at.

    >>> typeset("-0.0 points [-16, -0]")
    '0.0 points [−16, 0]'
    """
    text = re.sub(r"(?<![\w.-])-(?=0(?:\.0+)?(?![\d.]))", "", text)
    return re.sub(r"(?<![\w-])-(?=\d)", "\u2212", text).replace(" %", "\u00a0%")


def whole_words(command: str) -> Markup:
    """Return a shell command whose options no line is broken within: browsers break after any hyphen."""
    return Markup(" ").join(
        Markup('<span class="whole">{}</span>').format(word) if "-" in word and len(word) < 33 else escape(word)
        for word in command.split(" ")
    )
