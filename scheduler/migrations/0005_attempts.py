"""Attempts of a run: which one its block records begin with, and since when the present one goes on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduler", "0004_definition_versions")]

    operations = [
        migrations.AddField("taskrecord", "history_attempt", models.PositiveIntegerField(default=1)),
        migrations.AddField(
            "taskrecord",
            "attempt_at",
            models.DateTimeField(db_index=True, null=True, verbose_name="attempt since"),
        ),
    ]
