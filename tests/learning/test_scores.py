"""Losses and figures about classes and attributes: by hand, and against the definition as loops."""

import math

import numpy as np
import pytest
import torch

from learning import scores, supervised


def looped_cross_entropy(logits, share, weight, smoothing):
    total, norm = 0.0, 0.0
    for i in range(len(logits)):
        z = sum(math.exp(v) for v in logits[i].tolist())
        for c in range(logits.shape[1]):
            target = (1 - smoothing) * float(share[i, c]) + smoothing / logits.shape[1]
            total -= float(weight[c]) * target * math.log(math.exp(float(logits[i, c])) / z)
            norm += float(weight[c]) * float(share[i, c])
    return total / norm


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_is_its_definition(smoothing):
    generator = torch.Generator().manual_seed(0)
    logits, share = torch.randn(5, 3, generator=generator), torch.rand(5, 3, generator=generator)
    share, weight = share / share.sum(1, keepdim=True), torch.tensor([0.5, 1.0, 2.0])
    found = supervised.cross_entropy(logits, share, weight, smoothing)
    assert float(found) == pytest.approx(looped_cross_entropy(logits, share, weight, smoothing), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_with_one_right_class_it_is_that_of_torch(smoothing):
    logits, label = torch.randn(6, 4), torch.tensor([0, 3, 1, 1, 2, 0])
    weight = torch.tensor([1.0, 2.0, 0.5, 1.5])
    expected = torch.nn.functional.cross_entropy(logits, label, weight, label_smoothing=smoothing)
    found = supervised.cross_entropy(logits, torch.eye(4)[label], weight, smoothing)
    torch.testing.assert_close(found, expected)


def test_votes_have_their_optimum_at_their_share():
    share = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64)
    logits = share.log().requires_grad_()
    supervised.cross_entropy(logits, share, torch.ones(3, dtype=torch.float64)).backward()
    torch.testing.assert_close(logits.grad, torch.zeros(1, 3, dtype=torch.float64))


def test_errors_of_attributes_by_hand():
    output, target = torch.tensor([[1.0, 5.0], [3.0, 0.0]]), torch.tensor([[0.0, 9.0], [1.0, 2.0]])
    weight = torch.tensor([[1.0, 0.0], [0.5, 2.0]])  # nothing is known of the second attribute of the first picture
    assert float(supervised.attribute_error(output, target, weight)) == pytest.approx((1 + 0.5 * 4 + 2 * 4) / 3)
    assert float(supervised.attribute_error(output, target, weight, "absolute")) == pytest.approx((1 + 1 + 4) / 3)


def test_gradients_of_the_losses():
    z = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    columns = [torch.tensor([1.0, 3.0]).double(), torch.tensor([2.0, 4.0]).double(), torch.tensor([3.0, 4.0]).double()]
    for kind in ("weighted", "votes"):
        assert torch.autograd.gradcheck(lambda z, kind=kind: supervised.triplet_error(z, *columns, 3.5, kind), z)
    share, weight = torch.full((3, 4), 0.25).double(), torch.rand(4).double()
    logits = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: supervised.cross_entropy(v, share, weight, 0.1), logits)
    target, known = torch.rand(3, 4).double() + 3, torch.tensor([[0.0, 1, 2, 0.5]] * 3).double()
    for kind in ("squared", "absolute"):
        assert torch.autograd.gradcheck(lambda v, k=kind: supervised.attribute_error(v, target, known, k), logits)


def test_classes_by_hand():
    table = scores.confusion(np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 1]), 3)
    assert table.tolist() == [[2, 1, 0], [0, 1, 0], [0, 1, 0]]
    found = scores.class_scores(table)
    assert found["accuracy"] == pytest.approx(0.6)
    assert found["recall"] == pytest.approx([2 / 3, 1, 0])
    assert found["precision"] == [1.0, pytest.approx(1 / 3), None]
    assert found["f1_by_class"] == pytest.approx([0.8, 0.5, 0.0])
    assert found["f1"] == pytest.approx(1.3 / 3) and found["n_by_class"] == [3, 1, 1]


def test_the_published_collapse_is_called_one():
    # Table 2 of the FER-2013 study: nearly everything is called class 3.
    published = np.array(
        [[1, 0, 3, 459, 1, 1, 2], [0, 0, 0, 56, 0, 0, 0], [1, 0, 1, 490, 2, 2, 0], [0, 0, 6, 885, 1, 3, 0],
         [1, 0, 1, 648, 2, 0, 0], [0, 0, 1, 412, 0, 1, 1], [3, 0, 1, 603, 0, 0, 0]]
    )  # fmt: skip
    names = ["angry", "disgust", "fear", "happy", "sad", "surprised", "neutral"]
    assert scores.class_scores(published)["accuracy"] == pytest.approx(0.248, abs=5e-4)
    assert scores.class_scores(published)["recall"][3] == pytest.approx(0.989, abs=5e-4)
    said = scores.class_collapse(published, names)
    assert "collapsed to one class" in said and "'happy'" in said and "99%" in said and "25% are" in said


def test_a_sound_network_is_not_accused():
    assert scores.class_collapse(np.array([[50, 5], [5, 40]]), ["a", "b"]) == ""
    # Nineteen of twenty pictures really are of that class.
    assert scores.class_collapse(np.array([[95, 0], [5, 0]]), ["a", "b"]) == ""
    assert scores.class_collapse(np.zeros((2, 2), int), ["a", "b"]) == ""


def test_attributes_by_hand():
    truth, predicted = np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, 2.0, 5.0, 9.0])
    found = scores.attribute_scores(truth, predicted, 2.5, np.array([0.1, 0.2, 0.3, 9.0]))
    assert found["n"] == 3 and found["mae"] == pytest.approx(2 / 3) and found["mae_of_mean"] == pytest.approx(2.5 / 3)
    assert found["r2"] == pytest.approx(1 - (4 / 3) / (2 / 3))
    assert found["pearson"] == pytest.approx(np.corrcoef([1, 2, 3], [1, 2, 5])[0, 1])
    assert found["r2_ceiling"] == pytest.approx(1 - 0.2 / (2 / 3))
    assert scores.attribute_scores(truth[3:], predicted[3:], 0.0)["r2"] is None


def test_the_ceiling_is_what_knowing_everybodys_mind_would_reach():
    rng = np.random.default_rng(0)
    true, raters = rng.normal(0, 1, 20_000), 5
    rated = true[:, None] + rng.normal(0, 1.5, (len(true), raters))
    error = rated.var(axis=1, ddof=1) / raters
    found = scores.attribute_scores(rated.mean(axis=1), true, 0.0, error)
    assert found["r2"] == pytest.approx(found["r2_ceiling"], abs=0.01)


def test_a_flat_answer_is_called_a_collapse():
    truth = np.random.default_rng(0).normal(0, 1, (50, 2))
    predicted = np.column_stack([np.full(50, 0.3), truth[:, 1]])
    said = scores.attribute_collapse(truth, predicted, ["happy", "age"])
    assert "happy" in said and "age" not in said
    assert scores.attribute_collapse(truth, truth, ["happy", "age"]) == ""
