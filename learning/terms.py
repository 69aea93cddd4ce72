"""What pages call a measured quantity and a setting: one word for each, whatever it is called in code."""

import re

QUANTITIES = {
    "satisfied": "satisfied triplets",
    "satisfied_raw": "satisfied triplets, raw landmarks or pixels",
    "satisfied_neutral_difference": "satisfied triplets, expression minus neutral",
    "accuracy": "accuracy",
    "majority": "accuracy of always naming the commonest class",
    "f1": "F1",
    "r2": "R²",
    "r2_ceiling": "R² that agreement of people allows",
    "mae": "mean absolute error",
    "mae_of_mean": "mean absolute error of always saying the mean",
    "pearson": "Pearson r",
    "n_triplets": "triplets",
    "n_stimuli": "faces",
    "n_pictures": "pictures",
    "n_steps_done": "steps done",
    "n_latent": "latent dimensions",
    "best_step": "step that is kept",
    "triplet_weight": "weight of the triplets",
    "active_dimensions": "active dimensions",
    "kl": "KL",
    "elbo": "ELBO",
    "triplet": "triplet term",
    "judgement": "term of the judgements",
    "prior": "term of the prior",
    "largest_share": "share of the class named most",
}
#: Settings whose name in code does not say what they are; others have their name with spaces.
SETTINGS = {
    "network.kind": "kind of network",
    "network.model": "model",
    "network.uses_neutral": "uses the neutral face",
    "network.neutral": "neutral picture",
    "network.form": "form of the network",
    "network.encoder": "encoder, widths of layers",
    "network.decoder": "decoder, widths of layers",
    "network.n_latent": "latent dimensions",
    "network.n_embedding": "dimensions of the embedding",
    "network.n_members": "members",
    "network.groups": "columns that set apart",
    "network.distance": "distance between points",
    "network.hidden": "hidden layers, widths",
    "network.width": "width, share of the published",
    "network.size": "side of the picture, pixels",
    "network.shift": "shift of the picture at random",
    "network.rotation": "turn of the picture at random",
    "network.crop": "cut-out of the picture",
    "network.trained": "layers that are trained",
    "network.pretrained": "weights to begin with",
    "network.batch_norm": "batch normalisation",
    "network.dropout_keep": "share of units kept, dropout",
    "network.moods": "criteria of moods",
    "objective.annealed": "what is annealed",
    "objective.annealing": "length of annealing",
    "objective.degrees": "degrees of freedom",
    "objective.label": "column of the label",
    "objective.n_samples": "samples of a face",
    "objective.n_triplet_samples": "samples of a triplet",
    "objective.reconstruction_variance": "variance of the reconstruction",
    "objective.topology_variance": "variance of the triplets",
    "objective.triplet_term": "triplet term",
    "objective.triplet_weight": "weight of the triplets",
    "objective.vote_weights": "weights of votes",
    "objective.reference_dims": "numbers that an error is scaled to",
    "objective.variance": "variance, fixed or learned",
    "optimiser.clip_norm": "largest norm of a gradient",
    "optimiser.optimiser": "optimiser",
    "optimiser.schedule": "schedule of the learning rate",
    "optimiser.decay": "decay of the learning rate",
    "optimiser.warmup": "steps of warming up",
    "optimiser.nesterov": "Nesterov momentum",
    "training.n_steps": "steps",
    "training.batch": "batch of faces and triplets",
    "training.batch_size": "faces in a batch",
    "training.triplet_batch_size": "triplets in a batch",
    "training.ema": "moving average of weights",
    "training.epochs": "epochs",
    "training.mirror": "mirrored at random",
    "training.jitter": "noise on landmarks",
    "training.matmul": "precision of products",
    "training.overfit": "pictures to learn by heart",
    "training.recording": "recording of a step",
    "training.selection": "step is chosen by",
    "training.patience": "patience, validations",
    "training.save_every": "saved every, seconds",
    "training.validate_every": "validated every, steps",
    "training.division": "training/validation/test, per cent of people",
    "training.validation_share": "share set aside for validation",
}
_ROLES = {"train": "training", "validation": "validation", "test": "test"}
_METRIC = re.compile(r"(?P<before>validation_)?(?P<quantity>.+?)(?:_(?P<role>train|validation|test)(?:_(?P<of>.+))?)?")


def quantity(name: str) -> str:
    """Return what pages call a measured quantity, without the split that it was measured on."""
    return QUANTITIES.get(name, name.removeprefix("n_").replace("_", " "))


def metric(name: str) -> str:
    """Return what pages call a metric of a training.

    >>> metric("validation_kl"), metric("satisfied_test_without_habits"), metric("n_pictures_train")
    ('KL, validation', 'satisfied triplets, test, without habits', 'pictures, training')
    """
    found = _METRIC.fullmatch(name)
    role = _ROLES["validation"] if found["before"] else _ROLES.get(found["role"], "")
    of = (found["of"] or "").replace("_", " ")
    return ", ".join(filter(None, (quantity(found["quantity"]), role, of)))


def setting(key: str) -> str:
    """Return what pages call a setting of a configuration, "network.n_latent" and the like.

    >>> setting("network.n_latent"), setting("optimiser.learning_rate"), setting("recipe")
    ('latent dimensions', 'learning rate', 'recipe')
    """
    return SETTINGS.get(key, key.rpartition(".")[2].replace("_", " "))
