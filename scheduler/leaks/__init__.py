"""What runs leave behind in a worker: a ledger, the floor under its allocations, and names for what grows."""

from scheduler.leaks.meter import Meter

__all__ = ["Meter"]
