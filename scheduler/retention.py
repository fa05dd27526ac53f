"""Bounds of every table that grows, ours and Django's: in time and in rows. A periodic service calls ``run_once``.

Deletes by primary key in bounded batches, each a short transaction of its own, so that nobody waits for the pruning.
Append-only tables are pruned from their oldest key; their rows are counted by the keys they span, which can only
overestimate. What is over one call's share waits for the next call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Max, Min, Model, Q, Sum

from scheduler import clock, conf
from scheduler.models import (
    AuditEntry,
    BlockRecord,
    Effect,
    EndedCounter,
    FleetOrder,
    JournalEntry,
    LogLine,
    Probe,
    ProcessRow,
    RunState,
    TaskEvent,
    TaskRecord,
    Wait,
)
from scheduler.probes import asking
from scheduler.q2 import leftovers
from scheduler.states import ENDED, EffectStatus
from storage import retention as storage_retention

#: Batches of one table in one call.
MAX_BATCHES = 20
#: Counters of single minutes are kept this long; then their hour is one row per status.
MINUTES_KEPT = timedelta(hours=48)
#: The slot of a counter that stands for its whole hour.
HOURLY_SLOT = 100
#: What other people's small tasks leave in django-q2's tables is kept this long.
LEFTOVERS_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows deleted by one call, by table."""

    records: int = 0
    block_records: int = 0
    log_lines: int = 0
    journal: int = 0
    effects: int = 0
    orders: int = 0
    audit: int = 0
    events: int = 0
    counters: int = 0
    processes: int = 0
    storage: int = 0
    kept_states: int = 0
    sessions: int = 0
    leftovers: int = 0
    probes: int = 0

    def as_json(self) -> dict[str, int]:
        """For the service's result row."""
        return asdict(self)


def run_once(now: datetime | None = None) -> Pruned:
    """Prune once, details before records. About a dozen queries when nothing is over its bound."""
    moment = now or clock.now()
    values = conf.values()
    stored = storage_retention.run_once(
        moment, storage_retention.Retention(completed_ttl=timedelta(seconds=values.completed_request_ttl_s))
    )
    return Pruned(
        block_records=_rounds(
            lambda: _oldest(BlockRecord, _started(moment, values.block_record_days), values.block_record_rows)
        ),
        log_lines=_rounds(lambda: _oldest(LogLine, _logged(moment, values.log_days), values.log_rows)),
        journal=_rounds(lambda: _oldest(JournalEntry, None, values.journal_rows)),
        audit=_rounds(lambda: _oldest(AuditEntry, _noted(moment, values.audit_days), values.audit_rows)),
        events=_rounds(lambda: _oldest(TaskEvent, _noted(moment, values.event_days), values.event_rows)),
        effects=_rounds(lambda: _effects(moment, values)),
        orders=_rounds(lambda: _orders(moment, values)),
        records=_rounds(lambda: _records(moment, values)),
        counters=_counters(moment, values),
        processes=_processes(moment, values),
        storage=stored.requests + stored.events,
        kept_states=_rounds(lambda: _kept_states(moment, values)),
        sessions=_rounds(lambda: _sessions(moment)),
        leftovers=_rounds(lambda: leftovers.prune(moment - LEFTOVERS_KEPT, values.prune_batch)),
        probes=_rounds(lambda: _oldest(Probe, Q(asked_at__lt=moment - asking.KEPT), asking.ROWS_LIMIT)),
    )


def _rounds(prune: Callable[[], int]) -> int:
    """Call ``prune`` until a batch is not full, at most ``MAX_BATCHES`` times."""
    gone, full = 0, conf.values().prune_batch
    for _ in range(MAX_BATCHES):
        batch = prune()
        gone += batch
        if batch < full:
            break
    return gone


def _started(now: datetime, days: int) -> Q:
    return Q(started_ms__lt=clock.at_ms(now - timedelta(days=days)))


def _logged(now: datetime, days: int) -> Q:
    return Q(at_ms__lt=clock.at_ms(now - timedelta(days=days)))


def _noted(now: datetime, days: int) -> Q:
    return Q(at__lt=now - timedelta(days=days))


def _oldest(model: type[Model], too_old: Q | None, most: int) -> int:
    """One batch of the oldest rows of an append-only table: those that are too old or too many."""
    rows: Any = model._default_manager
    span = rows.aggregate(first=Min("pk"), last=Max("pk"))
    if span["first"] is None:
        return 0
    batch = list(rows.order_by("pk").values_list("pk", flat=True)[: conf.values().prune_batch])
    keep_from = span["last"] - most + 1
    gone = {pk for pk in batch if pk < keep_from}
    if too_old is not None:
        gone |= set(rows.filter(too_old, pk__in=batch).values_list("pk", flat=True))
    return _delete(model, gone)


def _delete(model: type[Model], pks: Collection[int | str]) -> int:
    if not pks:
        return 0
    rows: Any = model._default_manager
    # The ORM's delete() would read the rows again to look for dependants; there are none, or they are gone already.
    return int(rows.filter(pk__in=pks)._raw_delete(using="default"))


def _effects(now: datetime, values: conf.Values) -> int:
    """Answered effects of ended runs, by age and number."""
    batch = values.prune_batch
    done = Effect.objects.filter(Q(record__isnull=True) | Q(record__status__in=ENDED), ended_at__isnull=False)
    old = done.filter(ended_at__lt=now - timedelta(days=values.effect_days))
    pks = list(old.order_by("ended_at").values_list("pk", flat=True)[:batch])
    if len(pks) < batch and _span(Effect) > values.effect_rows:
        over = min(_span(Effect) - values.effect_rows, batch - len(pks))
        pks += list(done.exclude(pk__in=pks).order_by("pk").values_list("pk", flat=True)[:over])
    return _delete(Effect, pks)


def _orders(now: datetime, values: conf.Values) -> int:
    """Closed fleet orders of ended runs, as long as effects are kept."""
    old = FleetOrder.objects.filter(closed=True, updated_at__lt=now - timedelta(days=values.effect_days))
    ended = old.filter(Q(record__isnull=True) | Q(record__status__in=ENDED))
    return _delete(FleetOrder, list(ended.order_by("pk").values_list("pk", flat=True)[: values.prune_batch]))


def _kept_states(now: datetime, values: conf.Values) -> int:
    """States of failed runs that nobody continued: by age, and the oldest when they are too many.

    Found by the keys of states and the columns of their runs: their texts, which may be large, are not read.
    """
    kept = RunState.objects.filter(record__status__in=ENDED).order_by("pk")
    old = kept.filter(record__ended_at__lt=now - timedelta(days=values.kept_state_days))
    pks = list(old.values_list("pk", flat=True)[: values.prune_batch])
    if len(pks) < values.prune_batch:
        over = kept.exclude(pk__in=pks).values("pk").count() - values.kept_state_rows
        if over > 0:
            rest = kept.exclude(pk__in=pks).values_list("pk", flat=True)
            pks += list(rest[: min(over, values.prune_batch - len(pks))])
    return _delete(RunState, pks)


def _span(model: type[Model]) -> int:
    rows: Any = model._default_manager
    span = rows.aggregate(first=Min("pk"), last=Max("pk"))
    return 0 if span["first"] is None else span["last"] - span["first"] + 1


def _records(now: datetime, values: conf.Values) -> int:
    """Ended runs with everything that hangs on them. One whose orders or effects are still open stays."""
    batch = values.prune_batch
    ended = TaskRecord.objects.filter(status__in=ENDED)
    pks = list(
        ended.filter(ended_at__lt=now - timedelta(days=values.record_days))
        .order_by("ended_at")
        .values_list("pk", flat=True)[:batch]
    )
    if len(pks) < batch and (over := _span(TaskRecord) - values.record_rows) > 0:
        pks += list(
            ended.exclude(pk__in=pks).order_by("pk").values_list("pk", flat=True)[: min(over, batch - len(pks))]
        )
    open_orders = FleetOrder.objects.filter(record_id__in=pks, closed=False).values_list("record_id", flat=True)
    unsent = (EffectStatus.PENDING, EffectStatus.SENT)
    open_effects = Effect.objects.filter(record_id__in=pks, status__in=unsent).values_list("record_id", flat=True)
    busy = {*open_orders, *open_effects} if pks else set()
    return _delete_records([pk for pk in pks if pk not in busy])


def _delete_records(pks: list[int]) -> int:
    if not pks:
        return 0
    details: tuple[type[Model], ...] = (BlockRecord, LogLine, JournalEntry, Effect, FleetOrder, Wait, RunState)
    for model in details:
        rows: Any = model._default_manager
        while _delete(model, list(rows.filter(record_id__in=pks).values_list("pk", flat=True)[: len(pks)])):
            continue
    with transaction.atomic():
        TaskRecord.objects.filter(parent_id__in=pks).update(parent=None)
        TaskEvent.objects.filter(record_id__in=pks).update(record=None)  # events have a retention of their own
        return _delete(TaskRecord, pks)


def _counters(now: datetime, values: conf.Values) -> int:
    """Delete counters that are too old; merge those of minutes that are only interesting by the hour."""
    first = int((now - timedelta(days=values.counter_days)).timestamp()) // 60
    old = EndedCounter.objects.filter(minute__lt=first).order_by("minute")
    gone = _delete(EndedCounter, list(old.values_list("pk", flat=True)[: values.prune_batch]))
    until = int((now - MINUTES_KEPT).timestamp()) // 3600 * 60
    for _ in range(MAX_BATCHES):
        minutes = EndedCounter.objects.filter(minute__lt=until, slot__lt=HOURLY_SLOT)
        oldest = minutes.order_by("minute").values_list("minute", flat=True).first()
        if oldest is None:
            break
        gone += _merge_hour(oldest // 60 * 60)
    return gone


def _merge_hour(hour: int) -> int:
    """One row per status instead of up to 480; returns how many rows are fewer."""
    with transaction.atomic():
        rows = EndedCounter.objects.filter(minute__gte=hour, minute__lt=hour + 60)
        merged: Mapping[str, Any] = {
            each["status"]: each
            for each in rows.values("status").annotate(runs=Sum("count"), ms=Sum("duration_ms")).order_by()
        }
        gone = _delete(EndedCounter, list(rows.values_list("pk", flat=True)))
        EndedCounter.objects.bulk_create(
            EndedCounter(minute=hour, status=status, slot=HOURLY_SLOT, count=each["runs"], duration_ms=each["ms"])
            for status, each in merged.items()
        )
    return gone - len(merged)


def _processes(now: datetime, values: conf.Values) -> int:
    """Rows of processes that ended, or were never heard of again."""
    before = now - timedelta(hours=values.process_hours)
    rows = ProcessRow.objects.filter(beat_at__lt=before).order_by("beat_at")
    return _delete(ProcessRow, list(rows.values_list("pk", flat=True)[: values.prune_batch]))


def _sessions(now: datetime) -> int:
    """Sessions of people who have not come back."""
    over = Session.objects.filter(expire_date__lt=now).order_by("expire_date")
    return _delete(Session, list(over.values_list("pk", flat=True)[: conf.values().prune_batch]))
