"""Pictures beyond the examples: every attribute of a network once; faces with parts painted over, and their scores."""

from collections.abc import Callable

import numpy as np
import torch

from analysis import heatmaps, lrp
from analysis.explained import towards
from analysis.explaining import methods
from analysis.explaining.asked import Asked
from analysis.explaining.faces import Faces
from analysis.occlusion import occlude, skin_colour
from learning.targets import attribute_targets

#: What is painted over, as Arbabzadah et al. (2016) did: name -> parts of the face, those that a scheme knows.
PAINTED = {"mouth": ("mouth",), "one eye": ("right eye",), "both eyes": ("left eye", "right eye")}
N_PAINTED = 2
#: What is drawn of single faces beside a score; of painted ones the first of these that a network allows.
MAPPED = (methods.LRP[lrp.ALPHA_2_BETA_1], methods.LRP[lrp.GAMMA], methods.GRADCAM)
ENDS = ("highest", "lowest")


def every_attribute(faces: Faces, checkpoint, at: np.ndarray, drawn: dict, tell: Callable) -> list[dict]:
    """Return for each attribute the pictures that people rated highest and lowest, each under its Grad-CAM.

    at : (n,) positions of the held-out pictures. [{"name", "n", "pictures": [{"end", "key", "truth", "said", "picture",
    "map"}]}], map None where nothing speaks for the attribute; [] where the network has no Grad-CAM.
    """
    usable, _ = methods.usable(faces.network, has_neutral=False, has_regions=False, wanted=(methods.GRADCAM,))
    if not usable or not len(at):
        return []
    known, explain = faces.known, usable[methods.GRADCAM]
    row = faces.pictures.row[at]
    value = attribute_targets(faces.release, row, checkpoint.config.objective, names=known.outputs).value
    said = known.offset + known.scale * faces.outputs(at).double().numpy()
    found = []
    for k, name in enumerate(known.outputs):
        there = np.flatnonzero(np.isfinite(value[:, k]))
        if len(there) < 2:
            continue
        ends = [int(there[value[there, k].argmax()]), int(there[value[there, k].argmin()])]
        batch = methods.Batch(faces.floats(at[ends]), towards([k] * 2, len(known.outputs)).to(faces.device))
        maps = explain(batch).map.cpu().numpy()
        pictures = []
        for end, place, heat in zip(ENDS, ends, maps, strict=True):
            picture = f"each-{place}"
            drawn.setdefault(picture, heatmaps.data_address(heatmaps.overlay(faces.shown(int(at[place])), None)))
            one = {
                "end": end, "key": str(faces.release.stimuli.key[row[place]]), "truth": float(value[place, k]),
                "said": float(said[place, k]), "picture": picture, "map": None,
            }  # fmt: skip
            if heat.any():
                one["map"] = f"each-{place}-{k}"
                drawn[one["map"]] = heatmaps.draw(faces.shown(int(at[place])), heat)
            pictures.append(one)
        found.append({"name": name, "n": len(there), "pictures": pictures})
        tell()
    return found


def painted_over(faces: Faces, usable: dict, asked: Asked, drawn: dict, tell: Callable) -> dict:
    """Return a few faces, whole and with parts painted over in their own skin colour, each with its map and score.

    asked : the questions whose pictures are shown, the first N_PAINTED with known parts.
    {"method", "faces": [{"group", "subject", "key", "states": [{"part", "picture", "map", "score"}]}]}: the first state
    is the whole face, part "". {} where no parts of faces are known or no method draws a map.
    """
    key = next((key for key in MAPPED if key in usable), None)
    known = np.flatnonzero(faces.has_landmarks(asked.position))[:N_PAINTED]
    if key is None or not len(known):
        return {}
    shown = []
    for place in known:
        part = asked.where([place])
        batch = faces.batch(part)
        states = [("", batch.x)] + [
            (name, occlude(batch.x, mask, skin_colour(batch.x, batch.regions)))
            for name, mask in _masks(batch.regions).items()
        ]
        x = torch.cat([picture for _, picture in states])
        direction = batch.direction.expand(len(x), -1)
        heat = usable[key](methods.Batch(x, direction)).map.cpu().numpy()
        with torch.no_grad():
            score = (faces.network(x).float() * direction).sum(dim=1).cpu().double().numpy() + part.offset[0]
        row = int(faces.pictures.row[part.position[0]])
        one: dict = {
            "group": str(part.group[0]), "subject": str(faces.people[part.position[0]]),
            "key": str(faces.release.stimuli.key[row]), "states": [],
        }  # fmt: skip
        for k, (name, picture) in enumerate(states):
            seen = picture[0, : faces.known.channels].permute(1, 2, 0).cpu().double().numpy()
            names = f"painted-{len(shown)}-{k}", f"painted-{len(shown)}-{k}-map"
            drawn[names[0]] = heatmaps.data_address(heatmaps.overlay(seen, None))
            if heat[k].any():
                drawn[names[1]] = heatmaps.draw(seen, heat[k])
            one["states"].append(
                {"part": name, "picture": names[0], "map": names[1] if heat[k].any() else None,
                 "score": float(score[k])}
            )  # fmt: skip
        shown.append(one)
        tell()
    return {"method": methods.NAMES[key], "faces": shown}


def _masks(found) -> dict[str, np.ndarray]:
    """Return {what is painted over: (1, h, w) bool} of one face."""
    places = {name: k for k, name in enumerate(found.names)}
    return {
        name: found.masks[:, [places[part] for part in parts]].any(axis=1)
        for name, parts in PAINTED.items()
        if all(part in places for part in parts)
    }
