"""Judgements of real people without landmarks: 20 people about 36 faces, 415 people about 30 drawn shapes.

Floors stand about two points below what was measured (docs/embeddings.md), the width of chance in a test split.
"""

import csv

import numpy as np
import pytest

from learning.recipes import recipe
from learning.training import train_release
from tests.learning import judged, releases

pytestmark = pytest.mark.shared_data


def read(folder, where):
    """Return (stimuli rows, responses that have a split by where) of one folder of the shared data."""
    with open(folder / "stimuli.csv") as file:
        stimuli = list(csv.DictReader(file))
    with open(folder / "responses.csv") as file:
        found = [row | {"split": where(row)} for row in csv.DictReader(file)]
    return stimuli, [row for row in found if row["split"]]


def release_of(path, stimuli, found):
    """Write a release of single responses and of the verdicts that they give, split by split."""
    keys = [row["stimulus"] for row in stimuli]
    position = {key: row for row, key in enumerate(keys)}
    known = {name: np.array([row[name] for row in stimuli]) for name in stimuli[0]}
    extra = {name: known[name] for name in ("race", "sex") if name in known}
    records = releases.stimuli(len(keys), subject=known.get("subject"), extra=extra)
    object.__setattr__(records, "key", np.array(keys))
    if "expression" in known:  # as on import
        object.__setattr__(records, "class_label", known["expression"])
    rows, first_chosen, first_left, numbers, votes = [], [], [], {}, {}
    for row in found:
        first, second = sorted((position[row["first"]], position[row["second"]]))
        rows.append((position[row["reference"]], first, second))
        first_chosen.append(position[row["chosen"]] == first)
        first_left.append(position[row["first"]] == first)  # in the file, the first was shown on the left
        number = numbers.setdefault((*rows[-1], row["split"]), len(numbers))
        votes[number] = votes.get(number, 0) + (1 if first_chosen[-1] else -1)
    question = [numbers[(*place, row["split"])] for place, row in zip(rows, found, strict=True)]
    table = judged.responses_table(
        keys, rows, first_chosen, [row["worker"] for row in found], [row["split"] for row in found],
        question=question, is_first_left=first_left, ms=[int(row["rt_ms"]) for row in found],
    )  # fmt: skip
    settled = [(asked, number) for asked, number in numbers.items() if votes[number]]
    verdicts = [(r, a, b) if votes[number] > 0 else (r, b, a) for (r, a, b, _), number in settled]
    triplets = releases.triplets(verdicts, [asked[3] for asked, _ in settled])
    object.__setattr__(triplets, "question", np.array([number for _, number in settled]))
    return judged.write(path, records, triplets, table)


@pytest.fixture(scope="module")
def faces(shared_data, tmp_path_factory):
    stimuli, found = read(shared_data / "cfd36", lambda row: row["split"])
    return release_of(tmp_path_factory.mktemp("cfd36") / "r", stimuli, found)


def trained(release, name, out, **changes):
    config = recipe(name).config.with_changes({"device": "cpu"} | {k: str(v) for k, v in changes.items()})
    return train_release(release, config, seed=0, out=out).metrics


def test_people_are_predicted_better_one_by_one(faces, tmp_path):
    metrics = trained(faces, "annotator-embedding", tmp_path, n_latent=6, n_members=16)
    assert metrics["n_responses_test"] == 3938 and metrics["n_annotators"] == 20
    assert metrics["groups"] == ["subject"] and metrics["moods"] == ["subject", "class_label", "race", "sex"]
    assert metrics["satisfied_test_pooled"] >= 0.724
    assert metrics["satisfied_test_conditional"] >= 0.758
    assert metrics["satisfied_test_conditional"] > metrics["satisfied_test_pooled"] + 0.02


@pytest.mark.parametrize("loss", ["bradley-terry", "t-ste", "soe"])
def test_triplets_alone_place_faces(faces, tmp_path, loss):
    metrics = trained(faces, "ordinal-embedding", tmp_path, judgement_loss=loss)
    assert metrics["n_responses_test"] == 3938
    assert metrics["satisfied_test_pooled"] >= 0.705


def test_drawn_shapes_lie_on_their_one_dimension(shared_data, tmp_path):
    sides = {"RandomSampling": "train", "Test": "test"}
    stimuli, found = read(shared_data / "alien_eggs", lambda row: sides.get(row["stream"], ""))
    release = release_of(tmp_path / "r", stimuli, found)
    metrics = trained(release, "ordinal-embedding", tmp_path / "run", n_latent=1)
    assert metrics["n_responses_test"] == 4014
    assert metrics["satisfied_test_pooled"] >= 0.825
