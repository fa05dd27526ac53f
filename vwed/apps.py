"""App configuration of the web layer."""

from django.apps import AppConfig


class VwedConfig(AppConfig):
    """Console, monitoring and tuning."""

    name = "vwed"
    verbose_name = "VWED"
