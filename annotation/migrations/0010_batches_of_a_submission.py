from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def count_as_paid(apps, schema_editor):
    """What was finished until now was finished with all batches that its place pays for."""
    Submission, Posting = (apps.get_model("annotation", name) for name in ("Submission", "Posting"))
    paid = Posting.objects.filter(pk=OuterRef("posting")).values("batches_per_place")[:1]
    Submission.objects.filter(finished_at__isnull=False).update(n_batches=Subquery(paid))


class Migration(migrations.Migration):
    dependencies = [("annotation", "0009_consent_texts")]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="n_batches",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="How many batches counted for it: fewer than it pays for where there were no more to do.",
            ),
        ),
        migrations.RunPython(count_as_paid, migrations.RunPython.noop),
    ]
