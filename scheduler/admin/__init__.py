"""Console pages of the scheduler. They read through selectors and change through commands."""

from scheduler.admin import audit, cached_values, definitions, records

__all__ = ["audit", "cached_values", "definitions", "records"]
