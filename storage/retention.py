"""Bounds of the tables that grow: the journal in time and rows, ended requests in time.

Deletes by primary key in bounded batches, each a short transaction of its own, so that nobody waits for the pruning.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage import requests
from storage.models import LocationEvent

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Retention:
    """How long and how much is kept, read by the caller. ``max_batches`` bounds one run."""

    completed_ttl: timedelta = timedelta(seconds=300)
    journal_age: timedelta = timedelta(days=90)
    journal_rows: int = 1_000_000
    max_batches: int = 20


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows deleted by one run."""

    requests: int = 0
    events: int = 0


def run_once(now: datetime, keep: Retention) -> Pruned:
    """Prune once; what is left over waits for the next run. Three queries when both tables are empty."""
    gone_requests = 0
    for _ in range(keep.max_batches):
        batch = requests.prune(now, keep.completed_ttl, limit=_BATCH)
        gone_requests += batch
        if batch < _BATCH:
            break
    gone_events = 0
    for _ in range(keep.max_batches):
        batch = _prune_events(now, keep)
        gone_events += batch
        if batch < _BATCH:
            break
    return Pruned(gone_requests, gone_events)


def _prune_events(now: datetime, keep: Retention) -> int:
    """Delete one batch of the oldest entries that are too old or too many.

    The journal is append-only, so age follows the primary key and the rows are counted by the keys they span.
    """
    newest = LocationEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        return 0
    oldest = list(LocationEvent.objects.order_by("pk").values_list("pk", "at")[:_BATCH])
    doomed = [pk for pk, at in oldest if at <= now - keep.journal_age or pk <= newest - keep.journal_rows]
    rows = LocationEvent.objects.filter(pk__in=doomed)
    return int(rows._raw_delete(using=rows.db)) if doomed else 0
