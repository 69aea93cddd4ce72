"""What can be asked (collections, stimuli, questions) and what was settled (releases)."""

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q


def random_picture_path(stimulus, filename: str) -> str:
    """Store every picture under a random name: neither key, class nor gold can be read from an address."""
    name = secrets.token_hex(16)
    return f"pictures/{name[:2]}/{name}.{filename.rsplit('.', 1)[-1].lower()}"


class Split(models.TextChoices):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    NONE = "none", "not used for learning"


class Collection(models.Model):
    """Stimuli with one provenance, licence and landmark scheme."""

    name = models.SlugField(unique=True, max_length=80)
    title = models.CharField(max_length=200, blank=True)
    licence = models.CharField(max_length=200, blank=True, help_text="For example: CC BY 4.0, DeBruine & Jones 2017")
    source = models.TextField(blank=True, help_text="Where the pictures come from and whom to credit.")
    landmark_scheme = models.CharField(max_length=40, blank=True, help_text="A name of triplets.schemes.SCHEMES.")
    n_stimuli = models.PositiveIntegerField(default=0, editable=False)
    n_subjects = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.title or self.name


class Subject(models.Model):
    """The person in the picture."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="subjects")
    name = models.CharField(max_length=120)
    split = models.CharField(max_length=10, choices=Split.choices, blank=True, help_text="Empty: not split yet.")
    extra = models.JSONField(default=dict, blank=True, help_text="Sex, age, ethnicity: whatever the manifest has.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "name"], name="subject_once_per_collection")]
        ordering = ["collection_id", "name"]

    def __str__(self):
        return self.name


class Stimulus(models.Model):
    """One picture with its landmarks that can be shown.

    Without a picture it can be trained on, not asked; without landmarks it can be asked.
    """

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="stimuli")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="stimuli", null=True, blank=True)
    key = models.CharField(max_length=200, help_text="The manifest's `file` or `stimulus`.")
    picture = models.FileField(upload_to=random_picture_path, blank=True, max_length=200)
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    picture_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the stored, re-encoded bytes.")
    class_label = models.CharField(max_length=80, blank=True)
    degree = models.FloatField(null=True, blank=True)
    is_neutral = models.BooleanField(null=True, help_text="Unknown where the manifest does not say.")
    has_landmarks = models.BooleanField(default=False)
    action_units = models.JSONField(default=dict, blank=True)
    attributes = models.JSONField(default=dict, blank=True, help_text="Rated attributes that came with the manifest.")
    extra = models.JSONField(default=dict, blank=True)
    content_sha256 = models.CharField(max_length=64, help_text="Of the row, the original picture and the landmarks.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "stimuli"
        constraints = [models.UniqueConstraint(fields=["collection", "key"], name="stimulus_once_per_collection")]
        indexes = [models.Index(fields=["collection", "picture_sha256"], name="stimulus_picture_hash")]
        ordering = ["collection_id", "key"]

    def __str__(self):
        return self.key

    @property
    def split(self) -> str:
        return self.subject.split if self.subject_id else ""


class LandmarkSet(models.Model):
    """Points of one stimulus, kept out of the listed row: little-endian float32, row by row."""

    stimulus = models.OneToOneField(Stimulus, on_delete=models.CASCADE, related_name="landmark_set")
    n_points = models.PositiveIntegerField()
    n_dims = models.PositiveSmallIntegerField()
    points = models.BinaryField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(n_dims__in=[2, 3]), name="landmarks_2d_or_3d")]

    def __str__(self):
        return f"{self.n_points} x {self.n_dims}"


class QuestionSet(models.Model):
    """The questions of one study. `triplets` knows the questions; `annotation` knows who is asked."""

    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="question_sets")
    name = models.SlugField(unique=True, max_length=80, help_text="The study's name.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Question(models.Model):
    """What is asked once: a triplet, a rating of one attribute of one stimulus, or a choice of its label.

    Candidates stand in canonical order (`first` has the smaller key of the two rows);
    the presented side is chosen per assignment. A check question may have its own
    reference as a candidate.
    """

    class Kind(models.TextChoices):
        TRIPLET = "triplet"
        RATING = "rating"
        CHOICE = "choice"

    class Role(models.TextChoices):
        ORDINARY = "ordinary"
        GOLD = "gold", "gold (the expected choice is known)"
        PRACTICE = "practice"
        SHARED = "shared", "shared (asked of everybody)"

    class Choice(models.TextChoices):
        FIRST = "first"
        SECOND = "second"

    question_set = models.ForeignKey(QuestionSet, on_delete=models.CASCADE, related_name="questions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ORDINARY)
    reference = models.ForeignKey(
        Stimulus,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The stimulus to judge, for a rating or a choice.",
    )
    first = models.ForeignKey(Stimulus, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    second = models.ForeignKey(Stimulus, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    attribute = models.CharField(max_length=80, blank=True)
    expected_choice = models.CharField(max_length=6, choices=Choice.choices, blank=True)
    expected_rating = models.FloatField(null=True, blank=True)
    rating_tolerance = models.FloatField(
        null=True, blank=True, help_text="A gold rating is right within this distance of the expected one."
    )
    expected_label = models.CharField(max_length=80, blank=True, help_text="For a choice: one of the study's options.")
    split = models.CharField(max_length=10, choices=Split.choices, default=Split.NONE)
    is_same_subject = models.BooleanField(null=True)
    sampler = models.CharField(max_length=20, default="design", help_text="design, random, informative or imported.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question_set", "reference", "first", "second", "split", "role"],
                condition=Q(kind="triplet"),
                name="triplet_asked_once",
            ),
            models.UniqueConstraint(
                fields=["question_set", "reference", "attribute", "split", "role"],
                condition=Q(kind="rating"),
                name="rating_asked_once",
            ),
            models.UniqueConstraint(
                fields=["question_set", "reference", "split", "role"],
                condition=Q(kind="choice"),
                name="choice_asked_once",
            ),
            models.CheckConstraint(
                name="question_is_of_one_kind",
                condition=(
                    Q(kind="triplet", first__isnull=False, second__isnull=False, attribute="")
                    & Q(first__lt=F("second"))
                )
                | (Q(kind="rating", first__isnull=True, second__isnull=True) & ~Q(attribute=""))
                | Q(kind="choice", first__isnull=True, second__isnull=True, attribute=""),
            ),
            models.CheckConstraint(
                name="gold_expects_something",
                condition=~Q(role__in=["gold", "practice"])
                | Q(kind="triplet", expected_choice__in=["first", "second"])
                | Q(kind="rating", expected_rating__isnull=False, rating_tolerance__isnull=False)
                | (Q(kind="choice") & ~Q(expected_label="")),
            ),
        ]
        indexes = [models.Index(fields=["question_set", "role"], name="question_by_role")]

    def __str__(self):
        if self.kind == self.Kind.RATING:
            return f"{self.attribute} of {self.reference_id}?"
        if self.kind == self.Kind.CHOICE:
            return f"{self.reference_id}: which?"
        return f"{self.reference_id}: {self.first_id} or {self.second_id}?"


class Release(models.Model):
    """A frozen, versioned, checksummed dataset: one zip in storage, format `triplets.archive`. Never updated."""

    name = models.SlugField(unique=True, max_length=100, help_text="Study and version, such as smiles-v2.")
    collection = models.ForeignKey(Collection, on_delete=models.PROTECT, related_name="releases")
    question_set = models.ForeignKey(QuestionSet, on_delete=models.PROTECT, related_name="releases")
    version = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    sha256 = models.CharField(max_length=64, help_text="Of the manifest, which holds the SHA-256 of every file.")
    archive = models.FileField(upload_to="releases/", max_length=200)
    n_bytes = models.PositiveBigIntegerField(default=0)
    manifest = models.JSONField(default=dict)
    n_triplets = models.PositiveIntegerField(default=0)
    n_ratings = models.PositiveIntegerField(default=0)
    n_responses = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["question_set", "version"], name="release_version_once"),
            models.UniqueConstraint(fields=["question_set", "sha256"], name="release_content_once"),
        ]
        ordering = ["-created_at"]

    def __str__(self):
        return self.name


class Errand(models.Model):
    """Work that a researcher asked for at the admin and a worker does: how far it is, and what came of it."""

    class Kind(models.TextChoices):
        STIMULI = "stimuli", "importing faces"
        RESPONSES = "responses", "importing judgements"
        RELEASE = "release", "freezing a release"
        QUESTIONS = "questions", "choosing questions"

    class Status(models.TextChoices):
        QUEUED = "queued", "waits for a worker"
        RUNNING = "running", "under way"
        FINISHED = "finished", "done"
        FAILED = "failed", "failed"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    question_set = models.ForeignKey(
        QuestionSet, null=True, blank=True, on_delete=models.CASCADE, related_name="errands", help_text="Of the study."
    )
    collection = models.ForeignKey(
        Collection, null=True, blank=True, on_delete=models.SET_NULL, related_name="errands"
    )  # what faces were imported into
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.SET_NULL, related_name="errands")
    wanted = models.JSONField(default=dict, blank=True, help_text="What was filled in.")
    files = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What was uploaded, {role: stored name}, until it is over."
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    doing = models.CharField(max_length=80, blank=True, help_text="What is being done at the moment.")
    n_done = models.PositiveIntegerField(default=0)
    n_all = models.PositiveIntegerField(default=0, help_text="0: not known.")
    message = models.TextField(blank=True, help_text="What came of it, or why nothing did.")
    n_losses = models.PositiveIntegerField(default=0, editable=False, help_text="Workers lost in a row.")
    lease_token = models.CharField(max_length=32, blank=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    enqueued_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["status"], condition=Q(status__in=["queued", "running"]), name="errand_open")]
        constraints = [
            models.UniqueConstraint(
                fields=["question_set"],
                condition=Q(kind="release", status__in=["queued", "running"]),
                name="one_open_release_of_a_study",
            )
        ]

    def __str__(self):
        words = {self.Kind.STIMULI: "into", self.Kind.RELEASE: "of"}.get(self.kind, "for")
        of = self.question_set or self.wanted.get("collection", "")
        return f"{self.get_kind_display().capitalize()} {words} {of}"

    @property
    def is_over(self) -> bool:
        return self.status in (self.Status.FINISHED, self.Status.FAILED)


class ReleaseToken(models.Model):
    """A right to download releases over REST. Only the SHA-256 of the token is kept."""

    label = models.CharField(max_length=100)
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    release = models.ForeignKey(
        Release,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="tokens",
        help_text="Empty: all releases.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    n_downloads = models.PositiveIntegerField(default=0, editable=False, validators=[MaxValueValidator(2**31 - 1)])

    class Meta:
        ordering = ["-created_at"]

    def __str__(self):
        return self.label
