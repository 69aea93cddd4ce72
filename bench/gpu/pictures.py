"""Networks of pictures on a GPU: how fast they train, what they wait for, what explaining them costs."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import torch

from analysis.gradcam import feature_layer, gradcam
from bench.explanations import forward_and_backward, random_network
from bench.gpu.session import Session
from bench.pictures import drawn_release
from learning.descent import Descent
from learning.distribution import ALONE
from learning.images import ImageLearner
from learning.recipes import recipe

_ARCHITECTURES, _TINY = ("resnet50", "vgg16", "vit-b-16"), ("vit-b-16",)


def pictures(session: Session) -> None:
    """Print pictures a second in both precisions, and the share of a step that goes into fetching its pictures."""
    n, side, batch, n_steps = (12, 48, 4, 1) if session.is_tiny else (1024, 350, 64, 40)
    with tempfile.TemporaryDirectory() as folder, cache_in(Path(folder) / "cache"):
        release = drawn_release(Path(folder) / "release", n, side)
        for architecture in _TINY if session.is_tiny else _ARCHITECTURES[::2]:
            spent = {}
            for precision in ("float32", "bfloat16"):
                name = f"{architecture}, {precision}"
                if not session.has_time(name, 15):
                    continue
                learner = a_learner(session, release, architecture, precision, batch)
                spent[precision] = step_seconds(session, learner, n_steps)
                fetching = fetch_seconds(session, learner, n_steps)
                learner.pixels = None  # as where pictures do not fit on the device: from the cache's file, by the CPU
                from_file = fetch_seconds(session, learner, n_steps), step_seconds(session, learner, n_steps)
                session.say(
                    name,
                    f"{batch / spent[precision]:.0f} pictures a second, {fetching / spent[precision]:.1%} of the time "
                    f"for pictures on the device; from the cache's file {batch / from_file[1]:.0f} a second, "
                    f"{from_file[0] / from_file[1]:.1%}",
                    pictures_a_second=batch / spent[precision], fetching=fetching / spent[precision],
                    from_file=batch / from_file[1], fetching_from_file=from_file[0] / from_file[1],
                )  # fmt: skip
            if len(spent) == 2:
                ratio = spent["float32"] / spent["bfloat16"]
                session.say(f"{architecture}, bfloat16 against float32", f"{ratio:.2f} times as fast", ratio=ratio)


def a_learner(session: Session, release, architecture: str, precision: str, batch: int) -> ImageLearner:
    size, width = (32, 0.125) if session.is_tiny else (224, 1.0)
    changes = {"architecture": architecture, "precision": precision, "size": size, "width": width, "channels": 3,
               "batch_size": batch, "epochs": 1, "device": str(session.device)}  # fmt: skip
    config = recipe("picture-classes").config.with_changes(changes)
    torch.manual_seed(0)
    return ImageLearner(release, config, seed=0, device=session.device)


def step_seconds(session: Session, learner: ImageLearner, n_steps: int) -> float:
    """Return the seconds of a training step, without those in which libraries look for their fastest way."""
    descent = Descent(learner, learner.config, seed=0, device=session.device, share=ALONE)
    learner.network.train()

    def advance(n):
        for _ in range(n):
            descent.advance(10_000, [])

    advance(1 if session.is_tiny else 5)
    return session.seconds(lambda: advance(n_steps)) / n_steps


def fetch_seconds(session: Session, learner: ImageLearner, n_steps: int) -> float:
    """Return the seconds until the pictures of a step lie on the device, alone, as they would be waited for."""

    def fetch(n):
        for step in range(n):
            learner._floats(learner.task.positions(learner._batch(step).to(session.device)))
            session.finish()

    fetch(3)
    return session.seconds(lambda: fetch(n_steps)) / n_steps


def explanations(session: Session) -> None:
    """Print how many pictures a second are explained, beside forward and backward alone."""
    n_batches, batch, size, width = (1, 2, 32, 0.125) if session.is_tiny else (16, 64, 224, 1.0)
    for architecture in _TINY if session.is_tiny else _ARCHITECTURES:
        if not session.has_time(architecture, 12):
            continue
        network = random_network(architecture, size, width).to(session.device)
        x = torch.rand(batch, 3, size, size, device=session.device)
        direction = torch.eye(3, device=session.device)[torch.zeros(batch, dtype=torch.long, device=session.device)]
        layer = feature_layer(network)
        ways = {
            "forward and backward": lambda n=network, x=x, d=direction: forward_and_backward(n, x, d),
            "gradcam": lambda n=network, x=x, d=direction, at=layer: gradcam(n, x, d, layer=at),
        }
        lrp_way(session, architecture, network, x, direction, ways)
        spent = {}
        for way, run in ways.items():
            run()
            spent[way] = session.seconds(lambda run=run: [run() for _ in range(n_batches)])
            ratio, n = spent["forward and backward"] / spent[way], n_batches * batch
            session.say(
                f"{architecture}, {way}",
                f"{n:,} pictures in {spent[way]:.2f} s, {n / spent[way]:.0f} a second, {ratio:.2f} of the throughput "
                "of forward and backward",
                pictures_a_second=n / spent[way], ratio=ratio,
            )  # fmt: skip


def lrp_way(session: Session, architecture: str, network, x, direction, ways: dict) -> None:
    """Add LRP to what is measured, where zennit is installed."""
    try:
        from analysis.lrp import ALPHA_2_BETA_1, GAMMA, Lrp
    except ModuleNotFoundError as error:
        session.say(f"{architecture}, lrp", f"left out: {error}", left_out=True)
        return
    rule = GAMMA if architecture == "vit-b-16" else ALPHA_2_BETA_1
    explain = Lrp(network, rule)
    ways[f"lrp {rule}"] = lambda: explain(x, direction)


@contextmanager
def cache_in(folder: Path):
    """Keep decoded pictures in a folder of this measurement."""
    before = os.environ.get("PICTURE_CACHE_DIR")
    os.environ["PICTURE_CACHE_DIR"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PICTURE_CACHE_DIR"]
        else:
            os.environ["PICTURE_CACHE_DIR"] = before
