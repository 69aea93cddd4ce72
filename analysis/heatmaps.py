"""Heat maps as small pictures: a face in grey, orange where it speaks for the score, blue where it speaks against.

The two ends of the colours differ in lightness and for every kind of colour blindness in hue, the middle is the grey
face itself, so that a map reads alike on light and on dark pages and in print.
"""

import base64
import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

#: Colours from -1 to 1 (PuOr of Cynthia Brewer, its purple end moved to blue), and how much of the face they cover.
_STOPS = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
_COLOURS = np.array([[5, 78, 150], [90, 165, 220], [235, 235, 235], [250, 165, 70], [178, 72, 0]], float)
#: The largest values of a map are so rare in relevance that they would leave the rest without colour.
_QUANTILE = 0.995
#: For the eye only, numbers are never smoothed: relevance of single pixels is laid on a neighbourhood.
_SMOOTHING = 1 / 56
SIDE = 112


def colours(values: np.ndarray) -> np.ndarray:
    """Return (..., 3) float colours 0 to 255 of values in -1 to 1.

    >>> colours(np.array([0.0])).tolist()
    [[235.0, 235.0, 235.0]]
    """
    values = np.clip(values, -1, 1)
    return np.stack([np.interp(values, _STOPS, _COLOURS[:, k]) for k in range(3)], axis=-1)


def scaled(heat: np.ndarray, smoothing: float = _SMOOTHING) -> np.ndarray:
    """Return a map (h, w) in -1 to 1, 0 where it was 0: smoothed, and divided by nearly its largest absolute value."""
    heat = np.nan_to_num(np.asarray(heat, np.float64))
    if smoothing:
        heat = gaussian_filter(heat, smoothing * max(heat.shape))
    top = np.quantile(np.abs(heat), _QUANTILE)
    top = top if top > 0 else np.abs(heat).max()
    return np.clip(heat / top, -1, 1) if top > 0 else np.zeros_like(heat)


def overlay(picture: np.ndarray, heat: np.ndarray | None, *, smoothing: float = _SMOOTHING) -> np.ndarray:
    """Return (h, w, 3) uint8: the face in grey under its map; the face in its own colours where heat is None.

    picture : (h, w, c) in 0 to 1, c 1 or 3; heat : (h, w) signed, any unit.
    """
    picture = np.clip(np.asarray(picture, np.float64), 0, 1)
    if heat is None:
        return np.broadcast_to(np.round(255 * picture), (*picture.shape[:2], 3)).astype(np.uint8)
    grey = picture.mean(axis=-1, keepdims=True)
    # Pale, so that colours stand out, and never so dark that a blue could hide in it.
    base = 255 * (0.42 + 0.5 * grey) * np.ones(3)
    value = scaled(heat, smoothing)
    cover = np.abs(value)[..., None] ** 0.75 * 0.9
    return np.round((1 - cover) * base + cover * colours(value)).astype(np.uint8)


def data_address(pixels: np.ndarray, side: int = SIDE) -> str:
    """Return a picture (h, w, 3) uint8 as a small JPEG in a data address, at most `side` pixels a side."""
    image = Image.fromarray(pixels)
    if max(image.size) > side:
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def draw(picture: np.ndarray, heat: np.ndarray, *, is_flat: bool = False) -> str:
    """Return a face under its map as a data address. is_flat : a map of parts, whose ends smoothing would blur."""
    return data_address(overlay(picture, heat, smoothing=0.0 if is_flat else _SMOOTHING))


def in_words(shares: dict[str, float | None], areas: dict[str, float | None]) -> str:
    """Return what a map shows for those who cannot see it: the parts that hold most of it, beside their size.

    >>> in_words({"mouth": 0.42, "nose": 0.05}, {"mouth": 0.09, "nose": 0.06})
    '42 % of it in the mouth (9 % of the picture), 5 % in the nose (6 %)'
    """
    known = sorted((name for name in shares if shares[name] is not None), key=lambda name: -shares[name])[:2]
    if not known:
        return "parts of the face unknown"
    words = [f"{shares[name]:.0%} of it in the {name} ({areas[name]:.0%} of the picture)" for name in known[:1]]
    words += [f"{shares[name]:.0%} in the {name} ({areas[name]:.0%})" for name in known[1:]]
    return ", ".join(words).replace("%", " %")
