"""People who copy are one voice; people who know are not, although they agree where the crowd errs."""

import numpy as np

from annotation import copying, held_out, voting
from tests.annotation.test_held_out import people


def copied(n_copies=8, n_people=25, n_votes=10, seed=0, share=0.6):
    """`people` of skill .8; the first n_copies say what one of them says, who is right on `share`."""
    question, person, label, truth = people(np.full(n_people, 0.8), n_votes=n_votes, seed=seed)
    rng = np.random.default_rng(seed + 100)
    leader = np.where(rng.random(len(truth)) < share, truth, 1 - truth)
    return question, person, np.where(person < n_copies, leader[question], label), truth


def test_copies_are_one_voice_and_the_others_are_themselves():
    question, person, label, _ = copied()
    found = copying.voices(question, person, label, 2)
    assert len(set(found[:8])) == 1 and len(set(found)) == 25 - 7


def test_people_who_know_better_than_the_crowd_keep_their_voices():
    """On a quarter of the questions the crowd errs; eight people who know are right on .95 there as elsewhere."""
    question, person, label, truth = people(np.repeat([0.95, 0.8], [8, 17]), n_votes=20)
    misled = (np.random.default_rng(1).random(len(truth)) < 0.25)[question] & (person >= 8)
    label = np.where(misled, 1 - truth[question], label)
    assert len(set(copying.voices(question, person, label, 2))) == 25


def test_two_votes_of_one_person_on_a_question_are_one_meeting():
    question, person, label, _ = copied()
    expected = copying.voices(question, person, label, 2)
    twice = (np.concatenate([column, column[:50]]) for column in (question, person, label))
    assert (copying.voices(*twice, 2) == expected).all()


def test_of_a_large_file_every_second_question_is_enough(monkeypatch):
    question, person, label, _ = copied()
    expected = copying.voices(question, person, label, 2)
    monkeypatch.setattr(copying, "MOST_PAIRS", 25_000)  # 400 questions x 10 x 10
    assert (copying.voices(question, person, label, 2) == expected).all()


def test_the_votes_of_a_voice_are_one_vote_a_question_and_answer():
    question, person, label, _ = copied()
    votes = voting._Votes(question, person, label, 2, {0: 1})
    heard = votes.of_voices()
    assert heard.question.tolist() == votes.question.tolist()
    assert (heard.gold_row.tolist(), heard.gold_truth.tolist()) == ([0], [1])
    for row in range(50):
        of_copies = {(0, said) for said in label[(question == row) & (person < 8)]}
        others = [(who, said) for who, said in zip(person, label, strict=True)][row * 10 : row * 10 + 10]
        others = {pair for pair in others if pair[0] >= 8}
        assert heard.n_of_question[row] == len(of_copies) + len(others)


def test_auto_does_not_follow_copies():
    """A third copy somebody who is right on .6: Dawid-Skene takes them for experts."""
    question, person, label, truth = copied()
    known = (np.arange(len(truth)), truth)
    of_majority = voting.shared_accuracy(voting.majority(question, person, label), *known)
    assert voting.shared_accuracy(voting.dawid_skene(question, person, label), *known) < of_majority - 0.1
    assert voting.shared_accuracy(voting.auto(question, person, label), *known) > of_majority - 0.01


def test_auto_does_not_follow_copies_that_hardly_meet(monkeypatch):
    """No two of the copies share enough questions to be told by their pairs, and yet the model follows them all."""
    question, person, label, truth = copied(n_copies=60, n_people=200)
    assert len(set(copying.voices(question, person, label, 2))) == 200
    for name in ("OWN_RECORD_SURE", "GAIN_FOR_TIES", "GAIN_TO_OVERRULE"):  # let nothing else hold it back
        monkeypatch.setattr(held_out, name, 0)
    known = (np.arange(len(truth)), truth)
    of_majority = voting.shared_accuracy(voting.majority(question, person, label), *known)
    assert voting.shared_accuracy(voting.auto(question, person, label), *known) == of_majority
    monkeypatch.setattr(held_out, "FEW_FOLLOWED", 1000)
    assert voting.shared_accuracy(voting.auto(question, person, label), *known) < of_majority - 0.1


def test_the_model_follows_nobody_where_people_are_careful_by_themselves():
    question, person, label, _ = people(np.repeat([0.95, 0.7], 15), n_votes=10)
    votes = voting._Votes(question, person, label, 2, None)
    modelled = voting.expectation_maximisation(votes, voting._shrunken_confusion, anchor=voting.ANCHOR_VOTES)
    assert copying.n_followed(votes, modelled, votes.shares()) == 0
