"""What a question settled to, and why slots were added or not. A new opinion is a new row."""

from django.db import models
from django.db.models import Q

from annotation.models.posting import Posting
from annotation.models.study import Study
from triplets.models import Question


class Consensus(models.Model):
    """The settled row of a question, from the good responses at that moment."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="consensuses")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="consensuses")
    is_current = models.BooleanField(default=True)
    n = models.PositiveIntegerField(help_text="Good responses.")
    verdict = models.CharField(max_length=6, choices=Question.Choice.choices, blank=True)
    label = models.CharField(max_length=80, blank=True, help_text="The verdict, of a choice.")
    counts = models.JSONField(default=dict, blank=True, help_text="Votes for each label that anybody chose.")
    n_first = models.PositiveIntegerField(default=0)
    n_second = models.PositiveIntegerField(default=0)
    weight = models.PositiveIntegerField(default=0, help_text="Votes for the verdict more than for the next.")
    posterior = models.FloatField(null=True, help_text="Probability that the verdict is right, people weighed.")
    mean = models.FloatField(null=True)
    spread = models.FloatField(null=True, help_text="Standard deviation of the ratings, n - 1 in the denominator.")
    weighted_mean = models.FloatField(null=True, help_text="Weighted by each annotator's consistency.")
    settled_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "consensuses"
        constraints = [
            models.UniqueConstraint(fields=["question"], condition=Q(is_current=True), name="one_current_consensus"),
        ]
        indexes = [models.Index(fields=["study", "is_current"], name="consensus_current")]

    def __str__(self):
        return f"{self.question_id}: {self.verdict or self.label or self.mean}"


class ReplacementDecision(models.Model):
    """Why new slots or places were, or were not, created: the audit trail of spending.

    A row with a posting is about places there, one batch each: target, good and in_flight then count batches that
    recruiters were promised to be paid for.
    """

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="replacement_decisions")
    target = models.PositiveIntegerField()
    good = models.PositiveIntegerField()
    in_flight = models.PositiveIntegerField(help_text="Free or being answered.")
    needed = models.IntegerField()
    n_created = models.PositiveIntegerField()
    posting = models.ForeignKey(Posting, null=True, blank=True, on_delete=models.PROTECT, related_name="replacements")
    n_places = models.PositiveIntegerField(default=0, help_text="Places ordered at the recruiter.")
    cost = models.DecimalField(max_digits=12, decimal_places=2, default=0, help_text="Of these places, with fees.")
    reason = models.CharField(max_length=300)
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-decided_at"]

    def __str__(self):
        return self.reason
