"""Ridge regression in closed form, its penalty chosen for each attribute by leaving out one person at a time.

No network is trained again for that: the error about somebody left out follows from the fit on everybody (for single
pictures Allen's PRESS, Golub, Heath & Wahba 1979; for several of a person the same with a small matrix in place of one
number).
"""

from dataclasses import dataclass

import numpy as np

from triplets.counting import counted

#: Penalties tried, in mean squared singular values of the weighted features: from next to none to next to no slope.
SHARES = np.geomspace(1e-4, 1e4, 49)
#: Directions in which features vary less than this share of the most hold nothing but rounding.
_NOTHING = 1e-10


@dataclass(frozen=True)
class RidgeFit:
    """An attribute is intercept + features @ coefficient.

    coefficient : (p, k); intercept, share : (k,), the latter the chosen one of `SHARES`
    r2 : (k,) R² about people left out one at a time, at that penalty; of the best of many, so a little too high
    """

    coefficient: np.ndarray
    intercept: np.ndarray
    share: np.ndarray
    r2: np.ndarray


def fit_ridge(features: np.ndarray, target: np.ndarray, weight: np.ndarray, person: np.ndarray) -> RidgeFit:
    """Return the weighted ridge regression of each attribute on standardised features.

    features : (n, p), standardised here; one that never varies counts for nothing. target : (n, k), anything finite
    where weight (n, k) is 0. person : (n,) int, whose pictures are left out together. The intercept is not penalised.

    ValueError where an attribute is known of fewer than two people, or a feature is not finite.
    """
    features = np.asarray(features, dtype=np.float64)
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(f"feature {column} of picture {row} is {features[row, column]}: expected finite numbers")
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scale = np.divide(1, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    standardised = (features - mean) * scale
    n_attributes = target.shape[1]
    coefficient, share = np.zeros((features.shape[1], n_attributes)), np.zeros(n_attributes)
    intercept, r2 = np.zeros(n_attributes), np.zeros(n_attributes)
    # Attributes that weigh all pictures alike share what is most of the work.
    kinds, kind = np.unique(weight, axis=1, return_inverse=True)
    for number, w in enumerate(kinds.T):
        known, columns = np.flatnonzero(w > 0), np.flatnonzero(kind.reshape(-1) == number)
        n_people = len(np.unique(person[known]))
        if n_people < 2:
            raise ValueError(
                f"attribute {columns[0]} is known of {counted(n_people, 'person', 'people')}: expected at least two"
            )
        decomposed = _Decomposed(standardised[known], w[known], person[known])
        for k in columns:
            y = target[known, k].astype(np.float64)
            errors = decomposed.left_out(y, decomposed.unit * SHARES)
            best = int(errors.argmin())
            slope, middle = decomposed.solved(y, decomposed.unit * SHARES[best])
            coefficient[:, k] = scale * slope
            intercept[k] = middle - mean @ coefficient[:, k]
            share[k] = SHARES[best]
            varied = w[known] @ (y - np.average(y, weights=w[known])) ** 2
            r2[k] = 1 - errors[best] / varied if varied > 0 else 0.0
    return RidgeFit(coefficient, intercept, share, r2)


class _Decomposed:
    """What all penalties and attributes share: the directions in which weighted features vary.

    x : (n, p); weight : (n,) above 0; person : (n,). unit : the mean squared singular value.
    """

    def __init__(self, x: np.ndarray, weight: np.ndarray, person: np.ndarray):
        self.root, self.weight = np.sqrt(weight), weight
        self.middle = np.average(x, axis=0, weights=weight)
        self.x = self.root[:, None] * (x - self.middle)
        n, p = self.x.shape
        if n <= p:
            squares, self.u = np.linalg.eigh(self.x @ self.x.T)
        else:
            squares, v = np.linalg.eigh(self.x.T @ self.x)
            self.u = self.x @ v / np.sqrt(np.maximum(squares, 1e-300))
        keep = squares > _NOTHING * max(float(squares.max(initial=0)), 1e-300)
        self.squares, self.u = squares[keep], self.u[:, keep]
        self.unit = float(self.squares.mean()) if keep.any() else 1.0
        order = np.argsort(person, kind="stable")
        own = np.split(order, np.flatnonzero(np.diff(person[order])) + 1)
        #: People with equally many pictures, (people, pictures), so that each number is one computation.
        self.people = [np.array([p for p in own if len(p) == size]) for size in sorted({len(p) for p in own})]

    def solved(self, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
        """Return slope (p,) and intercept of y (n,)."""
        middle = np.average(y, weights=self.weight)
        slope = self.x.T @ (self.u @ (self.u.T @ (self.root * (y - middle)) / (self.squares + penalty)))
        return slope, float(middle - self.middle @ slope)

    def left_out(self, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
        """Return the weighted squared error about everybody, each left out in turn, for each penalty."""
        centred = self.root * (y - np.average(y, weights=self.weight))
        turned = self.u.T @ centred
        shrunk = self.squares / (self.squares + penalties[:, None])
        residual = centred - (shrunk * turned) @ self.u.T
        errors = np.zeros(len(penalties))
        for rows in self.people:
            u, root = self.u[rows], self.root[rows]
            mean_part = root[:, :, None] * root[:, None, :] / self.weight.sum()
            for k in range(len(penalties)):
                left = np.eye(rows.shape[1]) - mean_part - (u * shrunk[k]) @ u.transpose(0, 2, 1)
                errors[k] += np.square(np.linalg.solve(left, residual[k][rows][..., None])).sum()
        return errors
