"""Is it worth knowing who voted? (`as_far_as_votes_tell`)

Each vote is predicted from all the others, with and without a person's own record.

Where people differ (some careful, some careless, some with a bias of their own) what one of them said elsewhere
predicts what they say here better than what everybody says; there, weighing people helps. Where they are alike,
or gave too few labels to tell, it does not, and a model of people only redraws the border between
classes to fit something else that votes have in common, such as hard questions on which everybody errs together.
"""

import numpy as np

from annotation.copying import TIE, n_followed

N_AT_ONCE = 100_000
OWN_COIN, EVERYBODY, FLOOR = 1.0, 0.5, 1e-6
LEAST_OWN = 0.6
#: By so many nats a vote must an annotator's own record predict better than everybody's to break ties, and to
#: overrule; and by so many times its error.
GAIN_FOR_TIES, GAIN_TO_OVERRULE, OWN_RECORD_SURE = 0.075, 0.12, 11.0
#: Of fewer people a spammer or two are the crowd.
FEW_PEOPLE = 10
#: Without gold, a model that overrules a larger share of the majorities has lost its way.
MOST_OVERRULED = 0.25
#: Everybody's mistakes, and not people's own records, may speak for no more than this share of what is overruled
#: (`common_share`), or for one question.
MOST_COMMON = 0.1
#: With so many people whom the model seems to follow it is left alone (`annotation.copying.n_followed`).
FEW_FOLLOWED = 2


def as_far_as_votes_tell(votes, heard, modelled) -> np.ndarray:
    """Return the model's probabilities, those of its tie-breaks beside plain vote shares, or the shares alone.

    votes : as votes of `own_record_gain`; heard : the same with one vote a voice; modelled : what is made of those.
    The rule is told at `annotation.voting.auto`.
    """
    shares = votes.shares()
    overruled = shares[np.arange(len(shares)), modelled.argmax(axis=1)] < shares.max(axis=1) - TIE
    if heard.n_annotators < FEW_PEOPLE or (overruled.mean() > MOST_OVERRULED and not len(votes.gold_row)):
        return shares
    gain, sure = own_record_gain(heard, modelled)
    if gain < GAIN_FOR_TIES or sure < OWN_RECORD_SURE or n_followed(heard, modelled, shares) >= FEW_FOLLOWED:
        return shares
    is_common = common_share(heard, modelled, overruled, shares) > max(MOST_COMMON, 1 / max(overruled.sum(), 1))
    if gain < GAIN_TO_OVERRULE or is_common:
        return np.where(overruled[:, None], shares, modelled)
    return modelled


def own_record_gain(votes, believed) -> tuple[float, float]:
    """Return by how many nats a vote is better predicted from its annotator's own record, and that over its error.

    votes : as `annotation.voting` prepares them (q, w, label, n_classes, counts, incidence)
    believed : (n_questions, n_classes) probabilities of the truth, from all votes

    A vote is left out of its annotator's record and of what is believed about its question. The record is shrunk
    as in `auto`: towards one accuracy and towards everybody. The error counts questions, not votes, as independent.
    """
    n_classes = votes.n_classes
    counts = votes.counts(believed)
    everybody = counts.sum(axis=0)
    classes = np.log((believed.sum(axis=0) + 1) / (len(believed) + n_classes))
    own = shrunken_confusion(counts, everybody)
    alike = _normal(everybody + np.eye(n_classes) + 0.1)
    own_sum = votes.incidence @ np.log(own).reshape(-1, n_classes) + classes
    alike_sum = votes.incidence @ np.log(np.broadcast_to(alike, own.shape)).reshape(-1, n_classes) + classes
    gain = np.empty(len(votes.q))
    for start in range(0, len(gain), N_AT_ONCE):
        part = slice(start, start + N_AT_ONCE)
        q, w, said = votes.q[part], votes.w[part], votes.label[part]
        here = believed[q]
        rows = np.arange(len(q))
        # What the others on this question make one believe, and how this person votes elsewhere.
        with_record = _softmax(own_sum[q] - np.log(own[w, said]))
        without = _softmax(alike_sum[q] - np.log(alike[said]))
        right = np.trace(counts, axis1=1, axis2=2)[w] - here[rows, said]
        average = (np.trace(everybody) + 1) / (everybody.sum() + 2)
        skill = (right + 2 * average) / (votes.n_of_annotator[w] - 1 + 2)
        coin = np.repeat(((1 - skill) / (n_classes - 1))[:, None], n_classes, axis=1)
        coin[rows, said] = skill
        weight = OWN_COIN * (n_classes - 1) ** 2
        others = everybody[said] - here + np.eye(n_classes)[said] + 0.1
        shared = others / (everybody.sum(axis=0) - here + 1 + 0.1 * n_classes)
        elsewhere = counts[w, said] - here + EVERYBODY * shared + weight * coin + FLOOR
        total = counts.sum(axis=1)[w] - here + EVERYBODY + weight + n_classes * FLOOR
        predicted = (with_record * elsewhere / total).sum(axis=1)
        gain[part] = np.log(predicted) - np.log((without * shared).sum(axis=1))
    per_question = np.bincount(votes.q, weights=gain, minlength=len(votes.question))
    error = per_question.std() * np.sqrt(len(per_question))
    return gain.mean(), gain.sum() / max(error, 1e-12)


def common_share(votes, believed, overruled, shares, least_own=LEAST_OWN) -> float:
    """Return for which share of the overruled majorities it is not people's own records that speak, 0 where none is.

    overruled : (n_questions,) bool, where `believed` has another best label than the `shares` of votes
    least_own : so much of what speaks for the new label must come from the records of those who voted, the rest from
    everybody's.

    The log odds of the new label over the old one are a sum over votes. In it each person's confusion matrix is
    divided by everybody's. Where careful people overrule careless ones the quotients decide. Where hard questions
    mislead all of them in one way everybody's matrix does: it takes such mistakes for a habit of people and turns
    round whatever looks like one.
    """
    if not overruled.any():
        return 0.0
    n_classes = votes.n_classes
    counts = votes.counts(believed)
    everybody = counts.sum(axis=0)
    alike = np.log(_normal(everybody + np.eye(n_classes) + 0.1))
    own = np.log(shrunken_confusion(counts, everybody)) - alike
    rows = np.flatnonzero(overruled)
    incidence = votes.incidence[rows]
    new, old = believed[rows].argmax(axis=1), shares[rows].argmax(axis=1)
    place = np.arange(len(rows))

    def odds(matrices):
        total = incidence @ np.broadcast_to(matrices, own.shape).reshape(-1, n_classes)
        return total[place, new] - total[place, old]

    of_people, of_everybody = odds(own), odds(alike)
    is_common = (of_everybody > 0) & (of_people < least_own * (of_people + of_everybody))
    return float(is_common.mean())


def shrunken_confusion(counts, everybody) -> np.ndarray:
    """Return (n_annotators, said, true): each one's confusion matrix, shrunk as the platform's method shrinks it.

    counts : (n_annotators, said, true); everybody : their sum. With (K-1)² votes' worth towards a one-coin matrix
    of their own accuracy (itself shrunk by two votes to the average), with half a vote towards everybody's.
    """
    n_classes = counts.shape[1]
    right, n = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    skill = (right + 2 * (right.sum() + 1) / (n.sum() + 2)) / (n + 2)
    skill = np.clip(skill, 1e-10, 1 - 1e-10)[:, None, None]
    coin = np.where(np.eye(n_classes, dtype=bool), skill, (1 - skill) / (n_classes - 1))
    shared = _normal(everybody + np.eye(n_classes) + 0.1)
    return _normal(counts + EVERYBODY * shared + OWN_COIN * (n_classes - 1) ** 2 * coin + FLOOR, axis=1)


def _normal(counts, axis=0) -> np.ndarray:
    return counts / counts.sum(axis=axis, keepdims=True)


def _softmax(x) -> np.ndarray:
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)
