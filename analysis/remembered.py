"""What is the same from one evaluation to the next is computed once in a process: probes of a study's baselines.

A study has one release and many networks; raw landmarks and their components, and what a probe reads off them, are the
same for all of them and cost most of what the evaluation of a small network costs.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, is_dataclass

import numpy as np

#: As many as two releases' baselines need: six representations, classes and action units.
N_KEPT = 24

_KEPT: OrderedDict[bytes, object] = OrderedDict()


def once(function: Callable, *arguments, **options):
    """Return function(*arguments, **options), the same object again for arguments of the same content.

    What is returned must not be changed. Arguments are arrays, dataclasses of arrays and plain values.
    """
    digest = hashlib.sha256()
    _add(digest, (function.__module__, function.__qualname__, *arguments, *sorted(options.items())))
    key = digest.digest()
    if key not in _KEPT:
        _KEPT[key] = function(*arguments, **options)
    _KEPT.move_to_end(key)
    while len(_KEPT) > N_KEPT:
        _KEPT.popitem(last=False)
    return _KEPT[key]


def _add(digest, value) -> None:
    """Add a value to a digest, with its type and size, so that no two contents read alike."""
    if is_dataclass(value):
        value = (type(value).__qualname__, *(getattr(value, field.name) for field in fields(value)))
    if isinstance(value, tuple | list):
        digest.update(f"({len(value)}".encode())
        for item in value:
            _add(digest, item)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif value is None or isinstance(value, str | int | float | bool):
        text = repr(value)
        digest.update(f"{type(value).__name__}{len(text)}:{text}".encode())
    else:
        raise TypeError(f"a {type(value).__name__} has no content to tell it by: expected arrays and plain values")
