"""Tables that grow, with their bounds: about how many rows, since when, what they weigh, when they are pruned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import Model, Value

from scheduler import conf
from scheduler.models import (
    AuditEntry,
    BlockRecord,
    Effect,
    JournalEntry,
    LogLine,
    ServiceRow,
    TaskEvent,
    TaskRecord,
)
from vwed.models import Alert, ProcessSample, SystemSample
from vwed.monitoring.rollup import HOUR, KEPT

#: The services that prune, by the name in ``Bound``.
RETENTION, HISTORY, ALERTS = "retention", "history_retention", "alert_retention"


@dataclass(frozen=True, slots=True)
class Bound:
    """A table and what is kept of it. ``at``: the column of a row's age, in ``unit``: ``s``, ``ms``, or a time."""

    model: type[Model]
    at: str
    unit: str
    days: Callable[[conf.Values], int | None]
    rows: Callable[[conf.Values], int | None]
    service: str = RETENTION


_BOUNDS: tuple[Bound, ...] = (
    Bound(TaskRecord, "created_at", "", lambda v: v.record_days, lambda v: v.record_rows),
    Bound(BlockRecord, "started_ms", "ms", lambda v: v.block_record_days, lambda v: v.block_record_rows),
    Bound(LogLine, "at_ms", "ms", lambda v: v.log_days, lambda v: v.log_rows),
    Bound(JournalEntry, "", "", lambda v: None, lambda v: v.journal_rows),
    Bound(Effect, "created_at", "", lambda v: v.effect_days, lambda v: v.effect_rows),
    Bound(AuditEntry, "at", "", lambda v: v.audit_days, lambda v: v.audit_rows),
    Bound(TaskEvent, "at", "", lambda v: v.event_days, lambda v: v.event_rows),
    Bound(ProcessSample, "at_s", "s", lambda v: KEPT[HOUR].days, lambda v: v.sample_rows, HISTORY),
    Bound(SystemSample, "at_s", "s", lambda v: KEPT[HOUR].days, lambda v: None, HISTORY),
    Bound(Alert, "opened_at", "", lambda v: None, lambda v: None, ALERTS),
)


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``rows``: by the keys it spans, which only overestimates; ``size``: bytes, if the server tells."""

    name: str
    label: str
    rows: int
    size: int | None
    oldest: datetime | None
    days: int | None
    most: int | None
    pruned_at: datetime | None

    @property
    def full(self) -> float | None:
        """Percent of the rows that are kept at most."""
        return 100 * self.rows / self.most if self.most else None


def read_tables() -> list[Table]:
    """Every table that grows, the largest first. Four queries, five on MySQL."""
    values = conf.values()
    spans, sizes = _spans(), _sizes()
    ages = _ages({place: first for place, (first, _last) in spans.items() if first is not None})
    services = {
        row.name: row.started_at + timedelta(seconds=row.interval_s)
        for row in ServiceRow.objects.filter(name__in=(RETENTION, HISTORY, ALERTS))
        if row.started_at is not None
    }
    tables = []
    for place, bound in enumerate(_BOUNDS):
        first, last = spans[place]
        table = Table(
            name=bound.model._meta.db_table,
            label=str(bound.model._meta.verbose_name_plural),
            rows=0 if first is None or last is None else last - first + 1,
            size=sizes.get(bound.model._meta.db_table),
            oldest=ages.get(place),
            days=bound.days(values),
            most=bound.rows(values),
            pruned_at=services.get(bound.service),
        )
        tables.append(table)
    return sorted(tables, key=lambda table: -table.rows)


def _spans() -> dict[int, tuple[int | None, int | None]]:
    """First and last key of each table, by its place: the ends of its index. One query."""
    parts = [
        f"SELECT {place}, MIN(id), MAX(id) FROM {connection.ops.quote_name(bound.model._meta.db_table)}"  # noqa: S608
        for place, bound in enumerate(_BOUNDS)
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {int(place): (first, last) for place, first, last in cursor.fetchall()}


def _ages(firsts: Mapping[int, int]) -> dict[int, datetime]:
    """When the first row of each table was written, by the table's place. One query for times, one for numbers."""
    found: dict[int, datetime] = {}
    for timed in (True, False):
        rows = [
            _BOUNDS[place]
            .model._default_manager.filter(pk=first)
            .order_by()
            .values_list(Value(place), _BOUNDS[place].at)
            for place, first in firsts.items()
            if _BOUNDS[place].at and (not _BOUNDS[place].unit) is timed
        ]
        if rows:
            for place, at in rows[0].union(*rows[1:], all=True):
                found[place] = _moment(at, _BOUNDS[place].unit)
    return found


def _moment(value: datetime | int, unit: str) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.fromtimestamp(value / (1000 if unit == "ms" else 1), UTC)


def _sizes() -> dict[str, int]:
    """Bytes of each table with its indexes, as the server estimates them; nothing on SQLite. One statement."""
    if connection.vendor != "mysql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, data_length + index_length FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_name IN %s",
            [[bound.model._meta.db_table for bound in _BOUNDS]],
        )
        return {str(name): int(size or 0) for name, size in cursor.fetchall()}
