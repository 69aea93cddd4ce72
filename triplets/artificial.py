"""Triplets that follow from labels: no person was asked.

Three rules (thesis, section 5.2.1): expressions of one class are nearer than expressions of
different classes; within a class, the closer the degree the smaller the distance; a neutral face is
nearer than an expression of another class.

They train and test a network before anybody has answered, and the plainest of them make
gold questions. A candidate pair that no rule orders is never made.
"""

import numpy as np

SAME_CLASS, NEARER_DEGREE, NEUTRAL_FIRST = 0, 1, 2
MOST_LISTED = 300  # stimuli of which all triplets are gone through


def artificial_triplets(class_labels, degrees, is_neutral, *, n, seed, subjects=None, or_fewer=False) -> np.ndarray:
    """Return (n, 3) distinct rows [anchor, positive, negative] in random order.

    class_labels : (n_stimuli,) expression class, "" where unknown; ignored where neutral.
    degrees : (n_stimuli,) intensity, nan where unknown; or None.
    is_neutral : (n_stimuli,) True or 1 where neutral. A neutral face is never an
    anchor: the rules say what is near an expression.
    subjects : when given, a triplet shows one subject or three, never a mixture.
    or_fewer : where the labels allow fewer than n, return what there is.

    Every stimulus that is neutral or of a known class is in at least one triplet.
    Raises ValueError where such a stimulus is in no possible triplet, where n
    is too small for all of them, or where there are fewer than n triplets.
    """
    labels = _Labels(class_labels, degrees, is_neutral, subjects)
    rng = np.random.default_rng(seed)
    if n < 1 or n != int(n):
        raise ValueError(f"n is {n!r}: expected a whole number of triplets, at least 1")
    chosen = _cover(labels, rng)
    if len(chosen) > n:
        raise ValueError(f"n is {n}: expected at least {len(chosen)} triplets so that every stimulus is in one")
    keys = set(map(tuple, chosen.tolist()))
    for _ in range(60):
        if len(keys) >= n:
            break
        drawn = labels.draw(rng, size=4 * (n - len(keys)) + 64)
        for row in map(tuple, drawn.tolist()):
            if len(keys) >= n:
                break
            keys.add(row)
    else:
        # Random draws hardly find the last ones: the possible triplets are few, so list them.
        if or_fewer and len(labels.label) > MOST_LISTED:
            return rng.permutation(np.array(sorted(keys), dtype=np.int64))
        every = [tuple(row) for row in labels.list_all().tolist()]
        rest = [row for row in every if row not in keys]
        if len(keys) + len(rest) < n and not or_fewer:
            raise ValueError(f"n is {n}: these labels allow only {len(keys) + len(rest)} different triplets")
        keys.update(rest[i] for i in rng.permutation(len(rest))[: n - len(keys)])
    return rng.permutation(np.array(sorted(keys), dtype=np.int64))


def gold_candidates(class_labels, degrees, subjects, is_neutral, *, n, seed) -> np.ndarray:
    """Return at most n rows [anchor, positive, negative] so plain that a person who looks gets them right.

    Anchor and positive show one class, the negative another one, no face is neutral and,
    where degrees are known, all three are among the stronger half of their
    class. All show one subject, or three different ones. Distinct, and the
    anchors as different as possible. Fewer than n, or none, where the
    labels allow no more: a researcher chooses gold then.
    """
    labels = _Labels(class_labels, degrees, is_neutral, subjects)
    rng = np.random.default_rng(seed)
    strong = labels.is_known & ~labels.is_neutral
    for label in np.unique(labels.label[strong]):
        of_class = ~labels.is_neutral & (labels.label == label)
        known = of_class & np.isfinite(labels.degree)
        if known.any():
            strong[of_class] &= labels.degree[of_class] >= np.median(labels.degree[known])
    rows = np.flatnonzero(strong)
    if not len(rows):
        return np.empty((0, 3), dtype=np.int64)
    found = {}
    for _ in range(40):
        drawn = rows[rng.integers(len(rows), size=(max(256, 4 * n), 3))]
        fine = (labels.rule(drawn) == SAME_CLASS) & labels.are_unmixed(drawn)
        found.update(dict.fromkeys(map(tuple, drawn[fine].tolist())))
        if len(found) >= 4 * n:
            break
    triplets = np.array(list(found), dtype=np.int64).reshape(-1, 3)
    # Round by round: first every anchor once, then every anchor a second time.
    order = np.argsort(triplets[:, 0], kind="stable")
    start = np.searchsorted(triplets[order, 0], triplets[order, 0])
    turn = np.empty(len(triplets), dtype=int)
    turn[order] = np.arange(len(triplets)) - start
    return triplets[np.argsort(turn, kind="stable")][:n]


class _Labels:
    """The labels of all stimuli, and which triplet of rows which rule allows."""

    def __init__(self, class_labels, degrees, is_neutral, subjects):
        self.is_neutral = np.asarray(is_neutral) == 1
        n = len(self.is_neutral)
        names = np.array(["" if label is None else str(label) for label in class_labels], dtype=str)
        _, self.label = np.unique(names, return_inverse=True)
        self.is_known = self.is_neutral | (names != "") if names.shape == (n,) else self.is_neutral
        self.degree = np.full(n, np.nan) if degrees is None else np.array(degrees, dtype=float)
        self.subject = np.zeros(n, dtype=int)
        self.by_subject = subjects is not None
        if self.by_subject:
            _, self.subject = np.unique(np.asarray(subjects), return_inverse=True)
        shapes = {self.label.shape, self.degree.shape, self.subject.shape, self.is_neutral.shape}
        if shapes != {(n,)}:
            raise ValueError(f"labels have shapes {sorted(shapes)}: expected one entry for each of {n} stimuli")

    def rule(self, rows) -> np.ndarray:
        """Return for (m, 3) rows [anchor, positive, negative] the rule that makes them true, -1 for none."""
        anchor, positive, negative = rows.T
        label, neutral, degree = self.label, self.is_neutral, self.degree
        expressive = ~neutral[anchor] & ~neutral[negative] & self.is_known[rows].all(axis=1)
        with_positive = expressive & ~neutral[positive] & (label[anchor] == label[positive])
        same_class = with_positive & (label[anchor] != label[negative])
        nearer, farther = np.abs(degree[anchor] - degree[positive]), np.abs(degree[anchor] - degree[negative])
        nearer_degree = with_positive & (label[anchor] == label[negative]) & (nearer < farther)
        neutral_first = expressive & neutral[positive] & (label[anchor] != label[negative])
        distinct = (anchor != positive) & (anchor != negative) & (positive != negative)
        rule = np.select(
            [same_class, nearer_degree, neutral_first], [SAME_CLASS, NEARER_DEGREE, NEUTRAL_FIRST], default=-1
        )
        return np.where(distinct, rule, -1)

    def are_unmixed(self, rows) -> np.ndarray:
        if not self.by_subject:
            return np.ones(len(rows), dtype=bool)
        a, b, c = self.subject[rows].T
        return ((a == b) & (b == c)) | ((a != b) & (b != c) & (a != c))

    def allowed(self, rows) -> np.ndarray:
        return rows[(self.rule(rows) >= 0) & self.are_unmixed(rows)]

    def draw(self, rng, size) -> np.ndarray:
        """Return random allowed rows, of every rule and, where subjects are known, half of them within one subject."""
        n = len(self.label)
        if n < 3:
            return np.empty((0, 3), dtype=np.int64)
        rows = rng.integers(n, size=(size, 3))
        halves = [rows[: size // 2], rows[size // 2 :]] if self.by_subject else [rows[:0], rows]
        n_classes = self.label.max() + 1
        # Propose what a rule wants, a third each, instead of waiting for chance; `allowed` has the last word.
        expression = np.where(self.is_neutral, n_classes, self.label)
        for half, owner in zip(halves, (self.subject, np.zeros(n, dtype=int)), strict=True):
            anyone = _Members(owner)
            members = _Members(owner * (n_classes + 1) + expression)
            anchor_owner, anchor_label = owner[half[:, 0]], self.label[half[:, 0]]
            wanted = rng.integers(3, size=len(half))
            alike = anchor_owner * (n_classes + 1) + anchor_label
            neutral = anchor_owner * (n_classes + 1) + n_classes
            half[:, 1] = members.pick(np.where(wanted == NEUTRAL_FIRST, neutral, alike), rng)
            half[:, 2] = np.where(wanted == NEARER_DEGREE, members.pick(alike, rng), anyone.pick(anchor_owner, rng))
        return self.allowed(rng.permutation(rows))

    def with_member(self, stimulus, rng, size=2000) -> np.ndarray:
        """Return allowed rows that hold one stimulus: random ones, or all of them where no random one fits."""
        n = len(self.label)
        rows = rng.integers(n, size=(size, 3))
        rows[np.arange(size), rng.integers(3, size=size)] = stimulus
        found = self.allowed(rows)
        if len(found) or n > 2000:
            return found if len(found) else self._with_member_of_subject(stimulus)
        return self._all_with(stimulus, np.arange(n))

    def _with_member_of_subject(self, stimulus) -> np.ndarray:
        return self._all_with(stimulus, np.flatnonzero(self.subject == self.subject[stimulus])[:2000])

    def _all_with(self, stimulus, others) -> np.ndarray:
        found = []
        for other in others:
            pair = np.stack([np.full(len(others), stimulus), np.full(len(others), other), others], axis=1)
            found.extend(self.allowed(pair[:, order]) for order in ([0, 1, 2], [1, 0, 2], [1, 2, 0]))
        return np.concatenate(found) if found else np.empty((0, 3), dtype=np.int64)

    def list_all(self) -> np.ndarray:
        n = len(self.label)
        if n > MOST_LISTED:
            raise ValueError(f"random draws found too few different triplets among {n} stimuli: expected a smaller n")
        return self.allowed(np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3))


class _Members:
    """Random members of numbered groups."""

    def __init__(self, group):
        self.order = np.argsort(group, kind="stable")
        self.counts = np.append(np.bincount(group), 0)
        self.start = np.cumsum(self.counts) - self.counts

    def pick(self, group, rng) -> np.ndarray:
        """Return one member of each group; an empty group gives some other stimulus."""
        group = np.minimum(group, len(self.counts) - 1)
        position = self.start[group] + rng.integers(np.maximum(self.counts[group], 1))
        return self.order[np.minimum(position, len(self.order) - 1)]


def _cover(labels, rng) -> np.ndarray:
    """Return few distinct allowed rows that hold every stimulus at least once."""
    n = len(labels.label)
    bare = labels.is_known.copy()
    chosen = []
    for _ in range(30):
        # A draw of random rows; keep those of which every member was bare.
        rows = labels.draw(rng, size=2 * n + 64)
        for row in rows[bare[rows].all(axis=1)]:
            if bare[row].all():
                chosen.append(row)
                bare[row] = False
        if not bare.any():
            break
    for stimulus in np.flatnonzero(bare):
        if not bare[stimulus]:
            continue
        rows = labels.with_member(stimulus, rng)
        if not len(rows):
            raise ValueError(
                f"stimulus row {int(stimulus)} is in no triplet that the labels decide: "
                "leave it out, or give its class, degree or neutral mark"
            )
        row = rows[np.argmax(bare[rows].sum(axis=1))]
        chosen.append(row)
        bare[row] = False
    return np.array(chosen, dtype=np.int64).reshape(-1, 3)
