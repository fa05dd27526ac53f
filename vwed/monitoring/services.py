"""What the io process does for the console, again and again: history, leak watch, alerts. Handed to the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.io.services import Service
from vwed.tuning import observation, scheduling


def monitoring_services() -> Sequence[Service]:
    """Every service of the web layer, in the order of their first run."""
    return (
        Service("scheduled settings", lambda: scheduling.EVERY_S, scheduling.apply_due),
        Service("observed settings", lambda: observation.EVERY_S, observation.observe_due),
    )
