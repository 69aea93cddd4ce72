"""What a training is told: frozen sections that travel through JSON, the admin and the command line unchanged.

A configuration has four sections. `network` and `objective` belong to a kind of network
(`network.kind`, the keys of `KINDS`); `optimiser` and `training` are the same for every kind. A new
kind is a pair of dataclasses in `KINDS` and a learner in `learning.learners.LEARNERS`.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field

from learning.config_fields import one_of as _one_of
from learning.config_fields import within as _within
from learning.image_config import ImageNetwork, ImageObjective
from learning.ordinal_config import AnnotatorNetwork, AnnotatorObjective, OrdinalNetwork, OrdinalObjective

#: The usual one; halves, with a tenth of the training half to choose the step; that of `vit-vs-resnet`.
DIVISIONS = ("70/15/15", "45/5/50", "70/20/10")


class ConfigInvalid(ValueError):
    """A key or value that no configuration has; the message quotes it and says what was expected."""


@dataclass(frozen=True)
class TopologicalVaeNetwork:
    """Encoder and decoder of Models 1, 2 and 3.

    model : 1 no neutral face, no triplets; 2 neutral face; 3 neutral face and triplets.
    uses_neutral : "auto" takes the neutral face where nine of ten stimuli have one, "yes" leaves out the
        stimuli without one, "no" trains the same model without that input. Model 1 never takes it.
    form : "residual" encodes [x - y; y] and decodes y + f([z; y]); "concatenated", as published, encodes
        [x; y] and decodes f([z; y]). Without a neutral face both are the same.
    encoder, decoder : widths of hidden layers, empty: derived from the number of inputs (`widths`).
    dropout_keep : the probability to keep a hidden unit while training.
    """

    kind: str = "topological-vae"
    model: int = _one_of(1, 2, 3, default=3)
    uses_neutral: str = _one_of("auto", "yes", "no", default="auto")
    form: str = _one_of("residual", "concatenated", default="residual")
    encoder: tuple[int, ...] = ()
    decoder: tuple[int, ...] = ()
    n_latent: int = _within(1, 4096, 30)
    dropout_keep: float = _within(0.05, 1.0, 0.9)


@dataclass(frozen=True)
class TopologicalVaeObjective:
    """The terms of the loss per datum (see `learning.losses`).

    reconstruction_variance : sx2 of the published loss, in squared inter-eye distances.
    variance : "fixed" as published; "learned" begins with that and is trained with the weights.
    reference_dims : 0 sums squared errors over all D numbers of a face as published; k > 0 takes their
        mean times k, so that a mesh of 478 points does not drown the triplets that 83 points let through.
    topology_variance : sT2 of the published loss, weight (T/N)/sT2; 0: `triplet_weight` is given instead.
    triplet_weight : the effective weight (T/N)/sT2 itself, which compares across collections.
    vote_weights : "difference" 5, 3, 1 as published; "normalised" the same divided by their training mean;
        "equal" all 1.
    likelihood : "weighted" w softplus(u) as published; "votes" Bradley-Terry n softplus(u) - (n - k) u, with
        k of n votes for the positive, divided by the mean n.
    triplet_term : "closed-form" expected softplus, or "sampled" with n_triplet_samples (M).
    n_samples : samples of the reconstruction term (L).
    annealed : what grows from 0 to its full weight: "kl" or the whole "prior", triplets included.
    annealing : until when; up to 1 a share of the steps, above 1 a number of steps, 0 no annealing.
    """

    reconstruction_variance: float = _within(1e-9, 1e6, 1e-3)
    variance: str = _one_of("fixed", "learned", default="fixed")
    reference_dims: int = _within(0, 1_000_000, 249)
    topology_variance: float = _within(0.0, 1e6, 0.0)
    triplet_weight: float = _within(0.0, 1e9, 300.0)
    vote_weights: str = _one_of("difference", "normalised", "equal", default="normalised")
    likelihood: str = _one_of("weighted", "votes", default="weighted")
    triplet_term: str = _one_of("closed-form", "sampled", default="closed-form")
    n_samples: int = _within(1, 1000, 1)
    n_triplet_samples: int = _within(1, 1000, 10)
    annealed: str = _one_of("kl", "prior", default="kl")
    annealing: float = _within(0.0, 1e9, 0.5)


@dataclass(frozen=True)
class Optimiser:
    """The optimiser, its schedule and the clip of the gradient's norm (0: none).

    momentum, nesterov : of sgd (and momentum of rmsprop).
    warmup : steps of a linear rise. schedule : "cosine" falls to zero at the last step, "constant" stays,
        "inverse" is divided by 1 + decay x step, "cut" falls by `decay` (.2: a fifth) each time the validation F1
        falls by more than a tenth from one validation to the next.
    """

    optimiser: str = _one_of("adam", "adamw", "sgd", "rmsprop", default="adam")
    learning_rate: float = _within(1e-9, 10.0, 3e-3)
    momentum: float = _within(0.0, 0.9999, 0.0)
    nesterov: str = _one_of("yes", "no", default="no")
    warmup: int = _within(0, 10_000_000, 50)
    schedule: str = _one_of("cosine", "constant", "inverse", "cut", default="cosine")
    decay: float = _within(0.0, 1.0, 0.0)
    weight_decay: float = _within(0.0, 10.0, 0.0)
    clip_norm: float = _within(0.0, 1e9, 5.0)


@dataclass(frozen=True)
class Training:
    """How long, on what batches, and how the best step is chosen.

    batch : "shared" one batch that serves every term, triplet_batch_size triplets and, up to batch_size,
        further stimuli; "separate" batch_size stimuli and, beside them, triplet_batch_size triplets.
    mirror : "yes" shows half of the triplets and stimuli in a mirror, each triplet as a whole, where the landmark
        scheme says which points change places; people's judgements of mirrored faces are taken to be the same.
    jitter : standard deviation of noise added to what the encoder reads, in inter-eye distances.
    validate_every : steps between two validations. selection : the highest validation ELBO ("elbo", beta 1,
        triplets included, the same noise each time), the highest share of satisfied validation triplets
        ("satisfied"; the ELBO where a release has no triplets), or the "last" step. Image networks have no ELBO:
        the lowest validation "loss", the highest "f1" of classes, "satisfied" or "last".
    epochs : passes over the training pictures, in place of n_steps; validate_every 0: after each of them.
    overfit : so many pictures (or triplets) only, learnt by heart without dropout, flips or noise and validated on
        themselves: a network that cannot do that has a fault. 0 trains as usual. Both are for image networks.
    patience : validations without a better one until training ends early; 0 never.
    ema : decay of an exponential moving average of the weights, which is then what is validated and saved; 0 none.
    validation_share : part of the training triplets set aside for selection where a release has no validation split.
    division : training/validation/test, in per cent of the people in a release of pictures that has no split itself.
    save_every : seconds between two resume states. device : "auto", "cpu", "cuda", "cuda:1", ...
    recording : "auto" records the step of a topological VAE on a GPU once and replays it (`learning.captured`), which
        changes its time and nothing else; "compiled" lets torch.compile merge its kernels before that, which takes a
        minute at the start and pays in long trainings (`learning.compiled`); "no" tells the GPU each operation of
        each step.
    matmul : "float32", or "tf32": a GPU multiplies matrices with 10 bits behind the point instead of 23, several
        times faster; a CPU takes no notice.
    """

    n_steps: int = _within(1, 100_000_000, 1500)
    epochs: float = _within(0.0, 1_000_000.0, 0.0)
    overfit: int = _within(0, 100_000, 0)
    batch: str = _one_of("shared", "separate", default="shared")
    batch_size: int = _within(1, 1_000_000, 96)
    triplet_batch_size: int = _within(1, 1_000_000, 32)
    mirror: str = _one_of("yes", "no", default="yes")
    jitter: float = _within(0.0, 1.0, 0.01)
    validate_every: int = _within(0, 10_000_000, 50)
    selection: str = _one_of("elbo", "satisfied", "loss", "f1", "last", default="elbo")
    patience: int = _within(0, 1_000_000, 0)
    ema: float = _within(0.0, 0.999999, 0.0)
    validation_share: float = _within(0.01, 0.9, 0.1)
    division: str = _one_of(*DIVISIONS, default=DIVISIONS[0])
    save_every: float = _within(0.0, 86400.0, 10.0)
    device: str = "auto"
    recording: str = _one_of("auto", "compiled", "no", default="auto")
    matmul: str = _one_of("float32", "tf32", default="float32")


KINDS = {
    "topological-vae": (TopologicalVaeNetwork, TopologicalVaeObjective),
    "image": (ImageNetwork, ImageObjective),
    "ordinal-embedding": (OrdinalNetwork, OrdinalObjective),
    "annotator-embedding": (AnnotatorNetwork, AnnotatorObjective),
}


@dataclass(frozen=True)
class Config:
    """The whole configuration of one training."""

    network: TopologicalVaeNetwork | ImageNetwork | OrdinalNetwork = field(default_factory=TopologicalVaeNetwork)
    objective: TopologicalVaeObjective | ImageObjective | OrdinalObjective | AnnotatorObjective = field(
        default_factory=TopologicalVaeObjective
    )
    optimiser: Optimiser = field(default_factory=Optimiser)
    training: Training = field(default_factory=Training)

    def to_dict(self) -> dict:
        """Return nested plain values that `json.dumps` takes and `from_dict` reads back."""
        sections = dataclasses.asdict(self)
        return {
            name: {key: list(value) if isinstance(value, tuple) else value for key, value in section.items()}
            for name, section in sections.items()
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> "Config":
        """Read `to_dict()`; what is absent keeps its default. ConfigInvalid quotes a wrong key or value."""
        values = dict(values)
        kind = dict(values.get("network", {})).get("kind", "topological-vae")
        sections = _sections(kind)
        unknown = sorted(set(values) - set(sections))
        if unknown:
            raise ConfigInvalid(f"there is no section {unknown[0]!r}: expected one of {', '.join(sections)}")
        return cls(**{name: _section(name, section, values.get(name, {})) for name, section in sections.items()})

    def with_changes(self, changes: Mapping[str, object]) -> "Config":
        """Return a configuration with some keys changed; values may be text, as on a command line.

        Keys are dotted, "training.n_steps"; the section may be left out, since no two sections share a key.
        Text is read as the key's type: "1e-3", "240,120,60", "residual".

        >>> Config().with_changes({"n_steps": "200"}).training.n_steps
        200
        """
        values = self.to_dict()
        for key, value in changes.items():
            section, _, name = key.rpartition(".")
            homes = [home for home, keys in values.items() if name in keys and section in ("", home)]
            if not homes:
                known = ", ".join(f"{home}.{name}" for home, keys in values.items() for name in keys)
                raise ConfigInvalid(f"there is no setting {key!r}: expected one of {known}")
            if name == "kind" and value != values[homes[0]][name]:
                raise ConfigInvalid(f"network.kind cannot be changed to {value!r}: choose a recipe of that kind")
            values[homes[0]][name] = value
        return self.from_dict(values)


def _sections(kind) -> dict[str, type]:
    if kind not in KINDS:
        raise ConfigInvalid(f"network.kind is {kind!r}: expected one of {', '.join(KINDS)}")
    network, objective = KINDS[kind]
    return {"network": network, "objective": objective, "optimiser": Optimiser, "training": Training}


def _section(name: str, section: type, values):
    if not isinstance(values, Mapping):
        raise ConfigInvalid(f"section {name} is {values!r}: expected settings by name")
    fields = {f.name: f for f in dataclasses.fields(section)}
    hints = typing.get_type_hints(section)
    parsed = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigInvalid(f"there is no setting {name}.{key}: expected one of {', '.join(fields)}")
        parsed[key] = _checked(f"{name}.{key}", _parsed(f"{name}.{key}", value, hints[key]), fields[key].metadata)
    return section(**parsed)


_EXPECTED = {int: "a whole number", float: "a number", str: "text"}


def _parsed(key: str, value, kind):
    if isinstance(kind, types.GenericAlias):
        return _widths(key, value)
    wrong = ConfigInvalid(f"{key} is {value!r}: expected {_EXPECTED[kind]}")
    if kind is str:
        if not isinstance(value, str):
            raise wrong
        return value
    if isinstance(value, bool):
        raise wrong
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise wrong from None
    if not math.isfinite(number) or (kind is int and number != int(number)):
        raise wrong
    return kind(number)


def _widths(key: str, value) -> tuple[int, ...]:
    parts = [part for part in value.strip("()[] ").split(",") if part.strip()] if isinstance(value, str) else value
    try:
        widths = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        widths = (0,)
    if any(width < 1 for width in widths):
        raise ConfigInvalid(f"{key} is {value!r}: expected widths of layers such as 240,120,60, or nothing")
    return widths


def _checked(key: str, value, metadata):
    allowed, limits = metadata.get("allowed"), metadata.get("range")
    if allowed and value not in allowed:
        raise ConfigInvalid(f"{key} is {value!r}: expected one of {', '.join(map(str, allowed))}")
    if limits and not limits[0] <= value <= limits[1]:
        raise ConfigInvalid(f"{key} is {value!r}: expected {limits[0]:g} to {limits[1]:g}")
    return value
