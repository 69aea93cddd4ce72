"""What must know both siblings: the growth of a study, and the questions that a trained network asks next."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from analysis import selectors
from analysis.models import Evaluation, GrowthPoint, RetrainingPolicy
from analysis.services.evaluations import create_evaluation_of_run
from analysis.services.reports import publish_report
from annotation.models import Consensus, Study
from annotation.services.consensus import SettlingContended
from annotation.services.releases import ReleaseRefused, freeze_release
from annotation.services.studies import create_batches
from learning import services as learning
from learning.config import ConfigInvalid
from learning.models import Checkpoint, Run
from learning.recipes import RecipeUnknown
from learning.services.archives import checkpoint_path, open_release
from triplets import informative
from triplets.models import Question, Release, Stimulus
from triplets.services.askable import Askable
from triplets.services.questions import create_chosen_triplets

log = logging.getLogger(__name__)
TRAIN = "train"
Status = GrowthPoint.Status
# A worker that began to freeze and was killed is given this long; a million responses are frozen in less.
FREEZING_PATIENCE = timedelta(minutes=10)


@dataclass
class Due:
    """What the caller schedules: keys of new runs and of new evaluations."""

    runs: list[int] = field(default_factory=list)
    evaluations: list[int] = field(default_factory=list)


# The growth curve -------------------------------------------------------------------------------


def tend_policies() -> Due:
    """Bring every study that retrains by itself one step on; one bad study stops no other.

    Each step is decided from the rows alone, so that a sweep may be missed, doubled or killed anywhere:
    due -> release -> run -> evaluation -> figures. A study has one point under way at most, thereby one run.
    """
    due = Due()
    studies = Study.objects.filter(Q(retraining_policy__is_active=True) | Q(growth_points__isnull=False))
    for study in studies.distinct().order_by("pk"):
        try:
            tend_study(study, due)
        except OperationalError:
            raise
        except Exception as error:
            log.exception("The growth of study %s could not be tended", study.name)
            under_way = study.growth_points.filter(status=Status.OPEN)
            under_way.update(message=f"{type(error).__name__}: {error} This is tried again by itself.")
    return due


def tend_study(study: Study, due: Due) -> GrowthPoint | None:
    """Bring the newest point of a study on, or begin one where enough was settled since; return it."""
    point = study.growth_points.order_by("pk").last()
    if point is not None and point.run_id:
        _follow(point, due)
    if point is None or point.status != Status.OPEN:
        point = _begin(study)
    if point is None or point.run_id:
        return point
    if point.release_id or _freeze(point):
        _start(point, due)
    return point


def count_settled(study: Study) -> int:
    return Consensus.objects.filter(study=study, is_current=True).count()


def _begin(study: Study) -> GrowthPoint | None:
    """Create the next point if it is due. Questions count as newly settled beyond those of the last point."""
    with transaction.atomic():
        policy = RetrainingPolicy.objects.select_for_update().filter(study=study, is_active=True).first()
        if policy is None:
            return None
        last = study.growth_points.order_by("pk").last()
        if last is not None and last.status == Status.OPEN:
            return last  # another sweep was a moment faster
        n_settled = count_settled(study)
        if n_settled - (last.n_settled if last else 0) < policy.every:
            return None
        return GrowthPoint.objects.create(study=study, n_settled=n_settled)


def _freeze(point: GrowthPoint) -> bool:
    """Give a point its release: the one frozen since the point was due, so that a killed sweep makes no second."""
    rows = GrowthPoint.objects.filter(pk=point.pk, release=None, status=Status.OPEN)
    frozen = Release.objects.filter(question_set=point.study.question_set_id, created_at__gte=point.created_at)
    release = frozen.order_by("pk").first()
    if release is None:
        now = timezone.now()
        is_free = Q(freezing_since=None) | Q(freezing_since__lt=now - FREEZING_PATIENCE)
        if not rows.filter(is_free).update(freezing_since=now):
            return False
        try:
            release = freeze_release(point.study)
        except (SettlingContended, ReleaseRefused, OSError) as error:
            # Answers are coming in, or the disk is full: both pass, and the next sweep tries again.
            rows.update(freezing_since=None, message=f"No release yet: {error}. This is tried again by itself.")
            return False
        except BaseException:
            rows.update(freezing_since=None)
            raise
    rows.update(release=release, n_responses=release.n_responses, freezing_since=None, message="")
    point.refresh_from_db()
    return point.release_id is not None


def _start(point: GrowthPoint, due: Due) -> None:
    """Create the run and name it in the point at once: neither is there without the other."""
    with transaction.atomic():
        locked = GrowthPoint.objects.select_for_update().get(pk=point.pk)
        if locked.run_id or locked.status != Status.OPEN:
            return
        policy = RetrainingPolicy.objects.filter(study=locked.study_id, is_active=True).first()
        if policy is None:
            _write(locked, Status.FAILED, "The policy was switched off before the training began.")
            return
        try:
            run = learning.create_run(
                locked.release, policy.recipe, policy.changes, policy.seed, policy.set_by,
                starts_from=_last_checkpoint(policy) if policy.warm_start else None,
            )  # fmt: skip
        except (RecipeUnknown, ConfigInvalid) as error:
            _write(locked, Status.FAILED, f"No training began: {error} Correct the policy; the next point uses it.")
            return
        locked.run = run
        locked.save(update_fields=["run"])
        due.runs.append(run.pk)


def _last_checkpoint(policy: RetrainingPolicy) -> Checkpoint | None:
    """Return what the study's last finished training by this recipe kept; whether it fits, training finds out."""
    found = Checkpoint.objects.filter(
        run__growth_point__study=policy.study_id, run__recipe=policy.recipe, run__status=Run.Status.FINISHED
    )
    return found.order_by("pk").last()


def _follow(point: GrowthPoint, due: Due) -> None:
    """Write what became of the run and its evaluation. A failed step that was repeated by hand is taken up again."""
    run = point.run
    if point.status == Status.FINISHED:
        return
    if run.status in (Run.Status.FAILED, Run.Status.STOPPED):
        _write(point, Status.FAILED, f"Run {run.pk} {run.status}. {run.message} Resumed, it becomes this point.")
        return
    if run.status != Run.Status.FINISHED:
        _write(point, Status.OPEN)
        return
    evaluation = (
        Evaluation.objects.filter(checkpoint=run.checkpoints.order_by("pk").last(), release=point.release_id)
        .defer("results").order_by("pk").last()
    )  # fmt: skip
    if evaluation is None:
        evaluation = create_evaluation_of_run(run.pk)
        if evaluation is None:
            return
        due.evaluations.append(evaluation.pk)
    if evaluation.status == Evaluation.Status.FAILED:
        _write(point, Status.FAILED, f"Evaluation {evaluation.pk} failed. {evaluation.message}", evaluation)
    elif evaluation.status == Evaluation.Status.FINISHED:
        _finish(point, evaluation)
    else:
        _write(point, Status.OPEN, "", evaluation)


def _finish(point: GrowthPoint, evaluation: Evaluation) -> None:
    """Add the figures to the curve, and publish the report in the same moment if that was allowed."""
    figures = selectors.growth_figures(evaluation.pk)
    with transaction.atomic():
        is_new = GrowthPoint.objects.filter(pk=point.pk).exclude(status=Status.FINISHED).update(
            status=Status.FINISHED, message="", evaluation=evaluation, figures=figures, finished_at=timezone.now()
        )  # fmt: skip
        policy = RetrainingPolicy.objects.filter(study=point.study_id, is_active=True, publishes=True).first()
        report = evaluation.reports.order_by("pk").last()
        if is_new and policy and report:
            publish_report(report, policy.set_by)
    point.refresh_from_db()


def _write(point: GrowthPoint, status: str, message: str = "", evaluation: Evaluation | None = None) -> None:
    if (point.status, point.message, point.evaluation_id) == (status, message, evaluation and evaluation.pk):
        return
    point.status, point.message, point.evaluation = status, message, evaluation
    point.finished_at = None if status == Status.OPEN else timezone.now()
    point.save(update_fields=["status", "message", "evaluation", "finished_at"])


# The next questions -----------------------------------------------------------------------------


class NothingToChoose(ValueError):
    """there are no stimuli that are both askable in the study and embedded by the checkpoint"""


def choose_next_questions(
    study: Study,
    checkpoint: Checkpoint,
    n: int = 100,
    seed: int = 0,
    n_before: int | None = None,
    on_stored: Callable[[int], None] = lambda n_created: None,
) -> int:
    """Create n questions whose answers the checkpoint would learn most from, with batches and slots; return how many.

    Informative questions are asked in the training split only; each split gets its share of n, and the
    questions of the other splits, and a fifth of the training split's, stay random: a score on chosen
    questions says nothing about questions in general. What was asked before is not asked again.

    n_before : how many questions the study had when this was asked for. If it has others now, somebody was faster
        (a button pressed twice), and 0 is returned.
    on_stored : called with how many, within the transaction; what it raises takes the questions back
    """
    if study.kind != Question.Kind.TRIPLET:
        raise NothingToChoose(f"Study {study.name} asks for ratings; triplets are what a network chooses.")
    if n < 1:
        raise NothingToChoose(f"{n} questions were asked for: expected at least 1.")
    release = checkpoint.run.release
    if release.collection_id != study.collection_id:
        raise NothingToChoose(
            f"{checkpoint} was trained on collection {release.collection.name}; "
            f"study {study.name} asks about {study.collection.name}."
        )
    believed = _posterior(checkpoint, release)
    with transaction.atomic():
        locked = Study.objects.select_for_update(no_key=True).select_related("question_set").get(pk=study.pk)
        n_created = 0
        if n_before is None or locked.question_set.questions.count() == n_before:
            triplets, samplers = _choose(locked, believed, n, seed)
            n_created = create_chosen_triplets(locked.question_set, triplets, samplers) if len(triplets) else 0
        if n_created:
            create_batches(locked, seed)
        on_stored(n_created)
    return n_created


def _posterior(checkpoint: Checkpoint, release) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return {stimulus key: (mean (d,), standard deviation (d,))}."""
    from learning.checkpoints import load_checkpoint
    from learning.embedding import embed

    opened = open_release(release)
    embedding = embed(load_checkpoint(checkpoint_path(checkpoint)), opened)
    if embedding.log_variance is None:
        raise NothingToChoose(f"{checkpoint} holds a network that does not say how sure it is.")
    keys = opened.stimuli.key[embedding.row].tolist()
    return dict(zip(keys, zip(embedding.mean, np.exp(embedding.log_variance / 2), strict=True), strict=True))


def _choose(study: Study, believed: dict, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (m, 3) primary keys [reference, first, second] and (m,) samplers."""
    askable = Askable(study.collection)
    key_of = dict(Stimulus.objects.filter(collection=study.collection_id).values_list("pk", "key"))
    known = np.array([key_of[pk] in believed for pk in askable.pks.tolist()])
    if not known.any():
        raise NothingToChoose(f"No picture of {study.collection.name} is among the faces that the checkpoint embeds.")
    asked = askable.rows_asked(study.question_set)
    splits = askable.splits[known]
    names, counts = np.unique(splits[splits != "none"], return_counts=True)
    shares = _shares(n, counts)
    triplets, samplers = [np.empty((0, 3), np.int64)], [np.empty(0, str)]
    for name, share in zip(names.tolist(), shares, strict=True):
        rows = np.flatnonzero(known & (askable.splits == name))
        position = np.full(len(askable), -1)
        position[rows] = np.arange(len(rows))
        beliefs = [believed[key_of[pk]] for pk in askable.pks[rows].tolist()]
        mean, std = (np.stack(part) for part in zip(*beliefs, strict=True))
        before = position[asked]
        chosen = informative.informative_triplets(
            mean, std, askable.subjects[rows], n=share, seed=seed, random_share=0.2 if name == TRAIN else 1.0,
            exclude=before[(before >= 0).all(axis=1)],
        )  # fmt: skip
        triplets.append(askable.pks[rows][chosen.triplets])
        samplers.append(chosen.sampler)
    return np.concatenate(triplets), np.concatenate(samplers)


def _shares(n: int, counts: np.ndarray) -> list[int]:
    """Divide n among the splits by their size, the largest remainders rounded up.

    >>> _shares(10, np.array([70, 15, 15]))
    [7, 2, 1]
    """
    exact = n * counts / max(1, counts.sum())
    shares = np.floor(exact).astype(int)
    for index in np.argsort(-(exact - shares), kind="stable")[: n - shares.sum()]:
        shares[index] += 1
    return shares.tolist()
