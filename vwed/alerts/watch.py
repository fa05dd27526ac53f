"""The watch: looks at every rule again and again, and keeps the rows of open alerts.

Several io processes may watch at once. A second alert about the same thing is impossible (``open_key`` is unique), and
each change of a row names the state that it was seen in, so that of two watchers one does it and tells of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from scheduler import clock
from vwed.alerts import outbox, rules
from vwed.alerts.facts import Facts
from vwed.alerts.hysteresis import Level, Move, Track, level, step
from vwed.alerts.readers import Readers
from vwed.alerts.readings import NAME_LIMIT, Reading
from vwed.alerts.rules import Rule
from vwed.models import Alert

#: Seconds between two looks. One alert's row is written by one watcher a look, whoever is first.
LOOK_S = 5.0
_FIRST_WINS_S = LOOK_S * 0.6
#: Looks that an alert's strip shows.
CELLS = 60
#: Alerts of one rule that are open at once; further objects are counted.
OPEN_LIMIT = 20
#: Open alerts that are read, in all.
READ_LIMIT = 2 * OPEN_LIMIT * len(rules.RULES)


class CannotRead(Exception):
    """Some rules could not be read; all others were looked at."""


@dataclass(slots=True)
class _Look:
    """One look: what was found and what it changes."""

    now: datetime
    at: float
    rules: Mapping[str, Rule]
    present: Facts
    open_rows: dict[tuple[str, str], Alert]
    fresh: list[Alert] = field(default_factory=list)
    opened: int = 0
    cleared: int = 0
    over_limit: int = 0


class Watch:
    """Looks. Remembers since when each object has been on the other side of its threshold, nothing else.

    ``readers`` reads the present; ``steady`` is a clock in seconds that never jumps.
    """

    def __init__(self, readers: Readers | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self._readers = readers or Readers()
        self._steady = steady
        self._tracks: dict[tuple[str, str], Track] = {}

    def run_once(self, now: datetime | None = None) -> Mapping[str, Any]:
        """Look once; about fifteen statements when nothing changes.

        Raises:
            CannotRead: after everything else was done.
        """
        moment = now or clock.now()
        in_force = rules.in_force()
        rows = Alert.objects.filter(cleared_at__isnull=True).order_by("id")[:READ_LIMIT]
        open_rows = {(row.rule, row.object_key): row for row in rows}
        present, readings = self._readers.read(moment, in_force)
        look = _Look(moment, self._steady(), in_force, present, open_rows)
        tracks: dict[tuple[str, str], Track] = {}
        for code, rule in in_force.items():
            found = readings.get(code)
            for key, reading in _objects(look, rule, found):
                track = self._one(look, rule, key, reading)
                if track is not None:
                    tracks[code, key] = track
        self._tracks = tracks
        self._forget_retired(look)
        _write(look)
        if self._readers.faults:
            raise CannotRead("; ".join(f"{code}: {why}" for code, why in self._readers.faults.items()))
        open_now = len(open_rows) + look.opened - look.cleared
        return {
            "rules": sum(rule.enabled for rule in in_force.values()),
            "open": open_now,
            "opened": look.opened,
            "cleared": look.cleared,
            "more": look.over_limit,
        }

    def _one(self, look: _Look, rule: Rule, key: str, reading: Reading) -> Track | None:
        """Look at one object; what to remember of it, ``None`` for nothing."""
        row = look.open_rows.get((rule.code, key))
        where = level(reading.value, rule.threshold, rule.clear_margin)
        before = self._tracks.get((rule.code, key), Track())
        # The row is the truth of whether it is open: another watcher may have opened or cleared it.
        before = before if before.is_open == (row is not None) else Track(row is not None)
        after, move = step(before, where, look.at, 0.0 if rule.event else rule.hold_s)
        if move is Move.OPEN:
            if _has_room(look, rule):
                look.opened += _open(look, rule, key, reading)
            else:
                look.over_limit += 1
                after = before
        elif row is not None:
            _observe(look, row, rule, where, reading)
            if move is Move.CLEAR:
                look.cleared += _clear(look, rule, row)
            elif row.acked_until is not None and row.acked_until <= look.now:
                _unacknowledge(look, rule, row)
        return after if after != Track() else None

    def _forget_retired(self, look: _Look) -> None:
        """Clear what nothing watches any more: rules that were switched off, or that this version does not have."""
        for (code, _key), row in look.open_rows.items():
            rule = look.rules.get(code)
            if rule is None or not rule.enabled:
                look.cleared += _clear(look, rule, row)


def open_key(code: str, key: str) -> str:
    """What no two open alerts share. The digest keeps names apart that a database takes for one (``b`` and ``B``)."""
    return f"{code}:{hashlib.sha256(key.encode()).hexdigest()[:16]}:{key}"[:240]


def _objects(look: _Look, rule: Rule, found: Mapping[str, Reading] | None) -> Iterator[tuple[str, Reading]]:
    """Every object to look at: those that were found, and those with an open alert that were not."""
    if not rule.enabled:
        return
    found = {key[:NAME_LIMIT]: reading for key, reading in found.items()} if found is not None else None
    yield from (found or {}).items()
    for (code, key), row in look.open_rows.items():
        if code != rule.code or (found is not None and key in found):
            continue
        elsewhere = rule.local and (host := key.partition(":")[0]) in look.present.hosts and host != look.present.host
        # What is gone is quiet; what cannot be read, or is read by another host, is unknown.
        gone = found is not None and not elsewhere
        yield key, Reading(rule.threshold - rule.clear_margin if gone else None, row.args)


def _has_room(look: _Look, rule: Rule) -> bool:
    mine = sum(1 for code, _ in look.open_rows if code == rule.code)
    fresh = sum(1 for row in look.fresh if row.rule == rule.code)
    return mine + fresh < OPEN_LIMIT


def _open(look: _Look, rule: Rule, key: str, reading: Reading) -> int:
    """Open one alert and queue its messages in one transaction; 0 when another watcher was faster."""
    row = Alert(
        rule=rule.code,
        object_key=key,
        open_key=open_key(rule.code, key),
        severity=rule.severity,
        opened_at=look.now,
        updated_at=look.now,
        value=reading.value,
        peak=reading.value,
        threshold=rule.threshold,
        cells=[1],
        args=dict(reading.args),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            outbox.queue([(row, outbox.OPENED, rule.receivers if rule.told else ())], look.now)
    except IntegrityError:
        return 0
    look.fresh.append(row)
    return 1


def _observe(look: _Look, row: Alert, rule: Rule, where: Level, reading: Reading) -> None:
    """Take the newest value into the row; ``_write`` stores it."""
    over = where is Level.OVER
    if over and row.cells and not row.cells[-1]:
        row.count += 1
    row.cells = [*row.cells, int(over)][-CELLS:]
    row.threshold, row.severity = rule.threshold, rule.severity
    if reading.value is not None:
        row.value = reading.value
        row.peak = max(reading.value, row.peak if row.peak is not None else reading.value)
        row.args = dict(reading.args)


def _clear(look: _Look, rule: Rule | None, row: Alert) -> int:
    """Clear one alert and queue its messages; 0 when another watcher was faster."""
    with transaction.atomic():
        done = Alert.objects.filter(pk=row.pk, cleared_at__isnull=True).update(
            cleared_at=look.now, open_key=None, updated_at=look.now, value=row.value, cells=row.cells
        )
        if not done:
            return 0
        row.cleared_at = look.now
        told = rule is not None and rule.told and not row.acked_at
        outbox.queue([(row, outbox.CLEARED, rule.receivers if told and rule else ())], look.now)
    return 1


def _unacknowledge(look: _Look, rule: Rule, row: Alert) -> None:
    """The time of an acknowledgement is over: it is told again, once."""
    with transaction.atomic():
        mine = Alert.objects.filter(pk=row.pk, cleared_at__isnull=True, acked_until=row.acked_until)
        if mine.update(acked_by="", acked_at=None, acked_until=None, ack_note=""):
            outbox.queue([(row, outbox.OPENED, rule.receivers if rule.told else ())], look.now)


def _write(look: _Look) -> None:
    """Store what was observed of the alerts that stay open, in one statement; not what another watcher just wrote."""
    rows = [
        row
        for row in look.open_rows.values()
        if row.cleared_at is None and (look.now - row.updated_at).total_seconds() >= _FIRST_WINS_S
    ]
    if not rows:
        return
    for row in rows:
        row.updated_at = look.now
    columns = ("value", "peak", "threshold", "severity", "count", "cells", "args", "updated_at")
    Alert.objects.filter(cleared_at__isnull=True).bulk_update(rows, columns, batch_size=READ_LIMIT)
