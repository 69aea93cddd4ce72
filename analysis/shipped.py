"""A decoder packed for the page: small enough for a browser to draw a face at every move of a slider.

The web never loads torch, and a page of the site may not ask a server for every frame. The decoder is a small
stack of dense layers, so its weights travel with the results and `explorer.js` multiplies them out. What does not
change while a slider moves is done here: the neutral face's share of the first layer, and the coordinates that no
drawing shows.
"""

import base64

import numpy as np

from analysis import traversal as faces
from analysis.representation import Representation

MAX_FLOATS = 1_500_000
"""6 MB: published widths on 478 points stay below half of it."""
MAX_NEUTRALS = 40


def pack(made: Representation, release, lines=()) -> dict:
    """Return what `explorer.js` draws faces from, ready for JSON, or {"omitted": why}.

    layers : [{"n_in", "n_out", "weight": (n_out, n_in) row by row, "bias"}], float32 little-endian in base64, which
        `light` halves for a page; the first layer reads the latent dimensions alone and has its bias in each neutral
        face's `start`
    neutrals : [{"row", "subject", "start": (n_out of the first layer,), "base": (n_points, 2)}]: a face is
        base + last layer; the first one is the typical face (`traversal.typical_row`)
    ELU stands between layers. frame : viewBox that holds every dimension from -5 to 5.
    """
    if made.decode is None or not made.decoder_layers:
        return {"omitted": "this network has no decoder: it cannot draw a face"}
    n_latent, n_points = made.mean.shape[1], made.shape[0]
    (first, first_bias), *rest = [
        (np.asarray(w, np.float32), np.asarray(b, np.float32)) for w, b in made.decoder_layers
    ]
    layers = [(first[:, :n_latent], np.zeros(0, np.float32)), *rest]
    weight, bias = layers[-1]
    flat = _drawn_columns(made.shape)
    layers[-1] = (weight[flat], bias[flat] if len(bias) else bias)
    n_floats = sum(w.size + b.size for w, b in layers)
    if n_floats > MAX_FLOATS:
        return {"omitted": f"its decoder has {n_floats:,} weights: a page carries at most {MAX_FLOATS:,}"}
    offset = np.asarray(made.offset, np.float32)
    return {
        "n_latent": n_latent,
        "n_points": n_points,
        "reach": faces.REACH,
        "order": _order(made),
        "layers": [
            {"n_in": w.shape[1], "n_out": w.shape[0], "weight": encoded(w), "bias": encoded(b)} for w, b in layers
        ],
        "neutrals": [
            {
                "row": row,
                "subject": subject,
                "start": encoded(first_bias if neutral is None else first_bias + first[:, n_latent:] @ neutral),
                "base": encoded((offset + neutral if made.is_residual and neutral is not None else offset)[flat]),
            }
            for row, subject, neutral in _neutrals(made, release)
        ],
        "lines": [list(line) for line in lines],
        "frame": _frame(made),
    }


def decoded(packed: dict, z, neutral=0) -> np.ndarray:
    """Return (n_points, 2) as `explorer.js` computes it: the slow twin of the page, and what tests compare it with.

    z : (n_latent,)      neutral : number within packed["neutrals"]
    """
    chosen = packed["neutrals"][neutral]
    values = np.asarray(z, np.float32)
    for k, layer in enumerate(packed["layers"]):
        weight = _read(layer["weight"]).reshape(layer["n_out"], layer["n_in"])
        bias = _read(chosen["start"] if k == 0 else layer["bias"])
        values = weight @ values + bias
        if k < len(packed["layers"]) - 1:
            values = np.where(values > 0, values, np.expm1(np.minimum(values, 0)))
    return (values + _read(chosen["base"])).reshape(-1, 2)


def light(packed: dict) -> dict:
    """Return a packed decoder as pages carry it: every number in 16 bits, half of what results hold.

    "weight", "bias", "start", "base" become {"scale": (n_out,) or (1,) float32, "int16"}, both little-endian in base64;
    a number is its int16 times the scale of its row. That moves a face by less than .001 of an eye distance.
    """
    layers = [
        layer | {"weight": _rounded(_read(layer["weight"]).reshape(layer["n_out"], -1)),
                 "bias": _rounded(_read(layer["bias"])[None])}
        for layer in packed["layers"]
    ]  # fmt: skip
    neutrals = [of | {key: _rounded(_read(of[key])[None]) for key in ("start", "base")} for of in packed["neutrals"]]
    return packed | {"layers": layers, "neutrals": neutrals}


def _rounded(rows: np.ndarray) -> dict:
    """Return (n, m) numbers as 16-bit integers and a scale a row."""
    scale = np.abs(rows).max(1, initial=0) / np.float32(32767)
    numbers = np.rint(rows / np.where(scale > 0, scale, 1)[:, None])
    return {"scale": encoded(scale), "int16": base64.b64encode(numbers.astype("<i2").tobytes()).decode()}


def encoded(values) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _read(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def _drawn_columns(shape) -> np.ndarray:
    n_points, n_dims = shape
    return (np.arange(n_points)[:, None] * n_dims + np.arange(2)[None, :]).ravel()


def _neutrals(made: Representation, release) -> list[tuple[int | None, str, np.ndarray | None]]:
    """Return (row, subject, neutral face) of at most MAX_NEUTRALS people, the typical one first."""
    if made.neutral is None or made.decoder_layers[0][0].shape[1] == made.mean.shape[1]:
        return [(None, "", None)]
    neutral = np.asarray(made.neutral, np.float32)
    subject = np.asarray(release.stimuli.subject).astype(str)[made.row]
    whole = np.isfinite(neutral).all(1)
    typical = faces.typical_row(neutral)
    first = {subject[typical]: typical}
    for k in np.flatnonzero(whole):
        first.setdefault(subject[k], k)
    at = [typical, *(k for name, k in sorted(first.items()) if k != typical)][:MAX_NEUTRALS]
    return [(int(made.row[k]), str(subject[k]), neutral[k]) for k in at]


def _order(made: Representation) -> list[int]:
    from analysis.portrait import dimensions

    return dimensions(made)["order"]


def _frame(made: Representation) -> list[float]:
    n = made.mean.shape[1]
    neutral = None
    if made.neutral is not None:
        neutral = made.neutral[faces.typical_row(made.neutral)]
    z = np.concatenate([faces.REACH * np.eye(n), -faces.REACH * np.eye(n), np.zeros((1, n))])
    return faces.frame(made.decode(z, neutral))
