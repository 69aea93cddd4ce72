"""What is asked, of whom, how often, at what quality."""

import secrets

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from triplets.models import Collection, Question, QuestionSet

DEFAULT_CONSENT = (
    "Taking part is voluntary. You may stop at any time by closing this page.\n\n"
    "We store your answers and how long they took, under a random code instead of your name. "
    "They may be published for research without anything that identifies you."
)
DEFAULT_INSTRUCTIONS = (
    "You will see one face at the top and two below. Choose the one below whose expression "
    "is more like that of the face at the top. There is often no right answer: follow your first impression."
)
DEFAULT_DEBRIEFING = "Thank you. Your answers help to learn how people see faces."


def random_key() -> str:
    return secrets.token_hex(32)


class Study(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        CLOSED = "closed"

    name = models.SlugField(unique=True, max_length=80)
    title = models.CharField(max_length=200, blank=True)
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="studies")
    question_set = models.OneToOneField(QuestionSet, on_delete=models.PROTECT, related_name="study")
    kind = models.CharField(max_length=10, choices=Question.Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)

    attributes = models.JSONField(default=list, blank=True, help_text="What is rated, for a rating study.")
    options = models.JSONField(default=list, blank=True, help_text="What can be chosen, for a study of choices.")
    scale_low = models.PositiveSmallIntegerField(default=1)
    scale_high = models.PositiveSmallIntegerField(default=9)
    scale_low_label = models.CharField(max_length=40, default="not at all", blank=True)
    scale_high_label = models.CharField(max_length=40, default="extremely", blank=True)
    question_text = models.CharField(
        max_length=200, blank=True, help_text="Empty: the usual wording. {attribute} stands for the attribute."
    )

    consent_text = models.TextField(default=DEFAULT_CONSENT)
    consent_version = models.PositiveIntegerField(default=1)
    instructions = models.TextField(default=DEFAULT_INSTRUCTIONS)
    debriefing = models.TextField(default=DEFAULT_DEBRIEFING)
    completion_code = models.CharField(max_length=40, blank=True)
    demographics = models.JSONField(
        default=list, blank=True, help_text="What people may tell about themselves: [{name, options}]."
    )
    releases_demographics = models.BooleanField(
        default=False, help_text="Releases say, by pseudonym, what people told who agreed to that."
    )
    demographics_consent_version = models.PositiveIntegerField(
        null=True, blank=True, editable=False, help_text="From this version of the consent on people agree to that."
    )

    batch_size = models.PositiveSmallIntegerField(default=19, validators=[MinValueValidator(1), MaxValueValidator(200)])
    n_gold_per_batch = models.PositiveSmallIntegerField(default=1)
    repeat_share = models.FloatField(
        default=0, validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="So many more questions, as a share of a batch, are asked of the same person twice.",
    )  # fmt: skip
    shared_share = models.FloatField(
        default=0, validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="So many more questions, as a share of a batch, come from those that are asked of everybody.",
    )  # fmt: skip
    groups_attributes = models.BooleanField(
        default=False, help_text="All attributes of one picture are rated in a row, and in one batch."
    )
    n_qualification = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(50)],
        help_text="A newcomer answers so many gold questions first; nobody below the wanted accuracy goes on.",
    )  # fmt: skip
    n_practice = models.PositiveSmallIntegerField(default=3)
    responses_per_question = models.PositiveSmallIntegerField(default=5, validators=[MinValueValidator(1)])
    gold_threshold = models.FloatField(default=0.75, validators=[MinValueValidator(0), MaxValueValidator(1)])
    min_gold = models.PositiveSmallIntegerField(
        default=8, help_text="Nobody is excluded before this many gold questions were seen."
    )
    lease_minutes = models.PositiveSmallIntegerField(default=60)
    floor_ms = models.PositiveIntegerField(default=250, help_text="Faster responses are flagged, not dropped.")
    max_batches_per_annotator = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")
    max_slots = models.PositiveIntegerField(
        null=True, blank=True, help_text="Replacement never creates more slots than this. Empty: three times the plan."
    )
    n_slots_planned = models.PositiveIntegerField(default=0, editable=False)
    replacement_resumed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a researcher last overruled the circuit breaker."
    )
    includes_pictures = models.BooleanField(default=True, help_text="Copy the pictures into releases.")
    pseudonym_key = models.CharField(max_length=64, default=random_key, editable=False)
    seed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(scale_low__lt=F("scale_high")), name="scale_low_below_high"),
        ]

    def __str__(self):
        return self.title or self.name


class ConsentText(models.Model):
    """The words of one version of a study's consent, as people read them. Never updated."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="consent_texts")
    version = models.PositiveIntegerField()
    text = models.TextField()
    releases_demographics = models.BooleanField(help_text="Whether people agreed that what they tell is released.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "version"], name="consent_version_once")]
        ordering = ["study_id", "-version"]

    def __str__(self):
        return f"{self.study_id}: consent {self.version}"


class Batch(models.Model):
    """The questions that go together. Gold is drawn per assignment and is not a member."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    n_questions = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "batches"
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="batch_number_once")]
        ordering = ["study_id", "number"]

    def __str__(self):
        return f"{self.study} {self.number}"


class BatchQuestion(models.Model):
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="members")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="memberships")
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "position"], name="batch_position_once"),
            models.UniqueConstraint(fields=["batch", "question"], name="batch_question_once"),
        ]

    def __str__(self):
        return f"{self.batch_id}[{self.position}]"
