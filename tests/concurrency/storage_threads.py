"""Runs callables side by side, each in a thread with a database connection of its own that is closed at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")

_LIMIT_S = 60.0


def side_by_side(*calls: Callable[[], T]) -> list[T]:
    """Start all calls at the same instant; returns their results in order, or raises the first error."""
    start = threading.Barrier(len(calls))

    def one(call: Callable[[], T]) -> T:
        try:
            connection.ensure_connection()
            start.wait(_LIMIT_S)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(_LIMIT_S) for future in [pool.submit(one, call) for call in calls]]


def holders_over_time(entries: Sequence[tuple[str, str, str, str]]) -> dict[str, str]:
    """Fold journal entries (site, action, before, after) in order into who holds what at the end.

    Raises:
        AssertionError: a location was locked while somebody held it, or freed from somebody who did not hold it.
    """
    held: dict[str, str] = {}
    for site, action, before, after in entries:
        if action in ("locked", "granted"):
            assert not held.get(site), f"{site} was given to {after} while {held[site]} held it"
            held[site] = after
        elif action in ("unlocked", "forced", "released"):
            assert held.get(site, "") == before, f"{site} was freed from {before} while {held.get(site)!r} held it"
            held[site] = ""
    return held
