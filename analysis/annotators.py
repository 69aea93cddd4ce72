"""How well a representation agrees with each single person, beside what another person would reach."""

from dataclasses import fields

import numpy as np

from analysis.resampling import Resample, units_of
from learning.judgements import Responses, divide, has_responses, triplet_responses
from learning.splits import Split
from triplets import geometry
from triplets.archive import Release
from triplets.intervals import DIFFERENCE, RATE, wilson_interval

#: A share of fewer judgements says nothing about a person.
MIN_JUDGEMENTS = 10
#: More people are summed up, and this many of them drawn, evenly spaced by agreement.
MAX_SHOWN = 400


def by_annotator(
    values, row, release: Release, split: Split, name: str, *, seed=0, validation_share=0.1, n_bootstrap=1000
):
    """Return what a representation shares with each annotator on the responses of one split, ready for JSON.

    values : (m, d) points; row : (m,) rows of the release's stimuli that they stand for; name : of the split.
    {"omitted": why} where there are no such responses; else
    people : [{"annotator", "n", "value", "low", "high", "others", "n_shared"}] by falling agreement: value, the share
        of a person's responses that the representation reproduces, with Wilson's interval; others, what another
        person who answered the same questions would reach: the mean over the person's questions of the share of
        others who chose alike; None where nobody shared any.
    mean, others_mean, gain : over people, each person counting once, intervals over people; gain is paired, over the
        people whose questions others answered too.
    n_above : people with whom the representation agrees more than another person does.
    """
    if not has_responses(release):
        return {"omitted": "the release holds no single responses"}
    responses = divide(triplet_responses(release), release, split, seed=seed, validation_share=validation_share)
    place = np.full(len(release.stimuli), -1)
    place[row] = np.arange(len(row))
    whole = np.isfinite(np.asarray(values, np.float64)).all(1)
    mapped = place[responses.rows]
    known = (mapped >= 0).all(1)
    known[known] = whole[mapped[known]].all(1)
    chosen = known & (responses.split == name)
    if not chosen.any():
        return {"omitted": f"no single response to a {name} triplet shows faces that the network knows"}
    hits = geometry.satisfied(np.asarray(values, np.float64)[whole], (np.cumsum(whole) - 1)[mapped[chosen]])
    return summed_up(hits, _only(responses, chosen), n_bootstrap=n_bootstrap, seed=seed)


def _only(responses: Responses, chosen) -> Responses:
    return Responses(**{field.name: getattr(responses, field.name)[chosen] for field in fields(Responses)})


def summed_up(hits, responses: Responses, *, n_bootstrap=1000, seed=0) -> dict:
    """Return the figures of `by_annotator` from hits (v,) bool, one a response."""
    hits = np.asarray(hits, np.float64)
    names, person = np.unique(responses.annotator, return_inverse=True)
    n = np.bincount(person)
    agreed = np.bincount(person, weights=hits)
    alike, is_shared = others_alike(responses)
    n_shared = np.bincount(person, weights=is_shared)
    with np.errstate(invalid="ignore", divide="ignore"):
        others = np.bincount(person, weights=np.where(is_shared, alike, 0)) / n_shared
        own_shared = np.bincount(person, weights=hits * is_shared) / n_shared
    enough = n >= MIN_JUDGEMENTS
    if not enough.any():
        return {"omitted": f"nobody gave {MIN_JUDGEMENTS} responses: a share of fewer says nothing about a person"}
    value = agreed / n
    both = enough & (n_shared >= MIN_JUDGEMENTS)
    order = np.flatnonzero(enough)[np.argsort(-value[enough], kind="stable")]
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(MAX_SHOWN, len(order))).round().astype(int))]
    people = []
    for k in shown.tolist():
        low, high = wilson_interval(int(agreed[k]), int(n[k]))
        has_others = n_shared[k] >= MIN_JUDGEMENTS
        people.append(
            {"annotator": str(names[k]), "n": int(n[k]), "value": float(value[k]), "low": low, "high": high,
             "others": float(others[k]) if has_others else None, "n_shared": int(n_shared[k])}
        )  # fmt: skip
    return {
        "n_people": int(enough.sum()),
        "n_left_out": int((~enough).sum()),
        "n_responses": int(n[enough].sum()),
        "people": people,
        "mean": _mean(value[enough], RATE, n_bootstrap, seed),
        "others_mean": _mean(others[both], RATE, n_bootstrap, seed),
        "gain": _mean((own_shared - others)[both], DIFFERENCE, n_bootstrap, seed),
        "n_above": int((own_shared > others)[both].sum()),
        "n_compared": int(both.sum()),
    }


def others_alike(responses: Responses) -> tuple[np.ndarray, np.ndarray]:
    """Return (share of the other people's responses to the same question that chose alike, whether there are any).

    Both (v,). Everybody's repeated answers count, one's own never.
    """
    _, question = np.unique(responses.question, return_inverse=True)
    _, person = np.unique(responses.annotator, return_inverse=True)
    reference_and_choice = responses.question.astype(np.int64), responses.rows[:, 1].astype(np.int64)
    _, choice = np.unique(np.column_stack(reference_and_choice), axis=0, return_inverse=True)
    choice = choice.ravel()
    n_people = person.max(initial=0) + 1

    def counts(of) -> np.ndarray:
        """Responses with the same `of`, less this person's own."""
        _, own = np.unique(of * n_people + person, return_inverse=True)
        return np.bincount(of)[of] - np.bincount(own)[own]

    n_others, n_alike = counts(question), counts(choice)
    return n_alike / np.maximum(n_others, 1), n_others > 0


def _mean(values: np.ndarray, scale, n_bootstrap, seed) -> dict | None:
    if not len(values):
        return None
    resample = Resample(units_of(None, len(values), name="annotators"), n_bootstrap, seed)
    columns = np.column_stack([values, np.ones(len(values))])
    return resample.estimate(columns, lambda s: s[:, 0] / s[:, 1], scale).to_dict()
