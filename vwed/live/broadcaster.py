"""One broadcaster per web process: reads the newest numbers once a second for all its sockets together.

It starts with the first socket and ends with the last, so live pages cost nothing when nobody looks. Broadcasting is
local: a tick sets a flag on each socket, whose own task sends the newest text. A flag cannot pile up, so a slow reader
skips ticks (latest wins), and no group membership exists that could expire under a wall display.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from django.db import DatabaseError, close_old_connections, connections

from scheduler import clock
from scheduler.background import Background
from vwed.live import frames
from vwed.live.access import Rights, read_rights
from vwed.live.topics import TOPICS

logger = logging.getLogger(__name__)
T = TypeVar("T")

TICK_S = 1.0
#: Seconds between two readings of the rights of all sockets: one tick less than what people are promised.
RIGHTS_EVERY_S = 4.0
SOCKETS_PER_PROCESS = 2000
SOCKETS_PER_USER = 20


class Socket(Protocol):
    """What the broadcaster needs of a consumer."""

    login: tuple[int, str]
    topics: Collection[str]

    def tick(self) -> None:
        """There is a new frame. Must not block."""

    def set_rights(self, rights: Rights | None) -> None:
        """These are its rights now; ``None``: it is signed out. Must not block."""


class Full(Exception):
    """No further socket is taken: the process or the user has too many."""


class Broadcaster:
    """Owns the reading task, its thread and the newest text of each topic."""

    def __init__(
        self,
        background: Background | None = None,
        *,
        tick_s: float = TICK_S,
        rights_every_s: float = RIGHTS_EVERY_S,
    ) -> None:
        self.background = background or Background()
        self._tick_s = tick_s
        self._rights_every_s = rights_every_s
        self._sockets: set[Socket] = set()
        self._task: asyncio.Task[None] | None = None
        self._texts: dict[str, str] = {}
        #: Frames of this tick by what is heard in them: sockets with the same topics share one text.
        self._frames: dict[tuple[str, ...], str] = {}
        self._seq = 0
        self._now_ms = 0

    @property
    def running(self) -> bool:
        """Whether numbers are being read."""
        return self._task is not None

    def join(self, socket: Socket) -> None:
        """Take a socket; the first one starts the reading.

        Raises:
            Full: the bound of the process or of the user is reached.
        """
        mine = sum(1 for other in self._sockets if other.login[0] == socket.login[0])
        if len(self._sockets) >= SOCKETS_PER_PROCESS or mine >= SOCKETS_PER_USER:
            raise Full
        self._sockets.add(socket)
        if self._task is None:
            self._task = self.background.task("live-broadcaster", self._run(), context="live pages")

    async def leave(self, socket: Socket) -> None:
        """Forget a socket; with the last one the reading ends and its connection is closed."""
        self._sockets.discard(socket)
        if self._sockets or self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if self._task is None:
            self._texts.clear()
            self._frames.clear()

    def frame(self, topics: Collection[str]) -> str:
        """The newest frame for these topics."""
        key = tuple(topics)
        found = self._frames.get(key)
        if found is None:
            found = self._frames[key] = frames.frame(self._seq, self._now_ms, self._texts, topics)
        return found

    async def _run(self) -> None:
        # A thread of its own: one connection for all sockets, closed with it.
        with self.background.executor("live-reader", context="live pages") as thread:
            reader = _Reader()
            try:
                await self._loop(thread, reader)
            finally:
                await asyncio.shield(_in(thread, connections.close_all))

    async def _loop(self, thread: ThreadPoolExecutor, reader: _Reader) -> None:
        rights_due = time.monotonic() + self._rights_every_s
        while True:
            started = time.monotonic()
            try:
                wanted = {topic for socket in self._sockets for topic in socket.topics}
                self._now_ms, self._texts = await _in(thread, reader.texts, wanted)
            except DatabaseError as error:
                # No new numbers: pages see the age grow and say so; the next tick tries again.
                logger.warning("live numbers could not be read: %s", error)
                self._texts = {}
            self._seq += 1
            self._frames.clear()
            for socket in list(self._sockets):
                socket.tick()
            if started >= rights_due:
                # After the tick: numbers do not wait for it.
                rights_due = started + self._rights_every_s
                await self._check_rights(thread)
            await asyncio.sleep(max(0.0, self._tick_s - (time.monotonic() - started)))

    async def _check_rights(self, thread: ThreadPoolExecutor) -> None:
        sockets = list(self._sockets)
        try:
            rights = await _in(thread, _read_rights, {socket.login for socket in sockets})
        except DatabaseError as error:
            logger.warning("rights of live pages could not be read: %s", error)
            return
        for socket in sockets:
            socket.set_rights(rights.get(socket.login))


class _Reader:
    """Reads topics in the broadcaster's thread."""

    def __init__(self) -> None:
        self._readers: dict[str, Callable[[], Mapping[str, Any]]] = {}

    def texts(self, wanted: Collection[str]) -> tuple[int, dict[str, str]]:
        close_old_connections()
        for name in wanted:
            self._readers.setdefault(name, TOPICS[name].reader())
        return clock.now_ms(), {name: frames.dumps(self._readers[name]()) for name in wanted}


def _read_rights(logins: Collection[tuple[int, str]]) -> dict[tuple[int, str], Rights]:
    close_old_connections()
    return read_rights(logins)


async def _in(thread: ThreadPoolExecutor, function: Callable[..., T], *args: Any) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, function, *args)
