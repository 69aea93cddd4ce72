"""What the five published studies report of their own networks, to stand beside ours.

Every figure is copied from the publication named in `SOURCES`; shares are shares, errors on the scale of the ratings.
A network is named as `learning.studies` names it. The 73 rows of the topological VAE's tables are in
`learning.vae_recipes`, where their configurations are.
"""

from learning.vae_recipes import PUBLISHED

SOURCES = {
    "topological-vae/posed": "the topological VAE thesis, tables 6.6 to 6.14 (posed expressions, BU-3DFE)",
    "topological-vae/spontaneous": "the topological VAE thesis, tables 6.15 to 6.23 (spontaneous expressions, BP4D)",
    "lrp-attributes": "Arbabzadah et al. 2016, table 1 and figure 7 (10k US Adult Faces)",
    "vgg16-attributes": "Xiao 2024 (10k US Adult Faces)",
    "fer2013-networks": "Wright et al. 2019, tables 2 to 5 (FER-2013)",
    "vit-vs-resnet": "Senadeera, tables 2 to 13 (43,239 pictures in six classes; 26,124 new ones)",
}

CLAIMS = {
    "topological-vae/posed": (
        "On test: Model 3 reads .736 of the expressions and satisfies .798 of the triplets; raw landmarks .720 and "
        ".593, 30 principal components .676 and .592, Model 1 .640 and .592, Model 2 .720 and .670.",
    ),
    "topological-vae/spontaneous": (
        "On test: Model 3 reaches F1 .658, AUC .764 and satisfies .849, .716 and .556 of the triplets with five, three "
        "and one vote of difference; raw landmarks .633, .766, .747, .615, .549; 30 principal components .646, .771, "
        ".743, .608, .549.",
    ),
    "lrp-attributes": (
        "Retraining everything gains little over the dense layers for attractiveness.",
        "Covering the mouth with skin colour lowers happiness from 6.69 to 5.26 (age base) and from 6.62 to 5.86 "
        "(gender base); one eye leaves 6.54 and 6.65, both eyes 6.73 and 6.75.",
    ),
    "vgg16-attributes": (
        "Predictions are said to correlate with mean ratings better than single people and hand-made features do, "
        "without figures or intervals for it.",
    ),
    "fer2013-networks": (
        "Both networks collapsed to one class (class 3, happy): .248 and .244, where always answering it gives .249. "
        "The second network's own confusion matrix gives .240.",
        "A sound run passes .60; people about .65.",
    ),
    "vit-vs-resnet": (
        "ViT-B/16 reaches .990 and after tuning .998; ResNet-50 .895. On the second collection the tuned network "
        "falls to .971, F1 .946, most for disgust (F1 .847).",
    ),
}  # fmt: skip

_CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")


def _classes(accuracy, f1) -> dict:
    """Return {class: {"accuracy", "f1"}} from percentages."""
    return {name: {"accuracy": a / 100, "f1": f / 100} for name, a, f in zip(_CLASSES, accuracy, f1, strict=True)}


_MAE = {
    "attractiveness": (0.43, 0.42, 0.47, 0.43),
    "happiness": (0.41, 0.42, 0.36, 0.38),
    "confidence": (0.37, 0.34, 0.34, 0.52),
    "intelligence": (0.33, 0.31, 0.35, 0.29),
}

#: network -> figure -> value, test set of the publication
FIGURES: dict[str, dict[str, dict]] = {
    "lrp-attributes": {
        f"{base}-{trained}-{attribute}": {"mae": error}
        for attribute, errors in _MAE.items()
        for (base, trained), error in zip(
            (("age", "dense"), ("age", "full"), ("gender", "dense"), ("gender", "full")), errors, strict=True
        )
    },
    "fer2013-networks": {
        "feed-forward": {"accuracy": 0.248},
        "cnn": {"accuracy": 0.244},
        "cifar-10": {"accuracy": 0.45},
    },
    "vit-vs-resnet": {
        "vit": {"accuracy": 0.990, "f1": 0.990},
        "resnet50": {"accuracy": 0.895, "f1": 0.899},
        "vit-epochs-2": {"accuracy": 0.987, "f1": 0.988},
        "vit-epochs-4": {"accuracy": 0.983, "f1": 0.979},
        "vit-epochs-5": {"accuracy": 0.980, "f1": 0.977},
        "vit-sgd-1e-2": {"accuracy": 0.985, "f1": 0.981},
        "vit-sgd-1e-3": {"accuracy": 0.748, "f1": 0.701},
        "vit-sgd-1e-5": {"accuracy": 0.142, "f1": 0.075},
        "vit-rmsprop-1e-2": {"accuracy": 0.410, "f1": 0.355},
        "vit-rmsprop-1e-3": {"accuracy": 0.722, "f1": 0.729},
        "vit-rmsprop-1e-5": {"accuracy": 0.995, "f1": 0.995},
        "vit-adam-1e-2": {"accuracy": 0.370, "f1": 0.383},
        "vit-adam-1e-5": {"accuracy": 0.997, "f1": 0.997},
        "vit-adam-2e-5": {"accuracy": 0.998, "f1": 0.997},
        "vit-adam-3e-5": {"accuracy": 0.998, "f1": 0.998},
    },
}

#: The classes of FER-2013 in the order of their numbers.
_FER = ("angry", "disgust", "fear", "happy", "sad", "surprised", "neutral")


def _fer(*rows: tuple) -> dict:
    """Return {class: {"recall", "precision", "f1"}} from the rows of a table, None where it has nan."""
    return {
        name: dict(zip(("recall", "precision", "f1"), row, strict=True)) for name, row in zip(_FER, rows, strict=True)
    }


#: network -> class -> figures of its class; the accuracy of a class is its recall
BY_CLASS: dict[str, dict[str, dict]] = {
    "fer2013-networks": {
        "feed-forward": _fer(
            (0.002, 0.167, 0.004),
            (0.0, None, None),
            (0.002, 0.077, 0.004),
            (0.989, 0.249, 0.398),
            (0.003, 0.333, 0.006),
            (0.002, 0.143, 0.005),
            (0.0, 0.0, 0.0),
        ),
        "cnn": _fer(
            (0.0, None, None),
            (0.0, None, None),
            (0.002, 0.1, 0.004),
            (0.949, 0.244, 0.388),
            (0.014, 0.209, 0.026),
            (0.0, None, None),
            (0.028, 0.14, 0.046),
        ),
    },
    "vit-vs-resnet": {
        "vit": _classes((99.8, 98.8, 99.7, 99.8, 98.8, 97.4), (99.1, 98.1, 99.8, 98.9, 99.2, 98.6)),
        "resnet50": _classes((86.8, 91.1, 90.3, 89.0, 88.3, 94.7), (92.4, 95.1, 85.5, 86.7, 88.8, 91.2)),
        "vit-adam-3e-5": _classes((99.8, 99.2, 100.0, 99.7, 99.9, 99.9), (99.9, 99.5, 99.9, 99.8, 99.8, 99.8)),
    },
}

#: network -> (classes, counts): rows the true class, columns what the network said. Its table has them the other way.
CONFUSION: dict[str, dict[str, tuple[tuple[str, ...], list[list[int]]]]] = {
    "fer2013-networks": {
        "feed-forward": (_FER, [
            [1, 0, 3, 459, 1, 1, 2], [0, 0, 0, 56, 0, 0, 0], [1, 0, 1, 490, 2, 2, 0], [0, 0, 6, 885, 1, 3, 0],
            [1, 0, 1, 648, 2, 0, 0], [0, 0, 1, 412, 0, 1, 1], [3, 0, 1, 603, 0, 0, 0],
        ]),
        "cnn": (_FER, [
            [0, 0, 0, 493, 9, 0, 19], [0, 0, 0, 52, 2, 0, 2], [0, 0, 1, 478, 3, 0, 14], [0, 0, 4, 849, 6, 0, 36],
            [0, 0, 1, 631, 9, 0, 12], [0, 0, 0, 389, 5, 0, 21], [0, 0, 4, 588, 9, 0, 17],
        ]),
    }
}  # fmt: skip

#: network -> figures on the second collection
SECOND: dict[str, dict[str, dict]] = {
    "vit-vs-resnet": {
        "vit-adam-3e-5": {
            "accuracy": 0.971,
            "f1": 0.946,
            "by_class": _classes((98.8, 85.6, 99.6, 99.7, 96.9, 98.2), (99.0, 84.7, 94.3, 93.1, 97.6, 98.9)),
        }
    }
}


def figures_of(study: str, part: str) -> dict[str, float]:
    """Return what is published of one network of a study, {} where nothing is.

    >>> figures_of("lrp-attributes", "gender-full-intelligence")
    {'mae': 0.29}
    """
    row = PUBLISHED.get(f"{study.partition('/')[0]}/{part}")
    return dict(row.results) if row is not None else dict(FIGURES.get(study, {}).get(part, {}))
