"""Layer-wise relevance propagation (Bach et al. 2015): the score of a picture, handed back layer by layer to pixels.

Rules of networks with convolutions or dense layers are zennit's; `ALPHA_2_BETA_1` is equation (3) of Arbabzadah
et al. (2016) with alpha 2 and beta -1. For a ViT the rules of attention are in `analysis.attention_lrp`.
With alpha and beta, relevance is shared among what a unit reads and nothing is kept by its bias, so that the sum
over the pixels is the score, as far as every unit has contributions of both signs. The epsilon rule lets biases
keep their share: without them its denominators come near zero and relevance explodes (a trial gave 400 times the
score), so that its sum is the score of networks without biases only.
"""

import copy
from types import MethodType

import torch
from torch import Tensor, nn

from analysis import attention_lrp
from analysis.explained import Explanation, NotExplainable
from learning.networks.cnn import FiveConvolutions, LeviHassner
from learning.networks.gradients import Compared, OrientedGradients
from learning.networks.mlp import Mlp
from learning.networks.pictures import PictureNetwork
from learning.torchvision_ops import declare_operators

declare_operators()  # zennit imports torchvision, see there

from zennit.canonizers import AttributeCanonizer, SequentialMergeBatchNorm  # noqa: E402
from zennit.composites import LayerMapComposite, layer_map_base  # noqa: E402
from zennit.layer import Sum  # noqa: E402
from zennit.rules import AlphaBeta, Epsilon, Pass  # noqa: E402
from zennit.types import Linear  # noqa: E402

EPSILON = "epsilon"
ALPHA_1_BETA_0 = "alpha-1-beta-0"
ALPHA_2_BETA_1 = "alpha-2-beta-1"
GAMMA = "gamma"
#: Name -> (alpha, -beta), zennit's sign; None for the epsilon rule. The gamma rule is a ViT's own.
RULES = {EPSILON: None, ALPHA_1_BETA_0: (1.0, 0.0), ALPHA_2_BETA_1: (2.0, 1.0)}
_STABILISER = 1e-9


class Lrp:
    """Relevance of pixels in a network of pictures, by one rule for all layers that have weights.

    rule : of `RULES`; a ViT knows "epsilon" and "gamma" only, and "gamma" belongs to it alone.
    epsilon : of that rule, in units of a layer's outputs.
    dtype : float64 where conservation matters more than time: alpha 2 beta -1 triples absolute relevance at
    worst in every layer, of which only the difference remains.

    Works on a copy, so the network itself stays as it is. NotExplainable for networks without a rule.
    """

    def __init__(self, network: PictureNetwork, rule: str = ALPHA_2_BETA_1, *, epsilon=1e-6, dtype=torch.float32):
        if rule not in (*RULES, GAMMA):
            raise ValueError(f"rule is {rule!r}: expected one of {', '.join((*RULES, GAMMA))}")
        self.rule, self.dtype = rule, dtype
        self.network = copy.deepcopy(network).to(dtype).eval().requires_grad_(False)
        for layer in self.network.modules():
            if getattr(layer, "inplace", False):
                layer.inplace = False
        self.is_vit = kind_of(network) == "vit"
        if self.is_vit:
            if rule not in (EPSILON, GAMMA):
                raise NotExplainable(f"attention has rules of its own, {rule} is none of them: use epsilon or gamma")
            # The output layer is linear in what is asked and has nothing to smooth.
            attention_lrp.prepare(self.network.body, has_gamma=rule == GAMMA)
            return
        if rule == GAMMA:
            raise NotExplainable("the gamma rule is written for attention: use alpha 2 beta -1")
        composite(rule, epsilon).register(self.network)
        for layer in self.network.modules():
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and bool((layer.running_var == 1).all()):
                layer.eps = 0.0  # folded into the layer before; over 50 layers its 1e-5 would add up

    def __call__(self, x: Tensor, direction: Tensor) -> Explanation:
        """Return the relevance of x (b, c, h, w) in 0 to 1 for direction (b, k), channels added up.

        Relevance starts as direction * output at the outputs; it is laid on the normalised picture.
        """
        network = self.network
        inputs = network.normalise(x.to(self.dtype)).detach().requires_grad_()
        with torch.enable_grad():
            outputs = network.head(network.body(inputs))
            start = direction.to(outputs) * outputs.detach()
            if self.is_vit:
                (slope,) = torch.autograd.grad(outputs, inputs, direction.to(outputs))
                relevance = inputs.detach() * slope
            else:
                (relevance,) = torch.autograd.grad(outputs, inputs, start)
        return Explanation(relevance.sum(dim=1), start.sum(dim=1))


def composite(rule: str, epsilon: float = 1e-6) -> LayerMapComposite:
    """Return the rules of one network as zennit takes them, from its base for sums, averages and activations.

    Local response normalisation passes relevance on; batch normalisation is folded into the convolution before it.
    """
    alpha_beta = RULES[rule]
    if alpha_beta is None:
        weighted = Epsilon(epsilon=epsilon)
    else:
        weighted = AlphaBeta(*alpha_beta, stabilizer=_STABILISER, zero_params=["bias"])
    layers = [(Linear, weighted), ((nn.LocalResponseNorm,), Pass()), *layer_map_base(_STABILISER)]
    return LayerMapComposite(layers, canonizers=[SequentialMergeBatchNorm(), AttributeCanonizer(_rewritten)])


def is_vit(network: PictureNetwork) -> bool:
    """Return whether the network attends to patches, for which there are rules of its own."""
    # By name: importing timm takes seconds, and who has such a network has imported it.
    return type(getattr(network.body, "net", None)).__name__ == "VisionTransformer"


def kind_of(network: PictureNetwork) -> str:
    """Return "plain", "resnet" or "vit". NotExplainable for everything else, whose sums have no rule here."""
    body = network.body
    if isinstance(body, Mlp | FiveConvolutions | LeviHassner):
        return "plain"
    if is_vit(network):
        return "vit"
    found = {"VGG": "plain", "ResNet": "resnet"}.get(type(getattr(body, "net", None)).__name__)
    if isinstance(body, Compared):
        raise NotExplainable(
            "the network compares two pictures, and LRP has no rule for a difference: use occlusion or integrated "
            "gradients"
        )
    if isinstance(body, OrientedGradients):
        raise NotExplainable(
            "LRP has no rules for histograms of oriented gradients: use occlusion or integrated gradients"
        )
    if found is None:
        name = getattr(body, "name", type(body).__name__)
        raise NotExplainable(f"LRP has no rules for {name}: use gradcam, occlusion or integrated gradients")
    return found


def conservation(found: Explanation) -> Tensor:
    """Return (b,) the sum of relevance over the score: 1 where nothing is lost."""
    return found.map.flatten(1).sum(dim=1) / found.score


def _rewritten(_name: str, module: nn.Module) -> dict | None:
    """Return what makes sums and averages modules, so that a rule can be tied to them."""
    kind = type(module).__name__
    if kind in ("Bottleneck", "BasicBlock"):
        return {"forward": MethodType(_residual, module), "added": Sum()}
    if kind == "ConvMlp":
        side = module.input_kernel_size
        return {"forward": MethodType(_conv_mlp, module), "widened": nn.AdaptiveAvgPool2d(side)}
    return None


def _residual(block: nn.Module, x: Tensor) -> Tensor:
    """A residual block of timm whose sum is a module; in such a block the children stand in the order of use."""
    last = "act3" if hasattr(block, "act3") else "act2"
    branch = x
    for name, layer in block.named_children():
        if name not in (last, "downsample", "added"):
            branch = layer(branch)
    shortcut = x if block.downsample is None else block.downsample(x)
    return getattr(block, last)(block.added(torch.stack([shortcut, branch], dim=-1)))


def _conv_mlp(head: nn.Module, x: Tensor) -> Tensor:
    """The dense layers of a VGG, whose widening of small maps is a module."""
    if min(x.shape[-2:]) < head.input_kernel_size:
        x = head.widened(x)
    return head.act2(head.fc2(head.drop(head.act1(head.fc1(x)))))
