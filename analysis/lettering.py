"""The letters of PNG figures: which font writes which part of a line, and what stands for letters that none has.

Source Sans, out of a wheel, is the same on every machine and has Latin, Greek and Cyrillic letters. Names in others,
such as Chinese, Japanese, Korean or Arabic, are written with the fonts that FIGURE_FONTS names; without one, a number
in ‹ › stands for each such name and a line under the figure says so, where boxes would say nothing. SVG figures leave
letters to the browser, which has them all.
"""

import functools
import logging
import os
import unicodedata
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

log = logging.getLogger(__name__)
#: Sizes in px are alike for coverage; a glyph's picture at this one tells whether it is there.
_PROBE = 24
#: A code point that is no character: whatever a font shows for it, it shows for every letter that it lacks.
_NOWHERE = "\U0010ffff"


class FontUnreadable(ValueError):
    """FIGURE_FONTS names a file that is no font."""


@functools.cache
def files(named: str | None = None) -> tuple[str, ...]:
    """Return the font files in the order they are tried, Source Sans first.

    named : further files, between them ":" (";" on Windows); None: the environment's FIGURE_FONTS.
    FontUnreadable quotes a file that is none.
    """
    from font_source_sans_pro import font_files_ttf

    named = os.environ.get("FIGURE_FONTS", "") if named is None else named
    further = [part for part in named.split(os.pathsep) if part]
    for path in further:
        try:
            ImageFont.truetype(path, _PROBE)
        except OSError as error:
            there = "is no font" if Path(path).is_file() else "is not there"
            raise FontUnreadable(f"FIGURE_FONTS names {path!r}, which {there}: expected .ttf, .otf or .ttc") from error
    return (font_files_ttf["SourceSansPro"], *further)


@functools.cache
def font(path: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


@functools.cache
def has(path: str, letter: str) -> bool:
    """Return whether a font has a letter. What is never seen, such as a joiner, every font has."""
    if unicodedata.category(letter) in ("Cf", "Zs"):
        return True
    if unicodedata.bidirectional(letter) in ("R", "AL") and not features.check("raqm"):
        return False  # its letters would stand apart and in the wrong order
    probe = ImageFont.truetype(path, _PROBE, layout_engine=ImageFont.Layout.BASIC)
    return _seen(probe, letter) != _seen(probe, _NOWHERE)


def _seen(probe: ImageFont.FreeTypeFont, letter: str) -> tuple:
    mask = probe.getmask(letter)
    return mask.size, bytes(mask)


def parts(text: str) -> list[tuple[str, str | None]]:
    """Return [(piece, file of its font, None where no font has its letters)] in the order of reading.

    A space, a digit or a mark between two pieces belongs to the one before it where that font has it.
    """
    found: list[tuple[str, str | None]] = []
    for letter in text:
        own = next((path for path in files() if has(path, letter)), None)
        last = found[-1][1] if found else None
        # Letters without a direction go on in the font before them; a missing mark goes with its missing letter.
        if found and own != last and unicodedata.bidirectional(letter) not in ("L", "R", "AL"):
            goes_on = has(last, letter) if last else unicodedata.combining(letter)
            own = last if goes_on else own
        if own is None and len(found) > 1 and found[-2][1] is None and found[-1][0].isspace():
            found[-2:] = [(found[-2][0] + found[-1][0] + letter, None)]  # two words of one name
        elif found and found[-1][1] == own:
            found[-1] = (found[-1][0] + letter, own)
        else:
            found.append((letter, own))
    return found


def missing(texts) -> dict[str, str]:
    """Return {piece that no font has: what stands for it}, numbered in the order of appearance, alike for alike."""
    pieces = dict.fromkeys(piece for text in texts for piece, path in parts(text) if path is None)
    if pieces:
        _warn_once()
    return {piece: f"\u2039{number}\u203a" for number, piece in enumerate(pieces, start=1)}


@functools.cache
def _warn_once() -> None:
    log.warning(
        "PNG figures hold numbers for names in letters that their font lacks: set FIGURE_FONTS to a font file that has "
        "them, such as NotoSansCJK-Regular.ttc (SVG figures have all letters)"
    )


def told(stand_ins: dict[str, str]) -> str:
    """Return the line under a figure that says what the numbers are, "" where there is none."""
    if not stand_ins:
        return ""
    numbers = list(stand_ins.values())
    what = f"{numbers[0]} stands for a name" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} stand for names"
    return f"{what} in letters that this file\u2019s font lacks; the SVG beside it has them."


def replaced(text: str, stand_ins: dict[str, str]) -> str:
    return "".join(piece if path else stand_ins[piece] for piece, path in parts(text)) if stand_ins else text


def strip(text: str, size: float, fill: tuple) -> tuple[Image.Image, int]:
    """Return (a line of text on nothing, px from its left end to where the text begins).

    Its letters stand `baseline` px below its top. Names that run to the left stand within a line that runs to the
    right, as they do in an SVG.
    """
    pieces = [(piece, font(path or files()[0], size)) for piece, path in parts(text)]
    way = {"direction": "ltr"} if features.check("raqm") else {}
    widths = [of.getlength(piece, **way) for piece, of in pieces]
    margin = round(size / 4)
    sheet = Image.new("RGBA", (round(sum(widths)) + 2 * margin, round(1.6 * size)), (*fill[:3], 0))
    pen, at = ImageDraw.Draw(sheet), float(margin)
    for (piece, of), width in zip(pieces, widths, strict=True):
        pen.text((at, baseline(size)), piece, fill=fill, font=of, anchor="ls", **way)
        at += width
    return sheet, margin


def baseline(size: float) -> int:
    """Return px from the top of a strip to the line that letters stand on."""
    return round(1.15 * size)
