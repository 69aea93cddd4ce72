import numpy as np
import pytest

from annotation import held_out, voting


def people(skills, *, n_questions=400, n_votes=5, classes=(0.5, 0.5), seed=0):
    rng = np.random.default_rng(seed)
    n_classes = len(classes)
    truth = rng.choice(n_classes, size=n_questions, p=classes)
    question = np.repeat(np.arange(n_questions), n_votes)
    person = np.concatenate([rng.choice(len(skills), size=n_votes, replace=False) for _ in range(n_questions)])
    right = rng.random(len(question)) < np.asarray(skills)[person]
    wrong = (truth[question] + rng.integers(1, n_classes, size=len(question))) % n_classes
    return question, person, np.where(right, truth[question], wrong), truth


def gain_of(question, person, label, n_classes=2):
    votes = voting._Votes(question, person, label, n_classes, None)
    believed = voting.expectation_maximisation(votes, voting._shrunken_confusion, anchor=voting.ANCHOR_VOTES)
    return held_out.own_record_gain(votes, believed)


def test_people_who_are_alike_cannot_be_told_apart():
    gain, sure = gain_of(*people(np.full(20, 0.75))[:3])
    assert gain < 0.01 and sure < 2


def test_careful_people_among_guessers_can():
    gain, sure = gain_of(*people(np.repeat([0.95, 0.5], 10))[:3])
    assert gain > 0.05 and sure > 5


def test_two_labels_a_person_tell_nothing():
    question, _, label, _ = people(np.repeat([0.95, 0.5], 10))
    gain, _ = gain_of(question, np.arange(len(question)) // 2, label)
    assert gain < held_out.GAIN_FOR_TIES / 2


def test_order_names_and_the_size_of_a_portion_mean_nothing(monkeypatch):
    question, person, label, _ = people(np.linspace(0.5, 0.95, 20), classes=(0.5, 0.3, 0.2))
    expected = gain_of(question, person, label, 3)
    order = np.random.default_rng(1).permutation(len(question))
    names = np.random.default_rng(2).permutation(20)
    monkeypatch.setattr(held_out, "N_AT_ONCE", 77)
    assert gain_of(question[order] + 5, names[person][order], 2 - label[order], 3) == pytest.approx(expected, rel=1e-4)


def test_leaving_a_vote_out_agrees_with_counting_again_without_it():
    """The gain of one vote, by the definition: every sum made again from the other votes."""
    question, person, label, _ = people(np.linspace(0.5, 0.95, 8), n_questions=30, classes=(0.5, 0.3, 0.2))
    votes = voting._Votes(question, person, label, 3, None)
    believed = votes.shares()
    counts = votes.counts(believed)
    own = held_out.shrunken_confusion(counts, counts.sum(axis=0))
    alike = counts.sum(axis=0) + np.eye(3) + 0.1
    alike /= alike.sum(axis=0)
    classes = (believed.sum(axis=0) + 1) / (len(believed) + 3)
    average = (np.trace(counts.sum(axis=0)) + 1) / (counts.sum() + 2)
    gains = []
    for v in range(len(question)):
        with_record, without = classes.copy(), classes.copy()
        record, everybody, right, n = np.zeros((3, 3)), np.zeros((3, 3)), 0.0, 0
        for other in range(len(question)):
            if other == v:
                continue
            if question[other] == question[v]:
                with_record *= own[person[other], label[other]]
                without *= alike[label[other]]
            everybody[label[other]] += believed[question[other]]
            if person[other] == person[v]:
                record[label[other]] += believed[question[other]]
                right += believed[question[other], label[other]]
                n += 1
        everybody += np.eye(3) + 0.1
        everybody /= everybody.sum(axis=0)
        skill = (right + 2 * average) / (n + 2)
        coin = np.full((3, 3), (1 - skill) / 2)
        np.fill_diagonal(coin, skill)
        record += 0.5 * everybody + 4 * coin + 1e-6
        record /= record.sum(axis=0)
        with_record, without = with_record / with_record.sum(), without / without.sum()
        gains.append(np.log(with_record @ record[label[v]]) - np.log(without @ everybody[label[v]]))
    gain, _ = held_out.own_record_gain(votes, believed)
    assert gain == pytest.approx(np.mean(gains), rel=1e-6)
