"""The present values of the rules, read in sets: a dozen queries for all of them together."""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Count, Min, Sum
from django.db.models.functions import Coalesce

from scheduler import selectors
from scheduler.housekeeping.rows import SILENT
from scheduler.io.main import FOLLOWING
from scheduler.models import EndedCounter, ProcessRow, TaskRecord
from scheduler.states import Status
from vwed.alerts import facts
from vwed.alerts.facts import Facts, number
from vwed.alerts.outbox import FAILED
from vwed.alerts.readings import OBJECT_LIMIT, TEXT_LIMIT, Reading, Readings, of_system
from vwed.alerts.rules import Rule
from vwed.models import AlertDelivery, Growth

logger = logging.getLogger(__name__)

#: With fewer ended runs in the last hour a rate says nothing.
RATE_NEEDS = 20
#: Requests that had to wait for a connection are counted over this time.
WAITS_WINDOW_S = 60.0
#: Failed deliveries are told for this long.
FAILED_SHOWN = timedelta(hours=1)
#: Connections beyond the size of a pool whose process does not tell how many it may open.
POOL_OVERFLOW = 20
_FAILED = (Status.FAILED, Status.UNRECOVERABLE)
_BYTES_IN_MB = 1e6
_MANY = 32


class Readers:
    """Reads all rules. Remembers only the counters of pools for one minute."""

    def __init__(self) -> None:
        self._waits: dict[str, deque[tuple[float, float]]] = {}
        self.faults: dict[str, str] = {}

    def read(self, now: datetime, rules: Mapping[str, Rule]) -> tuple[Facts, dict[str, Readings]]:
        """The readings of every rule that is enabled; a rule whose reader failed is in ``faults`` and has no value.

        Raises:
            DatabaseError, InterfaceError: the database is gone.
        """
        present = facts.read(now, rules)
        self.faults = {}
        readings: dict[str, Readings] = {}
        for code, reader in (*_READERS.items(), ("pool_waits", self._pool_waits)):
            if rules[code].enabled:
                readings[code] = self._guarded(code, reader, present)
        return present, readings

    def _guarded(self, code: str, reader: Callable[[Facts], Readings], present: Facts) -> Readings:
        try:
            found = reader(present)
        except (DatabaseError, InterfaceError):
            raise
        except Exception as error:
            # One rule that cannot be read must not blind the others; the service tells of it in its row.
            logger.exception("the rule %s could not be read", code)
            self.faults[code] = f"{type(error).__name__}: {error}"[:TEXT_LIMIT]
            return None
        return None if found is None else dict(list(found.items())[:OBJECT_LIMIT])

    def _pool_waits(self, present: Facts) -> Readings:
        """Requests of the last minute that had to wait for a connection, by web process."""
        at = present.at.timestamp()
        found: dict[str, Reading] = {}
        for row, pool in _pools(present):
            waits = number(pool, "waits")
            if waits is None:
                continue
            seen = self._waits.setdefault(row.name, deque(maxlen=_MANY))
            if seen and waits < seen[-1][1]:
                seen.clear()  # the process counts anew
            seen.append((at, waits))
            while at - seen[0][0] > WAITS_WINDOW_S:
                seen.popleft()
            found[row.name] = Reading(waits - seen[0][1], {"process": row.name})
        self._waits = {name: seen for name, seen in self._waits.items() if name in found}
        return found or None


def _pools(present: Facts) -> list[tuple[ProcessRow, Mapping[str, object]]]:
    return [(row, pool) for row in present.live if isinstance(pool := row.sample.get("pool"), Mapping)]


def _memory_growth(present: Facts) -> Readings:
    """Least growth in MB a day of whatever grows; flat ones are quiet. One query, for ``runs_growth`` another."""
    rows = Growth.objects.exclude(subject="runs").order_by("-at")[:OBJECT_LIMIT]
    return {row.subject: _growth(row, _BYTES_IN_MB) for row in rows} or None


def _runs_growth(present: Facts) -> Readings:
    """Allocated blocks that 1,000 runs leave behind at least."""
    row = Growth.objects.filter(subject="runs").first()
    return None if row is None else {"": _growth(row, 1.0)}


def _growth(row: Growth, unit: float) -> Reading:
    low = max(row.low or 0.0, 0.0) / unit
    high = (row.high if row.high is not None else row.low or 0.0) / unit
    grows = row.verdict == "grows"
    args = {
        "subject": row.subject,
        "high": round(high, 2),
        "growers": _names(row.details.get("growers")),
        "blame": _names(row.details.get("blame")),
    }
    # A growth that is proven but tiny is still one: it has to stand above a threshold of nothing.
    return Reading(max(low, 1e-6) if grows else 0.0, args)


def _names(value: object) -> str:
    """Names of a list as the leak watch keeps them: texts, or lists and mappings that begin with one."""
    found = []
    for item in value[:3] if isinstance(value, list) else [value] if value else []:
        if isinstance(item, Mapping):
            item = item.get("name") or item.get("type") or next(iter(item.values()), "")
        elif isinstance(item, list | tuple):
            item = item[0] if item else ""
        found.append(str(item)[:80])
    return ", ".join(name for name in found if name)


def _memory_total(present: Facts) -> Readings:
    """Sum of the proportional sets, or of what stands for them."""
    sizes = [
        size
        for row in present.live
        if (size := number(row.sample, "pss") or number(row.sample, "uss") or number(row.sample, "rss"))
    ]
    return of_system(sum(sizes) / _BYTES_IN_MB, processes=len(sizes)) if sizes else None


def _context_alive(present: Facts) -> Readings:
    """Contexts of ended runs that are alive, of live processes and of workers that ended a moment ago."""
    found = {}
    for row in (*present.live, *present.ended):
        leaked = number(row.sample, "leaked")
        if leaked is not None:
            found[row.name] = Reading(leaked, {"process": row.name, "types": _names(row.sample.get("leaked_by"))})
    return found or None


def _pool_in_use(present: Facts) -> Readings:
    found = {}
    for row, pool in _pools(present):
        in_use, limit = number(pool, "in_use"), pool_limit(pool)
        if in_use is not None and limit:
            found[row.name] = Reading(100 * in_use / limit, {"process": row.name, "n": int(in_use), "of": int(limit)})
    return found or None


def pool_limit(pool: Mapping[str, object]) -> float | None:
    """Connections that a pool may open: its size and what it may open beyond."""
    size = number(pool, "size")
    if size is None:
        return None
    beyond = number(pool, "max_overflow")
    return size + (POOL_OVERFLOW if beyond is None else beyond)


def _server_connections(present: Facts) -> Readings:
    """Connections of the database server against its limit; nothing on SQLite. Two statements."""
    if connection.vendor != "mysql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        connected = int(cursor.fetchone()[1])
        cursor.execute("SELECT @@max_connections")
        limit = int(cursor.fetchone()[0])
    return of_system(100 * connected / limit, n=connected, of=limit)


def _queue_age(present: Facts) -> Readings:
    return {
        age.queue: Reading((present.at - age.oldest).total_seconds(), {"queue": age.queue, "n": age.ready})
        for age in selectors.queue_ages()
        if age.oldest is not None
    }


def _failure_rate(present: Facts) -> Readings:
    """Percent of the runs that ended in the last hour, cancelled ones aside. Quiet while they are too few."""
    since = int((present.at - timedelta(hours=1)).timestamp() // 60)
    rows = EndedCounter.objects.filter(minute__gte=since).exclude(status=Status.CANCELLED)
    counts = dict(rows.values_list("status").annotate(n=Sum("count")).order_by())
    ended, failed = sum(counts.values()), sum(counts.get(status, 0) for status in _FAILED)
    return of_system(100 * failed / ended, n=failed, of=ended) if ended >= RATE_NEEDS else {}


def seat_of(row: ProcessRow) -> str:
    """The place of a process, which its successor takes: ``host/worker 2``."""
    return f"{row.host}/{row.role}" + (f" {row.seat}" if row.seat else "")


def _process_died(present: Facts) -> Readings:
    """Seats whose process died: from the death on for the hold time, and until somebody sits there again.

    A cluster that was replaced, or died as a whole, is one death and not one of each of its processes.
    """
    mains = {row.host for row in present.live if row.role == "main"}
    served = {seat_of(row) for row in present.live} | {f"{host}/cluster" for host in mains}
    whole = {row.host for row in present.died if row.role == "main" and row.cause == SILENT}
    deaths: dict[str, list[ProcessRow]] = {}
    for row in present.died:
        seat = f"{row.host}/cluster" if row.cause.startswith("replaced") else seat_of(row)
        deaths.setdefault(f"{row.host}/main" if row.cause == SILENT and row.host in whole else seat, []).append(row)
    hold_s = present.rules["process_died"].hold_s
    found = {}
    for seat, rows in deaths.items():
        row = max(rows, key=lambda row: row.ended_at or row.beat_at)
        fresh = (present.at - (row.ended_at or row.beat_at)).total_seconds() < hold_s
        # Nobody sits down where no cluster is: it was stopped, or another rule says so.
        vacant = row.host in mains and seat not in served
        args = {"process": row.name, "seat": seat, "cause": row.cause[:TEXT_LIMIT], "n": len(rows)}
        found[seat] = Reading(float(fresh or vacant), args)
    return found


def _no_cluster(present: Facts) -> Readings:
    workers = sum(1 for row in present.live if row.role == "worker" and not row.draining)
    return of_system(float(workers == 0))


def _stuck_run(present: Facts) -> Readings:
    """Seconds that a running run has been in the block that it is in."""
    return {
        row.current_record: Reading(
            (present.at - row.current_since).total_seconds(),
            {"record": row.current_record, "block": row.current_block, "process": row.name},
        )
        for row in present.live
        if row.current_record and row.current_since is not None
    }


def _overdue_run(present: Facts) -> Readings:
    """Seconds since a waiting run should have gone on: its time or its deadline has come, and nobody took it."""
    least = timedelta(seconds=present.rules["overdue_run"].threshold)
    late = TaskRecord.objects.filter(status__in=(Status.WAITING, Status.SCHEDULED), due_at__lt=present.at - least)
    rows = late.order_by("due_at").values_list("record_id", "due_at")[:OBJECT_LIMIT]
    return {
        record: Reading((present.at - due).total_seconds(), {"record": record})
        for record, due in rows
        if due is not None
    }


def _undecided_run(present: Facts) -> Readings:
    """Seconds that the oldest run has waited for a person's decision."""
    rows = TaskRecord.objects.filter(status=Status.INTERRUPTED)
    oldest = rows.aggregate(n=Count("id"), since=Min(Coalesce("ended_at", "created_at")))
    if oldest["since"] is None:
        return {}
    return of_system((present.at - oldest["since"]).total_seconds(), n=oldest["n"])


def _fleet_silent(present: Facts) -> Readings:
    row = next((row for row in present.services if row.name == FOLLOWING), None)
    if row is None:
        return None
    return of_system(float(bool(row.error)), error=row.error[:TEXT_LIMIT], n=int(row.result.get("open") or 0))


def _service_failed(present: Facts) -> Readings:
    return {
        row.name: Reading(float(bool(row.error)), {"service": row.name, "error": row.error[:TEXT_LIMIT]})
        for row in present.services
        if row.name != FOLLOWING
    }


def _disk(present: Facts) -> Readings:
    """Percent used of the volumes that VWED writes to on this host."""
    found = {}
    for path in _volumes():
        usage = shutil.disk_usage(path)
        args = {"volume": str(path), "host": present.host, "free": round(usage.free / _BYTES_IN_MB)}
        found[f"{present.host}:{path}"] = Reading(100 * usage.used / (usage.used + usage.free), args)
    return found


def _volumes() -> list[Path]:
    """Directory of the embedded database, and of what else is kept, one per volume."""
    wanted = [Path(settings.VAR_DIR)]
    if connection.vendor == "sqlite":
        wanted.insert(0, Path(str(connection.settings_dict["NAME"])).parent)
    volumes: dict[int, Path] = {}
    for path in wanted:
        if path.is_dir():
            volumes.setdefault(path.stat().st_dev, path)
    return list(volumes.values())


def _delivery_failed(present: Facts) -> Readings:
    """Messages of the last hour that did not reach their receiver."""
    since = present.at - FAILED_SHOWN
    rows = AlertDelivery.objects.filter(state=FAILED, next_at__gte=since)
    failed = list(rows.order_by("-pk").values_list("target", "error")[:100])
    target, error = failed[0] if failed else ("", "")
    return of_system(float(len(failed)), target=named(target), error=error[:TEXT_LIMIT])


def named(target: str) -> str:
    """A receiver as everybody may see it: of a webhook the host, as its path may hold a secret."""
    return (urlsplit(target).hostname or "" if "://" in target else target)[:100]


_READERS: Mapping[str, Callable[[Facts], Readings]] = {
    "no_cluster": _no_cluster,
    "fleet_silent": _fleet_silent,
    "server_connections": _server_connections,
    "disk": _disk,
    "process_died": _process_died,
    "queue_age": _queue_age,
    "failure_rate": _failure_rate,
    "stuck_run": _stuck_run,
    "overdue_run": _overdue_run,
    "undecided_run": _undecided_run,
    "memory_total": _memory_total,
    "memory_growth": _memory_growth,
    "runs_growth": _runs_growth,
    "context_alive": _context_alive,
    "pool_in_use": _pool_in_use,
    "service_failed": _service_failed,
    "delivery_failed": _delivery_failed,
}
