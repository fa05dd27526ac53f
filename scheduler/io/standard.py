"""The periodic services that the io process owns: what the rest of the system wants done again and again."""

from __future__ import annotations

from collections.abc import Sequence

from scheduler.fleet import orders
from scheduler.io.services import Service

#: Seconds between two looks for orders that their runs left behind.
LEFTOVERS_S = 5.0


def services() -> Sequence[Service]:
    """Every service, in the order of their first run."""
    return (Service("fleet_leftovers", lambda: LEFTOVERS_S, orders.terminate_leftovers),)
