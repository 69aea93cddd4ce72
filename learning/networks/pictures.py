"""A network of pictures: a body that turns pixels into features, and one linear layer that answers."""

import numpy as np
import torch
from torch import Tensor, nn

from learning.config import ConfigInvalid
from learning.image_config import ImageNetwork
from learning.networks.cnn import LEVI_HASSNER_SMALLEST, FiveConvolutions, LeviHassner
from learning.networks.gradients import Compared, OrientedGradients
from learning.networks.mlp import Mlp, glorot
from learning.networks.pretrained import PretrainedUnusable, Weights
from learning.pictures import PicturePreprocessing, Pictures

OWN = ("mlp", "cnn", "levi-hassner", "gradients")


class PictureNetwork(nn.Module):
    """body : pictures to features (b, n_features); head : features to outputs.

    Pictures are float (b, c, h, w) in 0 to 1 (`as_floats`); the network itself subtracts the mean and divides by
    the standard deviation, those given or (per_picture) each picture's own. Outputs are logits of classes,
    standardised attributes, or a point of the metric space.
    dense_only : the convolutions keep their weights, their statistics included.
    """

    def __init__(self, body: nn.Module, n_outputs: int, mean, std, *, dense_only=False, per_picture=False):
        super().__init__()
        self.body = body
        self.n_features, self.n_outputs = body.n_features, n_outputs
        self.head = nn.Linear(body.n_features, n_outputs)
        glorot(self.head)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.as_tensor(std, dtype=torch.float32).view(1, -1, 1, 1))
        self.dense_only, self.per_picture = dense_only, per_picture
        if dense_only:
            body.requires_grad_(False)
            for part in body.dense_layers():
                part.requires_grad_(True)
        self.train()

    def normalise(self, x: Tensor) -> Tensor:
        """Return what the body reads. x : (b, c, h, w), or (b, 2c, h, w) with another picture's channels behind."""
        n_channels = self.mean.shape[1]
        if x.shape[1] != n_channels:
            return self.normalise(x.unflatten(1, (-1, n_channels)).flatten(0, 1)).reshape(x.shape)
        if self.per_picture:
            mean = x.mean(dim=(1, 2, 3), keepdim=True)
            return (x - mean) / (x - mean).square().mean(dim=(1, 2, 3), keepdim=True).add(1e-5).sqrt()
        return (x - self.mean) / self.std

    def features(self, x: Tensor) -> Tensor:
        """Return (b, n_features), what the last layer reads, from pictures in 0 to 1."""
        return self.body(self.normalise(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, n_outputs) from pictures in 0 to 1."""
        return self.head(self.features(x))

    def train(self, mode: bool = True):
        """Put the network into training mode, but not what is frozen: running statistics are weights too."""
        super().train(mode)
        if self.dense_only:
            self.body.eval()
            for part in self.body.dense_layers():
                part.train(mode)
        return self


def as_floats(pixels: Tensor) -> Tensor:
    """Return (b, c, h, w) float in 0 to 1 from (b, h, w, c) uint8."""
    return pixels.permute(0, 3, 1, 2).contiguous().float().div_(255)


def shown(pictures: Pictures, positions) -> Tensor:
    """Return what a network is shown of some pictures, (b, c, h, w) in 0 to 1.

    (b, 2c, h, w) where each one's neutral picture goes with it. positions : int, or a slice, of `pictures`.
    """
    found = as_floats(torch.from_numpy(np.array(pictures.pixels[positions])))
    if pictures.neutral is None:
        return found
    beside = as_floats(torch.from_numpy(np.array(pictures.pixels[pictures.neutral[positions]])))
    return torch.cat([found, beside], dim=1)


def build_picture_network(
    network: ImageNetwork, preprocessing: PicturePreprocessing, weights: Weights | None = None
) -> PictureNetwork:
    """Return a fresh network, its body filled with the weights where they are given."""
    n_outputs = network.n_embedding if preprocessing.target == "triplets" else len(preprocessing.outputs)
    body = _body(network, weights)
    if network.neutral == "difference":
        body = Compared(body)
    dense_only = network.trained != "full"
    return PictureNetwork(
        body,
        n_outputs,
        preprocessing.mean,
        preprocessing.std,
        dense_only=dense_only,
        per_picture=network.standardise == "picture",
    )


def expected_statistics(network: ImageNetwork) -> tuple | None:
    """Return the pixel mean and standard deviation that published weights of a backbone expect, None: measure them."""
    if network.architecture in OWN or not network.pretrained:
        return None
    from learning.networks.backbones import NAMES
    from learning.torchvision_ops import timm

    published = timm().get_pretrained_cfg(NAMES.get(network.architecture, network.architecture))
    if published is None or network.channels != 3:
        return None
    return published.mean, published.std


def _body(network: ImageNetwork, weights: Weights | None) -> nn.Module:
    if weights is not None and weights.architecture not in (None, network.architecture):
        raise PretrainedUnusable(
            f"{weights.path} holds a network {weights.architecture!r}: expected {network.architecture!r}"
        )
    if network.architecture not in OWN:
        # Imported here: timm takes seconds to load, and the small networks do without it.
        from learning.networks.backbones import Backbone

        body = Backbone(
            network.architecture,
            size=network.size,
            channels=network.channels,
            dropout_keep=network.dropout_keep,
            width=network.width,
            weights=None if weights is None or weights.architecture else weights.tensors,
        )
        return body if weights is None or weights.architecture is None else _filled(body, weights)
    body = _own(network)
    return body if weights is None else _filled(body, weights)


def _own(network: ImageNetwork) -> nn.Module:
    size, channels, keep = network.size, network.channels, network.dropout_keep
    is_normed = network.batch_norm == "yes"
    if network.architecture == "mlp":
        return Mlp(channels * size * size, network.hidden, dropout_keep=keep, batch_norm=is_normed)
    if network.architecture == "cnn":
        return FiveConvolutions(size, channels, network.hidden, dropout_keep=keep, batch_norm=is_normed)
    if network.architecture == "gradients":
        return OrientedGradients(channels, network.hidden, dropout_keep=keep, concludes=network.trained != "ridge")
    if size < LEVI_HASSNER_SMALLEST:
        raise ConfigInvalid(f"network.size is {size} for levi-hassner: expected at least {LEVI_HASSNER_SMALLEST}")
    return LeviHassner(channels, dropout_keep=keep, width=network.width)


def _filled(body: nn.Module, weights: Weights) -> nn.Module:
    try:
        body.load_state_dict(weights.tensors)
    except RuntimeError as error:
        raise PretrainedUnusable(f"{weights.path} holds weights of another network: {error}") from error
    return body
