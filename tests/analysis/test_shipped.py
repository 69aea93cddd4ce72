"""The decoder that travels with a page says what the network says."""

from dataclasses import replace

import numpy as np
import pytest

from analysis import portrait, shipped
from analysis.embedded import represent


@pytest.fixture(scope="module")
def made(small_checkpoint, small_release):
    return represent(small_checkpoint, small_release)


def test_it_draws_what_the_network_draws(made, small_release, measured):
    packed = shipped.pack(made, small_release, portrait.scheme_lines(small_release))
    assert packed == measured["decoder"]
    assert len(packed["neutrals"]) == 10  # one a person
    rows = {int(row): k for k, row in enumerate(made.row)}
    rng = np.random.default_rng(0)
    for number, of in enumerate(packed["neutrals"]):
        z = rng.uniform(-5, 5, packed["n_latent"])
        expected = made.decode(z[None], made.neutral[rows[of["row"]]])[0][:, :2]
        assert shipped.decoded(packed, z, number) == pytest.approx(expected, abs=2e-5)


def test_the_typical_face_comes_first(made, small_release, measured):
    assert measured["decoder"]["neutrals"][0]["row"] == measured["traversal"]["row"]


def test_what_a_page_cannot_carry_is_refused_with_the_reason(made, small_release, monkeypatch):
    monkeypatch.setattr(shipped, "MAX_FLOATS", 1000)
    assert "weights: a page carries at most 1,000" in shipped.pack(made, small_release)["omitted"]
    assert "no decoder" in shipped.pack(replace(made, decode=None), small_release)["omitted"]
