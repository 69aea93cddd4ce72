"""python -m analysis --study DIR --out DIR [--release RELEASE] [--second RELEASE] [--explain 30] [--control] [--json]

Reports on a whole study, as `python -m learning RELEASE --recipe STUDY --out DIR` leaves it:

    OUT/study.html      its tables with the published figures beside ours
    OUT/study.json      every number
    OUT/networks.csv, classes.csv, attributes.csv, raters.csv, second.csv, occlusion.csv
    OUT/figure-*.svg, .png, .csv
    OUT/NAME.html       with --release: the report of each network, its numbers, tables and model card in OUT/NAME/
    OUT/data-sheet.md

Every evaluation is kept beside its checkpoint (`kept_evaluations`), so that a report that was interrupted goes on.
"""

import argparse
import json
import sys
from pathlib import Path

from analysis import maps, study_bundle, study_measures, study_report, titles
from learning.study_results import FINISHED, read_study
from triplets.archive import read_release


def main(arguments) -> int:
    parser = argparse.ArgumentParser(prog="python -m analysis", description="Reports on a whole study.")
    parser.add_argument("--study", type=Path, required=True, help="the folder that a study was trained into")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument("--release", type=Path, help="evaluate every network on this release, with a report of each")
    parser.add_argument("--second", type=Path, help="the study's second collection: evaluate what was trained on it")
    parser.add_argument("--title", default="", help="default: the study's name")
    parser.add_argument("--note", default="", help="a line or two under the title")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--projections",
        metavar="NAMES",
        help="maps to draw of every network; default: all of those that are set side by side, pca of many others",
    )
    parser.add_argument(
        "--explain", type=float, metavar="TERAFLOPS", help="what explaining one network may cost; 0: none"
    )
    parser.add_argument("--control", action="store_true", help="train each again, on shuffled labels or verdicts")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args(arguments)
    try:
        title, note = titles.checked(options.title, options.note)
        asked = options.projections
        projections = None if asked is None else maps.check_methods(filter(None, asked.split(",")))
        how = {"n_bootstrap": options.bootstrap, "seed": options.seed, "projections": projections}
        how |= {"teraflops": options.explain, "with_controls": options.control}
        if options.second and not options.release:
            raise ValueError("--second is given without --release: expected both, or none")
        results, found = measured(options.study, options.release, options.second, **how)
        written = write(options.out, results, found, title or f"Study {results['study']}", note)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        print(f"error: {(str(error).strip() or type(error).__name__).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"{results['n_finished']} of {len(results['parts'])} networks of {results['study']}: {written}")
    if options.json:
        said = {"study": results["study"], "n_finished": results["n_finished"], "report": str(written)}
        print(json.dumps(said | {"tables": results["tables"], "n_reports": len(found)}))
    return 0


def write(out: Path, results: dict, measured: dict[str, dict], title: str, note: str = "") -> Path:
    """Write the page, the numbers, tables and figures and the networks' own files; return the study's page."""
    for name, content in study_bundle.members(results, measured, title=title, note=note):
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return out / study_bundle.PAGE


def measured(
    folder: Path, release_at: Path | None = None, second_at: Path | None = None, *, projections=None, **how
) -> tuple[dict, dict[str, dict]]:
    """Return (results of a study, {network: results of its evaluation}); without a release nothing is evaluated.

    projections : of every network, None as `study_measures.projections_of`; how : further arguments of
    `evaluation.evaluate`. ValueError where a release is another than the study's.
    """
    study = read_study(folder)
    if release_at is None:
        return study_report.study_results(study), {}
    from analysis.evaluation import evaluate, plain
    from analysis.kept_evaluations import kept

    release = _of_study(release_at, study.release_sha256, "release")
    second = None if second_at is None else _of_study(second_at, study.second_sha256, "second release")

    def measure(name, path, here, also):
        drawn = projections
        if drawn is None:
            drawn = study_measures.projections_of(study.study, name, maps.METHODS)
        asked = how | {"release": here.sha256, "second": also and also.sha256, "projections": drawn}
        return kept(path, lambda: evaluate(path, here, second=also, projections=drawn, **how), **asked)

    found = study_measures.measure(
        study,
        release,
        measure,
        second=second,
        progress=lambda name: print(f"evaluating {name}", file=sys.stderr),
    )
    paths = {part.name: study.checkpoint(part) for part in study.parts if part.status == FINISHED and part.checkpoint}
    pairs = study_measures.pairs(study.study, paths, second, seed=how["seed"])
    return plain(study_report.study_results(study, found, pairs)), found


def _of_study(path: Path, sha256: str, word: str):
    release = read_release(path)
    if release.sha256 != sha256:
        there = sha256[:12] or "none"
        raise ValueError(f"the {word} has checksum {release.sha256[:12]}: the study was run on {there}")
    return release
