"""What a researcher calls a report: a title of one line and a short note, checked once for every way in."""

import unicodedata

MAX_TITLE, MAX_NOTE = 200, 600
#: Marks that turn the direction of what follows, beyond the title itself.
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


class TitleInvalid(ValueError):
    """The title or the note of a report cannot stand on a page."""


def checked(title: str, note: str = "") -> tuple[str, str]:
    """Return title and note, white space around and between words made one space. TitleInvalid quotes what is wrong.

    >>> checked("  Smiles,\\n first try ")
    ('Smiles, first try', '')
    """
    return _line("title", title, MAX_TITLE), _line("note", note, MAX_NOTE)


def named(results: dict, title: str, note: str = "") -> dict:
    """Return results with the title and note of their report first, as files of numbers hold them."""
    return {"title": title, "note": note} | results


def _line(word: str, text: str, most: int) -> str:
    line = " ".join(str(text).split())
    for character in line:
        if unicodedata.category(character) in ("Cc", "Cs") or unicodedata.bidirectional(character) in _TURNING:
            raise TitleInvalid(f"the {word} holds the character U+{ord(character):04X}: expected text of one line")
    if len(line) > most:
        raise TitleInvalid(f"the {word} has {len(line)} characters, {line[:30]!r} and so on: expected at most {most}")
    return line
