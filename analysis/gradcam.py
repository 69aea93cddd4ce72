"""Grad-CAM (Selvaraju et al. 2017): where in the picture the last convolutions see what speaks for a score."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from analysis.explained import Explanation, NotExplainable
from learning.networks.cnn import FiveConvolutions, LeviHassner
from learning.networks.gradients import Compared, OrientedGradients
from learning.networks.pictures import PictureNetwork


def feature_layer(network: PictureNetwork) -> nn.Module:
    """Return the module whose output Grad-CAM weighs: the last convolution with its activation, before pooling.

    For a ViT the normalisation in front of the last attention: the tokens behind it no longer reach the answer
    except through the class token. NotExplainable for a network that keeps no map.
    """
    body = network.body
    if isinstance(body, FiveConvolutions | LeviHassner):
        return [layer for layer in body.convolved if isinstance(layer, nn.ReLU)][-1]
    net = getattr(body, "net", None)
    if hasattr(net, "blocks") and hasattr(net, "patch_embed"):
        return net.blocks[-1].norm1
    if type(net).__name__ == "VGG":
        return [layer for layer in net.features if isinstance(layer, nn.ReLU)][-1]
    if getattr(net, "feature_info", None):
        return net.get_submodule(net.feature_info[-1]["module"])
    if isinstance(body, Compared):
        raise NotExplainable(
            "the network compares two pictures, and Grad-CAM is written for one: use integrated gradients or occlusion"
        )
    if isinstance(body, OrientedGradients):
        raise NotExplainable(
            "Grad-CAM needs convolutions or patches, a fixed stem of gradients has none: use integrated gradients or "
            "occlusion"
        )
    raise NotExplainable("Grad-CAM needs convolutions or patches, an mlp has none: use lrp or integrated gradients")


def gradcam(network: PictureNetwork, x: Tensor, direction: Tensor, *, layer: nn.Module | None = None) -> Explanation:
    """Return max(0, sum_k w_k A_k), w_k the mean gradient of the score over channel k, scaled to the picture's size.

    x : (b, c, h, w) in 0 to 1; direction : (b, k). The map is not negative and its size has no unit.
    Only what stands behind the layer is differentiated, so that the backward pass costs next to nothing.
    """
    layer = feature_layer(network) if layer is None else layer
    kept = []

    def cut(_module, _inputs, output):
        kept.append(output.detach().requires_grad_())
        return kept[0].clone()  # an activation in place behind the layer must not change what was kept

    handle = layer.register_forward_hook(cut)
    try:
        with _frozen(network), torch.enable_grad():
            score = (network(x) * direction.to(x)).sum(dim=1)
            (gradient,) = torch.autograd.grad(score.sum(), kept[0])
    finally:
        handle.remove()
    features, gradient = _as_maps(network, kept[0].detach()), _as_maps(network, gradient)
    cam = (gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True).clamp_min(0)
    cam = interpolate(cam, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return Explanation(cam[:, 0], score.detach())


def gradcam_batches(network: PictureNetwork, pairs: Iterable[tuple[Tensor, Tensor]]) -> Iterator[Explanation]:
    """Yield one explanation for each (pictures, directions); memory is that of one batch."""
    layer = feature_layer(network)
    for x, direction in pairs:
        yield gradcam(network, x, direction, layer=layer)


def _as_maps(network: PictureNetwork, tokens: Tensor) -> Tensor:
    """Return (b, channels, rows, columns); tokens of a ViT leave out those that belong to no patch."""
    if tokens.ndim == 4:
        return tokens
    net = network.body.net
    rows, columns = net.patch_embed.grid_size
    patches = tokens[:, net.num_prefix_tokens :]
    return patches.transpose(1, 2).reshape(len(tokens), -1, rows, columns)


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and weights that ask for no gradient, for as long as an explanation is made."""
    was_training = network.training
    asked = [weight for weight in network.parameters() if weight.requires_grad]
    try:
        network.eval()
        for weight in asked:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in asked:
            weight.requires_grad_(True)
        network.train(was_training)
