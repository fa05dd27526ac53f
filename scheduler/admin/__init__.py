"""Console pages of the scheduler. They read through selectors and change through commands."""

from scheduler.admin import audit, definitions, records

__all__ = ["audit", "definitions", "records"]
