"""The decoder that travels with a page says what the network says."""

import base64
import json
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


def widened(light):
    """The decoder of a page with its numbers as floats again, read as explorer.js reads them."""

    def floats(of):
        scale, numbers = (
            np.frombuffer(base64.b64decode(of[key]), kind) for key, kind in (("scale", "<f4"), ("int16", "<i2"))
        )
        return shipped.encoded(numbers.reshape(len(scale), -1) * scale[:, None])

    layers = [layer | {key: floats(layer[key]) for key in ("weight", "bias")} for layer in light["layers"]]
    neutrals = [of | {key: floats(of[key]) for key in ("start", "base")} for of in light["neutrals"]]
    return light | {"layers": layers, "neutrals": neutrals}


def test_a_page_carries_half_and_draws_the_same(measured):
    packed = measured["decoder"]
    light = shipped.light(packed)
    whole, half = (len(json.dumps([of["layers"], of["neutrals"]])) for of in (packed, light))
    assert half < 0.6 * whole
    back, rng = widened(light), np.random.default_rng(1)
    for number in range(len(packed["neutrals"])):
        z = rng.uniform(-5, 5, packed["n_latent"])
        assert shipped.decoded(back, z, number) == pytest.approx(shipped.decoded(packed, z, number), abs=5e-4)
    first, second, *rest = packed["layers"]
    silent = second | {"weight": shipped.encoded(np.zeros((second["n_out"], second["n_in"])))}
    silent = packed | {"layers": [first, silent, *rest]}
    assert shipped.decoded(widened(shipped.light(silent)), z) == pytest.approx(shipped.decoded(silent, z), abs=5e-4)


def test_the_typical_face_comes_first(made, small_release, measured):
    assert measured["decoder"]["neutrals"][0]["row"] == measured["traversal"]["row"]


def test_what_a_page_cannot_carry_is_refused_with_the_reason(made, small_release, monkeypatch):
    monkeypatch.setattr(shipped, "MAX_FLOATS", 1000)
    assert "weights: a page carries at most 1,000" in shipped.pack(made, small_release)["omitted"]
    assert "no decoder" in shipped.pack(replace(made, decode=None), small_release)["omitted"]
