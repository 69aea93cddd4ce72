"""What a training says while it goes on, and when it has ended."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """Where a training stands. is_point : metrics are a new point of the learning curve."""

    step: int
    n_steps: int
    metrics: dict[str, float]
    seconds_left: float
    is_point: bool = False


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended. Satisfied shares are None where the release has no such triplets.

    checkpoint : None where several networks were trained to measure a recipe (`learning.folds`).
    """

    status: str
    checkpoint: Path | None
    steps: int
    seconds: float
    satisfied_train: float | None
    satisfied_validation: float | None
    satisfied_test: float | None
    metrics: dict
    curve: list[dict]
