"""Simulated crowds of thirteen kinds that differ in what goes wrong, for `python -m bench consensus`.

Each kind is a function of (rng, n_questions, n_votes, n_people) that returns question, person, label and the truth.
"""

import numpy as np


def imbalanced(rng, n_questions, n_votes, n_people):
    """Binary; one class has .85 to .97 of the questions, and people miss the rare one more often."""
    truth = (rng.random(n_questions) > rng.uniform(0.85, 0.97)).astype(int)
    skill = np.stack([rng.beta(12, 2, n_people), rng.beta(rng.uniform(2, 8), 2, n_people)])
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    return question, person, _said(rng, truth[question], skill[truth[question], person], 2), truth


def difficult(rng, n_questions, n_votes, n_people):
    """Each question has its own ease and each person an ability; up to .15 of the questions mislead most people."""
    k = int(rng.choice([2, 3, 5]))
    truth = rng.integers(k, size=n_questions)
    ease = rng.lognormal(0, 1, n_questions) * np.where(rng.random(n_questions) < rng.uniform(0, 0.15), -0.5, 1)
    ability = rng.normal(1.2, rng.choice([0.2, 1.0]), n_people)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    right = 1 / (1 + (k - 1) * np.exp(-2 * ease[question] * ability[person]))
    decoy = (truth + rng.integers(1, k, n_questions)) % k
    said = _said(rng, truth[question], right, k)
    said = np.where((said != truth[question]) & (rng.random(len(said)) < 0.7), decoy[question], said)
    return question, person, said, truth


def adversarial(rng, n_questions, n_votes, n_people):
    """A tenth to three tenths of the people mean to be wrong."""
    k = int(rng.choice([2, 2, 4]))
    truth = rng.integers(k, size=n_questions)
    skill = rng.beta(6, 2, n_people)
    skill[: int(n_people * rng.uniform(0.1, 0.3))] = rng.uniform(0, 0.3)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    return question, person, _said(rng, truth[question], skill[person], k), truth


def long_tailed(rng, n_questions, n_votes, n_people):
    """A few people give most labels, the others one to five each."""
    k = int(rng.choice([2, 3, 5]))
    truth = rng.choice(k, n_questions, p=rng.dirichlet(np.full(k, 3.0)))
    skill = rng.beta(*((6, 2), (3, 2))[rng.integers(2)], n_people)
    question, person = _assigned(rng, n_questions, n_votes, n_people, spread=3.0)
    return question, person, _said(rng, truth[question], skill[person], k), truth


def many_classes(rng, n_questions, n_votes, n_people):
    """10 to 30 classes; mistakes fall on the neighbours."""
    k = int(rng.integers(10, 31))
    truth = rng.choice(k, n_questions, p=rng.dirichlet(np.full(k, 2.0)))
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    right = rng.random(len(question)) < rng.beta(5, 2, n_people)[person]
    shift = np.where(
        rng.random(len(question)) < 0.7, rng.choice([-1, 1], len(question)), rng.integers(k, size=len(question))
    )
    return question, person, np.where(right, truth[question], (truth[question] + shift) % k), truth


def copied(rng, n_questions, n_votes, n_people):
    """One or two groups, a tenth to a third of the people together, copy a leader, always or on .9 of questions."""
    k = int(rng.choice([2, 3, 5]))
    truth = rng.integers(k, size=n_questions)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    said = _said(rng, truth[question], rng.beta(*((6, 2), (4, 2))[rng.integers(2)], n_people)[person], k)
    share, groups, exact = rng.choice([0.1, 0.2, 0.33]), int(rng.integers(1, 3)), rng.choice([1.0, 1.0, 0.9])
    group_of = np.where(rng.random(n_people) < share, rng.integers(groups, size=n_people), -1)
    for group in range(groups):
        leader = _said(rng, truth, rng.uniform(0.4, 0.9), k)
        copies = (group_of[person] == group) & (rng.random(len(said)) < exact)
        said = np.where(copies, leader[question], said)
    return question, person, said, truth


def camps(rng, n_questions, n_votes, n_people):
    """Two opinions about a fifth of the questions; those of the larger or of the smaller camp are right."""
    k = int(rng.choice([2, 3, 4]))
    truth = rng.integers(k, size=n_questions)
    disputed = rng.random(n_questions) < rng.uniform(0.05, 0.3)
    other = np.where(disputed, (truth + 1) % k, truth)
    mistaken = rng.random(n_people) < rng.choice([0.15, 0.3, 0.4, 0.55])
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    meant = np.where(mistaken[person], other[question], truth[question])
    return question, person, _said(rng, meant, rng.beta(10, 2, n_people)[person], k), truth


def thresholds(rng, n_questions, n_votes, n_people):
    """Ordered classes cut out of a scale; each person sees it with noise and cuts at places of their own."""
    k = int(rng.choice([2, 3, 5, 7]))
    value = rng.normal(size=n_questions)
    cuts = np.quantile(value, np.sort(rng.uniform(0.1, 0.9, k - 1)))
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    own = rng.normal(0, rng.choice([0.1, 0.5, 1.0]), n_people)[person]
    seen = value[question] + own + rng.normal(size=len(question)) * rng.gamma(2, 0.25, n_people)[person]
    return question, person, np.searchsorted(cuts, seen), np.searchsorted(cuts, value)


def topics(rng, n_questions, n_votes, n_people):
    """Questions of four topics; everybody is good at some of them and guesses at the others."""
    k = int(rng.choice([2, 4]))
    truth, topic = rng.integers(k, size=n_questions), rng.integers(4, size=n_questions)
    skill = np.where(rng.random((4, n_people)) < 0.6, rng.beta(10, 2, (4, n_people)), 1 / k)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    return question, person, _said(rng, truth[question], skill[topic[question], person], k), truth


def plain(rng, n_questions, n_votes, n_people):
    """Nothing goes wrong: people of one skill, or of skills that differ a little."""
    k = int(rng.choice([2, 3, 6]))
    truth = rng.choice(k, n_questions, p=rng.dirichlet(np.full(k, 5.0)))
    skill = np.clip(rng.uniform(0.55, 0.9) + rng.normal(0, rng.choice([0, 0.05]), n_people), 0, 1)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    return question, person, _said(rng, truth[question], skill[person], k), truth


def tired(rng, n_questions, n_votes, n_people):
    """People grow careless as they go on, some of them soon; later they guess."""
    k = int(rng.choice([2, 3, 5]))
    truth = rng.integers(k, size=n_questions)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    order = np.argsort(person, kind="stable")
    nth = np.empty(len(person), dtype=int)
    nth[order] = np.arange(len(person)) - np.searchsorted(person[order], person[order])
    patience = rng.exponential(rng.choice([30, 100]), n_people)[person]
    right = np.where(nth < patience, rng.beta(10, 2, n_people)[person], 1 / k)
    return question, person, _said(rng, truth[question], right, k), truth


def herding(rng, n_questions, n_votes, n_people):
    """People see the votes before theirs; some follow whoever leads, the others think for themselves."""
    k = int(rng.choice([2, 4]))
    truth = rng.integers(k, size=n_questions)
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    own = _said(rng, truth[question], rng.beta(5, 2, n_people)[person], k).reshape(n_questions, n_votes)
    follows = (rng.random(n_people) < rng.choice([0.2, 0.4]))[person].reshape(n_questions, n_votes)
    votes = np.zeros((n_questions, k))
    for place in range(n_votes):
        has_leader = votes.max(axis=1) > votes.mean(axis=1)
        said = np.where(follows[:, place] & has_leader, votes.argmax(axis=1), own[:, place])
        own[:, place] = said
        votes[np.arange(n_questions), said] += 1
    return question, person, own.ravel(), truth


def defaulting(rng, n_questions, n_votes, n_people):
    """Unsure people say a class of their own choosing, and some pairs of classes are hard to tell for everybody."""
    k = int(rng.choice([3, 4, 8]))
    truth = rng.choice(k, n_questions, p=rng.dirichlet(np.full(k, 1.5)))
    question, person = _assigned(rng, n_questions, n_votes, n_people)
    sure = rng.random(len(question)) < rng.beta(4, 2, n_people)[person] * np.where(truth[question] < 2, 0.7, 1)
    default = rng.integers(k, size=n_people)[person]
    default = np.where(rng.random(len(question)) < 0.6, default, rng.integers(k, size=len(question)))
    return question, person, np.where(sure, truth[question], default), truth


KINDS = (imbalanced, difficult, adversarial, long_tailed, many_classes, copied, camps, thresholds, topics, plain)
#: No constant was chosen on crowds of these kinds, of whatever seed.
NEW_KINDS = (tired, herding, defaulting)


def draw(seed: int, kinds=KINDS):
    """Return the name of a kind, its votes (question, person, label) and the truth; a third has 30 to 100 questions."""
    rng = np.random.default_rng(seed)
    kind = kinds[seed % len(kinds)]
    is_tiny = rng.random() < 1 / 3
    n_questions = int(rng.integers(30, 101)) if is_tiny else int(rng.choice([200, 500, 1000, 2500]))
    n_votes = int(rng.choice([3, 5, 7, 10, 20]))
    each = float(rng.choice([8, 20, 50, 150]))
    n_people = max(n_votes + 1, int(n_questions * n_votes / min(each, n_questions)))
    *votes, truth = kind(rng, n_questions, n_votes, n_people)
    return kind.__name__ + (", tiny" if is_tiny else ""), votes, truth


def _assigned(rng, n_questions, n_votes, n_people, spread=None):
    """Return question and person of each vote: nobody twice on a question, some people busier than others."""
    busy = rng.normal(0, rng.choice([0.3, 1.0]) if spread is None else spread, n_people)
    chance = busy + rng.gumbel(size=(n_questions, n_people))
    person = np.argpartition(-chance, n_votes - 1, axis=1)[:, :n_votes]
    return np.repeat(np.arange(n_questions), n_votes), person.ravel()


def _said(rng, truth, right, n_classes):
    """Return the truth with probability `right`, otherwise any other class."""
    wrong = (truth + rng.integers(1, n_classes, size=len(truth))) % n_classes
    return np.where(rng.random(len(truth)) < right, truth, wrong)
