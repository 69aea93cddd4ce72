"""Evaluations (numbers), reports (published pages) and the growth curve of a study."""

import secrets

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.models import Study
from learning.models import Checkpoint, Run, StudyRun
from triplets.counting import counted
from triplets.models import Release


def random_address() -> str:
    return secrets.token_urlsafe(9)


class Evaluation(models.Model):
    """The numbers of one checkpoint on one release. `results` is what `python -m analysis --json` prints, and more."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="evaluations")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="evaluations")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    message = models.TextField(blank=True)
    with_controls = models.BooleanField(
        default=False, verbose_name="with controls", help_text="Train the recipe twice more: on verdicts drawn by a "
        "coin, and divided the other way. Takes twice the time of the training.",
    )  # fmt: skip
    title = models.CharField(max_length=200, blank=True, help_text="Of its report. Empty: release, recipe and seed.")
    note = models.CharField(max_length=600, blank=True, help_text="A line or two under the title of its report.")
    results = models.JSONField(default=dict)
    n_losses = models.PositiveIntegerField(default=0, help_text="Workers lost in a row.")
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    enqueued_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["checkpoint", "release"],
                condition=Q(status__in=["queued", "running"]),
                name="one_open_evaluation",
            )
        ]

    def __str__(self):
        return f"evaluation {self.pk} of {self.checkpoint}"


class Report(models.Model):
    """A page about one evaluation. Its address is permanent; it answers strangers only once published."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, related_name="reports")
    address = models.CharField(max_length=20, unique=True, default=random_address, editable=False)
    title = models.CharField(max_length=200)
    note = models.CharField(max_length=600, blank=True, help_text="A line or two under the title.")
    version = models.PositiveIntegerField(default=1, editable=False, help_text="Which report of its run this is.")
    file = models.FileField(upload_to="reports/", max_length=200, help_text="The self-contained HTML file.")
    sha256 = models.CharField(max_length=64, blank=True)
    is_published = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self):
        return self.title


class RetrainingPolicy(models.Model):
    """After every so many newly settled questions of a study: freeze, retrain, evaluate, add a point to its curve."""

    study = models.OneToOneField(Study, on_delete=models.CASCADE, related_name="retraining_policy")
    recipe = models.CharField(max_length=60)
    changes = models.JSONField(default=dict, blank=True, help_text="What is set differently from the recipe.")
    seed = models.PositiveIntegerField(default=0)
    every = models.PositiveIntegerField(
        default=100, validators=[MinValueValidator(1)], help_text="Newly settled questions between trainings."
    )
    warm_start = models.BooleanField(
        default=False, help_text="Begin with the weights of the last finished training by this recipe, where they fit."
    )
    publishes = models.BooleanField(default=False, help_text="Whether reports are published without being read first.")
    is_active = models.BooleanField(default=True, help_text="Switched off, nothing new begins.")
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "retraining policies"
        constraints = [models.CheckConstraint(condition=Q(every__gte=1), name="retraining_every_at_least_one")]

    def __str__(self):
        return f"{self.study}: {self.recipe} every {self.every}"


class GrowthPoint(models.Model):
    """One point of a study's growth curve, from the moment it is due until its figures are known.

    Which step comes next follows from what is set: release, then run, then evaluation. A step that failed
    and was then repeated by hand (a run resumed, a checkpoint evaluated again) is taken up again.
    """

    class Status(models.TextChoices):
        OPEN = "open", "under way"
        FINISHED = "finished"
        FAILED = "failed"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="growth_points")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    message = models.TextField(blank=True, help_text="Why it does not go on and what to do.")
    n_settled = models.PositiveIntegerField(help_text="Settled questions when the point was due.")
    n_responses = models.PositiveIntegerField(default=0, help_text="Responses in its release.")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="growth_points")
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, related_name="growth_point")
    evaluation = models.ForeignKey(Evaluation, on_delete=models.PROTECT, null=True, related_name="growth_points")
    figures = models.JSONField(default=dict, help_text="What the curve draws, out of the evaluation.")
    freezing_since = models.DateTimeField(null=True, editable=False, help_text="When a worker began to freeze.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["study_id", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["study"], condition=Q(status="open"), name="one_open_growth_point")
        ]

    def __str__(self):
        return f"{self.study} at {counted(self.n_settled, 'settled question')}"


class StudyReport(models.Model):
    """A page about a whole study of networks, as `python -m analysis --study` measures it.

    study_run : where its networks were trained on this site; a worker then writes it, which is what status, message
    and lease tell of. Without, `manage.py report_study` wrote it from a folder, whole.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running", "being written"
        FINISHED = "finished", "written"
        FAILED = "failed"

    study_run = models.ForeignKey(StudyRun, on_delete=models.PROTECT, null=True, related_name="reports")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.FINISHED)
    message = models.TextField(blank=True)
    n_losses = models.PositiveIntegerField(default=0, help_text="Workers lost in a row.")
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    enqueued_at = models.DateTimeField(null=True, editable=False)
    study = models.CharField(max_length=100, help_text="Its name in learning.studies.")
    address = models.CharField(max_length=20, unique=True, default=random_address, editable=False)
    title = models.CharField(max_length=200)
    note = models.CharField(max_length=600, blank=True, help_text="A line or two under the title.")
    version = models.PositiveIntegerField(default=1, editable=False, help_text="Which report on its study this is.")
    results = models.JSONField(default=dict)
    file = models.FileField(upload_to="reports/", max_length=200, help_text="The self-contained HTML file.")
    archive = models.FileField(upload_to="reports/", max_length=200, blank=True, help_text="Everything, as one zip.")
    sha256 = models.CharField(max_length=64, blank=True)
    is_published = models.BooleanField(default=False)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["study", "version"], name="one_study_report_a_version"),
            models.UniqueConstraint(
                fields=["study_run"], condition=Q(status__in=["queued", "running"]), name="one_open_study_report"
            ),
        ]

    def __str__(self):
        return self.title
