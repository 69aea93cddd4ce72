"""Do heat maps of pictures point along faces? Their share in the tangent space of the network's training pictures.

The manifold is `analysis.picture_manifold`, of grey pictures; maps are compared with it pixel by pixel. Chance is
sqrt(k / D) for a map of noise. Smooth maps of any kind lie higher, so that the controls decide: the same method on the
network with shuffled weights, and on one that learnt shuffled labels (`analysis.label_control`).
"""

from collections import deque

import numpy as np
import torch
from torch import Tensor

from analysis import faithfulness, tangent
from analysis.explaining import asked as asking
from analysis.explaining import gathered
from analysis.explaining.faces import Faces
from analysis.explaining.methods import Batch, build
from analysis.explaining.trust import mean
from analysis.picture_manifold import MAX_PICTURES, MIN_PICTURES, learn_manifold
from learning.checkpoints import Checkpoint
from learning.networks.gradients import Compared
from triplets.archive import Release
from triplets.intervals import RATE

_AT_ONCE = 16


class Unaligned(ValueError):
    """There is no tangent space to compare maps with; the message says why."""


class Manifold:
    """Tangent spaces of the pictures of a release, from those that trained a network.

    training : (t,) positions in `faces`. Unaligned for networks that compare two pictures, and for few pictures.
    """

    def __init__(self, faces: Faces, training: np.ndarray, seed: int = 0):
        if isinstance(faces.network.body, Compared):
            raise Unaligned("the network compares two pictures, whose differences lie on no manifold of faces")
        self.faces = faces
        known = training[faces.has_landmarks(training)]
        self.has_shape = len(known) >= MIN_PICTURES
        some = np.random.default_rng([seed, 0x7A]).permutation(known if self.has_shape else training)[:MAX_PICTURES]
        if len(some) < MIN_PICTURES:
            raise Unaligned(f"{len(some)} training pictures span no manifold: at least {MIN_PICTURES} are needed")
        some = np.sort(some)
        seen = {"points": faces.points(some)} if self.has_shape else {"pictures": self._grey(some)}
        self.model = learn_manifold(faces.known.size, **seen)

    def alignment(self, maps: Tensor, position: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return (b,) the share of each map (b, h, w) in the tangent space of its picture, nan where unknown.

        points : (b, n_points, 2), nan without landmarks, as `Faces.points` gives them
        """
        found = np.full(len(maps), np.nan)
        usable = np.isfinite(maps.flatten(1).cpu().numpy()).all(axis=1)
        if self.has_shape:
            usable &= np.isfinite(points).all(axis=(1, 2))
        at = np.flatnonzero(usable)
        if len(at):
            basis, rank = self._basis(position[at], points[at])
            flat = maps[torch.as_tensor(at, device=maps.device)].flatten(1).double().cpu()
            found[at] = tangent.alignment(basis, rank, flat).value
        return found

    def about(self, position: np.ndarray, points: np.ndarray) -> dict:
        """Return what the manifold is and how far it is from the explained pictures, ready for JSON."""
        seen = points[np.isfinite(points).all(axis=(1, 2))] if self.has_shape else self._grey(position)
        k, n_pixels = len(self.model.modes), self.model.size**2
        return {
            "has_shape": self.has_shape,
            "n_pictures": self.model.n,
            "n_directions": k,
            "n_pixels": n_pixels,
            "chance": float(np.sqrt(k / n_pixels)),
            "missed": self.model.missed(seen) if len(seen) else None,
        }

    def _basis(self, position, points) -> tuple[Tensor, Tensor]:
        pictures = self._grey(position)
        columns = [
            self.model.directions(picture, own if self.has_shape else None)
            for picture, own in zip(pictures, points, strict=True)
        ]
        return tangent.tangent_basis(torch.from_numpy(np.stack(columns)))

    def _grey(self, position) -> np.ndarray:
        return np.stack([self.faces.shown(int(one)).mean(axis=-1) for one in position])


def of_random_weights(manifold: Manifold, keys, batch: Batch, position, points, *, n_steps: int, seed: int) -> dict:
    """Return {method: mean alignment} of maps of the same network with the weights of every layer shuffled."""
    _, shaken = deque(faithfulness.randomised(manifold.faces.network, seed=seed), maxlen=1).pop()
    return {
        key: mean(manifold.alignment(build(key, shaken, n_steps=n_steps)(batch).map, position, points)) for key in keys
    }


def table(values: dict[str, np.ndarray], people, *, seed: int = 0) -> list[dict]:
    """Return a row a method: its mean alignment with a 95 % interval, ready for JSON.

    values : method -> (n,) alignments, nan unknown; people : (n,) str
    """
    return [{"method": key, **gathered.estimate(of, people, scale=RATE, seed=seed)} for key, of in values.items()]


def of_another(
    own: Checkpoint, other: Checkpoint, release: Release, keys, amount: dict, *, seed: int = 0, device="cpu"
) -> dict:
    """Return {method: mean alignment} of another network on the very pictures and questions that ours was measured on.

    keys, amount : methods, `n_sample` and `n_steps`, as the explanations of ours recorded them
    """
    faces, theirs = Faces(own, release, device), Faces(other, release, device)
    manifold = Manifold(faces, training_positions(own, release, faces), seed)
    # Which way is nearer depends on where a network puts the other two; all other questions are the same for both.
    asks, seen = (other, theirs) if theirs.known.target == "triplets" else (own, faces)
    asked = seen.with_landmarks(asking.ask(asks, release, seen.pictures, seen.outputs)[0])
    sample = asked.where(asking.sampled(asked, amount["n_sample"], seed))
    explain = {key: build(key, theirs.network, n_steps=amount["n_steps"]) for key in keys}
    found: dict[str, list] = {key: [] for key in keys}
    for start in range(0, len(sample), _AT_ONCE):
        part = sample.where(np.arange(start, min(start + _AT_ONCE, len(sample))))
        points = faces.points(part.position)
        batch = theirs.batch(part, points)
        for key in keys:
            found[key].append(manifold.alignment(explain[key](batch).map, part.position, points))
    return {key: mean(np.concatenate(parts)) for key, parts in found.items()}


def training_positions(checkpoint: Checkpoint, release: Release, faces: Faces) -> np.ndarray:
    """Return the positions of pictures that a network was trained on; all where nobody knows."""
    side = asking.split_of(checkpoint, release, faces.pictures).stimulus[faces.pictures.row]
    training = np.flatnonzero(side == "train")
    return training if len(training) else np.arange(len(faces))
