import math

import pytest
import torch

from learning import losses


def draws(*shape, seed=0, scale=1.0, dtype=torch.float64):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def softplus(value):
    return math.log1p(math.exp(-abs(value))) + max(value, 0.0)


def euclid(first, second):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) + 1e-12)


def test_squared_error_by_loops():
    x, decoded = draws(4, 3), draws(2, 4, 3, seed=1)
    got = losses.squared_error(x, decoded)
    for sample in range(2):
        for i in range(4):
            plain = sum((float(x[i, j]) - float(decoded[sample, i, j])) ** 2 for j in range(3))
            assert float(got[sample, i]) == pytest.approx(plain)


def test_gaussian_error_by_loops_and_by_torch():
    x, decoded, log_variance = draws(4, 3), draws(2, 4, 3, seed=1), draws(1, seed=2)[0]
    got = losses.gaussian_error(losses.squared_error(x, decoded), log_variance, 3)
    variance = math.exp(float(log_variance))
    for sample in range(2):
        for i in range(4):
            plain = sum((float(x[i, j]) - float(decoded[sample, i, j])) ** 2 / (2 * variance) for j in range(3))
            assert float(got[sample, i]) == pytest.approx(plain + 1.5 * math.log(variance))
    normal = torch.distributions.Normal(decoded, (0.5 * log_variance).exp())
    expected = -normal.log_prob(x).sum(dim=-1) - 1.5 * math.log(2 * math.pi)
    torch.testing.assert_close(got, expected)


def test_the_best_variance_is_the_mean_squared_error_of_a_number():
    squared = draws(50).square() * 7
    log_variance = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    losses.gaussian_error(squared, log_variance, 249).mean().backward()
    assert abs(float(log_variance.grad)) > 1
    best = (squared.mean() / 249).log().requires_grad_()
    losses.gaussian_error(squared, best, 249).mean().backward()
    assert float(best.grad) == pytest.approx(0, abs=1e-9)


def test_kl_by_loops_and_by_torch():
    mean, log_variance = draws(3, 2), draws(3, 2, seed=1)
    got = losses.kl_terms(mean, log_variance)
    for i in range(3):
        for j in range(2):
            m, v = float(mean[i, j]), math.exp(float(log_variance[i, j]))
            assert float(got[i, j]) == pytest.approx(0.5 * (m * m + v - 1 - math.log(v)))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (0.5 * log_variance).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(got, expected)
    assert float(losses.kl_terms(torch.zeros(1), torch.zeros(1))) == 0


def test_sampled_triplet_term_by_loops():
    z, weight = draws(5, 4, 3, 2), torch.tensor([5.0, 3.0, 1.0, 1.0], dtype=torch.float64)
    expected = torch.nn.functional.softplus(losses.sampled_margin(z)).mean(dim=0)
    total = 0.0
    for t in range(4):
        mean = 0.0
        for m in range(5):
            anchor, positive, negative = z[m, t].tolist()
            mean += softplus(euclid(anchor, positive) - euclid(anchor, negative)) / 5
        assert float(expected[t]) == pytest.approx(mean)
        total += float(weight[t]) * mean / 4
    assert float(losses.weighted_loss(expected, weight)) == pytest.approx(total)


def test_closed_form_by_loops():
    mean, log_variance = draws(3, 3, 4), draws(3, 3, 4, seed=1, scale=0.5) - 2
    got, margin = losses.expected_softplus(mean, log_variance)
    for t in range(3):
        mu, s2 = mean[t].tolist(), log_variance[t].exp().tolist()
        delta = [[mu[0][k] - mu[c][k] for k in range(4)] for c in (1, 2)]
        s = [[s2[0][k] + s2[c][k] for k in range(4)] for c in (1, 2)]
        m = [sum(delta[c][k] ** 2 + s[c][k] for k in range(4)) for c in (0, 1)]
        v = [sum(2 * s[c][k] ** 2 + 4 * s[c][k] * delta[c][k] ** 2 for k in range(4)) for c in (0, 1)]
        distance = [math.sqrt(m[c]) - v[c] / (8 * m[c] ** 1.5) for c in (0, 1)]
        covariance = sum(2 * s2[0][k] ** 2 + 4 * s2[0][k] * delta[0][k] * delta[1][k] for k in range(4))
        covariance /= 4 * math.sqrt(m[0] * m[1])
        u = distance[0] - distance[1]
        spread = v[0] / (4 * m[0]) + v[1] / (4 * m[1]) - 2 * covariance
        sigmoid = 1 / (1 + math.exp(-u))
        assert float(margin[t]) == pytest.approx(u)
        assert float(got[t]) == pytest.approx(softplus(u) + sigmoid * (1 - sigmoid) * max(spread, 0) / 2)


def test_closed_form_agrees_with_monte_carlo():
    mean, log_variance = draws(6, 3, 20), draws(6, 3, 20, seed=1, scale=0.5) - 2.5
    closed, margin = losses.expected_softplus(mean, log_variance)
    # Each draw with its opposite: what is odd in the noise cancels, and 40,000 pairs say as much as a million draws.
    noise = draws(40_000, 6, 3, 20, seed=2, dtype=torch.float32)
    z = mean + (0.5 * log_variance).exp() * torch.cat([noise, -noise])
    margins = losses.sampled_margin(z)
    sampled = torch.nn.functional.softplus(margins).mean(dim=0)
    torch.testing.assert_close(closed, sampled, atol=2e-3, rtol=0)
    torch.testing.assert_close(margin, margins.mean(dim=0), atol=2e-3, rtol=0)


def test_closed_form_without_variance_is_the_softplus_of_the_means():
    mean = draws(5, 3, 4)
    closed, _ = losses.expected_softplus(mean, torch.full_like(mean, -60.0))
    torch.testing.assert_close(closed, torch.nn.functional.softplus(losses.sampled_margin(mean)), atol=1e-6, rtol=0)


def test_swapping_the_candidates_turns_the_margin_round():
    mean, log_variance = draws(5, 3, 4), draws(5, 3, 4, seed=1)
    swap = [0, 2, 1]
    _, there = losses.expected_softplus(mean, log_variance)
    _, back = losses.expected_softplus(mean[:, swap], log_variance[:, swap])
    torch.testing.assert_close(there, -back)


def test_votes_by_loops_and_unanimous_votes_are_the_published_term():
    expected, margin = draws(4).abs(), draws(4, seed=1)
    n_positive, n_votes = torch.tensor([5.0, 4, 3, 2], dtype=torch.float64), torch.tensor([5.0, 5, 5, 2])
    got = float(losses.vote_loss(expected, margin, n_positive, n_votes, 4.25))
    plain = sum(float(n_votes[t] * expected[t] - (n_votes[t] - n_positive[t]) * margin[t]) / 4.25 / 4 for t in range(4))
    assert got == pytest.approx(plain)
    fives = torch.full((4,), 5.0, dtype=torch.float64)
    unanimous = losses.vote_loss(expected, margin, fives, fives, 5.0)
    torch.testing.assert_close(unanimous, losses.weighted_loss(expected, torch.ones(4, dtype=torch.float64)))


def test_split_votes_are_best_at_the_odds_of_the_votes():
    u = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    four, five = torch.tensor(4.0), torch.tensor(5.0)
    terms = torch.stack([losses.vote_loss(torch.nn.functional.softplus(v), v, four, five, 1.0) for v in u])
    assert float(u[terms.argmin()]) == pytest.approx(-math.log(4), abs=2e-3)


def test_gradients():
    mean, log_variance = draws(2, 3, 3).requires_grad_(), (draws(2, 3, 3, seed=1) - 1).requires_grad_()
    check = torch.autograd.gradcheck
    assert check(lambda a, b: losses.expected_softplus(a, b)[0], (mean, log_variance))
    assert check(lambda a: torch.nn.functional.softplus(losses.sampled_margin(a)), (mean,))
    assert check(losses.kl_terms, (mean, log_variance))
    x, decoded, scalar = draws(2, 3, seed=3), draws(2, 3, seed=4).requires_grad_(), draws(1, seed=5).requires_grad_()
    assert check(lambda a, b: losses.gaussian_error(losses.squared_error(x, a), b[0], 3), (decoded, scalar))
    votes, n_votes = torch.tensor([3.0, 5.0], dtype=torch.float64), torch.tensor([5.0, 5.0], dtype=torch.float64)
    assert check(
        lambda a, b: losses.vote_loss(*losses.expected_softplus(a, b), votes, n_votes, 5.0), (mean, log_variance)
    )
    assert check(lambda a, b: losses.weighted_loss(losses.expected_softplus(a, b)[0], votes), (mean, log_variance))


def test_the_gradient_of_a_distance_of_zero_is_zero():
    point = torch.zeros(3, requires_grad=True)
    losses.distance(point, point.detach()).backward()
    assert torch.equal(point.grad, torch.zeros(3))


def test_annealing_is_linear_and_ends_at_one():
    assert [losses.annealing(step, 10) for step in (0, 5, 10, 50)] == [0, 0.5, 1, 1]
    assert losses.annealing(0, 0) == 1
