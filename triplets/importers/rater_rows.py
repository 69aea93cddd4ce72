"""Rows of a table of ratings in which a row holds what one person, or one of each of two surveys, said about a face.

Who judged stands in columns of fixed names: `subID` (who), `subage`, `submale`, `subrace` (what they told, as numbers),
`catch` and `catchAns` (a number that was shown, and that the person typed). A table of two surveys has all of them
twice, in its second half under the same names or, as pandas saves them, with ".1" behind; the columns of each survey
stand in alphabetical order.
"""

import re
from dataclasses import dataclass

LOW, HIGH = 1.0, 9.0
UNKNOWN = ("", "nan", "na")
AGES = {1: "under 20", 2: "20 to 30", 3: "30 to 45", 4: "45 to 60", 5: "60 and over"}
SEXES = {0: "female", 1: "male"}
RACES = {0: "other", 1: "White", 2: "Black", 3: "East Asian", 4: "South Asian", 5: "Hispanic", 6: "Middle Eastern"}
TOLD = {"subage": ("age", AGES), "submale": ("sex", SEXES), "subrace": ("race", RACES)}
WHO, CHECK, ANSWER = "subid", "catch", "catchans"
_OF_RATERS = {WHO, CHECK, ANSWER, *TOLD}
_OF_FACES = re.compile(r"filename|image ?#?", re.IGNORECASE)
_AGAIN = re.compile(r"\.\d+$")


class HeaderUnreadable(ValueError):
    """The names of the columns do not say what stands in them."""


@dataclass(frozen=True)
class Survey:
    """Places in a row. attributes : name -> place; raters : lower-case name of a column about the rater -> place."""

    attributes: dict[str, int]
    raters: dict[str, int]


@dataclass(frozen=True)
class Said:
    """What one person said about one face. rater : "" not named; bad : why what is told of the rater is unreadable."""

    rater: str
    ratings: dict[str, float]
    about: dict[str, str]
    is_counted: bool
    bad: str = ""


def surveys(header: list[str]) -> list[Survey]:
    """Return the one or two surveys of a table, those that hold attributes. HeaderUnreadable quotes what is wrong."""
    places = [place for place, name in enumerate(header) if name and not _OF_FACES.fullmatch(name)]
    plain = {place: _AGAIN.sub("", header[place]) for place in places}
    seen = [plain[place].lower() for place in places if plain[place].lower() in _OF_RATERS]
    repeated = max((seen.count(name) for name in set(seen)), default=0)
    if repeated > 2:
        name = next(name for name in seen if seen.count(name) > 2)
        raise HeaderUnreadable(f"the column {name!r} stands {repeated} times: expected once, or twice for two surveys")
    parts = [places] if repeated < 2 else _halves(places, plain)
    found = [_survey(part, plain) for part in parts]
    names = [name for survey in found for name in survey.attributes]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise HeaderUnreadable(f"the column {twice!r} stands twice: expected every attribute once")
    if not names:
        raise HeaderUnreadable(f"there is no column of ratings: found only {', '.join(header)[:80]}")
    return [survey for survey in found if survey.attributes]


def said(survey: Survey, cells: list[str]) -> Said:
    """Return what the person of one survey said in a row of stripped cells; ValueError on a rating off the scale."""
    ratings = {}
    for name, place in survey.attributes.items():
        if cells[place].lower() in UNKNOWN:
            continue
        value = number(cells[place])
        if value is None or not LOW <= value <= HIGH:
            quoted = f"{name} is {cells[place][:20]!r}"
            raise ValueError(f"{quoted}: expected a rating from {LOW:g} to {HIGH:g} or nothing")
        ratings[name] = value
    told = {name: cells[place] for name, place in survey.raters.items() if cells[place].lower() not in UNKNOWN}
    about, bad = {}, ""
    for name, (field, words) in TOLD.items():
        if name not in told:
            continue
        code = number(told[name])
        if code in words:
            about[field] = words[int(code)]
        else:
            bad = f"{name} is {told[name][:20]!r}: expected {min(words)} to {max(words)} or nothing"
    passed = CHECK not in told or ANSWER not in told or number(told[CHECK]) == number(told[ANSWER])
    return Said(_name(told.get(WHO, "")), ratings, about, passed, bad)


def number(cell: str) -> float | None:
    """Return the number that a cell holds, None where it holds none."""
    try:
        return float(cell)
    except ValueError:
        return None


# Details ----------------------------------------------------------------------------------------


def _halves(places: list[int], plain: dict[int, str]) -> tuple[list[int], list[int]]:
    """Divide the columns of two surveys where their alphabetical order begins anew, else in the middle."""
    falls = [k for k in range(1, len(places)) if plain[places[k]] < plain[places[k - 1]]]
    for cut in ([*falls] if len(falls) == 1 else []) + [len(places) // 2]:
        parts = places[:cut], places[cut:]
        own = [[plain[p].lower() for p in part if plain[p].lower() in _OF_RATERS] for part in parts]
        if all(len(set(names)) == len(names) for names in own):
            return parts
    raise HeaderUnreadable(
        "columns about raters stand twice, and nothing tells where the second survey begins: expected the columns of "
        "each survey in alphabetical order, as published"
    )


def _survey(places: list[int], plain: dict[int, str]) -> Survey:
    about = {plain[place].lower(): place for place in places if plain[place].lower() in _OF_RATERS}
    names: dict[str, int] = {}
    for place in places:
        if plain[place].lower() in _OF_RATERS:
            continue
        if plain[place] in names:
            raise HeaderUnreadable(f"the column {plain[place]!r} stands twice: expected every attribute once")
        names[plain[place]] = place
    return Survey(names, about)


def _name(cell: str) -> str:
    """Return who judged as text: a workbook may hold the number 12 as 12.0."""
    value = number(cell)
    return cell if value is None or not value.is_integer() else str(int(value))
