"""python -m analysis --study DIR --out DIR [--release RELEASE] [--title TEXT] [--explain 30] [--json]

Reports on a whole study, as `python -m learning RELEASE --recipe STUDY --out DIR` leaves it:

    OUT/study.html      its tables with the published figures beside ours
    OUT/study.json      every number
    OUT/figure-*.svg, .png, .csv
    OUT/NAME.html       with --release: the report of each network
"""

import argparse
import json
import sys
from pathlib import Path

from analysis import drawing, maps, pages, plot_files, study_pages, study_report
from learning.study_results import read_study
from triplets.archive import read_release


def main(arguments) -> int:
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Reports on a whole study.")
    parser.add_argument("--study", type=Path, required=True, help="the folder that a study was trained into")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument("--release", type=Path, help="evaluate every network on this release, with a report of each")
    parser.add_argument("--title", default="")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--projections", default=",".join(maps.METHODS), metavar="NAMES")
    parser.add_argument(
        "--explain", type=float, metavar="TERAFLOPS", help="what explaining one network may cost; 0: none"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args(arguments)
    try:
        projections = maps.check_methods(filter(None, options.projections.split(",")))
        how = {"n_bootstrap": options.bootstrap, "seed": options.seed, "projections": projections}
        how["teraflops"] = options.explain
        results, pages_of = measured(options.study, options.release, **how)
        written = write(options.out, results, pages_of, options.title or f"Study {results['study']}")
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        print(f"error: {(str(error).strip() or type(error).__name__).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"{results['n_finished']} of {len(results['parts'])} networks of {results['study']}: {written}")
    if options.json:
        said = {"study": results["study"], "n_finished": results["n_finished"], "report": str(written)}
        print(json.dumps(said | {"tables": results["tables"], "n_reports": len(pages_of)}))
    return 0


def write(out: Path, results: dict, pages_of: dict[str, str], title: str) -> Path:
    """Write the page, the numbers, the figures and the networks' own pages; return the study's page."""
    out.mkdir(parents=True, exist_ok=True)
    reports = {name: f"{name}.html" for name in pages_of}
    for name, page in pages_of.items():
        (out / reports[name]).write_text(page, encoding="utf-8")
    for name, figure in study_pages.figures(results).items():
        sheet = drawing.drawing(figure)
        svg = plot_files.svg(sheet, colours=plot_files.LIGHT, title=name)
        (out / f"figure-{name}.svg").write_text(svg, encoding="utf-8")
        (out / f"figure-{name}.png").write_bytes(plot_files.png(sheet))
        (out / f"figure-{name}.csv").write_text(plot_files.csv_of(figure), encoding="utf-8")
    (out / "study.json").write_text(json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    page = out / "study.html"
    page.write_text(study_pages.render_study(results, title=title, reports=reports), encoding="utf-8")
    return page


def measured(folder: Path, release_at: Path | None, **how) -> tuple[dict, dict[str, str]]:
    """Return (results of a study, {network: page of its own report}); without a release there are no such pages.

    how : arguments of `evaluation.evaluate`. ValueError where the release is another than the study's.
    """
    study = read_study(folder)
    if release_at is None:
        return study_report.study_results(study), {}
    from analysis.evaluation import evaluate, plain

    release = read_release(release_at)
    if release.sha256 != study.release_sha256:
        here, there = release.sha256[:12], study.release_sha256[:12]
        raise ValueError(f"the release has checksum {here}: the study was run on {there}")
    found = study_report.measure(
        study,
        release,
        lambda path, release: evaluate(path, release, **how),
        progress=lambda name: print(f"evaluating {name}", file=sys.stderr),
    )
    rendered = {name: pages.render_report(one, title=f"{study.study}: {name}") for name, one in found.items()}
    return plain(study_report.study_results(study, found)), rendered
