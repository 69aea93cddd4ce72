"""What the decoded pictures save: an epoch of a picture network with them, and decoding every picture each time.

python -m bench.pictures [--pictures 400] [--side 350]. CPU seconds of this process, on one thread; JPEGs of `side`
pixels, the small network of recipe picture-classes.
"""

import argparse
import io
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from learning import pictures
from learning.images import ImageLearner
from learning.networks.pictures import as_floats
from learning.recipes import recipe
from triplets import archive
from triplets.records import Ratings, Stimuli, Triplets


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--side", type=int, default=350)
    options = parser.parse_args(arguments if arguments is not None else [])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        release = drawn_release(Path(folder) / "release", options.pictures, options.side)
        config = recipe("picture-classes").config.with_changes({"device": "cpu", "epochs": 1})
        started = time.process_time()
        os.environ["PICTURE_CACHE_DIR"] = str(Path(folder) / "cache")
        loaded = pictures.load_pictures(release, size=48, channels=1, crop="whole")
        filling = time.process_time() - started
        learner = ImageLearner(release, config, seed=0, device=torch.device("cpu"))
        n = len(learner.train_items)
        print(
            f"{len(loaded)} pictures of {options.side} pixels, {n} of them to train on; decoded once: {filling:.2f} s"
        )
        kept = {"reading": reading(learner), "an epoch": epoch(learner)}
        learner._floats = lambda positions: decoded_again(release, positions)
        again = {"reading": reading(learner), "an epoch": epoch(learner)}
        print(f"pictures a second: kept {n / kept['reading']:.0f}, decoded each time {n / again['reading']:.0f}")
        for what, seconds in kept.items():
            print(
                f"{what}: kept {seconds:.2f} s, {1 / seconds:.2f} a second; decoding each time {again[what]:.2f} s, "
                f"{1 / again[what]:.2f} a second; ratio {again[what] / seconds:.1f}"
            )


def reading(learner) -> float:
    """Return the CPU seconds of reading every training picture once, in batches."""
    started = time.process_time()
    for step in range(learner.steps_per_epoch):
        learner._floats(learner._batch(step))
    return max(1e-6, time.process_time() - started)


def epoch(learner) -> float:
    """Return the CPU seconds of one epoch, forward and backward."""
    generator = torch.Generator().manual_seed(0)
    started = time.process_time()
    for step in range(learner.steps_per_epoch):
        learner.loss(step, generator)[0].backward()
    return time.process_time() - started


def decoded_again(release, positions: torch.Tensor) -> torch.Tensor:
    found = [pictures.decode(release.picture_bytes(row), size=48, channels=1) for row in positions.tolist()]
    return as_floats(torch.from_numpy(np.stack(found)))


def drawn_release(folder: Path, n: int, side: int) -> archive.Release:
    """Write and read a release of JPEGs: three classes of smooth noise."""
    rng, contents = np.random.default_rng(0), {}
    for number in range(n):
        small = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
        contents[f"images/{number}.jpg"] = buffer.getvalue()
    nothing = np.array([])
    stimuli = Stimuli(
        key=np.array([f"k{i}" for i in range(n)]), subject=np.array([f"s{i // 4}" for i in range(n)]),
        class_label=np.array(["a", "b", "c"])[np.arange(n) % 3], degree=np.full(n, np.nan),
        is_neutral=np.full(n, -1, dtype=np.int8), split=np.full(n, ""), picture=np.array(list(contents)),
    )  # fmt: skip
    triplets = Triplets(
        *np.zeros((3, 0), dtype=np.int64), n_positive=nothing.astype(int), n_votes=nothing.astype(int),
        weight=nothing.astype(int), posterior=nothing, split=np.array([], dtype=str),
        is_same_subject=np.array([], dtype=np.int8), sampler=np.array([], dtype=str), question=nothing.astype(int),
    )  # fmt: skip
    archive.write_release(
        folder, study={"name": "drawn", "kind": "rating"}, collection={"name": "drawn", "landmark_scheme": ""},
        settings={}, stimuli=stimuli, landmarks=None, triplets=triplets,
        ratings=Ratings(*(np.array([], dtype=kind) for kind in (int, str, float, float, int, float, str))),
        responses=[], pictures=contents.items(),
    )  # fmt: skip
    return archive.read_release(folder)


if __name__ == "__main__":
    main()
