"""A study offered at a recruiter, and each person's pass through it as the recruiter counts passes."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.models.annotator import Annotator, Participation
from annotation.models.study import Study


class Posting(models.Model):
    """A study published at a recruiter: a HIT at MTurk, a study at Prolific."""

    class Recruiter(models.TextChoices):
        LINK = "link", "by link"
        PROLIFIC = "prolific", "Prolific"
        MTURK = "mturk", "Mechanical Turk"

    class State(models.TextChoices):
        PENDING = "pending", "being published"
        OPEN = "open"
        CLOSED = "closed"
        FAILED = "failed", "never published"

    study = models.ForeignKey(Study, on_delete=models.PROTECT, related_name="postings")
    recruiter = models.CharField(max_length=10, choices=Recruiter.choices)
    external_id = models.CharField(max_length=64, blank=True, help_text="The recruiter's identity for it.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    title = models.CharField(max_length=120)
    description = models.TextField(max_length=2000)
    keywords = models.CharField(max_length=200, blank=True)
    reward = models.DecimalField(max_digits=8, decimal_places=2, validators=[MinValueValidator(Decimal(0))])
    currency = models.CharField(max_length=3, blank=True)
    n_places = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    batches_per_place = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    cost = models.DecimalField(max_digits=12, decimal_places=2, help_text="Of all places, fees included.")
    minutes = models.PositiveSmallIntegerField(default=10, help_text="What a place usually takes.")
    minutes_allowed = models.PositiveSmallIntegerField(default=60)
    days_open = models.PositiveSmallIntegerField(default=14)
    completion_code = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text="What the recruiter said last when it refused.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    grows_itself = models.BooleanField(
        default=True,
        help_text="Gets a place more, within the budget, for each of its people whose answers are not used.",
    )
    decision = models.UUIDField(
        null=True, blank=True, unique=True, help_text="The filled form it comes from: sent twice, it publishes once."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    collected_at = models.DateTimeField(null=True, blank=True, help_text="When its submissions were last read.")

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["recruiter", "external_id"], condition=~Q(external_id=""), name="posting_once_at_recruiter"
            ),
        ]

    def __str__(self):
        return f"{self.title} at {self.get_recruiter_display()}"


class Submission(models.Model):
    """One person's pass as the recruiter sees it: an assignment at MTurk, a submission at Prolific."""

    class State(models.TextChoices):
        ACTIVE = "active", "being worked on"
        SUBMITTED = "submitted", "waits for a decision"
        APPROVED = "approved", "paid"
        REJECTED = "rejected"
        RETURNED = "returned", "given up"

    posting = models.ForeignKey(Posting, on_delete=models.PROTECT, related_name="submissions")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="submissions")
    participation = models.ForeignKey(
        Participation, null=True, on_delete=models.PROTECT, related_name="submissions",
        help_text="Empty where the person submitted without ever coming to us.",
    )  # fmt: skip
    external_id = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    finished_at = models.DateTimeField(
        null=True, blank=True, help_text="When the work that it pays for was found done. One batch counts for one pass."
    )
    n_batches = models.PositiveSmallIntegerField(
        default=0, help_text="How many batches counted for it: fewer than it pays for where there were no more to do."
    )
    code = models.CharField(max_length=120, blank=True, help_text="The completion code that was handed in.")
    entered_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Recruiters hand a returned assignment's identity to the next person: the identity alone is no key.
            models.UniqueConstraint(
                fields=["posting", "external_id", "annotator"], name="submission_once_per_annotator"
            ),
        ]
        indexes = [models.Index(fields=["posting", "state"], name="submission_state")]

    def __str__(self):
        return f"{self.external_id} ({self.state})"
