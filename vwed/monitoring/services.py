"""What the io process does for the console, again and again: history, leak watch, alerts. Handed to the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.housekeeping.sampling import wanted
from scheduler.io.services import Service
from vwed.alerts import delivery, watch
from vwed.alerts import retention as alert_retention
from vwed.monitoring import rollup
from vwed.monitoring.growth import INTERVAL_S, LeakWatch
from vwed.monitoring.history import History
from vwed.tuning import observation, scheduling

#: Seconds between two looks for samples to be rolled up, and for rows that are over their bounds.
ROLL_UP_S = 30.0
RETENTION_S = 60.0


def monitoring_services() -> Sequence[Service]:
    """Every service of the web layer, in the order of their first run; those that measure only where it is wanted."""
    settings = (
        Service("scheduled settings", lambda: scheduling.EVERY_S, scheduling.apply_due),
        Service("observed settings", lambda: observation.EVERY_S, observation.observe_due),
    )
    if not wanted():
        return settings
    history = History()
    return (
        *settings,
        Service("history", history.pause_s, lambda: history.run_once().as_json()),
        Service("history_roll_up", lambda: ROLL_UP_S, lambda: rollup.roll_up().as_json()),
        Service("history_retention", lambda: RETENTION_S, rollup.Retention().run_once),
        Service("alerts", lambda: watch.LOOK_S, watch.Watch().run_once),
        Service("alert_delivery", lambda: delivery.EVERY_S, delivery.run_once),
        Service("alert_retention", lambda: alert_retention.EVERY_S, alert_retention.run_once),
        Service("leak_watch", lambda: INTERVAL_S, LeakWatch().run_once),
    )
