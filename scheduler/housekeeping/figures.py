"""What a process holds beside memory: tasks of its event loop, connections as the server knows them, open jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import Error
from django.db.backends.base.base import BaseDatabaseWrapper


def asyncio_tasks(loop: asyncio.AbstractEventLoop | None) -> int | None:
    """Tasks of an event loop that have not ended, asked from another thread; ``None`` without a loop.

    Also ``None`` when the loop makes and ends tasks faster than they can be counted.
    """
    if loop is None:
        return None
    try:
        return len(asyncio.all_tasks(loop))
    except RuntimeError:
        return None


def connection_ids(connections: Iterable[BaseDatabaseWrapper]) -> list[int]:
    """The numbers under which the server lists these connections; none on SQLite. Asks nobody: the driver knows."""
    found = (_server_thread(each) for each in connections)
    return [number for number in found if number is not None]


def _server_thread(each: BaseDatabaseWrapper) -> int | None:
    raw: Any = each.connection
    if raw is None or each.vendor != "mysql":
        return None
    try:
        with each.wrap_database_errors:
            return int(raw.thread_id())
    except (Error, AttributeError):  # its owner is closing it at this moment
        return None


def running(background: Mapping[str, Mapping[str, Any]]) -> int:
    """Threads and tasks that run now, of a register's report."""
    return sum(int(each["running"]) for each in background.values())
