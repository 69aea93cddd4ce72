"""Ratings as single people gave them, from a table of a collection: to a file of judgements, and into a release.

Nobody was filtered on gold questions here: what counts is what the table's own check leaves, the first rating where
somebody rated the same face twice, and a face's rating is the plain mean of those.
"""

import csv
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from triplets.annotators import Annotators
from triplets.records import RESPONSE_SCHEMA, Ratings

COLUMNS = ("stimulus", "attribute", "rating", "worker")
RULES = {
    "counted": "first ratings of people whose check question in the table was answered rightly, or who had none",
    "ratings": "mean, standard deviation (n - 1) and n of the single ratings, everybody weighed alike",
}
_CHUNK = 50_000


@dataclass(frozen=True)
class SingleRatings:
    """n ratings, sorted by stimulus and attribute, else in the order of the table.

    stimulus, attribute : (n,) int rows of `keys` and `attributes`     rating : (n,) float on the scale of the table
    rater : (n,) int row of `raters`, -1 where the table does not name anybody
    is_counted, is_repeat : (n,) bool, as in a release's responses
    about : field -> one str a rater, "" not told
    """

    keys: tuple[str, ...]
    attributes: tuple[str, ...]
    raters: tuple[str, ...]
    about: dict[str, tuple[str, ...]]
    stimulus: np.ndarray
    attribute: np.ndarray
    rater: np.ndarray
    rating: np.ndarray
    is_counted: np.ndarray
    is_repeat: np.ndarray

    def __len__(self) -> int:
        return len(self.rating)

    @property
    def names_everybody(self) -> bool:
        return bool((self.rater >= 0).all())

    @property
    def n_excluded(self) -> int:
        """Return how many raters have no rating that counts."""
        return len(self.raters) - len(np.unique(self.rater[self.is_counted]))

    def settled(self, row_of: dict[str, int], split: np.ndarray) -> Ratings:
        """Return mean, spread and n of what counts, for every stimulus and attribute of which anything does.

        row_of : key -> row of the release's stimuli; split : (m,) of those stimuli.
        """
        used = self.is_counted & ~self.is_repeat
        question, value = self._question()[used], self.rating[used]
        questions, place = np.unique(question, return_inverse=True)
        n = np.bincount(place, minlength=len(questions))
        mean = np.bincount(place, weights=value, minlength=len(questions)) / np.maximum(n, 1)
        squares = np.bincount(place, weights=(value - mean[place]) ** 2, minlength=len(questions))
        spread = np.where(n > 1, np.sqrt(squares / np.maximum(n - 1, 1)), np.nan)
        stimulus = np.array([row_of[self.keys[k]] for k in questions // len(self.attributes)], np.int64)
        attribute = np.array(self.attributes)[questions % len(self.attributes)]
        unknown = np.full(len(questions), np.nan)  # nobody is weighed: there is no mean but the plain one
        return Ratings(stimulus, attribute, mean, spread, n, unknown, _split_of(split)[stimulus])

    def responses(self, row_of: dict[str, int], split: np.ndarray) -> Iterator[pa.RecordBatch]:
        """Yield every rating as a release's responses; the annotator is null where nobody is named."""
        numbers = np.unique(self._question(), return_inverse=True)[1] + 1
        keys, names = np.array(self.keys, object), np.array(self.attributes, object)
        sides = np.array([_split_of(split)[row_of[key]] if key else "" for key in self.keys], object)
        raters = np.array([*self.raters, None], object)  # -1 is the last
        for start in range(0, len(self), _CHUNK):
            at = slice(start, start + _CHUNK)
            n = len(self.rating[at])
            known = {
                "question": numbers[at],
                "kind": ["rating"] * n,
                "role": ["ordinary"] * n,
                "reference": keys[self.stimulus[at]],
                "attribute": names[self.attribute[at]],
                "rating": self.rating[at],
                "annotator": raters[self.rater[at]],
                "is_counted": self.is_counted[at],
                "is_repeat": self.is_repeat[at],
                "sampler": ["imported"] * n,
                "split": sides[self.stimulus[at]],
            }
            columns = [pa.array(known.get(field.name, [None] * n), field.type) for field in RESPONSE_SCHEMA]
            yield pa.record_batch(columns, schema=RESPONSE_SCHEMA)

    def annotators(self) -> Annotators | None:
        """Return the people with what the table tells about them; None where it tells nothing of anybody."""
        if not any(map(any, self.about.values())):
            return None
        order = np.argsort(np.array(self.raters))
        told = {name: np.array(values)[order] for name, values in self.about.items()}
        return Annotators(np.array(self.raters)[order], told)

    def write(self, path: Path) -> None:
        """Write what counts as the CSV that `manage.py import_responses` reads into a study of ratings."""
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for k in np.flatnonzero(self.is_counted & ~self.is_repeat):
                whose = (self.keys[self.stimulus[k]], self.attributes[self.attribute[k]])
                writer.writerow([*whose, f"{self.rating[k]:.6g}", self.raters[self.rater[k]]])

    def _question(self) -> np.ndarray:
        return self.stimulus.astype(np.int64) * len(self.attributes) + self.attribute


class Gathering:
    """Collects ratings row by row in 19 bytes each, and what raters told about themselves."""

    def __init__(self):
        self._stimuli: dict[str, int] = {}
        self._attributes: dict[str, int] = {}
        self._raters: dict[str, int] = {}
        self._told = defaultdict(lambda: defaultdict(Counter))
        self._columns = {"stimulus": array("i"), "attribute": array("h"), "rater": array("i"), "rating": array("d")}
        self._is_counted = array("b")

    def add(self, stimulus: str, rater: str, ratings: dict[str, float], about: dict[str, str], *, is_counted: bool):
        """Take what one person said about one face. rater : "" not named; about : what they told, where they did."""
        face = self._stimuli.setdefault(stimulus, len(self._stimuli))
        who = self._raters.setdefault(rater, len(self._raters)) if rater else -1
        for field, value in about.items() if rater else ():
            self._told[field][rater][value] += 1
        for name, value in ratings.items():
            said = (face, self._attributes.setdefault(name, len(self._attributes)), who, value)
            for column, one in zip(self._columns.values(), said, strict=True):
                column.append(one)
            self._is_counted.append(is_counted)

    def means(self) -> dict[str, dict[str, float]]:
        """Return {stimulus: {attribute: mean of what counts}}."""
        found = self.ratings({key: key for key in self._stimuli})
        made: dict[str, dict[str, float]] = {key: {} for key in self._stimuli}
        settled = found.settled(self._stimuli, np.full(len(self._stimuli), ""))
        for row, name, mean in zip(settled.stimulus, settled.attribute.tolist(), settled.mean.tolist(), strict=True):
            made[found.keys[row]][name] = mean
        return made

    def ratings(self, named: dict[str, str]) -> SingleRatings:
        """Return the ratings of the stimuli `named`. named : stimulus -> its key in the manifest."""
        columns = {name: np.array(values) for name, values in self._columns.items()}
        counted = np.array(self._is_counted, bool)
        kept = np.array([name in named for name in self._stimuli], bool)[columns["stimulus"]]
        order = np.lexsort((columns["attribute"], columns["stimulus"]))
        order = order[kept[order]]
        columns = {name: values[order] for name, values in columns.items()}
        # The commonest of what somebody told: a slip on one page changes nobody's age.
        about = {
            field: tuple(told[rater].most_common(1)[0][0] if rater in told else "" for rater in self._raters)
            for field, told in self._told.items()
        }
        return SingleRatings(
            keys=tuple(named.get(name, "") for name in self._stimuli),
            attributes=tuple(self._attributes),
            raters=tuple(self._raters),
            about=about,
            rating=columns.pop("rating"),
            is_counted=counted[order],
            is_repeat=_is_repeat(columns["stimulus"], columns["attribute"], columns["rater"], counted[order]),
            **columns,
        )


def _is_repeat(stimulus, attribute, rater, is_counted) -> np.ndarray:
    """Return which ratings repeat an earlier one that counts, by the same person of the same face and attribute."""
    found = np.zeros(len(rater), bool)
    at = np.flatnonzero((rater >= 0) & is_counted)
    said = np.column_stack([stimulus[at], attribute[at], rater[at]])
    if len(said):
        first = np.unique(said, axis=0, return_index=True)[1]
        found[np.setdiff1d(at, at[first])] = True
    return found


def _split_of(split: np.ndarray) -> np.ndarray:
    return np.where(np.asarray(split) == "", "none", split)
