"""Embeddings whose parameters are the points themselves, for everybody and for each annotator."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

_START = 0.3
#: softplus(_REST) / softplus(_REST) is the weight 1 of somebody who sees as the group does.
_REST = 1.0
#: Distances between all pairs are cheaper than those that judgements name up to so many pairs a judgement.
_PAIRS_A_JUDGEMENT = 16
#: How much less sure slow answers are before anything is known of somebody.
USUAL_PACE = 0.3


#: Of `n_latent`, how many dimensions members have in turn.
_SIZES = (0.5, 0.75, 1.0, 1.25)


def graded(n_latent: int, n_members: int) -> Tensor:
    """Return (M,) int, dimensions of members that have fewer or more of them than n_latent, in turn.

    >>> graded(8, 5).tolist(), graded(2, 4).tolist()
    ([4, 6, 8, 10, 4], [1, 2, 2, 3])
    """
    return torch.tensor([math.floor(_SIZES[member % len(_SIZES)] * n_latent + 0.5) for member in range(n_members)])


def alternating(n_members: int) -> Tensor:
    """Return (M,) bool, every other member, so that of each size of `graded` half are.

    >>> alternating(8).int().tolist()
    [0, 1, 0, 1, 1, 0, 1, 0]
    """
    member = torch.arange(n_members)
    return (member + member // len(_SIZES)) % 2 == 1


def markov_steps(times: Tensor) -> Tensor:
    """Return (K, K) lower triangular L: L @ standard normal numbers is a walk that forgets, of variance 1.

    times : (K,) increasing; values t apart correlate by exp(-t) (the process of Ornstein and Uhlenbeck).

    >>> steps = markov_steps(torch.tensor([0.0, 0.5]))
    >>> bool(torch.allclose(steps @ steps.T, torch.tensor([[1.0, 0.6065], [0.6065, 1.0]]), atol=1e-4))
    True
    """
    return torch.linalg.cholesky((-(times[:, None] - times).abs()).double().exp()).float()


class OrdinalEmbedding(nn.Module):
    """M embeddings of n stimuli, together one.

    groups : (G, n) int, which stimuli share a value; -1 unknown. A squared distance is that of the coordinates plus,
        for each group in which two stimuli differ, a learnt amount.
    sizes : (M,) int, how many dimensions each member has; None: all n_latent
    is_city : (M,) bool, whose coordinates are compared city-block: absolute differences take the place of squared ones.
        Their sum is a squared distance, too, in a space of more dimensions (`points`); None: nobody's
    squared_share : of those differences while they are fitted: from squares, 1, on their way to absolute values, 0
    coordinates : (M, n, d), d the most; those beyond a member's size are not used
    spacing : (M, G), softplus of it is what a difference of group adds
    """

    def __init__(
        self, n_stimuli: int, n_latent: int, n_members: int = 1, groups: Tensor | None = None, sizes=None, is_city=None
    ):
        super().__init__()
        self.n_latent = n_latent
        sizes = torch.full((n_members,), n_latent) if sizes is None else sizes
        self.n_columns = int(sizes.max())
        groups = torch.zeros(0, n_stimuli, dtype=torch.long) if groups is None else groups
        self.register_buffer("groups", groups, persistent=False)
        is_used = (torch.arange(self.n_columns) < sizes[:, None])[:, None].float()
        self.register_buffer("is_used", is_used, persistent=False)
        is_city = torch.zeros(n_members, dtype=torch.bool) if is_city is None else is_city
        self.register_buffer("is_city", is_city, persistent=False)
        self.squared_share = 0.0
        self.coordinates = nn.Parameter(_START * is_used * torch.randn(n_members, n_stimuli, self.n_columns))
        self.spacing = nn.Parameter(torch.full((n_members, len(groups)), -1.0))
        # A column for each value of each group: 1 for the stimuli that have it.
        values = [(group[None] == value).float() for group in groups for value in group.unique() if value >= 0]
        which = [number for number, group in enumerate(groups) for value in group.unique() if value >= 0]
        self.register_buffer("indicator", torch.cat([*values, torch.zeros(0, n_stimuli)]).T, persistent=False)
        self.register_buffer("indicated", torch.tensor(which, dtype=torch.long), persistent=False)

    @property
    def n_members(self) -> int:
        return len(self.coordinates)

    def space(self) -> Tensor:
        """Return (M, n, D): the coordinates, then one column a value of each group, so scaled that two stimuli which
        differ there are softplus(spacing) farther apart in squared distance."""
        scale = (softplus(self.spacing) / 2).sqrt()[:, self.indicated]
        return torch.cat([self.is_used * self.coordinates, self.indicator * scale[:, None]], dim=-1)

    def weights(self) -> Tensor | None:
        """Return (M, A, D), how much each annotator minds each column of `space`; None: everybody alike."""
        return None

    def squared_distances(self, rows: Tensor, annotator: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return (M, v) squared distances from anchor to positive and from anchor to negative, or city-block ones.

        rows : (v, 3) anchor, positive, negative. annotator : (v,) rows of `weights`, -1 or None: the group.
        """
        points, weights = self.space(), self.weights() if annotator is not None else None
        n = points.shape[1]
        if weights is None:
            weights = points.new_ones(self.n_members, 1, points.shape[-1])
            annotator = torch.zeros_like(rows[:, 0])
        else:  # the group is the last row, so that -1 names it
            weights = torch.cat([weights, weights.new_ones(self.n_members, 1, weights.shape[-1])], dim=1)
            annotator = annotator % weights.shape[1]
        anchor, positive, negative = rows.unbind(1)
        if weights.shape[1] * n * n > _PAIRS_A_JUDGEMENT * len(rows):
            chosen, squared = weights[:, annotator], self._squared_share_of_columns()
            apart = (points[:, anchor] - points[:, other] for other in (positive, negative))
            return tuple((chosen * torch.lerp(step.abs(), step.square(), squared)).sum(-1) for step in apart)
        flat, start = self._every(points, weights).flatten(1), (annotator * n + anchor) * n
        return flat.index_select(1, start + positive), flat.index_select(1, start + negative)

    def _squared_share_of_columns(self) -> Tensor:
        """Return (M, 1, D), how much of a column of `space` is compared by squared differences, the rest by absolute
        ones: 1 but for the coordinates of city-block members."""
        is_coordinate = torch.arange(self.n_columns + len(self.indicated), device=self.is_city.device) < self.n_columns
        is_city = (self.is_city[:, None, None] & is_coordinate).to(self.coordinates.dtype)
        return 1 - is_city * (1 - self.squared_share)

    def _every(self, points: Tensor, weights: Tensor) -> Tensor:
        """Return (M, A, n, n) the distances between all stimuli for points (M, n, D) and weights (M, A, D)."""
        weighted = points[:, None] * (weights * self._squared_share_of_columns())[:, :, None]
        length = (weighted * points[:, None]).sum(-1)
        every = length[..., None] + length[..., None, :] - 2 * weighted @ points[:, None].transpose(-1, -2)
        every, city = every.clamp_min(0), self.is_city.nonzero()[:, 0]
        if not len(city):
            return every
        weights = (1 - self.squared_share) * weights[city, :, None, : self.n_columns]
        scaled = (points[city, None, :, : self.n_columns] * weights).flatten(0, 1)
        between = torch.cdist(scaled, scaled, p=1.0)
        return every.index_add(0, city, between.view(len(city), *every.shape[1:]))

    @torch.no_grad()
    def points(self) -> Tensor:
        """Return (n, k) one space: squared distances in it are the mean of the members'.

        On its principal axes, most variance first, empty ones left out; the largest entry of an axis is positive.
        Where members are city-block by classical scaling of all distances, which is exact: sums of absolute differences
        are of negative type (Schoenberg 1938).
        """
        if self.is_city.any():
            spread, vectors = torch.linalg.eigh(self._products())
            axes, singular = vectors.flip(1), spread.flip(0).clamp_min(0).sqrt()
        else:
            together = self.space().permute(1, 0, 2).flatten(1).double() / math.sqrt(self.n_members)
            axes, singular, _ = torch.linalg.svd(together - together.mean(dim=0), full_matrices=False)
        n_used = max(1, int((singular > 1e-6 * singular[0]).sum()))
        axes = axes[:, :n_used] * singular[:n_used]
        sign = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
        return (axes * sign).float()

    def _products(self) -> Tensor:
        """Return (n, n) inner products of centred points whose squared distances are the mean of the members'."""
        points = self.space().double()
        everybody = points.new_ones(self.n_members, 1, points.shape[-1])
        distances = self._every(points, everybody).mean(dim=(0, 1))
        centred = distances - distances.mean(dim=0)
        return -0.5 * (centred - centred.mean(dim=1, keepdim=True))


class AnnotatorEmbedding(OrdinalEmbedding):
    """The same with weights: annotator a sees the squared distance sum_k w_ak (x_ik - x_jk)**2, times a consistency, or
    the city-block distance sum_k w_ak |x_ik - x_jk|.

    deviation : (M, A, d + G), w = softplus(1 + deviation) / softplus(1), so 0 is the group, a weight of 1
    noise : (M, A), the consistency exp(noise - mean noise) says how firmly a distance decides
    habits : (M, A, 2), log odds for the left candidate, and for the side of the answer before
    blur : (M, 1), softplus of it is how much less a difference of distances counts where both are large
    pace : (M, A), an answer that took e times as long as usual is exp(pace) times less sure
    mood : (M, A, G', K), `mood_steps` (K, K) times it is how much more than usual, in log odds, it counts in each of K
        periods that two stimuli share a value of `moods` (G', n), which is as `groups`. With a prior N(0, 1) of mood
        that is a walk whose covariance is mood_steps @ mood_steps.T, less its mean over the `n_periods` (A,) that an
        annotator answered in: what somebody always goes by is in the weights.
    """

    def __init__(
        self, n_stimuli: int, n_annotators: int, n_latent: int, n_members=1, groups=None, sizes=None, moods=None,
        mood_steps=None, n_periods=None, is_city=None,
    ):  # fmt: skip
        super().__init__(n_stimuli, n_latent, n_members, groups, sizes, is_city)
        # Saved, for the coordinates do not tell where members have sizes of their own.
        self.register_buffer("dimensions", torch.tensor(n_latent))
        moods = torch.zeros(0, n_stimuli, dtype=torch.long) if moods is None else moods
        self.register_buffer("moods", moods, persistent=False)
        self.register_buffer("mood_steps", torch.ones(1, 1) if mood_steps is None else mood_steps, persistent=False)
        n_periods = torch.full((n_annotators,), len(self.mood_steps)) if n_periods is None else n_periods
        is_lived = (torch.arange(len(self.mood_steps)) < n_periods[:, None]).float()
        self.register_buffer("share_of_periods", is_lived / is_lived.sum(dim=1, keepdim=True), persistent=False)
        self.mood = nn.Parameter(torch.zeros(n_members, n_annotators, len(moods), len(self.mood_steps)))
        self.deviation = nn.Parameter(torch.zeros(n_members, n_annotators, self.n_columns + len(self.groups)))
        self.noise = nn.Parameter(torch.zeros(n_members, n_annotators))
        self.habits = nn.Parameter(torch.zeros(n_members, n_annotators, 2))
        self.blur = nn.Parameter(torch.full((n_members, 1), -3.0))
        self.pace = nn.Parameter(torch.full((n_members, n_annotators), USUAL_PACE))

    def attention(self) -> Tensor:
        """Return (M, A, d + G): each annotator's weights of the dimensions and of the groups; the group has 1."""
        return softplus(_REST + self.deviation) / math.log1p(math.exp(_REST))

    def consistency(self) -> Tensor:
        """Return (M, A): above 1 for those who are surer than the geometric mean of people."""
        return (self.noise - self.noise.mean(dim=1, keepdim=True)).exp()

    def weights(self) -> Tensor:
        attention = self.attention()
        columns = torch.cat([torch.arange(self.n_columns, device=self.noise.device), self.n_columns + self.indicated])
        return attention[..., columns] * self.consistency()[..., None]

    def log_odds(
        self, rows: Tensor, annotator: Tensor, circumstances: Tensor, period: Tensor, hesitation: Tensor | None = None
    ) -> Tensor:
        """Return (M, v), the log odds that people choose the positive.

        rows, annotator : as of `squared_distances`. circumstances : (v, 2) as of `Responses.circumstances`, zeros leave
        habits out. period : (v,) in which of the K periods of their annotators; -1 leaves moods out.
        hesitation : (v,) as of `Responses.hesitation`; None: nobody has answered yet.
        """
        near, far = self.squared_distances(rows, annotator)
        odds = (far - near) / (1 + softplus(self.blur) * (far + near))
        # The group is the last row, so that -1 names it; it has no habits.
        habits = torch.cat([self.habits, self.habits.new_zeros(self.n_members, 1, 2)], dim=1)
        person = annotator % habits.shape[1]
        if hesitation is not None:
            pace = torch.cat([self.pace, self.pace.new_full((self.n_members, 1), USUAL_PACE)], dim=1)
            odds = odds * torch.exp(-pace[:, person] * hesitation)
        return odds + (habits[:, person] * circumstances).sum(-1) + self._of_mood(rows, annotator, period)

    def moods_by_period(self) -> Tensor:
        """Return (M, A, G', K): how much more than usual, in log odds, a shared value counts in each period."""
        walk = self.mood @ self.mood_steps.T
        return walk - (walk * self.share_of_periods[:, None]).sum(-1, keepdim=True)

    def _of_mood(self, rows: Tensor, annotator: Tensor, period: Tensor) -> Tensor | float:
        """Return (M, v), what the moods of a period add to the log odds."""
        n_periods = self.mood.shape[-1]
        value = self.moods_by_period()
        value = torch.cat([value, value.new_zeros(self.n_members, 1, *value.shape[2:])], dim=1)
        person = torch.where(period < 0, -1, annotator) % value.shape[1]
        place = person * n_periods + period.clamp_min(0)
        found: Tensor | float = 0.0
        for group, of_group in zip(self.moods, value.unbind(2), strict=True):
            anchor, near, far = group[rows].unbind(1)
            is_known = (anchor >= 0) & (near >= 0) & (far >= 0)
            shares = ((anchor == near).to(value.dtype) - (anchor == far).to(value.dtype)) * is_known
            found = found + of_group.flatten(1).index_select(1, place) * shares
        return found
