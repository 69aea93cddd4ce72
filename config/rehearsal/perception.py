"""What simulated people perceive in a study's pictures, from what is known of these: the truth of a rehearsal."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from annotation.models import Study
from annotation.recruiters.simulated import KnownPictures
from config.rehearsal.copying import asked_stimuli
from config.rehearsal.plan import RehearsalFailed
from triplets import synthetic
from triplets.counting import counted
from triplets.models import Question

PERSONAL = 0.15  # of a clear difference: what makes two pictures of one class and degree look a little different


@dataclass(frozen=True)
class Perception:
    """judge : by the SHA-256 of a picture's bytes. source : one clause that says where the truth comes from."""

    judge: KnownPictures
    source: str

    def best_label(self, picture: str, options: list[str]) -> str:
        fits = self.judge.fits(picture, options)
        return options[fits.index(max(fits))]

    def is_first_nearer(self, reference: str, first: str, second: str) -> bool:
        return self.judge.distance(reference, first) < self.judge.distance(reference, second)


def perceive(study: Study, seed: int = 0) -> Perception:
    """Return what people perceive: ratings from the manifest for a rating study; class and degree of the expression
    for a study of choices; for triplets the known face movements of synthetic faces, else rated attributes, else
    class and degree.

    RehearsalFailed where too little is known of some picture that is asked about.
    """
    pictures = list(asked_stimuli(study).order_by("pk").exclude(picture_sha256=""))
    if not pictures:
        raise RehearsalFailed(f"Study {study.name!r} has no picture to show: create its questions first.")
    if study.kind == Question.Kind.RATING:
        return _of_ratings(study, pictures)
    if study.kind == Question.Kind.CHOICE:
        return _of_labels(study, pictures, seed)
    for known in (_of_movements(pictures), _of_attributes(pictures), _of_classes(pictures, seed)):
        if known is not None:
            return known
    raise RehearsalFailed(
        f"Nothing is known of how the pictures of {study.collection.name!r} look to people: expected action units, "
        "rated attributes or class labels of every picture in its manifest."
    )


def _judge(pictures, positions, unit: float = 1.0) -> KnownPictures:
    shas = (picture.picture_sha256 for picture in pictures)
    return KnownPictures(dict(zip(shas, np.asarray(positions), strict=True)), unit=unit)


def _of_ratings(study: Study, pictures) -> Perception:
    values = {}
    for picture in pictures:
        missing = [name for name in study.attributes if picture.attributes.get(name) is None]
        if missing:
            raise RehearsalFailed(
                f"How {missing[0]!r} {picture.key!r} looks is not known: expected a column attribute_{missing[0]} in "
                "the manifest, on the study's scale."
            )
        known = {name: float(picture.attributes[name]) for name in study.attributes}
        wrong = next((name for name in known if not study.scale_low <= known[name] <= study.scale_high), None)
        if wrong:
            raise RehearsalFailed(
                f"{picture.key!r} has {wrong} {known[wrong]:g} in the manifest: expected a value on the study's scale "
                f"from {study.scale_low} to {study.scale_high}."
            )
        values[picture.picture_sha256] = known
    return Perception(KnownPictures({}, values), "the attributes' values in the manifest")


def _of_labels(study: Study, pictures, seed: int) -> Perception:
    """A picture's own class fits as well as its degree is high, neutral as well as it is low, others hardly."""
    options, rng = list(study.options), np.random.default_rng(seed)
    unheard = next((picture for picture in pictures if picture.class_label not in options), None)
    if unheard is not None:
        raise RehearsalFailed(
            f"{unheard.key!r} is labelled {unheard.class_label!r} in the manifest: expected one of the study's options "
            f"{', '.join(options)}, so that simulated people know what they see."
        )
    neutral = {picture.class_label for picture in pictures if picture.is_neutral}
    highest = max(_degrees(pictures), default=0.0)
    values = {}
    for picture in pictures:
        strength = picture.degree / highest if picture.degree is not None and highest else 1.0
        fits = dict(zip(options, rng.normal(0, PERSONAL, len(options)).tolist(), strict=True))
        if picture.class_label not in neutral:
            fits[picture.class_label] += strength
            fits |= {option: fits[option] + 1 - strength for option in neutral}
        else:
            fits[picture.class_label] += 1.0
        values[picture.picture_sha256] = fits
    degrees = " and their degrees" if highest else ""
    return Perception(KnownPictures({}, values), f"{len(options)} labels{degrees}")


def _of_movements(pictures) -> Perception | None:
    """Synthetic faces: every movement of the face is known, and so is how people see it."""
    names = set(synthetic.ACTION_UNITS)
    if not all(picture.action_units and set(picture.action_units) <= names for picture in pictures):
        return None
    units = [[picture.action_units.get(name, 0.0) for name in synthetic.ACTION_UNITS] for picture in pictures]
    positions = synthetic.perceptual_embedding(np.array(units, dtype=float))
    return Perception(_judge(pictures, positions), "the action units of the faces (triplets.synthetic)")


def _of_attributes(pictures) -> Perception | None:
    names = sorted(set.intersection(*(_numeric(picture.attributes) for picture in pictures)))
    if not names:
        return None
    values = np.array([[float(picture.attributes[name]) for name in names] for picture in pictures])
    spread = values.std(axis=0)
    values = (values - values.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if not values.shape[1]:
        return None
    # Two pictures taken at random differ by sqrt(2 k) on average: this is what a clear difference is.
    source = f"{len(names)} rated attributes of the manifest ({', '.join(names[:4])}{', ...' if names[4:] else ''})"
    return Perception(_judge(pictures, values, unit=float(np.sqrt(2 * values.shape[1]))), source)


def _numeric(attributes: dict) -> set[str]:
    return {name for name, value in attributes.items() if isinstance(value, int | float) and np.isfinite(value)}


def _of_classes(pictures, seed: int) -> Perception | None:
    """Neutral at the origin, each class in a direction of its own, as far out as its degree."""
    if not all(picture.class_label for picture in pictures):
        return None
    classes = sorted({picture.class_label for picture in pictures if not picture.is_neutral})
    highest = max(_degrees(pictures), default=1.0)
    rng = np.random.default_rng(seed)
    positions = rng.normal(0, PERSONAL / np.sqrt(len(classes) + 1), (len(pictures), len(classes) + 1))
    for row, picture in zip(positions, pictures, strict=True):
        if not picture.is_neutral:
            strength = 1.0 if picture.degree is None or not highest else picture.degree / highest
            row[classes.index(picture.class_label)] += strength
    if not classes or len({picture.class_label for picture in pictures}) < 2:
        return None
    has_degrees = any(picture.degree is not None for picture in pictures)
    n_classes = counted(len(classes), "class", "classes")
    source = f"{n_classes} of expression{' and their degrees' if has_degrees else ''}"
    return Perception(_judge(pictures, positions), source)


def _degrees(pictures) -> Iterable[float]:
    return (picture.degree for picture in pictures if picture.degree is not None)
