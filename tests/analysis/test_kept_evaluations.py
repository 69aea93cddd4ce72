"""Evaluations of a study's networks are kept, so that a report that was interrupted goes on."""

import json

from analysis import kept_evaluations
from analysis.kept_evaluations import FILE, kept


def test_what_was_evaluated_so_is_read_back_and_anything_else_made_anew(tmp_path, monkeypatch):
    checkpoint, made = tmp_path / "checkpoint.safetensors", []
    checkpoint.write_bytes(b"weights")

    def evaluated(**asked):
        return kept(checkpoint, lambda: made.append(asked) or {"value": 0.1 + 0.2, "n": len(made)}, **asked)

    how = {"seed": 0, "projections": ("pca",), "second": None}
    first = evaluated(**how)
    assert evaluated(**how) == first == {"value": 0.1 + 0.2, "n": 1}  # to the last digit
    assert evaluated(**how | {"seed": 1})["n"] == 2 and evaluated(**how | {"projections": ("pca", "umap")})["n"] == 3
    checkpoint.write_bytes(b"other weights")
    assert evaluated(**how)["n"] == 4
    monkeypatch.setattr(kept_evaluations, "describe_code", lambda: "later")
    assert evaluated(**how)["n"] == 5
    (tmp_path / FILE).write_bytes(b'{"asked": {')  # cut off by something that does not write in one step
    assert evaluated(**how)["n"] == 6 and json.loads((tmp_path / FILE).read_bytes())["results"]["n"] == 6
