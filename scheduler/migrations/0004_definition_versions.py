"""Where a version came from, how long it is and what it calls; the last periodic run; the list without periodic runs."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models.functions import Length

import storage.models.fields


def measure(apps, schema_editor):  # type: ignore[no-untyped-def]
    """Versions that exist already: their length; none of them could call a sub-task."""
    versions = apps.get_model("scheduler", "DefinitionVersion").objects.using(schema_editor.connection.alias)
    versions.update(size=Length("detail"))


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0003_watched_sub_tasks")]

    operations = [
        migrations.AddField("definitionversion", "calls", models.JSONField(default=list)),
        migrations.AddField(
            "definitionversion",
            "reason",
            models.CharField(blank=True, default="", max_length=200, verbose_name="reason"),
        ),
        migrations.AddField("definitionversion", "size", models.PositiveIntegerField(default=0, verbose_name="size")),
        migrations.AddField(
            "taskdefinition",
            "last_periodic_record",
            storage.models.fields.ExactCharField(
                blank=True, default="", max_length=128, verbose_name="last periodic run"
            ),
        ),
        migrations.AddIndex("taskrecord", models.Index(fields=["periodic", "id"], name="record_periodic")),
        migrations.RunPython(measure, migrations.RunPython.noop),
    ]
