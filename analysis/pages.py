"""Results into one HTML page: a single file that contacts nobody, or a page of the site under its strict policy."""

import functools
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import jinja2
from markupsafe import Markup

from analysis import (
    cards,
    figures,
    plot_files,
    plots,
    reasons,
    sentences,
    sentences_of_people,
    shipped,
    space,
    titles,
    typesetting,
    wording,
)
from learning import terms
from triplets.counting import counted

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE.parent / "templates"
STATIC = HERE / "static" / "analysis"
ASSETS = ("inline", "static")
STYLES = ("report.css", "looking.css", "spaces.css")
#: In the order they are run: what a map draws, answers and saves comes before the map itself.
SCRIPTS = (
    "report.js", "sheets.js", "inks.js", "space_files.js", "space_drawing.js", "space_pointing.js", "space.js",
    "explorer.js",
)  # fmt: skip
READS = ("semblance-results/2",)
HEAT_STEPS = 10


@dataclass(frozen=True)
class Section:
    """A part of the page: templates/analysis/report/<id>.html.jinja, shown where the results hold `needs`."""

    id: str
    words: str
    needs: str = ""


SECTIONS = (
    Section("agreement", "Agreement"),
    Section("answers", "Answers", "answers"),
    Section("kinds", "Which triplets", "kinds"),
    Section("people", "Person by person", "annotators"),
    Section("calibration", "Certainty", "calibration"),
    Section("groups", "For whom", "groups"),
    Section("elsewhere", "Another collection", "elsewhere"),
    Section("controls", "Controls", "controls"),
    Section("expressions", "Expressions"),
    Section("units", "Action units", "action_units"),
    Section("space", "The space"),
    Section("explorer", "Explorer", needs="traversal"),
    Section("dimensions", "Dimensions"),
    Section("reconstruction", "Reconstruction"),
    Section("explanations", "Explanations", needs="explanations"),
    Section("learning", "Learning"),
    Section("origin", "Origin"),
    Section("cards", "Cards"),
)


class ResultsOutdated(ValueError):
    """The results were made by a version whose pages held other things."""


def require_current(results: dict) -> None:
    """Raise ResultsOutdated where other things stand in the results than pages, tables and figures read."""
    if results.get("format") not in READS:
        found = results.get("format")
        raise ResultsOutdated(
            f"the results have format {found!r}, pages read {READS[0]!r}: evaluate the checkpoint again"
        )


def render_report(
    results: dict,
    *,
    assets: str = "inline",
    title: str,
    nonce: str = "",
    static_url: str = "/static/",
    links=(),
    notice: dict | None = None,
    sheets_at: str = "",
    files: tuple = (),
    edition: dict | None = None,
    note: str = "",
) -> str:
    """Return the report on some results as HTML.

    results : as `evaluation.evaluate` returns them.
    assets : "inline" puts plotly, scripts, styles and pictures into the page, for a file that stands alone and
        is forbidden by its own policy to contact anybody; "static" refers to files under static_url and holds
        no inline script, style or style attribute, for a site whose policy allows only its own files.
    nonce : "static": of the site's policy, put on the style sheet and scripts where given; not needed.
    links : (words, address) pairs shown in the header, such as downloads.
    notice : {"text", "href", "link"} said above everything, such as that a newer version exists.
    files : (name, address) of every file that the site offers of these results.
    edition : {"version", "address"}: which report of its run this is, and where it stays.
    note : a line or two under the title, of whoever made the report.
    sheets_at : "static": where the contact sheets of faces lie, 0.jpg and on; "": in the page.
    """
    if assets not in ASSETS:
        raise ValueError(f"assets is {assets!r}: expected one of {', '.join(ASSETS)}")
    require_current(results)
    results = titles.named(results, title, note)
    shown = figures.all_figures(results)
    drawn = plots.in_page(shown)
    left = {name: figure for name, figure in shown.items() if name not in drawn and name not in plots.ON_CANVAS}
    sheets, decoder = results.get("sheets") or {}, results.get("decoder") or {}
    if sheets and sheets_at:
        addresses = [f"{sheets_at}{number}.jpg" for number in range(len(sheets["sheets"]))]
        sheets = sheets | {"sheets": addresses}
    page = {
        "title": title,
        "note": note,
        "results": results,
        "figures": shown,
        "sections": [section for section in SECTIONS if not section.needs or results.get(section.needs)],
        "curves": [(name, figure["title"]) for name, figure in shown.items() if name.startswith("curve-")],
        "is_inline": assets == "inline",
        "nonce": nonce,
        "static_url": static_url,
        "links": [{"text": text, "href": href} for text, href in links],
        "data": script_safe(
            {"figures": left, "tables": {name: plot_files.csv_of(f) for name, f in shown.items() if name in drawn}}
        ),
        "space_data": script_safe(space.views(results)),
        "sheets_data": script_safe(sheets) if sheets else "",
        "decoder_data": script_safe(shipped.light(decoder)) if decoder and "omitted" not in decoder else "",
        "pictured": bool(sheets),
        "needs_plotly": bool(left),
        "notice": notice,
        "files": files,
        "edition": edition,
        "styles": STYLES,
        "scripts": SCRIPTS,
        "foreign_style_ids": foreign_style_ids() if left else (),
        "split": results["splits"]["headline"],
    }
    if assets == "inline":
        page["css"] = styles()
        page["js"] = [Markup((STATIC / name).read_text(encoding="utf-8")) for name in SCRIPTS]  # noqa: S704  our own
        page["plotly_js"] = Markup(plotly_source().replace("</script", "<\\/script")) if left else ""  # noqa: S704
    return plots.placed(environment().get_template("analysis/report.html.jinja").render(page), drawn)


def render_alone(template: str, shown: dict[str, dict], **page) -> str:
    """Return a page of its own kind as one file, its figures in place and everything else as the template names it.

    shown : {place: figure}, of kinds that can be drawn without plotly.
    """
    drawn = plots.in_page(shown)
    page |= {
        "css": styles(),
        "js": Markup((STATIC / "report.js").read_text(encoding="utf-8")),  # noqa: S704  our own file
        "data": script_safe({"figures": {}, "tables": {name: plot_files.csv_of(f) for name, f in shown.items()}}),
        "figures": shown,
    }
    return plots.placed(environment().get_template(template).render(page), drawn)


def styles() -> Markup:
    """Return all style sheets of a page as one text, for a page that stands alone."""
    return Markup("\n".join((STATIC / name).read_text(encoding="utf-8") for name in STYLES))  # noqa: S704  our own


def looking(panels: list[dict], drawn: dict[str, str], omitted: dict[str, str]) -> Markup:
    """Return what `looking.panels` found as HTML, for a page that links looking.css."""
    template = environment().get_template("analysis/looking.html.jinja")
    return Markup(template.render(panels=panels, drawn=drawn, omitted=omitted))  # noqa: S704  escaped by the template


def script_safe(value) -> Markup:
    """Return JSON that cannot end or alter the script element it stands in, whatever text it holds.

    "<", ">" and "&" are written as escapes that JSON reads back; nan is refused with ValueError.

    >>> script_safe("</script>")
    Markup('"\\\\u003c/script\\\\u003e"')
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  every character that HTML reads is escaped above


@functools.cache
def plotly_source() -> str:
    """Return plotly.min.js as it comes in plotly's wheel."""
    found = find_spec("plotly")
    if found is None:
        raise FileNotFoundError("the package plotly is not installed: its plotly.min.js draws the plots of a report")
    return (Path(found.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


@functools.cache
def foreign_style_ids() -> tuple[str, ...]:
    """Return the ids of style sheets that plotly's bundle would insert for its maps, which no report draws.

    A strict policy refuses such a sheet and the browser logs an error. The bundle first looks whether an
    element with that id exists, so the page holds an empty one.
    """
    return tuple(sorted(set(re.findall(r'getElementById\("([0-9a-f]{64})"\)', plotly_source()))))


def heat(share: float) -> int:
    """Return the class number 0 to HEAT_STEPS of a cell's shade: inline colours are forbidden by the policy."""
    return round(HEAT_STEPS * max(0.0, min(1.0, share)))


def centroids(view: dict) -> list[dict]:
    """Return what the 2-D view shows as a table: per class how many points, their mean and spread."""
    groups: dict[str, list] = {}
    for label, point in zip(view["class_label"], view["points"], strict=True):
        groups.setdefault(label, []).append(point)
    table = []
    for label in sorted(groups):
        points, n = groups[label], len(groups[label])
        mean = [sum(p[k] for p in points) / n for k in (0, 1)]
        spread = (sum((p[k] - mean[k]) ** 2 for p in points for k in (0, 1)) / n) ** 0.5
        table.append({"label": label or "no class", "n": n, "x": mean[0], "y": mean[1], "spread": spread})
    return table


def curve_table(points: list[dict], n_rows: int = 12) -> dict:
    """Return at most n_rows evenly chosen points of the learning curve, first and last included."""
    shares, terms = figures.curve_names(points)
    if not points:
        return {"names": [], "rows": []}
    n = min(n_rows, len(points))
    at = sorted({round(k * (len(points) - 1) / max(1, n - 1)) for k in range(n)})
    return {"names": [*shares, *terms], "rows": [points[k] for k in at]}


def flat(settings: dict, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as (dotted key, text)."""
    rows = []
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            rows += flat(value, f"{name}.")
        else:
            rows.append((name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    return rows


@functools.cache
def environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "typeset": typesetting.typeset,
        "whole_words": typesetting.whole_words,
        "percent": wording.percent,
        "interval": wording.interval,
        "name_of": wording.name_of,
        "criterion": wording.criterion,
        "short": typesetting.short,
        "counted": counted,
        "heat": heat,
        "metric": terms.metric,
        "bracketed": typesetting.bracketed,
        "hundredfold": typesetting.hundredfold,
        "signed": typesetting.signed,
        "points": sentences.points,
        "with_sign": reasons.with_sign,
    }
    environment.globals |= {
        "comparison": wording.comparison,
        "is_of_labels": wording.is_of_labels,
        "meaning_of_intervals": wording.meaning_of_intervals,
        "meaning_of_splits": wording.meaning_of_splits,
        "bands_of": figures.bands_of,
        "centroids": centroids,
        "curve_table": curve_table,
        "cards": cards.cards,
        "flat": flat,
        "outcomes": sentences.OUTCOMES,
        "difference": sentences.difference,
        "held_out": reasons.held_out,
        "is_one_person": reasons.is_one_person,
        "method_name": reasons.method_name,
        "n_open": reasons.n_open,
        "of_manifold": reasons.of_manifold,
        "of_alignment": reasons.of_alignment,
        "meanings_of_curves": figures.meanings,
        "units": reasons.units,
        "what_is_asked": reasons.what_is_asked,
    }
    told = vars(sentences) | vars(sentences_of_people)
    environment.globals |= {name: of for name, of in told.items() if name.startswith("of_")}
    return environment
