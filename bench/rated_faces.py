"""A whole table of single ratings, as large as the published one: python -m bench rated_faces

2,222 faces, 15 rows each, two surveys of 20 attributes a row, 1,274 raters: the size of the 10k US Adult Faces. Timed
(processor time) is reading it into a folder and a release, and what a report then reads from the release: how far
people agree on one attribute, beside what the variances of the drawn ratings say, and by group of raters.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np

N_FACES, N_ROWS, N_RATERS, N_ATTRIBUTES = 2222, 15, 1274, 40
ABOUT = ("catch", "catchAns", "subID", "subage", "submale", "subrace")


def main(arguments=None):
    from analysis import raters
    from triplets.archive import read_release
    from triplets.importers.__main__ import main as convert

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        expected = _write(folder / "psychology-attributes.csv")
        started = time.process_time()
        assert convert(
            ["us-adult-faces", str(folder / "psychology-attributes.csv"), "--out", str(folder / "read"),
             "--release", str(folder / "release")]
        ) == 0  # fmt: skip
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"read and released: {time.process_time() - started:.1f} s of CPU, peak {peak:,.0f} MiB")
        release = read_release(folder / "release")
        names = tuple(release.manifest["study"]["attributes"])
        started = time.process_time()
        single = raters.single_ratings(release, names)
        print(f"{len(single):,} single ratings read again: {time.process_time() - started:.1f} s of CPU")
        started = time.process_time()
        found = raters.split_half(single.of(names[0]))
        print(f"reliability of one attribute {found:.3f} (by its variances {expected:.3f}): "
              f"{time.process_time() - started:.1f} s of CPU")  # fmt: skip
        at = np.arange(N_FACES // 2)
        said = np.stack([release.stimuli.attributes[name][at] for name in names], axis=1)
        started = time.process_time()
        groups = raters.by_group(single, release, at, said)
        print(f"{len(groups['rows'])} groups of {groups['n_raters']:,} raters on {len(at):,} faces: "
              f"{time.process_time() - started:.1f} s of CPU")  # fmt: skip


def _write(path: Path, seed: int = 0) -> float:
    """Write the table in the published form; return the reliability of one attribute by its variances."""
    rng = np.random.default_rng(seed)
    half = N_ATTRIBUTES // 2
    halves = [sorted([f"{letter}{k:02}" for k in range(half)] + list(ABOUT)) for letter in "ba"]
    truth = rng.normal(5, 1.2, (N_FACES, 2, half))
    n, between, within = 0, 0.0, 0.0
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(["Filename", "Image #", *halves[0], *halves[1]]) + "\n")
        for face in range(N_FACES):
            who = np.stack([rng.choice(N_RATERS, N_ROWS, replace=False) for _ in range(2)], axis=1)
            said = np.clip(np.round(truth[face] + 1.3 * rng.normal(size=(N_ROWS, 2, half))), 1, 9).astype(int)
            mean = said[:, 0, 0].mean()
            n, between, within = n + 1, between + (mean - 5) ** 2, within + said[:, 0, 0].var(ddof=1)
            for row, people in zip(said, who, strict=True):
                cells = [f"Person_{face:04}.jpg", str(face + 1)]
                for survey, rater, columns in zip(row, people.tolist(), halves, strict=True):
                    about = (4, 4, rater + 1, 1 + rater % 5, rater % 2, rater % 7)
                    known = dict(zip(ABOUT, about, strict=True))
                    ratings = iter(survey.tolist())
                    cells += [str(known[name]) if name in known else str(next(ratings)) for name in columns]
                file.write(",".join(cells) + "\n")
    return 1 - within / n / N_ROWS / (between / n)


if __name__ == "__main__":
    main()
