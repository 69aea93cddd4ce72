"""A study that grows: bare stimuli, judgements by the dozen, a trainer and a measure that cost nothing."""

import functools
import itertools
import tempfile
from pathlib import Path
from types import SimpleNamespace

from analysis.models import GrowthPoint
from analysis.services import evaluations, growth
from analysis.services.policies import set_policy
from annotation.services.consensus import settle_questions
from learning import services as learning
from learning.models import Run
from tests.annotation.votes import add_question, bare_study, votes
from tests.learning.made import FAST, write_checkpoint, write_release
from triplets import archive

RESULTS = {
    "splits": {"headline": "test"},
    "satisfied": {"test": {"all": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 40}}},
    "baselines": {"raw": {"test": {"all": {"value": 0.6, "low": 0.5, "high": 0.7, "n": 40}}}},
    "ceilings": {"test": {"all": {"chance": 0.5, "one_person": {"value": 0.85, "low": 0.8, "high": 0.9},
                                  "oracle": None}}},
    "probe": {"embedding": {"accuracy": 0.9, "low": 0.8, "high": 1.0, "n": 20}},
}  # fmt: skip


def make_study(every=3, name="smiles", **policy):
    study = bare_study(keys=[f"{letter}1" for letter in "abcdefgh"], name=name, responses_per_question=2)
    study.policy = set_policy(study, "topological-vae", every, changes=FAST, **policy)
    return study


def settle(study, n):
    """Let n more questions be answered and settle."""
    keys = [s.key for s in study.collection.stimuli.order_by("pk")]
    asked = study.question_set.questions.count()
    for a, b, c in itertools.islice(itertools.combinations(keys, 3), asked, asked + n):
        votes(study, add_question(study, a, b, c), first=2)
    return settle_questions(study)


def plain_trainer(release, config, *, seed, out, recipe_name, start, on_progress, should_stop):
    (out / "checkpoint.safetensors").write_bytes(_checkpoint())
    return SimpleNamespace(
        status="finished", checkpoint=out / "checkpoint.safetensors", steps=1, seconds=0.1, satisfied_train=0.9,
        satisfied_validation=0.8, satisfied_test=0.7, metrics={"loss": 1.0}, curve=[],
    )  # fmt: skip


@functools.cache
def _checkpoint() -> bytes:
    """Return a real, untrained checkpoint of other faces."""
    from learning.recipes import recipe

    with tempfile.TemporaryDirectory() as folder:
        write_release(Path(folder) / "release")
        config = recipe("topological-vae").config.with_changes(FAST)
        path = Path(folder) / "checkpoint.safetensors"
        write_checkpoint(path, config, 0, archive.read_release(Path(folder) / "release"), 1)
        return path.read_bytes()


def failing_trainer(*args, **kwargs):
    raise MemoryError("9 GiB wanted")


def run_due(results=RESULTS, train=plain_trainer) -> growth.Due:
    """Sweep once and do what the queue would do; return what was scheduled."""
    due = growth.tend_policies()
    for pk in due.runs:
        learning.execute_run(pk, train=train)
    for pk in due.evaluations:
        evaluations.evaluate_checkpoint(pk, measure=lambda *a, **k: results)
    return due


def grow(study, n, **how) -> GrowthPoint:
    """Settle n questions and sweep until the point is over."""
    settle(study, n)
    for _ in range(3):
        run_due(**how)
    return study.growth_points.order_by("pk").last()


def counts(study) -> tuple[int, int, int]:
    """Return how many points, releases and runs there are."""
    return study.growth_points.count(), study.question_set.releases.count(), Run.objects.count()
