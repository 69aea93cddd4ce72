"""Small releases and runs for tests: faces of five moving points, triplets that a known distance answered."""

from types import SimpleNamespace

import numpy as np
from django.core.files import File

from learning import services
from triplets import archive
from triplets.models import Collection, QuestionSet, Release
from triplets.records import Landmarks, Ratings, Stimuli, Triplets

N_SUBJECTS, N_FRAMES, N_POINTS = 15, 4, 8
CLASSES = ("neutral", "happiness", "sadness", "surprise")
FAST = {"training.n_steps": "60", "training.validate_every": "20", "training.save_every": "0", "encoder": "16",
        "decoder": "16", "n_latent": "4"}  # fmt: skip


def write_release(directory, *, n_triplets=240, seed=0, name="smiles"):
    """Write a release folder: subjects differ, expressions are movements that all subjects share."""
    rng = np.random.default_rng(seed)
    n = N_SUBJECTS * N_FRAMES
    subject, frame = np.divmod(np.arange(n), N_FRAMES)
    shape = 10 * rng.normal(size=(N_SUBJECTS, N_POINTS, 2))
    movement = np.concatenate([np.zeros((1, N_POINTS, 2)), 3 * rng.normal(size=(N_FRAMES - 1, N_POINTS, 2))])
    points = shape[subject] + movement[frame] + 0.3 * rng.normal(size=(n, N_POINTS, 2))
    split = np.repeat(["train", "validation", "test"], [9, 3, 3])[subject]
    rows = []
    while len(rows) < n_triplets:
        chosen = ("train", "train", "validation", "test")[len(rows) % 4]
        a, p, q = rng.choice(np.flatnonzero(split == chosen), 3, replace=False)
        same = [np.linalg.norm(movement[frame[a]] - movement[frame[other]]) for other in (p, q)]
        if frame[p] != frame[q]:
            rows.append((a, p, q) if same[0] < same[1] else (a, q, p))
    rows = np.array(rows)
    votes = rng.choice([3, 4, 5], n_triplets)
    return archive.write_release(
        directory,
        study={"name": name, "kind": "triplet"},
        collection={"name": "faces", "licence": "CC0", "landmark_scheme": ""},
        settings={"responses_per_question": 5},
        stimuli=Stimuli(
            key=np.array([f"{s:02d}-{f}" for s, f in zip(subject, frame, strict=True)]),
            subject=np.array([f"{s:02d}" for s in subject]),
            class_label=np.array(CLASSES)[frame],
            degree=np.where(frame == 0, 0.0, 1.0),
            is_neutral=(frame == 0).astype(np.int8),
            split=split,
            picture=np.full(n, ""),
        ),
        landmarks=Landmarks(np.arange(n), points.astype(np.float32), ""),
        triplets=Triplets(
            *rows.T,
            n_positive=votes,
            n_votes=np.full(n_triplets, 5),
            weight=2 * votes - 5,
            posterior=np.full(n_triplets, np.nan),
            split=split[rows[:, 0]],
            is_same_subject=(np.ptp(subject[rows], axis=1) == 0).astype(np.int8),
            sampler=np.full(n_triplets, "design"),
            question=np.arange(n_triplets),
        ),
        ratings=Ratings(*(np.array([], dtype=kind) for kind in (int, str, float, float, int, float, str))),
        responses=[],
    )


def make_release(folder, *, name="smiles-v1", collection="faces", **changes) -> Release:
    """Write, pack and store a release, and return its row."""
    write_release(folder / "release", **changes)
    return stored(folder, name=name, collection=collection)


def stored(folder, *, name="smiles-v1", collection="faces") -> Release:
    """Pack and store the release that lies in `folder / "release"`, and return its row."""
    return store_release(folder / "release", name=name, collection=collection)


def store_release(folder, *, name, collection="faces") -> Release:
    """Pack a release folder, store it on the site, and return its row."""
    found, packed = archive.read_release(folder), folder.with_suffix(".zip")
    archive.write_zip(folder, packed)
    row, _ = Collection.objects.get_or_create(name=collection)
    question_set, _ = QuestionSet.objects.get_or_create(name=name.rpartition("-")[0], collection=row)
    release = Release(
        name=name, collection=row, question_set=question_set, version=1, sha256=found.sha256,
        manifest=found.manifest, n_triplets=found.manifest["counts"]["triplets"],
    )  # fmt: skip
    with open(packed, "rb") as file:
        release.archive.save(f"{name}.zip", File(file), save=True)
    return release


class FakeTrainer:
    """Takes the place of `train_release`: reports `n_steps` steps and writes a real, untrained checkpoint."""

    def __init__(self, n_steps=5, *, at_step=None, curve=()):
        self.n_steps, self.at_step, self.curve = n_steps, at_step or (lambda step: None), list(curve)
        self.calls = []

    def __call__(self, release, config, *, seed, out, recipe_name, start, on_progress, should_stop):
        self.calls.append(
            SimpleNamespace(release=release, config=config, seed=seed, out=out, recipe=recipe_name, start=start)
        )
        status, step = "finished", 0
        for step in range(1, self.n_steps + 1):
            write_checkpoint(out / "checkpoint.safetensors", config, seed, release, step)
            metrics = {"loss": 1 / step, "odd": float("nan")}
            on_progress(
                SimpleNamespace(step=step, n_steps=self.n_steps, metrics=metrics, seconds_left=1.0, is_point=True)
            )
            self.at_step(step)
            if should_stop():
                status = "stopped"
                break
        return SimpleNamespace(
            status=status, checkpoint=out / "checkpoint.safetensors", steps=step, seconds=0.1, satisfied_train=0.9,
            satisfied_validation=0.8, satisfied_test=0.7, metrics={"loss": 1 / step}, curve=self.curve,
        )  # fmt: skip


def write_checkpoint(path, config, seed, release, step):
    import torch

    from learning import checkpoints, datasets

    torch.manual_seed(seed)
    preprocessing = datasets.landmark_dataset(release).preprocessing
    network = checkpoints.build_network(config, preprocessing)
    checkpoints.save_checkpoint(
        path, network, config=config, recipe="topological-vae", seed=seed, release_sha256=release.sha256, step=step,
        metrics={"loss": 1 / step}, curve=[], preprocessing=preprocessing, code_version="test",
    )  # fmt: skip


def make_run(release, **changes):
    return services.create_run(release, "topological-vae", {**FAST, **changes})
