"""Retraining policies: what a researcher allows to happen by itself."""

from analysis.models import RetrainingPolicy
from annotation.models import Study
from learning import recipes


def set_policy(
    study: Study, recipe: str, every: int, *, changes: dict | None = None, seed: int = 0, publishes: bool = False,
    warm_start: bool = False, is_active: bool = True, set_by=None,
) -> RetrainingPolicy:  # fmt: skip
    """Set the one policy of a study, in place of the one it may have. `analysis.tasks.tend_policies` follows it.

    every : newly settled questions from one training to the next, at least 1.
    warm_start : begin each training with the weights of the study's last by this recipe, where they fit.
    RecipeUnknown, ConfigInvalid, ValueError where it could not be followed.
    """
    if every < 1:
        raise ValueError(f"{every} newly settled questions are no policy: expected at least 1.")
    changes = {key: str(value) for key, value in (changes or {}).items()}
    recipes.recipe(recipe).config.with_changes(changes)
    wanted = {
        "recipe": recipe, "every": every, "changes": changes, "seed": seed, "publishes": publishes,
        "warm_start": warm_start, "is_active": is_active, "set_by": set_by,
    }  # fmt: skip
    return RetrainingPolicy.objects.update_or_create(study=study, defaults=wanted)[0]


def switch_off(policy: RetrainingPolicy) -> RetrainingPolicy:
    """Begin nothing new; what trains already is finished and is a point, and is not published."""
    policy.is_active = False
    policy.save(update_fields=["is_active", "changed_at"])
    return policy
