"""Configurations of networks of pictures: the four studies that published them, and our own small ones.

Each entry is (name, summary, source, configuration). What a study leaves open is said where it is decided.
Pretrained weights are never fetched unasked: an operator gives them, --set network.pretrained=FILE, FOLDER or
hub:NAME.
"""

from itertools import product

from learning.config import Config, Optimiser, Training
from learning.image_config import ImageNetwork, ImageObjective

#: Saving the state of a network of a hundred million weights takes seconds.
_SAVE_SELDOM = 300.0


def _config(network: dict, objective: dict, optimiser: dict, training: dict) -> Config:
    plain = {"warmup": 0, "schedule": "constant", "clip_norm": 0.0}
    usual = {"mirror": "no", "jitter": 0.0, "validate_every": 0, "selection": "loss"}
    return Config(
        ImageNetwork(**network),
        ImageObjective(**objective),
        Optimiser(**plain | optimiser),
        Training(**usual | training),
    )


# Our own -----------------------------------------------------------------------------------------

#: With dropout of a half and a rate of 2e-3 it did not even fit 330 pictures of real faces.
_SMALL = {"architecture": "cnn", "size": 48, "channels": 1, "batch_norm": "yes", "dropout_keep": 0.8, "rotation": 8.0,
          "shift": 0.05}  # fmt: skip
_QUICK = {
    "optimiser": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.05,
    "warmup": 50,
    "schedule": "cosine",
    "clip_norm": 5.0,
}
_OWN = "this project (docs/image-networks.md)"


def _small(objective: dict, training: dict) -> Config:
    return _config(_SMALL, objective, _QUICK, {"batch_size": 64, "mirror": "yes", "epochs": 80} | training)


_ALL = [
    (
        "picture-classes",
        "Expression classes from pictures with a small network, minutes on a CPU",
        _OWN,
        _small({"target": "class", "class_weights": "balanced", "label_smoothing": 0.05}, {"selection": "f1"}),
    ),
    (
        "picture-attributes",
        "Rated attributes from pictures with a small network, ratings weighed by their precision",
        _OWN,
        _small({"target": "attributes"}, {}),
    ),
    (
        "picture-attributes-ridge",
        "Rated attributes by ridge regression on a fixed stem, in closed form: for a few hundred pictures, in seconds",
        f"{_OWN}; penalties by leaving out one person at a time (Golub, Heath & Wahba 1979)",
        _config(
            {
                "architecture": "gradients",
                "size": 64,
                "channels": 3,
                "crop": "aligned",
                "trained": "ridge",
                "standardise": "picture",
            },
            {"target": "attributes"},
            {},
            {"mirror": "yes", "selection": "last", "validation_share": 0.05},
        ),
    ),
    (
        "picture-triplets",
        "A metric space from triplets seen as pictures; --set architecture=... puts the head on any backbone",
        _OWN,
        _small(
            {"target": "triplets", "vote_weights": "normalised"}, {"selection": "satisfied", "triplet_batch_size": 32}
        ),
    ),
]

# FER-2013 ----------------------------------------------------------------------------------------

_FER = "feed-forward and convolutional networks on FER-2013 (Wright et al. 2019)"
_GREY_48 = {"size": 48, "channels": 1}


def _fer(network: dict, optimiser: dict, training: dict, objective: dict | None = None) -> Config:
    return _config(_GREY_48 | network, {"target": "class"} | (objective or {}), optimiser, training)


_SGD = {"optimiser": "sgd", "learning_rate": 1e-3, "schedule": "inverse"}
_SOUND = _QUICK | {"warmup": 500}
_CNN_SOUND = {"architecture": "cnn", "batch_norm": "yes", "rotation": 10.0, "shift": 0.08}
_ALL += [
    (
        "fer2013-networks/feed-forward",
        "Two layers of 1,000 units with inverted dropout, as published; it collapsed to one class there",
        f"{_FER}, table 1",
        # "Learning rate decay .001" is read as 1/(1 + .001 step): as a factor after each epoch it would end learning
        # with the first. Epochs, and the probability to keep a unit, are not given.
        _fer(
            {"architecture": "mlp", "hidden": (1000, 1000), "dropout_keep": 0.5},
            _SGD | {"momentum": 0.5, "decay": 1e-3},
            {"batch_size": 10, "epochs": 10},
        ),
    ),
    (
        "fer2013-networks/cnn",
        "Five convolutions, average pooling and three dense layers, as published; it collapsed to one class there",
        f"{_FER}, section 6",
        _fer(
            {"architecture": "cnn", "dropout_keep": 0.5},
            _SGD | {"momentum": 0.9, "decay": 1e-5},
            {"batch_size": 32, "epochs": 50},
        ),
    ),
    (
        "fer2013-networks/feed-forward-sound",
        "The same layers with batch normalisation, AdamW and moved pictures",
        f"{_FER}; ours where it differs",
        _fer(
            {"architecture": "mlp", "batch_norm": "yes", "rotation": 10.0, "shift": 0.05},
            _SOUND,
            {"batch_size": 128, "epochs": 40, "mirror": "yes", "selection": "f1"},
        ),
    ),
    (
        "fer2013-networks/cnn-sound",
        "The same convolutions with batch normalisation, AdamW and moved pictures",
        f"{_FER}; ours where it differs",
        _fer(
            _CNN_SOUND,
            _SOUND,
            {"batch_size": 128, "epochs": 60, "mirror": "yes", "selection": "f1"},
            {"label_smoothing": 0.05},
        ),
    ),
    (
        "fer2013-networks/overfit-50",
        "The sanity check: 50 pictures learnt by heart by the convolutional network",
        f"{_FER}, sections 4.1 and 6.1; ours where it differs",
        _fer(
            _CNN_SOUND, _QUICK | {"learning_rate": 1e-3, "warmup": 0}, {"batch_size": 20, "epochs": 60, "overfit": 50}
        ),
    ),
    (
        "fer2013-networks/cifar-10",
        "Two layers of 80 units on the ten classes of CIFAR-10",
        f"{_FER}, section 4.2",
        # There, a decay of .9 an epoch; the same fall over 30 epochs of 5,000 batches.
        _config(
            {"architecture": "mlp", "size": 32, "channels": 3, "hidden": (80, 80), "dropout_keep": 1.0},
            {"target": "class"},
            _SGD | {"momentum": 0.9, "decay": 1.5e-4},
            {"batch_size": 10, "epochs": 30},
        ),
    ),
]

# ViT against ResNet ------------------------------------------------------------------------------

_VIT = "ViT-B/16 against ResNet-50 on six expressions (Senadeera)"


def _unfrozen(architecture: str, *, optimiser="adam", learning_rate=1e-3, epochs=3) -> Config:
    """Return the study's settings: all layers, class weights, the rate cut by a fifth when F1 falls by a tenth."""
    return _config(
        {"architecture": architecture, "size": 224, "channels": 3, "dropout_keep": 1.0, "trained": "full"},
        {"target": "class", "class_weights": "balanced"},
        {"optimiser": optimiser, "learning_rate": learning_rate, "schedule": "cut", "decay": 0.2},
        {
            "batch_size": 256,
            "epochs": epochs,
            "selection": "last",
            "division": "70/20/10",
            "save_every": _SAVE_SELDOM,
        },
    )


_ALL += [
    ("vit-vs-resnet/vit", "ViT-B/16, Adam at 1e-3, 3 epochs", f"{_VIT}, table 2", _unfrozen("vit-b-16")),
    ("vit-vs-resnet/resnet50", "ResNet-50, Adam at 1e-3, 3 epochs", f"{_VIT}, table 5", _unfrozen("resnet50")),
]
_ALL += [
    (f"vit-vs-resnet/vit-epochs-{n}", f"ViT-B/16, {n} epochs", f"{_VIT}, table 8", _unfrozen("vit-b-16", epochs=n))
    for n in (2, 4, 5)
]
#: Adam at 1e-3 is vit-vs-resnet/vit itself.
_ALL += [
    (
        f"vit-vs-resnet/vit-{name}-{rate}",
        f"ViT-B/16, {word} at {rate}",
        f"{_VIT}, table {table}",
        _unfrozen("vit-b-16", optimiser=name, learning_rate=float(rate)),
    )
    for name, word, rate, table in [
        *((name, word, rate, 9) for (name, word), rate in product(
            (("sgd", "SGD"), ("rmsprop", "RMSProp"), ("adam", "Adam")), ("1e-2", "1e-3", "1e-5"))),
        ("adam", "Adam", "2e-5", 10),
        ("adam", "Adam", "3e-5", 10),
    ]
    if (name, rate) != ("adam", "1e-3")
]  # fmt: skip

# Attributes --------------------------------------------------------------------------------------

_VGG = "VGG16 on 40 psychological attributes (Xiao 2024)"
_ALL.append(
    (
        "vgg16-attributes",
        "VGG16 on all attributes of a release at once, flips and rotations, batch 24, rate 5e-4",
        _VGG,
        # Optimiser, epochs and the largest angle are not given.
        _config(
            {"architecture": "vgg16", "size": 224, "channels": 3, "dropout_keep": 0.5, "rotation": 15.0},
            {"target": "attributes", "rating_weights": "equal"},
            {"optimiser": "adam", "learning_rate": 5e-4},
            {"batch_size": 24, "epochs": 30, "mirror": "yes", "save_every": _SAVE_SELDOM},
        ),
    )
)

_LRP = "what makes a face look happy or attractive (Arbabzadah et al. 2016)"
_WORDS = {"dense": "dense layers only", "full": "all layers"}
LRP_BASES = {"age": "age", "gender": "gender|sex|male|female"}
LRP_ATTRIBUTES = {
    "attractiveness": "attractive|attractiveness",
    "happiness": "happy|happiness",
    "confidence": "confident|confidence",
    "intelligence": "intelligent|intelligence|smart",
}


def _lrp(attributes: str, trained: str) -> Config:
    """Return the study's settings; batch (50, as Levi and Hassner) and epochs are not given.

    There, 1,111 of 2,222 faces are trained on and 1,111 tested; which step is kept is not said: a tenth of the training
    half chooses it.
    """
    return _config(
        {"architecture": "levi-hassner", "size": 227, "channels": 3, "dropout_keep": 0.5, "trained": trained},
        {"target": "attributes", "attributes": attributes, "scaling": "unit", "rating_weights": "equal"},
        {"optimiser": "sgd", "learning_rate": 1e-3, "momentum": 0.9, "nesterov": "yes"},
        {"batch_size": 50, "epochs": 60, "division": "45/5/50", "save_every": _SAVE_SELDOM},
    )


_ALL += [
    (
        f"lrp-attributes/base-{base}",
        f"The base network of the study, trained on the {base} of the release's own pictures",
        f"{_LRP}, with the network of Levi and Hassner (2015)",
        _lrp(names, "full"),
    )
    for base, names in LRP_BASES.items()
]
_ALL += [
    (
        f"lrp-attributes/{base}-{trained}-{attribute}",
        f"{attribute.capitalize()} from the {base} network, {_WORDS[trained]}",
        f"{_LRP}, table 1",
        _lrp(names, trained),
    )
    for base, trained, (attribute, names) in product(LRP_BASES, ("dense", "full"), LRP_ATTRIBUTES.items())
]

#: Study -> where it comes from.
SOURCES = {"lrp-attributes": _LRP, "vgg16-attributes": _VGG, "fer2013-networks": _FER, "vit-vs-resnet": _VIT}
#: What `learning.recipes` lists.
ALL: list[tuple[str, str, str, Config]] = _ALL
