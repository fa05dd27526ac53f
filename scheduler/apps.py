"""App configuration of the scheduler."""

from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    """Definitions, records and everything about *when*."""

    name = "scheduler"
    verbose_name = "Tasks"

    def ready(self) -> None:
        """Register the system checks."""
        from scheduler import checks  # noqa: F401 - importing registers them
