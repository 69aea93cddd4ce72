"""python -m triplets.importers FORMAT SOURCE --out DIR [--release DIR] [--images DIR] [--skip-bad] [--json]

Reads a study's collection as it was published and writes what `manage.py import_stimuli` reads: a manifest, landmarks
and, where they were in a table, pictures. Nothing is written where a file is bad, unless --skip-bad leaves it out.
"""

import argparse
import json
import shlex
import shutil
import sys
from pathlib import Path

from triplets.counting import counted
from triplets.importers import bp4d, bu3dfe, cifar10, fer2013, kdef, landmark_text, openface, us_adult_faces
from triplets.importers.faces import ManyBad, Options, SourceUnreadable, convert
from triplets.importers.labelled import write_labelled
from triplets.output import status_of

#: name -> (reader, landmark scheme or "", what the source is)
FORMATS = {
    "bu3dfe": (bu3dfe.read, "bu3dfe-83", "folder of F0001/F0001_AN01WH_F3D.bnd"),
    "bp4d": (bp4d.read, "bu3dfe-83", "folder of F001/T1/0012.bnd and F001_T1.csv"),
    "fer2013": (fer2013.read, "", "fer2013.csv"),
    "cifar10": (cifar10.read, "", "folder of batches, Python or binary"),
    "us-adult-faces": (us_adult_faces.read, "", "folder of attribute tables and pictures, or one table"),
    "kdef": (kdef.read, "", "folder of AF01/AF01NES.JPG"),
    "openface": (openface.read, "openface-68", "CSV of OpenFace, or a folder of them"),
    "mediapipe": (landmark_text.read_mediapipe, "mediapipe-478", "folder of .npy and pictures"),
    "pts": (landmark_text.read_pts, "", "folder of .pts and pictures"),
    "tem": (landmark_text.read_tem, "webmorph-189", "folder of WebMorph templates and pictures"),
}
#: Ends of the scale that a collection's attributes were rated on.
SCALES = {"us-adult-faces": (us_adult_faces.LOW, us_adult_faces.HIGH)}
N_SHOWN = 1000


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m triplets.importers",
        description=__doc__.split("\n\n")[1],
        epilog="FORMAT is one of: " + "; ".join(f"{name} ({what})" for name, (*_, what) in FORMATS.items()),
    )
    parser.add_argument("format", choices=list(FORMATS), metavar="FORMAT")
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that does not exist yet")
    parser.add_argument("--images", type=Path, metavar="DIR", help="folder of the pictures, where it is not SOURCE")
    parser.add_argument("--release", type=Path, metavar="DIR", help="also write a release, which trains on its labels")
    parser.add_argument("--subject", default="", metavar="REGEX", help="its first group in a name is the subject")
    parser.add_argument(
        "--width", type=float, default=0.0, help="tem, pts: of the pictures that the points were placed on, in pixels"
    )
    parser.add_argument("--all-frames", action="store_true", help="bp4d: do not choose among frames")
    parser.add_argument("--min-confidence", type=float, default=0.8, help="openface: pass over frames below it")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad files and rows out")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    given = parser.parse_args(arguments)
    reader, scheme, _ = FORMATS[given.format]
    options = Options(given.images, given.subject, given.width, given.all_frames, given.min_confidence)
    try:
        if given.release is not None and given.release.exists():
            raise SourceUnreadable(f"{given.release} exists: expected the name of a new folder")
        if not given.source.exists():
            raise SourceUnreadable(f"there is no {given.source}")
        found = convert(
            reader(given.source, options),
            given.out,
            scheme=scheme,
            images=given.images or (given.source if given.source.is_dir() else given.source.parent),
            skip_bad=given.skip_bad,
        )
        if given.release is not None:
            _release(found, given)
    except ManyBad as error:
        _show(error.bad)
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (SourceUnreadable, OSError) as error:
        print(f"error: {error}; nothing was written", file=sys.stderr)
        return 1
    _show(found.bad)
    command = _command(found)
    print(
        f"{counted(found.n_stimuli, 'stimulus', 'stimuli')} of {counted(found.n_subjects, 'subject')}, "
        f"{found.n_pictures:,} with a picture and "
        f"{found.n_landmarks:,} with landmarks: {found.folder}"
    )
    print(f"next: {command}")
    if (single := found.ratings) is not None:
        by = (
            counted(len(single.raters), "person", "people")
            if single.names_everybody
            else "people whom the table does not name"
        )
        print(f"{counted(len(single), 'rating')} of {counted(len(single.attributes), 'attribute')} by {by}")
        if single.names_everybody:
            print(f"and into a study of ratings: manage.py import_responses STUDY {found.folder / 'responses.csv'}")
    if given.release is not None:
        print(
            f"or without asking anybody: python -m learning {shlex.quote(str(given.release))} --recipe NAME --out DIR"
        )
    if given.json:
        counts = {name: getattr(found, f"n_{name}") for name in ("stimuli", "subjects", "pictures", "landmarks")}
        summary = {f"n_{name}": n for name, n in counts.items()} | {"n_left_out": len(found.bad)}
        if found.ratings is not None:
            summary |= {"n_ratings": len(found.ratings), "n_raters": len(found.ratings.raters)}
        print(json.dumps({"format": given.format, **summary, "scheme": found.scheme, "out": str(found.folder)}))
    return 0


def _release(found, given) -> None:
    """Write the release; where that fails, take the converted folder away again: both or nothing."""
    try:
        write_labelled(found, given.release, name=given.format, scale=SCALES.get(given.format))
    except BaseException:
        shutil.rmtree(found.folder)
        raise


def _show(bad: list) -> None:
    for problem in bad[:N_SHOWN]:
        print(problem, file=sys.stderr)
    if len(bad) > N_SHOWN:
        print(f"... and {len(bad) - N_SHOWN:,} more", file=sys.stderr)


def _command(found) -> str:
    """Return the command that imports what was written."""
    words = ["manage.py", "import_stimuli", "COLLECTION", "--manifest", str(found.folder / "stimuli.csv")]
    if found.n_pictures:
        words += ["--images", str(found.folder if (found.folder / "images").is_dir() else found.images)]
    if found.n_landmarks:
        words += ["--landmarks", str(found.folder / "landmarks.npz")]
        words += ["--scheme", found.scheme] if found.scheme else []
    return shlex.join(words)


if __name__ == "__main__":
    sys.exit(status_of(main))
