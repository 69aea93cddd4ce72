"""Weights that somebody trained before: from a safetensors file, a folder or the model hub, never a pickle.

A `.pth` or `.bin` file is a pickle, which can run code when it is read; docs/image-networks.md says how to
turn one into safetensors once, on a machine of one's own choice.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

_IN_FOLDERS = ("model.safetensors", "checkpoint.safetensors")
HUB = "hub:"


class PretrainedUnusable(ValueError):
    """The weights are not there, not safetensors, or of another network; the message says which."""


@dataclass(frozen=True)
class Weights:
    """name -> tensor, the file's SHA-256, and, for a checkpoint of this program, the name of its architecture."""

    tensors: dict[str, Tensor]
    sha256: str
    path: Path
    architecture: str | None


def read_weights(name: str) -> Weights:
    """Return the weights that `network.pretrained` names.

    name : a file, a folder, "hub:OWNER/NAME", or a plain name of a file or folder in $PRETRAINED_DIR.
    A checkpoint of this program gives the weights of its network less its output layer.
    """
    path = _from_hub(name.removeprefix(HUB)) if name.startswith(HUB) else _located(name)
    if path.suffix != ".safetensors":
        raise PretrainedUnusable(
            f"network.pretrained is {name!r}: expected a .safetensors file (docs/image-networks.md says how to "
            "turn a .pth or .bin file into one)"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            described = (file.metadata() or {}).get("semblance")
        tensors = safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise PretrainedUnusable(f"{path} is not a safetensors file ({error})") from error
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if described is None:
        return Weights(tensors, sha256, path, None)
    network = json.loads(described)["config"]["network"]
    if network["kind"] != "image":
        raise PretrainedUnusable(f"{path} holds a network of kind {network['kind']!r}: expected one of pictures")
    # A body that compares two pictures is the plain one inside.
    prefix = "network.body.inner." if network.get("neutral") == "difference" else "network.body."
    body = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
    return Weights(body, sha256, path, network["architecture"])


def _located(name: str) -> Path:
    places = [Path(name).expanduser()]
    if folder := os.environ.get("PRETRAINED_DIR"):
        places += [Path(folder) / name, Path(folder) / f"{name}.safetensors"]
    for place in places:
        if place.is_file():
            return place
        for inside in _IN_FOLDERS:
            if (place / inside).is_file():
                return place / inside
    looked = ", ".join(map(str, places))
    raise PretrainedUnusable(f"network.pretrained is {name!r}, but there are no weights at {looked}")


def _from_hub(name: str) -> Path:
    """Return the downloaded file. The hub is asked only where the operator named it, and for safetensors only."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(name, "model.safetensors"))
    except (HfHubHTTPError, LocalEntryNotFoundError, ValueError, OSError) as error:
        raise PretrainedUnusable(f"the hub gives no model.safetensors of {name!r} ({error})") from error
