from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0002_whole_language'),
    ]

    operations = [
        migrations.AddField(
            model_name='taskrecord',
            name='watched_attempt',
            field=models.PositiveIntegerField(default=0),
        ),
    ]
