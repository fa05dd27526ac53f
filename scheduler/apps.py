"""App configuration of the scheduler."""

from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    """Definitions, records and everything about *when*."""

    name = "scheduler"
    verbose_name = "Tasks"
