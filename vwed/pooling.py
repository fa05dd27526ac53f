"""The pool of a web process that tells who had to wait: SQLAlchemy's ``QueuePool`` with a tally.

The tally outlives the pool: when settings bring a new one (``vwed.tuning.web_pool``), it goes on counting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, exc
from sqlalchemy.pool import QueuePool
from sqlalchemy.util.queue import Empty, Queue

from vwed.database.exhaustion import PoolExhausted


@dataclass(slots=True)
class Tally:
    """What became of requests that found no free connection, since the process started; times in seconds.

    ``ids``: how the server lists the connections that the pool holds, in use or not.
    """

    waits: int = 0
    timeouts: int = 0
    longest_s: float = 0.0
    waiting: int = 0
    ids: set[int] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> float:
        """Somebody waits from now on."""
        with self._lock:
            self.waits += 1
            self.waiting += 1
        return time.monotonic()

    def end(self, began: float, *, in_vain: bool) -> None:
        """The wait is over."""
        waited = time.monotonic() - began
        with self._lock:
            self.waiting -= 1
            self.timeouts += in_vain
            self.longest_s = max(self.longest_s, waited)


class _CountingQueue(Queue[Any]):
    """The pool's queue of idle connections: whoever has to wait for one is counted."""

    tally: Tally

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if not block:
            return super().get(block, timeout)
        try:
            return super().get(False)
        except Empty:
            began = self.tally.begin()
        in_vain = True
        try:
            found = super().get(block, timeout)
            in_vain = False
            return found
        finally:
            self.tally.end(began, in_vain=in_vain)


class CountingPool(QueuePool):
    """A pool of ``size`` connections and ``overflow`` more for a moment, with the tally of its process."""

    _queue_class = _CountingQueue

    def __init__(self, creator: Callable[[], Any], *, tally: Tally | None = None, **options: Any) -> None:
        super().__init__(creator, **options)
        self.tally = tally if tally is not None else Tally()
        self._pool.tally = self.tally  # type: ignore[attr-defined]
        event.listen(self, "connect", self._opened)
        event.listen(self, "close", self._closed)

    @property
    def most_overflow(self) -> int:
        """Connections that may be open beyond the size."""
        return self._max_overflow

    def successor(self, options: dict[str, int]) -> CountingPool:
        """A pool to the same server with other figures (keys as in ``POOL_OPTIONS``), and the same tally."""
        return CountingPool(
            self._creator,  # type: ignore[arg-type]
            tally=self.tally,
            pool_size=options["POOL_SIZE"],
            max_overflow=options["MAX_OVERFLOW"],
            recycle=options["RECYCLE"],
            timeout=options["TIMEOUT"],
            pre_ping=self._pre_ping,
            dialect=self._dialect,
        )

    def take(self) -> Any:
        """A connection, back in the pool when it is closed.

        Raises:
            PoolExhausted: none became free within the time-out.
        """
        try:
            return self.connect()
        except exc.TimeoutError as error:
            most = self.size() + self.most_overflow
            raise PoolExhausted(f"All {most} connections of the pool were in use for {self.timeout():g} s.") from error

    def _opened(self, connection: Any, _record: Any) -> None:
        self.tally.ids.add(int(connection.thread_id()))

    def _closed(self, connection: Any, _record: Any) -> None:
        self.tally.ids.discard(int(connection.thread_id()))
