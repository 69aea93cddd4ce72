"""Evaluations of a study's networks, kept beside their checkpoints: a report that was interrupted goes on where it was.

`STUDY/NAME/evaluation.json` holds {"asked": what was evaluated, how and by which code, "results": as
`evaluation.evaluate`}. One that was asked otherwise is made again and takes its place.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from learning.checkpoints import describe_code, write_atomically

FILE = "evaluation.json"


def kept(checkpoint: Path, evaluate: Callable[[], dict], **asked) -> dict:
    """Return what `evaluate` gives, read back where it was evaluated so before.

    checkpoint : its path; asked : all that the results depend on beside it and the code, plain values.
    """
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    asked = json.loads(json.dumps({"checkpoint": sha256, "code": describe_code()} | asked))
    path = checkpoint.parent / FILE
    found = _read(path)
    if found.get("asked") == asked:
        return found["results"]
    results = evaluate()
    write_atomically(path, json.dumps({"asked": asked, "results": results}, allow_nan=False).encode())
    return results


def _read(path: Path) -> dict:
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):  # never made, or by something else: it is made anew
        return {}
    return found if isinstance(found, dict) else {}
