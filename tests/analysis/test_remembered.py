"""What does not change from network to network is computed once."""

import numpy as np

from analysis import remembered
from analysis.probes import Plan


def test_the_same_content_is_computed_once(monkeypatch):
    monkeypatch.setattr(remembered, "_KEPT", type(remembered._KEPT)())
    called = []

    def summed(values, plan, *, seed=0):
        called.append(seed)
        return {"sum": float(values.sum()) + seed}

    def plan(n):
        return Plan(("a", "b"), ((np.arange(n), np.arange(0), np.arange(2)),), "how")

    values = np.arange(6.0)
    first = remembered.once(summed, values, plan(3), seed=1)
    assert remembered.once(summed, values.copy(), plan(3), seed=1) is first and called == [1]
    assert remembered.once(summed, values, plan(3), seed=2)["sum"] == 17.0  # another seed
    assert remembered.once(summed, values, plan(4), seed=1) is not first  # other folds
    assert remembered.once(summed, values + 1e-12, plan(3), seed=1) is not first  # other content
    assert len(called) == 4


def test_few_are_kept(monkeypatch):
    monkeypatch.setattr(remembered, "_KEPT", type(remembered._KEPT)())
    for k in range(3 * remembered.N_KEPT):
        assert remembered.once(divmod, 100, k + 1) == divmod(100, k + 1)
        remembered.once(divmod, 100, 1)
    assert len(remembered._KEPT) == remembered.N_KEPT
