import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0005_attempts'),
    ]

    # The new index first: the foreign key needs one at every moment.
    operations = [
        migrations.AddIndex(
            model_name='taskrecord',
            index=models.Index(fields=['parent', 'watched_attempt'], name='record_family'),
        ),
        migrations.AlterField(
            model_name='taskrecord',
            name='parent',
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name='children',
                to='scheduler.taskrecord',
            ),
        ),
    ]
