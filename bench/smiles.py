"""What a network looks at that learnt to tell smiling from neutral faces: python -m bench.smiles [--keep DIR]

London faces (102 people, neutral and smiling; skipped where ../shared/data is absent): the small network of the recipe
`picture-classes`, people held out, trained once a seed, which divides the people anew. Then each part of the held-out
smiling faces is painted over with that face's own skin colour: how the score "smiling against neutral" changes, and in
how many faces the mouth lowers it most (chance 1 in 5). --keep leaves the release and the networks in DIR, for
`python -m analysis explain DIR/run-0 DIR/release --out DIR/maps`.
"""

import argparse
import csv
import os
import tempfile
from pathlib import Path

import numpy as np

from triplets import archive
from triplets.records import Landmarks, Ratings, Stimuli, Triplets


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    options = parser.parse_args(arguments if arguments is not None else [])
    folder = Path(os.environ.get("SEMBLANCE_SHARED_DATA", "../shared/data")) / "london"
    if not folder.is_dir():
        print(f"smiles: skipped, {folder} is absent")
        return
    # Imported here, so that the absence of data is said at once: torch takes seconds to load.
    from analysis.explaining import asked as asking
    from analysis.explaining import gathered
    from analysis.explaining.faces import Faces
    from analysis.gradients import picture_score
    from analysis.occlusion import occlusion
    from learning.checkpoints import load_checkpoint
    from learning.recipes import recipe
    from learning.training import train_release
    from triplets.intervals import SHARE

    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("PICTURE_CACHE_DIR", place)
        kept = options.keep or Path(place)
        release = london(folder, kept / "release")
        changes, people, right, names = [], [], [], ()
        for seed in options.seeds:
            changed = {"crop": "face", "size": str(options.size), "epochs": str(options.epochs), "channels": "3",
                       "device": "cpu"}  # fmt: skip
            config = recipe("picture-classes").config.with_changes(changed)
            out = kept / f"run-{seed}"
            checkpoint = load_checkpoint(train_release(release, config, seed=seed, out=out).checkpoint)
            faces = Faces(checkpoint, release, "cpu")
            asked, split = asking.ask(checkpoint, release, faces.pictures, faces.outputs)
            right.append(asked.is_right)
            smiling = asked.where(np.flatnonzero(asked.group == "smiling"))
            batch = faces.batch(smiling)
            found = occlusion(picture_score(faces.network), batch.x, batch.direction, batch.regions)
            changes.append(found.change)
            people.append(faces.people[smiling.position])
            names = found.names
            lowest = float((found.change.argmin(axis=1) == 0).mean())
            print(f"seed {seed}: {split} accuracy {asked.is_right.mean():.2f} of {len(asked)}, mouth lowest in "
                  f"{lowest:.2f} of {len(smiling)} smiling faces", flush=True)  # fmt: skip
    print(f"accuracy on people held out: {np.concatenate(right).mean():.3f}")
    everybody = np.concatenate(people)
    for row in gathered.occlusion_table(names, np.concatenate(changes), everybody):
        change, most = row["change"], row["lowest"]
        print(f"without {row['part']:9s}: change {change['value']:+.2f} [{change['low']:+.2f}, {change['high']:+.2f}], "
              f"lowers most in {most['value']:.3f} [{most['low']:.3f}, {most['high']:.3f}]")  # fmt: skip
    hits = (np.concatenate(changes).argmin(axis=1) == names.index("mouth")).astype(float)
    share = gathered.estimate(hits, everybody, scale=SHARE)
    print(f"mouth lowers the score most in {share['value']:.3f} [{share['low']:.3f}, {share['high']:.3f}] of "
          f"{share['n']} faces of {len(set(everybody.tolist()))} people; chance .200")  # fmt: skip


def london(folder: Path, out: Path) -> archive.Release:
    """Return the London faces as a release without judgements, written to a folder."""
    faces = rows_of(folder / "stimuli.csv")
    return written(
        folder, out, faces, study="London faces", collection="london",
        subject=np.array([face["subject"] for face in faces]),
        class_label=np.array([face["expression"] for face in faces]),
        is_neutral=np.array([int(face["is_neutral"]) for face in faces], np.int8),
    )  # fmt: skip


def rows_of(path: Path) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def written(folder: Path, out: Path, faces: list[dict], *, study: str, collection: str, **columns) -> archive.Release:
    """Return faces with their pictures and landmarks as a release without judgements, written to a folder.

    folder : holds the files that the rows `faces` name, and landmarks.npz; columns : of `Stimuli`
    """
    files, n = [face["file"] for face in faces], len(faces)
    place = {file: row for row, file in enumerate(files)}
    with np.load(folder / "landmarks.npz", allow_pickle=False) as arrays:
        rows = np.array([place[str(name)] for name in arrays["file"]])
        landmarks = Landmarks(rows, arrays["points"], "mediapipe-478")
    whole, number, text = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, str)
    unknown = np.full(n, "")
    stimuli = Stimuli(
        key=np.array(files), degree=np.full(n, np.nan), split=unknown, picture=np.array(files),
        **{"class_label": unknown, "is_neutral": np.full(n, -1, np.int8)} | columns,
    )  # fmt: skip
    archive.write_release(
        out, study={"name": study}, collection={"name": collection, "landmark_scheme": "mediapipe-478"},
        settings={}, stimuli=stimuli, landmarks=landmarks,
        triplets=Triplets(whole, whole, whole, whole, whole, whole, number, text, whole.astype(np.int8), text, whole),
        ratings=Ratings(whole, text, number, number, whole, number, text), responses=[],
        pictures=[(file, (folder / file).read_bytes()) for file in files],
    )  # fmt: skip
    return archive.read_release(out)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
