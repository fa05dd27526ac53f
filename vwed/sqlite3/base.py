"""SQLite with several writing processes: whoever wants the write lock looks for it often.

SQLite's own busy handler sleeps 1, 2, 5, 10 … 100 ms between two looks, while our transactions hold the lock for one to
five: with two workers writing, most of the time nobody held it although somebody was waiting (P2: about 1.7 times as
many blocks with this). Every statement that can meet the lock waits the same way, so that none starves behind another.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.db.backends.sqlite3 import base

T = TypeVar("T")

#: Seconds until a statement gives up, when the connection's options name no time-out.
GIVE_UP_S = 20.0
#: Seconds between two looks: the first ones, then the others.
_EAGER_S, _EAGER_LOOKS, _PATIENT_S = 0.0002, 10, 0.001


class DatabaseWrapper(base.DatabaseWrapper):
    """Opens connections that wait in short steps."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect with SQLite's own waiting (the journal mode may have to be set), then switch it off."""
        patience = float(conn_params.get("timeout", GIVE_UP_S))
        connection = super().get_new_connection({**conn_params, "factory": Connection})
        connection.patience_s = patience
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor that waits in short steps."""
        return self.connection.cursor(factory=Cursor)


class Connection(sqlite3.Connection):
    """Knows how long its statements may wait."""

    patience_s = GIVE_UP_S


class Cursor(base.SQLiteCursorWrapper):
    """Django's cursor; outside of a transaction a statement (``BEGIN`` too) waits for the lock.

    Inside one there is nothing to wait for: it holds the lock from its beginning.
    """

    def execute(self, query: str, params: Any = None) -> Any:
        """Execute, waiting for the lock if need be."""
        run = super().execute
        if self.connection.in_transaction:
            return run(query, params)
        return _wait_for(lambda: run(query, params), _patience_of(self))

    def executemany(self, query: str, param_list: Any) -> Any:
        """As ``execute``. Outside of a transaction every row is one of its own, so SQLite's own waiting has to do."""
        if self.connection.in_transaction:
            return super().executemany(query, param_list)
        self.connection.execute(f"PRAGMA busy_timeout = {int(_patience_of(self) * 1000)}")
        try:
            return super().executemany(query, param_list)
        finally:
            self.connection.execute("PRAGMA busy_timeout = 0")


def _patience_of(cursor: Cursor) -> float:
    return getattr(cursor.connection, "patience_s", GIVE_UP_S)


def _wait_for(statement: Callable[[], T], patience_s: float) -> T:
    """Try until the lock is free.

    Raises:
        sqlite3.OperationalError: it was not, for ``patience_s`` seconds.
    """
    give_up: float | None = None
    looks = 0
    while True:
        try:
            found = statement()
            if looks:
                _count_wait()
            return found
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            now = time.monotonic()
            give_up = give_up or now + patience_s
            if now >= give_up:
                raise
        looks += 1
        time.sleep(_EAGER_S if looks <= _EAGER_LOOKS else _PATIENT_S)


def _count_wait() -> None:
    """A statement had to wait. Threads of a web process may lose a count now and then: it is a figure, no account."""
    from scheduler.process import current  # the scheduler's models need this backend first

    current().busy_waits += 1
