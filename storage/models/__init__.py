"""Rows of the storage package."""

from storage.models.area import Area
from storage.models.event import LocationEvent
from storage.models.location import LocationAttribute, StorageLocation
from storage.models.request import LaneWait, StorageRequest

__all__ = ["Area", "LaneWait", "LocationAttribute", "LocationEvent", "StorageLocation", "StorageRequest"]
