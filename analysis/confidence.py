"""Calibration of a network that learnt triplets: how sure its distances are of each vote, and rightly so or not."""

import numpy as np

from analysis import calibration
from triplets import geometry
from triplets.records import Triplets


def of_triplets(
    choice: tuple[str, float] | None,
    values,
    rows_by_split: dict,
    triplets: dict[str, Triplets],
    subject,
    name: str,
    **how,
):
    """Return the calibration of the triplets of one split, held against every single vote, ready for JSON.

    choice : (link, degrees) of `calibration.choice_logit`, None where the network's loss makes no probability
    values : (m, d) points; rows_by_split : {split: (n, 3) positions}; triplets : {split: the n triplets}
    name : of the split that is reported. Where there are validation triplets, a temperature is fitted on them.
    """
    if choice is None:
        return {"omitted": "the network was not trained to say how likely a choice is, so its distances are no odds"}
    values = np.asarray(values, np.float64)

    def logit(split):
        near, far = geometry.triplet_distances(values, rows_by_split[split]).T
        return calibration.choice_logit(near, far, *choice)

    def forecasts(split, temperature=1.0):
        of = triplets[split]
        return calibration.of_votes(logit(split) / temperature, of.n_positive, of.n_votes)

    people = subject[triplets[name].anchor]
    of = triplets[name]
    found = calibration.figures(forecasts(name), people, **how)
    found |= {"split": name, "chance": 0.25, "noise": calibration.vote_noise(of.n_positive, of.n_votes)}
    if name == "test" and "validation" in triplets:
        tuned = triplets["validation"]
        temperature = calibration.temperature_of_votes(logit("validation"), tuned.n_positive, tuned.n_votes)
        again = calibration.figures(forecasts(name, temperature), people, **how)
        found["tempered"] = {"temperature": temperature} | {k: again[k] for k in ("brier", "ece")}
    return found
