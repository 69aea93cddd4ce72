"""Pictures of a space: PCA, t-SNE and UMAP in two and three dimensions, each with how far it can be trusted.

Every map is drawn from a fixed seed on one thread, so the same data give the same map. t-SNE and UMAP keep
neighbours and give up distances; the trustworthiness beside each map says how well.
"""

from collections.abc import Callable, Iterable

import numpy as np
from threadpoolctl import threadpool_limits

from analysis import neighbourhood
from analysis.projection import PCA, view_2d
from triplets.records import Ratings, Stimuli

METHODS = ("pca", "tsne", "umap")
WORDS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
REDUCED_DIMS = 50
"""t-SNE and UMAP read at most so many principal components: the rest is noise, and time."""
PERPLEXITY = 30.0
N_UMAP = 15
FEWEST = 5
MAX_COLOURS = 400
FEWEST_ATTRIBUTES = 5


class MethodUnknown(ValueError):
    """There is no way of drawing a map by that name."""


def check_methods(methods: Iterable[str]) -> tuple[str, ...]:
    """Return the methods in the order of METHODS; MethodUnknown quotes one that there is not."""
    wanted = tuple(methods)
    wrong = [name for name in wanted if name not in METHODS]
    if wrong:
        raise MethodUnknown(f"there is no projection {wrong[0]!r}: expected some of {', '.join(METHODS)}")
    return tuple(name for name in METHODS if name in wanted)


def maps(x, *, methods=METHODS, seed=0, learnt_on=None, progress: Callable | None = None) -> list[dict]:
    """Return a map for every method and for 2 and 3 dimensions, ready for JSON.

    x : (n, d) the points of the space, finite
    learnt_on : (m, d) rows that the principal components are learnt on, default x
    Each map: {"id": "tsne-2", "method", "n_dims", "points": (n, n_dims), "trustworthiness", "explained", "settings"}.
    A method that needs more points than there are is absent.
    """
    x = np.asarray(x, np.float64)
    n = len(x)
    rank = neighbourhood.ranks(x)
    made = []
    for method in check_methods(methods):
        if method != "pca" and n < FEWEST:
            continue
        for n_dims in (2, 3):
            if progress is not None:
                progress(f"drawing the map {WORDS[method]} in {n_dims} dimensions")
            points, explained, settings = _DRAW[method](x, n_dims, seed, x if learnt_on is None else learnt_on)
            made.append(
                {
                    "id": f"{method}-{n_dims}",
                    "method": WORDS[method],
                    "n_dims": n_dims,
                    "points": np.round(points, 4).tolist(),
                    "trustworthiness": neighbourhood.trustworthiness(rank, points),
                    "explained": explained,
                    "settings": settings,
                }
            )
    return made


def _pca(x, n_dims, seed, learnt_on):
    points, explained = view_2d(x, None, n_dims, learnt_on=learnt_on)
    return points, explained, "components learnt on the training faces"


def _reduced(x) -> np.ndarray:
    if x.shape[1] <= REDUCED_DIMS or len(x) < 3:
        return x
    pca = PCA(x)
    return pca.project(x, min(REDUCED_DIMS, len(pca.components)))


def _tsne(x, n_dims, seed, learnt_on):
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(x) - 1) / 3)
    # Two threads add the same numbers in another order, and t-SNE makes another map of that.
    with threadpool_limits(1):
        fitted = TSNE(n_dims, perplexity=perplexity, init="pca", random_state=seed).fit_transform(_steady(x, seed))
    return fitted, None, f"perplexity {perplexity:.3g}, seed {seed}"


def _umap(x, n_dims, seed, learnt_on):
    # 4 to 24 s for the import alone: only here, in a worker or on the command line.
    from umap import UMAP

    near = min(N_UMAP, len(x) - 1)
    start = "spectral" if len(x) > 4 * (n_dims + 1) else "random"
    with threadpool_limits(1):
        model = UMAP(n_neighbors=near, n_components=n_dims, min_dist=0.1, init=start, random_state=seed, n_jobs=1)
        fitted = model.fit_transform(_steady(x, seed))
    return fitted, None, f"{near} neighbours, least distance 0.1, seed {seed}"


_DRAW = {"pca": _pca, "tsne": _tsne, "umap": _umap}


def _steady(x, seed) -> np.ndarray:
    """Return the reduced points, equal ones moved apart by a billionth: both methods divide by their spread."""
    reduced = _reduced(x)
    scale = float(reduced.std()) or 1.0
    return reduced + np.random.default_rng(seed).normal(0, 1e-9 * scale, reduced.shape)


def colours(stimuli: Stimuli, rows, split) -> list[dict]:
    """Return everything that the points of a map may be coloured by.

    rows : (n,) stimuli shown; split : (n,) where the evaluation puts them.
    Each: {"name", "kind": "category", "names", "codes" (n,), -1 unknown} or {"name", "kind": "number", "values" (n,)}.
    A column that says the same of all, or another thing of each, colours nothing and is left out.
    """
    made = [
        _category("class", np.asarray(stimuli.class_label)[rows], first="neutral"),
        _category("subject", np.asarray(stimuli.subject)[rows]),
        _category("split", split),
        _number("degree", np.asarray(stimuli.degree, float)[rows]),
        _category("neutral face", np.array(["", "no", "yes"])[np.asarray(stimuli.is_neutral)[rows] + 1]),
    ]
    made += [_column(name, np.asarray(values)[rows]) for name, values in sorted(stimuli.extra.items())]
    made += [_number(name, np.asarray(v, float)[rows]) for name, v in sorted(stimuli.attributes.items())]
    made += [_number(name, np.asarray(v, float)[rows]) for name, v in sorted(stimuli.action_units.items())]
    return [colour for colour in made if colour is not None]


def attribute_table(stimuli: Stimuli, ratings: Ratings) -> tuple[list[str], np.ndarray]:
    """Return (names, (n_attributes, n_stimuli) standardised): attributes as points whose places are their ratings.

    Settled ratings come before what a manifest says of the same attribute. What is unknown stands at the mean, 0;
    an attribute that says the same of every stimulus is left out. Squared distances are 2n(1 - r) where all is known.
    """
    known = {name: np.asarray(values, float).copy() for name, values in stimuli.attributes.items()}
    for name in sorted(set(np.asarray(ratings.attribute).astype(str))):
        at = np.asarray(ratings.attribute).astype(str) == name
        values = np.full(len(stimuli), np.nan)
        values[np.asarray(ratings.stimulus, int)[at]] = np.asarray(ratings.mean, float)[at]
        known[name] = values
    names, table = [], []
    for name in sorted(known):
        values = known[name]
        there = np.isfinite(values)
        if there.sum() < 2 or np.ptp(values[there]) == 0:
            continue
        names.append(name)
        table.append(np.where(there, (values - values[there].mean()) / values[there].std(), 0.0))
    return names, np.array(table).reshape(len(names), len(stimuli))


def _column(name, values) -> dict | None:
    texts = np.asarray(values).astype(str)
    try:
        numbers = np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return _category(name, texts)
    # A column of many different numbers is an amount (an age); of few, it names groups.
    return _number(name, numbers) if len(set(texts)) > 12 else _category(name, texts)


def _category(name, values, first="") -> dict | None:
    texts = np.asarray(values).astype(str)
    names = sorted(set(texts) - {""}, key=lambda text: (text != first, text))
    if len(names) < 2 or len(names) > MAX_COLOURS:
        return None
    number = {text: k for k, text in enumerate(names)}
    codes = [number.get(text, -1) for text in texts]
    return {"name": name, "kind": "category", "names": names, "codes": codes}


def _number(name, values) -> dict | None:
    there = np.isfinite(values)
    if not there.any() or np.ptp(values[there]) == 0:
        return None
    return {
        "name": name,
        "kind": "number",
        "values": [float(v) if ok else None for v, ok in zip(values, there, strict=True)],
    }
