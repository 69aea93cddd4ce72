"""Landmark schemes: which point of a face is what.

**left and right are those of the picture**: the points of `left_eye` have the smaller x, so they are the
person's own right eye. A collection names its scheme; alignment, drawing and explanation read it.
"""

from dataclasses import dataclass, replace

from triplets import mirrors
from triplets.synthetic import scheme as synthetic


@dataclass(frozen=True)
class Scheme:
    """Which of n_points points is what, as tuples of point numbers.

    left_lower_lid, right_lower_lid : the mean of each is the centre of that eye, which a blink does not move.
    left_eye, right_eye, mouth, left_brow, right_brow, nose, outline : everything that belongs there.
    lines : polylines that draw the face; a closed one ends with the point it began with.
    mirror : `points[..., mirror, :]` with x negated is the face seen in a mirror; () where it is not known.
    is_guessed : False where another scheme has as many points and is the likelier one, so that it must be named.
    """

    name: str
    n_points: int
    left_lower_lid: tuple[int, ...]
    right_lower_lid: tuple[int, ...]
    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    mouth: tuple[int, ...]
    left_brow: tuple[int, ...]
    right_brow: tuple[int, ...]
    nose: tuple[int, ...]
    outline: tuple[int, ...]
    lines: tuple[tuple[int, ...], ...]
    mirror: tuple[int, ...] = ()
    is_guessed: bool = True

    def __post_init__(self):
        parts = (self.left_lower_lid, self.right_lower_lid, self.left_eye, self.right_eye, self.mouth, self.left_brow,
                 self.right_brow, self.nose, self.outline, self.mirror, *self.lines)  # fmt: skip
        wrong = [point for part in parts for point in part if not 0 <= point < self.n_points]
        if wrong:
            raise ValueError(f"scheme {self.name!r} names point {wrong[0]}: expected 0 to {self.n_points - 1}")


class SchemeUnknown(ValueError):
    """No scheme, or more than one, fits."""


def scheme_named(name: str) -> Scheme:
    """Return a scheme by name. SchemeUnknown lists the names."""
    if name not in SCHEMES:
        raise SchemeUnknown(f"landmark scheme {name!r} is unknown: expected one of {', '.join(SCHEMES)}")
    return SCHEMES[name]


def scheme_of(n_points: int) -> Scheme | None:
    """Return the scheme with that number of points, None where there is none. SchemeUnknown where several fit.

    83 points are the synthetic face's: landmarks of BU-3DFE are imported with the name of their scheme.
    """
    fitting = [scheme for scheme in SCHEMES.values() if scheme.n_points == n_points and scheme.is_guessed]
    if len(fitting) > 1:
        names = ", ".join(scheme.name for scheme in fitting)
        raise SchemeUnknown(f"{n_points} points fit more than one landmark scheme: name one of {names}")
    return fitting[0] if fitting else None


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


def _closed(ring: tuple[int, ...]) -> tuple[int, ...]:
    return (*ring, ring[0])


def _synthetic() -> Scheme:
    groups = synthetic.SCHEME_GROUPS
    names = ("left_lower_lid", "right_lower_lid", "left_eye", "right_eye", "mouth", "left_brow", "right_brow", "nose",
             "outline")  # fmt: skip
    return Scheme(
        name=synthetic.SCHEME,
        n_points=synthetic.N_POINTS,
        **{name: tuple(groups[name]) for name in names},
        lines=synthetic.SCHEME_LINES,
        mirror=synthetic.SCHEME_MIRROR,
    )


def _mediapipe() -> Scheme:
    """MediaPipe Face Mesh with irises; the ring of each part as in its own connection lists.

    Points 33, 133 and 468 belong to the subject's right eye, which is the left one of the picture.
    """
    left_lower = (33, 7, 163, 144, 145, 153, 154, 155, 133)
    left_upper = (173, 157, 158, 159, 160, 161, 246)
    right_lower = (362, 382, 381, 380, 374, 373, 390, 249, 263)
    right_upper = (466, 388, 387, 386, 385, 384, 398)
    left_brow = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
    right_brow = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
    lips_outer = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
    lips_inner = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
    outline = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
               149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
    bridge, base = (168, 6, 197, 195, 5, 4, 1), (98, 97, 2, 326, 327)
    left_iris, right_iris = (469, 470, 471, 472), (474, 475, 476, 477)
    return Scheme(
        name="mediapipe-478",
        n_points=478,
        left_lower_lid=left_lower,
        right_lower_lid=right_lower,
        left_eye=(*left_lower, *left_upper, 468, *left_iris),
        right_eye=(*right_lower, *right_upper, 473, *right_iris),
        mouth=(*lips_outer, *lips_inner),
        left_brow=left_brow,
        right_brow=right_brow,
        nose=(*bridge, *base),
        outline=outline,
        lines=(
            _closed((*left_lower, *left_upper)), _closed((*right_lower, *right_upper)),
            _closed(left_iris), _closed(right_iris), _closed(left_brow), _closed(right_brow),
            bridge, base, _closed(lips_outer), _closed(lips_inner), _closed(outline),
        ),
        mirror=mirrors.MEDIAPIPE_478,
    )  # fmt: skip


def _mediapipe_without_irises() -> Scheme:
    """MediaPipe Face Mesh where landmarks were not refined: the first 468 points of the 478."""
    ours, n = _mediapipe(), 468
    return replace(
        ours,
        name="mediapipe-468",
        n_points=n,
        left_eye=tuple(point for point in ours.left_eye if point < n),
        right_eye=tuple(point for point in ours.right_eye if point < n),
        lines=tuple(line for line in ours.lines if max(line) < n),
        mirror=ours.mirror[:n],
    )


def _webmorph() -> Scheme:
    """The 189-point template of WebMorph (files `.tem`); points 0 and 1 are the pupils, which move with the gaze."""
    left_lower, left_upper = (18, 28, 29, 30, 22), (18, 19, 20, 21, 22)
    right_lower, right_upper = (23, 31, 32, 33, 27), (23, 24, 25, 26, 27)
    left_brow, right_brow = (71, 72, 73, 74, 75, 76, 84, 83), (77, 78, 79, 80, 81, 82, 86, 85)
    lips_outer = (*_span(87, 93), 108, 107, 106, 105, 104)
    upper_inner, lower_inner = (87, *_span(94, 98), 93), (87, *_span(99, 103), 93)
    outline = (109, 185, 110, 186, 111, *_span(125, 133), 114, 188, 113, 187, 112)
    left_nose, right_nose = (*_span(50, 54), 55), (*_span(56, 60), 55)
    return Scheme(
        name="webmorph-189",
        n_points=189,
        left_lower_lid=left_lower,
        right_lower_lid=right_lower,
        left_eye=(0, *_span(2, 9), *left_upper, *_span(28, 30), *_span(34, 38)),
        right_eye=(1, *_span(10, 17), *right_upper, *_span(31, 33), *_span(39, 43)),
        mouth=_span(87, 108),
        left_brow=left_brow,
        right_brow=right_brow,
        nose=(*_span(50, 70), *_span(170, 173), *_span(179, 182)),
        outline=outline,
        lines=(
            left_upper, left_lower, right_upper, right_lower, _closed(_span(2, 9)), _closed(_span(10, 17)),
            _closed(left_brow), _closed(right_brow), left_nose, right_nose, _closed(lips_outer), upper_inner,
            lower_inner, outline,
        ),
        mirror=mirrors.WEBMORPH_189,
    )  # fmt: skip


def _bu3dfe() -> Scheme:
    """The 83 points of BU-3DFE and BP4D in the order that `triplets.importers.bnd` brings them into.

    Parts as Menpo's labels of the same points; the nose is two sides and the line of the nostrils.
    """
    ours = _synthetic()
    lines = [line for line in ours.lines if line != _span(36, 47)]
    return replace(
        ours, name="bu3dfe-83", lines=(*lines, _span(36, 38), _span(39, 41), _span(42, 47)), mirror=(), is_guessed=False
    )


def _openface() -> Scheme:
    """The 68 points of iBUG's 300-W, as OpenFace and dlib give them: outline, brows, nose, eyes, lips."""
    upper = (*reversed(_span(0, 16)), *reversed(_span(17, 26)), *_span(27, 30), *reversed(_span(31, 35)))
    mirror = dict(enumerate(upper))
    mirror |= dict(zip(_span(36, 47), (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40), strict=True))
    mirror |= dict(zip(_span(48, 59), (54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55), strict=True))
    mirror |= dict(zip(_span(60, 67), (64, 63, 62, 61, 60, 67, 66, 65), strict=True))
    return Scheme(
        name="openface-68",
        n_points=68,
        left_lower_lid=(36, 39, 40, 41),
        right_lower_lid=(42, 45, 46, 47),
        left_eye=_span(36, 41),
        right_eye=_span(42, 47),
        mouth=_span(48, 67),
        left_brow=_span(17, 21),
        right_brow=_span(22, 26),
        nose=_span(27, 35),
        outline=_span(0, 16),
        lines=(
            _span(0, 16), _span(17, 21), _span(22, 26), _span(27, 30), _span(31, 35), _closed(_span(36, 41)),
            _closed(_span(42, 47)), _closed(_span(48, 59)), _closed(_span(60, 67)),
        ),
        mirror=tuple(mirror[point] for point in range(68)),
    )  # fmt: skip


_ALL = (_synthetic(), _mediapipe(), _mediapipe_without_irises(), _webmorph(), _bu3dfe(), _openface())
SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in _ALL}
