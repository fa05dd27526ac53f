"""The periodic services that the io process owns: what the rest of the system wants done again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scheduler import clock, conf, retention, wakes
from scheduler.definitions import periodic
from scheduler.fleet import orders
from scheduler.io.services import Service
from scheduler.probes import asking
from storage import matching

#: Seconds between two looks for orders that their runs left behind.
LEFTOVERS_S = 5.0
#: Seconds between two looks for probes whose process has died or does not answer.
PROBES_S = 5.0


def services() -> Sequence[Service]:
    """Every service, in the order of their first run."""
    return (
        Service("storage_sweep", lambda: conf.values().match_sweep_s, _sweep_storage),
        Service("fleet_leftovers", lambda: LEFTOVERS_S, orders.terminate_leftovers),
        Service("periodic_starts", lambda: periodic.INTERVAL_S, periodic.PeriodicStarts().run_once),
        Service("probes", lambda: PROBES_S, _settle_probes),
        Service("retention", lambda: conf.values().cleanup_interval_s, _prune),
    )


def _sweep_storage() -> Mapping[str, Any]:
    """Repair matches and wakes that a crash swallowed."""
    return asdict(matching.sweep(_wake_holder, now=clock.now()))


def _wake_holder(holder: str, _key: str) -> None:
    wakes.wake_holders([holder])


def _settle_probes() -> Mapping[str, Any]:
    """End probes that nobody will answer."""
    return {"ended": asking.settle()}


def _prune() -> Mapping[str, Any]:
    """Keep every table within its bounds."""
    return retention.run_once().as_json()
