"""Rows of the storage package."""

from storage.models.area import Area
from storage.models.event import LocationEvent
from storage.models.location import LocationAttribute, StorageLocation
from storage.models.request import StorageRequest

__all__ = ["Area", "LocationAttribute", "LocationEvent", "StorageLocation", "StorageRequest"]
