"""What `python -m learning` prints of a training: figures by split, warnings, one JSON object."""

import json

from learning.studies import headline

#: Figures of embeddings of judgements, over single responses instead of settled triplets.
_OF_RESPONSES = ("satisfied_test_pooled", "satisfied_test_conditional", "n_responses_test", "n_annotators")


def tell(options, result) -> int:
    """Print how a training ended, and return the exit status."""
    for name in ("train", "validation", "test"):
        print_split(result, name)
    print_figures(result.metrics)
    print(f"{result.steps} steps in {result.seconds:.1f} s, best at {result.metrics['best_step']}: {result.checkpoint}")
    if options.json:
        print(json.dumps(summary(options.recipe, result)))
    return 0 if result.metrics.get("is_overfit_learnt", True) else 1


def print_split(result, name: str) -> None:
    """Print the satisfied triplets of one split beside their baselines, and single responses where there are any."""
    metrics = result.metrics
    if metrics.get(f"satisfied_{name}") is None:
        if metrics.get(f"n_triplets_{name}") == 0:
            print(f"{name}: the release has no triplets of this split")
        return
    beside = {"raw": "satisfied_raw", "expression minus neutral": "satisfied_neutral_difference"}
    others = [f"{words} {metrics[f'{key}_{name}']:.3f}" for words, key in beside.items() if f"{key}_{name}" in metrics]
    print(
        f"{name}: {metrics[f'satisfied_{name}']:.3f} of {metrics[f'n_triplets_{name}']} triplets satisfied "
        f"({', '.join([*others, 'chance .5'])}; split by {metrics['split_by']})"
    )
    said = {"one space for everybody": "pooled", "each annotator's own weights": "conditional"}
    found = {words: metrics.get(f"satisfied_{name}_{key}") for words, key in said.items()}
    shares = [f"{share:.3f} by {words}" for words, share in found.items() if share is not None]
    if shares:
        print(f"{name}: of {metrics[f'n_responses_{name}']} single responses {', '.join(shares)}")


def print_figures(metrics: dict) -> None:
    """Print what networks of pictures are measured by, and loudly what is wrong with one."""
    if any(f"{name}_{split}" in metrics for name in ("accuracy", "mae") for split in ("test", "validation")):
        print(f"{headline(metrics)}; split by {metrics['split_by']}")
    if "overfit" in metrics:
        print(f"overfit check: {metrics['overfit']}")
    if "warm_start" in metrics:
        print(metrics["warm_start"])
    if "warning" in metrics:
        print(f"WARNING: {metrics['warning']}")


def print_trial(trial: dict) -> None:
    """Print one trial of a search: its score and what was drawn for it."""
    drawn = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in trial["drawn"].items())
    print(f"{trial['name']}: {'failed' if trial['score'] is None else format(trial['score'], '.4f')}  {drawn}")


def summary(recipe_name: str, result) -> dict:
    """Return what --json prints of a training, ready for JSON."""
    return {
        "recipe": recipe_name,
        "status": result.status,
        "satisfied_train": result.satisfied_train,
        "satisfied_validation": result.satisfied_validation,
        "satisfied_test": result.satisfied_test,
        **{name: result.metrics[name] for name in _OF_RESPONSES if name in result.metrics},
        "seconds": round(result.seconds, 3),
        "steps": result.steps,
        "checkpoint": str(result.checkpoint),
        "metrics": result.metrics,
    }
