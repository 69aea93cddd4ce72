"""What explanations cost and whether they add up: python -m bench.explanations [--pictures 1000] [--full] [--skip ...]

conservation  sums of LRP's relevance over the score (alpha 2 beta -1, targets 1 % on VGG16 and 10 % on ResNet-50)
throughput    Grad-CAM beside forward and backward alone, batch by batch in turn (target .8); CPU time on a CPU
tangent       alignment of constructed explanations (1, 0, sqrt(k/D)), and of a trained VAE's probe beside its control

Networks of pictures have random weights, biases and running statistics; --full takes published widths, 224 pixels.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from analysis import lrp, tangent
from analysis.explained import NotExplainable, towards
from analysis.gradcam import feature_layer, gradcam
from learning.image_config import ImageNetwork
from learning.networks.pictures import build_picture_network
from learning.pictures import PicturePreprocessing

BATCH = 16
ARCHITECTURES = ("vgg16", "resnet50", "vit-b-16")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES)
    parser.add_argument("--skip", nargs="*", default=(), choices=("conservation", "throughput", "tangent"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments if arguments is not None else [])
    size, width = (224, 1.0) if options.full else (64, 0.5)
    print(
        f"pictures of {size} pixels, width {width:g}, {options.device}, {torch.get_num_threads()} threads", flush=True
    )
    for architecture in options.architectures:
        network = random_network(architecture, size, width).to(options.device)
        x = torch.rand(BATCH, 3, size, size, generator=torch.Generator().manual_seed(1)).to(options.device)
        direction = towards([0] * BATCH, 3).to(options.device)
        if "conservation" not in options.skip:
            conservation(architecture, network, x[:4], direction[:4])
            without = random_network(architecture, size, width, bias=0.0).to(options.device)
            conservation(f"{architecture} without biases", without, x[:4], direction[:4], rules=(lrp.EPSILON,))
        if "throughput" not in options.skip:
            throughput(architecture, network, x, direction, options)
    if "tangent" not in options.skip:
        constructed()
        trained()


def conservation(name, network, x, direction, rules=tuple(lrp.RULES)):
    for rule in rules:
        try:
            explain = lrp.Lrp(network, rule)
        except NotExplainable:
            continue
        sums = lrp.conservation(explain(x, direction)).tolist()
        print(f"{name}, {rule}: relevance over score {min(sums):.4f} to {max(sums):.4f}", flush=True)


def throughput(name, network, x, direction, options):
    """Print the median of the ratios of neighbouring batches: what else the machine does hits both alike."""
    layer = feature_layer(network)
    forward_and_backward(network, x, direction), gradcam(network, x, direction, layer=layer)
    alone, cam = [], []
    for _ in range(max(1, round(options.pictures / BATCH))):
        alone.append(seconds(lambda: forward_and_backward(network, x, direction), options))
        cam.append(seconds(lambda: gradcam(network, x, direction, layer=layer), options))
    ratio = np.divide(alone, cam)
    n, total = BATCH * len(cam), float(np.sum(cam))
    print(f"{name}: Grad-CAM of {n} pictures {n / total:.1f}/s, {np.median(ratio):.2f} of the throughput of forward "
          f"and backward alone ({ratio.min():.2f} to {ratio.max():.2f})", flush=True)  # fmt: skip


def forward_and_backward(network, x, direction):
    """Backward as far as the pixels: what a plain gradient of the score costs."""
    x = x.detach().requires_grad_()
    torch.autograd.grad((network(x) * direction).sum(), x)


def seconds(run, options) -> float:
    """Return the time of one run: of the processor on a CPU, which others do not share, of the clock on a GPU."""
    clock = time.perf_counter if options.device.startswith("cuda") else time.process_time
    finish(options)
    started = clock()
    run()
    finish(options)
    return clock() - started


def finish(options):
    if options.device.startswith("cuda"):
        torch.cuda.synchronize()


def constructed(n=2000, n_dims=249, k=9):
    """Print the alignment of explanations whose place is known, on random tangent spaces."""
    rng = torch.Generator().manual_seed(0)
    jacobian = torch.randn(n, n_dims, k, generator=rng)
    basis, rank = tangent.tangent_basis(jacobian)
    anything = torch.randn(n, n_dims, generator=rng)
    along = torch.einsum("npk,nk->np", jacobian, torch.randn(n, k, generator=rng))
    off = anything - torch.einsum("npk,nqk,nq->np", basis, basis, anything)
    values = [tangent.alignment(basis, rank, e).value for e in (along, off, anything)]
    root = float(np.sqrt((values[2] ** 2).mean()))
    print(f"tangent, k {k} of D {n_dims}: along {values[0].mean():.4f}, off {values[1].mean():.4f}, anything "
          f"{root:.4f} (root mean square; sqrt(k/D) {np.sqrt(k / n_dims):.4f})", flush=True)  # fmt: skip


def trained(n_subjects=40):
    """Print the alignment of the probe of a trained VAE on unseen people, beside chance and shuffled labels."""
    from analysis.landmark_probe import METHODS, tangent_report
    from bench.vae import posed
    from learning.checkpoints import load_checkpoint
    from learning.datasets import landmark_dataset
    from learning.recipes import DEFAULT, recipe
    from learning.training import train_release

    release = posed(n_subjects)
    with tempfile.TemporaryDirectory() as folder:
        config = recipe(DEFAULT).config.with_changes({"n_steps": 600, "device": "cpu"})
        checkpoint = load_checkpoint(train_release(release, config, seed=0, out=Path(folder)).checkpoint)
    dataset = landmark_dataset(release, checkpoint.preprocessing)
    neutral = None if dataset.neutral is None else torch.from_numpy(dataset.neutral)
    labels = np.asarray(release.stimuli.class_label)[dataset.row]
    is_training = np.asarray(release.stimuli.split)[dataset.row] == "train"
    found = tangent_report(checkpoint.network, torch.from_numpy(dataset.x), neutral, labels, is_training=is_training)
    for method in METHODS:
        at = found[method]
        print(f"tangent, trained VAE, {method}: {at['value']:.3f}, shuffled labels {at['control']:.3f}, chance "
              f"{at['chance']:.3f}, {at['n']} faces", flush=True)  # fmt: skip


def random_network(architecture: str, size: int, width: float, bias: float = 0.05) -> nn.Module:
    torch.manual_seed(0)
    half, ones = torch.full((3,), 0.5).numpy(), torch.ones(3).numpy()
    known = PicturePreprocessing(size, 3, "whole", "class", ("a", "b", "c"), half, half / 2, 0 * ones, ones)
    network = build_picture_network(ImageNetwork(architecture=architecture, size=size, width=width), known)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.normal_(layer.running_mean, std=bias)
        if getattr(layer, "bias", None) is not None:
            nn.init.normal_(layer.bias, std=bias)
    return network.eval().requires_grad_(False)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
