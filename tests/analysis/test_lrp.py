"""Rules of relevance against their definitions as plain loops, and conservation on whole networks."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from analysis import attention_lrp, lrp
from analysis.explained import NotExplainable, towards, towards_triplets
from learning.networks.mlp import Mlp
from learning.networks.pictures import PictureNetwork
from tests.analysis.pictures_networks import SIZE, Linear, network


@pytest.fixture(scope="module")
def pictures():
    return torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def by_loops(activation, weight, relevance, rule, bias=0.0):
    """Return relevance of what a dense layer reads; eq. (2) and (3) of Arbabzadah et al."""
    found = np.zeros(len(activation))
    for j, above in enumerate(relevance):
        z = activation * weight[j]
        if rule is None:
            found += z / (z.sum() + np.broadcast_to(bias, len(relevance))[j]) * above
            continue
        alpha, beta = rule[0], -rule[1]
        positive, negative = np.maximum(z, 0), np.minimum(z, 0)
        for part, factor in ((positive, alpha), (negative, beta)):
            if part.sum():
                found += factor * part / part.sum() * above
    return found


@pytest.mark.parametrize("rule", lrp.RULES)
def test_two_dense_layers_as_in_the_definition(rule):
    torch.manual_seed(3)
    made = PictureNetwork(Mlp(8, (5,), dropout_keep=1.0), 2, [0.0, 0.0], [1.0, 1.0]).double().eval()
    for layer in (made.body.layers[1], made.head):
        nn.init.normal_(layer.bias)
    x = torch.randn(1, 2, 2, 2, dtype=torch.float64)
    found = lrp.Lrp(made, rule, epsilon=1e-12, dtype=torch.float64)(x, towards([1], 2))

    # Biases belong to the sums of the epsilon rule, and to none of the others.
    hidden = made.features(x)[0].detach().numpy()
    outputs = made(x)[0].detach().numpy()
    start = np.array([0.0, outputs[1]])
    (upper, upper_bias), (lower, lower_bias) = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (made.head, made.body.layers[1])
    )
    middle = by_loops(hidden, upper, start, lrp.RULES[rule], upper_bias)
    pixels = by_loops(x.flatten().numpy(), lower, middle, lrp.RULES[rule], lower_bias)
    assert np.allclose(found.map[0].numpy(), pixels.reshape(2, 2, 2).sum(axis=0), rtol=1e-5)
    assert found.score.item() == pytest.approx(outputs[1])


def test_a_convolution_is_the_dense_layer_that_it_stands_for():
    """Alpha 2 beta -1 on one 2 x 2 filter over 3 x 3 pixels, unrolled by hand."""
    from analysis.lrp import composite

    torch.manual_seed(0)
    layer = nn.Conv2d(1, 1, 2).double()
    x = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
    rows = []
    for top in range(2):
        for left in range(2):
            row = np.zeros((3, 3))
            row[top : top + 2, left : left + 2] = layer.weight.detach().numpy()[0, 0]
            rows.append(row.ravel())
    above = np.array([1.0, -2.0, 0.5, 3.0])
    expected = by_loops(x.detach().numpy().ravel(), np.array(rows), above, (2.0, 1.0)).reshape(3, 3)
    with composite(lrp.ALPHA_2_BETA_1).context(nn.Sequential(layer)) as ready:
        (found,) = torch.autograd.grad(ready(x), x, torch.from_numpy(above).view(1, 1, 2, 2))
    assert np.allclose(found[0, 0].numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("rule", lrp.RULES)
@pytest.mark.parametrize(
    ("architecture", "tolerance"), [("cnn", 0.01), ("levi-hassner", 0.01), ("vgg16", 0.01), ("resnet50", 0.1)]
)
def test_relevance_is_conserved(architecture, tolerance, rule, pictures):
    # By the epsilon rule biases keep what they contribute.
    # Eight channels a layer, as width 1/8 would give, leave units that nothing speaks against, where alpha 2 doubles.
    bias, width = 0.0 if rule == lrp.EPSILON else 0.05, 0.5 if architecture == "resnet50" else 0.125
    made = network(architecture, bias=bias, width=width)
    before = copy.deepcopy(made.state_dict())
    direction = towards([0, 1, 2], 3)
    found = lrp.Lrp(made, rule)(pictures, direction)
    assert found.map.shape == (3, SIZE, SIZE)
    assert torch.allclose(lrp.conservation(found), torch.ones(3), atol=tolerance)
    # The prepared copy still says what the network says, and the network is untouched.
    assert torch.allclose(found.score, (made(pictures) * direction).sum(dim=1), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_without_its_rule_for_sums_a_residual_network_loses_conservation(pictures, monkeypatch):
    """The trap that the rule is for: a gradient through a sum hands all relevance to both sides."""
    made = network("resnet50")
    monkeypatch.setattr(lrp, "_rewritten", lambda name, module: None)
    found = lrp.Lrp(made, lrp.ALPHA_2_BETA_1)(pictures, towards([0, 1, 2], 3))
    assert (lrp.conservation(found) - 1).abs().min() > 0.5


def test_alpha_2_doubles_what_speaks_for_and_takes_off_what_speaks_against():
    made = PictureNetwork(Linear(2), 1, [0.0], [1.0]).eval()
    with torch.no_grad():
        made.head.weight.copy_(torch.tensor([[1.0, 2.0, -1.0, 0.0]]))
        made.head.bias.fill_(5.0)
    made.body = Mlp(4, (4,), dropout_keep=1.0).eval()
    with torch.no_grad():
        made.body.layers[1].weight.copy_(torch.eye(4))
        made.body.layers[1].bias.zero_()
    x = torch.tensor([[[[1.0, 1.0], [1.0, 1.0]]]])
    # z = 1, 2, -1, 0 and R = 1 + 2 - 1 + 5 = 7; below it each unit reads one pixel, which doubles once more
    # where nothing speaks against it: positive 2/3 R (1, 2), negative -(-1)/(-1) R.
    found = lrp.Lrp(made, lrp.ALPHA_1_BETA_0)(x, torch.ones(1, 1)).map.flatten()
    assert torch.allclose(found, 7 * torch.tensor([1 / 3, 2 / 3, 0.0, 0.0]), atol=1e-5)
    found = lrp.Lrp(made, lrp.ALPHA_2_BETA_1)(x, torch.ones(1, 1)).map.flatten()
    assert torch.allclose(found, 7 * torch.tensor([4 / 3, 8 / 3, -2.0, 0.0]), atol=1e-5)


def test_attention_as_in_the_definition():
    """Propositions 3.1 and 3.3 of AttnLRP as loops: softmax of one row of scores, then the mean of two values."""
    torch.manual_seed(0)
    scores = torch.randn(1, 3, dtype=torch.float64, requires_grad=True)
    value = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    attention = scores.softmax(dim=-1)
    output = attention_lrp.product(attention, value)
    above = torch.tensor([[1.5, -0.5]], dtype=torch.float64)
    (slope_s, slope_v) = torch.autograd.grad(output, (scores, value), above / output.detach())
    a, v, o, s = (part.detach().numpy() for part in (attention, value, output, scores))
    of_attention, of_value = np.zeros(3), np.zeros((3, 2))
    for j in range(3):
        for p in range(2):
            half = a[0, j] * v[j, p] / (2 * o[0, p]) * above[0, p].item()
            of_attention[j] += half
            of_value[j, p] += half
    of_scores = [s[0, i] * (of_attention[i] - a[0, i] * of_attention.sum()) for i in range(3)]
    assert np.allclose((slope_v * value).detach().numpy(), of_value)
    assert np.allclose((slope_s * scores).detach().numpy()[0], of_scores)
    assert of_attention.sum() + of_value.sum() == pytest.approx(above.sum().item())


def test_a_prepared_vit_says_the_same_and_passes_activations_by_their_ratio(pictures):
    made = network("vit-b-16")
    found = lrp.Lrp(made, lrp.EPSILON)(pictures, towards([0, 1, 2], 3))
    assert torch.allclose(found.score, made(pictures)[[0, 1, 2], [0, 1, 2]], atol=1e-5)
    assert found.map.abs().sum() > 0
    with pytest.raises(NotExplainable, match="alpha-2-beta-1"):
        lrp.Lrp(made, lrp.ALPHA_2_BETA_1)
    prepared = nn.Sequential(nn.LayerNorm(4), nn.GELU())
    x = torch.randn(2, 4, requires_grad=True)
    plain = copy.deepcopy(prepared)
    attention_lrp.prepare(prepared)
    assert torch.allclose(prepared(x), plain(x), atol=1e-6)
    gelu = nn.Sequential(nn.GELU())
    attention_lrp.prepare(gelu)
    (slope,) = torch.autograd.grad(gelu(x).sum(), x)
    assert torch.allclose(slope * x, nn.functional.gelu(x), atol=1e-6)


def test_what_agrees_with_a_unit_counts_more():
    """The gamma rule as loops: contributions with the sign of the output weigh 1 + gamma times, biases among them."""
    torch.manual_seed(1)
    layer, gamma = nn.Linear(5, 4).double(), 0.7
    x = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    above = torch.randn(3, 4, dtype=torch.float64)
    out = attention_lrp._Gamma.apply(x, layer.weight, layer.bias, gamma)
    assert torch.allclose(out, layer(x))
    (slope,) = torch.autograd.grad(out, x, above / out.detach())
    expected = torch.zeros_like(x)
    for b in range(3):
        for j in range(4):
            of = [x[b, i].item() * layer.weight[j, i].item() for i in range(5)] + [layer.bias[j].item()]
            sign = np.sign(sum(of))
            of = [c * (1 + gamma) if np.sign(c) == sign else c for c in of]
            for i in range(5):
                expected[b, i] += above[b, j].item() * of[i] / sum(of)
    assert torch.allclose(slope * x, expected)


def test_a_vit_with_the_gamma_rule_says_the_same_and_patches_are_linear(pictures):
    made = network("vit-b-16")
    found = lrp.Lrp(made, lrp.GAMMA)(pictures, towards([0, 1, 2], 3))
    assert torch.allclose(found.score, made(pictures)[[0, 1, 2], [0, 1, 2]], atol=1e-5)
    plain = lrp.Lrp(made, lrp.EPSILON)(pictures, towards([0, 1, 2], 3))
    assert torch.isfinite(found.map).all() and not torch.allclose(found.map, plain.map)
    patches = nn.Sequential(nn.Conv2d(2, 3, 4, stride=4)).double()
    x, convolved = torch.randn(2, 2, 8, 8, dtype=torch.float64), copy.deepcopy(patches)
    attention_lrp.prepare(patches, has_gamma=True)
    assert torch.allclose(patches(x), convolved(x))
    with pytest.raises(NotExplainable, match="written for attention"):
        lrp.Lrp(network("cnn"), lrp.GAMMA)
    overlapping = nn.Sequential(nn.Conv2d(2, 3, 3))
    attention_lrp.prepare(overlapping, has_gamma=True)
    with pytest.raises(NotExplainable, match="overlap"):
        overlapping(x.float())


def test_a_triplet_is_linear_in_its_anchor(pictures):
    made = network("cnn")
    a, p, n = made(pictures).detach()[:, None]
    score = (a - n).square().sum() - (a - p).square().sum()
    direction = towards_triplets(a, p, n)
    assert torch.allclose((direction * a).sum() + n.square().sum() - p.square().sum(), score, rtol=1e-4)
    found = lrp.Lrp(made)(pictures[:1], direction)
    assert torch.allclose(found.score, (direction * a).sum(dim=1), rtol=1e-4)
    point = p.clone().requires_grad_()
    (a - n).square().sum().sub((a - point).square().sum()).backward()
    assert torch.allclose(point.grad, towards_triplets(a, p, n, of="positive"))


def test_unknown_networks_and_rules_are_refused():
    made = PictureNetwork(Linear(2), 1, [0.0], [1.0])
    with pytest.raises(NotExplainable, match="LRP has no rules for Linear"):
        lrp.Lrp(made)
    with pytest.raises(ValueError, match="'beta'"):
        lrp.Lrp(made, "beta")
