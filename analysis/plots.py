"""Figures in a page as SVG: there before any script has run, light and dark by the page's own colours."""

import re

from analysis import drawing, plot_files

ON_CANVAS = ("view",)
"""Drawn by `space.js` in the page, and by `plot_files` as a file."""
WIDE, NARROW, SMALL = 900.0, 380.0, 320.0
BUTTONS = (
    '<span class="files">'
    + "".join(f'<button type="button" data-file="{kind}">{kind.upper()}</button>' for kind in ("svg", "png", "csv"))
    + "</span>"
)
_PLACE = re.compile(r'(<div class="plot" data-figure="([^"]+)") role="img" aria-label="([^"]*)"></div>')


def in_page(figures: dict[str, dict]) -> dict[str, str]:
    """Return {name: SVG} of the figures that can be drawn without plotly, wide and for a phone."""
    made = {}
    for name, figure in figures.items():
        if name in ON_CANVAS:
            continue
        widths = {"": SMALL} if is_small(name) else {"wide": WIDE, "narrow": NARROW}
        try:
            sheets = {kind: drawing.drawing(figure, width) for kind, width in widths.items()}
        except drawing.NotDrawable:
            continue
        made[name] = "".join(
            plot_files.svg(sheet, attributes=f'class="{kind}" aria-hidden="true"') for kind, sheet in sheets.items()
        )
    return made


def is_small(name: str) -> bool:
    """Return whether a figure is one of many small ones."""
    return name.startswith(("curve-", "trust-"))


def placed(html: str, drawn: dict[str, str]) -> str:
    """Return a page with every figure in its place: what the macro `plot` left, filled.

    The words of the figure stay its text alternative; a figure that is not drawn stays an empty place for plotly.
    """

    def fill(found: re.Match) -> str:
        opening, name, words = found.groups()
        buttons = BUTTONS if name in drawn else ""
        return (
            f'{opening}><div class="drawn" role="img" aria-label="{words}">{drawn.get(name, "")}</div>{buttons}</div>'
        )

    return _PLACE.sub(fill, html)
