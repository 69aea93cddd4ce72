import math
from functools import partial

import numpy as np
import pytest
import torch

from learning import dimensions, embedding, judgements, ordinal_losses
from learning.checkpoints import CheckpointDamaged, load_checkpoint
from learning.config import Config, ConfigInvalid
from learning.datasets import NothingToLearn
from learning.networks.ordinal import AnnotatorEmbedding, OrdinalEmbedding, alternating, graded, markov_steps
from learning.recipes import recipe
from learning.resumption import FolderTaken
from learning.splits import split_release
from learning.training import train_release
from tests.learning import judged, releases
from triplets import geometry

LOSSES = {
    "bradley-terry": ordinal_losses.bradley_terry,
    "t-ste": partial(ordinal_losses.t_ste, degrees=3.0),
    "soe": partial(ordinal_losses.soft_ordinal, margin=1.0),
}


def config(name, **changes) -> Config:
    return recipe(name).config.with_changes({"device": "cpu"} | {key: str(value) for key, value in changes.items()})


def rows_of(n, v, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(np.array([rng.choice(n, 3, replace=False) for _ in range(v)]))


def random_network(n=7, people=3, n_latent=2, members=2, groups=((0, 0, 1, 1, 2, 2, -1),), seed=0, **how):
    torch.manual_seed(seed)
    how.setdefault("is_city", torch.arange(members) % 2 == 1)
    network = AnnotatorEmbedding(n, people, n_latent, members, torch.tensor(groups).reshape(len(groups), n), **how)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    return network.double()


# Losses ---------------------------------------------------------------------------------------------


def slow(name, near, far):
    """The definitions, one judgement at a time."""
    if name == "bradley-terry":
        return -math.log(math.exp(-near) / (math.exp(-near) + math.exp(-far)))
    if name == "t-ste":
        kernel = [(1 + d / 3) ** (-(3 + 1) / 2) for d in (near, far)]
        return -math.log(kernel[0] / sum(kernel))
    return max(0.0, 1 + math.sqrt(near) - math.sqrt(far)) ** 2


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_their_definitions(name):
    near, far = torch.from_numpy(np.random.default_rng(1).uniform(0, 6, size=(2, 40)))
    found = LOSSES[name](near, far)
    expected = [slow(name, a, b) for a, b in zip(near.tolist(), far.tolist(), strict=True)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.double), rtol=1e-6, atol=1e-8)
    by_name = ordinal_losses.judgement_loss(name, near, far, degrees=3.0, margin=1.0)
    assert torch.equal(by_name, found)


@pytest.mark.parametrize("v", [9, 60])  # one by one, all pairs
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_and_distances_are_right(name, v):
    network, rows = random_network(members=2, people=2, n=5, groups=((0, 0, 1, 1, -1),)), rows_of(5, v)
    people, network.squared_share = torch.arange(v) % 2, 0.5
    network.requires_grad_(True)
    parameters = dict(network.named_parameters())

    def loss(*values):
        near, far = torch.func.functional_call(
            Distances(network), dict(zip([f"network.{k}" for k in parameters], values, strict=True)), (rows, people)
        )
        return LOSSES[name](near, far).sum()

    torch.autograd.gradcheck(loss, tuple(value.detach().requires_grad_() for value in parameters.values()))


class Distances(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, rows, people):
        return self.network.squared_distances(rows, people)


# Networks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.3])  # of squares in city-block differences, while they are fitted
@pytest.mark.parametrize("v", [3, 400])  # few judgements are looked up one by one, many in all pairs
def test_distances_equal_their_definition(v, share):
    network, rows = random_network(), rows_of(7, v)
    network.squared_share = share
    people = torch.arange(v) % 4 - 1
    near, far = (distance.detach() for distance in network.squared_distances(rows, people))
    attention, consistency = network.attention().detach(), network.consistency().detach()
    spacing = torch.nn.functional.softplus(network.spacing).detach()
    group = network.groups[0].tolist()
    for m in range(2):
        for i in range(0, v, max(1, v // 25)):
            a = int(people[i])
            w = attention[m, a] if a >= 0 else torch.ones(3, dtype=torch.double)
            for found, other in ((near, int(rows[i, 1])), (far, int(rows[i, 2]))):
                anchor = int(rows[i, 0])
                step = (network.coordinates[m, anchor] - network.coordinates[m, other]).detach()
                expected = sum(
                    float(w[k] * (share * step[k] ** 2 + (1 - share) * step[k].abs() if m else step[k] ** 2))
                    for k in range(2)
                )
                halves = (group[anchor] >= 0) + (group[other] >= 0)  # an unknown group lies half as far from any other
                if group[anchor] != group[other]:
                    expected += float(w[2] * spacing[m, 0]) * halves / 2
                expected *= float(consistency[m, a]) if a >= 0 else 1.0
                assert float(found[m, i]) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("n_city", [0, 1, 3])
def test_one_space_holds_all_members(n_city):
    network = random_network(members=3, is_city=torch.arange(3) < n_city)
    points, rows = network.points(), rows_of(7, 60)
    near, far = (d.mean(dim=0).detach() for d in network.squared_distances(rows))
    apart = [(points[rows[:, 0]] - points[rows[:, place]]).square().sum(-1).double() for place in (1, 2)]
    torch.testing.assert_close(apart[0], near, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(apart[1], far, rtol=1e-4, atol=1e-5)
    variance = points.var(dim=0)
    assert (variance[:-1] >= variance[1:]).all() and points.shape[1] <= 6


def test_log_odds_equal_their_definition():
    moods, steps = torch.tensor([[0, 1, 0, 1, 0, -1, 0], [0, 0, 0, 1, 1, 1, 1]]), markov_steps(torch.arange(5) / 2)
    how = {"moods": moods, "mood_steps": 0.5 * steps, "n_periods": torch.tensor([5, 3, 1])}
    network = random_network(members=2, **how).requires_grad_(False)
    rows, people, period = rows_of(7, 40), torch.arange(40) % 4 - 1, torch.arange(40) % 6 - 1
    covariance = 0.25 * torch.tensor([[math.exp(-abs(s - t) / 2) for s in range(5)] for t in range(5)])
    torch.testing.assert_close(network.mood_steps @ network.mood_steps.T, covariance.double(), atol=1e-6, rtol=0)
    rng = np.random.default_rng(3)
    circumstances, hesitation = (
        torch.from_numpy(rng.choice([-1.0, 0, 1], (40, 2))),
        torch.from_numpy(rng.normal(size=40)),
    )
    found = network.log_odds(rows, people, circumstances, period, hesitation).detach()
    near, far = (distance.detach() for distance in network.squared_distances(rows, people))
    for m in range(2):
        blur = math.log1p(math.exp(float(network.blur[m])))
        for v in range(40):
            a, n, f = int(people[v]), float(near[m, v]), float(far[m, v])
            pace = float(network.pace[m, a]) if a >= 0 else 0.3
            expected = (f - n) / (1 + blur * (f + n)) * math.exp(-pace * float(hesitation[v]))
            if a >= 0:  # the group has no habits
                expected += sum(float(network.habits[m, a, k] * circumstances[v, k]) for k in range(2))
            if a >= 0 and period[v] >= 0:
                for g, of in enumerate(moods.tolist()):
                    reference, chosen, other = (of[row] for row in rows[v].tolist())
                    shares = 0 if -1 in (reference, chosen, other) else (reference == chosen) - (reference == other)
                    walk = network.mood_steps @ network.mood[m, a, g]
                    expected += shares * float(walk[period[v]] - walk[: (5, 3, 1)[a]].mean())
            assert float(found[m, v]) == pytest.approx(expected, rel=1e-6)
    unanswered = network.log_odds(rows, people, circumstances, period)
    torch.testing.assert_close(unanswered, network.log_odds(rows, people, circumstances, period, torch.zeros(40)))


def test_members_of_every_size_compare_in_both_ways():
    size, is_city = graded(8, 32), alternating(32)
    assert all(is_city[size == one].float().mean() == 0.5 for one in (4, 6, 8, 10))
    assert alternating(2).tolist() == [False, True]


def test_members_of_sizes_of_their_own_use_no_more_dimensions():
    assert graded(8, 5).tolist() == [4, 6, 8, 10, 4] and graded(1, 4).tolist() == [1, 1, 1, 1]
    network = random_network(n_latent=4, members=4, groups=(), sizes=graded(4, 4))
    assert network.n_latent == 4 and network.coordinates.shape == (4, 7, 5)
    for member, size in enumerate((2, 3, 4, 5)):
        assert torch.linalg.matrix_rank(network.space()[member]) == size
        assert torch.equal(network.space()[member, :, :size], network.coordinates[member, :, :size])


def test_new_annotators_see_as_the_group_does():
    network = AnnotatorEmbedding(5, 2, 2)
    rows = rows_of(5, 200)
    everybody = OrdinalEmbedding.squared_distances(network, rows)[0]
    for person in (0, 1, -1):
        torch.testing.assert_close(network.squared_distances(rows, torch.full((200,), person))[0], everybody)


# Recovery -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return judged.crowd(tmp_path_factory.mktemp("people") / "release")


@pytest.mark.parametrize("name", LOSSES)
def test_a_known_embedding_is_found_again(tmp_path, name):
    release, points, _ = judged.crowd(tmp_path / "release", weights=[[1.0, 1.0]], n_each=2000, n_test=500)
    result = train_release(
        release,
        config("ordinal-embedding", judgement_loss=name, n_latent=2, ridge=1, degrees=10),
        seed=0,
        out=tmp_path / "run",
    )
    assert result.satisfied_test > 0.95
    found = embedding.embed(load_checkpoint(result.checkpoint), release)
    assert found.log_variance is None and len(found) == len(points)
    pairs = np.triu_indices(len(points), 1)
    apart = [np.linalg.norm(x[pairs[0]] - x[pairs[1]], axis=1) for x in (points, found.mean)]
    assert np.corrcoef(*apart)[0, 1] > 0.95
    assert geometry.satisfied_fraction(found.mean, release.triplets.where(release.triplets.split == "test").rows) == (
        pytest.approx(result.satisfied_test)
    )


def test_people_who_add_up_differences_are_found_by_city_block_distances(tmp_path):
    satisfied = {}
    for power in (1, 2):
        how = {"weights": [[1.0, 1.0]], "n_each": 3000, "n_test": 2000, "power": power}
        release, points, _ = judged.crowd(tmp_path / f"release{power}", **how)
        for distance in ("squared", "city-block"):
            out = tmp_path / f"{distance}{power}"
            changes = {"distance": distance, "n_latent": 2, "ridge": 0.3}
            result = train_release(release, config("ordinal-embedding", **changes), seed=0, out=out)
            satisfied[distance, power] = result.satisfied_test
            network = load_checkpoint(result.checkpoint).network
            assert bool(network.is_city.all()) == (distance == "city-block") and network.squared_share == 0
            if distance == "city-block" and power == 1:
                aligned = np.abs(np.corrcoef(network.coordinates[0].T, points.T)[:2, 2:])
                assert aligned.max(axis=0).min() > 0.97  # the axes, too, are those of the truth
    assert satisfied["city-block", 1] > max(0.97, satisfied["squared", 1] + 0.015)
    assert satisfied["squared", 2] > max(0.97, satisfied["city-block", 2] + 0.005)


def test_known_weights_of_annotators_are_found_again(people, tmp_path):
    release, points, weights = people
    changes = {"n_latent": 2, "n_members": 4, "member_sizes": "equal", "ridge": 1, "weight_shrinkage": 0.5}
    result = train_release(release, config("annotator-embedding", **changes), seed=0, out=tmp_path)
    metrics = result.metrics
    assert metrics["n_responses_test"] == 600 and metrics["n_annotators"] == 4
    assert metrics["satisfied_test_conditional"] > 0.93
    assert metrics["satisfied_test_conditional"] > metrics["satisfied_test_pooled"] + 0.06
    network = load_checkpoint(result.checkpoint).network
    attention, n_right = network.attention().numpy(), 0
    for member in range(4):
        axes = network.coordinates[member].numpy()
        match = np.abs(np.corrcoef(axes.T, points.T)[:2, 2:]).argmax(axis=1)
        share = attention[member] / attention[member].sum(axis=1, keepdims=True)
        true = weights[:, match] / weights.sum(axis=1, keepdims=True)
        n_right += sorted(match) == [0, 1] and np.corrcoef(share[:, 0], true[:, 0])[0, 1] > 0.9
    assert n_right >= 3  # a member may begin between the axes and stay there


def test_strong_shrinkage_makes_everybody_the_group(people, tmp_path):
    release, _, _ = people
    result = train_release(
        release, config("annotator-embedding", n_latent=2, n_members=4, weight_shrinkage=1e5), seed=0, out=tmp_path
    )
    attention = load_checkpoint(result.checkpoint).network.attention()
    assert float((attention - 1).abs().max()) < 0.02
    metrics = result.metrics
    assert abs(metrics["satisfied_test_conditional"] - metrics["satisfied_test_pooled"]) < 0.02


def test_all_of_a_members_judgements_in_batches_give_the_same_answer(people, tmp_path):
    result = train_release(
        people[0], config("annotator-embedding", n_latent=2, n_members=4, triplet_batch_size=400), seed=0, out=tmp_path
    )
    assert result.metrics["satisfied_test_conditional"] > 0.9


def test_dimensions_are_as_many_as_there_are(tmp_path):
    release, _, _ = judged.crowd(tmp_path / "release", weights=[[1.0, 1.0]], n_each=800, n_test=200, noise=0.3)
    result = train_release(release, config("ordinal-embedding", n_steps=150), seed=0, out=tmp_path / "run")
    metrics = result.metrics
    assert metrics["n_latent"] == 2 and metrics["satisfied_test"] > 0.85
    tried = metrics["dimensions_tried"]
    assert [entry["n_latent"] for entry in tried][:3] == [1, 2, 3]
    assert tried[0]["excess"] > 3 * tried[0]["error"]  # one dimension is clearly too few
    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.network.n_latent == 2 and checkpoint.config.network.n_latent == 0
    assert len(embedding.embed(checkpoint, release)) == 24


def test_habits_of_people_are_found(tmp_path):
    release, _, _ = judged.crowd(tmp_path / "release", weights=np.ones((3, 2)), n_test=300, noise=1.0,
                                 habits=[[0.0, 0.0], [1.5, 0.0], [0.0, -1.5]])  # fmt: skip
    result = train_release(
        release, config("annotator-embedding", n_latent=2, n_members=4), seed=0, out=tmp_path / "run"
    )
    habits = load_checkpoint(result.checkpoint).network.habits.mean(dim=0)
    assert habits[0].abs().max() < 0.4
    assert habits[1, 0] > 0.7 and abs(habits[1, 1]) < 0.4
    assert habits[2, 1] < -0.7 and abs(habits[2, 0]) < 0.4
    metrics = result.metrics
    assert metrics["satisfied_test_conditional"] > metrics["satisfied_test_without_habits"] + 0.015


# The loop ---------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


@pytest.mark.parametrize("name", ["ordinal-embedding", "annotator-embedding"])
def test_a_killed_training_goes_on_and_ends_the_same(people, tmp_path, name):
    how = {"n_steps": 60, "validate_every": 20, "save_every": 0, "triplet_batch_size": 300, "selection": "loss"}
    told = config(name, **how, n_latent=3, n_members=3)
    whole = train_release(people[0], told, seed=3, out=tmp_path / "whole")
    asked = []

    def kill():
        asked.append(1)
        if len(asked) > 37:
            raise Killed
        return False

    with pytest.raises(Killed):
        train_release(people[0], told, seed=3, out=tmp_path / "killed", should_stop=kill)
    resumed = train_release(people[0], told, seed=3, out=tmp_path / "killed")
    assert resumed.metrics == whole.metrics and resumed.curve == whole.curve
    pair = [load_checkpoint(result.checkpoint).network.state_dict() for result in (whole, resumed)]
    assert all(torch.equal(pair[0][key], pair[1][key]) for key in pair[0])


def test_what_an_earlier_version_wrote_is_named_not_read(people, tmp_path, monkeypatch):
    """Before people had habits, moods and a pace: `AnnotatorEmbedding` as it was, in a checkpoint and in a state."""
    told = config("annotator-embedding", n_steps=8, n_latent=2, n_members=2, save_every=0)
    then_unknown = ("habits", "blur", "pace", "mood", "dimensions")

    class Earlier(AnnotatorEmbedding):
        def state_dict(self, *args, **kwargs):
            state = super().state_dict(*args, **kwargs)
            return {name: value for name, value in state.items() if name not in then_unknown}

        def load_state_dict(self, state, strict=True, **kwargs):
            return super().load_state_dict(state, strict=False, **kwargs)

    asked = iter([False] * 5)
    with monkeypatch.context() as then:
        then.setattr("learning.checkpoints.AnnotatorEmbedding", Earlier)
        old = train_release(people[0], told, seed=3, out=tmp_path / "old").checkpoint
        with pytest.raises(StopIteration):
            train_release(people[0], told, seed=3, out=tmp_path / "cut", should_stop=lambda: next(asked))
    with pytest.raises(
        CheckpointDamaged,
        match=r"had no blur, dimensions, habits, mood, pace: train it again",
    ):
        load_checkpoint(old)
    with pytest.raises(FolderTaken, match="of a network that this version builds otherwise: choose another folder"):
        train_release(people[0], told, seed=3, out=tmp_path / "cut")


def test_settings_of_other_kinds_are_refused(people, tmp_path):
    with pytest.raises(ConfigInvalid, match="elbo"):
        train_release(people[0], config("ordinal-embedding", selection="elbo"), seed=0, out=tmp_path)
    with pytest.raises(ConfigInvalid, match="judgement_loss"):
        config("annotator-embedding", judgement_loss="soe")


# Judgements -------------------------------------------------------------------------------------------


def test_gold_practice_and_excluded_people_are_left_out(tmp_path):
    stimuli = releases.stimuli(4)
    rows = [[0, 1, 2]] * 6
    table = judged.responses_table(
        stimuli.key, rows, [True, False, True, True, True, True], ["a", "b", "c", "d", "e", "a"], "train",
        role=["ordinary", "shared", "gold", "practice", "ordinary", "ordinary"],
        is_counted=[True, True, True, True, False, True], question=[5, 5, 6, 7, 5, 5],
    )  # fmt: skip
    found = judgements.triplet_responses(judged.write(tmp_path / "r", stimuli, releases.triplets([], []), table))
    assert found.annotator.tolist() == ["a", "b", "a"]
    assert found.rows.tolist() == [[0, 1, 2], [0, 2, 1], [0, 1, 2]]
    assert found.question.tolist() == [5, 5, 5]


def test_validation_takes_whole_questions_ties_among_them(tmp_path):
    stimuli = releases.stimuli(30)
    rng = np.random.default_rng(0)
    asked = np.array([rng.choice(30, 3, replace=False) for _ in range(200)])
    question = np.repeat(np.arange(200), 2)
    is_tie = np.arange(200) % 2 == 0
    chose_first = np.ones(400, bool)
    chose_first[1::2] = ~is_tie
    table = judged.responses_table(stimuli.key, asked[question], chose_first, ["a", "b"] * 200, "train",
                                   question=question)  # fmt: skip
    settled = releases.triplets(asked[~is_tie], "train", n_votes=[2] * 100, n_positive=[2] * 100)
    object.__setattr__(settled, "question", np.flatnonzero(~is_tie))
    release = judged.write(tmp_path / "r", stimuli, settled, table)
    split = split_release(release, seed=1, validation_share=0.2)
    found = judgements.divide(judgements.triplet_responses(release), release, split, seed=1, validation_share=0.2)
    held = np.unique(found.question[found.split == "validation"])
    assert len(held) == 40 and is_tie[held].sum() == 20
    assert np.isin(found.question, held).sum() == (found.split == "validation").sum() == 80
    assert set(settled.question[split.triplet == "validation"]) <= set(held.tolist())


def test_moods_of_people_are_found(tmp_path):
    """People of whom each goes by the group alone while in the mood, then against it, then by what they see again."""
    rng = np.random.default_rng(0)
    n, n_each, people = 24, 700, 3
    points, kinds = rng.normal(size=(n, 2)), np.arange(n) % 3
    rows = np.array([rng.choice(n, 3, replace=False) for _ in range(people * n_each)])
    moment = np.arange(len(rows)) % n_each
    far, near = (((points[rows[:, 0]] - points[rows[:, place]]) ** 2).sum(1) for place in (2, 1))
    shares = (kinds[rows[:, 0]] == kinds[rows[:, 1]]).astype(float) - (kinds[rows[:, 0]] == kinds[rows[:, 2]])
    mood = np.where(moment < 200, 4.0, np.where(moment < 400, -4.0, 0.0))
    chose_first = far - near + mood * shares + rng.logistic(size=len(rows)) > 0
    stimuli = releases.stimuli(n, extra={"sex": np.array([f"s{kind}" for kind in kinds])})
    split = np.where(rng.random(len(rows)) < 0.25, "test", "train")
    names = [f"a{person}" for person in np.repeat(np.arange(people), n_each)]
    table = judged.responses_table(stimuli.key, rows, chose_first, names, split)
    verdicts = np.where(chose_first[:, None], rows, rows[:, [0, 2, 1]])
    release = judged.write(tmp_path / "r", stimuli, releases.triplets(verdicts, split), table)
    how = {"n_latent": 2, "n_members": 4, "member_sizes": "equal", "n_steps": 150, "mood_spread": 1}
    result = train_release(release, config("annotator-embedding", **how), seed=0, out=tmp_path / "run")
    checkpoint = load_checkpoint(result.checkpoint)
    known, network = checkpoint.preprocessing, checkpoint.network
    assert known.mood_names == ("sex",) and (known.n_periods.tolist(), known.period) == ([64] * 3, 11)
    found = network.moods_by_period().mean(dim=(0, 1))[0].numpy()
    middle = (np.arange(64) + 0.5) * 11
    for inside, sign in (((20, 180), 1), ((220, 380), -1)):
        assert (sign * found[(middle > inside[0]) & (middle < inside[1])]).mean() > 1
    assert abs(found[middle > 450].mean()) < 0.5
    metrics = result.metrics
    assert metrics["satisfied_test_conditional"] > metrics["satisfied_test_without_habits"] + 0.03


def several(**changes) -> judgements.Responses:
    n = 6
    known = {"rows": np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [0, 1, 2], [2, 0, 1], [0, 1, 2]]),
             "annotator": np.array(list("aabaab")), "question": np.arange(n),
             "split": np.array(["train", "train", "train", "test", "test", "test"]),
             "side": np.array([1, -1, 1, 1, -1, 0]),
             "milliseconds": np.array([1000.0, 4000, 500, 2000, np.nan, 50000])}  # fmt: skip
    return judgements.Responses(**known | changes)


def test_the_answer_before_counts_only_where_it_was_trained_on():
    # a answers 0, 1, 3, 4 and b 2, 5; the fourth of a follows a test answer, and where b's second was is unknown.
    expected = [[1, 0], [-1, -1], [1, 0], [1, -1], [-1, 0], [0, 0]]
    assert several().circumstances().tolist() == expected


def test_moments_count_a_persons_own_responses():
    assert several().moment().tolist() == [0, 1, 0, 2, 3, 1]


def test_hesitation_is_the_time_taken_over_a_persons_usual_one():
    found = several().hesitation()
    median = (math.log(1000) + math.log(4000)) / 2
    expected = [math.log(1000) - median, math.log(4000) - median, 0, math.log(2000) - median, 0, 1.5]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not several(milliseconds=np.full(6, np.nan)).hesitation().any()


def test_questions_that_somebody_has_answered_in_training_are_known():
    assert several().asked_before().tolist() == [True, True, True, True, False, False]


def test_sides_are_read_from_a_release(tmp_path):
    stimuli = releases.stimuli(3)
    table = judged.responses_table(stimuli.key, [[0, 1, 2]] * 4, [True, True, False, False], "a", "train",
                                   is_first_left=[True, False, True, None], ms=[900, None, 800, 700])  # fmt: skip
    found = judgements.triplet_responses(judged.write(tmp_path / "r", stimuli, releases.triplets([], []), table))
    assert found.side.tolist() == [1, -1, -1, 0]
    np.testing.assert_array_equal(found.milliseconds, [900, np.nan, 800, 700])


# Dimensions -------------------------------------------------------------------------------------------


def test_the_fewest_dimensions_within_one_standard_error_are_chosen():
    asked, rng = [], np.random.default_rng(0)
    noise = rng.normal(size=400)
    mean = {1: 0.5, 2: 0.304, 3: 0.3, 4: 0.35, 6: 0.36, 8: 0.1}

    def costs_of(n_latent):
        asked.append(n_latent)
        own = 0.1 * rng.normal(size=400)
        return mean[n_latent] + noise + own - own.mean()

    choice = dimensions.choose(costs_of, sorted(mean))
    assert asked == [1, 2, 3, 4, 6]  # two worse ones in a row end the trial, so 8 is never seen
    assert choice.n_latent == 2
    third = choice.tried[2]
    assert third["excess"] == third["error"] == 0.0
    # Paired: what all judgements share does not count as uncertainty.
    assert choice.tried[1]["error"] < 0.03 < noise.std() / 20


def test_too_few_judgements_to_try_leave_one_dimension():
    assert dimensions.choose(lambda n_latent: np.zeros(1)).n_latent == 1


def test_stimuli_that_training_never_met_are_not_embedded(tmp_path):
    stimuli = releases.stimuli(6)
    triplets = releases.triplets([[0, 1, 2], [2, 1, 0], [3, 1, 0], [4, 5, 0]], ["train", "train", "test", "test"])
    release = releases.release(stimuli, None, triplets)
    result = train_release(release, config("ordinal-embedding", n_steps=5), seed=0, out=tmp_path)
    assert result.satisfied_test is None and result.metrics["n_triplets_test"] == 0
    checkpoint = load_checkpoint(result.checkpoint)
    assert embedding.embed(checkpoint, release).row.tolist() == [0, 1, 2]
    strangers = releases.stimuli(3)
    object.__setattr__(strangers, "key", np.array(["x", "y", "z"]))
    with pytest.raises(NothingToLearn, match="none of the 3 stimuli"):
        embedding.embed(checkpoint, releases.release(strangers, None, triplets))


def test_what_is_missing_is_said(tmp_path):
    release = releases.release(releases.stimuli(4), None, releases.triplets([[0, 1, 2]], "test"))
    with pytest.raises(NothingToLearn, match="no settled training triplet"):
        train_release(release, config("ordinal-embedding"), seed=0, out=tmp_path / "a")
    with pytest.raises(NothingToLearn, match="no counted training response"):
        train_release(release, config("annotator-embedding"), seed=0, out=tmp_path / "b")


def test_groups_are_those_that_tell_stimuli_apart():
    stimuli = releases.stimuli(
        4, subject=["p", "p", "q", ""], extra={"own": np.array(list("abcd")), "sex": np.array(["f"] * 4)}
    )
    release = releases.release(stimuli, None, releases.triplets([], []))
    known = judgements.known_stimuli(
        release, np.array([[0, 1, 2], [3, 1, 0]]), ["b", "a", "b"], "subject, own,sex,none"
    )
    assert known.group_names == ("subject",) and known.groups.tolist() == [[1, 1, 2, -1]]
    assert known.annotators == ("a", "b")
    assert (known.mood_names, known.moods.shape, known.n_periods.tolist()) == ((), (0, 4), [1, 1])
    crowd = {str(k): 5 for k in range(99)} | {"a": 1000}
    moved = judgements.known_stimuli(release, np.array([[0, 1, 2]]), crowd, "", "subject", crowd)
    assert moved.period == 334 and moved.n_periods.sum() == 102
    for most, expected in ((1, (1, 10)), (10, (1, 10)), (11, (2, 10)), (640, (64, 10)), (1012, (64, 16))):
        given = {"a": most, "b": 1}
        moved = judgements.known_stimuli(release, np.array([[0, 1, 2]]), "ab", "", "subject", given)
        assert moved.mood_names == ("subject",)
        assert (moved.n_periods.tolist(), moved.period) == ([expected[0], 1], expected[1])
        again = judgements.KnownStimuli.restored(moved.described(), moved.arrays())
        assert again.described() == moved.described()
        assert all(np.array_equal(values, again.arrays()[name]) for name, values in moved.arrays().items())
    assert known.positions(["k2", "new"]).tolist() == [2, -1]
