"""Networks side by side on the same pictures: how they learned, what they look at, how alike their maps are.

For base networks against each other, and for training the dense layers only against training all.
"""

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from analysis import faithfulness, heatmaps
from analysis.explaining import gathered, methods
from analysis.explaining.collection import Collection, averages
from triplets.intervals import SHARE

N_SHOWN, _N_ALIKE = 2, 128
#: Of a curve, what compares networks: validation where there is any.
CURVES = ("validation_loss", "loss", "validation_accuracy", "validation_f1", "validation_r2", "validation_mae",
          "satisfied_validation")  # fmt: skip


def compared(collections: dict[str, Collection], *, seed: int = 0) -> tuple[dict, dict[str, str]]:
    """Return what the page shows, ready for JSON, and its small pictures as {name: data address}.

    collections : name -> explanations of the same release. Only pictures and groups that all of them explain are
    set side by side. ValueError where there are none.
    """
    first = next(iter(collections.values()))
    asked = {name: _places(found) for name, found in collections.items()}
    common = [pair for pair in asked[next(iter(asked))] if all(pair in places for places in asked.values())]
    if not common:
        raise ValueError("these networks were asked about no picture and class or attribute in common")
    keys = [key for key in methods.NAMES if all(key in found.plan["methods"] for found in collections.values())]
    groups = list(dict.fromkeys(group for _, group in common))
    drawn: dict[str, str] = {}
    chosen = _chosen(first, asked[next(iter(asked))], common, groups, seed)
    found = {
        "target": first.faces.known.target,
        "networks": [_network(name, collection, groups, seed) for name, collection in collections.items()],
        "methods": [{"key": key, "name": methods.NAMES[key], "words": _words(key, collections)} for key in keys],
        "groups": groups,
        "n": {"questions": len(common), "pictures": len({row for row, _ in common})},
        "curves": {name: list(collection.checkpoint.curve or []) for name, collection in collections.items()},
        "averages": _averages(collections, groups, keys, drawn),
        "examples": _examples(collections, asked, chosen, keys, drawn),
        "alike": _alike(collections, asked, common, keys),
    }
    return found, drawn


def _words(key: str, collections: dict[str, Collection]) -> str:
    """Return what a method says of all these networks."""
    words = {methods.in_words(key, found.faces.network) for found in collections.values()}
    return words.pop() if len(words) == 1 else methods.WORDS[key]


def _places(found: Collection) -> dict[tuple[int, str], int]:
    """Return {(release row, group): number of the question}; the first of several."""
    rows = found.faces.pictures.row[found.asked.position]
    places: dict[tuple[int, str], int] = {}
    for number, pair in enumerate(zip(rows.tolist(), found.asked.group.tolist(), strict=True)):
        places.setdefault(pair, number)
    return places


def _network(name: str, found: Collection, groups: list[str], seed: int) -> dict:
    """Return what one network is and how it answers: of the whole collection, training pictures included."""
    config, asked, faces = found.checkpoint.config, found.asked, found.faces
    people = faces.people[asked.position]
    occluded, names = [], ()
    changes = [arrays["change"] for _, arrays in found.parts() if "change" in arrays]
    whole = len(changes) > 0 and sum(map(len, changes)) == len(asked)
    if whole:
        names = next(tuple(map(str, arrays["parts"])) for _, arrays in found.parts() if "parts" in arrays)
        table = np.concatenate(changes)
        for group in groups:
            here = (asked.group == group) & np.isfinite(table).all(axis=1)
            if here.any():
                rows = gathered.occlusion_table(names, table[here], people[here], seed=seed)
                occluded.append({"group": group, "n": int(here.sum()), "parts": rows})
    return {
        "name": name,
        "recipe": found.checkpoint.recipe,
        "architecture": config.network.architecture,
        "trained": config.network.trained,
        "pretrained": config.network.pretrained.rsplit("/checkpoint.safetensors")[0].rsplit("/", 1)[-1],
        "seed": found.checkpoint.seed,
        "step": found.checkpoint.step,
        "right": gathered.estimate(asked.is_right.astype(float), people, scale=SHARE, seed=seed),
        "metrics": {
            key: value
            for key, value in (found.checkpoint.metrics or {}).items()
            if key.endswith("_test") and isinstance(value, int | float)
        },
        "occlusion": occluded,
        "left_out": found.plan["left_out"],
    }


def _chosen(first: Collection, places, common, groups, seed) -> list[tuple[int, str]]:
    """Return the pictures that are shown: of each group some, those of one person first where it shows several."""
    rng = np.random.default_rng([seed, 0x51DE])
    numbers = np.array([places[pair] for pair in common])
    part = first.asked.where(numbers)
    people = first.faces.people[part.position]
    n_groups = {p: len(set(part.group[people == p].tolist())) for p in set(people.tolist()) - {""}}
    order = rng.permutation(len(common))
    order = order[np.argsort([-n_groups.get(people[k], 1) for k in order], kind="stable")]
    if len(order) and n_groups.get(people[order[0]], 1) > 1:
        order = sorted(order.tolist(), key=lambda k: people[k] != people[order[0]])
    chosen = []
    for group in groups:
        chosen += [common[k] for k in order if common[k][1] == group][:N_SHOWN]
    return chosen


def _averages(collections, groups, keys, drawn) -> list[dict]:
    means = {name: averages(found) for name, found in collections.items()}
    made = []
    for g, group in enumerate(groups):
        rows = []
        for n, (name, of) in enumerate(means.items()):
            if (group, "picture") not in of:
                continue
            picture, count = of[group, "picture"]
            row: dict = {"network": name, "n": count, "maps": {}}
            row["picture"] = f"mean-{g}-{n}"
            drawn[row["picture"]] = heatmaps.data_address(heatmaps.overlay(picture, None))
            for key in keys:
                if (group, key) in of:
                    row["maps"][key] = f"mean-{g}-{n}-{key}"
                    drawn[row["maps"][key]] = heatmaps.draw(picture, of[group, key][0], is_flat=_is_flat(key))
            rows.append(row)
        if rows:
            made.append({"group": group, "rows": rows})
    return made


def _examples(collections, asked, chosen, keys, drawn) -> list[dict]:
    made = []
    for c, pair in enumerate(chosen):
        one: dict = {"row": int(pair[0]), "group": pair[1], "rows": [], "picture": f"face-{c}"}
        for n, (name, found) in enumerate(collections.items()):
            number = asked[name][pair]
            position = int(found.asked.position[number])
            picture = found.faces.shown(position)
            one["subject"] = str(found.faces.people[position])
            drawn.setdefault(one["picture"], heatmaps.data_address(heatmaps.overlay(picture, None)))
            row = {"network": name, "said": str(found.asked.said[number]), "truth": str(found.asked.truth[number]),
                   "maps": {}}  # fmt: skip
            for key in keys:
                heat = found.maps([number], key)[0]
                if np.isfinite(heat).all() and heat.any():
                    row["maps"][key] = f"face-{c}-{n}-{key}"
                    drawn[row["maps"][key]] = heatmaps.draw(picture, heat, is_flat=_is_flat(key))
            one["rows"].append(row)
        made.append(one)
    return made


def _alike(collections, asked, common, keys) -> list[dict]:
    """Return how alike the maps of every two networks are on the same pictures, per method; None where unknown.

    Maps of different sizes are brought to the smaller one; networks that cut faces out differently are not compared.
    """
    names = list(collections)
    some = common[:: -(-len(common) // _N_ALIKE)]
    found = []
    for key in keys:
        maps = {n: torch.from_numpy(collections[n].maps([asked[n][pair] for pair in some], key)).abs() for n in names}
        table = []
        for a in names:
            row = []
            for b in names:
                same = collections[a].faces.known.crop == collections[b].faces.known.crop
                row.append(_mean(faithfulness.agreement(*_of_one_size(maps[a], maps[b]))) if same else None)
            table.append(row)
        found.append({"method": key, "table": table, "n": len(some)})
    return found


def _of_one_size(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both maps (n, h, w) with the sides of the smaller one, mean values of what lies under a pixel."""
    side = min(first.shape[-1], second.shape[-1])
    return tuple(adaptive_avg_pool2d(maps, side) for maps in (first, second))


def _mean(values) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _is_flat(key: str) -> bool:
    return key == methods.OCCLUSION
