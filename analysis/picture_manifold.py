"""The manifold of face pictures: in which directions a picture can change and stay a face.

With landmarks: the picture bent along the movements in which the landmarks of many faces differ (principal components
of shape, Cootes et al. 1995), so that the directions are edges of that very face. Differences in skin and light are
left out on purpose: they are smooth, and so is every blurred map, of whatever network. On the London faces (64 pixels)
they hold .12 of the gradient of a network that learnt the smile and .33 of one that learnt shuffled labels, movements
.19 and .10.

Without landmarks: principal components of the pictures as they lie (eigenfaces), the same for all of them.
"""

from dataclasses import dataclass

import numpy as np

from analysis.warping import mean_shape, onto

N_MOVEMENTS, N_COMPONENTS = 12, 24
#: Fewer pictures span no manifold; more change little.
MIN_PICTURES, MAX_PICTURES = 12, 300
#: How far landmarks are moved for a difference quotient, in pixels (root mean square).
_STEP = 0.25


@dataclass(frozen=True)
class PictureManifold:
    """size : side of the pictures; n : of how many it was learnt

    mean : (D,) and modes : (k, D) orthonormal, of landmarks (n_points * 2 numbers) where has_shape, else of pixels
    """

    size: int
    n: int
    has_shape: bool
    mean: np.ndarray
    modes: np.ndarray

    def directions(self, picture: np.ndarray, points: np.ndarray | None = None) -> np.ndarray:
        """Return (size * size, k) unit columns, the changes of this picture (size, size).

        points : (n_points, 2) its landmarks in its own pixels, needed where the manifold has a shape.
        """
        if not self.has_shape:
            return self.modes.T
        own, bent = mean_shape(points[None], self.size), []
        for movement in self.modes.reshape(-1, *points.shape):
            step = _STEP * movement / np.sqrt((movement**2).sum(axis=1).mean())
            # Fetched from behind, the picture moves forwards.
            bent.append((onto(own, points - step, picture) - onto(own, points + step, picture)).ravel())
        columns = np.stack(bent, axis=1)
        length = np.linalg.norm(columns, axis=0)
        return columns / np.where(length > 0, length, 1)

    def missed(self, faces: np.ndarray) -> float:
        """Return the share of the variance of landmarks (n, n_points, 2), or of pictures, that modes do not hold."""
        off = np.asarray(faces, np.float64).reshape(len(faces), -1) - self.mean
        held = (off @ self.modes.T) @ self.modes
        return float(((off - held) ** 2).sum() / max((off**2).sum(), 1e-12))


def learn_manifold(size: int, *, points: np.ndarray | None = None, pictures: np.ndarray | None = None):
    """Return the `PictureManifold` of square pictures of `size` from their landmarks, or from themselves.

    points : (n, n_points, 2) in pixels; else pictures : (n, size, size) grey. At most n/8 movements or n/4 components.
    ValueError for fewer than `MIN_PICTURES`.
    """
    faces = pictures if points is None else points
    n = len(faces)
    if n < MIN_PICTURES:
        raise ValueError(f"{n} pictures to learn how faces vary: expected at least {MIN_PICTURES}")
    flat = np.asarray(faces, np.float64).reshape(n, -1)
    mean = flat.mean(axis=0)
    n_modes = min(N_COMPONENTS, n // 4) if points is None else min(N_MOVEMENTS, n // 8)
    return PictureManifold(size, n, points is not None, mean, _components(flat - mean, n_modes))


def _components(centred: np.ndarray, n: int) -> np.ndarray:
    """Return (k, D) the first n principal directions, fewer where the rank is lower, by way of the smaller matrix."""
    values, vectors = np.linalg.eigh(centred @ centred.T)
    order = np.argsort(-values)[:n]
    order = order[values[order] > 1e-9 * max(values.max(), 1e-12)]
    return (vectors[:, order].T @ centred) / np.sqrt(values[order])[:, None]
