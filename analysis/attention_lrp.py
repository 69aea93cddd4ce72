"""AttnLRP (Achtibat et al. 2024): rules of relevance for attention, normalisation and activations of a ViT.

Written as gradients: with the rules below, input times gradient at any layer is that layer's relevance.

linear layers, sums     epsilon rule with epsilon 0: the gradient as it is; or the gamma rule (Montavon et al. 2019), by
                        which what agrees in sign with a unit's output counts 1 + gamma times: plain slopes of a ViT
                        scatter over single pixels of its patches
attention times values  half of the relevance to each factor (their proposition 3.3): both gradients halved;
                        the same for queries times keys
softmax                 its first-order term x_i (R_i - s_i sum_j R_j) (proposition 3.1): the gradient as it is
LayerNorm               the standard deviation is a constant (proposition 3.4)
GELU                    relevance passes unchanged: the slope is f(x) / x (proposition 3.2)

Biases, class token and positions keep what is theirs, so the sum over pixels is not the score.
"""

from types import MethodType

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, unfold

from analysis.explained import NotExplainable

#: What Achtibat et al. use for a ViT: of the patches, of all other linear layers.
PATCH_GAMMA, LINEAR_GAMMA = 0.25, 0.05
_TINY = 1e-9


class _Halved(torch.autograd.Function):
    """The same values; half of the gradient."""

    @staticmethod
    def forward(_context, x):
        return x.view_as(x)

    @staticmethod
    def backward(_context, slope):
        return slope / 2


class _Gamma(torch.autograd.Function):
    """A linear layer, whose slope times input is relevance by the gamma rule for inputs of any sign."""

    @staticmethod
    def forward(context, x, weight, bias, gamma):
        out = linear(x, weight, bias)
        context.save_for_backward(x, weight, bias, out)
        context.gamma = gamma
        return out

    @staticmethod
    def backward(context, slope):
        x, weight, bias, out = context.saved_tensors
        gamma, is_for = context.gamma, out > 0
        more, less = weight.clamp(min=0), weight.clamp(max=0)
        rises, falls = (None, None) if bias is None else (bias.clamp(min=0), bias.clamp(max=0))
        up, down = x.clamp(min=0), x.clamp(max=0)
        agreeing = torch.where(
            is_for, linear(up, more, rises) + linear(down, less), linear(up, less, falls) + linear(down, more)
        )
        # Never smaller than the output itself, since what agrees has its sign.
        share = slope * out / torch.where(out == 0, 1, out + gamma * agreeing)
        of_for, of_against = share * is_for, share * ~is_for
        agrees = torch.where(x > 0, of_for @ more + of_against @ less, of_for @ less + of_against @ more)
        return share @ weight + gamma * agrees, None, None, None


def prepare(network: nn.Module, *, has_gamma: bool = False) -> None:
    """Give the layers of a ViT these rules, for good. NotExplainable where its attention has further parts.

    has_gamma : the gamma rule for its linear layers and patches, else the plain gradient.
    """
    for layer in network.modules():
        if has_gamma and isinstance(layer, nn.Linear):
            layer.forward = MethodType(_linear, layer)
        elif has_gamma and isinstance(layer, nn.Conv2d):
            layer.forward = MethodType(_patches, layer)
    for layer in network.modules():
        if type(layer).__name__ == "Attention":
            plain = all(isinstance(getattr(layer, name, None), nn.Identity) for name in ("q_norm", "k_norm", "norm"))
            if not plain or layer.gate is not None:
                raise NotExplainable("this attention normalises or gates: AttnLRP is written for the plain one")
            layer.forward = MethodType(_attention, layer)
        elif isinstance(layer, nn.LayerNorm):
            layer.forward = MethodType(_layer_norm, layer)
        elif isinstance(layer, nn.GELU):
            layer.forward = MethodType(_activation, layer)


def product(first: Tensor, second: Tensor) -> Tensor:
    """Return first @ second, each to receive half of the relevance."""
    return _Halved.apply(first) @ _Halved.apply(second)


def _attention(layer, x: Tensor, attn_mask=None, is_causal=False) -> Tensor:
    if attn_mask is not None or is_causal:
        raise NotExplainable("a ViT of pictures masks nothing: AttnLRP is written without masks")
    n, n_tokens, _ = x.shape
    parts = layer.qkv(x).reshape(n, n_tokens, 3, layer.num_heads, layer.head_dim).permute(2, 0, 3, 1, 4)
    query, key, value = parts.unbind(0)
    attention = product(query * layer.scale, key.transpose(-2, -1)).softmax(dim=-1)
    mixed = product(attention, value).transpose(1, 2).reshape(n, n_tokens, -1)
    return layer.proj(mixed)


def _linear(layer, x: Tensor) -> Tensor:
    return _Gamma.apply(x, layer.weight, layer.bias, LINEAR_GAMMA)


def _patches(layer, x: Tensor) -> Tensor:
    """A convolution whose windows do not overlap, as the linear layer that it is."""
    if layer.stride != layer.kernel_size or layer.padding != (0, 0):
        raise NotExplainable("a ViT whose patches overlap: the gamma rule is written for patches side by side")
    rows, columns = (side // step for side, step in zip(x.shape[-2:], layer.stride, strict=True))
    windows = unfold(x, layer.kernel_size, stride=layer.stride).transpose(1, 2)
    found = _Gamma.apply(windows, layer.weight.flatten(1), layer.bias, PATCH_GAMMA)
    return found.transpose(1, 2).reshape(len(x), -1, rows, columns)


def _layer_norm(layer, x: Tensor) -> Tensor:
    centred = x - x.mean(dim=-1, keepdim=True)
    spread = (centred.square().mean(dim=-1, keepdim=True) + layer.eps).sqrt().detach()
    normed = centred / spread
    return normed if layer.weight is None else normed * layer.weight + (0 if layer.bias is None else layer.bias)


def _activation(layer, x: Tensor) -> Tensor:
    ratio = torch.where(x.abs() > _TINY, nn.functional.gelu(x, approximate=layer.approximate) / x, 0.5)
    return x * ratio.detach()
