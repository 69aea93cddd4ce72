"""The numbers of one checkpoint on one release, as one dictionary that JSON takes.

`evaluate` is the whole of it; `summarise` is the part after the network has done its work, and knows no
network. Every score has a chance level, ceilings, an interval and baselines beside it, or the reason why not.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from analysis import ceilings, maps, portrait, probes, projection, provenance, sheets, shipped, wording
from analysis.representation import NotComparable, Representation
from analysis.satisfaction import gain, level_keys, shares_by_level
from learning.splits import SUBJECT, Split
from triplets import geometry
from triplets.archive import Release
from triplets.records import SPLITS, Triplets

FORMAT = "semblance-results/1"
QUICK = ("pca",)
DESCRIBED = ("study", "collection", "settings", "counts")


def evaluate(
    checkpoint, release: Release, *, n_bootstrap: int = 1000, seed: int = 0, projections=QUICK, progress=None
) -> dict:
    """Return the results of a checkpoint on a release, ready for JSON and for `pages.render_report`.

    checkpoint : a path, or what `learning.checkpoints.load_checkpoint` returned.
    projections : which of `maps.METHODS` are drawn. A worker's first UMAP takes half a minute however few the faces.
    progress : called with (words, share done) as the parts finish.
    NotComparable where the release holds nothing that the checkpoint can embed.
    """
    # The network is reached only here: whoever renders a page never loads torch.
    from analysis.embedded import represent

    tell = progress or (lambda words, share: None)
    tell("embedding the stimuli", 0.0)
    maps.check_methods(projections)
    return summarise(
        represent(checkpoint, release),
        release,
        n_bootstrap=n_bootstrap,
        seed=seed,
        projections=projections,
        progress=progress,
    )


def summarise(
    made: Representation,
    release: Release,
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
    projections=QUICK,
    progress: Callable | None = None,
) -> dict:
    """Return the results of a representation on a release. Arguments and result as `evaluate`."""
    tell = progress or (lambda words, share: None)
    if len(made.row) == 0:
        raise NotComparable("not one stimulus of the release could be embedded")
    compared = representations(made)
    position = made.position(len(release.stimuli))
    triplets = replace(release.triplets, split=made.split.triplet)
    triplets = triplets.where(_usable(triplets, position, made))
    tell("counting satisfied triplets", 0.1)
    results = {
        "format": FORMAT,
        "n": {
            "stimuli": len(release.stimuli),
            "embedded": len(made.row),
            "subjects": len({str(s) for s in release.stimuli.subject} - {""}),
            "triplets": len(release.triplets),
            "triplets_used": len(triplets),
            "responses": int(release.triplets.n_votes.sum()),
        },
        "splits": describe_splits(made.split, release, triplets),
        "levels": _levels(triplets),
        **_satisfaction(compared, triplets, position, release, n_bootstrap, seed),
    }
    results["ceilings"], results["ceilings_note"] = ceilings.by_split(
        triplets,
        release.stimuli.subject,
        ties=ceilings.tied_questions(release, triplets.split, seed),
        n_bootstrap=n_bootstrap,
        seed=seed,
    )
    tell("probing expression classes", 0.3)
    results["probe"] = _probe(compared, made, release, n_bootstrap, seed)
    tell("drawing faces", 0.7)
    results["dimensions"] = portrait.dimensions(made)
    results["projection"] = portrait.view(made, release, seed, projections, lambda words: tell(words, 0.7))
    results["attributes"] = portrait.attributes(release, seed, projections)
    results["traversal"] = portrait.traversal(made, release)
    results["reconstruction"] = portrait.reconstruction(made, release)
    tell("reading pictures", 0.8)
    results["sheets"] = sheets.contact_sheets(release, results["projection"]["row"])
    results["decoder"] = shipped.pack(made, release, portrait.scheme_lines(release))
    wanted = {face["row"] for face in results["reconstruction"].get("faces", [])}
    if results["traversal"].get("row") is not None:
        wanted.add(results["traversal"]["row"])
    results["pictures"] = projection.thumbnails(release, sorted(wanted))
    results["curves"] = list(made.about.get("curve") or [])
    results["provenance"] = provenance.describe(made.about, release, n_bootstrap=n_bootstrap, seed=seed)
    results["release"] = {name: release.manifest.get(name) or {} for name in DESCRIBED}
    results["headline"] = wording.headline(results)
    tell("done", 1.0)
    return plain(results)


def representations(made: Representation) -> dict[str, np.ndarray]:
    """Return {"embedding": (m, d), "raw": (m, D), "pca_50": ..., "neutral_difference": (m, D)}.

    Each for the same m stimuli; the baselines that the data do not allow are absent. Rows of
    neutral_difference are nan where a person has no neutral face.
    """
    compared = {"embedding": made.mean}
    if made.x.shape[1]:
        compared |= {"raw": made.x, **projection.pca_baselines(made.x, made.is_training)}
    if made.neutral is not None:
        compared["neutral_difference"] = made.x - made.neutral
    return compared


def plain(value):
    """Return nested dicts, lists, str, int, float, bool and None: nan and infinity become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


def describe_splits(split: Split, release: Release, triplets: Triplets) -> dict:
    """Return how the held-out triplets differ from the training ones, and what each split holds.

    how : "subject" no person of a held-out triplet was seen in training, "stimulus" no picture (the people
    are not known), "triplet" only the judgement is new, "none" nothing is held out.
    """
    subject = np.asarray(release.stimuli.subject).astype(str)
    counts = {}
    for name in SPLITS:
        rows = np.unique(triplets.rows[triplets.split == name])
        if len(rows):
            people = len(set(subject[rows]) - {""})
            n = int((triplets.split == name).sum())
            counts[name] = {"triplets": n, "stimuli": len(rows), "subjects": people}
    held = [name for name in ("test", "validation") if name in counts]
    how = split.split_by if held and "train" in counts else "none"
    if how == SUBJECT and (subject[np.unique(triplets.rows)] == "").any():
        how = "stimulus"
    shown = next((name for name in ("test", "validation", "train") if name in counts), None)
    return {"how": how, "is_validation_carved": split.is_carved, "counts": counts, "headline": shown}


def _usable(triplets: Triplets, position: np.ndarray, made: Representation) -> np.ndarray:
    """Return (n,) bool: settled, in a split, and all three faces known to every representation."""
    whole = np.ones(len(made.row), bool)
    if made.neutral is not None:
        whole = np.isfinite(made.neutral).all(1)
    known = (position >= 0) & whole[np.maximum(position, 0)]
    return (triplets.weight > 0) & np.isin(triplets.split, SPLITS) & known[triplets.rows].all(1)


def _levels(triplets: Triplets) -> list[dict]:
    labels = {"all": "all"}
    for key in level_keys(triplets.weight)[1:]:
        at = triplets.weight == int(key)
        votes = {(int(k), int(n)) for k, n in zip(triplets.n_positive[at], triplets.n_votes[at], strict=True)}
        if len(votes) == 1:
            ((k, n),) = votes
            labels[key] = f"{k} to {n - k}"
        else:
            labels[key] = f"ahead by {key}"
    return [{"key": key, "label": label} for key, label in labels.items()]


def _satisfaction(compared, triplets, position, release, n_bootstrap, seed) -> dict:
    subject = np.asarray(release.stimuli.subject).astype(str)
    satisfied, gains = {}, {}
    baselines: dict[str, dict] = {name: {} for name in compared if name != "embedding"}
    for split in SPLITS:
        some = triplets.where(triplets.split == split)
        if not len(some):
            continue
        rows = position[some.rows]
        hits = {name: _hits(values, rows) for name, values in compared.items()}
        people = subject[some.anchor]
        shares = shares_by_level(hits, some.weight, people, n_bootstrap=n_bootstrap, seed=seed)
        satisfied[split] = {level: share.to_dict() for level, share in shares["embedding"].items()}
        gains[split] = {}
        for name, levels in baselines.items():
            levels[split] = {level: share.to_dict() for level, share in shares[name].items()}
            gains[split][name] = gain(
                hits["embedding"], hits[name], people, n_bootstrap=n_bootstrap, seed=seed
            ).to_dict()
    return {"satisfied": satisfied, "baselines": baselines, "gains": gains}


def _hits(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return (n,) bool satisfied. Only rows that triplets name have to be finite."""
    used, compact = np.unique(rows, return_inverse=True)
    return geometry.satisfied(np.asarray(values, np.float64)[used], compact.reshape(rows.shape))


def _probe(compared, made, release, n_bootstrap, seed) -> dict:
    rows = made.row
    label, subject = (
        np.asarray(values).astype(str)[rows] for values in (release.stimuli.class_label, release.stimuli.subject)
    )
    # Where triplets alone are split, all stimuli were trained on and none is left to test a probe: then people are
    # held out in turn.
    split = made.split.stimulus[rows] if made.split.split_by == SUBJECT else np.full(len(rows), "")
    whole = np.ones(len(rows), bool)
    for values in compared.values():
        whole &= np.isfinite(values).all(1)
    label = np.where(whole, label, "")
    try:
        plan = probes.plan(label, subject, split)
    except probes.NothingToProbe as error:
        return {"omitted": str(error)}
    measured = {
        name: probes.probe(values, label, subject, plan, n_bootstrap=n_bootstrap, seed=seed)
        for name, values in compared.items()
    }
    return {
        **measured,
        "classes": list(plan.classes),
        "how": plan.how,
        "chance": probes.majority_share(label, plan),
    }
