import math

import numpy as np
import pytest
import torch

from learning.config import Config
from learning.datasets import NothingToLearn
from learning.networks.topological_vae import DECODER, ENCODER, TopologicalVae, widths
from learning.topological import TopologicalVaeLearner
from tests.learning import releases
from triplets.records import Landmarks
from triplets.synthetic import SCHEME, SCHEME_MIRROR, make_collection

TINY = {"encoder": "12,8", "decoder": "8,12", "n_latent": "3", "dropout_keep": "1", "batch_size": "12",
        "triplet_batch_size": "2", "jitter": "0"}  # fmt: skip


def learner(release=None, **changes):
    torch.manual_seed(0)
    config = Config().with_changes(TINY | changes)
    release = releases.tiny_release(n_train=40) if release is None else release
    return TopologicalVaeLearner(release, config, seed=0, device=torch.device("cpu"))


def slow_closed_form(encoded):
    """E softplus(u) and E u of one triplet, [(mean, deviation)] of r, +, -, number by number; see `learning.losses`."""
    (mu_r, s_r), *others = [(mean.tolist(), deviation.tolist()) for mean, deviation in encoded]
    found = []
    for mu, s in others:
        m = v = 0.0
        for k in range(len(mu)):
            delta, spread = mu_r[k] - mu[k], s_r[k] ** 2 + s[k] ** 2
            m += delta**2 + spread
            v += 2 * spread**2 + 4 * spread * delta**2
        found.append((math.sqrt(m) - v / (8 * m**1.5), v / (4 * m), m))
    (d_plus, v_plus, m_plus), (d_minus, v_minus, m_minus) = found
    shared = sum(
        2 * s_r[k] ** 4 + 4 * s_r[k] ** 2 * (mu_r[k] - others[0][0][k]) * (mu_r[k] - others[1][0][k])
        for k in range(len(mu_r))
    )
    u = d_plus - d_minus
    spread = max(0.0, v_plus + v_minus - 2 * shared / (4 * math.sqrt(m_plus * m_minus)))
    sigmoid = 1 / (1 + math.exp(-u))
    return math.log1p(math.exp(u)) + sigmoid * (1 - sigmoid) * spread / 2, u


def slow_loss(self, step, seed):
    """The loss of learning.losses' docstring, one stimulus, one sample and one triplet at a time.

    Draws the same random numbers in the same order: triplets, stimuli, reconstruction noise, triplet noise.
    """
    generator, objective = torch.Generator().manual_seed(seed), self.config.objective
    training, network = self.config.training, self.network
    n_triplets = training.triplet_batch_size if self.uses_triplets else 0
    is_shared = training.batch == "shared"
    chosen = torch.randint(self.n_train_triplets, (n_triplets,), generator=generator) if n_triplets else []
    triplets = [self.train_triplets["triplets"][t].tolist() for t in chosen]
    if self.is_mirrored and n_triplets:
        flips = torch.randint(2, (n_triplets,), generator=generator).tolist()
        triplets = [[row + flip * len(self.dataset) for row in t] for t, flip in zip(triplets, flips, strict=True)]
    n_more = training.batch_size - (3 * n_triplets if is_shared else 0)
    more = self.train_stimuli[torch.randint(self.n_train, (n_more,), generator=generator)].tolist()
    if self.is_mirrored:
        flips = torch.randint(2, (n_more,), generator=generator).tolist()
        more = [row + flip * len(self.dataset) for row, flip in zip(more, flips, strict=True)]
    batch = ([row for triplet in triplets for row in triplet] if is_shared else []) + more
    noise = torch.randn(objective.n_samples, len(batch), network.n_latent, generator=generator)

    def encode(row):
        mean, log_variance = network.encode(self.x[row], None if self.neutral is None else self.neutral[row])
        return mean, log_variance.exp().sqrt()

    beta = min(1.0, step / self.n_annealing) if self.n_annealing else 1.0
    dims = self.x.shape[1]
    scale = objective.reference_dims / dims if objective.reference_dims else 1.0
    total = 0.0
    for b, row in enumerate(batch):
        mean, deviation = encode(row)
        for sample in range(objective.n_samples):
            z = mean + deviation * noise[sample, b]
            decoded = network.decode(z, None if self.neutral is None else self.neutral[row])
            error = sum(float(self.x[row, d] - decoded[d].detach()) ** 2 for d in range(dims))
            variance = objective.reconstruction_variance
            if objective.variance == "learned":
                variance = math.exp(float(network.log_reconstruction_variance.detach()))
                total += scale * dims / 2 * math.log(variance) / objective.n_samples / len(batch)
            total += scale * error / (2 * variance) / objective.n_samples / len(batch)
        for m, s in zip(mean.tolist(), deviation.tolist(), strict=True):
            total += beta * 0.5 * (m * m + s * s - 1 - math.log(s * s)) / len(batch)
    if n_triplets:
        factor = (beta if objective.annealed == "prior" else 1.0) * self.triplet_weight
        shape = (objective.n_triplet_samples, n_triplets, 3, network.n_latent)
        noise = torch.randn(shape, generator=generator) if objective.triplet_term == "sampled" else None
        for v, triplet in enumerate(triplets):
            encoded = [(mean.detach(), deviation.detach()) for mean, deviation in map(encode, triplet)]
            if noise is None:
                expected, margin = slow_closed_form(encoded)
            else:
                margins = []
                for m in range(objective.n_triplet_samples):
                    anchor, positive, negative = (
                        mean + deviation * noise[m, v, place] for place, (mean, deviation) in enumerate(encoded)
                    )
                    margins.append(float((anchor - positive).norm() - (anchor - negative).norm()))
                margin = sum(margins) / len(margins)
                expected = sum(math.log1p(math.exp(u)) for u in margins) / len(margins)
            columns = {
                name: float(values[chosen[v]]) for name, values in self.train_triplets.items() if values.ndim < 2
            }
            term = columns["weight"] * expected
            if objective.likelihood == "votes":
                n, k = columns["n_votes"], columns["n_positive"]
                term = (n * expected - (n - k) * margin) / self.mean_votes
            total += factor * term / n_triplets
    return total


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch": "separate", "n_samples": "3"},
        {"annealed": "prior", "form": "concatenated"},
        {"uses_neutral": "no", "batch": "separate"},
        {"reference_dims": "0", "vote_weights": "difference", "annealing": "0"},
        {"model": "1"},
        {"model": "2", "n_samples": "2"},
        {"triplet_weight": "0", "topology_variance": "0.04"},
        {"triplet_term": "closed-form"},
        {"triplet_term": "closed-form", "likelihood": "votes", "annealed": "prior"},
        {"likelihood": "votes", "batch": "separate"},
        {"variance": "learned", "reconstruction_variance": "0.02", "n_samples": "2"},
    ],
)
@pytest.mark.parametrize("step", [0, 100, 1400])
def test_a_step_has_the_loss_of_the_definition(changes, step):
    release = releases.tiny_release(n_train=40)
    release.triplets.n_votes[:], release.triplets.n_positive[:] = 5, np.arange(len(release.triplets)) % 3 + 3
    release.triplets.weight[:] = 2 * release.triplets.n_positive - 5
    it = learner(release, **{"triplet_term": "sampled", "n_triplet_samples": "4"} | changes)
    total, terms = it.loss(step, torch.Generator().manual_seed(7))
    assert float(total.detach()) == pytest.approx(slow_loss(it, step, 7), rel=2e-4)
    assert float(terms["loss"]) == float(total.detach())


@pytest.fixture(scope="module")
def synthetic():
    faces = make_collection(2, seed=0)
    stimuli = releases.stimuli(50, subject=[f.subject for f in faces], is_neutral=[f.is_neutral for f in faces])
    points = np.stack([face.landmarks for face in faces])
    rows = np.random.default_rng(0).integers(50, size=(30, 3))
    return releases.release(stimuli, Landmarks(np.arange(50), points, SCHEME), releases.triplets(rows, "train"))


@pytest.mark.parametrize("batch", ["shared", "separate"])
def test_a_step_in_the_mirror_has_the_loss_of_the_definition(synthetic, batch):
    it = learner(synthetic, mirror="yes", batch=batch, triplet_term="sampled", n_triplet_samples="2")
    assert it.is_mirrored and not learner(synthetic, mirror="no").is_mirrored
    total, _ = it.loss(100, torch.Generator().manual_seed(7))
    assert float(total.detach()) == pytest.approx(slow_loss(it, 100, 7), rel=2e-4)


def test_mirrored_faces_are_mirrored_points_of_the_same_subject(synthetic):
    it = learner(synthetic, mirror="yes")
    mean = it.preprocessing.mean
    for tensor in (it.x, it.neutral):
        points = (tensor.numpy() + mean).reshape(100, 83, 3)
        expected = points[:50][:, list(SCHEME_MIRROR)] * [-1, 1, 1]
        np.testing.assert_allclose(points[50:], expected, atol=1e-5)


def test_jitter_disturbs_only_what_the_encoder_reads():
    it, still = learner(jitter="0.5"), learner()
    before = it.x.clone(), it.inputs.clone()
    noisy, plain = (float(who.loss(0, torch.Generator().manual_seed(3))[0].detach()) for who in (it, still))
    assert noisy != plain
    assert torch.equal(it.x, before[0]) and torch.equal(it.inputs, before[1])


def test_closed_form_and_samples_mean_the_same():
    it, sampled = learner(), learner(triplet_term="sampled", n_triplet_samples="1000")
    found = [float(who.loss(0, torch.Generator().manual_seed(3))[1]["triplet"]) for who in (it, sampled)]
    assert found[0] == pytest.approx(found[1], abs=0.03)


def test_the_effective_weight_of_the_published_form_is_triplets_by_stimuli_by_variance():
    it = learner(topology_variance="0.05")
    assert it.n_train_triplets == 40 and it.n_train == 48
    assert it.triplet_weight == pytest.approx(40 / 48 / 0.05)
    assert learner(triplet_weight="7").triplet_weight == 7


def test_vote_differences_are_weights():
    release = releases.tiny_release(n_train=40)
    release.triplets.weight[:4] = [5, 3, 1, 5]
    difference = learner(release, vote_weights="difference").train_triplets["weight"]
    assert difference[:4].tolist() == [5, 3, 1, 5]
    normal = learner(release, vote_weights="normalised").train_triplets["weight"]
    assert float(normal.mean()) == pytest.approx(1) and float(normal[0] / normal[2]) == pytest.approx(5)
    assert set(learner(release, vote_weights="equal").train_triplets["weight"].tolist()) == {1.0}


def test_only_training_data_is_drawn():
    it = learner()
    assert set(it.stimulus_split[it.train_stimuli.numpy()]) == {"train"}
    assert set(it.stimulus_split[it.train_triplets["triplets"].numpy().ravel()]) == {"train"}
    assert set(it.stimulus_split[it.validation_stimuli.numpy()]) == {"validation"}


def test_validation_is_the_same_each_time_and_disturbs_no_random_numbers():
    it = learner(triplet_term="sampled")
    it.network.eval()
    before = torch.get_rng_state()
    assert it.validate() == it.validate()
    assert torch.equal(before, torch.get_rng_state())


def test_validation_bound_is_the_sum_of_its_terms_with_triplets_in_full():
    it = learner(annealed="prior")
    it.network.eval()
    found = it.validate()
    expected = -found["validation_reconstruction"] - found["validation_kl"]
    assert found["validation_elbo"] == pytest.approx(expected - it.triplet_weight * found["validation_triplet"])


@pytest.mark.parametrize("changes", [{}, {"triplet_term": "sampled", "n_triplet_samples": "3", "n_samples": "2"},
                                     {"likelihood": "votes", "variance": "learned"}, {"model": "1"}])  # fmt: skip
def test_the_validation_bound_by_loops(changes):
    it = learner(**changes)
    it.network.eval()
    found, objective = it.validate(), it.config.objective
    encoded = []
    for row in it.validation_stimuli.tolist():
        mean, log_variance = it.network.encode(it.x[row], None if it.neutral is None else it.neutral[row])
        encoded.append((mean.detach(), log_variance.exp().sqrt().detach()))
    total, data = 0.0, it.validation_data.tolist()
    variance = objective.reconstruction_variance  # nothing has been learnt yet
    for b, place in enumerate(data):
        (mean, deviation), row = encoded[place], int(it.validation_stimuli[place])
        for sample in range(objective.n_samples):
            z = mean + deviation * it.data_noise[sample, b]
            decoded = it.network.decode(z, None if it.neutral is None else it.neutral[row]).detach()
            error = float((it.x[row] - decoded).square().sum()) / (2 * variance)
            error += it.x.shape[1] / 2 * math.log(variance) if objective.variance == "learned" else 0.0
            total -= it.scale * error / objective.n_samples / len(data)
        for m, s in zip(mean.tolist(), deviation.tolist(), strict=True):
            total -= 0.5 * (m * m + s * s - 1 - math.log(s * s)) / len(data)
    triplets = it.validation_triplets["triplets"].tolist() if it.uses_triplets else []
    for v, triplet in enumerate(triplets):
        three = [encoded[place] for place in triplet]
        if objective.triplet_term == "closed-form":
            expected, margin = slow_closed_form(three)
        else:
            margins = []
            for m in range(objective.n_triplet_samples):
                r, p, n = (mean + s * it.triplet_noise[m, v, k] for k, (mean, s) in enumerate(three))
                margins.append(float((r - p).norm() - (r - n).norm()))
            margin = sum(margins) / len(margins)
            expected = sum(math.log1p(math.exp(u)) for u in margins) / len(margins)
        columns = {name: float(values[v]) for name, values in it.validation_triplets.items() if values.ndim < 2}
        term = columns["weight"] * expected
        if objective.likelihood == "votes":
            n_votes, n_positive = columns["n_votes"], columns["n_positive"]
            term = (n_votes * expected - (n_votes - n_positive) * margin) / it.mean_votes
        total -= it.triplet_weight * term / len(triplets)
    assert found["validation_elbo"] == pytest.approx(total, rel=2e-4)


def test_without_validation_stimuli_the_training_stimuli_stand_in():
    release = releases.tiny_release(n_train=40)
    release.stimuli.split[:] = ""
    release.triplets.split[:] = np.where(np.arange(len(release.triplets)) % 3 == 0, "test", "train")
    it = learner(release)
    assert it.split.split_by == "triplet" and it.split.is_carved
    assert len(it.validation_data) == it.n_train == len(release.stimuli)


def test_model_3_needs_triplets_and_the_others_do_not():
    release = releases.tiny_release(n_train=40)
    release.triplets.split[:] = np.where(release.triplets.split == "train", "none", release.triplets.split)
    with pytest.raises(NothingToLearn, match="no training triplet"):
        learner(release)
    assert learner(release, model="2").evaluate()["satisfied_train"] is None


def test_widths_follow_the_size_of_a_face():
    assert widths(ENCODER, 249) == widths(ENCODER, 1434) == ENCODER
    assert widths((240, 120, 60), 136) == (131, 66, 33) and widths(DECODER, 20) == (32, 32)
    network = TopologicalVae(10, has_neutral=True)
    assert network.body[0].in_features == 20 and network.decoder[0].in_features == 40


@pytest.mark.parametrize("has_neutral", [True, False])
@pytest.mark.parametrize("is_residual", [True, False])
def test_forms(has_neutral, is_residual):
    network = TopologicalVae(
        4, has_neutral=has_neutral, is_residual=is_residual, encoder=(5,), decoder=(5,), n_latent=2
    )
    network.eval()
    x, y, z = torch.randn(3, 4), torch.randn(3, 4), torch.randn(7, 3, 2)
    inputs = network.inputs(x, y if has_neutral else None)
    decoded = network.decode(z, y if has_neutral else None)
    assert decoded.shape == (7, 3, 4)
    if not has_neutral:
        assert torch.equal(inputs, x)
        return
    assert torch.equal(inputs, torch.cat([x - y if is_residual else x, y], dim=1))
    plain = network.decoder(torch.cat([z[2], y], dim=1))
    torch.testing.assert_close(decoded[2], plain + y if is_residual else plain)


def test_log_variance_is_kept_in_its_limits():
    network = TopologicalVae(4, has_neutral=False, encoder=(5,), decoder=(5,), n_latent=2).eval()
    torch.nn.init.constant_(network.log_variance.bias, 100)
    assert float(network.encode(torch.zeros(1, 4))[1].detach().max()) == 4
    torch.nn.init.constant_(network.log_variance.bias, -100)
    assert float(network.encode(torch.zeros(1, 4))[1].detach().min()) == -10


def test_weights_start_glorot_uniform_without_bias():
    network = TopologicalVae(100, has_neutral=False)
    first = network.body[0]
    assert float(first.weight.abs().max()) <= math.sqrt(6 / sum(first.weight.shape))
    assert float(first.weight.std()) == pytest.approx(math.sqrt(2 / sum(first.weight.shape)), rel=0.05)
    assert not first.bias.any() and not network.mean.bias.any()
