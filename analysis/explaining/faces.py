"""The pictures of a release as explanations need them: batches with directions, neutral faces and parts of faces."""

import numpy as np
import torch
from torch import Tensor

from analysis.explained import landmarks_in_pixels, neutral_positions
from analysis.explaining.asked import Asked
from analysis.explaining.methods import Batch
from analysis.occlusion import Regions, regions
from learning.checkpoints import Checkpoint
from learning.networks.pictures import as_floats, shown
from learning.pictures import pictures_for
from triplets.archive import Release
from triplets.schemes import SCHEMES


class Faces:
    """Decoded pictures of a release under a checkpoint's preprocessing, on a device.

    A network that compares is shown each picture with the same person's neutral one behind it; at rest is then the
    neutral picture compared with itself.
    """

    def __init__(self, checkpoint: Checkpoint, release: Release, device):
        known = checkpoint.preprocessing
        self.release, self.known, self.device = release, known, device
        self.network = checkpoint.network.to(device).eval()
        self.pictures = pictures_for(known, release)
        beside = self.pictures.neutral
        self.neutral_at = neutral_positions(release, self.pictures.row) if beside is None else beside
        self.people = np.asarray(release.stimuli.subject).astype(str)[self.pictures.row]
        landmarks = release.landmarks
        self.scheme = SCHEMES.get(landmarks.scheme) if landmarks is not None else None
        if self.scheme is not None and self.scheme.n_points != landmarks.points.shape[1]:
            self.scheme = None

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def has_neutral(self) -> bool:
        return bool((self.neutral_at >= 0).any())

    def points(self, position) -> np.ndarray:
        """Return (b, n_points, 2) landmarks in pixels of the network's input, nan where a picture has none."""
        position = np.asarray(position)
        if self.scheme is None:
            return np.full((len(position), 1, 2), np.nan)
        return landmarks_in_pixels(self.release, self.pictures.row[position], self.known)

    def floats(self, position) -> Tensor:
        """Return what the network sees, (b, c or 2c, h, w) in 0 to 1 on the device."""
        return shown(self.pictures, np.asarray(position)).to(self.device)

    def at_rest(self, position) -> Tensor:
        """Return like `floats` what the network would see of the same people at rest, nan where nobody knows."""
        at = self.neutral_at[np.asarray(position)]
        neutral = as_floats(torch.from_numpy(np.array(self.pictures.pixels[np.maximum(at, 0)])).to(self.device))
        neutral[torch.as_tensor(at < 0, device=neutral.device)] = torch.nan
        return neutral if self.pictures.neutral is None else torch.cat([neutral, neutral], dim=1)

    def shown(self, position: int) -> np.ndarray:
        """Return (h, w, c) in 0 to 1, as a picture to look at."""
        return np.asarray(self.pictures.pixels[position], np.float64) / 255

    @torch.no_grad()
    def outputs(self, position, at_once: int = 64) -> Tensor:
        """Return (n, k) what the network says, on the CPU."""
        position = np.asarray(position)
        parts = [self.network(self.floats(part)).float().cpu() for part in _pieces(position, at_once)]
        return torch.cat(parts) if parts else torch.zeros(0, self.network.n_outputs)

    def batch(self, asked: Asked, points: np.ndarray | None = None) -> Batch:
        """Return the pictures of some questions with everything that a method may want."""
        points = self.points(asked.position) if points is None else points
        neutral = self.at_rest(asked.position) if self.has_neutral else None
        return Batch(self.floats(asked.position), asked.direction.to(self.device), neutral, self.regions(points))

    def regions(self, points: np.ndarray) -> Regions | None:
        """Return the parts of faces with landmarks (b, n_points, 2), empty for those without, None without any."""
        known = np.isfinite(points).all(axis=(1, 2))
        if self.scheme is None or not known.any():
            return None
        found, size = regions(self.scheme, points[known], self.known.size), self.known.size
        if known.all():
            return found
        masks = np.zeros((len(points), len(found.names), size, size), bool)
        skin = np.zeros((len(points), size, size), bool)
        masks[known], skin[known] = found.masks, found.skin
        return Regions(found.names, masks, skin)

    def has_landmarks(self, position) -> np.ndarray:
        """Return (n,) bool, quickly: whether the parts of a picture's face are known."""
        if self.scheme is None:
            return np.zeros(len(position), bool)
        landmarks = self.release.landmarks
        whole = np.isfinite(landmarks.points).all(axis=(1, 2))
        return np.isin(self.pictures.row[np.asarray(position)], landmarks.row[whole])

    def with_landmarks(self, asked: Asked) -> Asked:
        """Return the questions about pictures whose parts are known, whole cases only; all where none is known."""
        known = self.has_landmarks(asked.position)
        if not known.any():
            return asked
        return asked.where(np.flatnonzero(~np.isin(asked.case, np.unique(asked.case[~known]))))

    def mean_points(self, position) -> np.ndarray:
        """Return (n, n_points, 2) of those that have landmarks."""
        points = self.points(position)
        return points[np.isfinite(points).all(axis=(1, 2))]


def _pieces(position: np.ndarray, size: int) -> list[np.ndarray]:
    return [position[start : start + size] for start in range(0, len(position), size)]
