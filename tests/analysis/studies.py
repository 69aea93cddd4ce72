"""Folders of studies as `learning.studies` leaves them, with figures that were made up."""

from learning.studies import STUDIES
from learning.study_results import FINISHED, LEFT_OUT, PartResult, StudyResults, write_study

CLASSES = ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]


def confusion(names, n_right=8, n=10):
    table = [[n_right if i == j else 0 for j in range(len(names))] for i in range(len(names))]
    for i, row in enumerate(table):
        row[(i + 1) % len(names)] += n - n_right
    each = [n_right / n] * len(names)
    shares = {"recall": each, "precision": each, "f1_by_class": each, "n_by_class": [n] * len(names)}
    return {"names": list(names), "confusion": table, "n": n * len(names), **shares}


def class_metrics(n_right=8):
    share = n_right / 10
    found = {"accuracy_test": share, "f1_test": share, "majority_test": 1 / 6, "split_by": "subject"}
    return found | {"classes_test": confusion(CLASSES, n_right)}


def attribute_metrics(names):
    each = {"r2": 0.49, "pearson": 0.7, "mae": 0.5, "mae_of_mean": 0.9, "r2_ceiling": 0.81, "n": 40}
    means = {"mae_test": 0.5, "pearson_test": 0.7, "r2_test": 0.49, "split_by": "stimulus"}
    return means | {"attributes_test": dict.fromkeys(names, each)}


def vae_metrics(k):
    return {"satisfied_validation": 0.5 + k / 100, "n_triplets_validation": 100, "split_by": "subject"}


def side(n_right):
    share = n_right / 10
    groups = {"sex": {"f": {"n": 30, "accuracy": share, "recall": []}}}
    found = {"n": 60, "n_unknown": 0, "accuracy": share, "f1": share, "majority": 1 / 6}
    return found | {"classes": confusion(CLASSES, n_right), "groups": groups}


def made_up(study_name, folder) -> StudyResults:
    """Write the folder of a study whose networks are all finished but the last, which was left out."""
    study, parts = STUDIES[study_name], []
    for k, part in enumerate(study.parts):
        if study_name.startswith("topological"):
            metrics = vae_metrics(k)
        elif study_name in ("lrp-attributes", "vgg16-attributes"):
            metrics = attribute_metrics([part.labels.get("attribute", "happy"), "calm"])
        else:
            metrics = class_metrics(3 + k % 7)
        if k == 0:
            metrics["warning"] = "The network has collapsed to one class: it calls 99% of the pictures 'happy'."
        known = {"labels": part.labels, "seconds": 3.0}
        if k and k == len(study.parts) - 1:
            parts.append(PartResult(part.name, part.recipe, LEFT_OUT, "no pictures", **known))
            continue
        curve = [{"step": s, "loss": 2.0 / s, "validation_loss": 2.5 / s} for s in (1, 2, 3)]
        second = {"test": side(9), "second": side(6)} if part.is_measured_elsewhere else {}
        known |= {"metrics": metrics, "curve": curve, "second": second}
        parts.append(PartResult(part.name, part.recipe, FINISHED, **known))
    second, changes = "cd" * 32 if study.second else "", {"training.epochs": "1"}
    made = StudyResults(
        folder, study.name, study.summary, "ab" * 32, second, 4, changes, study.tables, tuple(parts)
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_study(made)
    return made
