"""Explanations of the topological VAE: which landmarks make a face's class for a probe of its latent means.

The score is the probe's for the face's own class, and relevance starts at the same person's neutral face: what the
expression adds, not what the person looks like. A landmark's relevance is the sum over its coordinates.
"""

from collections.abc import Callable

import numpy as np
import torch

from analysis import faithfulness, traversal
from analysis.explaining import gathered
from analysis.explaining.asked import HELD, MAX_GROUPS, NothingAsked
from analysis.explaining.shapes import INTEGRATED, PUT_BACK, STEP, ProbeNetwork, Shapes, panel, relevance
from analysis.landmark_probe import fit_probe, tangent_report
from analysis.occlusion import PARTS
from analysis.portrait import scheme_lines
from learning.checkpoints import Checkpoint
from learning.datasets import landmark_dataset
from learning.splits import split_release
from triplets.archive import Release
from triplets.intervals import SHARE
from triplets.schemes import SCHEMES

NAMES = {INTEGRATED: "Integrated gradients", STEP: "Gradient × movement", PUT_BACK: "Parts put back"}
WORDS = {
    INTEGRATED: "what each landmark adds to the score on the way from the neutral face to this one",
    STEP: "the same in a single step at the end of that way",
    PUT_BACK: "how much the score falls when a part of the face is put back where it rests",
}
LEFT_OUT = [
    {"name": "Grad-CAM", "why": "it needs convolutions or patches, and landmarks have neither"},
    {
        "name": "LRP",
        "why": "it measures from an input of zeros, which is the average face, not the person's own neutral one; the "
        "integral above starts where it should",
    },
]
_MAX_SAMPLE, _MAX_TRUST, _MAX_TANGENT, _N_SHOWN = 600, 64, 200, 2
#: Steps of colour on either side of nothing.
LEVELS = 5


def explain_landmarks(
    checkpoint: Checkpoint, release: Release, *, teraflops: float, seed: int, device, tell: Callable
) -> tuple[dict, dict[str, str]]:
    """Return figures ready for JSON; there are no pictures but lines. The budget is not needed: this takes seconds.

    NothingAsked where there are no two classes to tell apart; NothingToLearn, LandmarksUnusable.
    """
    dataset = landmark_dataset(release, checkpoint.preprocessing)
    label, people = (
        np.asarray(v).astype(str)[dataset.row] for v in (release.stimuli.class_label, release.stimuli.subject)
    )
    share = checkpoint.config.training.validation_share
    own = split_release(release, seed=checkpoint.seed, validation_share=share).stimulus[dataset.row]
    is_training, is_shown, split = _divided(own, label, people, seed)
    x = torch.from_numpy(dataset.x)
    neutral = None if dataset.neutral is None else torch.from_numpy(dataset.neutral)
    at = torch.as_tensor(np.flatnonzero(is_training))
    probe = fit_probe(checkpoint.network, x[at], None if neutral is None else neutral[at], label[is_training])
    tell()
    network = ProbeNetwork(probe)
    shown = _some(np.flatnonzero(is_shown & np.isin(label, probe.classes)), label, _MAX_SAMPLE, seed)
    if not len(shown):
        raise NothingAsked("no held-out face has one of the classes that the probe learnt")
    known = checkpoint.preprocessing
    names, parts = _parts(release, known.n_points)
    place = {name: k for k, name in enumerate(probe.classes)}
    at = torch.as_tensor(shown)
    shapes = Shapes(
        x=x[at],
        baseline=torch.zeros_like(x[at]) if neutral is None else neutral[at],
        neutral=None if neutral is None else neutral[at],
        direction=torch.eye(len(place))[[place[name] for name in label[shown]]],
        parts=parts,
        shape=(known.n_points, known.n_dims),
    )
    scores = probe.scores(x[at], shapes.neutral)
    said = np.array(probe.classes)[scores.argmax(dim=1).numpy()]
    keys = [key for key in NAMES if key != PUT_BACK or len(names)]
    found = {
        "kind": "landmarks",
        "target": "class",
        "split": split,
        "methods": [{"key": key, "name": NAMES[key], "words": WORDS[key]} for key in keys],
        "left_out": LEFT_OUT,
        "baseline": "the average face" if neutral is None else "the same person's neutral face",
        "n": {"sample": len(shown), "people": len(set(people[shown].tolist()) - {""})},
        "accuracy": gathered.estimate((said == label[shown]).astype(float), people[shown], scale=SHARE, seed=seed),
    }
    maps = {key: relevance(key, network, shapes) for key in keys}
    tell()
    points = (dataset.x + known.mean).reshape(-1, known.n_points, known.n_dims)
    found |= _drawings(release, points, dataset, shown, maps[INTEGRATED], label, said, people, names, parts, seed)
    found |= _tables(names, parts, maps, shapes.changes(network), label[shown], people[shown], scores, shapes, seed)
    tell()
    found["trust"] = panel(network, keys, shapes.where(_some(np.arange(len(shown)), label[shown], _MAX_TRUST, seed)),
                            seed)  # fmt: skip
    tell()
    some = _some(np.flatnonzero(is_shown), label, _MAX_TANGENT, seed)
    used = np.sort(np.concatenate([np.flatnonzero(is_training), some]))
    at = torch.as_tensor(used)
    found["tangent"] = tangent_report(
        checkpoint.network, x[at], None if neutral is None else neutral[at], label[used],
        is_training=is_training[used], people=people[used], seed=seed,
    )  # fmt: skip
    return found, {}


def _divided(own, label, people, seed) -> tuple[np.ndarray, np.ndarray, str]:
    """Return who teaches the probe, who is explained, and what the latter are called."""
    labelled = label != ""
    if len(set(label[labelled].tolist())) < 2:
        raise NothingAsked("the faces carry no two expression classes: a probe has nothing to tell apart")
    is_training = labelled & (own == "train")
    for name in HELD[:2]:
        shown = labelled & (own == name)
        if shown.any() and len(set(label[is_training].tolist())) > 1:
            return is_training, shown, name
    # Every face was trained on: a third of the people (of the faces, where nobody is known) is held out from the probe.
    unit = np.where(people == "", np.arange(len(people)).astype(str), people)
    order = np.random.default_rng([seed, 0xEB]).permutation(np.unique(unit))
    shown = labelled & np.isin(unit, order[: max(1, len(order) // 3)])
    is_training = labelled & ~shown
    if not shown.any() or len(set(label[is_training].tolist())) < 2:
        raise NothingAsked("too few people to hold some out from a probe of expression classes")
    return is_training, shown, "probe"


def _some(rows: np.ndarray, label: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return at most n of the rows, sorted, classes in equal numbers as far as they go."""
    if len(rows) <= n:
        return rows
    rng = np.random.default_rng([seed, 0xEC])
    shuffled = rng.permutation(rows)
    rank = np.zeros(len(shuffled), int)
    for name in np.unique(label[shuffled]):
        at = np.flatnonzero(label[shuffled] == name)
        rank[at] = np.arange(len(at))
    return np.sort(shuffled[np.argsort(rank, kind="stable")[:n]])


def _parts(release: Release, n_points: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and (r, n_points) bool of the parts that the scheme knows, its outline among them."""
    scheme = SCHEMES.get(release.landmarks.scheme)
    if scheme is None or scheme.n_points != n_points:
        return (), np.zeros((0, n_points), bool)
    groups = PARTS | {"outline": ("outline",)}
    names = tuple(name for name, of in groups.items() if all(len(getattr(scheme, group)) for group in of))
    masks = np.zeros((len(names), n_points), bool)
    for k, name in enumerate(names):
        for group in groups[name]:
            masks[k, list(getattr(scheme, group))] = True
        masks[k] &= ~masks[:k].any(axis=0)
    return names, masks


def _drawings(release, points, dataset, shown, found, label, said, people, names, parts, seed) -> dict:
    """Return the mean face of each class and some single faces, every landmark with its relevance."""
    lines, heat = scheme_lines(release), found[..., 0].double().numpy()
    own = label[shown]
    classes = sorted(set(own.tolist()), key=lambda name: (-(own == name).sum(), name))[:MAX_GROUPS]
    averages, examples = [], []
    for name in sorted(classes):
        here = np.flatnonzero(own == name)
        size = np.abs(heat[here]).sum(axis=1, keepdims=True)
        each = np.divide(heat[here], size, out=np.zeros_like(heat[here]), where=size > 0)
        mean = points[shown[here]].mean(axis=0)
        averages.append({"group": name, "n": len(here)} | _face(mean, each.mean(axis=0), lines, names, parts))
    rng = np.random.default_rng([seed, 0xED])
    order = rng.permutation(len(shown))
    for name in sorted(classes):
        here = order[own[order] == name]
        right, wrong = here[said[here] == name], here[said[here] != name]
        for k in [*right[: _N_SHOWN - min(1, len(wrong))], *wrong[:1]]:
            examples.append(
                {"row": int(dataset.row[shown[k]]), "subject": str(people[shown[k]]), "truth": name,
                 "said": str(said[k]), "is_right": bool(said[k] == name)}
                | _face(points[shown[k]], heat[k], lines, names, parts)
            )  # fmt: skip
    used = points[shown]
    return {
        "averages": averages,
        "examples": examples,
        "frame": traversal.frame(used.mean(axis=0, keepdims=True), 0.12),
    }


def _face(points, heat, lines, names, parts) -> dict:
    """Return the drawing of one face, [x, y, level] of its landmarks (level −5 to 5, 0 left out), and words."""
    top = np.abs(heat).max()
    level = np.rint(LEVELS * heat / top).astype(int) if top > 0 else np.zeros(len(heat), int)
    marked = [[round(float(x), 3), round(float(y), 3), int(v)]
              for (x, y), v in zip(points[:, :2], level, strict=True) if v]  # fmt: skip
    drawing = traversal.drawing(points, lines)
    total = np.abs(heat).sum()
    if not len(names) or total == 0:
        return {"drawing": drawing, "points": marked, "words": "nothing moves from the neutral face"}
    inside = parts @ np.abs(heat) / total
    first, second = np.argsort(-inside)[:2]
    words = f"{inside[first]:.0%} of it in the {names[first]}, {inside[second]:.0%} in the {names[second]}"
    return {"drawing": drawing, "points": marked, "words": words.replace("%", " %")}


def _tables(names, parts, maps, changes, label, people, scores, shapes, seed) -> dict:
    if not len(names):
        return {"shares": [], "occlusion": []}
    areas = np.broadcast_to(parts.mean(axis=1), (len(label), len(names)))
    masks = np.broadcast_to(parts[None, :, :, None], (len(label), *parts.shape, 1))
    shares = [
        {
            "method": key,
            "parts": gathered.share_table(names, faithfulness.shares_in_regions(heat, masks), areas, people, seed=seed),
        }
        for key, heat in maps.items()
        if key != PUT_BACK
    ]
    own, table = (scores * shapes.direction).sum(dim=1).double().numpy(), []
    for name in sorted(set(label.tolist()), key=lambda name: (-(label == name).sum(), name))[:MAX_GROUPS]:
        here = label == name
        rows = gathered.occlusion_table(names, changes.double().numpy()[here], people[here], seed=seed)
        table.append({"group": name, "score": float(own[here].mean()), "n": int(here.sum()), "parts": rows})
    return {"shares": shares, "occlusion": sorted(table, key=lambda row: row["group"])}
