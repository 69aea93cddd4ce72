"""Ask PostgreSQL to tidy the table of slots often.

Claiming takes the free slot of lowest order key from a small index, in which each slot that is taken leaves a dead
entry at the front until the table is vacuumed. By default that is when a fifth of all rows have changed: of a
million slots, each claim would walk past two hundred thousand dead entries first.
"""

from django.db import migrations

OFTEN = "autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_index_cleanup = on"
NAMES = "autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, vacuum_index_cleanup"


def tidy_often(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE annotation_slot SET ({OFTEN})")


def tidy_as_usual(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"ALTER TABLE annotation_slot RESET ({NAMES})")


class Migration(migrations.Migration):

    dependencies = [("annotation", "0007_places_and_demographics")]

    operations = [migrations.RunPython(tidy_often, tidy_as_usual)]
