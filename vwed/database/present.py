"""The database of one moment, as the page, the topic ``database`` and the command show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from scheduler import clock, conf
from vwed.database.file import DatabaseFile, read_file
from vwed.database.server import Server, ServerConnection, read_server
from vwed.monitoring.processes import ProcessView, read_processes
from vwed.tuning.projection import connection_sum

#: Connections that a page lists and a frame follows; more are counted.
SHOWN = 100
#: Pools in a frame.
_FRAME_POOLS = 40
#: Which connections are listed.
ALL, LONG, LOCKS = "", "long", "locks"


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool of one web process. ``longest_ms``: the longest wait since it started."""

    process: ProcessView
    in_use: int
    size: int
    overflow: int
    most_overflow: int
    waits: int
    longest_ms: int
    timeouts: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A connection of the server with the process that it belongs to, and whose locks it waits for."""

    connection: ServerConnection
    process: ProcessView | None
    waits_for: tuple[int, ...]
    own: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class Database:
    """Everything of one moment. ``projected``: connections there may be at most with the present settings."""

    at: datetime
    vendor: str
    processes: Sequence[ProcessView]
    pools: Sequence[Pool]
    server: Server | None
    file: DatabaseFile | None

    @property
    def open(self) -> int:
        """Connections of the processes: as they tell with their last beat."""
        return sum(each.connections or 0 for each in self.processes)

    @property
    def busy_waits(self) -> int:
        """Statements that had to wait for SQLite's write lock, of the living processes."""
        return sum(each.busy_waits or 0 for each in self.processes)


def read_database() -> Database:
    """The present moment: one query, and four statements more on MySQL, one on SQLite."""
    now = clock.now()
    live = [each for each in read_processes(now) if each.alive]
    return Database(
        at=now,
        vendor=connection.vendor,
        processes=live,
        pools=[_pool(each, each.pool) for each in live if each.pool],
        server=read_server(),
        file=read_file(),
    )


def _pool(process: ProcessView, told: Mapping[str, Any]) -> Pool:
    return Pool(
        process=process,
        in_use=int(told.get("in_use", 0)),
        size=int(told.get("size", 0)),
        overflow=int(told.get("overflow", 0)),
        most_overflow=int(told.get("max_overflow", conf.values().pool_overflow)),
        waits=int(told.get("waits", 0)),
        longest_ms=int(told.get("longest_ms", 0)),
        timeouts=int(told.get("timeouts", 0)),
    )


def projected() -> int:
    """Connections there may be at most with the present settings: what ``doctor`` compares with the limit."""
    from vwed.tuning import facts

    return connection_sum(conf.values(), facts.read()).total


def listed(present: Database, show: str = ALL) -> list[Listed]:
    """Connections of the server with their processes, those that have been in their state longest first."""
    server = present.server
    if server is None:
        return []
    owners: dict[int, ProcessView] = {}
    for each in present.processes:
        pooled = each.pool.get("ids", ()) if each.pool else ()
        owners |= dict.fromkeys((*each.connection_ids, *pooled), each)
    found = [
        Listed(
            connection=each,
            process=owners.get(each.id),
            waits_for=server.waiting.get(each.id, ()),
            own=each.id == server.own,
            ours=each.database == server.database,
        )
        for each in server.connections
    ]
    if show == LONG:
        return [row for row in found if row.connection.long]
    if show == LOCKS:
        return [row for row in found if row.connection.id in server.in_locks]
    return found


def frame(present: Database) -> dict[str, Any]:
    """The payload of the topic: counts, bytes, milliseconds; connections by number with state and seconds, no SQL."""
    server, file = present.server, present.file
    content: dict[str, Any] = {
        "at": clock.at_ms(present.at),
        "open": present.open,
        "busy": present.busy_waits,
        "pools": {
            str(pool.process.key): [
                pool.in_use,
                pool.size,
                pool.overflow,
                pool.most_overflow,
                pool.waits,
                pool.longest_ms,
                pool.timeouts,
            ]
            for pool in present.pools[:_FRAME_POOLS]
        },
    }
    if server is not None:
        content |= {
            "n": server.connected,
            "max": server.limit,
            "most": server.most_used,
            "aborted": server.aborted,
            "long": server.long,
            "locks": len(server.in_locks),
            "c": {str(each.id): [each.command, each.seconds] for each in server.connections[:SHOWN]},
        }
    if file is not None:
        content |= {"size": file.size, "wal": file.wal}
    return content
