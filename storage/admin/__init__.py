"""Console pages of the storage: locations and requests."""

from storage.admin import locations, requests

__all__ = ["locations", "requests"]
