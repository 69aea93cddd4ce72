"""Random search: what is drawn, how ranges narrow, and a search in a folder that was killed half-way."""

import json
import math

import numpy as np
import pytest

from learning import searches
from learning.__main__ import main
from learning.config import Config, ConfigInvalid
from learning.recipes import RECIPES
from learning.sweeps import (
    PUBLISHED,
    Choice,
    Plan,
    Range,
    Trial,
    checked,
    draw_round,
    figure_of,
    published_plan,
    read_space,
    round_space,
    score_of,
    winner,
)
from tests.learning import releases
from tests.learning.test_training import TINY
from triplets import archive

LINES = ["learning_rate=1e-5..1e-1", "dropout_keep=linear:0.5..1", "n_latent=2..64", "form=residual|concatenated"]


@pytest.fixture
def space():
    return read_space(LINES, Config())


def test_ranges_are_read_with_their_kind(space):
    assert space == (
        Range("optimiser.learning_rate", 1e-5, 1e-1),
        Range("network.dropout_keep", 0.5, 1.0, is_log=False),
        Range("network.n_latent", 2, 64, is_whole=True),
        Choice("network.form", ("residual", "concatenated")),
    )
    assert read_space([part.described() for part in space], Config()) == space


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("learning_rate", "'learning_rate' is no range: expected key=low..high"),
        ("magic=1..2", "no setting 'magic'"),
        ("network.learning_rate=1..2", "no setting 'network.learning_rate'"),
        ("learning_rate=a..b", "is no range"),
        ("learning_rate=1e-2..1e-5", "expected the smaller end first"),
        ("weight_decay=0..0.1", "has no logarithm: expected more than 0, or optimiser.weight_decay=linear:0..0.1"),
        ("learning_rate=1e-5..100", "100.0: expected 1e-09 to 10"),
        ("form=residual|square", "'square'"),
        ("form=residual", "leaves nothing to choose"),
        ("form=1..2", "is no number, expected network.form=one|other"),
        ("kind=image|topological-vae", "cannot be"),
        ("", "there is nothing to search"),
    ],
)
def test_what_is_no_range_is_quoted(line, words):
    with pytest.raises(ConfigInvalid, match=r".*") as error:
        read_space([line], Config())
    assert words in str(error.value)


def test_the_same_setting_twice_and_set_and_searched(space):
    with pytest.raises(ConfigInvalid, match="a second time"):
        read_space(["learning_rate=1e-5..1", "optimiser.learning_rate=1e-5..1"], Config())
    with pytest.raises(ConfigInvalid, match="n_latent is both set and searched"):
        checked(Plan(space, changes={"n_latent": "3"}), Config())
    with pytest.raises(ConfigInvalid, match="expected at least one of each and at most 500"):
        checked(Plan(space, n_rounds=9, n_trials=99), Config())


def test_what_is_drawn_is_even_in_the_logarithm_and_follows_the_seed(space):
    plan = Plan(space, n_rounds=1, n_trials=500)
    drawn = draw_round(plan, 1, [], seed=4)
    assert drawn == draw_round(plan, 1, [], seed=4) != draw_round(plan, 1, [], seed=5)
    rates = np.log10([float(trial["optimiser.learning_rate"]) for trial in drawn])
    assert np.histogram(rates, bins=4, range=(-5, -1))[0] == pytest.approx([125] * 4, abs=40)
    keeps = np.array([float(trial["network.dropout_keep"]) for trial in drawn])
    assert keeps.mean() == pytest.approx(0.75, abs=0.02) and keeps.min() >= 0.5 and keeps.max() <= 1
    sizes = {int(trial["network.n_latent"]) for trial in drawn}
    assert min(sizes) >= 2 and max(sizes) <= 64
    assert {trial["network.form"] for trial in drawn} == {"residual", "concatenated"}
    for trial in drawn[:50]:
        Config().with_changes(trial)


def test_each_round_halves_the_ranges_about_the_best_so_far():
    rate = Range("optimiser.learning_rate", 1e-4, 1.0)
    plan = Plan((rate,), n_rounds=3)
    trials = [Trial(1, {rate.key: "0.01"}, 0.5), Trial(1, {rate.key: "1e-4"}, 0.4), Trial(1, {rate.key: "1"}, None)]
    (second,) = round_space(plan, 2, trials)
    assert (second.low, second.high) == pytest.approx((1e-3, 1e-1))
    # The best stands at the end of the range, which is therefore moved inside, not cut.
    trials.append(Trial(2, {rate.key: "0.1"}, 0.9))
    (third,) = round_space(plan, 3, trials)
    assert math.log10(third.high / third.low) == pytest.approx(1) and third.high == pytest.approx(0.1)
    assert round_space(plan, 2, [Trial(1, {rate.key: "1"}, None)]) == (rate,)  # nothing was found: as wide as before


def test_coarse_rounds_are_cut_short_and_judged_apart(space):
    plan = Plan(space, n_rounds=2, changes={"n_steps": "500"}, coarse={"n_steps": "50"})
    assert plan.settings(1, {"a": "1"}) == {"n_steps": "50", "a": "1"} and plan.settings(2, {})["n_steps"] == "500"
    coarse, fine = Trial(1, {}, 0.9), Trial(2, {}, 0.8)
    assert winner(plan, [coarse, fine]) is fine and winner(plan, [coarse, Trial(2, {}, None)]) is coarse
    assert winner(Plan(space), [coarse, fine]) is coarse


def test_figures_are_of_validation_and_more_is_better():
    assert figure_of({"satisfied_test": 0.9, "satisfied_validation": 0.5}) == "satisfied_validation"
    assert figure_of({"accuracy_test": 0.9}) is None
    assert score_of({"mae_validation": 2}, "-mae_validation") == -2
    assert score_of({"f1_validation": float("nan")}, "f1_validation") is None
    assert all("test" not in name for name in searches.score_of.__globals__["FIGURES"])


def test_published_searches_fit_their_recipes():
    for name in PUBLISHED:
        plan = checked(published_plan(name, RECIPES[name].config), RECIPES[name].config)
        assert plan.settings(1, {})["training.epochs"] == "2" and plan.settings(2, {})["training.epochs"] == "10"
        assert all(part.is_log for part in plan.space)
        for trial in draw_round(plan, 1, [], seed=0):
            RECIPES[name].config.with_changes(plan.settings(1, trial))
    with pytest.raises(ConfigInvalid, match="no search of topological-vae was published: name ranges"):
        published_plan("topological-vae", Config())


@pytest.fixture
def tiny(tmp_path):
    it = releases.tiny_release(n_train=40)
    archive.write_release(
        tmp_path / "tiny", study={"name": "tiny"}, collection={"name": "tiny", "landmark_scheme": ""}, settings={},
        stimuli=it.stimuli, landmarks=it.landmarks, triplets=it.triplets, ratings=it.ratings, responses=[],
    )  # fmt: skip
    return archive.read_release(tmp_path / "tiny")


def test_a_killed_search_ends_like_an_undisturbed_one(tiny, tmp_path):
    config = Config().with_changes(TINY | {"n_steps": "12", "validate_every": "4", "save_every": "0"})
    plan = Plan(read_space(["learning_rate=1e-4..1e-1"], config), n_rounds=2, n_trials=2)
    whole = searches.run_search(tiny, "tiny", config, plan, seed=1, out=tmp_path / "whole")
    seen = []

    def kill(name, progress):
        seen.append(name)
        if name == "round-2/01" and progress.step >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searches.run_search(tiny, "tiny", config, plan, seed=1, out=tmp_path / "cut", on_progress=kill)
    assert len(json.loads((tmp_path / "cut" / "search.json").read_text())["trials"]) == 2
    steps = {}
    cut = searches.run_search(
        tiny, "tiny", config, plan, seed=1, out=tmp_path / "cut",
        on_progress=lambda name, progress: steps.setdefault(name, progress.step),
    )  # fmt: skip
    assert list(steps) == ["round-2/01", "round-2/02"] and steps["round-2/01"] >= 3  # what had ended is not repeated
    for found in (whole, cut):
        assert [trial["name"] for trial in found["trials"]] == ["round-1/01", "round-1/02", "round-2/01", "round-2/02"]
    assert [t["score"] for t in cut["trials"]] == [t["score"] for t in whole["trials"]] and cut["best"] == whole["best"]


def test_a_trial_that_fails_ends_no_other(tiny, tmp_path, capsys):
    arguments = [str(tmp_path / "tiny"), "--out", str(tmp_path / "out"), "--rounds", "1", "--trials", "6", "--json"]
    small = ["encoder=16", "decoder=16", "n_latent=3", "n_steps=20", "validate_every=10"]
    wild = ["optimiser=sgd", "clip_norm=0", "warmup=0"]
    assert main([*arguments, "--set", *small, *wild, "--search", "learning_rate=1e-9..1"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    found = json.loads(lines[-1])
    scores = [trial["score"] for trial in found["trials"]]
    assert None in scores and any(score is not None for score in scores)
    failed = found["trials"][scores.index(None)]
    assert "no longer a finite number" in failed["message"]
    assert found["best"] != failed["name"] and found["figure"] == "satisfied_validation"
    assert any(line.startswith("again: --set optimiser.learning_rate=") for line in lines)
    assert main([*arguments, "--search"]) == 1
    assert "no search of topological-vae was published" in capsys.readouterr().err
