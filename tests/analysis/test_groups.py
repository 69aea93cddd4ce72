from dataclasses import replace

import numpy as np
import pytest

from analysis import groups, sentences
from analysis.groups import Outcome
from tests.learning import releases


def people(n_subjects=40, n_each=10, **extra):
    subject = np.repeat([f"s{k:02d}" for k in range(n_subjects)], n_each)
    columns = {name: np.repeat(values, n_each) for name, values in extra.items()}
    return releases.stimuli(len(subject), subject=subject, extra=columns)


def outcome(stimuli, share, seed=0):
    value = (np.random.default_rng(seed).random(len(stimuli)) < share).astype(float)
    return Outcome("satisfied", value, np.arange(len(stimuli)))


def test_columns_that_divide_people_are_found():
    who = np.arange(40)
    stimuli = people(sex=np.where(who % 2, "f", "m"), age=(18 + who).astype(str), name=who.astype(str), same=["x"] * 40)
    film = {"film": np.tile(["a", "b"], 200), "pose": np.linspace(0, 1, 400).astype(str)}
    stimuli = replace(stimuli, extra=stimuli.extra | film, attributes={"age_seen": np.repeat(20.0 + who, 10)})
    found = groups.columns(stimuli)
    assert list(found) == ["sex", "age", "age_seen"]  # not a name, not what varies within a person
    assert set(found["age"].tolist()) == {"18 to 29", "30 to 44", "45 to 59"}


def test_a_gap_is_found_and_told_in_plain_words():
    stimuli = people(sex=np.where(np.arange(40) % 2, "female", "male"))
    is_male = stimuli.extra["sex"] == "male"
    found = groups.by_group([outcome(stimuli, np.where(is_male, 0.9, 0.7))], stimuli, n_bootstrap=400)
    assert found["n_comparisons"] == 1  # two groups are one comparison
    male = next(row for row in found["rows"] if row["group"] == "male")
    assert (male["n"], male["n_subjects"]) == (200, 20)
    assert male["difference"]["low"] > 0 and male["figure"]["value"] > 0.8
    text = sentences.of_groups(found)
    assert "gaps are larger than chance explains" in text and "sex male" in text and "One comparison" in text


def test_no_gap_is_no_proof_that_there_is_none():
    who = np.arange(40)
    stimuli = people(sex=np.where(who % 2, "f", "m"), age=np.array(["20", "35", "50", "65"])[who % 4])
    found = groups.by_group([outcome(stimuli, 0.8)], stimuli, n_bootstrap=400)
    assert found["n_comparisons"] == 5
    text = sentences.of_groups(found)
    assert "every interval of a difference includes zero" in text
    assert "Bonferroni" in text and "does not mean that there is none" in text


def test_intervals_of_many_comparisons_hold_together():
    """Without a gap, some interval of a study leaves zero out in about 5 % of studies, however many there are."""
    who, rng, wrong = np.arange(30), np.random.default_rng(5), 0
    for study in range(80):
        stimuli = people(30, 8, sex=rng.permutation(who % 2).astype(str), hair=rng.permutation(who % 3).astype(str))
        value = (rng.random(240) < np.repeat(rng.normal(0.75, 0.08, 30), 8)).astype(float)
        found = groups.by_group([Outcome("satisfied", value, np.arange(240))], stimuli, n_bootstrap=200, seed=study)
        wrong += any(sentences.is_certain(row["difference"]) for row in found["rows"])
    assert wrong <= 9  # of 80; 4 are expected, 10 or more would be chance in 1 of 200 runs


def test_errors_are_compared_in_their_units():
    stimuli = people(sex=np.where(np.arange(40) % 2, "f", "m"))
    error = np.where(stimuli.extra["sex"] == "f", 1.0, 0.5) * np.abs(np.random.default_rng(2).normal(size=400))
    found = groups.by_group([Outcome("error", error, np.arange(400), is_share=False)], stimuli, n_bootstrap=200)
    female = next(row for row in found["rows"] if row["group"] == "f")
    assert female["difference"]["value"] == pytest.approx(error[stimuli.extra["sex"] == "f"].mean() - error[
        stimuli.extra["sex"] == "m"].mean())  # fmt: skip
    assert "points" not in sentences.of_groups(found)


def test_small_groups_are_left_out_by_name():
    stimuli = people(sex=["f"] * 20 + ["m"] * 18 + ["x"] * 2)
    found = groups.by_group([outcome(stimuli, 0.8)], stimuli, n_bootstrap=100)
    assert found["left_out"] == ["sex x"] and {row["group"] for row in found["rows"]} == {"f", "m"}
    # What one figure has too few cases of, another may compare: then it is not left out.
    some = replace(outcome(stimuli, 0.8), key="read", value=np.ones(3), row=np.arange(3))
    both = groups.by_group([outcome(stimuli, 0.8), some], stimuli, n_bootstrap=100)
    assert both["left_out"] == ["sex x"] and {row["outcome"] for row in both["rows"]} == {found["rows"][0]["outcome"]}
    assert "no column" in groups.by_group([outcome(stimuli, 0.8)], replace(stimuli, extra={}))["omitted"]
    few = people(4, sex=["f", "f", "m", "m"])
    assert "no two groups" in groups.by_group([outcome(few, 0.8)], few)["omitted"]
