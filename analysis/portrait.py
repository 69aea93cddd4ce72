"""The pictures of a representation as plain data: dimensions, the 2-D view, traversal, reconstructions."""

import numpy as np

from analysis import maps, neighbourhood, projection
from analysis import traversal as faces
from analysis.representation import Representation
from triplets.archive import Release

ACTIVE_NAT = 0.05
"""A dimension is active when its KL divergence from the prior exceeds this on the validation stimuli."""
N_RECONSTRUCTED = 7
N_NEAREST = 8


def dimensions(made: Representation) -> dict:
    """Return KL and decoder norms per dimension, and which dimensions are active.

    Without a KL divergence (a network that is not variational) the most active dimensions are those of
    the largest variance.
    """
    spread = np.asarray(made.mean, np.float64).var(0)
    kl = made.kl
    activity = spread if kl is None else np.asarray(kl, np.float64)
    return {
        "kl": None if kl is None else activity.tolist(),
        "spread": spread.tolist(),
        "order": np.argsort(-activity, kind="stable").tolist(),
        "active": None if kl is None else [bool(k > ACTIVE_NAT) for k in activity],
        "n_active": None if kl is None else int((activity > ACTIVE_NAT).sum()),
        "decoder_norm_latent": None if made.norm_latent is None else np.asarray(made.norm_latent).tolist(),
        "decoder_norm_neutral": None if made.norm_neutral is None else np.asarray(made.norm_neutral).tolist(),
    }


def view(made: Representation, release: Release, seed: int, methods=maps.METHODS, progress=None) -> dict:
    """Return maps of at most `projection.MAX_POINTS` stimuli: places, labels, release rows and nearest neighbours.

    `points` and `explained` are the two principal components; `maps` has every other map, `colours` what they may
    be coloured by, `neighbours` (n_shown, N_NEAREST) numbers within the shown, of the whole embedding.
    """
    points, explained = projection.view_2d(made.mean, made.is_training)
    stimuli = release.stimuli
    label, subject, key = (
        np.asarray(getattr(stimuli, name)).astype(str)[made.row] for name in ("class_label", "subject", "key")
    )
    split = made.split.stimulus[made.row]
    chosen = projection.sample_rows(label if (label != "").any() else subject, seed=seed)
    learnt_on = made.mean[made.is_training] if np.count_nonzero(made.is_training) > 1 else None
    return {
        "method": "principal components of the embedding",
        "maps": maps.maps(made.mean[chosen], methods=methods, seed=seed, learnt_on=learnt_on, progress=progress),
        "colours": maps.colours(stimuli, made.row[chosen], split[chosen]),
        "neighbours": neighbourhood.nearest(made.mean[chosen], N_NEAREST).tolist(),
        "explained": explained,
        "points": np.round(points[chosen], 4).tolist(),
        "row": made.row[chosen].tolist(),
        "class_label": label[chosen].tolist(),
        "subject": subject[chosen].tolist(),
        "split": split[chosen].tolist(),
        "key": key[chosen].tolist(),
        "degree": [None if np.isnan(d) else float(d) for d in np.asarray(stimuli.degree)[made.row[chosen]]],
        "n_shown": len(chosen),
        "n_total": len(made.row),
    }


def attributes(release: Release, seed: int, methods=maps.METHODS) -> dict | None:
    """Return maps of the attributes: near where they are rated alike over the stimuli. None where they are too few."""
    names, table = maps.attribute_table(release.stimuli, release.ratings)
    if len(names) < maps.FEWEST_ATTRIBUTES:
        return None
    return {
        "names": names,
        "maps": maps.maps(table, methods=methods, seed=seed),
        "neighbours": neighbourhood.nearest(table, 3).tolist(),
        "correlation": np.round(np.corrcoef(table), 4).tolist(),
    }


def traversal(made: Representation, release: Release) -> dict:
    """Return a grid of faces over the two most active dimensions, drawn on one typical neutral face."""
    if made.decode is None:
        return {"omitted": "this network has no decoder: it cannot draw a face"}
    order = dimensions(made)["order"]
    vertical, horizontal = (order[1] if len(order) > 1 else order[0]), order[0]
    row, neutral = None, None
    if made.neutral is not None:
        at = faces.typical_row(made.neutral)
        neutral, row = made.neutral[at], int(made.row[at])
    values, points = faces.grid(made.decode, (vertical, horizontal), made.mean.shape[1], neutral)
    lines = scheme_lines(release)
    return {
        "dims": [int(vertical), int(horizontal)],
        "values": values.tolist(),
        "faces": [[faces.drawing(points[i, j], lines) for j in range(len(values))] for i in range(len(values))],
        "frame": faces.frame(points),
        "row": row,
        "subject": "" if row is None else str(release.stimuli.subject[row]),
        "has_lines": bool(lines),
    }


def reconstruction(made: Representation, release: Release) -> dict:
    """Return some held-out faces beside what the decoder makes of them, and the error of all of them.

    The rows shown stand at evenly spaced ranks of the error within each class: neither the best nor the worst.
    """
    if made.reconstructed is None:
        return {"omitted": "this network has no decoder: it reconstructs nothing"}
    original = (np.asarray(made.x, np.float64) + made.offset).reshape(-1, *made.shape)
    whole = np.isfinite(made.reconstructed).all((1, 2))
    split = made.split.stimulus[made.row]
    held = next((name for name in ("test", "validation", "train") if (whole & (split == name)).any()), "")
    pool = np.flatnonzero(whole & (split == held))
    if not len(pool):
        return {"omitted": "not one face could be reconstructed"}
    error = faces.rms_error(original[pool], made.reconstructed[pool])
    label = np.asarray(release.stimuli.class_label).astype(str)[made.row[pool]]
    names = sorted(set(label))
    groups = [np.flatnonzero(label == name) for name in names][:N_RECONSTRUCTED]
    # At evenly spaced ranks of the error within each class; one a class is the median.
    n_each = max(1, N_RECONSTRUCTED // len(groups))
    ranks = [np.unique(np.linspace(0, len(group) - 1, n_each + 2)[1:-1].round().astype(int)) for group in groups]
    ranked = [group[np.argsort(error[group], kind="stable")] for group in groups]
    shown = [int(k) for group, at in zip(ranked, ranks, strict=True) for k in group[at]]
    lines = scheme_lines(release)
    both = np.concatenate([original[pool[shown]], made.reconstructed[pool[shown]]])
    return {
        "split": held,
        "n_each": n_each,
        "rms": float(np.mean(error)),
        "n": len(pool),
        "frame": faces.frame(both),
        "faces": [
            {
                "row": int(made.row[pool[k]]),
                "class_label": str(label[k]),
                "rms": float(error[k]),
                "original": faces.drawing(original[pool[k]], lines),
                "drawn": faces.drawing(made.reconstructed[pool[k]], lines),
            }
            for k in shown
        ],
    }


def scheme_lines(release: Release) -> tuple[tuple[int, ...], ...]:
    """Return the lines that draw a face of the release's landmark scheme, () where it names none we know."""
    from triplets.schemes import SCHEMES

    scheme = SCHEMES.get(release.landmarks.scheme) if release.landmarks is not None else None
    if scheme is None or scheme.n_points != release.landmarks.points.shape[1]:
        return ()
    return tuple(tuple(line) for line in scheme.lines or ())
