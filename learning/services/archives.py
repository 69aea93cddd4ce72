"""Stored files as local, verified copies: what the pure code reads is on this machine and unchanged."""

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

from learning.config import Config
from learning.models import Checkpoint
from triplets import archive

#: What a configuration calls a checkpoint of this site.
STORED = "checkpoint:"


def open_release(release) -> archive.Release:
    """Return a release in memory from a local copy of its archive, every checksum verified.

    A copy that was damaged on this machine is fetched once more; ReleaseDamaged if storage holds a damaged one.
    """
    path = settings.VAR_DIR / "cache" / f"{release.sha256}.zip"
    if path.exists():
        try:
            return _verified(path, release)
        except archive.ReleaseDamaged:
            path.unlink(missing_ok=True)
    _fetch(release.archive, path)
    return _verified(path, release)


def checkpoint_path(checkpoint) -> Path:
    """Return a local copy of a checkpoint's file. ValueError if storage holds other bytes than were saved."""
    path = settings.VAR_DIR / "cache" / f"{checkpoint.sha256}.safetensors"
    if not path.exists() or sha256_of(path) != checkpoint.sha256:
        _fetch(checkpoint.file, path)
        if (found := sha256_of(path)) != checkpoint.sha256:
            path.unlink()
            raise ValueError(f"the file of {checkpoint} has SHA-256 {found}; {checkpoint.sha256} was saved")
    return path


def with_local_weights(config: Config) -> Config:
    """Return the configuration with the weights that it names by their checksum as a file of this machine.

    network.pretrained = "checkpoint:SHA256" stands for a checkpoint of this site; anything else stays as it is.
    LookupError where there is no such checkpoint.
    """
    name = getattr(config.network, "pretrained", "")
    if not name.startswith(STORED):
        return config
    checkpoint = Checkpoint.objects.filter(sha256=name.removeprefix(STORED)).first()
    if checkpoint is None:
        raise LookupError(f"network.pretrained is {name!r}, and this site has no checkpoint with that checksum")
    return config.with_changes({"network.pretrained": str(checkpoint_path(checkpoint))})


def sha256_of(path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(path, release) -> archive.Release:
    opened = archive.read_release(path)
    if opened.sha256 != release.sha256:
        path.unlink()
        raise archive.ReleaseDamaged(f"the archive of {release} has SHA-256 {opened.sha256}, not {release.sha256}")
    return opened


def _fetch(stored, path: Path) -> None:
    """Copy a stored file to `path`; others see it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as target, stored.open("rb") as source:
            for chunk in source.chunks():
                target.write(chunk)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
