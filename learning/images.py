"""Networks of pictures as the training loop sees them: batches, the loss of a step, the score of a network."""

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from learning.augmentation import augmented
from learning.checkpoints import as_numpy
from learning.config import Config, ConfigInvalid
from learning.datasets import NothingToLearn
from learning.distribution import ALONE
from learning.networks.pictures import as_floats, build_picture_network, expected_statistics, shown
from learning.networks.pretrained import read_weights
from learning.picture_tasks import TASKS
from learning.pictures import PicturePreprocessing, load_pictures
from learning.ridge import RidgeFit, fit_ridge
from learning.splits import people_of
from triplets import geometry
from triplets.archive import Release
from triplets.records import SPLITS

#: The best step is chosen on at most this many validation items, evenly spaced.
_MAX_VALIDATED = 4096
_AT_ONCE = 256
#: Decoded pictures live on the device where they take at most so many bytes (CPU) or this share of free memory (GPU).
_KEPT_BYTES, _KEPT_SHARE = 1 << 30, 0.4
_RAW_SIDE = 32


class ImageLearner:
    """A network of pictures on one release. See `learning.training.Learner` for what the loop calls."""

    SELECTIONS = ("loss", "f1", "satisfied", "last")
    COUNTS_EPOCHS = True
    share = ALONE
    #: Convolutions are large enough to be shared among CPU threads.
    ONE_THREAD = False

    def __init__(self, release: Release, config: Config, *, seed: int, device: torch.device):
        self.config, self.device, self.release, self.seed = config, device, release, seed
        network, objective, training = config.network, config.objective, config.training
        if network.trained == "ridge":
            _require_solvable(config)
        seen = {name: getattr(network, name) for name in ("size", "channels", "crop", "neutral")}
        self.pictures = load_pictures(release, **seen)
        self.task = TASKS[objective.target](release, self.pictures.row, config, seed=seed, device=device)
        if training.selection not in self.task.scores:
            raise ConfigInvalid(
                f"training.selection is {training.selection!r} for objective.target={objective.target}: "
                f"expected one of {', '.join(self.task.scores)}"
            )
        if config.optimiser.schedule == "cut" and objective.target != "class":
            raise ConfigInvalid("optimiser.schedule is 'cut', which follows the F1 of classes: expected target=class")
        self.is_overfitting = training.overfit > 0
        if self.is_overfitting:
            network = dataclasses.replace(network, dropout_keep=1.0, rotation=0.0, shift=0.0)
            chosen = np.random.default_rng([seed, 0x0F17]).permutation(self.task.items["train"])[: training.overfit]
            self.task.items = {"train": np.sort(chosen), "validation": np.sort(chosen), "test": chosen[:0]}
        self.shown = network
        weights = read_weights(network.pretrained) if network.pretrained else None
        self.pretrained_sha256 = weights.sha256 if weights else ""
        self.preprocessing = self._preprocessing()
        self.network = build_picture_network(network, self.preprocessing, weights).to(device)
        if device.type == "cuda":
            self.network = self.network.to(memory_format=torch.channels_last)
        self.precision = chosen_precision(network.precision, device)
        self.pixels = self._kept()
        beside = self.pictures.neutral
        self.neutral = None if beside is None else torch.from_numpy(beside).to(device)
        self.train_items = torch.from_numpy(self.task.items["train"])
        wanted = training.triplet_batch_size if self.task.per_item == 3 else training.batch_size
        self.batch_size = min(wanted, len(self.train_items))
        self.steps_per_epoch = math.ceil(len(self.train_items) / self.batch_size)
        self.n_steps = max(1, round(training.epochs * self.steps_per_epoch)) if training.epochs else training.n_steps
        self.validate_every = training.validate_every or self.steps_per_epoch
        validated = self.task.items["validation"]
        if not len(validated):
            validated = self.task.items["train"]
        self.validated = validated[:: -(-len(validated) // _MAX_VALIDATED)]
        self._epoch, self._order = -1, self.train_items
        self.ridge: RidgeFit | None = None
        if network.trained == "ridge":
            self.n_steps = 0
            self._solve()

    def _preprocessing(self) -> PicturePreprocessing:
        network, task = self.config.network, self.task
        statistics = expected_statistics(network)
        if statistics is None:
            seen = np.unique(as_numpy(task.positions(torch.from_numpy(task.items["train"]).to(self.device))))
            statistics = _pixel_statistics(self.pictures.pixels, seen)
        mean, std = (np.asarray(values, dtype=np.float32) for values in statistics)
        offset, scale = (np.asarray(values, dtype=np.float32) for values in (task.offset, task.scale))
        return PicturePreprocessing(
            network.size, network.channels, network.crop, self.config.objective.target, task.outputs,
            mean, std, offset, scale, network.neutral,
        )  # fmt: skip

    def _kept(self) -> Tensor | None:
        """Return all pictures on the device, None where they take too much of its memory."""
        limit = _KEPT_BYTES
        if self.device.type == "cuda":
            limit = _KEPT_SHARE * torch.cuda.mem_get_info(self.device)[0]
        pixels = self.pictures.pixels
        return torch.from_numpy(np.array(pixels)).to(self.device) if pixels.nbytes <= limit else None

    def _floats(self, positions: Tensor) -> Tensor:
        """Return pictures (b, c, h, w) in 0 to 1 on the device, (b, 2c, h, w) with their neutral pictures behind."""
        if self.pixels is None:
            return shown(self.pictures, as_numpy(positions)).to(self.device, non_blocking=True)
        found = as_floats(self.pixels[positions])
        if self.neutral is None:
            return found
        return torch.cat([found, as_floats(self.pixels[self.neutral[positions]])], dim=1)

    @torch.no_grad()
    def _solve(self) -> None:
        """Put the ridge regression on the training pictures into the last layer."""
        items, mirrors = self.task.items["train"], (False, True) if self.config.training.mirror == "yes" else (False,)
        self.network.eval()
        seen = [self._features(torch.from_numpy(items), is_mirrored=mirrored) for mirrored in mirrors]
        target, weight = as_numpy(self.task.target)[items], as_numpy(self.task.weight)[items]
        person = people_of(self.release.stimuli.subject)[self.pictures.row[items]]
        n = len(mirrors)
        try:
            self.ridge = fit_ridge(
                np.concatenate(seen), np.tile(target, (n, 1)), np.tile(weight, (n, 1)) / n, np.tile(person, n)
            )
        except ValueError as error:
            raise NothingToLearn(f"release {self.release.path}, attributes {self.task.outputs}: {error}") from error
        self.network.head.weight.copy_(torch.from_numpy(self.ridge.coefficient.T))
        self.network.head.bias.copy_(torch.from_numpy(self.ridge.intercept))

    def _features(self, positions: Tensor, *, is_mirrored: bool) -> np.ndarray:
        """Return what the last layer reads of pictures, or of their mirror images."""
        parts = []
        for part in positions.to(self.device).split(_AT_ONCE):
            x = self._floats(part)
            with self._autocast():
                parts.append(self.network.features(x.flip(-1) if is_mirrored else x).float())
        return as_numpy(torch.cat(parts))

    # A step ------------------------------------------------------------------------------------

    def loss(self, step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the step's batch and its terms, detached."""
        items = self._batch(step).to(self.device)
        positions = self.task.positions(items)
        mine = self.share.rows(len(positions))
        x = self._floats(positions[mine])
        if not self.is_overfitting:
            x = augmented(
                x,
                generator,
                mirror=self.config.training.mirror == "yes",
                rotation=self.shown.rotation,
                shift=self.shown.shift,
                jitter=self.config.training.jitter,
                rows=mine,
                n=len(positions),
            )
        with self._autocast():
            output = self.network(x)
        output = self.share.gathered(output.float(), len(positions))
        loss = self.task.loss(output, items, smoothing=0.0 if self.is_overfitting else None)
        return loss, {"loss": loss.detach()}

    def _autocast(self):
        is_mixed = self.precision != "float32"
        dtype = getattr(torch, self.precision) if is_mixed else None
        return torch.autocast(self.device.type, dtype=dtype, enabled=is_mixed)

    def _batch(self, step: int) -> Tensor:
        """Return the items of a step: each epoch goes once through all in an order that seed and epoch decide.

        The last batch of an epoch is filled from its beginning, so that none is smaller. Nothing needs to be
        remembered for a training that goes on after it was killed.
        """
        epoch, at = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            order = torch.from_numpy(np.random.default_rng([self.seed, epoch]).permutation(len(self.train_items)))
            self._epoch, self._order = epoch, self.train_items[order]
        chosen = torch.arange(at * self.batch_size, (at + 1) * self.batch_size) % len(self._order)
        return self._order[chosen]

    # Judging a network ---------------------------------------------------------------------------

    @torch.no_grad()
    def _outputs(self, positions: Tensor, *, with_features=False):
        """Return outputs (and features) of pictures as float32 on the device, many at a time."""
        outputs, features = [], []
        for part in positions.to(self.device).split(_AT_ONCE):
            with self._autocast():
                found = self.network.features(self._floats(part))
                outputs.append(self.network.head(found).float())
            if with_features:
                features.append(found.float())
        return (torch.cat(outputs), torch.cat(features)) if with_features else torch.cat(outputs)

    def validate(self) -> dict[str, float]:
        """Return the validation loss and figures of the task."""
        items = torch.from_numpy(self.validated).to(self.device)
        output = self._outputs(self.task.positions(items))
        figures = {"loss": float(self.task.loss(output, items, smoothing=0.0))}
        figures |= self.task.figures(as_numpy(output), self.validated)
        found = {f"validation_{name}": value for name, value in figures.items()}
        if "validation_satisfied" in found:
            found["satisfied_validation"] = found.pop("validation_satisfied")
        return found

    def score(self, metrics: dict[str, float], step: int) -> float:
        """Return what the best step has most of."""
        selection = self.config.training.selection
        if selection == "last":
            return float(step)
        if selection == "loss":
            return -metrics["validation_loss"]
        return metrics["validation_f1" if selection == "f1" else "satisfied_validation"]

    def evaluate(self) -> dict:
        """Return the final figures by split, satisfied triplets among them, and a warning where nothing was learnt."""
        output, features = self._outputs(torch.arange(len(self.pictures)), with_features=True)
        output, features = as_numpy(output), as_numpy(features)
        split = self.task.split
        figures: dict = {"split_by": split.split_by, "is_validation_carved": split.is_carved}
        figures["n_left_out"] = self.pictures.n_left_out
        if self.pretrained_sha256:
            figures["pretrained_sha256"] = self.pretrained_sha256
        for name in SPLITS:
            figures[f"n_{'triplets' if self.task.per_item == 3 else 'pictures'}_{name}"] = len(self.task.items[name])
            if len(self.task.items[name]):
                figures |= self.task.report(output, name)
        figures |= self._satisfied(output if self.task.per_item == 3 else features)
        judged = next(name for name in ("test", "validation", "train") if len(self.task.items[name]))
        if complaint := self.task.complaint(output, judged):
            figures["warning"] = complaint
        if self.ridge is not None:
            values = zip(self.task.outputs, self.ridge.share.tolist(), self.ridge.r2.tolist(), strict=True)
            figures["ridge"] = {name: {"penalty": share, "r2_left_out": r2} for name, share, r2 in values}
        if self.is_overfitting:
            is_learnt, words = self.task.is_learnt(output, self.task.items["train"])
            figures["is_overfit_learnt"] = is_learnt
            figures["overfit"] = f"learnt by heart: {words}" if is_learnt else f"NOT learnt by heart: {words}"
        return figures

    def _satisfied(self, embedded: np.ndarray) -> dict:
        """Return satisfied shares of the triplets whose pictures are all here, beside those of plain pixels."""
        place = np.full(len(self.release.stimuli), -1)
        place[self.pictures.row] = np.arange(len(self.pictures))
        mapped = place[self.release.triplets.rows]
        is_whole = (mapped >= 0).all(axis=1)
        figures: dict = {}
        if not is_whole.any():
            return figures
        raw = [
            as_numpy(adaptive_avg_pool2d(self._floats(part), _RAW_SIDE)).reshape(len(part), -1)
            for part in torch.arange(len(self.pictures)).to(self.device).split(_AT_ONCE)
        ]
        representations = {"satisfied": embedded, "satisfied_raw": np.concatenate(raw)}
        for name in SPLITS:
            triplets = mapped[is_whole & (self.task.split.triplet == name)]
            figures[f"n_triplets_{name}"] = len(triplets)
            for word, representation in representations.items():
                share = geometry.satisfied_fraction(representation, triplets) if len(triplets) else None
                figures[f"{word}_{name}"] = share
        return figures


def _require_solvable(config: Config) -> None:
    """Raise ConfigInvalid where a last layer solved for in closed form has no ground, or would ignore a setting."""
    network, objective, training = config.network, config.objective, config.training
    if objective.target != "attributes":
        raise ConfigInvalid(f"network.trained is 'ridge' for objective.target={objective.target}: expected attributes")
    if network.architecture != "gradients" and not network.pretrained:
        raise ConfigInvalid(
            f"network.trained is 'ridge' for {network.architecture} with random weights, which stay as they are: "
            f"expected architecture=gradients or network.pretrained"
        )
    settings = {
        "network.hidden": network.hidden, "network.rotation": network.rotation, "network.shift": network.shift,
        "training.jitter": training.jitter, "training.epochs": training.epochs, "training.overfit": training.overfit,
        "objective.regression": "" if objective.regression == "squared" else objective.regression,
    }  # fmt: skip
    for name, value in settings.items():
        if value:
            raise ConfigInvalid(f"{name} is {value!r} with network.trained=ridge, which takes no steps: leave it out")


def chosen_precision(wanted: str, device: torch.device) -> str:
    """Return the number format of a network on a device; wanted : of `network.precision`, "auto" what suits it."""
    if wanted != "auto":
        return wanted
    if device.type != "cuda":
        return "float32"
    # Older GPUs would only emulate bfloat16; float16 needs the loop's gradient scaler, which goes by this name.
    with torch.cuda.device(device):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"


def _pixel_statistics(pixels: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (channels,) of pixels in 0 to 1, in parts that fit into memory."""
    total, squares, n = 0.0, 0.0, 0
    for part in np.array_split(positions, -(-len(positions) // _AT_ONCE)):
        values = pixels[part].astype(np.float64) / 255
        total, squares = total + values.sum(axis=(0, 1, 2)), squares + (values**2).sum(axis=(0, 1, 2))
        n += values[..., 0].size
    mean = total / n
    return mean, np.sqrt(np.maximum(squares / n - mean**2, 1e-6))
