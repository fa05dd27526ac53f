"""The ORM from asyncio: one owned thread with one connection, closed at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from scheduler import conf
from scheduler.background import Background

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: What a database that is gone raises. Everything else is a fault of ours and ends the process.
DATABASE_GONE = (DatabaseError, InterfaceError)
#: MySQL's numbers for "deadlock" and "waited too long for a lock"; how often a function is tried against them.
CONFLICTS = frozenset({(1205,), (1213,)})
CONFLICT_TRIES = 5
#: Seconds between two tries while the database is gone.
PAUSE_S = 1.0


class DatabaseThread:
    """Runs functions one after the other in a thread of its own. Use as an async context manager.

    ``values``: the tunables as last seen in that thread. An event loop must not ask ``conf`` itself, for the answer may
    take a query.
    """

    def __init__(self, name: str, background: Background | None = None) -> None:
        self.values = conf.Values()
        self._name = name
        self._pool = (background or Background()).executor(name, context="database queries")
        self._down = False

    async def __aenter__(self) -> DatabaseThread:
        """Read the tunables; without a database their defaults hold until it is there."""
        with contextlib.suppress(*DATABASE_GONE):
            await self(lambda: None)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Wait for the function that runs, close the connection, end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._pool, connections.close_all)
        self._pool.shutdown(wait=True)

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the thread.

        Raises:
            DatabaseError, InterfaceError: the database is gone or refuses; the connection was closed, try later.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: self._run(function, *args, **kwargs)
        )

    def _run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            result = _undisturbed(function, *args, **kwargs)
            self.values = conf.values()
        except DATABASE_GONE as error:
            connections.close_all()
            if not self._down:  # once per outage, not once per try
                logger.warning("%s: the database does not answer (%s); tried again every second", self._name, error)
            self._down = True
            raise
        if self._down:
            logger.warning("%s: the database answers again", self._name)
            self._down = False
        return result


def _undisturbed(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function``; again when it lost against another transaction (it was rolled back, nothing is done)."""
    for _ in range(CONFLICT_TRIES - 1):
        try:
            return function(*args, **kwargs)
        except OperationalError as error:
            if error.args[:1] not in CONFLICTS:
                raise
    return function(*args, **kwargs)


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """Wait until ``event`` is set, at most ``seconds``; whether it is set."""
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True
