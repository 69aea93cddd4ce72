"""The topological VAE as the training loop sees it: batches, the loss of a step, the score of a network."""

import math

import numpy as np
import torch
from torch import Tensor

from learning import compiled, dropout, losses
from learning.checkpoints import as_numpy, build_network
from learning.config import Config
from learning.datasets import NothingToLearn, landmark_dataset
from learning.distribution import ALONE
from learning.splits import split_release
from triplets import geometry
from triplets.archive import Release
from triplets.records import SPLITS

#: The ELBO that chooses the best step is taken over at most this many validation stimuli, evenly spaced.
_MAX_VALIDATED = 4096
_VALIDATION_NOISE = 20170601
_ENCODED_AT_ONCE = 8192


class TopologicalVaeLearner:
    """Models 1, 2 and 3 on one release. See `learning.training.Learner` for what the loop calls.

    Everything is converted to tensors on the device once; a step then only indexes.
    """

    share = ALONE

    def __init__(self, release: Release, config: Config, *, seed: int, device: torch.device):
        self.device = device
        network, training = config.network, config.training
        self.split = split_release(release, seed=seed, validation_share=training.validation_share)
        uses_neutral = "no" if network.model == 1 else network.uses_neutral
        self.dataset = dataset = landmark_dataset(release, split=self.split, uses_neutral=uses_neutral)
        self.preprocessing = dataset.preprocessing
        self.network = build_network(config, dataset.preprocessing).to(device)

        self.stimulus_split = self.split.stimulus[dataset.row]
        self.triplet_split = self.split.triplet[dataset.triplet_row]
        train, train_t = self.stimulus_split == "train", self.triplet_split == "train"
        if not train.any():
            raise NothingToLearn(f"release {release.path} has no training stimulus with landmarks")
        self.uses_triplets = network.model == 3
        if self.uses_triplets and not train_t.any():
            raise NothingToLearn(
                f"release {release.path} has no training triplet whose three stimuli are usable: "
                "train model 2 (--set model=2), or settle more questions"
            )
        self.n_train, self.n_train_triplets = int(train.sum()), int(train_t.sum())
        self.configure(config)
        #: `loss_of`, or what does the same with fewer kernels.
        self.step_loss = self.loss_of
        self._to_device(release, train, train_t)

    def configure(self, config: Config) -> None:
        """Take the weights of the loss from a configuration that asks for the same data and network."""
        self.config, objective = config, config.objective
        self.triplet_weight = objective.triplet_weight
        if objective.topology_variance > 0:
            self.triplet_weight = self.n_train_triplets / self.n_train / objective.topology_variance
        self.n_annealing = objective.annealing * (config.training.n_steps if objective.annealing <= 1 else 1)
        #: The reconstruction term of D numbers counts as if there were `reference_dims` of them.
        self.scale = objective.reference_dims / self.dataset.x.shape[1] if objective.reference_dims else 1.0

    def _to_device(self, release: Release, train, train_t) -> None:
        dataset, rows = self.dataset, self.dataset.triplet_row
        self.x = torch.from_numpy(dataset.x).to(self.device)
        self.neutral = None if dataset.neutral is None else torch.from_numpy(dataset.neutral).to(self.device)
        self.inputs = self.network.inputs(self.x, self.neutral)
        self._add_mirrored()
        n_votes = np.maximum(release.triplets.n_votes[rows], 1).astype(np.float32)
        weight = self._weights(release.triplets.weight[rows].astype(np.float32), train_t)
        self.mean_votes = float(n_votes[train_t].mean()) if train_t.any() else 1.0
        columns = {
            "triplets": dataset.triplets,
            "weight": weight,
            "n_votes": n_votes,
            "n_positive": release.triplets.n_positive[rows].astype(np.float32),
        }
        every = {name: torch.from_numpy(values).to(self.device) for name, values in columns.items()}
        self.train_triplets = {name: values[torch.from_numpy(train_t)] for name, values in every.items()}
        self.train_stimuli = torch.from_numpy(np.flatnonzero(train)).to(self.device)
        self._prepare_validation(every)

    def _add_mirrored(self) -> None:
        """Append the mirrored faces, so that row i of a mirrored stimulus is row n_faces + i."""
        dataset = self.dataset
        self.n_faces = len(dataset)
        self.is_mirrored = self.config.training.mirror == "yes" and dataset.mirrored_x is not None
        if not self.is_mirrored:
            return
        x, neutral = torch.from_numpy(dataset.mirrored_x).to(self.device), None
        if self.neutral is not None:
            neutral = torch.from_numpy(dataset.mirrored_neutral).to(self.device)
            self.neutral = torch.cat([self.neutral, neutral])
        self.x = torch.cat([self.x, x])
        self.inputs = torch.cat([self.inputs, self.network.inputs(x, neutral)])

    def _weights(self, weight: np.ndarray, train_t: np.ndarray) -> np.ndarray:
        how = self.config.objective.vote_weights
        if how == "equal":
            return np.ones_like(weight)
        if how == "normalised" and train_t.any() and weight[train_t].mean() > 0:
            return weight / weight[train_t].mean()
        return weight

    def _prepare_validation(self, every: dict[str, Tensor]) -> None:
        """Fix what the ELBO is taken over: validation stimuli, or training stimuli where there are none."""
        stimuli = np.flatnonzero(self.stimulus_split == "validation")
        if not len(stimuli):
            stimuli = np.flatnonzero(self.stimulus_split == "train")
        stimuli = stimuli[:: -(-len(stimuli) // _MAX_VALIDATED)]
        chosen = np.flatnonzero(self.triplet_split == "validation")
        triplets = self.dataset.triplets[chosen]
        union, position = np.unique(np.concatenate([stimuli, triplets.ravel()]), return_inverse=True)
        self.validation_stimuli = torch.from_numpy(union).to(self.device)
        self.validation_data = torch.from_numpy(position[: len(stimuli)]).to(self.device)
        self.validation_triplets = {name: values[torch.from_numpy(chosen)] for name, values in every.items()}
        self.validation_triplets["triplets"] = torch.from_numpy(position[len(stimuli) :].reshape(-1, 3)).to(self.device)
        objective, k = self.config.objective, self.config.network.n_latent
        generator = torch.Generator().manual_seed(_VALIDATION_NOISE)
        self.data_noise = torch.randn(objective.n_samples, len(stimuli), k, generator=generator).to(self.device)
        self.triplet_noise = None
        if objective.triplet_term == "sampled":
            shape = (objective.n_triplet_samples, len(chosen), 3, k)
            self.triplet_noise = torch.randn(shape, generator=generator).to(self.device)

    # A step ------------------------------------------------------------------------------------

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one fresh batch and its terms, detached."""
        return self.loss_at(self.beta(step), generator)

    def loss_at(self, beta: float | Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return `loss` of any step of that `beta`, which may lie on the device: what a recorded step calls."""
        return self.step_loss(self.draw(generator), beta)

    def merge(self) -> str:
        """Let torch.compile merge the kernels of `loss_of`; return why that is not possible, "" where it is."""

        def try_out(loss_of) -> None:
            with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
                drawn = self.draw(torch.Generator(device=self.device))
            loss_of(drawn, torch.zeros((), device=self.device))[0].backward()
            self.network.zero_grad(set_to_none=True)

        self.step_loss, refused = compiled.merged(self.loss_of, try_out)
        return refused

    def beta(self, step: int) -> float:
        """Return the weight of what is annealed."""
        return losses.annealing(step, self.n_annealing)

    def draw(self, generator: torch.Generator | None, lead: tuple[int, ...] = ()) -> dict[str, Tensor]:
        """Return the random numbers of one step, `lead` in front of every shape: of several steps or networks at once.

        rows : (b,) of `x` that are encoded, three of each triplet first; chosen : (v,) training triplets;
        jitter : (b, n_inputs); data_noise : (L, n_data, k); triplet_noise : (M, v, 3, k); kept : 1 where dropout lets a
        hidden unit through, of all layers after one another (`_hidden_shapes`). Absent: not needed.
        """
        training, objective, k = self.config.training, self.config.objective, self.config.network.n_latent
        n_triplets = self.n_drawn_triplets
        rows, found = [], {}
        if n_triplets:
            found["chosen"] = self._draw(self.n_train_triplets, (*lead, n_triplets), generator)
            rows.append(self._flipped(self.train_triplets["triplets"][found["chosen"]], generator).flatten(-2))
        n_more = training.batch_size
        if training.batch == "shared":
            n_more = max(0, n_more - 3 * n_triplets)
        if n_more:
            more = self.train_stimuli[self._draw(self.n_train, (*lead, n_more), generator)]
            rows.append(self._flipped(more[..., None], generator)[..., 0])
        found["rows"] = torch.cat(rows, dim=-1)
        n_rows = found["rows"].shape[-1]
        if training.jitter > 0:
            found["jitter"] = self._noise((*lead, n_rows, self.inputs.shape[1]), generator)
        n_data = n_rows - (3 * n_triplets if training.batch == "separate" else 0)
        found["data_noise"] = self._noise((*lead, objective.n_samples, n_data, k), generator)
        if n_triplets and objective.triplet_term == "sampled":
            found["triplet_noise"] = self._noise((*lead, objective.n_triplet_samples, n_triplets, 3, k), generator)
        keep = self.config.network.dropout_keep
        if keep < 1:
            found["kept"] = dropout.draw(self._hidden_shapes(n_rows, n_data), keep, self.device, lead)
        return found

    def loss_of(self, drawn: dict[str, Tensor], beta, weights=None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of what `draw` gave, without `lead`, and its terms, detached.

        weights : (reconstruction, triplet) that stand before the two terms, None: those of the configuration.
        """
        objective, n_triplets = self.config.objective, self.n_drawn_triplets
        of_reconstruction, of_triplets = weights or self.weights
        rows = drawn["rows"]
        inputs = self.inputs[rows]
        if "jitter" in drawn:
            inputs = inputs + self.config.training.jitter * drawn["jitter"]
        of_encoder, of_decoder = self._let_through(drawn)
        mean, log_variance = self.share.mapped(self.network.encode_inputs, inputs, *of_encoder)

        first = 3 * n_triplets if self.config.training.batch == "separate" else 0
        data, mean_b, log_variance_b = rows[first:], mean[first:], log_variance[first:]
        z = mean_b + (0.5 * log_variance_b).exp() * drawn["data_noise"]
        neutral = None if self.neutral is None else self.neutral[data]
        decoded = self.share.mapped(self.network.decode, z, neutral, *of_decoder, dim=-2)
        reconstruction = self._reconstruction(self.x[data], decoded, of_reconstruction)
        kl = losses.kl_terms(mean_b, log_variance_b).sum(dim=-1).mean()
        total = reconstruction + beta * kl
        terms = {"reconstruction": reconstruction.detach(), "kl": kl.detach()}
        if n_triplets:
            shape = (n_triplets, 3, -1)
            columns = {
                name: values[drawn["chosen"]] for name, values in self.train_triplets.items() if name != "triplets"
            }
            triplet = self._triplet_term(
                mean[: 3 * n_triplets].view(shape),
                log_variance[: 3 * n_triplets].view(shape),
                columns,
                drawn.get("triplet_noise"),
            )
            total = total + (beta if objective.annealed == "prior" else 1.0) * of_triplets * triplet
            terms["triplet"] = triplet.detach()
        terms["loss"] = total.detach()
        return total, terms

    @property
    def n_drawn_triplets(self) -> int:
        return self.config.training.triplet_batch_size if self.uses_triplets else 0

    @property
    def weights(self) -> tuple[float, float]:
        """What stands before the squared error (unless its variance is learned) and before the triplet term."""
        return self.scale / (2.0 * self.config.objective.reconstruction_variance), self.triplet_weight

    def _draw(self, n: int, shape: tuple[int, ...], generator) -> Tensor:
        return torch.randint(n, shape, generator=generator, device=self.device)

    def _noise(self, shape: tuple[int, ...], generator) -> Tensor:
        return torch.randn(shape, generator=generator, device=self.device)

    def _hidden_shapes(self, n_rows: int, n_data: int) -> list[tuple[int, ...]]:
        """Return the shapes of what leaves the hidden layers, the encoder's and then the decoder's."""
        encoder, decoder = self.network.hidden_widths
        n_samples = self.config.objective.n_samples
        return [(n_rows, width) for width in encoder] + [(n_samples, n_data, width) for width in decoder]

    def _let_through(self, drawn: dict[str, Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return by what dropout multiplies what leaves each layer, of encoder and of decoder; nothing: no dropout."""
        if "kept" not in drawn:
            return [], []
        shapes = self._hidden_shapes(drawn["rows"].shape[0], drawn["data_noise"].shape[1])
        found = dropout.factors(drawn["kept"], shapes, self.config.network.dropout_keep)
        n_encoder = len(self.network.hidden_widths[0])
        return found[:n_encoder], found[n_encoder:]

    def _flipped(self, rows: Tensor, generator) -> Tensor:
        """Return (..., n, m) rows, each line of them at random as it is or in the mirror."""
        if not self.is_mirrored:
            return rows
        return rows + self.n_faces * self._draw(2, rows.shape[:-1], generator)[..., None]

    def _reconstruction(self, x, decoded, weight) -> Tensor:
        """Return the mean reconstruction term. x : (b, D); decoded : (L, b, D)."""
        squared, log_variance = losses.squared_error(x, decoded), self.network.log_reconstruction_variance
        if log_variance is not None:
            return self.scale * losses.gaussian_error(squared, log_variance, x.shape[-1]).mean()
        return weight * squared.mean()

    def _triplet_term(self, mean, log_variance, columns, noise) -> Tensor:
        """Return the mean weighted softplus of triplets. mean, log_variance : (v, 3, k); noise : (M, v, 3, k)."""
        objective = self.config.objective
        if objective.triplet_term == "closed-form":
            expected, margin = losses.expected_softplus(mean, log_variance)
        else:
            margins = losses.sampled_margin(mean + (0.5 * log_variance).exp() * noise)
            expected, margin = losses.softplus(margins).mean(dim=0), margins.mean(dim=0)
        if objective.likelihood == "votes":
            return losses.vote_loss(expected, margin, columns["n_positive"], columns["n_votes"], self.mean_votes)
        return losses.weighted_loss(expected, columns["weight"])

    # Judging a network ---------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the validation ELBO per datum (beta 1, fixed noise), its terms and the satisfied share."""
        mean, log_variance = self.network.encode_inputs(self.inputs[self.validation_stimuli])
        rows = self.validation_stimuli[self.validation_data]
        mean_b, log_variance_b = mean[self.validation_data], log_variance[self.validation_data]
        z = mean_b + (0.5 * log_variance_b).exp() * self.data_noise
        decoded = self.network.decode(z, None if self.neutral is None else self.neutral[rows])
        reconstruction = float(self._reconstruction(self.x[rows], decoded, self.weights[0]))
        kl = losses.kl_terms(mean_b, log_variance_b).mean(dim=0)
        metrics = {"validation_reconstruction": reconstruction, "validation_kl": float(kl.sum())}
        metrics["active_dimensions"] = float((kl > 0.05).sum())
        elbo = -reconstruction - metrics["validation_kl"]
        triplets = self.validation_triplets["triplets"]
        if len(triplets):
            found = mean[triplets]
            distances = (found[:, :1] - found[:, 1:]).square().sum(dim=-1)
            metrics["satisfied_validation"] = float((distances[:, 0] < distances[:, 1]).float().mean())
            if self.uses_triplets:
                term = self._triplet_term(found, log_variance[triplets], self.validation_triplets, self.triplet_noise)
                metrics["validation_triplet"] = float(term)
                elbo -= self.triplet_weight * float(term)
        metrics["validation_elbo"] = elbo
        return metrics

    def score(self, metrics: dict[str, float], step: int) -> float:
        """Return what the best step has most of."""
        selection = self.config.training.selection
        if selection == "last":
            return float(step)
        if selection == "satisfied" and "satisfied_validation" in metrics:
            return metrics["satisfied_validation"]
        return metrics["validation_elbo"]

    @torch.no_grad()
    def evaluate(self) -> dict:
        """Return the final figures of the network: satisfied shares by split beside the same of plain distances."""
        embedded = [self.network.encode_inputs(part)[0] for part in self.inputs[: self.n_faces].split(_ENCODED_AT_ONCE)]
        representations = {"satisfied": as_numpy(torch.cat(embedded)), "satisfied_raw": self.dataset.x}
        if self.dataset.neutral is not None:
            representations["satisfied_neutral_difference"] = self.dataset.x - self.dataset.neutral
        figures: dict = {"split_by": self.split.split_by, "is_validation_carved": self.split.is_carved}
        figures["triplet_weight"] = self.triplet_weight if self.uses_triplets else 0.0
        figures["uses_neutral"] = self.dataset.neutral is not None
        figures["is_mirrored"] = self.is_mirrored
        if self.network.log_reconstruction_variance is not None:
            figures["reconstruction_variance"] = float(self.network.log_reconstruction_variance.exp())
        figures["n_left_out"] = self.dataset.n_left_out
        for split in SPLITS:
            triplets = self.dataset.triplets[self.triplet_split == split]
            figures[f"n_stimuli_{split}"] = int((self.stimulus_split == split).sum())
            figures[f"n_triplets_{split}"] = len(triplets)
            for name, representation in representations.items():
                figures[f"{name}_{split}"] = (
                    geometry.satisfied_fraction(representation, triplets) if len(triplets) else None
                )
        return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in figures.items()}
