"""What pictures are to be called: classes, shares of votes for classes, attributes with the weight of each rating."""

from dataclasses import dataclass

import numpy as np

from learning.datasets import NothingToLearn
from learning.image_config import ImageObjective
from triplets.archive import Release

#: Degrees of freedom that the spread of all ratings lends to that of one picture, which few people rated.
_LENT = 4


@dataclass(frozen=True)
class ClassTargets:
    """names : (k,) classes; share : (m, k) float32 target distribution; label : (m,) int, the likeliest, -1 unknown."""

    names: tuple[str, ...]
    share: np.ndarray
    label: np.ndarray


@dataclass(frozen=True)
class AttributeTargets:
    """names : (k,) attributes; value : (m, k) float32 on their own scale, nan unknown.

    weight : (m, k) float32, mean 1 over what is known of an attribute, 0 where unknown
    error_variance : (m, k) float64 variance of the mean rating, nan unknown; low, high : ends of the scale
    """

    names: tuple[str, ...]
    value: np.ndarray
    weight: np.ndarray
    error_variance: np.ndarray
    low: float
    high: float


def class_targets(release: Release, row: np.ndarray, objective: ImageObjective, names=None) -> ClassTargets:
    """Return the classes of some stimuli.

    row : (m,) rows of `release.stimuli`. names : the classes a network knows, None: those of this release.
    NothingToLearn where the release has no such column, no class or no votes.
    """
    said = _column(release, objective.label)[row]
    if objective.labels == "votes":
        return _voted(release, row, objective, said, names)
    if names is None:
        names = tuple(sorted(set(said.tolist()) - {""}))
    if len(names) < 2:
        raise NothingToLearn(
            f"release {release.path} has {len(names)} classes in column {objective.label!r}: expected at least two"
        )
    place = {name: position for position, name in enumerate(names)}
    label = np.array([place.get(name, -1) for name in said.tolist()], dtype=np.int64)
    share = np.eye(len(names), dtype=np.float32)[np.maximum(label, 0)]
    share[label < 0] = 0
    return ClassTargets(tuple(names), share, label)


def _voted(release, row, objective, said, names) -> ClassTargets:
    columns = _attribute_columns(release, objective)
    if names is None:
        options = release.manifest.get("study", {}).get("options", [])
        listed = [name for choices in _alternatives(objective.attributes) for name in choices]
        names = tuple(listed or options or sorted(set(said.tolist()) - {""}))
    missing = [name for name in names if name not in columns]
    if missing or len(names) < 2:
        raise NothingToLearn(
            f"release {release.path} has no votes for {missing or 'its classes'}: expected ratings or attributes named "
            f"like the classes, found {sorted(columns) or 'none'} (or train on --set labels=class)"
        )
    # Counts and shares start at 0, ratings of "how happy?" at the low end of their scale.
    low = release.manifest.get("study", {}).get("scale", {}).get("low", 0.0)
    votes = np.stack([columns[name].value[row] - (low if columns[name].is_rated else 0) for name in names], axis=1)
    votes = np.maximum(votes, 0)
    total = votes.sum(axis=1)
    is_known = np.isfinite(total) & (total > 0)
    share = np.where(is_known[:, None], votes / np.where(is_known, total, 1)[:, None], 0).astype(np.float32)
    # The class that the collection itself gives counts as the right one; without it the class most people said.
    place = {name: position for position, name in enumerate(names)}
    label = np.array([place.get(name, -1) for name in said.tolist()], dtype=np.int64)
    label = np.where(is_known, np.where(label < 0, share.argmax(axis=1), label), -1)
    return ClassTargets(tuple(names), share, label)


def attribute_targets(release: Release, row: np.ndarray, objective: ImageObjective, names=None) -> AttributeTargets:
    """Return the attributes of some stimuli: settled ratings, else the collection's own attribute columns.

    An attribute that is asked for by name may also be a further column of numbers or of two words.

    row : (m,) rows of `release.stimuli`. names : the attributes a network knows, None: those the objective names.
    NothingToLearn where the release lacks one.
    """
    columns = _attribute_columns(release, objective)
    asked = list(names or ()) or [name for choices in _alternatives(objective.attributes) for name in choices]
    columns |= {name: found for name in asked if name not in columns and (found := _described(release, name))}
    if names is None:
        names = _named(release, columns, objective.attributes)
    missing = [name for name in names if name not in columns]
    if missing or not names:
        wanted = f"attribute {missing[0]!r}" if missing else "rated attributes"
        raise NothingToLearn(
            f"release {release.path} has no {wanted}: "
            f"expected one of {', '.join(sorted(columns)) or 'the ratings of a study or columns attribute_*'}"
        )
    chosen = [columns[name] for name in names]
    value = np.stack([column.value[row] for column in chosen], axis=1)
    error = np.stack([column.error_variance[row] for column in chosen], axis=1)
    weight = np.isfinite(value).astype(np.float64)
    if objective.rating_weights == "variance":
        weight = np.stack([_inverse_variance(v, e) for v, e in zip(value.T, error.T, strict=True)], axis=1)
    low, high = rating_scale(release, columns)
    return AttributeTargets(
        tuple(names), value.astype(np.float32), weight.astype(np.float32), error, float(low), float(high)
    )


def rating_scale(release: Release, columns=None) -> tuple[float, float]:
    """Return the ends of the rating scale: those of the study, else the lowest and highest value there is."""
    scale = release.manifest.get("study", {}).get("scale")
    if scale:
        return float(scale["low"]), float(scale["high"])
    columns = columns if columns is not None else _attribute_columns(release, ImageObjective())
    values = [column.value[np.isfinite(column.value)] for column in columns.values()]
    values = np.concatenate(values) if values else np.array([])
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


@dataclass(frozen=True)
class _Column:
    value: np.ndarray
    error_variance: np.ndarray
    is_rated: bool


def _attribute_columns(release: Release, objective: ImageObjective) -> dict[str, _Column]:
    """Return name -> values by row of `release.stimuli`; ratings come before columns of the collection."""
    n = len(release.stimuli)
    columns = {
        name: _Column(np.asarray(values, dtype=np.float64), np.full(n, np.nan), False)
        for name, values in release.stimuli.attributes.items()
    }
    ratings = release.ratings
    for name in np.unique(ratings.attribute).tolist():
        here = ratings.attribute == name
        at, mean = ratings.stimulus[here], ratings.mean[here]
        if objective.ratings == "weighted":
            weighted = ratings.weighted_mean[here]
            mean = np.where(np.isfinite(weighted), weighted, mean)
        value = columns[name].value.copy() if name in columns else np.full(n, np.nan)
        error = np.full(n, np.nan)
        value[at] = mean
        error[at] = _error_variance(ratings.spread[here], ratings.n[here])
        columns[name] = _Column(value, error, True)
    return columns


def _described(release: Release, name: str) -> _Column | None:
    """Return a further column as an attribute: numbers as they are, two words (such as female, male) as 0 and 1."""
    if name not in release.stimuli.extra:
        return None
    said = np.asarray(release.stimuli.extra[name]).astype(str)
    words = sorted(set(said.tolist()) - {""})
    value = np.full(len(said), np.nan)
    try:
        value[said != ""] = said[said != ""].astype(np.float64)
    except ValueError:
        if len(words) != 2:
            return None
        value[said != ""] = said[said != ""] == words[1]
    return _Column(value, np.full(len(said), np.nan), False)


def _error_variance(spread: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the variance of each mean rating.

    Five people who happen to agree are no proof that nobody would differ: each picture's own variance is drawn
    towards that of all pictures, as if four further ratings had shown the latter.
    """
    n = np.maximum(n, 1)
    own = np.where(np.isfinite(spread), spread, 0) ** 2
    free = n - 1
    pooled = (free * own).sum() / max(1, free.sum())
    return (free * own + _LENT * pooled) / (free + _LENT) / n


def _inverse_variance(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return (m,) weights of mean 1 over known values, 0 elsewhere; equal where no variance is known."""
    is_known = np.isfinite(value)
    usable = is_known & np.isfinite(error) & (error > 0)
    weight = is_known.astype(np.float64)
    if usable.any():
        weight[usable] = 1 / error[usable]
        # A value of unknown precision counts like an average one.
        weight[is_known & ~usable] = weight[usable].mean()
        weight /= weight[is_known].mean()
    return weight


def _named(release, columns, text: str) -> tuple[str, ...]:
    if not text:
        return tuple(sorted(columns))
    found = []
    for choices in _alternatives(text):
        here = [name for name in choices if name in columns]
        if not here:
            raise NothingToLearn(
                f"release {release.path} has no attribute {' or '.join(choices)!r}: "
                f"expected one of {', '.join(sorted(columns)) or 'ratings or columns attribute_*'}"
            )
        found.append(here[0])
    return tuple(found)


def _alternatives(text: str) -> list[list[str]]:
    return [[name.strip() for name in part.split("|")] for part in text.split(",") if part.strip()]


def _column(release: Release, label: str) -> np.ndarray:
    extra = release.stimuli.extra
    for name in label.split("|"):
        if name == "class_label":
            return np.asarray(release.stimuli.class_label).astype(str)
        if name in extra:
            return np.asarray(extra[name]).astype(str)
    known = ", ".join(["class_label", *extra])
    raise NothingToLearn(f"release {release.path} has no column {label!r}: expected one of {known}")
