"""The page of a whole study: its tables with the published figures beside ours."""

from markupsafe import Markup

from analysis import pages, plot_files, plots
from analysis.figures import dimensions, rows
from analysis.figures import study as study_figures
from analysis.pages import ASSETS, SCRIPTS, STATIC, ResultsOutdated, script_safe
from analysis.study_measures import FIGURES
from analysis.study_report import FORMAT

UNKNOWN_AGREEMENT = (
    "How far people agree is not known here: the release holds mean ratings without the single ones, their spread or "
    "their number. Ratings imported one row a rater, as a rating study collects them, give the bound."
)


def render_study(
    results: dict,
    *,
    assets: str = "inline",
    title: str,
    static_url: str = "/static/",
    links=(),
    reports: dict | None = None,
    runs: dict | None = None,
    edition: dict | None = None,
    notice: dict | None = None,
    files: tuple = (),
    note: str = "",
) -> str:
    """Return the page of a study on the results of `study_report.study_results`.

    reports : network -> address of its own report, where there is one; runs : network -> address of its training in
    the admin, for researchers. The rest as `pages.render_report`.
    """
    if assets not in ASSETS:
        raise ValueError(f"assets is {assets!r}: expected one of {', '.join(ASSETS)}")
    require_current(results)
    shown = figures(results)
    drawn = plots.in_page(shown)
    page = {
        "title": title,
        "note": note,
        "r": results,
        "parts": {part["name"]: part for part in results["parts"]},
        "moved": [
            part | {"second": {"said": []} | part["second"]}
            for part in results["parts"]
            if "overall" in (part["second"] or {})
        ],
        "said_of_all": said_of_all(results["parts"]),
        "without_bound": [part["name"] for part in results["parts"] if _lacks_bound(part)],
        "unknown_agreement": UNKNOWN_AGREEMENT,
        "unmeasured_tangent": _unmeasured_tangent,
        "telling": _telling(results["parts"]),
        "shown": shown,
        "words": FIGURES,
        "facets": [
            facet | {"curves": [name for name in shown if name.startswith(f"learning-{number}-")]}
            for number, facet in enumerate(study_figures.facets(results))
        ],
        "reports": reports or {},
        "runs": runs or {},
        "is_inline": assets == "inline",
        "static_url": static_url,
        "links": [{"text": text, "href": href} for text, href in links],
        "edition": edition,
        "notice": notice,
        "styles": pages.STYLES,
        "files": files,
        "panels": results.get("looking") or [],
        "omitted": results.get("looking_omitted") or {},
        "drawn": results.get("heatmaps") or {},
        "attribute_maps": [name for name in shown if name.startswith("attributes-")],
        "data": script_safe({"figures": {}, "tables": {name: plot_files.csv_of(shown[name]) for name in drawn}}),
    }
    if assets == "inline":
        page["css"] = pages.styles()
        page["js"] = Markup((STATIC / SCRIPTS[0]).read_text(encoding="utf-8"))  # noqa: S704  our own file
    return plots.placed(pages.environment().get_template("analysis/study.html.jinja").render(page), drawn)


def require_current(results: dict) -> None:
    """Raise ResultsOutdated where an earlier version wrote the results."""
    if results.get("format") != FORMAT:
        raise ResultsOutdated(f"the results have format {results.get('format')!r}, pages of studies read {FORMAT!r}")


def said_of_all(parts: list[dict]) -> dict[str, str]:
    """Return {kind: sentence} of what is word by word the same for every network that was evaluated, two at least.

    Kinds are "gaps", "controls", "bound" and "tangent_omitted": pages say these once and not network by network.
    """
    evaluated = [part for part in parts if part["headline"]]
    rated = [part for part in parts if part["attributes"]]
    said = {kind: [part.get(kind) or "" for part in evaluated] for kind in ("gaps", "controls")}
    said["bound"] = [UNKNOWN_AGREEMENT if _lacks_bound(part) else "" for part in rated]
    said["tangent_omitted"] = [_unmeasured_tangent(part) for part in evaluated]
    return {kind: texts[0] for kind, texts in said.items() if len(texts) > 1 and texts[0] and len(set(texts)) == 1}


def _lacks_bound(part: dict) -> bool:
    return bool(part["attributes"]) and all(row["pearson_bound"] is None for row in part["attributes"])


def _unmeasured_tangent(part: dict) -> str:
    why = part.get("tangent_omitted")
    if not why or part.get("tangent"):
        return ""
    return f"How far its heat maps lie along the manifold of faces was not measured: {why}."


def _telling(parts: list[dict]) -> list[str]:
    """Return the labels in which networks differ, more than by the row of a table that their names hold."""
    labels = dict.fromkeys(label for part in parts for label in part["labels"] if label not in ("table", "row"))
    return [label for label in labels if len({part["labels"].get(label) for part in parts}) > 1]


def figures(results: dict) -> dict[str, dict]:
    """Return {place on the page: plotly figure} of all plots of a study."""
    made = {}
    for number, table in enumerate(results["tables"]):
        for column in _drawn_columns(table):
            words, _, is_share = FIGURES[column]
            figure = study_figures.beside(results, table, column, words, is_share=is_share)
            if figure is not None:
                made[f"table-{number}-{column.replace(' ', '-')}"] = figure
    made |= {f"learning-{q}": figure for q, figure in study_figures.learning(results).items()}
    for part in results["parts"]:
        figure = rows.correlations({row["name"]: _held(row) for row in part["attributes"]})
        # One attribute is a line in a table.
        if figure is not None and len(part["attributes"]) > 1:
            made[f"people-{part['name']}"] = figure
    for space in results.get("spaces") or []:
        if space["dimensions"]["kl"] or space["dimensions"]["decoder_norm_latent"]:
            made[f"dimensions-{space['network']}"] = dimensions(space)
    maps = results.get("attribute_maps")
    return made | (
        {f"attributes-{m['method']}": study_figures.attributes(maps["names"], m) for m in maps["maps"]} if maps else {}
    )


def _held(row: dict) -> dict:
    """Return a row of a network's attributes as an evaluation has it."""
    return {
        "pearson": row["estimates"].get("pearson"),
        "people": {"one_person": row.get("one_person")},
        "bounds": None if row["pearson_bound"] is None else {"pearson": row["pearson_bound"]},
    }


def _drawn_columns(table: dict) -> list[str]:
    """Return which figures of a table are drawn: those with something published beside them, else the first alone."""
    return table["published"] or (table["columns"][:1] if len(table["rows"]) > 2 else [])
