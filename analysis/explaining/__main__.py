"""python -m analysis explain CHECKPOINT [CHECKPOINT ...] RELEASE --out DIR [--methods NAMES] [--only NAMES] [--json]

Explains every picture of a release by one or several networks of pictures, without a database:

    DIR/explanations.html      the networks side by side: learning curves, averages, the same faces, how alike
    DIR/NAME/...               maps, figures and averages of each, see analysis.explaining.collection

A pass that was interrupted goes on where it was when the same command is given again.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from triplets.archive import read_release


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m analysis explain", description=__doc__.split("\n\n")[1].split("\n")[0]
    )
    parser.add_argument("checkpoint", type=Path, nargs="+", help="a .safetensors file, or the folder that holds one")
    parser.add_argument("release", type=Path, help="a release that holds its pictures: a folder or a zip")
    parser.add_argument("--out", type=Path, required=True, help="folder for maps and the page")
    parser.add_argument("--methods", default="", help="names separated by commas, default: all that apply")
    parser.add_argument("--only", default="", help="classes or attributes separated by commas, default: the first 8")
    parser.add_argument("--steps", type=int, default=16, help="of integrated gradients, default 16")
    parser.add_argument("--batch", type=int, default=32, help="pictures at a time, default 32")
    parser.add_argument("--device", default="", help="default: the GPU where there is one")
    parser.add_argument("--seed", type=int, default=0, help="which faces are shown")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    options = parser.parse_args(arguments)
    try:
        found, page = _explain(options)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        sentence = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(f"error: {sentence}", file=sys.stderr)
        return 1
    print(f"{page} ({page.stat().st_size / 2**20:.1f} MiB)")
    if options.json:
        kept = {name: found[name] for name in ("networks", "groups", "n", "alike")}
        print(json.dumps(kept | {"page": str(page)}, allow_nan=False))
    return 0


def _explain(options) -> tuple[dict, Path]:
    paths = [path / "checkpoint.safetensors" if path.is_dir() else path for path in options.checkpoint]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"no checkpoint at {path}: expected a .safetensors file")
    release = read_release(options.release)
    # Imported here, so that a wrong argument answers at once: torch takes seconds to load.
    import torch

    from analysis.evaluation import plain
    from analysis.explaining import collection, methods, page, side_by_side

    wanted = tuple(options.methods.split(",")) if options.methods else tuple(methods.NAMES)
    unknown = sorted(set(wanted) - set(methods.NAMES))
    if unknown:
        raise ValueError(f"--methods names {unknown[0]!r}: expected some of {', '.join(methods.NAMES)}")
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    collections = {}
    for name, path in zip(names_of(paths), paths, strict=True):
        with tqdm(desc=name, unit=" pictures", disable=None, file=sys.stderr) as bar:

            def show(done, n, bar=bar):
                bar.total = n
                bar.update(done - bar.n)

            collections[name] = collection.explain_collection(
                path, release, options.out / name, wanted=wanted, only=tuple(filter(None, options.only.split(","))),
                n_steps=options.steps, batch=options.batch, device=device, tell=show,
            )  # fmt: skip
    found, drawn = side_by_side.compared(collections, seed=options.seed)
    found = plain(found)
    path = options.out / "explanations.html"
    path.write_text(page.render(found, drawn, release), encoding="utf-8")
    return found, path


def names_of(paths: list[Path]) -> list[str]:
    """Return a name for each network: its folder, with a number where two are called alike.

    >>> names_of([Path("a/checkpoint.safetensors"), Path("b/a/checkpoint.safetensors"), Path("c.safetensors")])
    ['a', 'a-2', 'c']
    """
    names: list[str] = []
    for path in paths:
        own = path.parent.resolve().name if path.stem == "checkpoint" else path.stem
        same = sum(name == own or name.startswith(f"{own}-") for name in names)
        names.append(f"{own}-{same + 1}" if same else own)
    return names


if __name__ == "__main__":
    sys.exit(main())
