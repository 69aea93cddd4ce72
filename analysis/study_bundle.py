"""Everything that a study's report can be taken home as: its page, numbers, tables, figures, cards, networks' pages."""

from collections.abc import Iterator

from analysis import bundle, cards, detail_tables, drawing, pages, plot_files, study_pages, tables, titles
from analysis.looking import MAX_NETWORKS
from analysis.study_measures import FIGURES

WITHOUT_SLIDERS = (
    "of so many networks only {} have them here; python -m analysis CHECKPOINT RELEASE --out DIR writes this network’s "
    "report with them"
)
PAGE, NUMBERS = "study.html", "study.json"


def members(
    results: dict, measured: dict[str, dict], *, title: str, note: str = "", edition: dict | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of every file, the page first.

    results : as `study_report.study_results`      measured : network -> results of its evaluation, {} none
    note, edition : as `pages.render_report`

    study.html, study.json, a CSV a table (those that hold anything), a figure three times, data-sheet.md; and of each
    network that was evaluated NAME.html, and in a folder of its name the numbers, tables and the model card. Its
    figures are in its own page. Of many networks only those that are drawn on the study's page (`study_spaces`) have
    sliders: a decoder takes more room than all the rest of a page.
    """
    reports = _reports(measured)
    moving = _moving(results, measured)
    yield from front(results, measured, title=title, note=note, edition=edition).items()
    for name, rows in all_tables(results).items():
        if rows:
            yield f"{name}.csv", tables.as_csv(rows).encode()
    for name, figure in study_pages.figures(results).items():
        sheet = drawing.drawing(figure)
        yield f"figure-{name}.svg", plot_files.svg(sheet, colours=plot_files.LIGHT, title=name).encode()
        yield f"figure-{name}.png", plot_files.png(sheet)
        yield f"figure-{name}.csv", plot_files.csv_of(figure).encode()
    for number, (name, one) in enumerate(measured.items()):
        if number == 0:
            yield from ((f"{card.name}.md", card.markdown().encode()) for card in _cards(one, "data-sheet"))
        if name not in moving:
            one = one | {"decoder": {"omitted": WITHOUT_SLIDERS.format(", ".join(moving))}}
        yield reports[name], pages.render_report(one, title=f"{results['study']}: {name}").encode()
        text_kinds = (file for file in bundle.names(one, with_figures=False) if file != "data-sheet.md")
        yield from ((f"{name}/{file}", bundle.content(one, file)) for file in text_kinds)


def front(
    results: dict, measured: dict[str, dict], *, title: str, note: str = "", edition: dict | None = None
) -> dict[str, bytes]:
    """Return the two files that say what the report is called, its page and its numbers. Arguments as `members`."""
    how = {"title": title, "note": note, "edition": edition}
    page = study_pages.render_study(results, reports=_reports(measured), **how)
    numbers = tables.as_json(titles.named(tables.numbers(results), title, note))
    return {PAGE: page.encode(), NUMBERS: f"{numbers}\n".encode()}


def _reports(measured: dict[str, dict]) -> dict[str, str]:
    return {name: f"{name}.html" for name in measured}


def _moving(results: dict, measured: dict[str, dict]) -> list[str]:
    """Return the networks whose pages have sliders: of few networks all, else those drawn on the study's page."""
    drawn = [space["network"] for space in results.get("spaces") or []]
    return list(measured) if len(measured) <= MAX_NETWORKS else [name for name in drawn if name in measured]


def _cards(results: dict, name: str) -> list:
    return [card for card in cards.cards(results) if card.name == name]


def all_tables(results: dict) -> dict[str, list[dict]]:
    """Return {name: rows} of every table of a study, one number a row where there are intervals."""
    return {
        "networks": _networks(results),
        "baselines": _tabled(results.get("without_network")),
        "on-test": _tabled(results.get("on_test")),
        "classes": [
            {"network": part["name"]} | {key: row[key] for key in ("name", "n", "recall", "precision", "f1")}
            | {f"published_{key}": (row["published"] or {}).get(key) for key in ("accuracy", "f1")}
            for part in results["parts"] for row in part["classes"]
        ],
        "attributes": [_attribute(part, row) for part in results["parts"] for row in part["attributes"]],
        "second": _second(results),
        "raters": [
            {"network": part["name"], **row}
            for part in results["parts"]
            for row in detail_tables.raters({"answers": {"raters": part.get("raters")}})
        ],
        "occlusion": [
            {"network": row["network"], "shown": row["group"], "part": part["part"], **part["change"]}
            for panel in results.get("looking", []) for row in panel["occlusion"] for part in row["parts"]
        ],
    }  # fmt: skip


def _networks(results: dict) -> list[dict]:
    """Return one row a table, network and figure: ours with its interval, and the published one."""
    known = {part["name"]: part for part in results["parts"]}
    nothing = {"value": None, "low": None, "high": None}
    return [
        {"table": table["title"], "network": name, "status": known[name]["status"], "figure": FIGURES[column][0]}
        | (known[name]["figures"].get(column) or nothing)
        | {"published": known[name]["published"].get(column)}
        for table in results["tables"]
        for name in table["rows"]
        for column in table["columns"]
    ]


def _tabled(table: dict | None) -> list[dict]:
    """Return one row a representation and figure of a table whose rows are not networks of the study on one split."""
    return [
        {"representation": row["name"], "network": row.get("network", ""), "split": table["split"]}
        | {"figure": FIGURES[column][0]}
        | (row["figures"].get(column) or {"value": None, "low": None, "high": None})
        | {"published": row["published"].get(column)}
        for row in (table or {}).get("rows", []) for column in table["columns"]
    ]  # fmt: skip


def _attribute(part: dict, row: dict) -> dict:
    nested = ("estimates", "one_person", "lead")
    plain = {key: value for key, value in row.items() if key not in nested}
    ends = {f"{key}_{end}": of[end] for key, of in row.get("estimates", {}).items() for end in ("low", "high")}
    people = {f"{key}_{end}": (row.get(key) or {}).get(end) for key in nested[1:] for end in ("value", "low", "high")}
    return {"network": part["name"], **plain, **ends, **people}


def _second(results: dict) -> list[dict]:
    rows = []
    for part in results["parts"]:
        of = part["second"] or {}
        for name, one in (of.get("overall") or {}).items():
            rows.append(_drop(part, "overall", name, one))
        rows += [_drop(part, "class", one["name"], one) for one in of.get("by_class", [])]
        rows += [_drop(part, one["column"], one["value"], one) for one in of.get("groups", [])]
    return rows


def _drop(part: dict, kind: str, name: str, one: dict) -> dict:
    figures = {key: one.get(key) for key in ("test", "second", "drop")}
    sure = one.get("estimates") or {"there": one}
    ends = {
        f"{word}_{end}": (sure.get(key) or {}).get(end)
        for word, key in (("test", "here"), ("second", "there"), ("drop", "drop"))
        for end in ("low", "high")
    }
    return {"network": part["name"], "kind": kind, "of": name, **figures, **ends}
