"""Stored values of the tunables, handed over to the scheduler as ``conf.Values``; one value changed at once."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

from django.db import DatabaseError, connection

from scheduler.conf import Values
from scheduler.errors import Refused
from vwed.tuning import changes
from vwed.tuning.parameter import Parameter, Value
from vwed.tuning.parameters import find
from vwed.tuning.stored import as_values, first_value, get, overrides, version

__all__ = ["Change", "StoreSource", "as_values", "get", "overrides", "put", "version"]

logger = logging.getLogger(__name__)

#: Seconds between two looks at the newest change, in a process whose housekeeper does not look.
LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """What ``put`` did; ``changed`` is false when the value was in force already."""

    parameter: Parameter
    before: Value
    after: Value
    changed: bool
    version: int


def put(name: str, text: str, *, reason: str, author: str, origin: str) -> Change:
    """Change one value now: a change set of one.

    Raises:
        Refused: as ``changes.commit``; nothing was changed.
    """
    try:
        row = changes.commit({name: text}, reason=reason, author=author, origin=origin)
    except Refused as refused:
        if refused.code != "nothing_changed":
            raise
        value = get(name)
        return Change(find(name), value, value, changed=False, version=version())
    parameter = find(name)
    difference = row.difference[parameter.name]
    before = difference["before"]
    was = first_value(parameter) if before is None else parameter.parse(before)
    return Change(parameter, was, parameter.parse(text), changed=True, version=int(row.version or 0))


def _on_event_loop() -> bool:
    """Whether this is an event loop's thread, where a query would stop everybody; other threads look for it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class StoreSource:
    """Source of values for ``scheduler.conf.use``: an attribute read, and one look at the newest change every 2 s.

    While the database cannot be asked, the last values stay in force. An event loop never asks: in its process a
    thread (the housekeeper) does.
    """

    def __init__(self, look_every_s: float = LOOK_EVERY_S) -> None:
        self._look_every_s = look_every_s
        self._looked_at = float("-inf")
        self._version = 0
        self._values = as_values({})

    def __call__(self) -> Values:
        """The values in force; never raises."""
        now = time.monotonic()
        if now - self._looked_at >= self._look_every_s and asyncio._get_running_loop() is None:
            self._looked_at = now
            self._look()
        return self._values

    def newest(self) -> int:
        """Look now, and the number of the newest change that the values then contain. For housekeepers."""
        self._looked_at = time.monotonic()
        self._look()
        return self._version

    @property
    def version(self) -> int:
        """Number of the newest change that these values contain."""
        return self._version

    def expect(self, newest: int) -> None:
        """Look again at the next read when ``newest`` (read elsewhere, as by the housekeeper) is unknown here."""
        if newest != self._version:
            self._looked_at = float("-inf")

    def _look(self) -> None:
        if connection.in_atomic_block and connection.needs_rollback:
            return
        try:
            newest = version()
            if newest != self._version:
                self._values = as_values(overrides())
                self._version = newest
        except DatabaseError as error:  # gone, or not migrated yet: both have their own, louder reports
            logger.debug("Settings could not be read, the last ones stay in force: %s", error)
