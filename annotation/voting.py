"""From many votes to one verdict: majority, Wawa, one-coin and full Dawid-Skene, and what the platform uses.

Votes come as three arrays of equal length: the question, the annotator (keys of any type that
sorts) and the label, an integer 0..n_classes-1. Verdicts come back in the order of the sorted
questions. Nothing loops over votes: a million take seconds.

Dawid & Skene (1979), "Maximum likelihood estimation of observer error-rates using the EM algorithm".
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from annotation.copying import voices
from annotation.distinct import distinct
from annotation.expectation import (
    average_coin_confusion,
    expectation_maximisation,
    free_confusion,
    one_coin_confusion,
)
from annotation.held_out import TIE, as_far_as_votes_tell, shrunken_confusion
from annotation.ratings import RatingSummary, rating_summary

__all__ = ["METHODS", "RatingSummary", "TripletPosterior", "Verdicts", "auto", "dawid_skene", "majority", "one_coin",
           "rating_summary", "shared_accuracy", "triplet_posterior", "vote_difference", "wawa"]  # fmt: skip

#: With fewer labels an annotator (the median, as a vote sees it) for each way to be wrong, K-1 of them,
#: too little is learned about people to overrule the majority.
FEW_LABELS = 5
#: The same for `auto`, which learns a matrix about each annotator rather than one number.
LABELS_TO_MODEL = 10
#: With this many votes the posterior of a question counts as much as its plain majority in what `auto` learns from.
ANCHOR_VOTES = 6
#: Known gold is hidden from the model a fifth at a time to compare it with the majority there.
GOLD_FOLDS = 5


@dataclass(frozen=True)
class Verdicts:
    """One settled label a question; every array has one entry a question, in the same order.

    question : the sorted keys; verdict : the label; n : how many votes.
    confidence : the share of votes (majority), of weighted votes (Wawa) or the posterior probability.
    weight : votes for the verdict minus votes for the best other label, so 5, 3
    or 1 of five votes on a triplet; 0 where a model overrules the majority.
    tied : True where another label was as good. Ties are shared by turns in the
    order of the questions, never all given to the lowest label.
    probability : (n_questions, n_classes), what confidence was read from.
    """

    question: np.ndarray
    verdict: np.ndarray
    confidence: np.ndarray
    n: np.ndarray
    weight: np.ndarray
    tied: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class TripletPosterior:
    """probability_first for every question, and the skill (chance to vote for the truth) of every annotator."""

    question: np.ndarray
    probability_first: np.ndarray
    n: np.ndarray
    annotator: np.ndarray
    skill: np.ndarray


def majority(question, annotator, label, n_classes=None, gold=None) -> Verdicts:
    """Return the label most people gave; ties are shared by turns. A gold question keeps its known truth."""
    votes = _Votes(question, annotator, label, n_classes, gold)
    return votes.verdicts(votes.shares())


def wawa(question, annotator, label, n_classes=None, gold=None) -> Verdicts:
    """Return the vote weighted by each annotator's agreement with the majority ("worker agreement with aggregate")."""
    votes = _Votes(question, annotator, label, n_classes, gold)
    # Who voted for one of m labels that tie agrees by 1/m, so that skills do not depend on whose turn it is.
    agreed = _shared_best(votes.shares())[votes.q, votes.label]
    skill = np.bincount(votes.w, weights=agreed, minlength=votes.n_annotators) / votes.n_of_annotator
    return votes.verdicts(votes.shares(skill[votes.w]))


def one_coin(question, annotator, label, n_classes=None, gold=None) -> Verdicts:
    """Return the verdicts of one-coin Dawid-Skene: one accuracy for each annotator, all errors equally likely."""
    votes = _Votes(question, annotator, label, n_classes, gold)
    return votes.verdicts(expectation_maximisation(votes, one_coin_confusion))


def dawid_skene(question, annotator, label, n_classes=None, gold=None) -> Verdicts:
    """Return the verdicts of Dawid-Skene: a full confusion matrix for each annotator, class shares estimated.

    gold : questions whose truth is known, {question: label} or (questions,
    labels). Their posterior is fixed, so that what annotators said there is
    the prior of what is believed about them elsewhere; as chosen
    questions they tell nothing about how frequent classes are.
    """
    votes = _Votes(question, annotator, label, n_classes, gold)
    return votes.verdicts(expectation_maximisation(votes, free_confusion))


def auto(question, annotator, label, n_classes=None, gold=None) -> Verdicts:
    """Return the verdicts the platform uses: Dawid-Skene that trusts itself as far as the votes allow.

    Plain Dawid-Skene loses to the majority where people give few labels each, where they are alike, where some copy,
    and where hard pictures make them err together. First, (0) people of whom one says what another says have one vote
    (`annotation.copying.voices`). Then it is the majority
    (1) with fewer than LABELS_TO_MODEL·(K-1) labels an annotator, or fewer than FEW_PEOPLE annotators;
    (2) unless a vote left out is better predicted from what its annotator said elsewhere than from what everybody
        says, by GAIN_FOR_TIES nats a vote and OWN_RECORD_SURE standard errors (constants: `annotation.held_out`);
    (3) where, without gold, the model would overrule more than MOST_OVERRULED of the verdicts;
    (4) where the model hardly ever differs from FEW_FOLLOWED people or more who often leave the majority: not even
        the best people are that near to the truth, so it is rather they who lead it.
    It only breaks ties (5) where the gain of (2) is below GAIN_TO_OVERRULE, or what all people do alike, and not
    what each of them does, speaks for more than MOST_COMMON of what it would overrule.
    (1) to (5) fall away where the model is clearly righter than the majority on known gold hidden from it.
    Otherwise it is expectation-maximisation with two restraints that fade as votes come in: (6) an annotator's
    confusion matrix is shrunk towards a one-coin matrix of their own accuracy, with (K-1)² votes' worth, and
    towards everybody's, with half a vote; (7) what is learned from a question with n votes is mixed with its
    plain vote shares, with weight a²/(a²+n²), a = ANCHOR_VOTES.

    Evidence (`python -m bench consensus`): bluebird .898, RTE .932, face sentiment .642, where the majority has
    .759, .897, .637. Constants were chosen on 4,400 simulated crowds and 450 draws from the three sets with votes,
    people or questions taken away. Of 4,300 crowds of other seeds (600 of other kinds, 400 with people who copy) and
    300 other draws one lost more than .01, namely .045, and .003 were gained on average; of 1,500 of these crowds
    Dawid-Skene lost more than .01 on 733, .55 at worst.
    """
    votes = _Votes(question, annotator, label, n_classes, gold)
    posterior = votes.shares()
    if not votes.has_few_labels(LABELS_TO_MODEL):
        heard = votes.of_voices()
        posterior = _trusted(votes, heard, expectation_maximisation(heard, _shrunken_confusion, anchor=ANCHOR_VOTES))
    return votes.verdicts(posterior)


#: The names of the command line.
METHODS = {"majority": majority, "wawa": wawa, "one-coin": one_coin, "dawid-skene": dawid_skene, "auto": auto}


def triplet_posterior(question, annotator, chose_first, gold=None) -> TripletPosterior:
    """Return how probable it is that most people would choose the first candidate, weighing annotators by skill.

    Which candidate is called first means nothing, so both are equally likely
    beforehand and an annotator has one skill, shrunk by two votes' worth
    towards the average. The restraint (7) of `auto` holds here too, and the
    majority where annotators gave fewer than FEW_LABELS labels.

    chose_first : bool for each response. gold : {question: first is right} or a pair of arrays.
    """
    chose_first = np.asarray(chose_first)
    if chose_first.size and chose_first.dtype != bool:
        raise ValueError(f"chose_first has type {chose_first.dtype}: expected booleans")
    gold = {key: 1 - int(first) for key, first in _gold_items(gold)}
    votes = _Votes(question, annotator, 1 - chose_first.astype(int), 2, gold)
    posterior = votes.shares()
    if not votes.has_few_labels():
        posterior = expectation_maximisation(votes, average_coin_confusion, anchor=ANCHOR_VOTES, even_classes=True)
    skill = average_coin_confusion(votes.counts(posterior))[:, 0, 0]
    return TripletPosterior(votes.question, posterior[:, 0], votes.n_of_question, votes.annotator, skill)


def vote_difference(n_first, n_second) -> np.ndarray:
    """Return the weight of a triplet: by how many votes one candidate won; 5, 3 or 1 of five, 0 for a tie."""
    n_first, n_second = np.asarray(n_first), np.asarray(n_second)
    if np.any(n_first < 0) or np.any(n_second < 0):
        raise ValueError(f"vote counts {n_first!r} and {n_second!r}: expected 0 or more")
    return np.abs(n_first - n_second)


def shared_accuracy(verdicts: Verdicts, question, truth) -> float:
    """Return the share of right verdicts among questions with a known truth; m labels tied for best give 1/m."""
    row_of = {key: row for row, key in enumerate(verdicts.question.tolist())}
    pairs = [(row_of[key], label) for key, label in _gold_items((question, truth)) if key in row_of]
    if not pairs:
        raise ValueError("none of the questions with a known truth was voted on")
    rows, labels = np.array(pairs, dtype=int).T
    credit = _shared_best(verdicts.probability[rows])
    known = labels < credit.shape[1]
    return float(np.where(known, credit[np.arange(len(rows)), np.where(known, labels, 0)], 0).mean())


class _Votes:
    """Votes with keys turned into row numbers, and the sums everybody needs."""

    def __init__(self, question, annotator, label, n_classes, gold):
        question, annotator, label = np.asarray(question), np.asarray(annotator), np.asarray(label)
        if not question.shape == annotator.shape == label.shape or question.ndim != 1:
            shapes = f"{question.shape}, {annotator.shape} and {label.shape}"
            raise ValueError(f"questions, annotators, labels have shapes {shapes}: expected one length for all three")
        gold = _gold_items(gold)
        if label.size and not np.issubdtype(label.dtype, np.integer):
            raise ValueError(f"labels have type {label.dtype}: expected integers 0 to n_classes - 1")
        values = np.unique([*np.unique(label), *(int(truth) for _, truth in gold)]).astype(int)
        self.n_classes = max(2, values.max(initial=-1) + 1) if n_classes is None else int(n_classes)
        outside = values[(values < 0) | (values >= self.n_classes)]
        if outside.size:
            raise ValueError(f"label {outside[0]} with {self.n_classes} classes: expected 0 to {self.n_classes - 1}")
        self.label = label.astype(np.int64)
        self.question, self.q = np.unique(question, return_inverse=True)
        self.annotator, self.w = np.unique(annotator, return_inverse=True)
        self.n_of_question = np.bincount(self.q, minlength=len(self.question))
        self.n_of_annotator = np.bincount(self.w, minlength=len(self.annotator))
        self.n_annotators = len(self.annotator)
        row_of = {key: row for row, key in enumerate(self.question.tolist())} if gold else {}
        known = [(row_of[key], int(truth)) for key, truth in gold if key in row_of]
        self.gold_row, self.gold_truth = np.array(known, dtype=np.int64).reshape(-1, 2).T
        said = self.w * self.n_classes + self.label
        shape = (len(self.question), self.n_annotators * self.n_classes)
        self.incidence = csr_array((np.ones(len(said)), (self.q, said)), shape=shape)
        self.transposed = self.incidence.T.tocsr()

    def shares(self, weights=None) -> np.ndarray:
        """Return (n_questions, n_classes): each label's share of the (weighted) votes; gold rows know better."""
        size = len(self.question) * self.n_classes
        votes = np.bincount(self.q * self.n_classes + self.label, weights=weights, minlength=size)
        votes = votes.reshape(-1, self.n_classes).astype(float)
        total = votes.sum(axis=1, keepdims=True)
        return self.with_gold(np.divide(votes, total, out=np.full_like(votes, 1 / self.n_classes), where=total > 0))

    def of_voices(self) -> "_Votes":
        """Return the votes in which people who copy from one another are one person, who says the same thing once."""
        voice = voices(self.q, self.w, self.label, self.n_classes)
        if len(voice) == len(np.unique(voice)):
            return self
        first, _ = distinct([self.q, voice[self.w], self.label])
        gold = self.question[self.gold_row], self.gold_truth
        return _Votes(self.question[self.q[first]], voice[self.w[first]], self.label[first], self.n_classes, gold)

    def knowing(self, gold_row, gold_truth) -> "_Votes":
        """Return the same votes with other gold."""
        other = copy(self)
        other.gold_row, other.gold_truth = gold_row, gold_truth
        return other

    def counts(self, posterior) -> np.ndarray:
        """Return (n_annotators, said, true): how often each said what, given what is believed to be true."""
        return (self.transposed @ posterior).reshape(self.n_annotators, self.n_classes, self.n_classes)

    def with_gold(self, probability) -> np.ndarray:
        probability[self.gold_row] = 0.0
        probability[self.gold_row, self.gold_truth] = 1.0
        return probability

    def has_few_labels(self, few=FEW_LABELS) -> bool:
        return len(self.w) == 0 or np.median(self.n_of_annotator[self.w]) < few * (self.n_classes - 1)

    def verdicts(self, probability) -> Verdicts:
        n_questions = len(self.question)
        rows = np.arange(n_questions)
        best = _shared_best(probability) > 0
        tied = best.sum(axis=1) > 1
        verdict = best.argmax(axis=1)
        # Turns go by the key as text, so that 10 and "10" are one question wherever they were read from.
        turn = np.flatnonzero(tied)[np.argsort(self.question[tied].astype(str), kind="stable")]
        for labels in np.unique(best[tied], axis=0):
            same = turn[(best[turn] == labels).all(axis=1)]
            verdict[same] = np.flatnonzero(labels)[np.arange(len(same)) % labels.sum()]
        votes = np.bincount(self.q * self.n_classes + self.label, minlength=n_questions * self.n_classes)
        votes = votes.reshape(-1, self.n_classes)
        others = votes.copy()
        others[rows, verdict] = -1
        weight = np.maximum(votes[rows, verdict] - others.max(axis=1, initial=-1), 0)
        confidence = probability[rows, verdict]
        return Verdicts(self.question, verdict, confidence, self.n_of_question, weight, tied, probability)


def _shared_best(probability) -> np.ndarray:
    """Return 1/m for each of the m labels that are best in their row, 0 for the others."""
    best = probability >= probability.max(axis=1, keepdims=True, initial=0) - TIE
    return best / best.sum(axis=1, keepdims=True)


def _shrunken_confusion(counts) -> np.ndarray:
    return shrunken_confusion(counts, counts.sum(axis=0))


def _trusted(votes, heard, modelled) -> np.ndarray:
    """Return (n_questions, n_classes) what `auto` believes: the model, its tie-breaks only, or the shares of votes."""
    believed = as_far_as_votes_tell(votes, heard, modelled)
    return modelled if believed is not modelled and _leads_on_hidden_gold(votes, heard) else believed


def _leads_on_hidden_gold(votes, heard) -> bool:
    """Return whether the model is righter than the majority, by two standard errors, on gold hidden from it.

    The contrary would prove nothing: with a part of the gold the model may still believe what all of it refutes.
    """
    rows, truth = votes.gold_row, votes.gold_truth
    lead = np.zeros(len(rows))
    for fold in range(GOLD_FOLDS if len(rows) >= GOLD_FOLDS else 0):
        hidden = np.arange(len(rows)) % GOLD_FOLDS == fold
        seen = rows[~hidden], truth[~hidden]
        modelled = expectation_maximisation(heard.knowing(*seen), _shrunken_confusion, anchor=ANCHOR_VOTES)
        credit = _shared_best(modelled) - _shared_best(votes.knowing(*seen).shares())
        lead[hidden] = credit[rows[hidden], truth[hidden]]
    return bool(lead.sum() > 2 * np.sqrt((lead**2).sum()))


def _gold_items(gold) -> list:
    if gold is None:
        return []
    if isinstance(gold, Mapping):
        return list(gold.items())
    questions, truths = gold
    return list(zip(np.asarray(questions).tolist(), np.asarray(truths).tolist(), strict=True))
