"""Rows of processes and of their past, for tests of the monitoring."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler.models import ProcessRow
from vwed.models import ProcessSample, ProcessSeries, SystemSample

#: A full hour, so that slots of every size begin here.
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
MB = 1_000_000


def process(name: str, role: str = "worker", *, at: datetime = NOON, **fields: Any) -> ProcessRow:
    """The row of a process that beat at ``at``."""
    given = {"boot_id": "boot", "host": "alpha", "pid": 100, "started_at": at - timedelta(hours=1), "beat_at": at}
    return ProcessRow.objects.create(name=name, role=role, **{**given, **fields})


def series(name: str, *, host: str = "alpha", at: datetime = NOON) -> ProcessSeries:
    role, _, seat = name.rpartition("/")[2].partition(" ")
    return ProcessSeries.objects.create(name=name, role=role, host=host, seat=int(seat or 0), last_at=at)


def samples(of: ProcessSeries, at: Iterable[int], *, resolution: int = 5, size: int = 10 * MB, **fields: Any) -> None:
    """One sample of a series in each of the slots."""
    figures = {"pid": 100, "rss": 2 * size, "pss": size, "least": size, "most": size, **fields}
    ProcessSample.objects.bulk_create(
        ProcessSample(series=of, resolution=resolution, at_s=at_s, **figures) for at_s in at
    )


def system(at: Iterable[int], *, resolution: int = 5, **figures: Any) -> None:
    """One sample of the whole system in each of the slots."""
    SystemSample.objects.bulk_create(SystemSample(resolution=resolution, at_s=at_s, figures=figures) for at_s in at)
