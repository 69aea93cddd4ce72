"""A trained network in one safetensors file: weights, preprocessing, and everything that produced them.

The metadata of the file is text: `semblance`, a JSON object with config, recipe, seed, checksum of the
release, code version, step, metrics, curve and the description of the preprocessing. Nothing in the file
is executable and nothing depends on when or where it was written.
"""

import functools
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import nn

from learning.config import Config, TopologicalVaeNetwork
from learning.datasets import Preprocessing
from learning.judgements import KnownStimuli
from learning.networks.ordinal import AnnotatorEmbedding, OrdinalEmbedding, alternating, graded, markov_steps
from learning.networks.topological_vae import TopologicalVae
from learning.ordinal_config import OrdinalNetwork
from learning.pictures import PicturePreprocessing

FORMAT = "semblance-checkpoint/1"
_PREFIX = "preprocessing."


class CheckpointDamaged(ValueError):
    """The file is not a checkpoint that this version reads; the message says why."""


@dataclass(frozen=True)
class Checkpoint:
    """A network in evaluation mode on the CPU, and where it comes from."""

    network: nn.Module
    config: Config
    recipe: str
    seed: int
    release_sha256: str
    code_version: str
    step: int
    metrics: dict
    curve: list
    preprocessing: Any


def build_network(config: Config, preprocessing) -> nn.Module:
    """Return a freshly initialised network of the configured kind for such inputs."""
    return KINDS[config.network.kind].build(config, preprocessing)


def _topological_vae(config: Config, preprocessing: Preprocessing) -> nn.Module:
    network, objective = config.network, config.objective
    return TopologicalVae(
        preprocessing.n_points * preprocessing.n_dims,
        has_neutral=preprocessing.uses_neutral,
        is_residual=network.form == "residual",
        encoder=network.encoder,
        decoder=network.decoder,
        n_latent=network.n_latent,
        dropout_keep=network.dropout_keep,
        learned_variance=objective.reconstruction_variance if objective.variance == "learned" else None,
    )


def _picture_network(config: Config, preprocessing: PicturePreprocessing) -> nn.Module:
    # Imported here: timm takes seconds to load, and networks of landmarks do without it.
    from learning.networks.pictures import build_picture_network

    return build_picture_network(config.network, preprocessing)


def _embedding(config: Config, preprocessing: KnownStimuli) -> nn.Module:
    network, n_people = config.network, len(preprocessing.annotators)
    shape = (network.n_latent, network.n_members, torch.from_numpy(preprocessing.groups))
    both = alternating(network.n_members)
    is_city = {"squared": torch.zeros_like(both), "city-block": torch.ones_like(both), "both": both}[network.distance]
    if network.kind == "annotator-embedding":
        n_periods = torch.from_numpy(preprocessing.n_periods)
        times = torch.arange(int(n_periods.max())) * (preprocessing.period / network.mood_length)
        return AnnotatorEmbedding(
            len(preprocessing.stimuli),
            n_people,
            *shape,
            sizes=graded(network.n_latent, network.n_members) if network.member_sizes == "graded" else None,
            moods=torch.from_numpy(preprocessing.moods),
            mood_steps=network.mood_spread * markov_steps(times),
            n_periods=n_periods,
            is_city=is_city,
        )
    return OrdinalEmbedding(len(preprocessing.stimuli), *shape, is_city=is_city)


class Kind(NamedTuple):
    """A kind of network as checkpoints know it.

    build : (config, preprocessing) -> freshly initialised network. preprocessing : a class whose objects have
    `described() -> dict` for JSON and `arrays() -> {name: array}`, and which has `restored(described, arrays)`.
    """

    build: Callable[[Config, Any], nn.Module]
    preprocessing: type


KINDS: dict[str, Kind] = {
    "topological-vae": Kind(_topological_vae, Preprocessing),
    "image": Kind(_picture_network, PicturePreprocessing),
    "ordinal-embedding": Kind(_embedding, KnownStimuli),
    "annotator-embedding": Kind(_embedding, KnownStimuli),
}


def save_checkpoint(
    path, weights, *, config, recipe, seed, release_sha256, step, metrics, curve, preprocessing, code_version=None
) -> Path:
    """Write a checkpoint atomically: a reader sees the old file or the new one, never a part.

    weights : a network, or its state as name -> tensor.
    """
    path = Path(path)
    weights = weights.state_dict() if isinstance(weights, nn.Module) else weights
    tensors = {f"network.{name}": value.detach().cpu().contiguous() for name, value in weights.items()}
    for name, values in preprocessing.arrays().items():
        tensors[f"{_PREFIX}{name}"] = torch.from_numpy(values)
    described = {
        "format": FORMAT,
        "config": config.to_dict(),
        "recipe": recipe,
        "seed": seed,
        "release_sha256": release_sha256,
        "code_version": code_version or describe_code(),
        "step": step,
        "metrics": metrics,
        "curve": curve,
        "preprocessing": preprocessing.described(),
    }
    text = json.dumps(described, sort_keys=True, allow_nan=False)
    write_atomically(path, safetensors.torch.save(tensors, metadata={"semblance": text}))
    return path


def load_checkpoint(path) -> Checkpoint:
    """Read a checkpoint; FileNotFoundError where there is none, CheckpointDamaged where it cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}: expected a .safetensors file")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        described = json.loads(metadata["semblance"])
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointDamaged(f"{path} is no checkpoint of this program ({error})") from error
    if described.get("format") != FORMAT:
        raise CheckpointDamaged(f"{path} has format {described.get('format')!r}; this version reads {FORMAT!r}")
    config = Config.from_dict(described["config"])
    names = [name for name in tensors if name.startswith(_PREFIX)]
    arrays = {name.removeprefix(_PREFIX): tensors.pop(name).numpy() for name in names}
    preprocessing = KINDS[config.network.kind].preprocessing.restored(described["preprocessing"], arrays)
    network = build_network(_with_saved_widths(config, tensors), preprocessing)
    try:
        network.load_state_dict({name.removeprefix("network."): value for name, value in tensors.items()})
    except RuntimeError as error:
        written_by = described.get("code_version", "unknown")
        raise CheckpointDamaged(
            f"{path} was written by another version of this program ({written_by}), whose "
            f"{config.network.kind} {_differing(network, tensors)}: train it again, or read it with that version"
        ) from error
    network.eval().requires_grad_(False)
    return Checkpoint(
        network,
        config,
        described["recipe"],
        described["seed"],
        described["release_sha256"],
        described["code_version"],
        described["step"],
        described["metrics"],
        described["curve"],
        preprocessing,
    )


def _differing(network: nn.Module, tensors: dict) -> str:
    """Return in words how saved weights differ from those that a network has."""
    expected = {f"network.{name}": tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    other = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
    parts = {"had no": sorted(expected.keys() - found.keys()), "also had": sorted(found.keys() - expected.keys()),
             "had other shapes of": other}  # fmt: skip
    listed = {words: ", ".join(name.removeprefix("network.") for name in names[:5]) for words, names in parts.items()}
    return " and ".join(f"{words} {names}" for words, names in listed.items() if names)


def _with_saved_widths(config: Config, tensors: dict) -> Config:
    """Return the configuration with the hidden widths, or the dimensions, that the weights have.

    Widths left empty are derived from the number of inputs, and a later version may derive others; the dimensions
    of an embedding of judgements may have been chosen by the training.
    """
    if isinstance(config.network, OrdinalNetwork):
        saved = tensors.get("network.dimensions")
        n_latent = tensors["network.coordinates"].shape[-1] if saved is None else int(saved)
        return replace(config, network=replace(config.network, n_latent=n_latent))
    if not isinstance(config.network, TopologicalVaeNetwork):
        return config
    layers = {
        part: [tensors[name].shape[0] for name in sorted(tensors, key=_layer_number) if _is_layer(name, part)]
        for part in ("body", "decoder")
    }
    return replace(
        config, network=replace(config.network, encoder=tuple(layers["body"]), decoder=tuple(layers["decoder"][:-1]))
    )


def _is_layer(name: str, part: str) -> bool:
    return name.startswith(f"network.{part}.") and name.endswith(".weight")


def _layer_number(name: str) -> int:
    return next((int(piece) for piece in name.split(".") if piece.isdigit()), -1)


def write_atomically(path, content: bytes) -> None:
    """Replace a file in one step that also survives a power cut."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.part")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)  # a full disk: what was there before stays, the part does not
        raise


@functools.cache
def describe_code() -> str:
    """Return what git calls this code, else the version of the installed package, else "unknown"."""
    here = Path(__file__).resolve().parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--tags"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
        return described.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        # No git or no repository: a downloaded copy. Then the package's version is what there is.
        try:
            return importlib.metadata.version("semblance")
        except importlib.metadata.PackageNotFoundError:
            return "unknown"


def as_numpy(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor of any device as an array of its own."""
    return tensor.detach().cpu().numpy().copy()
