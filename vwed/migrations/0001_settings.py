from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="SettingChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64, verbose_name="setting")),
                ("value", models.CharField(max_length=64, verbose_name="value")),
                ("author", models.CharField(max_length=150, verbose_name="author")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("created_at", models.DateTimeField(verbose_name="changed")),
            ],
            options={
                "verbose_name": "settings change",
                "verbose_name_plural": "settings changes",
                "ordering": ("-id",),
                "permissions": (("tune_settingchange", "Can change settings"),),
                "indexes": [models.Index(fields=["name", "id"], name="setting_newest")],
            },
        ),
    ]
