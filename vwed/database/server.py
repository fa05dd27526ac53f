"""The server as it describes itself: limits, counters, list of connections, who waits for whose locks. MySQL only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connection

#: A connection that has been in its state for longer is marked: the guide's figure.
LONG_S = 300
#: Connections that are read, those that have been in their state longest first.
LIST_LIMIT = 500
#: Characters of a statement.
SQL_LIMIT = 500
_STATUS = ("Threads_connected", "Max_used_connections", "Aborted_connects", "Aborted_clients")


@dataclass(frozen=True, slots=True)
class ServerConnection:
    """One line of the server's process list. ``seconds``: in its present state."""

    id: int
    user: str
    host: str
    database: str
    command: str
    seconds: int
    state: str
    sql: str

    @property
    def long(self) -> bool:
        """Whether it has been in its state for longer than the guide allows."""
        return self.seconds > LONG_S


@dataclass(frozen=True, slots=True)
class Server:
    """One reading. ``hidden``: connections this login may not see; ``waiting``: connection → who holds its lock."""

    version: str
    limit: int
    connected: int
    most_used: int
    aborted: int
    own: int
    database: str
    connections: tuple[ServerConnection, ...]
    hidden: int = 0
    waiting: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    locks_known: bool = True

    @property
    def long(self) -> int:
        """Connections that have been in their state for too long."""
        return sum(each.long for each in self.connections)

    @property
    def in_locks(self) -> frozenset[int]:
        """Connections that wait for a lock, and those that hold it."""
        return frozenset(self.waiting) | {holder for holders in self.waiting.values() for holder in holders}


def read_server() -> Server | None:
    """The server now; ``None`` on SQLite, which has none. Four statements."""
    if connection.vendor != "mysql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@version, @@max_connections, CONNECTION_ID(), DATABASE()")
        version, limit, own, database = cursor.fetchone()
        cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name IN %s", [_STATUS])
        status = {name: int(value) for name, value in cursor.fetchall()}
        cursor.execute(
            "SELECT ID, USER, HOST, DB, COMMAND, TIME, STATE, LEFT(INFO, %s) FROM information_schema.PROCESSLIST"
            " WHERE COMMAND <> 'Daemon' ORDER BY TIME DESC, ID LIMIT %s",
            [SQL_LIMIT, LIST_LIMIT],
        )
        listed = tuple(_connection(row) for row in cursor.fetchall())
    waiting, known = _waiting()
    connected = status.get("Threads_connected", len(listed))
    return Server(
        version=str(version),
        limit=int(limit),
        connected=connected,
        most_used=status.get("Max_used_connections", 0),
        aborted=status.get("Aborted_connects", 0) + status.get("Aborted_clients", 0),
        own=int(own),
        database=str(database or ""),
        connections=listed,
        hidden=0 if known else max(0, connected - len(listed)),
        waiting=waiting,
        locks_known=known,
    )


def _connection(row: tuple[Any, ...]) -> ServerConnection:
    number, user, host, database, command, seconds, state, sql = row
    return ServerConnection(
        id=int(number),
        user=str(user or ""),
        host=str(host or ""),
        database=str(database or ""),
        command=str(command or ""),
        seconds=max(0, int(seconds or 0)),
        state=str(state or ""),
        sql=" ".join(str(sql or "").split()),
    )


def _waiting() -> tuple[dict[int, tuple[int, ...]], bool]:
    """Connection → those that hold the lock it waits for; whether this login may know (the privilege PROCESS)."""
    waits = (
        "information_schema.INNODB_LOCK_WAITS w"
        " JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id"
        " JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id"
        if getattr(connection, "mysql_is_mariadb", False)
        else "performance_schema.data_lock_waits w"
        " JOIN information_schema.INNODB_TRX r ON r.trx_id = w.REQUESTING_ENGINE_TRANSACTION_ID"
        " JOIN information_schema.INNODB_TRX b ON b.trx_id = w.BLOCKING_ENGINE_TRANSACTION_ID"
    )
    found: dict[int, set[int]] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT r.trx_mysql_thread_id, b.trx_mysql_thread_id FROM {waits} LIMIT 200"  # noqa: S608
            )
            for waiter, holder in cursor.fetchall():
                found.setdefault(int(waiter), set()).add(int(holder))
    except DatabaseError:
        return {}, False
    return {waiter: tuple(sorted(holders)) for waiter, holders in found.items()}, True
