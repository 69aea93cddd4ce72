"""The state from which a training goes on after its process was killed, as one file replaced in one step."""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from learning.checkpoints import write_atomically
from learning.config import Config, ConfigInvalid

FILE = "resume.safetensors"
_KEY = "semblance-resume/2"
#: How often the state is saved, on what device and how its steps are told changes no figure that is promised to be the
#: same.
_FREE = ("save_every", "device", "recording")


class FolderTaken(ValueError):
    """The folder holds another training; the message says how the two differ and what to do."""


def mark(release_sha256: str, config: Config, seed: int, start_sha256: str = "") -> dict:
    """Return what two trainings share exactly when one may go on from the other's state, JSON-able.

    start_sha256 : of the checkpoint that the training begins with, "" none.
    """
    return {"release": release_sha256, "seed": seed, "start": start_sha256, "config": config.to_dict()}


def save_state(out: Path, mark: dict, tensors: dict[str, torch.Tensor], values: dict) -> None:
    """Write tensors and JSON-able values together, so that the two can never disagree."""
    text = json.dumps({"mark": mark, "values": values})
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(out / FILE, safetensors.torch.save(tensors, metadata={_KEY: text}))


def load_state(out: Path, mark: dict) -> tuple[dict[str, torch.Tensor], dict] | None:
    """Return the tensors and values of a state saved under the same mark, None where there is no state.

    FolderTaken as `require_usable`.
    """
    values = require_usable(out, mark)
    return None if values is None else (safetensors.torch.load_file(out / FILE), values)


def require_usable(out: Path, mark: dict) -> dict | None:
    """Return the values of the state in a folder, None where there is none.

    FolderTaken where the folder holds the state or the checkpoint of another training: nothing is overwritten. A
    setting that did not exist when the state was saved counts as having its default.
    """
    path = out / FILE
    if not path.is_file():
        if (out / "checkpoint.safetensors").is_file():
            raise FolderTaken(f"{out} holds a checkpoint without the state it came from: {ADVICE}")
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {})[_KEY])
    except (safetensors.SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise FolderTaken(f"{path} is not a resume state of this version ({error}): {ADVICE}") from error
    if differences := _differences(described["mark"], mark):
        raise FolderTaken(f"{out} holds another training, which differs in {'; '.join(differences)}: {ADVICE}")
    return described["values"]


ADVICE = "choose another folder, or delete this one to begin afresh"


def _differences(saved: dict, asked: dict) -> list[str]:
    words = {"release": "release", "seed": "seed", "start": "checkpoint to begin with"}
    found = [
        f"{word} ({_short(saved.get(name))} there, {_short(asked[name])} now)"
        for name, word in words.items()
        if saved.get(name) != asked[name]
    ]
    try:
        there = Config.from_dict(saved["config"]).to_dict()
    except (ConfigInvalid, KeyError) as error:
        return [*found, f"settings that this version does not know ({error})"]
    now = Config.from_dict(asked["config"]).to_dict()
    for section, settings in now.items():
        for name, value in settings.items():
            if name not in _FREE and there[section].get(name, value) != value:
                found.append(f"{section}.{name} ({there[section][name]!r} there, {value!r} now)")
    return found


def _short(value) -> str:
    return value[:12] if isinstance(value, str) and value else repr(value)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Return the moments of an optimiser as name -> tensor."""
    state = optimiser.state_dict()["state"]
    return {
        f"optimiser.{number}.{name}": torch.as_tensor(value)
        for number, values in state.items()
        for name, value in values.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put saved moments back."""
    state: dict[int, dict] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, number, key = name.split(".")
            state.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
