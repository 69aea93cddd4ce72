"""Tangent alignment on constructed manifolds, the probe of a VAE as a function, and a control that learns nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis import tangent
from analysis.landmark_probe import METHODS, explain_faces, fit_probe, tangent_report
from learning.networks.topological_vae import TopologicalVae


def test_along_the_faces_off_them_and_by_chance():
    rng = torch.Generator().manual_seed(0)
    jacobian = torch.randn(200, 60, 15, generator=rng)
    basis, rank = tangent.tangent_basis(jacobian)
    assert (rank == 15).all()
    along = torch.einsum("npk,nk->np", jacobian, torch.randn(200, 15, generator=rng))
    anything = torch.randn(200, 60, generator=rng)
    off = anything - torch.einsum("npk,nqk,nq->np", basis, basis, anything)
    assert tangent.alignment(basis, rank, along).value == pytest.approx(np.ones(200), abs=1e-5)
    assert tangent.alignment(basis, rank, off).value == pytest.approx(np.zeros(200), abs=1e-5)
    found = tangent.alignment(basis, rank, anything)
    assert found.chance == pytest.approx(np.full(200, 0.5))  # sqrt(15 / 60)
    assert np.sqrt((found.value**2).mean()) == pytest.approx(0.5, abs=0.01)
    assert found.summary() == {"value": pytest.approx(0.5, abs=0.02), "chance": 0.5, "n": 200}


def test_dimensions_that_move_nothing_span_nothing():
    jacobian = torch.zeros(1, 4, 3)
    jacobian[0, 0, 0], jacobian[0, 1, 1] = 1.0, 1e-6
    basis, rank = tangent.tangent_basis(jacobian)
    assert rank.tolist() == [1]
    found = tangent.alignment(basis, rank, torch.tensor([[3.0, 4.0, 0, 0]]))
    assert found.value.tolist() == pytest.approx([0.6])
    assert np.isnan(tangent.alignment(basis, rank, torch.zeros(1, 4)).value).all()


@pytest.mark.parametrize("has_neutral", [False, True])
def test_the_decoders_jacobian_is_its_difference_quotient(has_neutral):
    torch.manual_seed(0)
    network = TopologicalVae(6, has_neutral=has_neutral, n_latent=3, encoder=(8,), decoder=(8,)).double().eval()
    z = torch.randn(4, 3, dtype=torch.float64)
    neutral = torch.randn(4, 6, dtype=torch.float64) if has_neutral else None
    found = tangent.decoder_jacobian(network, z, neutral)
    for k in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[k] = 1e-5
        quotient = (network.decode(z + step, neutral) - network.decode(z - step, neutral)) / 2e-5
        assert torch.allclose(found[:, :, k], quotient, atol=1e-8)


def test_shuffled_labels_stay_in_their_group_and_change():
    labels, within = np.array(list("aaabbbcccddd" * 5)), np.repeat(["train", "test"], 30)
    found = tangent.shuffled_labels(labels, within=within, seed=1)
    assert (found != labels).mean() > 0.4
    for group in ("train", "test"):
        assert sorted(found[within == group]) == sorted(labels[within == group])


def expressions(n=240, seed=0):
    """Faces on a plane of 20 numbers around neutral ones; the class is the sign of the first of two movements."""
    rng = np.random.default_rng(seed)
    moved = rng.normal(size=(n, 2))
    directions = np.linalg.qr(rng.normal(size=(20, 2)))[0].T
    neutral = rng.normal(size=(n, 20)) * 0.1
    x = neutral + moved @ directions
    return torch.tensor(x), torch.tensor(neutral), np.where(moved[:, 0] > 0, "up", "down"), torch.tensor(directions)


class Plane(TopologicalVae):
    """The VAE of `expressions`, as training would ideally find it."""

    def __init__(self, directions):
        super().__init__(20, has_neutral=True, n_latent=2, encoder=(4,), decoder=(4,))
        self.directions = nn.Buffer(directions)

    def encode(self, x, neutral=None):
        mean = (x - neutral) @ self.directions.T
        return mean, torch.zeros_like(mean)

    def decode(self, z, neutral=None):
        return neutral + z @ self.directions


def test_a_probe_explained_from_the_neutral_face():
    x, neutral, labels, directions = expressions()
    network = Plane(directions).double().eval()
    probe = fit_probe(network, x, neutral, labels)
    assert probe.classes == ("down", "up")
    scores = probe.scores(x, neutral)
    assert (scores.argmax(dim=1).numpy() == (labels == "up")).mean() > 0.97
    assert torch.allclose(scores[:, 0], -scores[:, 1])
    found = explain_faces(probe, x, neutral, labels, method="integrated gradients")
    difference = scores - probe.scores(neutral, neutral)
    own = difference[torch.arange(len(x)), torch.as_tensor(labels == "up").long()]
    assert torch.allclose(found.sum(dim=1), own)
    with pytest.raises(ValueError, match="'lime'"):
        explain_faces(probe, x, neutral, labels, method="lime")


def test_the_report_of_a_probe_on_its_manifold():
    x, neutral, labels, directions = expressions()
    network = Plane(directions).double().eval()
    found = tangent_report(network, x, neutral, labels, is_training=np.arange(240) < 160)
    assert found["reconstruction_error"] == pytest.approx(0, abs=1e-12)
    for method in METHODS:
        assert found[method]["chance"] == pytest.approx(np.sqrt(2 / 20))
        assert found[method]["n"] == 80
    # Nothing leads over a control that is as good as it can be; people are drawn where they are known.
    assert found["gradient"]["lead"]["value"] == pytest.approx(0, abs=1e-6)
    people = np.repeat(np.arange(24).astype(str), 10)
    again = tangent_report(network, x, neutral, labels, is_training=np.arange(240) < 160, people=people)
    for method in METHODS:
        assert again[method]["value"] == pytest.approx(found[method]["value"])
    known = again["integrated gradients"]
    assert known["low"] < known["value"] < known["high"]
    assert known["lead"]["low"] < known["lead"]["value"] < known["lead"]["high"]
    assert known["lead"]["value"] == pytest.approx(known["value"] - known["control"])
    # A linear encoder's gradient is wholly along the plane, whatever its labels were; the products are not.
    assert found["gradient"]["value"] == pytest.approx(1)
    assert found["gradient"]["control"] == pytest.approx(1)
    assert found["gradient"]["chance"] < found["integrated gradients"]["value"] < 1


def test_a_trained_network_explains_along_its_faces_better_than_chance(small_checkpoint, small_release):
    from learning.checkpoints import load_checkpoint
    from learning.datasets import landmark_dataset

    checkpoint = load_checkpoint(small_checkpoint)
    dataset = landmark_dataset(small_release, checkpoint.preprocessing)
    neutral = None if dataset.neutral is None else torch.from_numpy(dataset.neutral)
    labels = np.asarray(small_release.stimuli.class_label)[dataset.row]
    is_training = np.asarray(small_release.stimuli.split)[dataset.row] == "train"
    found = tangent_report(checkpoint.network, torch.from_numpy(dataset.x), neutral, labels, is_training=is_training)
    for method in METHODS:
        assert found[method]["value"] > found[method]["chance"]
    assert found["gradient"]["value"] > found["gradient"]["control"]
