"""The numbers of one checkpoint on one release, as one dictionary that JSON takes.

`evaluate` is the whole of it; `summarise` is the part after the network has done its work, and knows no
network. Every score has a chance level, ceilings, an interval and baselines beside it, or the reason why not.
"""

import itertools
from collections.abc import Callable

import numpy as np

from analysis import (
    ceilings,
    details,
    elsewhere,
    kinds,
    maps,
    portrait,
    probes,
    projection,
    provenance,
    remembered,
    sentences,
    sheets,
    shipped,
)
from analysis.groups import Outcome
from analysis.measured import Measured, start
from analysis.representation import NotComparable, Representation
from analysis.satisfaction import gain, level_keys, shares_by_level
from learning.splits import SUBJECT
from triplets.archive import Release
from triplets.records import Triplets

FORMAT = "semblance-results/2"
QUICK = ("pca",)
DESCRIBED = ("study", "collection", "settings", "counts")
#: The share of the work after which explanations begin.
EXPLAINING = 0.6


def evaluate(
    checkpoint,
    release: Release,
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
    projections=QUICK,
    progress=None,
    second: Release | None = None,
    home: Release | None = None,
    with_controls: bool = False,
    teraflops=None,
) -> dict:
    """Return the results of a checkpoint on a release, ready for JSON and for `pages.render_report`.

    checkpoint : a path, or what `learning.checkpoints.load_checkpoint` returned.
    projections : which of `maps.METHODS` are drawn. A worker's first UMAP takes half a minute however few the faces.
    progress : called with (words, share done) as the parts finish.
    second : another release on which the same network is tested; home : the other way round, the release that it was
    trained on, where `release` is another. Either gives the part "elsewhere".
    with_controls : train the recipe again, once or twice, for the part "controls" (`analysis.controls`).
    teraflops : what explanations may cost, see `analysis.explaining.amount`; None: as usual, 0: none are made.
    NotComparable where the release holds nothing that the checkpoint can embed.
    """
    # The network is reached only here: whoever renders a page never loads torch.
    from analysis.embedded import represent
    from analysis.ordinal_baseline import with_ordinal

    tell = progress or (lambda words, share: None)
    tell("embedding the stimuli", 0.0)
    maps.check_methods(projections)
    made = represent(checkpoint, release)
    tell("embedding the judgements alone", 0.05)
    made = with_ordinal(made, release, seed=seed)
    of = start(made, release, n_bootstrap=n_bootstrap, seed=seed)
    results = _figures(of, projections, lambda words, share: tell(words, EXPLAINING * share))
    checkpoint = _explain(results, checkpoint, release, teraflops=teraflops, seed=seed, tell=tell)
    if with_controls:
        _control(results, of, checkpoint, tell)
    if second is not None or home is not None:
        if second is not None:
            results["provenance"]["commands"][-1] += " --second SECOND"
        tell("testing on the second collection", 0.97)
        results["elsewhere"] = plain(_elsewhere(checkpoint, of, second, home))
    tell("done", 1.0)
    return results


def _control(results: dict, of: Measured, checkpoint, tell: Callable) -> None:
    """Add `controls`, and to explanations of pictures how maps of the control lie."""
    from analysis.controls import controls

    explained = results["explanations"]
    results["controls"] = plain(controls(of, tell, explained=explained, checkpoint=checkpoint))
    results["provenance"]["commands"][-1] += " --control"
    found = results["controls"].get("labels") or results["controls"].get("shuffled") or {}
    alignment = found.get("alignment", {})
    for row in (explained.get("tangent") or {}).get("rows", ()):
        if row["method"] in alignment:
            row["control"] = alignment[row["method"]]


def _elsewhere(checkpoint, of: Measured, second: Release | None, home: Release | None) -> dict:
    from analysis.embedded import represent

    try:
        if home is None:
            return elsewhere.compare(of, represent(checkpoint, second), second)
        here = start(represent(checkpoint, home), home, n_bootstrap=of.n_bootstrap, seed=of.seed)
    except NotComparable as error:
        return {"omitted": str(error)}
    return elsewhere.compare(here, of.made, of.release)


def tested_on(checkpoint, home: Release, second: Release, *, n_bootstrap: int = 1000, seed: int = 0) -> dict:
    """Return the part "elsewhere" alone, ready for JSON: a network that was trained on `home`, tested on `second`."""
    from analysis.embedded import represent

    try:
        of = start(represent(checkpoint, home), home, n_bootstrap=n_bootstrap, seed=seed)
        return plain(elsewhere.compare(of, represent(checkpoint, second), second))
    except NotComparable as error:
        return {"omitted": str(error)}


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
    of = start(made, release, n_bootstrap=n_bootstrap, seed=seed)
    return _figures(of, projections, progress or (lambda words, share: None))


def _figures(of: Measured, projections, tell: Callable) -> dict:
    made, release, triplets = of.made, of.release, of.counted
    if len(made.row) == 0:
        raise NotComparable("not one stimulus of the release could be embedded")
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
            "artificial": kinds.n_artificial(triplets),
        },
        "splits": of.splits,
        "levels": _levels(triplets),
        **_satisfaction(of),
    }
    ties = ceilings.tied_questions(release, triplets.split, of.seed)
    results["ceilings"], results["ceilings_note"] = ceilings.by_split(
        triplets, release.stimuli.subject, ties=ties, **of.how
    )
    tell("probing expression classes", 0.3)
    results["probe"], reading = _probe(of)
    results |= details.figures(of, tell, ties)
    results["groups"] = details.groups_of(of, reading)
    tell("drawing faces", 0.7)
    results["dimensions"] = portrait.dimensions(made)
    results["projection"] = portrait.view(made, release, of.seed, projections, lambda words: tell(words, 0.7))
    results["attributes"] = portrait.attributes(release, of.seed, projections)
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
    results["provenance"] = provenance.describe(made.about, release, **of.how, projections=projections)
    results["release"] = {name: release.manifest.get(name) or {} for name in DESCRIBED}
    results["headline"] = sentences.headline(results)
    return plain(results)


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


def _explain(results: dict, checkpoint, release: Release, *, teraflops, seed: int, tell: Callable):
    """Add `explanations`, the small pictures that they name, and what they may cost; return the checkpoint, loaded."""
    from analysis.explaining import TERAFLOPS, explanations
    from learning.checkpoints import Checkpoint, load_checkpoint

    if not isinstance(checkpoint, Checkpoint):
        checkpoint = load_checkpoint(checkpoint)
    teraflops = TERAFLOPS if teraflops is None else teraflops
    n_told = itertools.count(1)

    def alive():
        # Nobody knows how many parts there will be: a part of what is left each time.
        tell("explaining", 1 - (1 - EXPLAINING) * 0.85 ** next(n_told))

    found, drawn = explanations(checkpoint, release, teraflops=teraflops, seed=seed, tell=alive)
    results["explanations"], results["heatmaps"] = plain(found), drawn
    rows = {one["row"] for one in found.get("examples", []) if found["kind"] == "landmarks"}
    results["pictures"] |= projection.thumbnails(release, sorted(rows - {int(row) for row in results["pictures"]}))
    results["provenance"]["evaluation"]["explain_teraflops"] = teraflops
    if teraflops != TERAFLOPS:
        results["provenance"]["commands"][-1] += f" --explain {teraflops:g}"
    return checkpoint


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


def _satisfaction(of: Measured) -> dict:
    satisfied, gains = {}, {}
    baselines: dict[str, dict] = {name: {} for name in of.compared if name != "embedding"}
    for split, some in of.triplets.items():
        hits = of.hits(split)
        people = of.subject[some.anchor]
        shares = shares_by_level(hits, some.weight, people, **of.how)
        satisfied[split] = {level: share.to_dict() for level, share in shares["embedding"].items()}
        gains[split] = {}
        for name in [name for name in hits if name != "embedding"]:
            baselines[name][split] = {level: share.to_dict() for level, share in shares[name].items()}
            gains[split][name] = gain(hits["embedding"], hits[name], people, **of.how).to_dict()
    baselines = {name: by_split for name, by_split in baselines.items() if by_split or not of.triplets}
    return {"satisfied": satisfied, "baselines": baselines, "gains": gains}


def _probe(of: Measured) -> tuple[dict, Outcome | None]:
    """Return (figures of the probes, which test stimuli the embedding's probe named right), or why there are none."""
    rows = of.made.row
    stimuli, split = of.release.stimuli, of.made.split
    label, subject = np.asarray(stimuli.class_label).astype(str)[rows], of.subject[rows]
    # Where triplets alone are split, all stimuli were trained on and none is left to test a probe: then people are
    # held out in turn.
    side = split.stimulus[rows] if split.split_by == SUBJECT else np.full(len(rows), "")
    # An embedding of the judgements knows a few stimuli only, and would leave those alone for everybody.
    compared = {name: values for name, values in of.compared.items() if name != "ordinal"}
    whole = np.ones(len(rows), bool)
    for values in compared.values():
        whole &= np.isfinite(values).all(1)
    label = np.where(whole, label, "")
    try:
        plan = probes.plan(label, subject, side)
    except probes.NothingToProbe as error:
        return {"omitted": str(error)}, None
    own = probes.read(compared.pop("embedding"), label, plan, seed=of.seed)
    measured = {"embedding": probes.figures(own, label, subject, plan, **of.how)}
    for name, values in compared.items():
        measured[name] = remembered.once(probes.probe, values, label, subject, plan, **of.how)
    named = np.array(plan.classes)[own.score.argmax(1)] == label[own.row]
    return {
        **measured,
        "classes": list(plan.classes),
        "how": plan.how,
        "chance": probes.majority_share(label, plan),
    }, Outcome("read", named.astype(float), rows[own.row])
