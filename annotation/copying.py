"""Who says what another says? People who err together, time after time, are one voice (`voices`).

Votes alone cannot tell those who copy from those who know: both agree among themselves where the crowd says something
else. What tells them apart is that people who know still make mistakes of their own, each another one.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

TIE = 1e-9
#: Two people are one voice where they gave the same doubtful answer so often,
SAME_DOUBTFUL = 6
#: and where so large a share of these and of the questions they differ on are such answers.
SHARE_OF_VOICE = 0.95
#: Pairs of votes on one question that are looked at; in larger files, on every second, third ... question only.
MOST_PAIRS = 5_000_000
#: Nobody is this near to what a model makes of the votes (share of differing answers, of at least so many) who leaves
#: the majority so often, unless the model follows them.
LEAST_ERRORS, LEAST_ANSWERS, OFTEN_ALONE = 0.015, 20, 0.04


def voices(question, annotator, label, n_classes: int) -> np.ndarray:
    """Return (n_annotators,) ints: equal for people of whom one says what the other says.

    question, annotator, label : (n,) row numbers, one entry a vote

    An answer is doubtful where another label has as many votes or more as soon as two people take theirs back. Careful
    people may give many doubtful answers together where all others err; but two who are right on .95 differ on .095
    of the questions.
    """
    n_annotators = int(annotator.max(initial=-1)) + 1
    n_of_question = np.bincount(question).astype(float)
    step = max(1, int(np.ceil(n_of_question @ n_of_question / MOST_PAIRS)))
    kept = question % step == 0
    question, annotator, label = question[kept], annotator[kept], label[kept]
    answer = question * n_classes + label
    votes = np.bincount(answer, minlength=len(n_of_question) * n_classes).reshape(-1, n_classes)
    second, best = np.sort(votes, axis=1)[:, -2:].T
    own = votes[question, label]
    is_doubtful = own - 2 <= np.where(own == best[question], second[question], best[question])

    def together(things, who):
        """Return (n_annotators, n_annotators): in how many things two people meet."""
        met = csr_array((np.ones(len(things)), (things, who)), shape=(votes.size, n_annotators))
        met.sum_duplicates()
        met.data[:] = 1
        return met.T @ met

    same = together(answer[is_doubtful], annotator[is_doubtful]).tocoo()
    often = (same.row < same.col) & (same.data >= SAME_DOUBTFUL)
    one, other, n_same = same.row[often], same.col[often], same.data[often]
    n_differ = np.zeros(0)
    if len(one):
        n_differ = (together(question, annotator) - together(answer, annotator)).tocsr()[one, other]
    is_voice = n_same >= SHARE_OF_VOICE * (n_same + n_differ)
    edges = (np.ones(is_voice.sum()), (one[is_voice], other[is_voice]))
    return connected_components(csr_array(edges, shape=(n_annotators, n_annotators)), directed=False)[1]


def n_followed(votes, believed, shares) -> int:
    """Return how many people a model seems to follow rather than to weigh: they hardly ever differ from it.

    votes, believed : as votes and believed of `annotation.held_out.own_record_gain`
    shares : (n_questions, n_classes) of all votes, from which such people differ often
    """
    n_answers = votes.n_of_annotator
    beaten = shares[votes.q, votes.label] < shares[votes.q].max(axis=1) - TIE
    alone = np.bincount(votes.w, weights=beaten, minlength=votes.n_annotators) / n_answers
    right = np.bincount(votes.w, weights=believed[votes.q, votes.label], minlength=votes.n_annotators) / n_answers
    return int(((n_answers >= LEAST_ANSWERS) & (alone >= OFTEN_ALONE) & (1 - right <= LEAST_ERRORS)).sum())
