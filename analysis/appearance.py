"""The manifold of face pictures, learnt from a few hundred of them: how a face moves and how its skin and light vary.

An active appearance model (Cootes, Edwards & Taylor 2001): shapes are a mean and a few directions in which landmarks
move together, appearances a mean and a few pictures, both by principal components, the latter on the mean shape. Its
directions at one picture are that picture bent along each direction of shape, and each direction of appearance bent
onto that picture's shape. Without landmarks appearances are compared as the pictures lie (eigenfaces), and the
directions are the same everywhere.
"""

from dataclasses import dataclass

import numpy as np

from analysis.warping import MeanShape, mean_shape, onto

N_SHAPE, N_APPEARANCE = 8, 24
#: Fewer pictures span no manifold; more change little.
MIN_PICTURES, MAX_PICTURES = 12, 300
#: How far landmarks are moved for a difference quotient, in pixels (root mean square).
_STEP = 0.25


@dataclass(frozen=True)
class Appearance:
    """size : side of the pictures; n : of how many they are

    mean : (size * size,), modes : (k, size * size) orthonormal appearances, on the mean shape where there is one
    shape : the mean shape, None without landmarks; movements : (j, n_points, 2) orthonormal directions of it
    """

    size: int
    n: int
    mean: np.ndarray
    modes: np.ndarray
    shape: MeanShape | None
    movements: np.ndarray

    @property
    def n_directions(self) -> int:
        return len(self.modes) + len(self.movements)

    def directions(self, picture: np.ndarray, points: np.ndarray | None = None) -> np.ndarray:
        """Return (size * size, n_directions) unit columns: how this picture (size, size) may change.

        points : (n_points, 2) its landmarks in its own pixels, needed where the model has a shape.
        """
        modes = self.modes.reshape(-1, self.size, self.size)
        if self.shape is None:
            found = list(modes)
        else:
            own, bent = mean_shape(points[None], self.size), []
            for movement in self.movements:
                step = _STEP * movement / np.sqrt((movement**2).sum(axis=1).mean())
                # Fetched from behind, the picture moves forwards.
                bent.append(onto(own, points - step, picture) - onto(own, points + step, picture))
            mean = self.shape.points[: len(points)]
            found = [*bent, *np.moveaxis(onto(own, mean, np.moveaxis(modes, 0, -1)), -1, 0)]
        columns = np.stack([one.ravel() for one in found], axis=1)
        length = np.linalg.norm(columns, axis=0)
        return columns / np.where(length > 0, length, 1)

    def missed(self, pictures: np.ndarray, points: np.ndarray | None = None) -> float:
        """Return the share of the variance of pictures (n, size, size) around the mean that the modes do not hold."""
        off = _appearances(pictures, points, self.shape) - self.mean
        held = (off @ self.modes.T) @ self.modes
        return float(((off - held) ** 2).sum() / max((off**2).sum(), 1e-12))


def learn_appearance(pictures: np.ndarray, points: np.ndarray | None = None) -> Appearance:
    """Return the manifold of grey pictures (n, size, size) and their landmarks (n, n_points, 2) in their pixels.

    As many directions as `N_SHAPE` and `N_APPEARANCE`, fewer of few pictures (an eighth and a quarter of them).
    ValueError for fewer than `MIN_PICTURES`.
    """
    n, size = len(pictures), pictures.shape[-1]
    if n < MIN_PICTURES:
        raise ValueError(f"{n} pictures to learn how faces vary: expected at least {MIN_PICTURES}")
    shape, movements = None, np.zeros((0, 0, 2))
    if points is not None:
        shape = mean_shape(points, size)
        off = points.reshape(n, -1) - points.reshape(n, -1).mean(axis=0)
        movements = _components(off, min(N_SHAPE, n // 8)).reshape(-1, *points.shape[1:])
    flat = _appearances(pictures, points, shape)
    mean = flat.mean(axis=0)
    return Appearance(size, n, mean, _components(flat - mean, min(N_APPEARANCE, n // 4)), shape, movements)


def _appearances(pictures, points, shape: MeanShape | None) -> np.ndarray:
    if shape is None:
        return np.asarray(pictures, np.float64).reshape(len(pictures), -1)
    bent = [onto(shape, own, picture) for picture, own in zip(pictures, points, strict=True)]
    return np.stack(bent).reshape(len(pictures), -1)


def _components(centred: np.ndarray, n: int) -> np.ndarray:
    """Return (k, D) the first n principal directions, fewer where the rank is lower, by way of the smaller matrix."""
    values, vectors = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(-values)[:n]
    order = order[values[order] > 1e-9 * max(values.max(), 1e-12)]
    return (vectors[:, order].T @ centred) / np.sqrt(values[order])[:, None]
