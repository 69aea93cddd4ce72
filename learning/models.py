"""Runs and checkpoints. The row is the truth about a run; the queue only wakes a worker."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from triplets.models import Release


class Search(models.Model):
    """A random search, coarse to fine: `n_rounds` rounds of `n_trials` runs each (`learning.sweeps`).

    What comes next follows from its runs alone: a round is made when all runs of the one before have ended.
    """

    class Status(models.TextChoices):
        OPEN = "open", "under way"
        FINISHED = "finished"
        STOPPED = "stopped"
        FAILED = "failed"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="searches")
    recipe = models.CharField(max_length=60)
    ranges = models.JSONField(default=list, help_text="What is drawn, one range a line.")
    n_rounds = models.PositiveSmallIntegerField(default=2)
    n_trials = models.PositiveSmallIntegerField(default=8, help_text="Runs of each round.")
    changes = models.JSONField(default=dict, blank=True, help_text="Set in every run differently from the recipe.")
    coarse = models.JSONField(default=dict, blank=True, help_text="Set in all rounds but the last.")
    seed = models.PositiveIntegerField(default=0)
    figure = models.CharField(max_length=60, blank=True, help_text="What decides, a figure of the validation split.")
    best = models.ForeignKey("Run", on_delete=models.PROTECT, null=True, related_name="best_of")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    message = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "searches"

    def __str__(self):
        return f"search {self.pk}: {self.recipe} on {self.release}"


class StudyRun(models.Model):
    """A whole published study on a release, one run for each of its networks (`learning.studies`).

    What comes next follows from its runs alone: a network that begins with another one's weights waits for that run.
    """

    class Status(models.TextChoices):
        OPEN = "open", "under way"
        FINISHED = "finished"
        STOPPED = "stopped"
        FAILED = "failed"

    study = models.CharField(max_length=60, help_text="Its name in learning.studies.")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="study_runs")
    second = models.ForeignKey(
        Release, on_delete=models.PROTECT, null=True, blank=True, related_name="study_runs_as_second",
        help_text="The second collection, for studies that have a use for one.",
    )  # fmt: skip
    changes = models.JSONField(default=dict, blank=True, help_text="Set in every network differently from its recipe.")
    seed = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    message = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "study of networks"
        verbose_name_plural = "studies of networks"

    def __str__(self):
        return f"{self.study} on {self.release}"


class Run(models.Model):
    """One training with one configuration, release and seed; with `n_folds`, as many trainings as there are folds."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        STOPPING = "stopping", "asked to stop"
        STOPPED = "stopped"
        FINISHED = "finished"
        FAILED = "failed"

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="runs")
    recipe = models.CharField(max_length=60)
    changes = models.JSONField(default=dict, blank=True, help_text="What was set differently from the recipe.")
    config = models.JSONField(default=dict, help_text="The whole configuration, defaults included.")
    seed = models.PositiveIntegerField(default=0)
    starts_from = models.ForeignKey(
        "Checkpoint", on_delete=models.PROTECT, null=True, blank=True, related_name="runs_begun",
        help_text="The checkpoint whose weights it begins with; empty: its own random ones.",
    )  # fmt: skip
    search = models.ForeignKey(Search, on_delete=models.PROTECT, null=True, related_name="runs")
    search_round = models.PositiveSmallIntegerField(null=True, help_text="Its round in the search, from 1.")
    study_run = models.ForeignKey(StudyRun, on_delete=models.PROTECT, null=True, related_name="runs")
    part = models.CharField(max_length=60, blank=True, help_text="Which network of its study it is.")
    n_folds = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Hold everybody out once, in so many networks; empty: one network."
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    message = models.TextField(blank=True, help_text="Why it failed and what to do.")
    step = models.PositiveIntegerField(default=0)
    n_steps = models.PositiveIntegerField(default=0)
    seconds_left = models.FloatField(null=True)
    metrics = models.JSONField(default=dict, help_text="The newest loss terms and validation figures.")
    n_attempts = models.PositiveIntegerField(default=0, help_text="How often a worker took the run.")
    n_losses = models.PositiveIntegerField(default=0, help_text="Workers lost in a row without a step forward.")
    worker = models.CharField(max_length=200, blank=True, help_text="The name of the worker that holds the run.")
    lease_token = models.CharField(
        max_length=32, blank=True, editable=False, help_text="Made anew by each claim; whoever else writes is stale."
    )
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now, editable=False, help_text="Its place in the queue.")
    enqueued_at = models.DateTimeField(
        null=True, editable=False, help_text="When the broker was last told. The broker may forget; the row does not."
    )
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["status"], condition=Q(status__in=["queued", "running", "stopping"]), name="run_open")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["study_run", "part"], condition=Q(study_run__isnull=False), name="one_run_a_part_of_a_study"
            )
        ]

    def __str__(self):
        return f"run {self.pk}: {self.recipe} on {self.release}"

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.STOPPED, self.Status.FINISHED, self.Status.FAILED)


class RunPoint(models.Model):
    """One point of a run's learning curves."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="points")
    step = models.PositiveIntegerField()
    metrics = models.JSONField(default=dict)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="run_point_once")]
        ordering = ["run_id", "step"]

    def __str__(self):
        return f"{self.run_id} at {self.step}"


class Checkpoint(models.Model):
    """A run's saved weights (safetensors, config inside). Never updated."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="checkpoints")
    step = models.PositiveIntegerField()
    file = models.FileField(upload_to="checkpoints/", max_length=200)
    sha256 = models.CharField(max_length=64)
    n_bytes = models.PositiveBigIntegerField(default=0)
    code_version = models.CharField(max_length=60, blank=True)
    metrics = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["run", "sha256"], name="checkpoint_content_once")]

    def __str__(self):
        return f"checkpoint {self.pk} of run {self.run_id}"
