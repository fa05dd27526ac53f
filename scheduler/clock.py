"""The database's clock, cheaply: this process's own clock plus the difference that was measured last.

Times that several processes compare (due times, leases, waits) come from here, so that two hosts whose clocks differ
agree. Durations are measured with ``time.monotonic`` instead. SQLite has no clock but the host's own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

#: Seconds after which the difference is measured again.
MEASURE_EVERY_S = 60.0
#: A step of the local clock larger than this (seconds, against the monotonic one) is noticed at once.
_JUMP_S = 0.5


def now() -> datetime:
    """The database's time in UTC. At most one query a minute, none on SQLite."""
    return datetime.now(UTC) + timedelta(seconds=_offset_s())


def now_ms() -> int:
    """``now()`` as epoch milliseconds."""
    return int((time.time() + _offset_s()) * 1000)


def at_ms(moment: datetime) -> int:
    """``moment`` as epoch milliseconds."""
    return int(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """The moment of ``milliseconds`` since the epoch, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _offset_s() -> float:
    """Database minus local clock, in seconds. Kept on the connection that measured it, so it dies with it."""
    if connection.vendor == "sqlite":
        return 0.0
    measured: tuple[float, float, float] | None = getattr(connection, "vwed_clock", None)
    if measured is not None:
        offset, at, difference = measured
        monotonic = time.monotonic()
        jumped = abs((time.time() - monotonic) - difference) > _JUMP_S
        # Inside a transaction that already failed no query is possible; an old measurement is good enough there.
        if (monotonic - at < MEASURE_EVERY_S and not jumped) or connection.needs_rollback:
            return offset
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        server: datetime = cursor.fetchone()[0]
        after = time.time()
    offset = server.replace(tzinfo=UTC).timestamp() - (before + after) / 2
    connection.vwed_clock = (offset, time.monotonic(), after - time.monotonic())  # type: ignore[attr-defined]
    return offset
