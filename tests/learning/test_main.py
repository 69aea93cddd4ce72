import json
from types import SimpleNamespace

import numpy as np
import pytest

from learning.__main__ import main
from learning.checkpoints import load_checkpoint
from learning.recipes import RECIPES, groups
from learning.studies import STUDIES
from learning.telling import print_split
from tests.learning import releases
from triplets import archive

SMALL = ["--set", "n_steps=20", "encoder=16", "decoder=16", "--set", "n_latent=3", "--set", "validate_every=10"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    it = releases.tiny_release(n_train=40)
    target = tmp_path_factory.mktemp("release") / "tiny"
    archive.write_release(
        target, study={"name": "tiny"}, collection={"name": "tiny", "landmark_scheme": ""}, settings={},
        stimuli=it.stimuli, landmarks=it.landmarks, triplets=it.triplets, ratings=it.ratings, responses=[],
    )  # fmt: skip
    return target


def test_it_trains_without_a_database_and_ends_with_json(folder, tmp_path, capsys):
    assert (
        main([str(folder), "--recipe", "topological-vae", "--out", str(tmp_path), *SMALL, "--seed", "4", "--json"]) == 0
    )
    lines = capsys.readouterr().out.strip().splitlines()
    last = json.loads(lines[-1])
    keys = {"recipe", "satisfied_train", "satisfied_validation", "satisfied_test", "seconds", "steps", "checkpoint"}
    assert keys <= set(last)
    assert last["recipe"] == "topological-vae" and last["steps"] == 20 and 0 <= last["satisfied_test"] <= 1
    assert last["checkpoint"] == str(tmp_path / "checkpoint.safetensors")
    assert any("expression minus neutral" in line and "chance .5" in line for line in lines)


def test_a_split_without_triplets_is_not_passed_over(capsys):
    result = SimpleNamespace(metrics={"satisfied_test": None, "n_triplets_test": 0})
    print_split(result, "test")
    print_split(SimpleNamespace(metrics={"accuracy_test": 1.0}), "test")  # of pictures: nothing was to be said
    assert capsys.readouterr().out == "test: the release has no triplets of this split\n"


def test_several_seeds_train_at_once(folder, tmp_path, capsys):
    command = [str(folder), "--out", str(tmp_path / "seeds"), *SMALL, "--seed", "4", "--seeds", "3", "--json"]
    assert main(command) == 0
    *lines, last = capsys.readouterr().out.strip().splitlines()
    members = json.loads(last)["members"]
    assert [member["seed"] for member in members] == [4, 5, 6]
    assert lines[0].startswith("seed 4: test satisfied") and "standard deviation over seeds" in lines[3]
    assert load_checkpoint(tmp_path / "seeds" / "2" / "checkpoint.safetensors").seed == 5
    assert main(command) == 1
    assert "is not empty: choose another folder" in capsys.readouterr().err


def test_every_recipe_is_listed_with_its_origin(capsys):
    assert main(["--list"]) == 0
    sections = [part.splitlines() for part in capsys.readouterr().out.strip().split("\n\n")]
    assert [title for title, *_ in sections] == [*groups(), "Whole studies"]
    *recipes, studies = ([line.strip() for line in lines] for _, *lines in sections)
    listed = [line for lines in recipes for line in lines]
    assert {line.split(":")[0] for line in listed} == set(RECIPES) and len(listed) == len(RECIPES)
    assert all(RECIPES[line.split(":")[0]].source in line for line in listed)
    assert [line.split(":")[0] for line in studies] == list(STUDIES)
    said = (
        "Arbabzadah et al. 2016",
        "Xiao 2024",
        "Wright et al. 2019",
        "Senadeera",
        "tables 6.6 to 6.13",
        "6.15 to 6.22",
    )
    assert all(source in line for source, line in zip(said, studies, strict=True))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "vae"], "no recipe 'vae'"),
        (["--set", "n_steps"], "'n_steps': expected key=value"),
        (["--set", "n_steps=x"], "'x': expected a whole number"),
        (["--seed", "-1"], "seed is -1"),
        (["--seeds", "0"], "--seeds is 0: expected 1 or more"),
        (["--seeds", "2", "--recipe", "ordinal-embedding"], "only topological VAEs are trained in stacks"),
        (["--set", "device=cuda:9"], "'cuda:9'"),
    ],
)
def test_bad_input_gives_one_sentence_and_an_exit_code(folder, tmp_path, capsys, arguments, said):
    assert main([str(folder), "--out", str(tmp_path), *arguments]) == 1
    error = capsys.readouterr().err.strip()
    assert said in error and "Traceback" not in error and len(error.splitlines()) == 1


def test_no_release_and_no_arguments(tmp_path, capsys):
    assert main([str(tmp_path / "nothing"), "--out", str(tmp_path)]) == 1
    assert "no release at" in capsys.readouterr().err
    with pytest.raises(SystemExit) as error:
        main([])
    assert error.value.code == 2
    (tmp_path / "folder").mkdir()
    assert main([str(tmp_path / "folder"), "--out", str(tmp_path)]) == 1


def test_a_release_without_landmarks_is_refused(tmp_path, capsys):
    faces, it = releases.stimuli(3), releases.tiny_release(n_train=40)
    archive.write_release(
        tmp_path / "r", study={"name": "s"}, collection={"name": "c"}, settings={}, stimuli=faces, landmarks=None,
        triplets=releases.triplets(np.array([[0, 1, 2]]), "train"), ratings=it.ratings, responses=[],
    )  # fmt: skip
    assert main([str(tmp_path / "r"), "--out", str(tmp_path / "out")]) == 1
    assert "holds no landmarks" in capsys.readouterr().err
