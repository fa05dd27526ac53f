"""Database connections of processes that must keep turning: a statement fails after two seconds instead of blocking.

The pusher and the cluster main are watched, or watch; one that waits half a minute for a lock or for a silent server
would look frozen, or be blind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

#: Longest wait of one statement, in seconds.
PATIENCE_S = 2


def be_impatient() -> dict[str, Any]:
    """Let this thread's next connection give up after ``PATIENCE_S``; returns the settings it had."""
    before: dict[str, Any] = connection.settings_dict
    options = dict(before["OPTIONS"])
    if connection.vendor == "sqlite":
        options["timeout"] = PATIENCE_S
    else:
        options.update(connect_timeout=PATIENCE_S, read_timeout=PATIENCE_S + 1, write_timeout=PATIENCE_S + 1)
        command = options.get("init_command") or "SET @vwed = 1"
        options["init_command"] = f"{command}, innodb_lock_wait_timeout = {PATIENCE_S}"
    connection.settings_dict = {**before, "OPTIONS": options}
    return before


@contextmanager
def brief_connection() -> Iterator[None]:
    """A connection for the time of the block only, impatient: for a process that forks and may not keep one."""
    connection.close()
    before = be_impatient()
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before
