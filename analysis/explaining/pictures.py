"""Explanations of a network of pictures on held-out pictures: figures over a sample, and some examples to look at."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from analysis import faithfulness, heatmaps
from analysis.explained import NotExplainable
from analysis.explaining import alignment, gallery, gathered, methods, trust
from analysis.explaining import amount as amounts
from analysis.explaining import asked as asking
from analysis.explaining.asked import Asked
from analysis.explaining.faces import Faces
from analysis.explaining.memory import AtOnce
from analysis.gradients import picture_score
from analysis.occlusion import occlusion
from analysis.warping import mean_shape
from learning.checkpoints import Checkpoint
from triplets.archive import Release

_AT_ONCE = 16
_MAX_SHAPE = 400


def explain_pictures(
    checkpoint: Checkpoint, release: Release, *, teraflops: float, seed: int, device, tell: Callable
) -> tuple[dict, dict[str, str]]:
    """Return figures ready for JSON, and the small pictures they name as {name: data address}.

    tell : called now and then, so that a worker can show that it lives and learn that it should stop.
    NothingAsked, NothingToLearn where the release lacks what the network was asked; NotExplainable where no method
    applies.
    """
    faces = Faces(checkpoint, release, device)
    asked, split = asking.ask(checkpoint, release, faces.pictures, faces.outputs)
    tell()
    n_all = len(asked)
    asked = faces.with_landmarks(asked)
    usable, left_out = methods.usable(
        faces.network, has_neutral=faces.has_neutral, has_regions=faces.has_landmarks(asked.position).any()
    )
    if not usable:
        raise NotExplainable("; ".join(f"{one['name']}: {one['why']}" for one in left_out))
    flops = amounts.flops_of(faces.network, faces.floats(asked.position[:1]))
    amount = amounts.affordable(flops, teraflops, n_groups=len(asked.groups), n_methods=len(usable))
    usable, _ = methods.usable(faces.network, has_neutral=True, has_regions=True, n_steps=amount.n_steps, wanted=usable)
    sample = asked.where(asking.sampled(asked, amount.n_sample, seed))
    manifold, why_none = _manifold(checkpoint, release, faces, seed)
    drawn: dict[str, str] = {}
    found = {
        "kind": "pictures",
        "target": faces.known.target,
        "split": split,
        "methods": [
            {"key": key, "name": methods.NAMES[key], "words": methods.in_words(key, faces.network)} for key in usable
        ],
        "left_out": left_out,
        "groups": sample.groups,
        "amount": amount.to_dict() | {"teraflops": teraflops, "gigaflops_a_picture": flops / 1e9},
        "n": {"held_out": n_all, "with_landmarks": len(asked), "sample": len(sample)},
        **sample_figures(faces, usable, sample, drawn, manifold=manifold, seed=seed, tell=tell),
        "examples": examples(faces, usable, asked, drawn, amount.n_shown, seed=seed, tell=tell),
        "painted": _painted(faces, usable, asked, drawn, seed=seed, tell=tell),
        "each": _each(faces, checkpoint, asked, split, drawn, tell=tell),
    }
    tested = sample.where(asking.sampled(sample, amount.n_trust, seed + 1))
    batch = faces.batch(tested)
    found["trust"] = trust.panel(faces.network, usable, batch, amount, seed=seed, tell=tell)
    if manifold is None:
        found["tangent"] = {"omitted": why_none}
    else:
        keys = [row["method"] for row in found["tangent"]["rows"]]
        at, points = tested.position, faces.points(tested.position)
        tell()
        random = alignment.of_random_weights(manifold, keys, batch, at, points, n_steps=amount.n_steps, seed=seed)
        tell()
        for row in found["tangent"]["rows"]:
            row["random"] = random[row["method"]]
    return found, drawn


def _painted(faces: Faces, usable: dict, asked: Asked, drawn: dict, *, seed: int, tell: Callable) -> dict:
    """Return some of the examples with parts painted over, {} for triplets, whose pictures answer together."""
    if faces.known.target == "triplets":
        return {}
    cases = _chosen(faces, asked, 1, seed)[: gallery.N_PAINTED]
    return gallery.painted_over(faces, usable, asked.where(np.concatenate(cases)), drawn, tell)


def _each(faces: Faces, checkpoint, asked: Asked, split: str, drawn: dict, *, tell: Callable) -> list[dict]:
    """Return every attribute once, where there are more of them than are explained at length."""
    if faces.known.target != "attributes" or len(faces.known.outputs) == len(asked.groups):
        return []
    own = asking.split_of(checkpoint, faces.release, faces.pictures).stimulus[faces.pictures.row]
    return gallery.every_attribute(faces, checkpoint, np.flatnonzero(own == split), drawn, tell)


def _manifold(checkpoint, release, faces: Faces, seed: int) -> tuple[alignment.Manifold | None, str]:
    """Return the manifold of the training pictures, or why there is none."""
    try:
        return alignment.Manifold(faces, alignment.training_positions(checkpoint, release, faces), seed), ""
    except alignment.Unaligned as error:
        return None, str(error)


def sample_figures(
    faces: Faces,
    usable: dict,
    sample: Asked,
    drawn: dict,
    *,
    manifold: alignment.Manifold | None,
    seed: int,
    tell: Callable,
) -> dict:
    """Return shares in parts of faces, changes by occlusion, averages per group and alignment with the manifold.

    Each a list ready for JSON; "tangent" is absent without a manifold.
    """
    points = faces.points(sample.position)
    known = np.isfinite(points).all(axis=(1, 2))
    averages = None
    if known.any():
        averages = gathered.Averages(mean_shape(points[known][:_MAX_SHAPE], faces.known.size))
    shares: dict[str, list] = {key: [] for key in usable}
    areas, changes, names = [], [], ()
    measured = dict(usable) | {methods.GRADIENT: methods.build(methods.GRADIENT, faces.network)}
    aligned: dict[str, list] = {key: [] for key in (measured if manifold is not None else ())}
    score, at_once = picture_score(faces.network), AtOnce(_AT_ONCE)
    for start in range(0, len(sample), _AT_ONCE):
        at = np.arange(start, min(start + _AT_ONCE, len(sample)))
        part = sample.where(at)
        batch = faces.batch(part, points[at])
        maps = _maps(measured, batch, at_once)
        for key, parts in aligned.items():
            parts.append(manifold.alignment(maps[key], part.position, points[at]))
        del maps[methods.GRADIENT]
        if batch.regions is not None:
            names = batch.regions.names
            areas.append(batch.regions.areas())
            changes.append(occlusion(score, batch.x, batch.direction, batch.regions).change)
            for key, found in maps.items():
                shares[key].append(faithfulness.shares_in_regions(found, batch.regions.masks))
        if averages is not None:
            drawable = {key: found.cpu().numpy() for key, found in maps.items()}
            for k, i in enumerate(at):
                averages.add(part.group[k], "picture", points[i], faces.shown(int(part.position[k])))
                for key, found in drawable.items():
                    averages.add(part.group[k], key, points[i], found[k])
        tell()
    people = faces.people[sample.position]
    found: dict = {"shares": [], "occlusion": [], "averages": _averages(averages, usable, sample, drawn)}
    if manifold is not None:
        rows = alignment.table({key: np.concatenate(parts) for key, parts in aligned.items()}, people, seed=seed)
        found["tangent"] = manifold.about(sample.position, points) | {"rows": rows}
    if not areas:
        return found
    area, change = np.concatenate(areas), np.concatenate(changes)
    for key, parts in shares.items():
        if key != methods.OCCLUSION:  # it knows of nothing but the parts
            table = gathered.share_table(names, np.concatenate(parts), area, people, seed=seed)
            found["shares"].append({"method": key, "parts": table})
    for group in sample.groups:
        here = sample.group == group
        table = gathered.occlusion_table(names, change[here], people[here], seed=seed)
        score_of = float(np.mean(_scores(faces, sample.where(np.flatnonzero(here)))))
        found["occlusion"].append({"group": group, "score": score_of, "n": int(here.sum()), "parts": table})
    return found


def examples(
    faces: Faces, usable: dict, asked: Asked, drawn: dict, n_shown: int, *, seed: int, tell: Callable
) -> list[dict]:
    """Return what is shown picture by picture: of each group some that were answered rightly and wrongly.

    Where one person shows several groups, those pictures come first, side by side. A triplet is three pictures.
    """
    if faces.known.target == "class":
        asked = asking.against_truth(asked, faces.known.outputs)
    found = []
    for case in _chosen(faces, asked, n_shown, seed):
        part = asked.where(case)
        points = faces.points(part.position)
        batch = faces.batch(part, points)
        found_maps = {key: explain(batch).map for key, explain in usable.items()}
        maps = {key: heat.cpu().numpy() for key, heat in found_maps.items()}
        regions, scores = batch.regions, _scores(faces, part)
        change = None
        if regions is not None:
            change = occlusion(picture_score(faces.network), batch.x, batch.direction, regions).change
        for k, position in enumerate(part.position.tolist()):
            name = f"example-{len(found)}"
            drawn[name] = heatmaps.data_address(heatmaps.overlay(faces.shown(position), None))
            row = int(faces.pictures.row[position])
            one = {
                "row": row, "key": str(faces.release.stimuli.key[row]), "subject": str(faces.people[position]),
                "group": str(part.group[k]), "said": str(part.said[k]), "truth": str(part.truth[k]),
                "is_right": bool(part.is_right[k]), "case": int(part.case[k]), "score": float(scores[k]),
                "picture": name, "maps": {}, "change": {},
            }  # fmt: skip
            areas = None if regions is None else dict(zip(regions.names, regions.areas()[k].tolist(), strict=True))
            if change is not None:
                one["change"] = dict(zip(regions.names, change[k].tolist(), strict=True))
            for key, values in maps.items():
                one["maps"][key] = _drawn(f"{name}-{key}", faces.shown(position), values[k], key, drawn)
                if areas is not None and np.isfinite(values[k]).all() and key != methods.OCCLUSION:
                    inside = faithfulness.shares_in_regions(found_maps[key][k : k + 1], regions.masks[k : k + 1])[0]
                    shares = {n: None if np.isnan(v) else float(v) for n, v in zip(regions.names, inside, strict=True)}
                    one["maps"][key]["words"] = heatmaps.in_words(shares, areas)
            found.append(one)
        tell()
    return found


def _maps(measured: dict, batch: methods.Batch, at_once: AtOnce) -> dict[str, Tensor]:
    """Return {method: (b, h, w) maps} on the device, computed in as many pieces as its memory needs."""
    pieces = at_once.pieces(
        len(batch.x), lambda at: {key: explain(batch.where(at)).map for key, explain in measured.items()}
    )
    return {key: torch.cat([piece[key] for piece in pieces]) for key in measured}


def _drawn(name: str, picture: np.ndarray, heat: np.ndarray, key: str, drawn: dict) -> dict:
    """Draw one map and return {"picture": its name} or {"empty": why there is nothing to see}."""
    if not np.isfinite(heat).all():
        return {"empty": "no neutral picture of this person"}
    if not heat.any():
        return {"empty": "is the neutral picture" if key == methods.INTEGRATED else "nothing here counts"}
    drawn[name] = heatmaps.draw(picture, heat, is_flat=key == methods.OCCLUSION)
    return {"picture": name}


def _averages(averages, usable, sample: Asked, drawn: dict) -> list[dict]:
    if averages is None:
        return []
    found = []
    for k, group in enumerate(sample.groups):
        picture = averages.of(group, "picture")
        if picture is None:
            continue
        name = f"average-{k}"
        drawn[name] = heatmaps.data_address(heatmaps.overlay(picture[0], None))
        one: dict = {"group": group, "n": picture[1], "picture": name, "maps": {}}
        for key in usable:
            heat = averages.of(group, key)
            if heat is not None:
                one["maps"][key] = _drawn(f"{name}-{key}", picture[0], heat[0], key, drawn) | {"n": heat[1]}
            elif key == methods.INTEGRATED:
                one["maps"][key] = {"empty": "neutral themselves, or nobody's neutral picture is known"}
        found.append(one)
    return found


def _chosen(faces: Faces, asked: Asked, n_shown: int, seed: int) -> list[np.ndarray]:
    """Return which questions are shown, case by case, the first of every group before the second of any.

    The first of all classes show one person where somebody has pictures of several, whatever the network says of them:
    every network shows these, so that networks can be set side by side. Then right answers and about a third wrong
    ones. Of an attribute the first two are a person's highest and lowest, or those of all people.
    """
    order = np.random.default_rng([seed, 0xEA]).permutation(len(asked))
    people = faces.people[asked.position]
    target = faces.known.target
    order = _one_person_first(order, people, asked) if target == "class" else order
    queues = []
    for group in ["anchor"] if target == "triplets" else asked.groups:
        here = order[asked.group[order] == group]
        if target == "attributes":
            ends = _ends(here, people, asked)
            queues.append([*ends, *(one for one in here if one not in ends)][: max(2, n_shown)])
            continue
        queues.append(_first_and_mixed(here, asked.is_right, n_shown))
    turns = [one for turn in itertools.zip_longest(*queues) for one in turn if one is not None]
    return [np.flatnonzero(asked.case == asked.case[one]) for one in turns]


def _first_and_mixed(here: np.ndarray, is_right: np.ndarray, n_shown: int) -> list[int]:
    """Return n_shown questions: the first, then right ones, and at last wrong ones so that about a third are wrong."""
    first, rest = here[:1], here[1:]
    right, wrong = rest[is_right[rest]], rest[~is_right[rest]]
    n_wrong = min(len(wrong), max(1, n_shown // 3) - int((~is_right[first]).sum()), n_shown - len(first))
    return [*first, *right[: n_shown - len(first) - n_wrong], *wrong[:n_wrong]]


def _one_person_first(order: np.ndarray, people: np.ndarray, asked: Asked) -> np.ndarray:
    """Return the order with the pictures of a person first who shows as many classes as anybody."""
    classes: dict[str, set] = {}
    for one in order:
        if people[one]:
            classes.setdefault(people[one], set()).add(asked.group[one])
    best = max(classes, key=lambda person: len(classes[person]), default="")
    return np.concatenate([order[people[order] == best], order[people[order] != best]])


def _ends(here: np.ndarray, people: np.ndarray, asked: Asked) -> list[int]:
    """Return the questions with the highest and the lowest truth, of the one person in whom they lie furthest apart."""
    truth = asked.truth[here].astype(float)
    best, widest = here, -1.0
    for person in sorted(set(people[here].tolist()) - {""}):
        own = here[people[here] == person]
        spread = np.ptp(asked.truth[own].astype(float))
        if len(own) > 1 and spread > widest:
            best, widest = own, spread
    value = truth if best is here else asked.truth[best].astype(float)
    return list(dict.fromkeys([int(best[value.argmax()]), int(best[value.argmin()])]))


def _scores(faces: Faces, asked: Asked) -> np.ndarray:
    """Return (n,) what is explained, in the units people used."""
    said = faces.outputs(asked.position)
    return (said * asked.direction).sum(dim=1).double().numpy() + asked.offset
