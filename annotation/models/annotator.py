"""The people who judge, and their standing in a study."""

import secrets

from django.db import models

from annotation.models.study import Study

CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no character that looks like another


def random_code() -> str:
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(8))


class Annotator(models.Model):
    """A person, keyed by recruiter and the recruiter's identity for them (never published)."""

    recruiter = models.CharField(max_length=20, default="link", help_text="link, simulated, import, prolific or mturk.")
    external_id = models.CharField(max_length=120)
    code = models.CharField(max_length=12, unique=True, default=random_code, help_text="Always visible to the person.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recruiter", "external_id"], name="annotator_once_per_recruiter")
        ]

    def __str__(self):
        return self.code


class Participation(models.Model):
    """One annotator in one study: consent, practice, and the running count on gold questions."""

    class Exclusion(models.TextChoices):
        NO = "", "not excluded"
        GOLD = "gold", "too often wrong on gold questions"
        UNQUALIFIED = "unqualified", "did not pass the qualification"
        RESEARCHER = "researcher", "by a researcher"

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="participations")
    annotator = models.ForeignKey(Annotator, on_delete=models.CASCADE, related_name="participations")
    consent_version = models.PositiveIntegerField(null=True, blank=True)
    consented_at = models.DateTimeField(null=True, blank=True)
    demographics = models.JSONField(default=dict, blank=True, help_text="What they told about themselves.")
    demographics_at = models.DateTimeField(null=True, blank=True)
    practised_at = models.DateTimeField(null=True, blank=True)
    qualified_at = models.DateTimeField(null=True, blank=True)
    n_responses = models.PositiveIntegerField(default=0)
    n_assignments = models.PositiveIntegerField(default=0, help_text="Completed assignments.")
    max_assignments = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many passes a recruiter pays this person for. Empty: the study's limit."
    )
    n_gold = models.PositiveIntegerField(default=0)
    n_gold_right = models.PositiveIntegerField(default=0)
    exclusion = models.CharField(max_length=12, choices=Exclusion.choices, default=Exclusion.NO, blank=True)
    excluded_at = models.DateTimeField(null=True, blank=True)
    readmitted_at = models.DateTimeField(
        null=True, blank=True, help_text="A researcher let the data count again: the filter keeps out of it from then."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "annotator"], name="participation_once")]

    def __str__(self):
        return f"{self.annotator} in {self.study}"

    @property
    def is_excluded(self) -> bool:
        return bool(self.exclusion)

    @property
    def accuracy(self) -> float | None:
        return self.n_gold_right / self.n_gold if self.n_gold else None
