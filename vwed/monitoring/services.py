"""What the io process does for the console, again and again: history, leak watch, alerts. Handed to the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.io.services import Service
from vwed.alerts import delivery, watch
from vwed.alerts import retention as alert_retention


def monitoring_services() -> Sequence[Service]:
    """Every service of the web layer, in the order of their first run."""
    return (
        Service("alerts", lambda: watch.LOOK_S, watch.Watch().run_once),
        Service("alert_delivery", lambda: delivery.EVERY_S, delivery.run_once),
        Service("alert_retention", lambda: alert_retention.EVERY_S, alert_retention.run_once),
    )
