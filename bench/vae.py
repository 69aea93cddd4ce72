"""How soon the default topological VAE is as good as the published recipe: python -m bench.vae [--published-steps N]

"posed": 100 subjects x 25, 8,000 artificial training triplets, 1,000 for validation and test, as the thesis. Both are
trained here, one after the other, and judged at each of their validations by the test triplets that the best network
so far (by validation bound) satisfies. The time is CPU time of one thread without the judging; the default is trained
before and after the published recipe, so that other work on the machine weighs on both. Many at once and what a GPU
does, `bench.vae_stacked` and parts of `bench.gpu`, are run at the end.

"asked" (for other measurements): questions as a study designs them, five answers of simulated people each.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from bench import vae_stacked
from learning.checkpoints import load_checkpoint
from learning.embedding import embed
from learning.recipes import recipe
from learning.training import train_release
from triplets import archive, geometry
from triplets.artificial import artificial_triplets
from triplets.design import design_by_split
from triplets.records import Landmarks, Ratings, Stimuli, Triplets
from triplets.synthetic import SCHEME, make_collection, perceived_distance

PUBLISHED, DEFAULT = "topological-vae-posed-published", "topological-vae"
N_ANSWERS, NOISE, LAPSES = 5, 0.25, 0.03


def main(arguments=()):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, default=100)
    parser.add_argument("--published-steps", type=int, default=10_000, help="of 100,000 iterations, which take an hour")
    parser.add_argument("--recipe", default=DEFAULT, help="what is compared with the published recipe")
    parser.add_argument("--set", dest="changes", action="append", default=[])
    options = parser.parse_args(list(arguments))
    faces = posed(options.subjects)
    config = recipe(options.recipe).config.with_changes(dict(text.split("=", 1) for text in options.changes))
    published = recipe(PUBLISHED).config.with_changes({"n_steps": options.published_steps})
    before, metrics = curve(faces, config)
    reference, _ = curve(faces, published, report=True)
    after, _ = curve(faces, config)
    ours = [{**one, "cpu": (one["cpu"] + other["cpu"]) / 2} for one, other in zip(before, after, strict=True)]
    print(
        f"{options.recipe}: satisfied {ours[-1]['satisfied']:.3f} of test triplets after {ours[-1]['cpu']:.1f} s of CPU"
    )
    for point in reference:
        print(f"as good as {PUBLISHED} after {point['step']} iterations: {compared(point, ours)}")
    for name, key in (("expression minus neutral", "neutral_difference"), ("raw landmarks", "raw")):
        plain = metrics[f"satisfied_{key}_test"]
        print(f"above {name} ({plain:.3f}) by {ours[-1]['satisfied'] - plain:.3f}")
    vae_stacked.main()


def curve(faces: archive.Release, config, *, seed: int = 0, report: bool = False) -> tuple[list[dict], dict]:
    """Return step, cpu and satisfied test triplets of the best network so far at each validation, and the figures."""
    points, judging, started = [], 0.0, time.process_time()
    with tempfile.TemporaryDirectory() as folder:

        def judge(progress):
            nonlocal judging
            if not progress.is_point:
                return
            now = time.process_time()
            share = satisfied(faces, Path(folder) / "checkpoint.safetensors")
            points.append({"step": progress.step, "cpu": now - started - judging, "satisfied": share})
            judging += time.process_time() - now
            if report:
                print(f"  published, iteration {progress.step}: satisfied {share:.3f} after "
                      f"{points[-1]['cpu']:.0f} s of CPU", flush=True)  # fmt: skip

        result = train_release(faces, config, seed=seed, out=Path(folder), on_progress=judge)
    return points, result.metrics


def satisfied(faces: archive.Release, checkpoint) -> float:
    """Return the share of test triplets that a checkpoint satisfies; every stimulus of the set is embedded."""
    rows = faces.triplets.rows[faces.triplets.split == "test"]
    return geometry.satisfied_fraction(embed(load_checkpoint(checkpoint), faces).mean, rows)


def compared(point: dict, ours: list[dict]) -> str:
    """Return when one of our points first reaches another's share, and how many times less CPU time that is.

    >>> compared({"step": 9, "cpu": 50.0, "satisfied": 0.9}, [{"step": 5, "cpu": 2.0, "satisfied": 0.92}])
    'step 5 (0.920 for 0.900), 2.0 s for 50.0 s: 25 times less; to its end 25 times less'
    """
    reached = next((one for one in ours if one["satisfied"] >= point["satisfied"]), None)
    if reached is None:
        return f"never ({max(one['satisfied'] for one in ours):.3f} at most for {point['satisfied']:.3f})"
    return (
        f"step {reached['step']} ({reached['satisfied']:.3f} for {point['satisfied']:.3f}), {reached['cpu']:.1f} s for "
        f"{point['cpu']:.1f} s: {point['cpu'] / reached['cpu']:.0f} times less; to its end "
        f"{point['cpu'] / ours[-1]['cpu']:.0f} times less"
    )


def posed(n_subjects: int = 100, n_train: int | None = None) -> archive.Release:
    """Return a release like the thesis' posed data, in memory: 80, 10 and 10 of 100 subjects, artificial triplets."""
    faces = make_collection(n_subjects, seed=0)
    stimuli, landmarks = records(faces, (0.8, 0.1, 0.1))
    parts, splits = [], []
    for number, split in enumerate(("train", "validation", "test")):
        rows = np.flatnonzero(stimuli.split == split)
        n = (n_train or 80 * n_subjects) if split == "train" else 1000
        made = artificial_triplets(
            stimuli.class_label[rows], stimuli.degree[rows], stimuli.is_neutral[rows], n=n, seed=number
        )
        parts.append(rows[made])
        splits += [split] * len(made)
    ones = np.ones(len(splits), dtype=np.int64)
    return release(stimuli, landmarks, np.concatenate(parts), ones, ones, np.array(splits))


def asked(n_subjects: int = 30, shares=(0.7, 0.15, 0.15)) -> archive.Release:
    """Return a release of 6 questions a stimulus / 3, each answered by five simulated people, ties impossible."""
    faces = make_collection(n_subjects, seed=0)
    stimuli, landmarks = records(faces, shares)
    questions = design_by_split(stimuli.subject, stimuli.split, k_same=3, k_different=3, seed=0).triplets
    units = np.stack([face.action_units for face in faces])
    first = perceived_distance(units[questions[:, 0]], units[questions[:, 1]])
    second = perceived_distance(units[questions[:, 0]], units[questions[:, 2]])
    rng = np.random.default_rng(0)
    margin = (second - first)[:, None] + NOISE * rng.standard_normal((len(questions), N_ANSWERS))
    guess = rng.random(margin.shape) < LAPSES
    n_first = np.where(guess, rng.random(margin.shape) < 0.5, margin > 0).sum(axis=1)
    is_first = n_first > N_ANSWERS / 2
    rows = np.where(is_first[:, None], questions, questions[:, [0, 2, 1]])
    n_positive = np.where(is_first, n_first, N_ANSWERS - n_first)
    votes = np.full(len(rows), N_ANSWERS)
    return release(stimuli, landmarks, rows, n_positive, votes, stimuli.split[rows[:, 0]])


def records(faces, shares) -> tuple[Stimuli, Landmarks]:
    subjects = np.array([face.subject for face in faces])
    names = np.unique(subjects)
    n_train, n_validation = round(shares[0] * len(names)), round(shares[1] * len(names))
    side = dict(zip(np.random.default_rng(0).permutation(names).tolist(), range(len(names)), strict=True))
    place = np.array([side[name] for name in subjects.tolist()])
    split = np.where(place < n_train, "train", np.where(place < n_train + n_validation, "validation", "test"))
    stimuli = Stimuli(
        key=np.array([face.key for face in faces]),
        subject=subjects,
        class_label=np.array([face.class_label for face in faces]),
        degree=np.array([float(face.degree) for face in faces]),
        is_neutral=np.array([int(face.is_neutral) for face in faces], dtype=np.int8),
        split=split,
        picture=np.array([""] * len(faces)),
    )
    points = np.stack([face.landmarks for face in faces]).astype(np.float32)
    return stimuli, Landmarks(np.arange(len(faces)), points, SCHEME)


def release(stimuli, landmarks, rows, n_positive, n_votes, split) -> archive.Release:
    n = len(rows)
    triplets = Triplets(
        *rows.T,
        n_positive=n_positive,
        n_votes=n_votes,
        weight=2 * n_positive - n_votes,
        posterior=np.full(n, np.nan),
        split=split,
        is_same_subject=np.full(n, -1, dtype=np.int8),
        sampler=np.full(n, ""),
        question=np.arange(n),
    )
    nothing = np.array([])
    ratings = Ratings(nothing.astype(int), *[nothing] * 6)
    return archive.Release(Path("bench"), "0" * 64, {}, stimuli, landmarks, triplets, ratings)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
