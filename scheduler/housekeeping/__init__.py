"""What every process does besides its work: heartbeat, lease, flags, samples; one thread, one connection."""

from scheduler.housekeeping.housekeeper import Housekeeper

__all__ = ["Housekeeper"]
