"""What an attribute is learnt from, on two base networks, in part or whole: python -m bench.base_networks [--keep DIR]

One Million Impressions (300 rated faces; skipped where ../shared/data is absent), networks of the recipe
`lrp-attributes` a quarter as wide, 96 pixels: an age and a gender network are trained, then happiness on top of each,
once the dense layers only and once all. Printed is how well each predicts on faces held out, how fast it learnt, what
its answers rest on, and how alike their maps are; with --keep the page that sets them side by side stays in DIR.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from bench import smiles
from triplets import archive

IS_LONG = True  # some minutes


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="a folder for the release, the networks and the page")
    parser.add_argument("--bases", nargs="+", default=["age", "gender"], choices=["age", "gender"])
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--size", type=int, default=96)
    options = parser.parse_args(arguments if arguments is not None else [])
    folder = Path(os.environ.get("SEMBLANCE_SHARED_DATA", "../shared/data")) / "omi"
    if not folder.is_dir():
        print(f"base_networks: skipped, {folder} is absent")
        return
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("PICTURE_CACHE_DIR", place)
        _compare(options, folder, options.keep or Path(place))


def _compare(options, folder: Path, out: Path):
    # Imported here, so that the absence of data is said at once: torch takes seconds to load.
    from analysis.explaining import collection, side_by_side
    from analysis.explaining.page import render
    from learning.recipes import recipe
    from learning.training import train_release

    out.mkdir(parents=True, exist_ok=True)
    release = archive.read_release(out / "omi") if (out / "omi").is_dir() else rated_faces(folder, out / "omi")
    changed = {
        "size": str(options.size),
        "width": "0.25",
        "crop": "face",
        "epochs": str(options.epochs),
        "device": "cpu",
    }
    found = {}
    for base in options.bases:
        start = ""
        for name in (f"base-{base}", f"{base}-dense-happiness", f"{base}-full-happiness"):
            config = recipe(f"lrp-attributes/{name}").config.with_changes(changed | {"pretrained": start})
            made = train_release(release, config, seed=0, out=out / name, recipe_name=f"lrp-attributes/{name}")
            said = {key: round(made.metrics[f"{key}_test"], 2) for key in ("mae", "mae_of_mean", "pearson")}
            print(f"{name}: on faces held out {said}", flush=True)
            if start:
                found[name] = collection.explain_collection(made.checkpoint, release, out / "maps" / name)
                first, last = losses(found[name].checkpoint.curve)
                print(f"{name}: training loss {first:.3f} over the first tenth of the steps, {last:.3f} over the last")
            start = start or str(made.checkpoint)
    results, drawn = side_by_side.compared(found)
    for network in results["networks"]:
        (row,) = network["occlusion"]
        parts = {part["part"]: (part["change"]["value"], part["lowest"]["value"]) for part in row["parts"]}
        words = ", ".join(f"{part} {change:+.1f} (most in {most:.2f})" for part, (change, most) in parts.items())
        print(f"{network['name']}, without a part: {words}", flush=True)
    names = [network["name"] for network in results["networks"]]
    for one in results["alike"]:
        pairs = [(i, j) for i in range(len(names)) for j in range(i)]
        words = ", ".join(f"{names[j]} and {names[i]} {one['table'][i][j]:.2f}" for i, j in pairs)
        print(f"maps alike, {one['method']}, {one['n']} faces: {words}", flush=True)
    (out / "explanations.html").write_text(render(results, drawn, release), encoding="utf-8")


def losses(curve: list[dict]) -> tuple[float, float]:
    """Return the mean training loss over the first tenth of the steps and over the last: low first, it learnt fast."""
    loss = np.array([point["loss"] for point in curve], float)
    width = max(1, len(loss) // 10)
    return float(loss[:width].mean()), float(loss[-width:].mean())


def rated_faces(folder: Path, out: Path) -> archive.Release:
    """Return the faces of One Million Impressions with their mean ratings as a release, written to a folder."""
    faces, means = smiles.rows_of(folder / "stimuli.csv"), smiles.rows_of(folder / "attribute_means.csv")
    of = {row["stimulus"]: row for row in means}
    names = [name for name in means[0] if name != "stimulus"]
    return smiles.written(
        folder, out, faces, study="One Million Impressions", collection="omi",
        subject=np.array([face["stimulus"] for face in faces]),
        attributes={name: np.array([float(of[face["stimulus"]][name]) for face in faces]) for name in names},
    )  # fmt: skip


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
