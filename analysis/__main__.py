"""python -m analysis CHECKPOINT RELEASE --out DIR [--second RELEASE] [--control] [--explain 30] [--json]

Evaluates a checkpoint on a release folder or zip without a database and writes a report:

    DIR/report.html     one file with everything inside
    DIR/results.json    every number
    DIR/satisfied.csv, ceilings.csv, probe.csv, ...    one table a part of the report
    DIR/figure-*.svg, .png, .csv
    DIR/model-card.md, data-sheet.md

With --study DIR in place of both it reports on a whole study: see `analysis.study_command`.
python -m analysis explain CHECKPOINT [CHECKPOINT ...] RELEASE --out DIR explains every picture, networks side by side.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from analysis import bundle, maps, pages, study_command, titles
from triplets.archive import read_release
from triplets.output import status_of

#: Parts that `--json` prints where a release and network have them.
PARTS = ("answers", "action_units", "elsewhere", "controls")


def main(arguments=None) -> int:
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if any(argument.split("=")[0] == "--study" for argument in arguments):
        return study_command.main(arguments)
    if arguments[:1] == ["explain"]:
        from analysis.explaining.__main__ import main as explain

        return explain(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m analysis", description=__doc__.split("\n\n")[1].split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="a .safetensors file, or the folder that holds one")
    parser.add_argument("release", type=Path, help="a release: a folder or a zip")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument("--title", default="", help="default: study and recipe")
    parser.add_argument("--note", default="", help="a line or two under the title")
    parser.add_argument("--second", type=Path, metavar="RELEASE", help="test on this other release too")
    parser.add_argument(
        "--control",
        action="store_true",
        help="train again: on shuffled verdicts or labels, and with triplets divided the other way",
    )
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="samples for intervals, default 1000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--projections", default=",".join(maps.METHODS), metavar="NAMES", help="maps to draw, default %(default)s"
    )
    parser.add_argument(
        "--explain", type=float, metavar="TERAFLOPS", help="what explanations may cost, default 30; 0: none are made"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args(arguments)
    try:
        results, report = _evaluate(options)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        sentence = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(f"error: {sentence}", file=sys.stderr)
        return 1
    if not results["provenance"]["is_same_release"]:
        trained, here = (results["provenance"][name] for name in ("checkpoint", "release"))
        trained, here = trained["release_sha256"][:12] or "unknown", here["sha256"][:12]
        print(f"note: the checkpoint was trained on release {trained}, this is {here}", file=sys.stderr)
    print(results["headline"])
    print(f"{report} ({report.stat().st_size / 2**20:.1f} MiB)")
    if options.json:
        print(json.dumps(summary(results, report), allow_nan=False))
    return 0


def summary(results: dict, report: Path) -> dict:
    """Return what the last line of `--json` holds."""
    probe = results["probe"]
    return {
        "satisfied": results["satisfied"],
        "ceilings": results["ceilings"],
        "baselines": results["baselines"],
        "probe": probe,
        **{part: results[part] for part in PARTS if part in results},
        "report": str(report),
        "headline": results["headline"],
        "splits": results["splits"],
        "is_same_release": results["provenance"]["is_same_release"],
        "n_bytes": report.stat().st_size,
    }


def _evaluate(options) -> tuple[dict, Path]:
    if options.bootstrap < 100:
        raise ValueError(f"--bootstrap is {options.bootstrap}: expected at least 100 samples for a 95 % interval")
    if options.seed < 0:
        raise ValueError(f"--seed is {options.seed}: expected 0 or more")
    projections = maps.check_methods(filter(None, options.projections.split(",")))
    if options.explain is not None and not 0 <= options.explain < float("inf"):
        raise ValueError(f"--explain is {options.explain}: expected 0 or more 10^12 operations")
    title, note = titles.checked(options.title, options.note)
    checkpoint = options.checkpoint
    if checkpoint.is_dir():
        checkpoint = checkpoint / "checkpoint.safetensors"
    if not checkpoint.is_file():
        raise FileNotFoundError(f"no checkpoint at {checkpoint}: expected a .safetensors file")
    release = read_release(options.release)
    second = read_release(options.second) if options.second else None
    # Imported here, so that a wrong argument answers at once: torch takes seconds to load.
    from analysis.evaluation import evaluate

    with tqdm(total=100, disable=None, file=sys.stderr, bar_format="{desc} {percentage:3.0f}%|{bar}|") as bar:

        def show(words, share):
            bar.set_description_str(words)
            bar.update(round(100 * share) - bar.n)

        results = evaluate(
            checkpoint,
            release,
            n_bootstrap=options.bootstrap,
            seed=options.seed,
            projections=projections,
            progress=show,
            second=second,
            with_controls=options.control,
            teraflops=options.explain,
        )
    origin = results["provenance"]
    title = title or " · ".join(filter(None, (origin["release"]["study"], origin["checkpoint"]["recipe"])))
    title = title or "A representation of faces"
    page = pages.render_report(results, assets="inline", title=title, note=note)
    options.out.mkdir(parents=True, exist_ok=True)
    report = options.out / "report.html"
    report.write_text(page, encoding="utf-8")
    for name, content in bundle.members(titles.named(results, title, note)):
        (options.out / name).write_bytes(content)
    return results, report


if __name__ == "__main__":
    sys.exit(status_of(main))
