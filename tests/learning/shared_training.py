"""What `test_distribution.py` lets torch's launcher start twice: trainings whose result one process also computes."""

import json
import sys
from pathlib import Path

import torch

from learning.distribution import Share, end, joined
from learning.recipes import recipe
from learning.training import TrainingDiverged, train_release
from tests.learning.judged import crowd
from tests.learning.picture_releases import picture_release
from tests.learning.releases import tiny_release
from tests.learning.test_training import tiny
from triplets.archive import read_release

VAE = {"dropout_keep": 1, "n_steps": 40, "validate_every": 10, "batch_size": 47, "triplet_batch_size": 15}
VARIANTS = {
    "shared": VAE,
    "separate": VAE
    | {"batch": "separate", "triplet_term": "sampled", "n_samples": 3, "ema": 0.9, "likelihood": "votes"},
    "dropout": VAE | {"dropout_keep": 0.9, "n_steps": 150},
}
PICTURES = {"epochs": 1, "size": 16, "device": "cpu", "dropout_keep": 1, "batch_size": 16, "validate_every": 0,
            "rotation": 5, "mirror": "yes", "jitter": 0.01, "batch_norm": "no", "hidden": "32,16,8"}  # fmt: skip


def trainings(folder: Path) -> dict:
    """Return {name: (release, config)}."""
    found = {name: (tiny_release(), tiny(**changes)) for name, changes in VARIANTS.items()}
    found["pictures"] = (
        read_release(folder / "pictures"),
        recipe("fer2013-networks/feed-forward").config.with_changes(PICTURES),
    )
    for name in ("ordinal-embedding", "annotator-embedding"):
        few = {"n_steps": 20, "n_latent": 2, "n_members": 2, "device": "cpu", "triplet_batch_size": 301}
        found[name] = (read_release(folder / "crowd"), recipe(name).config.with_changes(few))
    return found


def prepare(folder: Path) -> None:
    picture_release(folder / "pictures", n_subjects=5)
    crowd(folder / "crowd", n=12, n_each=60, n_test=20)


def figures(folder: Path, out: Path, share: Share) -> dict:
    made = {}
    for name, (release, config) in trainings(folder).items():
        result = train_release(release, config, seed=3, out=out / name, share=share)
        made[name] = {"metrics": result.metrics, "curve": result.curve, "steps": result.steps}
    return made


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    with joined("cpu") as (share, _):
        made = figures(folder, out, share)
        release, config = trainings(folder)["shared"]
        fourth = iter([False] * 3 + [True])
        stopped = train_release(
            release, config, seed=3, out=out / "stopped", share=share,
            should_stop=(lambda: next(fourth)) if share.is_first else (lambda: False),
        )  # fmt: skip
        made["stopped"] = {"steps": stopped.steps}
        resumed = train_release(release, config, seed=3, out=out / "stopped", share=share)
        made["resumed"] = {"metrics": resumed.metrics, "curve": resumed.curve}
        wild = config.with_changes({"optimiser": "sgd", "learning_rate": 10, "clip_norm": 0, "n_steps": 400})
        try:
            train_release(release, wild, seed=3, out=out / "wild", share=share)
        except TrainingDiverged as error:
            made["diverged"] = str(error)
        (folder / f"figures-{share.rank}.json").write_text(json.dumps(made))


if __name__ == "__main__":
    main()
    end(0)
