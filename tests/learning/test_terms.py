import re
from pathlib import Path

import pytest

from analysis import comparison
from learning import terms
from learning.recipes import RECIPES

RUN = Path(__file__).resolve().parents[2] / "learning" / "static" / "learning" / "run.js"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("loss", "loss"),
        ("validation_elbo", "ELBO, validation"),
        ("satisfied_raw_test", "satisfied triplets, raw landmarks or pixels, test"),
        ("mae_of_mean_train", "mean absolute error of always saying the mean, training"),
        ("n_responses_test_asked_before", "responses, test, asked before"),
        ("n_annotators", "annotators"),
    ],
)
def test_a_metric_is_called_by_what_it_measures_and_where(name, words):
    assert terms.metric(name) == words


def test_a_run_and_a_comparison_call_figures_alike():
    block = RUN.read_text(encoding="utf-8").split("const CALLED = {")[1].split("};")[0]
    called = dict(re.findall(r'(\w+): "([^"]+)"', block))
    shared = called.keys() & terms.QUANTITIES.keys()
    assert len(shared) >= 15
    assert {name: called[name] for name in shared} == {name: terms.QUANTITIES[name] for name in shared}


def test_every_named_setting_exists_and_no_two_are_called_alike():
    for recipe in RECIPES.values():
        settings = list(comparison.flat(recipe.config.to_dict()))
        words = [terms.setting(key) for key in settings]
        assert len(set(words)) == len(words), sorted(word for word in words if words.count(word) > 1)
        assert not any("_" in word for word in words)
    known = {key for recipe in RECIPES.values() for key in comparison.flat(recipe.config.to_dict())}
    assert terms.SETTINGS.keys() <= known
