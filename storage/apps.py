"""App configuration of storage."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    """Locations, areas and the requests for them."""

    name = "storage"
    verbose_name = "Storage"
