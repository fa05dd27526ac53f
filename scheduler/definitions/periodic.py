"""Periodic starts: which definitions start by themselves, when next, and the service that starts them.

``TaskDefinition.next_start_at`` is the whole schedule: an index finds what is due, and whoever moves it starts the run
in the same transaction, so that several io processes start it once. Everything is UTC and whole milliseconds: summer
time does not exist here. A start that was missed happens once, late; what was missed beyond that is not caught up.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q

from scheduler import clock, conflicts
from scheduler.errors import Refused
from scheduler.models import TaskDefinition, TaskRecord
from scheduler.states import ACTIVE
from scheduler.submission import Submitted, new_record_id, submit

logger = logging.getLogger(__name__)

#: Seconds between two looks for what is due.
INTERVAL_S = 0.5
#: Definitions started by one look; the rest is due in the next.
BATCH = 100
#: Seconds between two looks for schedules that are missing or were left far in the future by a clock.
REPAIR_S = 60.0
#: Definitions put right by one repair.
REPAIRED = 500
#: A step back of the clock larger than this (seconds) is repaired at once.
JUMP_S = 1.0
ACTOR = "periodic"
#: Longest period or delay that is reckoned with: a hundred years.
LONGEST_MS = 100 * 365 * 86_400_000
_ERROR_LENGTH = 1000
#: Definitions that start by themselves.
SCHEDULED = Q(periodic=True, periodic_enabled=True, enabled=True, current__isnull=False)


class Outcome(StrEnum):
    """What became of one due start."""

    STARTED = "started"
    #: The last run is still active.
    SKIPPED = "skipped"
    REFUSED = "refused"
    #: Another process had it, or it is switched off meanwhile.
    GONE = "gone"


class PeriodicStarts:
    """The service of one io process. Knows what its clock said last; everything else is rows."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None
        self._repair_at = 0.0

    def run_once(self, now: datetime | None = None) -> Mapping[str, int]:
        """Start what is due; how many were started, skipped and refused. One query when nothing is."""
        moment = now or clock.now()
        if self._must_repair(moment):
            repair(moment)
        due = TaskDefinition.objects.filter(next_start_at__lte=moment).order_by("next_start_at")
        counts = {Outcome.STARTED: 0, Outcome.SKIPPED: 0, Outcome.REFUSED: 0}
        for pk, at in due.values_list("pk", "next_start_at")[:BATCH]:
            outcome = start_due(pk, at or moment, moment)
            if outcome in counts:
                counts[outcome] += 1
        return {str(outcome): count for outcome, count in counts.items()}

    def _must_repair(self, now: datetime) -> bool:
        """At the first look, every minute, and when the clock went back."""
        monotonic = time.monotonic()
        back = self._last is not None and (now - self._last[0]).total_seconds() < monotonic - self._last[1] - JUMP_S
        self._last = (now, monotonic)
        if not back and monotonic < self._repair_at:
            return False
        self._repair_at = monotonic + REPAIR_S
        return True


def start_due(pk: int, due: datetime, now: datetime) -> Outcome:
    """Start the run of definition ``pk`` that is due at ``due``, unless another process moved the schedule first.

    Never raises for what concerns this one definition: it is kept in ``periodic_error`` and tried again a period later.

    Raises:
        OperationalError, InterfaceError: the database is gone.
    """
    try:
        return conflicts.retried(partial(_start_due, pk, due, now))
    except (OperationalError, InterfaceError):
        raise
    except Exception as fault:
        logger.exception("the periodic start of definition %s failed", pk)
        words = f"{type(fault).__name__}: {fault}"
        return conflicts.retried(partial(_give_up, pk, due, now, words))


def _start_due(pk: int, due: datetime, now: datetime) -> Outcome:
    row = _claim(pk, due)
    if row is None:
        return Outcome.GONE
    if not (row.periodic and row.periodic_enabled):
        _write(pk, next_start_at=None)
        return Outcome.GONE
    if not _advance(row, due, now):
        return Outcome.GONE
    if active_run(row):
        _write(pk, periodic_skipped=F("periodic_skipped") + 1)
        return Outcome.SKIPPED
    try:
        begin(row, now, ACTOR, "service")
    except Refused as refusal:
        _write(pk, periodic_error=str(refusal)[:_ERROR_LENGTH])
        return Outcome.REFUSED
    return Outcome.STARTED


def _give_up(pk: int, due: datetime, now: datetime, words: str) -> Outcome:
    row = _claim(pk, due)
    if row is None or not _advance(row, due, now):
        return Outcome.GONE
    _write(pk, periodic_error=words[:_ERROR_LENGTH])
    return Outcome.REFUSED


def _advance(row: TaskDefinition, due: datetime, now: datetime) -> bool:
    """Move the schedule from ``due`` to the following start, in one statement; whether nobody had moved it before."""
    following = following_start(due, row.period_ms, now)
    return bool(TaskDefinition.objects.filter(pk=row.pk, next_start_at=due).update(next_start_at=following))


def _claim(pk: int, due: datetime) -> TaskDefinition | None:
    """The definition, locked by its key, if its schedule still is what was read."""
    row = TaskDefinition.objects.select_for_update().filter(pk=pk).first()
    return row if row is not None and row.next_start_at == due else None


def _write(pk: int, **columns: object) -> None:
    TaskDefinition.objects.filter(pk=pk).update(**columns)


def begin(row: TaskDefinition, now: datetime, actor: str, origin: str) -> Submitted:
    """Submit a periodic run and count it, in the caller's transaction.

    Raises:
        Refused: as ``submit``.
    """
    done = submit(definition=row, record_id=f"period-{new_record_id()}", periodic=True, actor=actor, origin=origin)
    _write(
        row.pk,
        last_start_at=now,
        last_periodic_record=done.record.record_id,
        periodic_starts=F("periodic_starts") + 1,
        periodic_error="",
    )
    return done


def active_run(row: TaskDefinition) -> TaskRecord | None:
    """The last periodic run of a definition, while it is active."""
    if not row.last_periodic_record:
        return None
    last = TaskRecord.objects.filter(record_id=row.last_periodic_record).only("record_id", "status").first()
    return last if last is not None and last.status in ACTIVE else None


# --- The schedule ----------------------------------------------------------------------------------------------------


def is_scheduled(row: TaskDefinition) -> bool:
    """Whether a definition starts by itself."""
    return row.periodic and row.periodic_enabled and row.enabled and row.current_id is not None


def milliseconds(value: int) -> timedelta:
    """A period or a delay; a file may hold any number."""
    return timedelta(milliseconds=min(max(value, 0), LONGEST_MS))


def following_start(due: datetime, period_ms: int, now: datetime) -> datetime:
    """The first start after ``now`` in steps of the period from ``due``."""
    period = _step(period_ms)
    if now < due:
        return due + period
    return due + period * ((now - due) // period + 1)


def _step(period_ms: int) -> timedelta:
    return max(milliseconds(period_ms), timedelta(milliseconds=1))


def plan(row: TaskDefinition, now: datetime, *, before: TaskDefinition | None = None) -> None:
    """Set ``next_start_at`` of a changed definition (not saved). ``before``: how it was; ``None`` for a new one.

    Switched on: after the delay. Changed period: the new one counts from the last start. Switched off: never.
    """
    if not is_scheduled(row):
        row.next_start_at = None
    elif before is None or not is_scheduled(before) or row.next_start_at is None:
        row.next_start_at = now + milliseconds(row.delay_ms)
    elif row.period_ms != before.period_ms and row.last_start_at is not None:
        row.next_start_at = max(now, row.last_start_at + milliseconds(row.period_ms))


def repair(now: datetime) -> int:
    """Plan definitions that should start and have no time, and those that a clock left too far ahead; how many."""
    done = 0
    missing = TaskDefinition.objects.filter(SCHEDULED, next_start_at__isnull=True)
    for pk, delay_ms in missing.values_list("pk", "delay_ms")[:REPAIRED]:
        done += conflicts.retried(partial(_move, pk, None, now + milliseconds(delay_ms)))
    ahead = TaskDefinition.objects.filter(next_start_at__gt=now).order_by("-next_start_at")
    for pk, at, period_ms, delay_ms in ahead.values_list("pk", "next_start_at", "period_ms", "delay_ms")[:REPAIRED]:
        step = _step(period_ms)
        if at is not None and at - now > max(step, milliseconds(delay_ms)):
            done += conflicts.retried(partial(_move, pk, at, at - step * ((at - now) // step)))
    return done


def _move(pk: int, was: datetime | None, to: datetime) -> int:
    if TaskDefinition.objects.select_for_update().filter(pk=pk).values_list("next_start_at", flat=True).first() != was:
        return 0
    _write(pk, next_start_at=to)
    return 1
