"""Bytes that depend on nothing but the content, and the checksums of files."""

import hashlib
import json
from pathlib import Path


def canonical(value, indent=None) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent, allow_nan=False)
    return (text + "\n").encode()


def sha256_of_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(directory: Path) -> dict:
    return {
        path.relative_to(directory).as_posix(): {"sha256": sha256_of_file(path), "n_bytes": path.stat().st_size}
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
