"""The terms of the topological VAE's loss.

With data x_i, neutral faces y_i, triplets t = (r, +, -) of weight w_t and Euclidean distance d:

    q(z|x,y) = N(mu, diag s^2)        p(x|z,y) = N(f(z, y), sx2 I)
    p(Z|S) ∝ prod_i N(z_i|0,I) exp(-(1/sT2) sum_t w_t softplus(d(z_r,z_+) - d(z_r,z_-)))

    loss/N = mean_b [ |x - f(z,y)|^2 / (2 sx2) + beta KL ] + (T/N)(betaT/sT2) mean_t w_t softplus(...)

What the thesis leaves open is resolved so: d is not squared; the factor is 1/sT2, not 1/(2 sT2); the
normaliser of p(Z|S) is constant and dropped, hence bounds do not compare across sT2.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def squared_error(x: Tensor, decoded: Tensor) -> Tensor:
    """Return |x - decoded|^2 summed over the last axis. x : (b, D); decoded : (..., b, D)."""
    return (x - decoded).square().sum(dim=-1)


def gaussian_error(squared: Tensor, log_variance: Tensor, n_numbers: int) -> Tensor:
    """Return -log N(x | decoded, sx2 I) without its constant: |x - decoded|^2 / (2 sx2) + D/2 log sx2, D = n_numbers.

    squared : (...) of `squared_error`; log_variance : () log sx2. It is least where sx2 is the mean squared error of
    a number.
    """
    return 0.5 * (squared * (-log_variance).exp() + n_numbers * log_variance)


def kl_terms(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, s^2) || N(0, 1)) of every dimension in nat, same shape; s^2 = exp(log_variance)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def distance(first: Tensor, second: Tensor) -> Tensor:
    """Return Euclidean distances over the last axis, sqrt(. + 1e-12): the gradient at 0 is 0, not infinite."""
    return ((first - second).square().sum(dim=-1) + 1e-12).sqrt()


def sampled_margin(z: Tensor) -> Tensor:
    """Return d(z_r, z_+) - d(z_r, z_-), negative where satisfied. z : (..., v, 3, k) in the order r, +, -."""
    anchor, positive, negative = z.unbind(dim=-2)
    return distance(anchor, positive) - distance(anchor, negative)


def expected_softplus(mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return E softplus(u) and E u for u = d(z_r, z_+) - d(z_r, z_-) with independent Gaussian z, in closed form.

    mean, log_variance : (v, 3, k) in the order r, +, -; both results (v,).

    With delta = mu_i - mu_j and s = s_i^2 + s_j^2 a squared distance has mean m = sum(delta^2 + s) and
    variance v = sum(2 s^2 + 4 s delta^2). By the delta method E d = sqrt(m) - v/(8 m^1.5), Var d = v/(4m),
    Cov(d+, d-) = sum(2 s_r^4 + 4 s_r^2 delta+ delta-)/(4 sqrt(m+ m-)), the two distances sharing z_r;
    then softplus to second order in u, its curvature at the mean being sigmoid (1 - sigmoid).
    """
    variance = log_variance.exp()
    delta = mean[:, :1] - mean[:, 1:]  # (v, 2, k)
    spread = variance[:, :1] + variance[:, 1:]
    squared = delta.square()
    m = (squared + spread).sum(dim=-1) + 1e-12
    v = (2.0 * spread.square() + 4.0 * spread * squared).sum(dim=-1)
    root = m.sqrt()
    mean_distance = root - v / (8.0 * m * root)
    variance_distance = v / (4.0 * m)
    shared = variance[:, 0]
    covariance = (2.0 * shared.square() + 4.0 * shared * delta[:, 0] * delta[:, 1]).sum(dim=-1)
    covariance = covariance / (4.0 * root[:, 0] * root[:, 1])
    u = mean_distance[:, 0] - mean_distance[:, 1]
    # The three terms are approximations of their own; together they may fall a little below zero.
    spread_of_u = (variance_distance.sum(dim=-1) - 2.0 * covariance).clamp_min(0.0)
    curvature = torch.sigmoid(u) * torch.sigmoid(-u)
    return softplus(u) + 0.5 * curvature * spread_of_u, u


def weighted_loss(expected: Tensor, weight: Tensor) -> Tensor:
    """Return mean_t w_t E softplus(u_t), the published term. expected, weight : (v,)."""
    return (weight * expected).mean()


def vote_loss(expected: Tensor, margin: Tensor, n_positive: Tensor, n_votes: Tensor, mean_votes: float) -> Tensor:
    """Return the Bradley-Terry likelihood of the votes, mean_t [n softplus(u) - (n - k) u] / mean_votes.

    k = n_positive of n = n_votes people chose the positive, each with probability sigmoid(-u). For
    unanimous votes this is the published term; a split vote has its optimum at a finite margin.
    expected : (v,) E softplus(u); margin : (v,) E u.
    """
    return ((n_votes * expected - (n_votes - n_positive) * margin) / mean_votes).mean()


def annealing(step: int, n_annealing: float) -> float:
    """Return beta = min(1, step / n_annealing); 1 from the start where n_annealing is 0.

    >>> [annealing(step, 4) for step in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]
    """
    return 1.0 if n_annealing <= 0 else min(1.0, step / n_annealing)
