"""What the io process does for the console, again and again: history, leak watch, alerts. Handed to the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.io.services import Service
from vwed.monitoring.growth import INTERVAL_S, LeakWatch


def monitoring_services() -> Sequence[Service]:
    """Every service of the web layer, in the order of their first run."""
    return (Service("leak_watch", lambda: INTERVAL_S, LeakWatch().run_once),)
