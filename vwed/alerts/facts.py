"""What several rules look at, read once per look."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from scheduler.models import ProcessRow, ServiceRow
from scheduler.selectors import BEAT_GONE_S
from vwed.alerts.rules import Rule
from vwed.monitoring.processes import ENDED_IN_ORDER

#: Rows that one look reads at most of each table.
ROW_LIMIT = 500
#: How long a worker that has ended is still asked what it left behind.
ENDED_ASKED = timedelta(minutes=5)
#: How long a process that died is looked at; its seat is served again long before, or never.
DEATH_SHOWN = timedelta(hours=1)
_COLUMNS = (
    *("name", "role", "boot_id", "host", "pid", "seat", "started_at", "beat_at", "ended_at", "cause", "draining"),
    *("current_record", "current_block", "current_since", "sample"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """The present: ``live`` processes, those that died, workers that ended a moment ago, and services."""

    at: datetime
    host: str
    rules: Mapping[str, Rule]
    live: list[ProcessRow]
    died: list[ProcessRow]
    ended: list[ProcessRow]
    services: list[ServiceRow]

    @property
    def hosts(self) -> set[str]:
        """Hosts on which something lives."""
        return {row.host for row in self.live} | {self.host}


def read(now: datetime, rules: Mapping[str, Rule]) -> Facts:
    """Read them: two queries."""
    alive = Q(ended_at__isnull=True, beat_at__gte=now - timedelta(seconds=BEAT_GONE_S))
    bad = Q(ended_at__gte=now - DEATH_SHOWN) & ~Q(cause__in=ENDED_IN_ORDER)
    ended = Q(ended_at__gte=now - ENDED_ASKED, role="worker")
    rows = list(ProcessRow.objects.filter(alive | bad | ended).only(*_COLUMNS).order_by("-beat_at")[:ROW_LIMIT])
    return Facts(
        at=now,
        host=socket.gethostname()[:128],
        rules=rules,
        live=[row for row in rows if row.ended_at is None],
        died=[row for row in rows if row.ended_at is not None and row.cause not in ENDED_IN_ORDER],
        ended=[row for row in rows if row.ended_at is not None and row.role == "worker"],
        services=list(ServiceRow.objects.order_by("name")[:ROW_LIMIT]),
    )


def number(sample: Mapping[str, Any], name: str) -> float | None:
    """A figure of a sample; ``None`` when it was not measured."""
    value = sample.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
