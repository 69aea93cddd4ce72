"""Single judgements of a release, who gave them, and the stimuli that an embedding of judgements knows."""

import dataclasses
import zipfile
from dataclasses import dataclass

import numpy as np

from learning.splits import Split
from triplets.archive import Release, read_member
from triplets.records import SPLITS

#: Gold and practice questions are made to be easy; they say whether somebody is careful, not what people see.
_ROLES = ("ordinary", "shared")


#: Of the logarithm of a time taken over the usual one.
_LIMIT = 1.5
#: Moods stay for tens of responses; a run of very many is cut into no more parts than this.
_SHORTEST_PERIOD, _MOST_PERIODS = 10, 64


@dataclass(frozen=True)
class KnownStimuli:
    """The stimuli and annotators that training met: an embedding without inputs knows no others.

    stimuli, annotators : keys and pseudonyms in the order of the network's rows
    group_names : what `groups` is, by column of the stimuli; groups : (G, n) int, equal for equal values, -1 unknown
    mood_names, moods : the same of the columns that somebody may go by for a while
    n_periods : (A,) int, parts of each annotator's run of answers that moods differ between, `period` responses each
    """

    stimuli: tuple[str, ...]
    annotators: tuple[str, ...]
    group_names: tuple[str, ...]
    groups: np.ndarray
    mood_names: tuple[str, ...]
    moods: np.ndarray
    n_periods: np.ndarray
    period: int

    def described(self) -> dict:
        """Return the part that JSON takes."""
        names = {name: list(getattr(self, name)) for name in ("stimuli", "annotators", "group_names", "mood_names")}
        return names | {"period": self.period}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the rest by name."""
        return {"groups": self.groups, "moods": self.moods, "n_periods": self.n_periods}

    @classmethod
    def restored(cls, described: dict, arrays: dict[str, np.ndarray]) -> "KnownStimuli":
        """Return what `described` and `arrays` came from."""
        known = {name: tuple(value) if isinstance(value, list) else value for name, value in described.items()}
        # What was written before there were moods has none.
        unmoved = {"moods": arrays["groups"][:0], "n_periods": np.ones(len(known["annotators"]), dtype=np.int64)}
        return cls(**({"mood_names": (), "period": 1} | known | unmoved | arrays))

    def positions(self, keys) -> np.ndarray:
        """Return (len(keys),) int rows of the network, -1 where a stimulus is not known."""
        return _positions(self.stimuli, keys)

    def annotator_positions(self, names) -> np.ndarray:
        """Return (len(names),) int rows of the weights, -1 where a person is not known."""
        return _positions(self.annotators, names)


@dataclass(frozen=True)
class Responses:
    """Responses to triplet questions, gold, practice and those of excluded people left out.

    rows : (v, 3) int rows of the release's stimuli: reference, chosen, other      annotator : (v,) str pseudonyms
    question : (v,) int      split : (v,) str train, validation, test, or "" not used
    side : (v,) int, 1 where the chosen one was shown on the left, -1 on the right, 0 unknown
    milliseconds : (v,) float, the time taken, nan unknown
    """

    rows: np.ndarray
    annotator: np.ndarray
    question: np.ndarray
    split: np.ndarray
    side: np.ndarray
    milliseconds: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def circumstances(self) -> np.ndarray:
        """Return (v, 2) float32: the side, and 1 where it is that of the same annotator's answer before, -1 where not.

        0 where either is unknown. Only an answer that is trained on is known when the next one is predicted.
        """
        before = np.zeros(len(self), dtype=np.int64)
        last: dict[str, int] = {}
        for position, person in enumerate(self.annotator.tolist()):
            at = last.get(person, -1)
            if at >= 0 and self.split[at] == "train":
                before[position] = self.side[at]
            last[person] = position
        return np.column_stack([self.side, self.side * before]).astype(np.float32)

    def moment(self) -> np.ndarray:
        """Return (v,) int: how many responses the same annotator gave before."""
        n_before: dict[str, int] = {}
        found = np.zeros(len(self), dtype=np.int64)
        for position, person in enumerate(self.annotator.tolist()):
            found[position] = n_before.get(person, 0)
            n_before[person] = found[position] + 1
        return found

    def hesitation(self) -> np.ndarray:
        """Return (v,) float32: log of the time taken over the annotator's own median in training, 0 unknown.

        Within `_LIMIT` either way: an answer after an hour says no more than one after a minute.
        """
        known = self.milliseconds > 0
        taken = np.log(self.milliseconds, out=np.full(len(self), np.nan), where=known)
        found = np.zeros(len(self), dtype=np.float32)
        for person in np.unique(self.annotator):
            own = self.annotator == person
            trained = taken[own & known & (self.split == "train")]
            if len(trained):
                found[own] = np.nan_to_num(np.clip(taken[own] - np.median(trained), -_LIMIT, _LIMIT))
        return found

    def asked_before(self) -> np.ndarray:
        """Return (v,) bool: in training the same annotator answers the same question, too, in either order."""
        low, high = self.rows[:, 1:].min(axis=1), self.rows[:, 1:].max(axis=1)
        asked = list(zip(self.annotator.tolist(), self.rows[:, 0].tolist(), low.tolist(), high.tolist(), strict=True))
        known = {question for question, split in zip(asked, self.split.tolist(), strict=True) if split == "train"}
        return np.array([question in known for question in asked], dtype=bool)


def has_responses(release: Release) -> bool:
    """Return whether the release holds a table of responses with anything in it."""
    if not release.manifest.get("counts", {}).get("responses"):
        return False
    try:
        read_member(release.path, "responses.parquet")
    except (FileNotFoundError, KeyError, zipfile.BadZipFile):
        return False
    return True


def triplet_responses(release: Release) -> Responses:
    """Return the counted responses to triplet questions, in the order of the release, repeated ones included."""
    table = release.responses()
    column = {name: np.array(table.column(name).to_pylist(), dtype=np.str_) for name in
              ("kind", "role", "reference", "first", "second", "chosen", "annotator", "split")}  # fmt: skip
    counted = np.array(table.column("is_counted").to_pylist(), dtype=bool)
    chose_first = column["chosen"] == column["first"]
    usable = counted & (column["kind"] == "triplet") & np.isin(column["role"], _ROLES)
    usable &= (chose_first | (column["chosen"] == column["second"])) & (column["first"] != column["second"])
    other = np.where(chose_first, column["second"], column["first"])
    keys = release.stimuli.key.tolist()
    rows = np.column_stack(
        [_positions(keys, values[usable]) for values in (column["reference"], column["chosen"], other)]
    )
    question = table.column("question").to_numpy()[usable].astype(np.int64)
    side = _sides(table.column("is_first_left").to_pylist(), chose_first)[usable]
    taken = np.array([np.nan if ms is None else ms for ms in table.column("response_ms").to_pylist()], dtype=float)
    whole = (rows >= 0).all(axis=1)
    names, split = column["annotator"][usable], column["split"][usable]
    return Responses(rows[whole], names[whole], question[whole], split[whole], side[whole], taken[usable][whole])


def _sides(is_first_left: list, chose_first: np.ndarray) -> np.ndarray:
    """Return (v,) 1 where what was chosen was on the left, -1 on the right, 0 where nobody knows."""
    is_left = np.array([0 if left is None else 1 if left else -1 for left in is_first_left], dtype=np.int64)
    return np.where(chose_first, is_left, -is_left)


def divide(responses: Responses, release: Release, split: Split, *, seed: int, validation_share: float) -> Responses:
    """Return the responses with the split of their questions, validation with that of `split`.

    Where no response has a split, all are trained on. Without validation responses, every response to the triplets
    that `split` set aside is one, and to a seeded share of the training questions without a verdict (ties, not yet
    settled): people who disagree are as rare in validation as in training.
    """
    given = np.where(np.isin(responses.split, SPLITS), responses.split, "").astype("U10")
    if len(given) and not (given != "").any():
        given[:] = "train"
    if not (given == "validation").any():
        settled = split.triplet != ""
        carved = release.triplets.question[split.triplet == "validation"]
        open_ = np.setdiff1d(responses.question[given == "train"], release.triplets.question[settled])
        if len(open_) > 1:
            n_carved = min(len(open_) - 1, max(1, round(validation_share * len(open_))))
            chosen = np.random.default_rng([seed, 0x5EED]).choice(open_, size=n_carved, replace=False)
            carved = np.concatenate([carved, chosen])
        given[(given == "train") & np.isin(responses.question, carved)] = "validation"
    return dataclasses.replace(responses, split=given)


def known_stimuli(
    release: Release,
    rows: np.ndarray,
    annotators,
    groups: str,
    moods: str = "",
    n_moments: dict[str, int] | None = None,
) -> KnownStimuli:
    """Return the stimuli that some rows (v, 3) name, some annotators, and the groups that tell those stimuli apart.

    groups, moods : as `OrdinalNetwork.groups`, `AnnotatorNetwork.moods`. A group helps only where two stimuli share
    a value and two do not. n_moments : responses by annotator.
    """
    used = np.unique(rows)
    people = tuple(sorted({str(name) for name in annotators}))
    group_names, grouped = groups_of(release.stimuli, used, groups.split(","))
    mood_names, moved = groups_of(release.stimuli, used, moods.split(","))
    given = np.array([(n_moments or {}).get(name, 1) for name in people], dtype=np.int64)
    # Where few give most, periods are so long that there are no more of them than a fifth of the responses.
    most = min(_MOST_PERIODS, -(-2 * int(given.sum()) // (_SHORTEST_PERIOD * max(1, len(given))))) or 1
    period = max(_SHORTEST_PERIOD, -(-int(given.max(initial=1)) // most))
    n_periods = -(-given // period) if mood_names else np.ones_like(given)
    keys = tuple(release.stimuli.key[used].tolist())
    return KnownStimuli(keys, people, group_names, grouped, mood_names, moved, n_periods, period)


def groups_of(stimuli, used: np.ndarray, named) -> tuple[tuple[str, ...], np.ndarray]:
    """Return which of the named columns tell the used stimuli apart, and their values as numbers (G, n), -1 unknown."""
    columns = {"subject": stimuli.subject, "class_label": stimuli.class_label, **stimuli.extra}
    names, values = [], []
    for name in filter(None, (part.strip() for part in named)):
        shown = np.asarray(columns.get(name, np.full(len(stimuli), ""))).astype(str)[used]
        found, number = np.unique(shown, return_inverse=True)
        number = np.where(shown == "", -1, number)
        if 1 < len(found[found != ""]) < (number >= 0).sum():
            names.append(name)
            values.append(number)
    return tuple(names), np.array(values, dtype=np.int64).reshape(len(names), len(used))


def _positions(known, wanted) -> np.ndarray:
    where = {str(name): position for position, name in enumerate(known)}
    return np.array([where.get(str(name), -1) for name in wanted], dtype=np.int64)
