"""One person happy and unhappy: what a network that learnt happiness elsewhere says of both, and what it looks at.

The pictures come from a second collection that shows people in several expressions (KDEF in Arbabzadah et al. 2016).
"""

import numpy as np
import torch

from analysis import heatmaps
from analysis.explained import towards
from analysis.explaining import gallery, methods
from analysis.explaining.faces import Faces
from analysis.resampling import Resample, units_of
from learning.checkpoints import load_checkpoint
from triplets.archive import Release
from triplets.intervals import PLAIN, SHARE

#: Beginnings of the names of classes, the first that a person shows.
HAPPY, UNHAPPY = ("happ", "joy", "smil"), ("sad", "unhapp", "ang", "neutral")
N_SHOWN = 2


def of_networks(checkpoints: dict, release: Release, *, seed: int = 0) -> tuple[dict, dict[str, str]]:
    """Return the pairs of several networks beside each other, and the small pictures that they name.

    checkpoints : network -> path, in the order they are shown. {"omitted": why} where nobody shows both.
    {"attribute", "n", "methods", "networks": [name], "people": [{"subject", "faces": [{"what", "label", "key",
    "picture", "rows": [{"network", "said", "maps": [name or None]}]}]}], "gaps": [{"network", "gap", "above"}]}: gap is
    how much more happiness a network sees in the happy picture, above the share of people of whom it says so.
    """
    found, drawn = {}, {}
    for name, path in checkpoints.items():
        made = pairs(load_checkpoint(path), release, name, drawn, seed=seed)
        if "omitted" in made:
            return made, {}
        found[name] = made
    first = next(iter(found.values()))
    return {
        "attribute": first["attribute"],
        "n": first["n"],
        "methods": first["methods"],
        "networks": list(found),
        "people": [
            {"subject": person["subject"], "faces": [
                {key: face[key] for key in ("what", "label", "key", "picture")}
                | {"rows": [{"network": name} | {key: of["people"][p]["faces"][f][key] for key in ("said", "maps")}
                            for name, of in found.items()]}
                for f, face in enumerate(person["faces"])
            ]}
            for p, person in enumerate(first["people"])
        ],
        "gaps": [{"network": name, "gap": of["gap"], "above": of["above"]} for name, of in found.items()],
    }, drawn  # fmt: skip


def pairs(checkpoint, release: Release, name: str, drawn: dict, *, seed: int = 0) -> dict:
    """Return what a network of one attribute says of everybody's happy and unhappy picture, and draws of N_SHOWN."""
    faces = Faces(checkpoint, release, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    known, stimuli = faces.known, release.stimuli
    label = np.char.lower(np.asarray(stimuli.class_label).astype(str)[faces.pictures.row])
    people = [person for person in dict.fromkeys(faces.people.tolist()) if person]
    both = {person: _both(np.flatnonzero(faces.people == person), label) for person in people}
    both = {person: found for person, found in both.items() if found}
    if not both:
        return {"omitted": "nobody in the second collection has a happy and an unhappy picture"}
    at = np.array(list(both.values()))
    said = known.offset[0] + known.scale[0] * faces.outputs(at.ravel())[:, 0].double().numpy().reshape(at.shape)
    more = said[:, 0] - said[:, 1]
    usable, _ = methods.usable(faces.network, has_neutral=False, has_regions=False, wanted=gallery.MAPPED)
    resample = Resample(units_of(None, len(more), name="people"), 1000, seed)
    columns = np.column_stack([more, more > 0, np.ones(len(more))])
    return {
        "attribute": known.outputs[0],
        "n": len(more),
        "methods": [methods.NAMES[key] for key in usable],
        "gap": resample.estimate(columns, lambda s: s[:, 0] / s[:, 2], PLAIN).to_dict(),
        "above": resample.estimate(columns, lambda s: s[:, 1] / s[:, 2], SHARE).to_dict(),
        "people": [
            {"subject": person, "faces": [
                _face(faces, usable, int(position), what, float(said[k, place]), name, drawn)
                for place, (what, position) in enumerate(zip(("happy", "unhappy"), at[k], strict=True))
            ]}
            for k, person in enumerate(list(both)[:N_SHOWN])
        ],
    }  # fmt: skip


def _both(mine: np.ndarray, label: np.ndarray) -> tuple[int, int] | None:
    """Return the positions of a person's happy and unhappy picture, None without either."""
    found = []
    for wanted in (HAPPY, UNHAPPY):
        place = next((int(p) for start in wanted for p in mine if label[p].startswith(start)), None)
        if place is None:
            return None
        found.append(place)
    return found[0], found[1]


def _face(faces: Faces, usable: dict, position: int, what: str, said: float, network: str, drawn: dict) -> dict:
    row = int(faces.pictures.row[position])
    picture = f"pair-{row}"
    drawn.setdefault(picture, heatmaps.data_address(heatmaps.overlay(faces.shown(position), None)))
    batch = methods.Batch(faces.floats([position]), towards([0], faces.network.n_outputs).to(faces.device))
    maps = []
    for key, explain in usable.items():
        heat = explain(batch).map[0].cpu().numpy()
        maps.append(f"pair-{row}-{network}-{key}" if heat.any() else None)
        if maps[-1]:
            drawn[maps[-1]] = heatmaps.draw(faces.shown(position), heat)
    stimuli = faces.release.stimuli
    return {
        "what": what, "label": str(stimuli.class_label[row]), "key": str(stimuli.key[row]), "picture": picture,
        "said": said, "maps": maps,
    }  # fmt: skip
